// clone(2), vfork(2), unshare(2), set_tid_address(2), pidfd_getfd(2) and what concerns other processes by descriptor or id.
#include <linux/futex.h>
#include <linux/kcmp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/uio.h>

#include <initializer_list>

#include "report.h"

namespace {

constexpr int kNoMembersPid = 3999999;
char stack[1 << 16] __attribute__((aligned(16)));

long clone_raw(unsigned long flags, void* child_stack = nullptr, int* parent_tid = nullptr, int* child_tid = nullptr,
               unsigned long tls = 0) {
  fflush(stdout);
  return syscall(SYS_clone, flags, child_stack, parent_tid, child_tid, tls);
}

void wait_for(const char* what, pid_t pid) {
  int status = 0;
  const pid_t waited = waitpid(pid, &status, __WALL);
  say("%s: waited for %d, status %x", what, waited == pid, status);
}

void refused() {
  TRY(clone_raw(CLONE_THREAD | SIGCHLD));
  TRY(clone_raw(CLONE_SIGHAND | SIGCHLD));
  TRY(clone_raw(CLONE_VM | CLONE_THREAD | SIGCHLD));
  TRY(clone_raw(CLONE_FS | CLONE_NEWNS | SIGCHLD));
  TRY(clone_raw(CLONE_NEWNS | SIGCHLD));
  TRY(clone_raw(CLONE_NEWPID | SIGCHLD));
  TRY(clone_raw(CLONE_NEWIPC | SIGCHLD));
  TRY(clone_raw(CLONE_NEWUTS | SIGCHLD));
  TRY(clone_raw(CLONE_NEWNET | SIGCHLD));
  TRY(clone_raw(CLONE_NEWCGROUP | SIGCHLD));
  TRY(clone_raw(CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD));
  TRY(clone_raw(CLONE_PIDFD | CLONE_DETACHED | SIGCHLD));
  if (getpid() == 1) TRY(clone_raw(CLONE_PARENT | SIGCHLD));
  TRY(unshare(CLONE_NEWNS));
  TRY(unshare(CLONE_NEWPID));
  TRY(unshare(CLONE_NEWUTS | CLONE_FILES));
  TRY(unshare(0x1));
  TRY(unshare(CLONE_FILES | CLONE_FS | CLONE_SYSVSEM));
  TRY(unshare(0));
  TRY(unshare(CLONE_THREAD));
}

void ids() {
  int parent_tid = 0;
  static int child_tid = 0;
  pid_t pid = static_cast<pid_t>(clone_raw(CLONE_PARENT_SETTID | SIGCHLD, nullptr, &parent_tid));
  if (pid == 0) _exit(1);
  say("CLONE_PARENT_SETTID: %d", parent_tid == pid);
  wait_for("  child", pid);
  pid = static_cast<pid_t>(clone_raw(CLONE_CHILD_SETTID | SIGCHLD, nullptr, nullptr, &child_tid));
  if (pid == 0) _exit(child_tid == getpid() ? 2 : 3);
  wait_for("CLONE_CHILD_SETTID", pid);
  child_tid = 77;
  pid = static_cast<pid_t>(clone_raw(CLONE_VM | CLONE_CHILD_CLEARTID | SIGCHLD, stack + sizeof stack, nullptr, &child_tid));
  if (pid == 0) _exit(4);
  while (*const_cast<volatile int*>(&child_tid) != 0) syscall(SYS_futex, &child_tid, FUTEX_WAIT, 77, nullptr, nullptr, 0);
  say("CLONE_CHILD_CLEARTID: %d", child_tid);
  wait_for("  child", pid);
  say("set_tid_address gives the caller: %d", syscall(SYS_set_tid_address, nullptr) == getpid() || getpid() == 1);
}

void by_pidfd() {
  int pidfd = -1;
  const pid_t pid = static_cast<pid_t>(clone_raw(CLONE_PIDFD | SIGCHLD, nullptr, &pidfd));
  if (pid == 0) {
    pause();
    _exit(1);
  }
  say("CLONE_PIDFD: %d, close on exec %d", pidfd >= 0, fcntl(pidfd, F_GETFD));
  struct pollfd poller = {pidfd, POLLIN, 0};
  TRY(poll(&poller, 1, 0));
  TRY(syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, nullptr, 0));
  TRY(poll(&poller, 1, -1));
  siginfo_t info = {};
  TRY(syscall(SYS_waitid, P_PIDFD, pidfd, &info, WEXITED, nullptr));
  say("  code %d status %d", info.si_code, info.si_status);
  close(pidfd);
}

