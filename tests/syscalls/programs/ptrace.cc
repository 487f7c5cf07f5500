// ptrace(2) of a child: stops, memory, registers, options, exec under trace.
#include <elf.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

#include <initializer_list>

#include "report.h"

namespace {

long shared_word = 0x1122334455667788;

void show_status(const char* what, int status) {
  if (WIFSTOPPED(status)) {
    say("%s: stopped by %d, event %d", what, WSTOPSIG(status), status >> 16);
  } else if (WIFEXITED(status)) {
    say("%s: exited with %d", what, WEXITSTATUS(status));
  } else if (WIFSIGNALED(status)) {
    say("%s: killed by %d", what, WTERMSIG(status));
  }
}

int wait_for(const char* what, pid_t child) {
  int status = 0;
  const pid_t got = waitpid(child, &status, __WALL);
  say("%s: waitpid %s", what, got == child ? "is the child's" : got < 0 ? strerrorname_np(errno) : "another's");
  if (got == child) show_status(what, status);
  return status;
}

template <typename Body>
pid_t spawn(Body body) {
  fflush(stdout);
  const pid_t child = fork();
  if (child != 0) return child;
  body();
  fflush(stdout);
  _exit(99);
}

void finish(pid_t child) {
  kill(child, SIGKILL);
  waitpid(child, nullptr, __WALL);
}

void memory_and_registers() {
  const pid_t child = spawn([] {
    TRY(ptrace(PTRACE_TRACEME, 0, 0, 0));
    fflush(stdout);
    raise(SIGUSR1);
    _exit(shared_word == 5 ? 3 : 4);
  });
  wait_for("raise", child);
  siginfo_t info;
  TRY(ptrace(PTRACE_GETSIGINFO, child, 0, &info));
  say("signal %d code %d from itself %d", info.si_signo, info.si_code, info.si_pid == child);
  errno = 0;
  say("peek %lx errno %d", ptrace(PTRACE_PEEKDATA, child, &shared_word, 0), errno);
  TRY(ptrace(PTRACE_PEEKDATA, child, 8, 0));
  TRY(ptrace(PTRACE_POKEDATA, child, &shared_word, 5L));
  user_regs_struct registers;
  TRY(ptrace(PTRACE_GETREGS, child, 0, &registers));
  say("orig_rax %lld rax %lld", registers.orig_rax, registers.rax);
  iovec set{&registers, sizeof registers};
  TRY(ptrace(PTRACE_GETREGSET, child, NT_PRSTATUS, &set));
  say("%zu bytes of registers", set.iov_len);
  TRY(ptrace(PTRACE_SETREGSET, child, NT_PRSTATUS, &set));
  uint64_t mask = 0;
  TRY(ptrace(PTRACE_GETSIGMASK, child, 8, &mask));
  TRY(ptrace(PTRACE_GETSIGMASK, child, 4, &mask));
  TRY(ptrace(PTRACE_SETOPTIONS, child, 0, 1L << 40));
  TRY(ptrace(PTRACE_CONT, child, 0, 200));
  TRY(ptrace(PTRACE_CONT, child, 0, 0));
  wait_for("end", child);
  TRY(ptrace(PTRACE_CONT, child, 0, 0));
  wait_for("again", child);
}

// Counts the calls between two stops; an unrelated call's number must not show.
void system_calls() {
  const pid_t child = spawn([] {
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGSTOP);
    getppid();
    (void)access("/absent", R_OK);
    fcntl(0, F_GETFD);
    _exit(7);
  });
  wait_for("stop", child);
  TRY(ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXIT));
  for (int i = 0; i < 40; ++i) {
    if (ptrace(PTRACE_SYSCALL, child, 0, 0) != 0) break;
    int status = 0;
    waitpid(child, &status, 0);
    if (!WIFSTOPPED(status)) {
      show_status("end", status);
      break;
    }
    user_regs_struct registers;
    ptrace(PTRACE_GETREGS, child, 0, &registers);
    unsigned long message = 0;
    ptrace(PTRACE_GETEVENTMSG, child, 0, &message);
    if (status >> 16 != 0) say("event %d message %lx", status >> 16, message);
    if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
      const bool entry = registers.rax == static_cast<unsigned long long>(-ENOSYS);
      say("call %lld %s", registers.orig_rax, entry ? "enters" : registers.orig_rax == SYS_getppid ? "returns" : "is done");
      if (!entry && registers.orig_rax == SYS_access) say("  with %lld", registers.rax);
    }
  }
}

