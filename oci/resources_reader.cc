#include "oci/resources_reader.h"

#include <net/if.h>

#include <algorithm>
#include <cctype>
#include <set>

#include "oci/json_document.h"

namespace litebox::oci {
namespace {

constexpr int64_t kUnlimited = -1;

std::vector<DeviceRule> read_device_rules(const Value& value) {
  std::vector<DeviceRule> rules;
  for (const Value& item : value.items()) {
    DeviceRule rule;
    rule.allow = item["allow"].required().boolean();
    const Value type = item["type"];
    const std::string text = type.text();
    if (!text.empty() && text != "a" && text != "b" && text != "c") complain_unknown(type, "device type", text);
    if (!text.empty()) rule.type = text.front();
    // Docker writes the wildcard of its --device-cgroup-rule as -1.
    const auto number = [&](std::string_view name, int64_t largest) {
      auto result = item[name].optional_integer<int64_t>(-1, largest);
      return result == -1 ? std::nullopt : result;
    };
    rule.major = number("major", kLargestMajor);
    rule.minor = number("minor", kLargestMinor);
    rule.access = item["access"].text();
    if (rule.access.find_first_not_of("rwm") != std::string::npos) item["access"].complain("must be made of r, w and m");
    rules.push_back(std::move(rule));
  }
  return rules;
}

std::optional<MemoryResources> read_memory(const Value& value) {
  if (!value.present()) return std::nullopt;
  MemoryResources memory;
  memory.limit = value["limit"].optional_integer<int64_t>(kUnlimited);
  memory.reservation = value["reservation"].optional_integer<int64_t>(kUnlimited);
  memory.swap = value["swap"].optional_integer<int64_t>(kUnlimited);
  memory.kernel = value["kernel"].optional_integer<int64_t>(kUnlimited);
  memory.kernel_tcp = value["kernelTCP"].optional_integer<int64_t>(kUnlimited);
  memory.swappiness = value["swappiness"].optional_integer<uint64_t>(0, 100);
  memory.disable_oom_killer = value["disableOOMKiller"].optional_boolean();
  memory.use_hierarchy = value["useHierarchy"].optional_boolean();
  memory.check_before_update = value["checkBeforeUpdate"].optional_boolean();
  const int64_t limit = memory.limit.value_or(0);
  const int64_t swap = memory.swap.value_or(0);
  if (swap > 0 && limit > swap) value["swap"].complain("below the memory limit, which it includes");
  return memory;
}

std::optional<CpuResources> read_cpu(const Value& value) {
  if (!value.present()) return std::nullopt;
  CpuResources cpu;
  cpu.shares = value["shares"].optional_integer<uint64_t>();
  cpu.quota = value["quota"].optional_integer<int64_t>(kUnlimited);
  cpu.burst = value["burst"].optional_integer<uint64_t>();
  cpu.period = value["period"].optional_integer<uint64_t>();
  cpu.realtime_runtime = value["realtimeRuntime"].optional_integer<int64_t>(kUnlimited);
  cpu.realtime_period = value["realtimePeriod"].optional_integer<uint64_t>();
  cpu.cpus = number_list(value["cpus"]);
  cpu.mems = number_list(value["mems"]);
  cpu.idle = value["idle"].optional_integer<int64_t>(0, 1);
  const int64_t quota = cpu.quota.value_or(0);
  if (quota > 0 && cpu.burst.value_or(0) > static_cast<uint64_t>(quota)) value["burst"].complain("above the quota");
  // The bounds of tg_set_cfs_bandwidth() in the kernel, in microseconds; 0 is what callers write for "unset".
  constexpr uint64_t kShortestPeriod = 1000;
  constexpr uint64_t kLongestPeriod = 1000000;
  if (const uint64_t period = cpu.period.value_or(0); period != 0 && (period < kShortestPeriod || period > kLongestPeriod)) {
    value["period"].complain("must be from 1000 to 1000000 microseconds");
  }
  if (quota > 0 && quota < static_cast<int64_t>(kShortestPeriod)) {
    value["quota"].complain("must be at least 1000 microseconds");
  }
  return cpu;
}

// 0 is what callers write for "unset".
std::optional<uint16_t> read_weight(const Value& value) {
  const auto weight = value.optional_integer<uint16_t>();
  if (weight && *weight != 0 && (*weight < 10 || *weight > 1000)) value.complain("must be from 10 to 1000");
  return weight;
}

std::vector<WeightDevice> read_weight_devices(const Value& value) {
  std::vector<WeightDevice> devices;
  for (const Value& item : value.items()) {
    WeightDevice device;
    device.major = item["major"].required().integer<int64_t>(0, kLargestMajor);
    device.minor = item["minor"].required().integer<int64_t>(0, kLargestMinor);
    device.weight = read_weight(item["weight"]);
    device.leaf_weight = read_weight(item["leafWeight"]);
    if (!device.weight && !device.leaf_weight) item.complain("has neither weight nor leafWeight");
    devices.push_back(device);
  }
  return devices;
}

std::vector<ThrottleDevice> read_throttle_devices(const Value& value) {
  std::vector<ThrottleDevice> devices;
  for (const Value& item : value.items()) {
    ThrottleDevice device;
    device.major = item["major"].required().integer<int64_t>(0, kLargestMajor);
    device.minor = item["minor"].required().integer<int64_t>(0, kLargestMinor);
    device.rate = item["rate"].required().integer<uint64_t>();
    devices.push_back(device);
  }
  return devices;
}

std::optional<BlockIoResources> read_block_io(const Value& value) {
  if (!value.present()) return std::nullopt;
  BlockIoResources block_io;
  block_io.weight = read_weight(value["weight"]);
  block_io.leaf_weight = read_weight(value["leafWeight"]);
  block_io.weight_devices = read_weight_devices(value["weightDevice"]);
  block_io.throttle_read_bps = read_throttle_devices(value["throttleReadBpsDevice"]);
  block_io.throttle_write_bps = read_throttle_devices(value["throttleWriteBpsDevice"]);
  block_io.throttle_read_iops = read_throttle_devices(value["throttleReadIOPSDevice"]);
  block_io.throttle_write_iops = read_throttle_devices(value["throttleWriteIOPSDevice"]);
  return block_io;
}

bool is_page_size(std::string_view text) {
  if (text.size() < 3 || text.size() > 8 || text.front() == '0' || text.back() != 'B') return false;
  const char unit = text[text.size() - 2];
  if (unit != 'K' && unit != 'M' && unit != 'G') return false;
  const auto digits = text.substr(0, text.size() - 2);
  return std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::vector<HugepageLimit> read_hugepage_limits(const Value& value) {
  std::vector<HugepageLimit> limits;
  std::set<std::string> seen;
  for (const Value& item : value.items()) {
    HugepageLimit limit;
    const Value size = item["pageSize"];
    limit.page_size = size.required().text();
    if (!is_page_size(limit.page_size)) size.complain("must be a size as in \"64KB\", \"2MB\" or \"1GB\"");
    if (!seen.insert(limit.page_size).second) size.complain(quoted(limit.page_size) + " is given twice");
    limit.limit = item["limit"].required().integer<uint64_t>();
    limits.push_back(std::move(limit));
  }
  return limits;
}

std::optional<NetworkResources> read_network(const Value& value) {
  if (!value.present()) return std::nullopt;
  NetworkResources network;
  network.class_id = value["classID"].optional_integer<uint32_t>();
  std::set<std::string> seen;
  for (const Value& item : value["priorities"].items()) {
    const Value name = item["name"];
    InterfacePriority priority{name.required().text(), item["priority"].required().integer<uint32_t>()};
    if (!is_interface_name(priority.name)) name.complain("is no name of a network interface");
    if (!seen.insert(priority.name).second) name.complain(quoted(priority.name) + " is given twice");
    network.priorities.push_back(std::move(priority));
  }
  return network;
}

std::map<std::string, RdmaLimit> read_rdma(const Value& value) {
  std::map<std::string, RdmaLimit> limits;
  for (const auto& [name, member] : value.members()) {
    RdmaLimit limit{member["hcaHandles"].optional_integer<uint32_t>(), member["hcaObjects"].optional_integer<uint32_t>()};
    if (!limit.hca_handles && !limit.hca_objects) member.complain("has neither hcaHandles nor hcaObjects");
    if (name.find_first_of("/ \n") != std::string::npos) member.complain("the name must be a device's");
    limits.emplace(name, limit);
  }
  return limits;
}

std::map<std::string, std::string> read_unified(const Value& value) {
  std::map<std::string, std::string> files;
  for (const auto& [name, member] : value.members()) {
    // A file name that belongs to a controller, as "memory.high": one path component with a name before its dot.
    if (name.find('/') != std::string::npos || name.front() == '.' || name.find('.') == std::string::npos) {
      member.complain("the name must be of the form CONTROLLER.PARAMETER");
    }
    files.emplace(name, member.text());
  }
  return files;
}

}  // namespace

bool is_interface_name(std::string_view name) {
  return !name.empty() && name.size() < IFNAMSIZ && name != "." && name != ".." &&
         std::none_of(name.begin(), name.end(),
                      [](char c) { return c == '/' || c == ':' || std::isspace(static_cast<unsigned char>(c)) != 0; });
}

Resources read_resources(const Value& value) {
  Resources resources;
  resources.devices = read_device_rules(value["devices"]);
  resources.memory = read_memory(value["memory"]);
  resources.cpu = read_cpu(value["cpu"]);
  if (const Value pids = value["pids"]; pids.present()) {
    resources.pids = PidsResources{pids["limit"].optional_integer<int64_t>(kUnlimited)};
  }
  resources.block_io = read_block_io(value["blockIO"]);
  resources.hugepage_limits = read_hugepage_limits(value["hugepageLimits"]);
  resources.network = read_network(value["network"]);
  resources.rdma = read_rdma(value["rdma"]);
  resources.unified = read_unified(value["unified"]);
  return resources;
}

}  // namespace litebox::oci
