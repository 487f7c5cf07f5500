// The Linux part of config.json ("linux").
//
// Source: runtime-spec 1.3, config-linux.md.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "oci/resources.h"
#include "oci/seccomp.h"

namespace litebox::oci {

enum class NamespaceType { pid, network, mount, ipc, uts, user, cgroup, time };

struct Namespace {
  NamespaceType type = NamespaceType::pid;
  std::string path;  // absolute; empty: a new one
};

struct IdMapping {
  uint32_t container_id = 0;
  uint32_t host_id = 0;
  uint32_t size = 0;  // never 0; neither range passes 2^32
};

enum class DeviceType { character, block, fifo };  // "c" and "u", "b", "p"

struct Device {
  DeviceType type = DeviceType::character;
  std::string path;   // absolute, inside the container
  int64_t major = 0;  // 0 for a fifo
  int64_t minor = 0;
  std::optional<mode_t> file_mode;  // permission bits; absent: 0666
  std::optional<uid_t> uid;         // absent: 0
  std::optional<gid_t> gid;
};

struct IntelRdt {
  std::string clos_id;
  std::vector<std::string> schemata;
  std::string l3_cache_schema;
  std::string mem_bw_schema;
  bool enable_cmt = false;
  bool enable_mbm = false;
  bool enable_monitoring = false;
};

struct Personality {
  std::string domain;  // "LINUX" or "LINUX32"
  std::vector<std::string> flags;
};

// Of a time namespace: seconds and nanoseconds added to the clock.
struct TimeOffset {
  int64_t seconds = 0;
  uint32_t nanoseconds = 0;  // below 10^9
};

// A host network device to move into the container.
struct NetDevice {
  std::string name;  // inside; empty: unchanged
};

// set_mempolicy(2).
struct MemoryPolicy {
  std::string mode;   // "MPOL_BIND", ...
  std::string nodes;  // "0-3,7"
  std::vector<std::string> flags;
};

struct Linux {
  std::vector<Namespace> namespaces;  // no type twice; a missing type means the runtime's own namespace
  std::vector<IdMapping> uid_mappings;
  std::vector<IdMapping> gid_mappings;
  std::map<std::string, TimeOffset> time_offsets;  // "boottime", "monotonic"
  std::vector<Device> devices;
  std::map<std::string, NetDevice> net_devices;  // by the host's name
  std::string cgroups_path;                      // as written; empty: unset
  std::optional<Resources> resources;
  std::map<std::string, std::string> sysctl;  // by path below /proc/sys: "net/ipv4/ip_forward", whichever way it was written
  std::optional<Seccomp> seccomp;
  std::string rootfs_propagation;  // "shared", ...; empty: unset
  std::vector<std::string> masked_paths;
  std::vector<std::string> readonly_paths;
  std::string mount_label;  // SELinux
  std::optional<IntelRdt> intel_rdt;
  std::optional<Personality> personality;
  std::optional<MemoryPolicy> memory_policy;

  // The namespace of this type, or null when config.json lists none.
  const Namespace* find_namespace(NamespaceType type) const {
    for (const Namespace& candidate : namespaces) {
      if (candidate.type == type) return &candidate;
    }
    return nullptr;
  }
};

}  // namespace litebox::oci
