// clone3(2) without shared memory: what it refuses, and that parent and child go on with their registers, stack and ids.
#include <linux/sched.h>
#include <signal.h>
#include <sys/mman.h>

#include <initializer_list>

#include "report.h"

namespace {

long clone3_raw(const clone_args& arguments, size_t size = sizeof(clone_args)) {
  fflush(stdout);
  return syscall(SYS_clone3, &arguments, size);
}

clone_args forking(uint64_t flags = 0) {
  clone_args arguments = {};
  arguments.flags = flags;
  arguments.exit_signal = SIGCHLD;
  return arguments;
}

void refusals() {
  clone_args arguments = forking();
  TRY(syscall(SYS_clone3, null_pointer, sizeof arguments));
  TRY(clone3_raw(arguments, 63));
  TRY(clone3_raw(arguments, 4097));
  for (const uint64_t flags :
       {uint64_t{1} << 63U, uint64_t{1}, uint64_t{0x400000}, uint64_t{CLONE_PARENT}, uint64_t{CLONE_THREAD},
        uint64_t{CLONE_SIGHAND}, uint64_t{CLONE_SIGHAND | CLONE_CLEAR_SIGHAND}}) {
    say("flags %lx", flags);
    TRY(clone3_raw(forking(flags)));
  }
  arguments.exit_signal = 65;
  TRY(clone3_raw(arguments));
  arguments.exit_signal = 0x100;
  TRY(clone3_raw(arguments));
  arguments = forking();
  arguments.stack = 4096;
  TRY(clone3_raw(arguments));
  arguments.stack = 0;
  arguments.stack_size = 4096;
  TRY(clone3_raw(arguments));
  arguments = forking(CLONE_PIDFD);
  arguments.pidfd = 8;
  TRY(clone3_raw(arguments));
  arguments = forking();
  arguments.set_tid = 8;
  TRY(clone3_raw(arguments));
}

void end(pid_t pid) {
  int status = 0;
  say("waited: %d", waitpid(pid, &status, __WALL) == pid);
  say("child ended with %x", status);
}

void forks() {
  for (const size_t size : {size_t{64}, size_t{80}, sizeof(clone_args)}) {
    const pid_t pid = static_cast<pid_t>(clone3_raw(forking(), size));
    if (pid == 0) _exit(getppid() == 1 ? 3 : 4);
    end(pid);
  }

  volatile pid_t parent_tid = 0;
  int pidfd = -1;
  clone_args arguments = forking(CLONE_PARENT_SETTID | CLONE_PIDFD | CLONE_CHILD_SETTID);
  pid_t child_tid = 0;
  arguments.parent_tid = reinterpret_cast<uintptr_t>(&parent_tid);
  arguments.child_tid = reinterpret_cast<uintptr_t>(&child_tid);
  arguments.pidfd = reinterpret_cast<uintptr_t>(&pidfd);
  pid_t pid = static_cast<pid_t>(clone3_raw(arguments));
  if (pid == 0) _exit(child_tid == getpid() ? 5 : 6);
  say("parent's word %d, child's %d, pidfd %d", parent_tid == pid, child_tid, pidfd >= 0);
  siginfo_t info = {};
  TRY(waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED));
  say("status %d", info.si_status);
  close(pidfd);

  // Another signal, or none, at the end.
  arguments = forking();
  arguments.exit_signal = 0;
  pid = static_cast<pid_t>(clone3_raw(arguments));
  if (pid == 0) _exit(7);
  TRY(waitpid(pid, nullptr, 0));
  end(pid);
}

// The arguments of the call are in registers that it leaves as they are; those that it does not look at, too.
void registers() {
  const clone_args arguments = forking();
  fflush(stdout);
  long result = SYS_clone3, kept_address = 0, kept_size = 0, third = 0;
  register long fourth asm("r10") = 0x1234;
  register long callee asm("r15") = 0x5678;
  asm volatile("syscall"
               : "+a"(result), "=D"(kept_address), "=S"(kept_size), "=d"(third), "+r"(fourth), "+r"(callee)
               : "1"(&arguments), "2"(sizeof arguments), "3"(0x4321L)
               : "rcx", "r11", "memory");
  const bool kept = kept_address == reinterpret_cast<intptr_t>(&arguments) && kept_size == sizeof arguments &&
                    third == 0x4321 && fourth == 0x1234 && callee == 0x5678;
  if (result == 0) _exit(kept ? 8 : 9);
  say("registers kept: %d", kept);
  end(static_cast<pid_t>(result));
}

void own_stack() {
  constexpr size_t kSize = 65536;
  void* const stack = mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  clone_args arguments = forking();
  arguments.stack = reinterpret_cast<uintptr_t>(stack);
  arguments.stack_size = kSize;
  fflush(stdout);
  register char* top asm("r12") = static_cast<char*>(stack) + kSize;
  long result = SYS_clone3;
  asm volatile(
      "syscall\n"
      "test %%rax, %%rax\n"
      "jnz 1f\n"
      "mov %%rsp, %%rdi\n"
      "sub %%r12, %%rdi\n"  // 0: at the stack's very top
      "mov $60, %%eax\n"
      "syscall\n"
      "1:\n"
      : "+a"(result)
      : "D"(&arguments), "S"(sizeof arguments), "r"(top)
      : "rcx", "r11", "memory");
  end(static_cast<pid_t>(result));
  munmap(stack, kSize);
}

// A sibling, which the caller cannot wait for.
void siblings() {
  int ends[2];
  (void)!pipe(ends);
  const pid_t middle = child([&] {
    clone_args arguments = forking(CLONE_PARENT);
    arguments.exit_signal = 0;
    const pid_t pid = static_cast<pid_t>(clone3_raw(arguments));
    if (pid == 0) _exit(10);
    (void)!write(ends[1], &pid, sizeof pid);
    TRY(waitpid(pid, nullptr, __WALL));
  });
  pid_t pid = 0;
  (void)!read(ends[0], &pid, sizeof pid);
  end(middle);
  end(pid);
}

}  // namespace

int main() {
  enter_work_directory("clone3");
  refusals();
  forks();
  registers();
  own_stack();
  child([] { siblings(); });
  waitpid(-1, nullptr, 0);
  return 0;
}
