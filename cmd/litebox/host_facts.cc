#include "cmd/litebox/host_facts.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <sstream>

#include "base/fd.h"
#include "base/unix_socket.h"
#include "runtime/cgroup_hierarchy.h"
#include "runtime/cgroups.h"
#include "runtime/files.h"

namespace litebox::command {
namespace {

using Clock = std::chrono::steady_clock;

long read_number(const std::string& path, long missing) {
  const auto text = runtime::read_file(AT_FDCWD, path);
  return text.ok() ? std::strtol(text->c_str(), nullptr, 10) : missing;
}

uint64_t effective_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
  if (syscall(SYS_capget, &header, data.data()) != 0) return 0;
  return uint64_t{data[1].effective} << 32U | data[0].effective;
}

// The filter of the measurement: getppid(2) is notified, all else allowed.
int install_probe_filter() {
  std::array<sock_filter, 4> program{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
  return static_cast<int>(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                                  SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &filter));
}

constexpr int kProbeCalls = 200;
constexpr int kProbePatience = 5000;  // milliseconds

// In the child: the listener goes to the parent, then calls are made.
[[noreturn]] void make_probe_calls(const Fd& channel) {
  const Fd listener(install_probe_filter());
  if (!listener || !send_message(channel.get(), "listener", {listener.get()}).ok()) _exit(1);
  for (int i = 0; i < kProbeCalls; ++i) (void)syscall(SYS_getppid);
  _exit(0);
}

// The median time between two notifications that are answered at once.
std::optional<double> answer_probe_calls(const Fd& listener) {
  std::vector<double> microseconds;
  auto before = Clock::now();
  for (int i = 0; i < kProbeCalls; ++i) {
    // The ioctl alone would wait for ever if the child ended.
    pollfd entry{listener.get(), POLLIN, 0};
    if (poll(&entry, 1, kProbePatience) != 1) return std::nullopt;
    seccomp_notif request{};
    if (ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_RECV, &request) != 0) return std::nullopt;
    seccomp_notif_resp response{};
    response.id = request.id;
    response.val = 1;
    if (ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_SEND, &response) != 0) return std::nullopt;
    const auto now = Clock::now();
    microseconds.push_back(std::chrono::duration<double, std::micro>(now - before).count());
    before = now;
  }
  std::nth_element(microseconds.begin(), microseconds.begin() + kProbeCalls / 2, microseconds.end());
  return microseconds[kProbeCalls / 2];
}

std::optional<double> measure_notification() {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) return std::nullopt;
  const Fd ours(ends[0]);
  Fd theirs(ends[1]);
  const pid_t child = fork();
  if (child < 0) return std::nullopt;
  if (child == 0) make_probe_calls(theirs);
  theirs.reset();
  std::optional<double> result;
  constexpr size_t limit = 64;
  auto message = receive_message(ours.get(), limit);
  if (message.ok() && message->descriptors.size() == 1) {
    const Fd listener = std::move(message->descriptors.front());
    result = answer_probe_calls(listener);
  }
  (void)kill(child, SIGKILL);
  (void)waitpid(child, nullptr, 0);
  return result;
}

bool may_make_cgroup(const std::vector<runtime::CgroupHierarchy>& hierarchies) {
  runtime::CgroupDirectories plan = runtime::plan_cgroups(hierarchies, "/litebox-doctor-" + std::to_string(getpid()), {});
  if (plan.container.empty()) return false;
  plan.monitor.clear();
  const bool ok = runtime::make_cgroups(plan).ok();
  (void)runtime::remove_cgroups(plan);
  return ok;
}

std::string cgroup_versions(const std::vector<runtime::CgroupHierarchy>& hierarchies) {
  const auto unified = [](const runtime::CgroupHierarchy& hierarchy) { return hierarchy.unified; };
  const bool v2 = std::any_of(hierarchies.begin(), hierarchies.end(), unified);
  const bool v1 = !std::all_of(hierarchies.begin(), hierarchies.end(), unified);
  if (v1) return v2 ? "v1 and v2" : "v1";
  return v2 ? "v2" : "none";
}

bool in_user_namespace() {
  const auto map = runtime::read_file(AT_FDCWD, "/proc/self/uid_map");
  if (!map.ok()) return false;
  std::istringstream words(*map);
  uint64_t inside = 0;
  uint64_t outside = 0;
  uint64_t size = 0;
  words >> inside >> outside >> size;
  return inside != 0 || outside != 0 || size != UINT32_MAX;
}

}  // namespace

HostFacts gather_host_facts() {
  HostFacts facts;
  utsname names{};
  if (uname(&names) == 0) {
    facts.kernel = names.release;
    facts.machine = names.machine;
    (void)std::sscanf(names.release, "%u.%u", &facts.major, &facts.minor);
  }
  const uint32_t action = SECCOMP_RET_USER_NOTIF;
  facts.notifications = syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
  facts.landlock_abi =
      std::max(0, static_cast<int>(syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION)));
  facts.yama = static_cast<int>(read_number("/proc/sys/kernel/yama/ptrace_scope", 0));
  const uint64_t capabilities = effective_capabilities();
  const auto has = [&](int capability) { return (capabilities >> static_cast<unsigned>(capability) & 1U) != 0; };
  facts.root = geteuid() == 0;
  facts.may_own =
      facts.root && has(CAP_CHOWN) && has(CAP_SETUID) && has(CAP_SETGID) && has(CAP_DAC_OVERRIDE) && has(CAP_FOWNER);
  facts.may_chroot = has(CAP_SYS_CHROOT);
  facts.may_make_network = has(CAP_SYS_ADMIN);
  facts.may_trace = has(CAP_SYS_PTRACE);
  facts.user_namespace = in_user_namespace();
  facts.user_namespaces_limit = read_number("/proc/sys/user/max_user_namespaces", -1);
  const std::vector<runtime::CgroupHierarchy> hierarchies = runtime::mounted_cgroup_hierarchies();
  facts.cgroups = cgroup_versions(hierarchies);
  facts.may_limit = may_make_cgroup(hierarchies);
  facts.notification_microseconds = measure_notification();
  return facts;
}

}  // namespace litebox::command