void execution(long options, bool by_call) {
  say("exec: options %lx, by call %d", options, by_call);
  const pid_t child = spawn([] {
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGSTOP);
    char name[] = "program";
    char word[] = "leaf";
    char* arguments[] = {name, word, nullptr};
    execv("/absent", arguments);
    execv("/program", arguments);
  });
  wait_for("stop", child);
  TRY(ptrace(PTRACE_SETOPTIONS, child, 0, options));
  bool after_exec = false;
  int calls_after_exec = 0;
  long signal = 0;
  for (int i = 0; i < 2000; ++i) {
    if (ptrace(by_call ? PTRACE_SYSCALL : PTRACE_CONT, child, 0, signal) != 0) break;
    signal = 0;
    int status = 0;
    if (waitpid(child, &status, 0) != child) break;
    if (!WIFSTOPPED(status)) {
      show_status("end", status);
      break;
    }
    user_regs_struct registers;
    ptrace(PTRACE_GETREGS, child, 0, &registers);
    const int stop = WSTOPSIG(status);
    if (status >> 16 != 0 || (stop != SIGTRAP && stop != (SIGTRAP | 0x80)) || (!by_call && stop == SIGTRAP)) {
      show_status("while executing", status);
      unsigned long message = 0;
      if (status >> 16 != 0) ptrace(PTRACE_GETEVENTMSG, child, 0, &message);
      siginfo_t info;
      if (ptrace(PTRACE_GETSIGINFO, child, 0, &info) == 0) say("  code %d, signal %d", info.si_code, info.si_signo);
      say("  orig_rax %lld rax %lld rdi %lld flags %llx, message is the child: %d", registers.orig_rax, registers.rax,
          registers.rdi, registers.eflags, message == static_cast<unsigned long>(child));
      after_exec = true;
      continue;
    }
    if (registers.orig_rax == SYS_execve || registers.orig_rax == SYS_execveat) {
      say("  execve(%llx is an address: %d) rax %lld", registers.orig_rax, registers.rdi > 4096 || registers.rdi == 0,
          registers.rax);
      if (registers.rax == 0) after_exec = true;
    } else if (after_exec && ++calls_after_exec <= 6) {
      say("  then call %lld", registers.orig_rax);
    }
  }
}

void steps() {
  const pid_t child = spawn([] {
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGSTOP);
    for (volatile int i = 0; i < 100;) i = i + 1;
    _exit(1);
  });
  wait_for("stop", child);
  int steps = 0;
  for (; steps < 50; ++steps) {
    int status = 0;
    if (ptrace(PTRACE_SINGLESTEP, child, 0, 0) != 0 || waitpid(child, &status, 0) != child) break;
    if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP) break;
  }
  say("%d steps", steps);
  TRY(ptrace(PTRACE_KILL, child, 0, 0));
  wait_for("killed", child);
}

void new_processes() {
  const pid_t child = spawn([] {
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGSTOP);
    const pid_t grandchild = fork();
    if (grandchild == 0) _exit(11);
    int status = 0;
    waitpid(grandchild, &status, 0);
    _exit(WEXITSTATUS(status) + 1);
  });
  wait_for("stop", child);
  TRY(ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACEFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEVFORK));
  TRY(ptrace(PTRACE_CONT, child, 0, 0));
  wait_for("fork", child);
  unsigned long grandchild = 0;
  TRY(ptrace(PTRACE_GETEVENTMSG, child, 0, &grandchild));
  wait_for("grandchild", static_cast<pid_t>(grandchild));
  TRY(ptrace(PTRACE_CONT, grandchild, 0, 0));
  wait_for("grandchild's end", static_cast<pid_t>(grandchild));
  TRY(ptrace(PTRACE_CONT, child, 0, 0));
  wait_for("SIGCHLD", child);
  TRY(ptrace(PTRACE_CONT, child, 0, SIGCHLD));
  wait_for("end", child);
  TRY(waitpid(-1, nullptr, __WALL));
}

