// A ContainerView over real processes that a test has started.
#pragma once

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <set>
#include <string>
#include <vector>

#include "rootfs/view.h"

namespace litebox::rootfs {

class FakeView : public ContainerView {
 public:
  std::set<pid_t> processes;  // members, threads too
  pid_t init = 0;
  ProcessIds process_ids;
  Location cwd;
  Location root;
  Location program;
  std::string name = "inside";
  std::optional<uint64_t> limit;
  bool network = false;
  std::map<std::string, std::string> groups;
  Tree* container_tree = nullptr;

  std::vector<HostPid> members() const override {
    std::vector<HostPid> all;
    for (const pid_t process : processes) all.emplace_back(process);
    return all;
  }
  bool is_member(HostPid process) const override { return processes.count(process.value()) != 0; }
  VirtualPid to_virtual(HostPid pid) const override {
    if (pid.value() == init) return VirtualPid(1);
    return VirtualPid(is_member(pid) ? pid.value() : 0);
  }
  HostPid to_host(VirtualPid pid) const override { return HostPid(pid.value() == 1 ? init : pid.value()); }
  Result<ProcessIds> ids(HostPid process) const override {
    if (!is_member(process)) return Error(ESRCH);
    return process_ids;
  }
  Result<Location> working_directory(HostPid /*process*/) const override { return cwd; }
  Result<Location> root_directory(HostPid /*process*/) const override { return root; }
  Result<Location> executable(HostPid /*process*/) const override {
    if (!program.node) return Error(ENOENT);
    return program;
  }
  std::string executable_path(HostPid /*process*/) const override { return "/bin/program"; }
  mode_t umask_of(HostPid /*process*/) const override { return 027; }
  Result<Fd> file_of(HostPid process, int fd) const override {
    const Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, process.value(), 0)));
    Fd copy(static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd.get(), fd, 0)));
    if (!copy) return last_error();
    return copy;
  }
  std::string host_name() const override { return name; }
  std::string domain_name() const override { return {}; }
  std::optional<uint64_t> memory_limit() const override { return limit; }
  std::optional<double> cpu_limit() const override { return std::nullopt; }
  bool has_network() const override { return network; }
  std::map<std::string, std::string> control_groups() const override { return groups; }
  Tree& tree() const override { return *container_tree; }
};

}  // namespace litebox::rootfs
