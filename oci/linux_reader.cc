#include "oci/linux_reader.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "oci/json_document.h"
#include "oci/resources_reader.h"
#include "oci/seccomp_reader.h"

namespace litebox::oci {
namespace {

constexpr uint32_t kLargestId = UINT32_MAX - 1;

constexpr std::pair<std::string_view, NamespaceType> kNamespaceTypes[] = {
    {"pid", NamespaceType::pid},       {"network", NamespaceType::network}, {"mount", NamespaceType::mount},
    {"ipc", NamespaceType::ipc},       {"uts", NamespaceType::uts},         {"user", NamespaceType::user},
    {"cgroup", NamespaceType::cgroup}, {"time", NamespaceType::time}};

constexpr std::pair<std::string_view, DeviceType> kDeviceTypes[] = {
    {"c", DeviceType::character}, {"u", DeviceType::character}, {"b", DeviceType::block}, {"p", DeviceType::fifo}};

// The r- forms are not the specification's but runc's, and podman writes them.
constexpr std::string_view kPropagations[] = {"shared",  "rshared",  "slave",      "rslave",
                                              "private", "rprivate", "unbindable", "runbindable"};

constexpr std::string_view kMemoryPolicyModes[] = {
    "MPOL_DEFAULT",   "MPOL_BIND",           "MPOL_INTERLEAVE", "MPOL_WEIGHTED_INTERLEAVE",
    "MPOL_PREFERRED", "MPOL_PREFERRED_MANY", "MPOL_LOCAL"};
constexpr std::string_view kMemoryPolicyFlags[] = {"MPOL_F_NUMA_BALANCING", "MPOL_F_RELATIVE_NODES", "MPOL_F_STATIC_NODES"};

template <size_t N>
void check_known(const Value& value, const std::string_view (&known)[N], std::string_view what) {
  const auto name = value.optional_text();
  if (name && std::find(std::begin(known), std::end(known), *name) == std::end(known)) complain_unknown(value, what, *name);
}

std::vector<Namespace> read_namespaces(const Value& value) {
  std::vector<Namespace> namespaces;
  std::set<std::string> seen;
  for (const Value& item : value.items()) {
    Namespace result;
    const Value type = item["type"];
    result.type = one_of(type.required(), kNamespaceTypes, "namespace type");
    if (!seen.insert(type.text()).second) type.complain(quoted(type.text()) + " is given twice");
    if (!item["path"].text().empty()) result.path = absolute_path(item["path"]);
    namespaces.push_back(std::move(result));
  }
  return namespaces;
}

std::map<std::string, TimeOffset> read_time_offsets(const Value& value) {
  std::map<std::string, TimeOffset> offsets;
  for (const auto& [clock, member] : value.members()) {
    if (clock != "monotonic" && clock != "boottime") member.complain("the clock must be monotonic or boottime");
    offsets.emplace(clock, TimeOffset{member["secs"].integer<int64_t>(), member["nanosecs"].integer<uint32_t>(0, 999999999)});
  }
  return offsets;
}

std::vector<Device> read_devices(const Value& value) {
  std::vector<Device> devices;
  std::map<std::string, size_t> by_path;
  for (const Value& item : value.items()) {
    Device device;
    const Value type = item["type"];
    device.type = one_of(type.required(), kDeviceTypes, "device type");
    const Value path = item["path"];
    device.path = inner_path(path.required());
    if (!device.path.empty() && device.path.back() == '/') path.complain("must not end with \"/\"");
    const bool numbered = device.type != DeviceType::fifo;
    device.major = (numbered ? item["major"].required() : item["major"]).integer<int64_t>(0, kLargestMajor);
    device.minor = (numbered ? item["minor"].required() : item["minor"]).integer<int64_t>(0, kLargestMinor);
    // Some callers write the whole st_mode, type bits included.
    constexpr uint32_t kPermissions = 07777;
    if (const auto mode = item["fileMode"].optional_integer<uint32_t>(0, UINT16_MAX)) device.file_mode = *mode & kPermissions;
    device.uid = item["uid"].optional_integer<uint32_t>(0, kLargestId);
    device.gid = item["gid"].optional_integer<uint32_t>(0, kLargestId);
    const auto [other, is_new] = by_path.emplace(device.path, devices.size());
    if (!is_new) {
      const Device& first = devices[other->second];
      if (first.type != device.type || first.major != device.major || first.minor != device.minor) {
        path.complain(quoted(device.path) + " is given twice, for different devices");
      }
    }
    devices.push_back(std::move(device));
  }
  return devices;
}

std::map<std::string, NetDevice> read_net_devices(const Value& value) {
  std::map<std::string, NetDevice> devices;
  std::set<std::string> inside;
  for (const auto& [host_name, member] : value.members()) {
    if (!is_interface_name(host_name)) member.complain("the name is no network interface's");
    const Value name = member["name"];
    NetDevice device{name.text()};
    if (!device.name.empty() && !is_interface_name(device.name)) name.complain("is no name of a network interface");
    if (!inside.insert(device.name.empty() ? host_name : device.name).second) name.complain("is given to two devices");
    devices.emplace(host_name, std::move(device));
  }
  return devices;
}

// The path below /proc/sys of a sysctl's name; empty for what is none. As in sysctl(8), the first separator decides: after a
// "/" a "." is part of a name, after a "." a "/" stands for one ("net.ipv4.conf.eth0/1.forwarding").
std::string sysctl_path(const std::string& name) {
  std::string path = name;
  if (const size_t first = name.find_first_of("./"); first != std::string::npos && name[first] == '.') {
    for (char& c : path) c = c == '.' ? '/' : c == '/' ? '.' : c;
  }
  for (size_t start = 0; start <= path.size();) {
    const size_t end = std::min(path.find('/', start), path.size());
    const std::string_view part = std::string_view(path).substr(start, end - start);
    if (part.empty() || part == "." || part == "..") return {};
    start = end + 1;
  }
  return path;
}

std::map<std::string, std::string> read_sysctl(const Value& value) {
  std::map<std::string, std::string> result;
  for (const auto& [name, member] : value.members()) {
    const std::string path = sysctl_path(name);
    if (path.empty()) member.complain("the name must be a sysctl's, as in \"net.ipv4.ip_forward\"");
    if (!result.emplace(path, member.text()).second) member.complain("given twice");
  }
  return result;
}

std::optional<IntelRdt> read_intel_rdt(const Value& value) {
  if (!value.present()) return std::nullopt;
  IntelRdt rdt;
  rdt.clos_id = value["closID"].text();
  if (rdt.clos_id == "." || rdt.clos_id == ".." || (rdt.clos_id != "/" && rdt.clos_id.find('/') != std::string::npos)) {
    value["closID"].complain("must be a file name, or \"/\"");
  }
  const auto line = [](const Value& text) {
    std::string result = text.text();
    if (result.find('\n') != std::string::npos) text.complain("must not contain a newline");
    return result;
  };
  for (const Value& schema : value["schemata"].items()) rdt.schemata.push_back(line(schema));
  rdt.l3_cache_schema = line(value["l3CacheSchema"]);
  rdt.mem_bw_schema = line(value["memBwSchema"]);
  if (!rdt.mem_bw_schema.empty() && rdt.mem_bw_schema.rfind("MB:", 0) != 0) {
    value["memBwSchema"].complain("must start with \"MB:\"");
  }
  rdt.enable_cmt = value["enableCMT"].boolean();
  rdt.enable_mbm = value["enableMBM"].boolean();
  rdt.enable_monitoring = value["enableMonitoring"].boolean();
  return rdt;
}

std::optional<Personality> read_personality(const Value& value) {
  if (!value.present()) return std::nullopt;
  Personality personality;
  const Value domain = value["domain"];
  personality.domain = domain.required().text();
  if (personality.domain != "LINUX" && personality.domain != "LINUX32") {
    complain_unknown(domain, "execution domain", personality.domain);
  }
  personality.flags = value["flags"].texts();
  if (!personality.flags.empty()) value["flags"].complain("no flag is defined");
  return personality;
}

std::optional<MemoryPolicy> read_memory_policy(const Value& value) {
  if (!value.present()) return std::nullopt;
  MemoryPolicy policy;
  const Value mode = value["mode"];
  policy.mode = mode.required().text();
  check_known(mode, kMemoryPolicyModes, "memory policy");
  policy.nodes = number_list(value["nodes"]);
  for (const Value& flag : value["flags"].items()) {
    policy.flags.push_back(flag.text());
    check_known(flag, kMemoryPolicyFlags, "memory policy flag");
  }
  return policy;
}

std::string read_cgroups_path(const Value& value) {
  std::string path = value.text();
  if (("/" + path + "/").find("/../") != std::string::npos) value.complain("must not contain \"..\"");
  if (path.find('\n') != std::string::npos) value.complain("must not contain a newline");
  return path;
}

std::vector<std::string> read_inner_paths(const Value& value) {
  std::vector<std::string> paths;
  for (const Value& item : value.items()) paths.push_back(inner_path(item));
  return paths;
}

}  // namespace

// The rules are those of the kernel's map_write(): at most 340 lines, no empty one, no wrap, no overlap on either side.
std::vector<IdMapping> read_id_mappings(const Value& value) {
  constexpr size_t kMostMappings = 340;
  std::vector<IdMapping> mappings;
  const std::vector<Value> items = value.items();
  if (items.size() > kMostMappings) {
    value.complain("more than 340 mappings");
    return mappings;
  }
  const auto overlap = [](uint64_t a, uint64_t b, const IdMapping& x, const IdMapping& y) {
    return a < b + y.size && b < a + x.size;
  };
  for (const Value& item : items) {
    IdMapping mapping;
    mapping.container_id = item["containerID"].required().integer<uint32_t>(0, kLargestId);
    mapping.host_id = item["hostID"].required().integer<uint32_t>(0, kLargestId);
    mapping.size = item["size"].required().integer<uint32_t>(1);
    if (uint64_t{std::max(mapping.container_id, mapping.host_id)} + mapping.size > UINT32_MAX) {
      item["size"].complain("reaches beyond the largest id");
    }
    for (const IdMapping& other : mappings) {
      if (overlap(mapping.container_id, other.container_id, mapping, other) ||
          overlap(mapping.host_id, other.host_id, mapping, other)) {
        item.complain("overlaps an earlier mapping");
      }
    }
    mappings.push_back(mapping);
  }
  return mappings;
}

Linux read_linux(const Value& value) {
  Linux result;
  result.namespaces = read_namespaces(value["namespaces"]);
  result.uid_mappings = read_id_mappings(value["uidMappings"]);
  result.gid_mappings = read_id_mappings(value["gidMappings"]);
  result.time_offsets = read_time_offsets(value["timeOffsets"]);
  result.devices = read_devices(value["devices"]);
  result.net_devices = read_net_devices(value["netDevices"]);
  result.cgroups_path = read_cgroups_path(value["cgroupsPath"]);
  if (const Value resources = value["resources"]; resources.present()) result.resources = read_resources(resources);
  result.sysctl = read_sysctl(value["sysctl"]);
  if (const Value seccomp = value["seccomp"]; seccomp.present()) result.seccomp = read_seccomp(seccomp);
  const Value propagation = value["rootfsPropagation"];
  result.rootfs_propagation = propagation.text();
  if (!result.rootfs_propagation.empty()) check_known(propagation, kPropagations, "propagation");
  result.masked_paths = read_inner_paths(value["maskedPaths"]);
  result.readonly_paths = read_inner_paths(value["readonlyPaths"]);
  result.mount_label = value["mountLabel"].text();
  result.intel_rdt = read_intel_rdt(value["intelRdt"]);
  result.personality = read_personality(value["personality"]);
  result.memory_policy = read_memory_policy(value["memoryPolicy"]);

  // What only a namespace of the right type gives a meaning.
  if (!result.find_namespace(NamespaceType::user)) {
    if (!result.uid_mappings.empty()) value["uidMappings"].complain("needs a user namespace");
    if (!result.gid_mappings.empty()) value["gidMappings"].complain("needs a user namespace");
  }
  if (!result.find_namespace(NamespaceType::time) && !result.time_offsets.empty()) {
    value["timeOffsets"].complain("needs a time namespace");
  }
  if (!result.find_namespace(NamespaceType::network) && !result.net_devices.empty()) {
    value["netDevices"].complain("needs a network namespace");
  }
  return result;
}

}  // namespace litebox::oci
