#include "shim/kernel/exit_watch.h"

#include <sys/epoll.h>

#include <csignal>
#include <thread>
#include <utility>

#include "shim/kernel/pidfd.h"

namespace litebox::kernel {

Status ExitWatch::watch(HostPid process, std::function<void()> ended) {
  const std::scoped_lock lock(mutex_);
  if (!poll_.valid()) LITEBOX_TRY(start());
  LITEBOX_ASSIGN(Fd pidfd, open_pidfd(process));
  const int number = pidfd.get();
  struct epoll_event event {};
  event.events = EPOLLIN;
  event.data.fd = number;
  if (epoll_ctl(poll_.get(), EPOLL_CTL_ADD, number, &event) != 0) return last_error();
  watched_.insert_or_assign(number, Watched{std::move(pidfd), std::move(ended)});
  return {};
}

Status ExitWatch::start() {
  poll_ = Fd(epoll_create1(EPOLL_CLOEXEC));
  if (!poll_.valid()) return last_error();
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread([this] { run(); }).detach();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return {};
}

void ExitWatch::run() {
  while (true) {
    struct epoll_event event {};
    if (epoll_wait(poll_.get(), &event, 1, -1) != 1) continue;
    Watched ended;
    {
      const std::scoped_lock lock(mutex_);
      ended = std::move(watched_.extract(event.data.fd).mapped());
      (void)epoll_ctl(poll_.get(), EPOLL_CTL_DEL, event.data.fd, nullptr);
    }
    ended.ended();
  }
}

}  // namespace litebox::kernel
