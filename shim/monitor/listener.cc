#include "shim/monitor/listener.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif

namespace litebox::monitor {
namespace {

constexpr uint64_t kSyncWakeUp = 1;  // SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP

}  // namespace

Listener::Listener(Fd fd) : fd_(std::move(fd)) { (void)::ioctl(fd_.get(), SECCOMP_IOCTL_NOTIF_SET_FLAGS, kSyncWakeUp); }

Result<seccomp_notif> Listener::receive() const {
  seccomp_notif notification{};
  if (::ioctl(fd_.get(), SECCOMP_IOCTL_NOTIF_RECV, &notification) == 0) return notification;
  const int number = errno;
  if (number == ENOENT) {
    pollfd poll_fd{fd_.get(), POLLIN, 0};
    if (::poll(&poll_fd, 1, 0) > 0 && (poll_fd.revents & POLLHUP) != 0) return Error(ENODEV);
  }
  return Error(number);
}

Status Listener::answer(uint64_t id, int64_t value) const {
  seccomp_notif_resp response{};
  response.id = id;
  if (value < 0 && value >= -4095) {
    response.error = static_cast<int32_t>(value);
  } else {
    response.val = value;
  }
  if (::ioctl(fd_.get(), SECCOMP_IOCTL_NOTIF_SEND, &response) != 0) return last_error();
  return {};
}

Status Listener::proceed(uint64_t id) const {
  seccomp_notif_resp response{};
  response.id = id;
  response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  if (::ioctl(fd_.get(), SECCOMP_IOCTL_NOTIF_SEND, &response) != 0) return last_error();
  return {};
}

Result<int> Listener::install(uint64_t id, int fd, bool close_on_exec) const {
  return add(id, fd, 0, close_on_exec ? O_CLOEXEC : 0);
}

Result<int> Listener::answer_with(uint64_t id, int fd) const { return add(id, fd, SECCOMP_ADDFD_FLAG_SEND, O_CLOEXEC); }

Result<int> Listener::add(uint64_t id, int fd, uint32_t flags, uint32_t descriptor_flags) const {
  seccomp_notif_addfd request{};
  request.id = id;
  request.flags = flags;
  request.srcfd = static_cast<uint32_t>(fd);
  request.newfd_flags = descriptor_flags;
  const int number = ::ioctl(fd_.get(), SECCOMP_IOCTL_NOTIF_ADDFD, &request);
  if (number < 0) return last_error();
  return number;
}

}  // namespace litebox::monitor
