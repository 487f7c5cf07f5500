// Process groups and sessions: setpgid(2), getpgid(2), getpgrp(2), setsid(2), getsid(2), and kill(2) to groups and to all.
#include <signal.h>
#include <sys/prctl.h>

#include "report.h"

namespace {

constexpr int kNoMembersPid = 3999999;

struct Pipe {
  int ends[2] = {-1, -1};
  Pipe() { (void)!pipe(ends); }
  ~Pipe() {
    close(ends[0]);
    close(ends[1]);
  }
  void go() const { (void)!write(ends[1], "g", 1); }
  void wait() const {
    char byte = 0;
    (void)!read(ends[0], &byte, 1);
  }
};

void end(pid_t pid) {
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
}

void show_ids(const char* who) {
  say("%s: leads its group %d, leads its session %d; group 1 %d, session 1 %d", who, getpgrp() == getpid(),
      getsid(0) == getpid(), getpgrp() == 1, getsid(0) == 1);
}

void errors() {
  TRY(setpgid(-1, 0));
  TRY(setpgid(0, -1));
  TRY(setpgid(kNoMembersPid, 0));
  TRY(setpgid(0, kNoMembersPid));
  TRY(getpgid(kNoMembersPid));
  TRY(getsid(kNoMembersPid));
  TRY(getpgid(-1));
  TRY(getsid(-1));
  TRY(setpgid(getppid() == 0 ? kNoMembersPid : getppid(), 0));
  say("of init: group %d session %d", getpgid(1), getsid(1));
  TRY(setsid() == getpid());
}

// A session leader may not leave its group, nor may its child be moved into another session.
void leader() {
  setsid();
  show_ids("leader");
  TRY(setsid());
  TRY(setpgid(0, 0));
  TRY(setpgid(getpid(), getpid()));
  const Pipe done;
  const Pipe ready;
  const pid_t other = child([&] {
    setsid();
    ready.go();
    done.wait();
  });
  ready.wait();
  TRY(setpgid(other, 0));
  TRY(setpgid(other, getpgrp()));
  TRY(setpgid(0, other));
  say("child's session: its own %d", getsid(other) == other);
  done.go();
  waitpid(other, nullptr, 0);
}

void children() {
  const Pipe done;
  const Pipe ready;
  const pid_t first = child([&] { done.wait(); });
  const pid_t second = child([&] { done.wait(); });
  TRY(setpgid(first, 0));
  say("  %d", getpgid(first) == first);
  TRY(setpgid(second, first));
  say("  %d", getpgid(second) == first);
  TRY(setpgid(second, second));
  TRY(setpgid(second, getpgrp()));
  say("  %d", getpgid(second) == getpgrp());
  done.go();
  done.go();
  waitpid(first, nullptr, 0);
  TRY(setpgid(first, 0));
  waitpid(second, nullptr, 0);
  TRY(setpgid(0, first));
  // After its exec a child is no longer the parent's to move.
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return;
  const pid_t executed = child([&] {
    char path[] = "/program";
    char word[] = "pause";
    char* arguments[] = {path, word, nullptr};
    execv(path, arguments);
  });
  close(ends[1]);
  char byte = 0;
  (void)!read(ends[0], &byte, 1);
  close(ends[0]);
  TRY(setpgid(executed, 0));
  TRY(setpgid(executed, executed));
  end(executed);
  // A grandchild is nobody's to move but its own.
  const Pipe id;
  const pid_t middle = child([&] {
    const pid_t grandchild = child([&] { done.wait(); });
    (void)!write(id.ends[1], &grandchild, sizeof grandchild);
    waitpid(grandchild, nullptr, 0);
  });
  pid_t grandchild = 0;
  (void)!read(id.ends[0], &grandchild, sizeof grandchild);
  TRY(setpgid(grandchild, 0));
  say("getpgid of a grandchild: %d, getsid: %d", getpgid(grandchild) == getpgrp(), getsid(grandchild) == getsid(0));
  done.go();
  waitpid(middle, nullptr, 0);
}

// A group outlives its leader, and can still be joined.
void leaderless() {
  const Pipe done;
  const pid_t first = child([&] { done.wait(); });
  setpgid(first, first);
  const pid_t second = child([&] { done.wait(); });
  setpgid(second, first);
  kill(first, SIGKILL);
  waitpid(first, nullptr, 0);
  say("group after its leader's end: %d", getpgid(second) == first);
  TRY(kill(-first, 0));
  const pid_t third = child([&] { done.wait(); });
  TRY(setpgid(third, first));
  TRY(kill(-first, SIGKILL));
  int status = 0;
  waitpid(second, &status, 0);
  say("  %x", status);
  waitpid(third, &status, 0);
  say("  %x", status);
  TRY(kill(-first, 0));
}

volatile sig_atomic_t caught = 0;
void count(int /*signal*/) { caught = caught + 1; }

void kill_groups() {
  signal(SIGUSR1, count);
  TRY(kill(-kNoMembersPid, 0));
  TRY(kill(INT32_MIN, 0));
  TRY(kill(0, 65));
  TRY(kill(0, -1));
  TRY(kill(-1, 65));
  // Its own group, with a child in it and one outside.
  setpgid(0, 0);
  const Pipe ready;
  const auto wait_for_signal = [&](bool own_group) {
    return child([&, own_group] {
      caught = 0;
      if (own_group) setpgid(0, 0);
      sigset_t set;
      sigset_t before;
      sigemptyset(&set);
      sigaddset(&set, SIGUSR1);
      sigaddset(&set, SIGUSR2);
      sigprocmask(SIG_BLOCK, &set, &before);
      ready.go();
      siginfo_t info;
      const int got = sigwaitinfo(&set, &info);
      say("child in %s group: signal %d", own_group ? "its own" : "the same", got);
    });
  };
  const pid_t inside = wait_for_signal(false);
  ready.wait();
  const pid_t outside = wait_for_signal(true);
  ready.wait();
  caught = 0;
  TRY(kill(0, SIGUSR1));
  waitpid(inside, nullptr, 0);
  say("caught %d", caught);
  TRY(kill(outside, SIGUSR2));
  waitpid(outside, nullptr, 0);
  TRY(kill(-getpgrp(), SIGUSR1));
  say("caught %d", caught);
}

// Everyone but init and the caller.
void kill_all() {
  signal(SIGUSR1, count);
  const Pipe ready;
  pid_t waiting[3];
  for (pid_t& pid : waiting) {
    pid = child([&] {
      sigset_t set;
      sigemptyset(&set);
      sigaddset(&set, SIGUSR1);
      sigprocmask(SIG_BLOCK, &set, nullptr);
      if (&pid == &waiting[1]) setsid();
      ready.go();
      siginfo_t info;
      sigwaitinfo(&set, &info);
      _exit(info.si_code == SI_USER ? 3 : 4);
    });
    ready.wait();
  }
  caught = 0;
  TRY(kill(-1, SIGUSR1));
  for (const pid_t pid : waiting) {
    int status = 0;
    waitpid(pid, &status, 0);
    say("  %x", status);
  }
  say("caught %d", caught);
}

// A stopped group that becomes orphaned gets SIGHUP and SIGCONT.
void orphaned() {
  const Pipe result;
  const Pipe ready;
  const pid_t parent = child([&] {
    setsid();  // or init, of the same session, would keep the group from being orphaned
    const pid_t stopped = child([&] {
      setpgid(0, 0);
      signal(SIGHUP, count);
      caught = 0;
      ready.go();
      kill(getpid(), SIGSTOP);
      const int answer = caught;
      (void)!write(result.ends[1], &answer, sizeof answer);
    });
    ready.wait();
    int status = 0;
    waitpid(stopped, &status, WUNTRACED);
    say("stopped: %d", WIFSTOPPED(status));
  });
  waitpid(parent, nullptr, 0);
  int answer = -1;
  (void)!read(result.ends[0], &answer, sizeof answer);
  say("SIGHUP for an orphaned group: %d", answer);
  if (getpid() == 1) waitpid(-1, nullptr, 0);
  // In an orphaned group, SIGTSTP does not stop.
  const pid_t lonely = child([&] {
    setsid();
    kill(getpid(), SIGTSTP);
    kill(getpid(), SIGTTIN);
    _exit(5);
  });
  int status = 0;
  waitpid(lonely, &status, WUNTRACED);
  say("SIGTSTP in an orphaned group: %x", status);
}

void as_init() {
  show_ids("init");
  TRY(setsid());
  TRY(setpgid(0, 0));
  TRY(setpgid(1, 1));
  TRY(setpgid(1, 0));
  TRY(kill(1, SIGTERM));
  TRY(kill(0, SIGTERM));
  TRY(kill(-1, 0));
  const Pipe done;
  const pid_t pid = child([&] {
    show_ids("child");
    TRY(setpgid(0, 0));
    TRY(setpgid(0, 1));
    show_ids("child, back");
    TRY(setpgid(getpid(), 1));
    TRY(getpgid(getppid()));
    TRY(setpgid(1, 0));
    TRY(kill(-1, 0));
    done.wait();
  });
  done.go();
  waitpid(pid, nullptr, 0);
  const pid_t moved = child([&] { done.wait(); });
  TRY(setpgid(moved, moved));
  TRY(setpgid(moved, 1));
  say("  %d", getpgid(moved));
  done.go();
  waitpid(moved, nullptr, 0);
}

}  // namespace

int main(int count_of_arguments, char** /*arguments*/) {
  if (count_of_arguments > 1) {
    pause();
    return 0;
  }
  enter_work_directory("groups");
  as_init();
  children();
  leaderless();
  orphaned();
  const auto rest = [] {
    show_ids("child");
    children();
    leaderless();
    kill_groups();
    kill_all();
    orphaned();
    leader();
  };
  in_child(errors);
  in_child(rest);
  in_child(rest, 1000, 1000);
  return 0;
}
