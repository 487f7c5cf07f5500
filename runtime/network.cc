#include "runtime/network.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/nsfs.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "runtime/files.h"

namespace litebox::runtime {
namespace {

bool is_own_namespace(const Fd& file) {
  struct stat theirs {};
  struct stat own {};
  return fstat(file.get(), &theirs) == 0 && stat("/proc/self/ns/net", &own) == 0 && theirs.st_dev == own.st_dev &&
         theirs.st_ino == own.st_ino;
}

Status bring_loopback_up() {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return last_error("socket");
  ifreq request{};
  std::strncpy(request.ifr_name, "lo", sizeof request.ifr_name - 1);
  if (ioctl(socket.get(), SIOCGIFFLAGS, &request) != 0) return last_error("read the flags of lo");
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
  if (ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) return last_error("bring lo up");
  return {};
}

}  // namespace

bool may_make_namespaces() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
  if (syscall(SYS_capget, &header, data.data()) != 0) return false;
  return (data[CAP_TO_INDEX(CAP_SYS_ADMIN)].effective & CAP_TO_MASK(CAP_SYS_ADMIN)) != 0;
}

Result<NetworkPlan> plan_network(const oci::Linux& config, bool privileged) {
  NetworkPlan plan;
  const oci::Namespace* wanted = config.find_namespace(oci::NamespaceType::network);
  if (wanted == nullptr) return plan;
  if (wanted->path.empty()) {
    plan.mode = privileged ? NetworkMode::own : NetworkMode::none;
    return plan;
  }
  plan.mode = NetworkMode::joined;
  plan.namespace_file = Fd(open(wanted->path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!plan.namespace_file) return last_error("open network namespace " + wanted->path);
  if (ioctl(plan.namespace_file.get(), NS_GET_NSTYPE) != CLONE_NEWNET) {
    return Error(EINVAL, "linux.namespaces: " + wanted->path + " is no network namespace");
  }
  if (!privileged && !is_own_namespace(plan.namespace_file)) {
    return Error(EPERM, "linux.namespaces: joining the network namespace " + wanted->path + " needs CAP_SYS_ADMIN");
  }
  return plan;
}

bool leads_elsewhere(const NetworkPlan& plan) {
  return plan.mode == NetworkMode::own || (plan.mode == NetworkMode::joined && !is_own_namespace(plan.namespace_file));
}

Status enter_network(const NetworkPlan& plan) {
  switch (plan.mode) {
    case NetworkMode::host:
    case NetworkMode::none:
      return {};
    case NetworkMode::own:
      if (unshare(CLONE_NEWNET) != 0) return last_error("make a network namespace");
      return bring_loopback_up();
    case NetworkMode::joined:
      if (!is_own_namespace(plan.namespace_file) && setns(plan.namespace_file.get(), CLONE_NEWNET) != 0) {
        return last_error("join the network namespace");
      }
      return {};
  }
  return {};
}

NetworkSettings network_settings(const oci::Linux& config) {
  NetworkSettings settings;
  for (const auto& [path, value] : config.sysctl) {
    if (path.starts_with("net/")) settings[path] = value;
  }
  return settings;
}

Status apply_network_settings(const NetworkPlan& plan, const NetworkSettings& settings) {
  if (plan.mode != NetworkMode::own && plan.mode != NetworkMode::joined) return {};
  for (const auto& [path, value] : settings) {
    // Whose settings /proc/sys/net shows is decided by who opens it.
    Status written = write_control_file("/proc/sys/" + path, value);
    if (!written.ok()) return std::move(written).error().within("linux.sysctl." + path);
  }
  return {};
}

}  // namespace litebox::runtime
