#include "shim/kernel/pidfd.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include <atomic>
#include <csignal>
#include <optional>
#include <string_view>

#include "shim/kernel/process_status.h"

namespace litebox::kernel {
namespace {

constexpr unsigned kPidfdThread = O_EXCL;  // PIDFD_THREAD

// struct pidfd_info of <linux/pidfd.h>, its first published size.
struct PidfdInfo {
  uint64_t mask;
  uint64_t cgroupid;
  uint32_t pid, tgid, ppid;
  uint32_t ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
  int32_t exit_code;
};
static_assert(sizeof(PidfdInfo) == 64);

Result<HostPid> id_from_status(HostPid thread, std::string_view field) {
  LITEBOX_ASSIGN(const ProcessStatus status, ProcessStatus::of(thread));
  LITEBOX_ASSIGN(const uint64_t id, status.number(field));
  return HostPid(static_cast<pid_t>(id));
}

// PIDFD_GET_INFO; nothing on kernels without it.
std::optional<Result<PidfdInfo>> pidfd_info(int pidfd) {
  static std::atomic<bool> supported{true};
  if (!supported) return std::nullopt;
  PidfdInfo info{};
  info.mask = 1;  // PIDFD_INFO_PID
  if (::ioctl(pidfd, _IOWR(0xFF, 11, PidfdInfo), &info) == 0) return info;
  if (errno == ESRCH) return Error(ESRCH);
  supported = false;
  return std::nullopt;
}

}  // namespace

Result<Fd> open_pidfd(HostPid process) {
  Fd fd(static_cast<int>(::syscall(SYS_pidfd_open, process.value(), 0)));
  if (!fd) return last_error();
  return fd;
}

Result<Fd> open_thread_pidfd(HostPid thread) {
  static std::atomic<bool> supported{true};
  if (supported) {
    Fd fd(static_cast<int>(::syscall(SYS_pidfd_open, thread.value(), kPidfdThread)));
    if (fd) return fd;
    if (errno != EINVAL) return last_error();
    supported = false;
  }
  LITEBOX_ASSIGN(const HostPid group, id_from_status(thread, "Tgid"));
  return open_pidfd(group);
}

bool has_ended(int pidfd) {
  pollfd poll_fd{pidfd, POLLIN, 0};
  return ::poll(&poll_fd, 1, 0) > 0;
}

Result<HostPid> thread_group(int pidfd, HostPid thread) {
  if (const auto info = pidfd_info(pidfd)) {
    if (!info->ok()) return info->error();
    return HostPid(static_cast<pid_t>((*info)->tgid));
  }
  return id_from_status(thread, "Tgid");
}

Result<HostPid> parent_process(int pidfd, HostPid process) {
  if (const auto info = pidfd_info(pidfd)) {
    if (!info->ok()) return info->error();
    return HostPid(static_cast<pid_t>((*info)->ppid));
  }
  return id_from_status(process, "PPid");
}

Status send_signal_from(int pidfd, int signal, VirtualPid sender, uid_t sender_uid) {
  siginfo_t info{};
  info.si_signo = signal;
  info.si_code = SI_QUEUE;
  info.si_pid = sender.value();
  info.si_uid = sender_uid;
  return send_signal_with(pidfd, signal, info);
}

Status send_signal_with(int pidfd, int signal, siginfo_t information) {
  information.si_signo = signal;
  if (::syscall(SYS_pidfd_send_signal, pidfd, signal, &information, 0) != 0) return last_error();
  return {};
}

Status send_signal(int pidfd, int signal) {
  if (::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0) != 0) return last_error();
  return {};
}

}  // namespace litebox::kernel