void shared() {
  int ends[2];
  if (pipe(ends) != 0) return;
  pid_t pid = static_cast<pid_t>(clone_raw(CLONE_FILES | SIGCHLD));
  if (pid == 0) {
    dup2(ends[0], 50);
    close(ends[1]);
    _exit(0);
  }
  wait_for("CLONE_FILES", pid);
  TRY(fcntl(50, F_GETFD));
  TRY(fcntl(ends[1], F_GETFD));
  close(50);
  close(ends[0]);
  static volatile int value = 0;
  pid = vfork();  // a raw clone with CLONE_VM would return twice through one frame
  if (pid == 0) {
    value = 5;
    _exit(6);
  }
  say("vfork: %d", value);
  wait_for("  child", pid);
}

void siblings() {
  if (getpid() == 1) return;
  int ends[2];
  if (pipe(ends) != 0) return;
  const pid_t middle = child([&] {
    const pid_t parent = getppid();
    const pid_t pid = static_cast<pid_t>(clone_raw(CLONE_PARENT | SIGCHLD));
    if (pid == 0) _exit(getppid() == parent ? 7 : 8);
    (void)!write(ends[1], &pid, sizeof pid);
  });
  pid_t sibling = 0;
  (void)!read(ends[0], &sibling, sizeof sibling);
  if (sibling > 0) wait_for("CLONE_PARENT", sibling);
  wait_for("  its maker", middle);
  close(ends[0]);
  close(ends[1]);
}

void descriptors_of_others() {
  int ends[2];
  int ready[2];
  if (pipe(ends) != 0 || pipe(ready) != 0) return;
  const pid_t pid = child([&] {
    dup2(ends[1], 40);
    (void)!write(ready[1], "", 1);
    pause();
  });
  char byte = 0;
  (void)!read(ready[0], &byte, 1);
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  const int got = static_cast<int>(syscall(SYS_pidfd_getfd, pidfd, 40, 0));
  say("pidfd_getfd: %d, close on exec %d, written %zd", got >= 0, fcntl(got, F_GETFD), write(got, "x", 1));
  TRY(syscall(SYS_pidfd_getfd, pidfd, 39, 0));
  TRY(syscall(SYS_pidfd_getfd, pidfd, 40, 1));
  TRY(syscall(SYS_pidfd_getfd, ends[0], 40, 0));
  TRY(syscall(SYS_pidfd_getfd, 99, 40, 0));
  in_child(
      [&] {
        TRY(syscall(SYS_pidfd_getfd, pidfd, 40, 0));
        const int own = static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0));
        TRY_OPEN(syscall(SYS_pidfd_getfd, own, 1, 0));
        char buffer[4];
        struct iovec local = {buffer, sizeof buffer};
        struct iovec remote = {&byte, 1};
        TRY(syscall(SYS_process_vm_readv, pid, &local, 1, &remote, 1, 0));
        TRY(syscall(SYS_kcmp, pid, getpid(), KCMP_FILES, 0, 0));
      },
      1000, 1000);
  struct iovec local = {&byte, 1};
  struct iovec remote = {stack, 1};
  TRY(syscall(SYS_process_vm_readv, pid, &local, 1, &remote, 1, 0));
  TRY(syscall(SYS_process_vm_readv, kNoMembersPid, &local, 1, &remote, 1, 0));
  TRY(syscall(SYS_process_vm_readv, pid, &local, 1, &remote, 1, 1));
  TRY(syscall(SYS_process_vm_writev, pid, &local, 1, &remote, 1, 0));
  TRY(syscall(SYS_kcmp, kNoMembersPid, getpid(), KCMP_FILES, 0, 0));
  TRY(syscall(SYS_kcmp, pid, pid, KCMP_FILES, 0, 0));
  TRY(syscall(SYS_kcmp, pid, pid, 99, 0, 0));
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  TRY(syscall(SYS_pidfd_getfd, pidfd, 40, 0));
  for (const int fd : {ends[0], ends[1], ready[0], ready[1], pidfd, got}) close(fd);
}

void all() {
  refused();
  ids();
  by_pidfd();
  shared();
  siblings();
  descriptors_of_others();
}

}  // namespace

int main() {
  enter_work_directory("clone");
  all();
  in_child(all);
  in_child(all, 1000, 1000);
  return 0;
}