void attaching() {
  const pid_t child = spawn([] {
    while (true) pause();
  });
  usleep(50000);
  TRY(ptrace(PTRACE_ATTACH, child, 0, 0));
  wait_for("attach", child);
  siginfo_t info;
  TRY(ptrace(PTRACE_GETSIGINFO, child, 0, &info));
  say("signal %d", info.si_signo);
  TRY(ptrace(PTRACE_ATTACH, child, 0, 0));
  TRY(ptrace(PTRACE_INTERRUPT, child, 0, 0));
  TRY(ptrace(PTRACE_LISTEN, child, 0, 0));
  TRY(ptrace(PTRACE_DETACH, child, 0, 0));
  TRY(ptrace(PTRACE_DETACH, child, 0, 0));
  TRY(ptrace(PTRACE_SEIZE, child, 1, 0));
  TRY(ptrace(PTRACE_SEIZE, child, 0, PTRACE_O_TRACESYSGOOD));
  TRY(waitpid(child, nullptr, __WALL | WNOHANG));
  TRY(ptrace(PTRACE_CONT, child, 0, 0));
  TRY(ptrace(PTRACE_INTERRUPT, child, 0, 0));
  wait_for("interrupt", child);
  TRY(ptrace(PTRACE_CONT, child, 0, 0));
  kill(child, SIGSTOP);
  wait_for("SIGSTOP", child);
  TRY(ptrace(PTRACE_CONT, child, 0, SIGSTOP));
  wait_for("group stop", child);
  TRY(ptrace(PTRACE_LISTEN, child, 0, 0));
  kill(child, SIGCONT);
  wait_for("SIGCONT's trap", child);
  TRY(ptrace(PTRACE_CONT, child, 0, 0));
  wait_for("SIGCONT", child);
  siginfo_t child_info{};
  TRY(ptrace(PTRACE_CONT, child, 0, 0));
  kill(child, SIGUSR1);
  TRY(waitid(P_PID, static_cast<id_t>(child), &child_info, WSTOPPED | WEXITED | WNOWAIT));
  say("code %d status %d signal %d, is the child's %d", child_info.si_code, child_info.si_status, child_info.si_signo,
      child_info.si_pid == child);
  TRY(waitid(P_PID, static_cast<id_t>(child), &child_info, WSTOPPED));
  TRY(waitid(P_PID, static_cast<id_t>(child), &child_info, WSTOPPED | WNOHANG));
  say("then %d", child_info.si_pid);
  TRY(ptrace(PTRACE_CONT, child, 0, SIGUSR1));
  wait_for("killed", child);
}

void refusals() {
  TRY(ptrace(PTRACE_ATTACH, getpid(), 0, 0));
  TRY(ptrace(PTRACE_ATTACH, 0x3ffffff, 0, 0));
  TRY(ptrace(PTRACE_CONT, 0x3ffffff, 0, 0));
  TRY(ptrace(static_cast<__ptrace_request>(12345), 1, 0, 0));
  const pid_t child = spawn([] {
    TRY(ptrace(PTRACE_TRACEME, 0, 0, 0));
    TRY(ptrace(PTRACE_TRACEME, 0, 0, 0));
    fflush(stdout);
    raise(SIGSTOP);
  });
  wait_for("stop", child);
  TRY(ptrace(static_cast<__ptrace_request>(12345), child, 0, 0));
  TRY(ptrace(PTRACE_GETREGS, child, 0, bad_pointer));
  finish(child);
  TRY(ptrace(PTRACE_GETREGS, child, 0, bad_pointer));
}

// A tracer that ends lets its tracee go, or takes it along.
void ends_of_tracers() {
  for (const long options : {0L, static_cast<long>(PTRACE_O_EXITKILL)}) {
    int ends[2];
    if (pipe(ends) != 0) return;
    const pid_t tracer = spawn([&ends, options] {
      const pid_t tracee = fork();
      if (tracee == 0) {
        close(ends[0]);
        usleep(200000);
        if (write(ends[1], "x", 1) != 1) _exit(1);
        _exit(0);
      }
      ptrace(PTRACE_SEIZE, tracee, 0, options);
      _exit(0);
    });
    close(ends[1]);
    waitpid(tracer, nullptr, 0);
    char byte;
    say("options %lx: %zd bytes of the tracee", options, read(ends[0], &byte, 1));
    close(ends[0]);
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count > 1 && strcmp(arguments[1], "leaf") == 0) {
    getppid();
    _exit(42);
  }
  setvbuf(stdout, nullptr, _IOFBF, 1 << 16);
  memory_and_registers();
  system_calls();
  execution(0, false);
  execution(0, true);
  execution(PTRACE_O_TRACEEXEC, false);
  execution(PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD, true);
  steps();
  new_processes();
  attaching();
  refusals();
  ends_of_tracers();
  fflush(stdout);
  return 0;
}
