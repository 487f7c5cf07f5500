// A container of two processes, of which none is looked at: what the parsers of /proc's texts ask.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "rootfs/view.h"

namespace litebox::fuzz {

class FixedView final : public rootfs::ContainerView {
 public:
  static constexpr pid_t kInit = 1000;
  static constexpr pid_t kOther = 1001;

  FixedView(rootfs::Tree& tree, rootfs::Location root) : tree_(tree), root_(std::move(root)) {}

  std::vector<HostPid> members() const override { return {HostPid(kInit), HostPid(kOther)}; }
  bool is_member(HostPid process) const override { return process.value() == kInit || process.value() == kOther; }
  VirtualPid to_virtual(HostPid pid) const override {
    return VirtualPid(pid.value() == kInit ? 1 : pid.value() == kOther ? kOther : 0);
  }
  HostPid to_host(VirtualPid pid) const override { return HostPid(pid.value() == 1 ? kInit : pid.value()); }
  Result<rootfs::ProcessIds> ids(HostPid process) const override {
    if (!is_member(process)) return Error(ESRCH);
    rootfs::ProcessIds ids;
    ids.groups = {1, 2};
    return ids;
  }
  Result<rootfs::Location> working_directory(HostPid /*process*/) const override { return root_; }
  Result<rootfs::Location> root_directory(HostPid /*process*/) const override { return root_; }
  Result<rootfs::Location> executable(HostPid /*process*/) const override { return Error(ENOENT); }
  std::string executable_path(HostPid /*process*/) const override { return "/program"; }
  mode_t umask_of(HostPid /*process*/) const override { return 022; }
  Result<Fd> file_of(HostPid /*process*/, int /*fd*/) const override { return Error(EBADF); }
  std::string host_name() const override { return "inside"; }
  std::string domain_name() const override { return {}; }
  std::optional<uint64_t> memory_limit() const override { return std::nullopt; }
  std::optional<double> cpu_limit() const override { return std::nullopt; }
  rootfs::Tree& tree() const override { return tree_; }

 private:
  rootfs::Tree& tree_;
  rootfs::Location root_;
};

}  // namespace litebox::fuzz
