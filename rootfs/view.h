// What /proc, /sys and /dev/pts ask about the container: implemented by shim/kernel, faked in unit tests.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/ids.h"
#include "base/result.h"
#include "rootfs/node.h"

namespace litebox::rootfs {

class Tree;

// Virtual ids of one process for /proc/<pid>/status: all four of credentials(7), and the five capability sets.
struct ProcessIds {
  uid_t uid[4] = {};  // real, effective, saved, file system
  gid_t gid[4] = {};
  std::vector<gid_t> groups;
  uint64_t inheritable = 0, permitted = 0, effective = 0, bounding = 0, ambient = 0;
  bool no_new_privileges = false;
};

class ContainerView {
 public:
  virtual ~ContainerView() = default;

  // Every member thread group, by host id. The keeper, the monitor and outsiders are never among them.
  virtual std::vector<HostPid> members() const = 0;
  virtual bool is_member(HostPid process_or_thread) const = 0;
  // Host to container id (init is 1, a helper or an outsider 0), and back (1 is init).
  virtual VirtualPid to_virtual(HostPid pid) const = 0;
  virtual HostPid to_host(VirtualPid pid) const = 0;

  virtual Result<ProcessIds> ids(HostPid process) const = 0;
  virtual Result<Location> working_directory(HostPid process) const = 0;
  virtual Result<Location> root_directory(HostPid process) const = 0;
  virtual Result<Location> executable(HostPid process) const = 0;
  virtual std::string executable_path(HostPid process) const = 0;
  virtual mode_t umask_of(HostPid process) const = 0;
  // The member that traces a thread, 0 when none does.
  virtual VirtualPid tracer_of(HostPid /*thread*/) const { return VirtualPid(0); }
  // A copy of one of the process's open files (pidfd_getfd).
  virtual Result<Fd> file_of(HostPid process, int fd) const = 0;

  virtual std::string host_name() const = 0;
  virtual std::string domain_name() const = 0;
  // A setting that config.json gives the container, by its path below /proc/sys ("kernel/msgmax"); nothing: the kernel's
  // default.
  virtual std::optional<std::string> sysctl(const std::string& /*path*/) const { return std::nullopt; }
  // What /proc/<pid>/uid_map or gid_map says; nothing where ids are the host's.
  virtual std::optional<std::string> id_map(const std::string& /*name*/) const { return std::nullopt; }
  // The container's own limits; nothing where it has none.
  virtual std::optional<uint64_t> memory_limit() const = 0;
  virtual std::optional<double> cpu_limit() const = 0;

  // Whether the container has a network besides AF_UNIX: its own one or the host's, which its processes then have natively.
  virtual bool has_network() const { return false; }
  // Whether it has a loopback of its own instead, whose addresses are others outside.
  virtual bool has_loopback() const { return false; }
  // The two ends of a socket as a table of /proc/net ("tcp", "tcp6", "udp", "udp6") has them inside, with a blank in between;
  // nothing for a socket that is not of the container's loopback.
  virtual std::optional<std::string> socket_ends(std::string_view /*table*/, std::string_view /*local*/,
                                                 std::string_view /*remote*/) const {
    return std::nullopt;
  }
  // The address of an AF_UNIX socket as /proc/net/unix shows it, inside; empty for one that only the host knows.
  virtual std::string unix_address(std::string_view /*outside*/) const { return {}; }
  // The container's control group in each hierarchy of the host: a directory by the controllers' names as /proc/<pid>/cgroup
  // has them ("memory", "cpu,cpuacct", "name=systemd"; "" for the unified hierarchy). Empty where it is not known.
  virtual std::map<std::string, std::string> control_groups() const { return {}; }
  // /proc/sysvipc's "msg", "sem" or "shm": the rows of the table, without its heading.
  virtual std::string system_v_table(const std::string& /*name*/) const { return {}; }
  // Of the seccomp filters that a process has and litebox itself has not, how many the container knows of: the one that
  // carries its profile, and those that its programs installed.
  virtual int own_seccomp_filters(int installed) const { return installed > 1 ? installed - 1 : 0; }

  virtual Tree& tree() const = 0;
};

}  // namespace litebox::rootfs
