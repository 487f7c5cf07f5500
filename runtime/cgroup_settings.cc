#include "runtime/cgroup_settings.h"

#include <algorithm>
#include <cstdint>

namespace litebox::runtime {
namespace {

class Settings {
 public:
  explicit Settings(std::string controller) : controller_(std::move(controller)) {}

  void add(const std::string& file, const std::string& text) { settings_.push_back({controller_, file, text}); }

  template <typename Number>
  void add_unless_zero(const std::string& file, const std::optional<Number>& value) {
    if (value && *value != 0) add(file, std::to_string(*value));
  }

  void append_to(std::vector<CgroupSetting>& all) const { all.insert(all.end(), settings_.begin(), settings_.end()); }

 private:
  std::string controller_;
  std::vector<CgroupSetting> settings_;
};

std::string device_number(int64_t major, int64_t minor) { return std::to_string(major) + ":" + std::to_string(minor); }

void add_throttle(Settings& settings, const std::string& file, const std::vector<oci::ThrottleDevice>& devices) {
  for (const oci::ThrottleDevice& device : devices) {
    settings.add(file, device_number(device.major, device.minor) + " " + std::to_string(device.rate));
  }
}

Settings memory_v1(const oci::MemoryResources& memory) {
  Settings settings("memory");
  settings.add_unless_zero("memory.limit_in_bytes", memory.limit);
  // Without a limit on memory, one on memory and swap together would be below it.
  const bool lifted = memory.limit == -1 && memory.swap.value_or(0) == 0;
  settings.add_unless_zero("memory.memsw.limit_in_bytes", lifted ? memory.limit : memory.swap);
  settings.add_unless_zero("memory.soft_limit_in_bytes", memory.reservation);
  settings.add_unless_zero("memory.kmem.tcp.limit_in_bytes", memory.kernel_tcp);
  if (memory.swappiness) settings.add("memory.swappiness", std::to_string(*memory.swappiness));
  if (memory.disable_oom_killer.value_or(false)) settings.add("memory.oom_control", "1");
  return settings;
}

Settings cpu_v1(const oci::CpuResources& cpu) {
  Settings settings("cpu");
  settings.add_unless_zero("cpu.shares", cpu.shares);
  settings.add_unless_zero("cpu.cfs_period_us", cpu.period);
  settings.add_unless_zero("cpu.cfs_quota_us", cpu.quota);
  settings.add_unless_zero("cpu.cfs_burst_us", cpu.burst);
  settings.add_unless_zero("cpu.rt_period_us", cpu.realtime_period);
  settings.add_unless_zero("cpu.rt_runtime_us", cpu.realtime_runtime);
  settings.add_unless_zero("cpu.idle", cpu.idle);
  return settings;
}

Settings cpuset(const oci::CpuResources& cpu) {
  Settings settings("cpuset");
  if (!cpu.cpus.empty()) settings.add("cpuset.cpus", cpu.cpus);
  if (!cpu.mems.empty()) settings.add("cpuset.mems", cpu.mems);
  return settings;
}

std::string limit_or_max(int64_t limit) { return limit < 0 ? "max" : std::to_string(limit); }

Settings pids(const oci::PidsResources& limits) {
  Settings settings("pids");
  if (limits.limit) settings.add("pids.max", limit_or_max(*limits.limit));
  return settings;
}

Settings blkio_v1(const oci::BlockIoResources& io) {
  Settings settings("blkio");
  settings.add_unless_zero("blkio.weight", io.weight);
  settings.add_unless_zero("blkio.leaf_weight", io.leaf_weight);
  for (const oci::WeightDevice& device : io.weight_devices) {
    const std::string number = device_number(device.major, device.minor) + " ";
    if (device.weight) settings.add("blkio.weight_device", number + std::to_string(*device.weight));
    if (device.leaf_weight) settings.add("blkio.leaf_weight_device", number + std::to_string(*device.leaf_weight));
  }
  add_throttle(settings, "blkio.throttle.read_bps_device", io.throttle_read_bps);
  add_throttle(settings, "blkio.throttle.write_bps_device", io.throttle_write_bps);
  add_throttle(settings, "blkio.throttle.read_iops_device", io.throttle_read_iops);
  add_throttle(settings, "blkio.throttle.write_iops_device", io.throttle_write_iops);
  return settings;
}

Settings memory_v2(const oci::MemoryResources& memory) {
  Settings settings("memory");
  const int64_t limit = memory.limit.value_or(0);
  const int64_t swap = memory.swap.value_or(0);
  if (limit != 0) settings.add("memory.max", limit_or_max(limit));
  // v2 limits swap by itself, where the configuration limits it together with memory.
  if (swap < 0 || (swap == 0 && limit < 0)) {
    settings.add("memory.swap.max", "max");
  } else if (swap != 0) {
    settings.add("memory.swap.max", std::to_string(std::max<int64_t>(swap - std::max<int64_t>(limit, 0), 0)));
  }
  if (memory.reservation.value_or(0) != 0) settings.add("memory.low", limit_or_max(*memory.reservation));
  return settings;
}

Settings cpu_v2(const oci::CpuResources& cpu) {
  Settings settings("cpu");
  // runtime-spec: shares of [2, 262144] become weights of [1, 10000].
  if (const uint64_t shares = cpu.shares.value_or(0); shares != 0) {
    const uint64_t bounded = std::clamp<uint64_t>(shares, 2, 262144);
    settings.add("cpu.weight", std::to_string(1 + (bounded - 2) * 9999 / 262142));
  }
  const int64_t quota = cpu.quota.value_or(0);
  const uint64_t period = cpu.period.value_or(0);
  if (quota != 0 || period != 0) {
    settings.add("cpu.max", (quota > 0 ? std::to_string(quota) : "max") + " " + std::to_string(period != 0 ? period : 100000));
  }
  settings.add_unless_zero("cpu.max.burst", cpu.burst);
  settings.add_unless_zero("cpu.idle", cpu.idle);
  return settings;
}

Settings io_v2(const oci::BlockIoResources& io) {
  Settings settings("io");
  // runtime-spec: weights of [10, 1000] become [1, 10000].
  const auto weight = [](uint16_t value) { return std::to_string(1 + (std::max<int>(value, 10) - 10) * 9999 / 990); };
  if (io.weight.value_or(0) != 0) settings.add("io.weight", "default " + weight(*io.weight));
  for (const oci::WeightDevice& device : io.weight_devices) {
    if (device.weight) settings.add("io.weight", device_number(device.major, device.minor) + " " + weight(*device.weight));
  }
  const auto add = [&](const std::vector<oci::ThrottleDevice>& devices, const char* key) {
    for (const oci::ThrottleDevice& device : devices) {
      const std::string rate = device.rate == 0 ? "max" : std::to_string(device.rate);
      settings.add("io.max", device_number(device.major, device.minor) + " " + key + "=" + rate);
    }
  };
  add(io.throttle_read_bps, "rbps");
  add(io.throttle_write_bps, "wbps");
  add(io.throttle_read_iops, "riops");
  add(io.throttle_write_iops, "wiops");
  return settings;
}

void append_hugetlb(std::vector<CgroupSetting>& all, const oci::Resources& resources, const char* suffix) {
  for (const oci::HugepageLimit& limit : resources.hugepage_limits) {
    all.push_back({"hugetlb", "hugetlb." + limit.page_size + suffix, std::to_string(limit.limit)});
  }
}

void append_rdma(std::vector<CgroupSetting>& all, const oci::Resources& resources) {
  for (const auto& [device, limit] : resources.rdma) {
    std::string text = device;
    if (limit.hca_handles) text += " hca_handle=" + std::to_string(*limit.hca_handles);
    if (limit.hca_objects) text += " hca_object=" + std::to_string(*limit.hca_objects);
    all.push_back({"rdma", "rdma.max", text});
  }
}

void append_device_rule(std::vector<CgroupSetting>& all, const oci::DeviceRule& rule) {
  const std::string file = rule.allow ? "devices.allow" : "devices.deny";
  const auto number = [](const std::optional<int64_t>& value) { return value ? std::to_string(*value) : std::string("*"); };
  const std::string access = rule.access.empty() ? "rwm" : rule.access;
  const std::string rest = " " + number(rule.major) + ":" + number(rule.minor) + " " + access;
  const bool everything = !rule.major && !rule.minor && access.find_first_of('r') != std::string::npos &&
                          access.find_first_of('w') != std::string::npos && access.find_first_of('m') != std::string::npos;
  // The kernel takes "a" as all devices and all access, whatever follows it.
  std::string types(1, rule.type);
  if (rule.type == 'a' && !everything) types = "cb";
  for (const char type : types) all.push_back({"devices", file, std::string(1, type) + rest});
}

}  // namespace

std::vector<CgroupSetting> cgroup_v1_settings(const oci::Resources& resources) {
  std::vector<CgroupSetting> all;
  if (resources.memory) memory_v1(*resources.memory).append_to(all);
  if (resources.cpu) {
    cpu_v1(*resources.cpu).append_to(all);
    cpuset(*resources.cpu).append_to(all);
  }
  if (resources.pids) pids(*resources.pids).append_to(all);
  if (resources.block_io) blkio_v1(*resources.block_io).append_to(all);
  append_hugetlb(all, resources, ".limit_in_bytes");
  if (resources.network) {
    if (resources.network->class_id.value_or(0) != 0) {
      all.push_back({"net_cls", "net_cls.classid", std::to_string(*resources.network->class_id)});
    }
    for (const oci::InterfacePriority& entry : resources.network->priorities) {
      all.push_back({"net_prio", "net_prio.ifpriomap", entry.name + " " + std::to_string(entry.priority)});
    }
  }
  append_rdma(all, resources);
  return all;
}

Result<std::vector<CgroupSetting>> cgroup_v2_settings(const oci::Resources& resources) {
  std::vector<CgroupSetting> all;
  if (resources.memory) memory_v2(*resources.memory).append_to(all);
  if (resources.cpu) {
    cpu_v2(*resources.cpu).append_to(all);
    cpuset(*resources.cpu).append_to(all);
  }
  if (resources.pids) pids(*resources.pids).append_to(all);
  if (resources.block_io) io_v2(*resources.block_io).append_to(all);
  append_hugetlb(all, resources, ".max");
  append_rdma(all, resources);
  for (const auto& [file, text] : resources.unified) {
    const size_t dot = file.find('.');
    if (dot == 0 || dot == std::string::npos || file.find('/') != std::string::npos) {
      return Error(EINVAL, "linux.resources.unified: \"" + file + "\" is no control file");
    }
    all.push_back({file.substr(0, dot), file, text});
  }
  return all;
}

std::vector<CgroupSetting> device_settings(const std::vector<oci::DeviceRule>& rules) {
  std::vector<CgroupSetting> all;
  if (rules.empty()) return all;
  for (const oci::DeviceRule& rule : rules) {
    append_device_rule(all, rule);
  }
  // What config-linux.md "Default Devices" promises, terminals, and making nodes that cannot then be opened.
  for (const char* text : {"c *:* m", "b *:* m", "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm", "c 5:0 rwm",
                           "c 5:2 rwm", "c 136:* rwm"}) {
    all.push_back({"devices", "devices.allow", text});
  }
  return all;
}

}  // namespace litebox::runtime
