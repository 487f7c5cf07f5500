// A terminal as what controls a session (tty_ioctl(4), credentials(7), setpgid(2)): who gets it, who loses it, whom its keys
// and its hang-up reach, and what the background may do.
#include <asm/termbits.h>
#include <sys/prctl.h>

#include "terminals.h"

namespace {

constexpr pid_t kNobody = 3999999;

volatile sig_atomic_t caught[65];

void on_signal(int number) { caught[number] = caught[number] + 1; }

void catch_signals(std::initializer_list<int> numbers) {
  for (const int number : numbers) {
    caught[number] = 0;
    struct sigaction action = {};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigaction(number, &action, nullptr);
  }
}

void wait_for(int number) {
  for (int i = 0; i < 2000 && caught[number] == 0; ++i) usleep(5000);
}

void show_caught(const char* who, std::initializer_list<int> numbers) {
  printf("  %s caught:", who);
  for (const int number : numbers) {
    if (caught[number] != 0) printf(" %s", sigabbrev_np(number));
  }
  say("");
}

struct Signal {
  int ends[2] = {-1, -1};
  Signal() { (void)!pipe(ends); }
  ~Signal() {
    close(ends[0]);
    close(ends[1]);
  }
  void give() const { (void)!write(ends[1], "g", 1); }
  void take() const {
    char byte = 0;
    while (read(ends[0], &byte, 1) < 0 && errno == EINTR) continue;
  }
};

void end_of(pid_t pid, const char* who) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  say("  %s ended with %x", who, status);
}

// `work` in a session of its own.
template <typename Work>
void in_session(const char* name, const Work& work) {
  say("%s", name);
  const pid_t pid = child([&] {
    if (setsid() < 0) say("setsid: %s", strerrorname_np(errno));
    signal(SIGHUP, SIG_IGN);  // the master is closed before the session ends
    work();
  });
  end_of(pid, "session");
}

// Terminal, session, foreground group as proc_pid_stat(5) shows them.
void show_control(const char* who) {
  char text[1024] = "";
  const int fd = open("/proc/self/stat", O_RDONLY);
  (void)!read(fd, text, sizeof text - 1);
  close(fd);
  char state = 0;
  int parent = 0, group = 0, session = 0, terminal = 0, foreground = 0;
  const char* end = strrchr(text, ')');
  sscanf(end != nullptr ? end + 1 : "", " %c %d %d %d %d %d", &state, &parent, &group, &session, &terminal, &foreground);
  say("  %s: has a terminal %d, own group in the foreground %d", who, terminal != 0, foreground == group);
}

void show_groups(const char* who, int fd) {
  pid_t group = -5;
  pid_t session = -5;
  const long got_group = TRY(ioctl(fd, TIOCGPGRP, &group));
  const long got_session = TRY(ioctl(fd, TIOCGSID, &session));
  say("  %s: group is own %d, session is own %d", who, got_group == 0 && group == getpgrp(),
      got_session == 0 && session == getsid(0));
}

void gains() {
  in_session("by open", [] {
    const Pair pair;
    show_control("before");
    TRY_OPEN(open("/dev/tty", O_RDWR));
    show_groups("slave", pair.slave);
    show_groups("master", pair.master);
    const int fd = open(pair.name, O_RDWR);
    show_control("after");
    show_groups("slave", fd);
    show_groups("master", pair.master);
    const Pair second;
    TRY(open(second.name, O_RDWR) >= 0);
    TRY(ioctl(second.slave, TIOCSCTTY, 0));
    show_groups("second", second.slave);
    TRY(ioctl(second.slave, TIOCNOTTY, 0));
  });
  in_session("not by these", [] {
    const Pair pair;
    TRY_OPEN(open(pair.name, O_RDWR | O_NOCTTY) < 0 ? -1 : 99);
    show_control("O_NOCTTY");
    TRY(open(pair.name, O_WRONLY) >= 0);
    show_control("O_WRONLY");
    TRY(open(pair.name, O_PATH) >= 0);
    show_control("O_PATH");
    TRY(open("/dev/ptmx", O_RDWR) >= 0);
    show_control("ptmx");
    in_child([&] {
      TRY(open(pair.name, O_RDWR) >= 0);
      show_control("no leader");
      TRY(ioctl(pair.slave, TIOCSCTTY, 0));
    });
    TRY(ioctl(pair.master, TIOCGPTPEER, O_RDWR) >= 0);
    show_control("TIOCGPTPEER");
  });
  in_session("by TIOCSCTTY", [] {
    const Pair pair;
    TRY(ioctl(pair.slave, TIOCSCTTY, 0));
    show_control("leader");
    TRY(ioctl(pair.slave, TIOCSCTTY, 0));
    TRY(ioctl(pair.slave, TIOCSCTTY, 1));
    in_child([&] {
      show_control("child");
      show_groups("child", pair.slave);
      TRY(ioctl(pair.slave, TIOCSCTTY, 0));
    });
    const pid_t other = child([&] {
      setsid();
      show_control("another session");
      show_groups("another session", pair.slave);
      TRY(ioctl(pair.slave, TIOCSCTTY, 0));
      TRY(ioctl(pair.slave, TIOCSCTTY, 1));
      TRY(open(pair.name, O_RDWR) >= 0);
      show_control("another session");
      const pid_t own = getpgrp();
      TRY(ioctl(pair.slave, TIOCSPGRP, &own));
    });
    end_of(other, "other");
    show_groups("leader", pair.slave);
  });
}

void losses() {
  in_session("TIOCNOTTY of a child", [] {
    const Pair pair;
    TRY(ioctl(pair.slave, TIOCNOTTY, 0));
    ioctl(pair.slave, TIOCSCTTY, 0);
    in_child([&] {
      TRY(ioctl(pair.slave, TIOCNOTTY, 0));
      show_control("child");
      TRY(open("/dev/tty", O_RDWR));
      TRY(ioctl(pair.slave, TIOCNOTTY, 0));
      show_groups("child", pair.slave);
    });
    show_control("leader");
  });
  in_session("TIOCNOTTY of the leader", [] {
    const Pair pair;
    ioctl(pair.slave, TIOCSCTTY, 0);
    const Signal ready;
    const pid_t other = child([&] {
      setpgid(0, 0);
      catch_signals({SIGHUP, SIGCONT});
      ready.give();
      wait_for(SIGHUP);
      wait_for(SIGCONT);
      show_caught("foreground", {SIGHUP, SIGCONT});
      show_control("foreground");
    });
    ready.take();
    signal(SIGTTOU, SIG_IGN);
    TRY(ioctl(pair.slave, TIOCSPGRP, &other));
    catch_signals({SIGHUP, SIGCONT});
    TRY(ioctl(pair.slave, TIOCNOTTY, 0));
    end_of(other, "foreground");
    show_caught("leader", {SIGHUP, SIGCONT});
    show_control("leader");
    TRY(ioctl(pair.slave, TIOCSCTTY, 0));
    show_control("leader");
  });
  say("the leader's end");
  const Pair pair;
  const Signal ready;
  const Signal gone;
  const pid_t leader = child([&] {
    setsid();
    ioctl(pair.slave, TIOCSCTTY, 0);
    child([&] {
      catch_signals({SIGHUP, SIGCONT});
      ready.give();
      wait_for(SIGHUP);
      show_caught("foreground", {SIGHUP});
      fflush(stdout);
      show_control("foreground");
      TRY(write(pair.slave, "still open\n", 11));
      fflush(stdout);
      gone.give();
    });
    ready.take();
    say("  the leader ends");
  });
  end_of(leader, "leader");
  gone.take();
  pid_t group = -5;
  TRY(ioctl(pair.master, TIOCGSID, &group));
  TRY(ioctl(pair.master, TIOCGPGRP, &group));
  say("  %d", group);
}

void hang_ups() {
  in_session("the master's end", [] {
    Pair pair;
    ioctl(pair.slave, TIOCSCTTY, 0);
    catch_signals({SIGHUP, SIGCONT});
    pair.close_master();
    wait_for(SIGHUP);
    wait_for(SIGCONT);
    show_caught("leader", {SIGHUP, SIGCONT});
    show_control("leader");
    pid_t group = getpgrp();
    TRY(ioctl(pair.slave, TIOCGPGRP, &group));
    TRY(ioctl(pair.slave, TIOCSPGRP, &group));
    TRY(ioctl(pair.slave, TIOCGSID, &group));
    TRY(ioctl(pair.slave, TIOCNOTTY, 0));
    TRY(ioctl(pair.slave, TIOCSCTTY, 0));
    TRY(open("/dev/tty", O_RDWR));
    char byte = 0;
    TRY(read(pair.slave, &byte, 1));
    TRY(write(pair.slave, "x", 1));
  });
  in_session("a stopped foreground", [] {
    Pair pair;
    ioctl(pair.slave, TIOCSCTTY, 0);
    catch_signals({SIGHUP, SIGCONT});
    const pid_t stopped = child([&] {
      pair.close_master();
      signal(SIGHUP, SIG_DFL);
      raise(SIGSTOP);
      pause();
    });
    int status = 0;
    waitpid(stopped, &status, WUNTRACED);
    say("  stopped %d", WIFSTOPPED(status));
    pair.close_master();
    wait_for(SIGHUP);
    wait_for(SIGCONT);
    show_caught("leader", {SIGHUP, SIGCONT});
    TRY(waitpid(stopped, &status, WNOHANG | WCONTINUED));
    kill(stopped, SIGKILL);
    end_of(stopped, "stopped");
  });
}

void foreground_groups() {
  in_session("TIOCSPGRP", [] {
    const Pair pair;
    pid_t group = getpgrp();
    TRY(ioctl(pair.slave, TIOCSPGRP, &group));
    group = -1;
    TRY(ioctl(pair.slave, TIOCSPGRP, &group));
    ioctl(pair.slave, TIOCSCTTY, 0);
    TRY(ioctl(pair.slave, TIOCSPGRP, &group));
    TRY(ioctl(pair.slave, TIOCSPGRP, bad_pointer));
    TRY(ioctl(pair.slave, TIOCGPGRP, bad_pointer));
    TRY(ioctl(pair.slave, TIOCGSID, bad_pointer));
    group = 0;
    TRY(ioctl(pair.slave, TIOCSPGRP, &group));
    group = kNobody;
    TRY(ioctl(pair.slave, TIOCSPGRP, &group));
    group = 1;
    TRY(ioctl(pair.slave, TIOCSPGRP, &group));
    group = getppid();
    TRY(ioctl(pair.slave, TIOCSPGRP, &group));
    const Signal done;
    const pid_t other_session = child([&] {
      setsid();
      done.take();
    });
    while (getsid(other_session) != other_session) usleep(1000);
    TRY(ioctl(pair.slave, TIOCSPGRP, &other_session));
    const pid_t no_leader = child([&] { done.take(); });
    TRY(ioctl(pair.slave, TIOCSPGRP, &no_leader));
    group = getpgrp();
    signal(SIGTTOU, SIG_IGN);
    TRY(ioctl(pair.slave, TIOCSPGRP, &group));
    TRY(ioctl(pair.master, TIOCSPGRP, &group));
    done.give();
    done.give();
    end_of(other_session, "other session");
    end_of(no_leader, "no leader");
    const pid_t gone = child([] {
      setpgid(0, 0);
      pause();
    });
    setpgid(gone, gone);
    TRY(ioctl(pair.slave, TIOCSPGRP, &gone));
    kill(gone, SIGKILL);
    group = -5;
    TRY(ioctl(pair.slave, TIOCGPGRP, &group));
    say("  still its number %d", group == gone);
    end_of(gone, "foreground");
    group = -5;
    TRY(ioctl(pair.slave, TIOCGPGRP, &group));
    say("  still its number %d", group == gone);
    TRY(ioctl(pair.master, TIOCGPGRP, &group));
    say("  still its number %d", group == gone);
    TRY(ioctl(pair.slave, TIOCSPGRP, &gone));
    show_control("leader");
    char byte = 0;
    TRY(read(pair.slave, &byte, 1));
  });
}

// A child in a background group that does `work`; how it stopped, and what it says once it is in the foreground.
template <typename Work>
void in_background(const char* name, const Pair& pair, const Work& work) {
  say(" %s", name);
  const pid_t background = child([&] {
    setpgid(0, 0);
    work();
  });
  setpgid(background, background);
  int status = 0;
  waitpid(background, &status, WUNTRACED);
  if (!WIFSTOPPED(status)) {
    say("  does not stop: %x", status);
    return;
  }
  say("  stopped by %s", sigabbrev_np(WSTOPSIG(status)));
  ioctl(pair.slave, TIOCSPGRP, &background);
  kill(-background, SIGCONT);
  waitpid(background, &status, 0);
  const pid_t own = getpgrp();
  ioctl(pair.slave, TIOCSPGRP, &own);
  say("  ended with %x", status);
}

void set_flag(int fd, tcflag_t flag, bool on) {
  struct termios now = {};
  ioctl(fd, TCGETS, &now);
  now.c_lflag = on ? now.c_lflag | flag : now.c_lflag & ~flag;
  ioctl(fd, TCSETS, &now);
}

void background() {
  in_session("background", [] {
    const Pair pair;
    ioctl(pair.slave, TIOCSCTTY, 0);
    // The session keeps its processes from being orphans: their parent is here, in another group.
    const pid_t shell = child([&] {
      setpgid(0, 0);
      const pid_t own = getpgrp();
      signal(SIGTTOU, SIG_IGN);
      TRY(ioctl(pair.slave, TIOCSPGRP, &own));
      char byte = 0;
      in_background("reads", pair, [&] {
        TRY(read(pair.slave, &byte, 1) >= -1);
        show_control("reader");
      });
      in_background("reads, ignoring", pair, [&] {
        signal(SIGTTIN, SIG_IGN);
        TRY(read(pair.slave, &byte, 1));
      });
      in_background("reads, blocking", pair, [&] {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGTTIN);
        sigprocmask(SIG_BLOCK, &set, nullptr);
        TRY(read(pair.slave, &byte, 1));
      });
      in_background("writes", pair, [&] { TRY(write(pair.slave, "w", 1)); });
      set_flag(pair.slave, TOSTOP, true);
      in_background("writes with tostop", pair, [&] {
        signal(SIGTTOU, SIG_DFL);
        TRY(write(pair.slave, "w", 1));
      });
      in_background("writes with tostop, ignoring", pair, [&] { TRY(write(pair.slave, "w", 1)); });
      set_flag(pair.slave, TOSTOP, false);
      in_background("sets modes", pair, [&] {
        signal(SIGTTOU, SIG_DFL);
        struct termios now = {};
        TRY(ioctl(pair.slave, TCGETS, &now));
        TRY(ioctl(pair.slave, TCSETS, &now));
      });
      in_background("takes the foreground", pair, [&] {
        signal(SIGTTOU, SIG_DFL);
        const pid_t group = getpgrp();
        TRY(ioctl(pair.slave, TIOCSPGRP, &group));
        show_control("taker");
      });
      in_background("takes the foreground, ignoring", pair, [&] {
        const pid_t group = getpgrp();
        TRY(ioctl(pair.slave, TIOCSPGRP, &group));
        show_control("taker");
        const pid_t back = getppid();
        TRY(ioctl(pair.slave, TIOCSPGRP, &back));
      });
      in_background("flushes", pair, [&] {
        signal(SIGTTOU, SIG_DFL);
        TRY(ioctl(pair.slave, TCFLSH, 0));
      });
      put(pair.master, "again\n");
      in_background("through /dev/tty", pair, [&] {
        const int tty = open("/dev/tty", O_RDWR);
        TRY(read(tty, &byte, 1) >= -1);
      });
    });
    put(pair.master, "typed\n");
    end_of(shell, "shell");
  });
  in_session("an orphaned group", [] {
    const Pair pair;
    ioctl(pair.slave, TIOCSCTTY, 0);
    // Its parent, the leader, is in another group of the session but ends first.
    const Signal left;
    const Signal done;
    const pid_t middle = child([&] {
      child([&] {
        setpgid(0, 0);
        left.take();
        char byte = 0;
        TRY(read(pair.slave, &byte, 1));
        const pid_t own = getpgrp();
        TRY(ioctl(pair.slave, TIOCSPGRP, &own));
        TRY(kill(getpid(), SIGTSTP));
        fflush(stdout);
        done.give();
      });
    });
    waitpid(middle, nullptr, 0);
    left.give();
    done.take();
  });
}

void keys() {
  in_session("keys", [] {
    const Pair pair;
    ioctl(pair.slave, TIOCSCTTY, 0);
    catch_signals({SIGINT, SIGQUIT, SIGTSTP, SIGWINCH});
    const struct {
      const char* keys;
      int number;
    } signals[] = {{"\x03", SIGINT}, {"\x1c", SIGQUIT}, {"\x1a", SIGTSTP}};
    for (const auto& key : signals) {
      put(pair.master, "lost");
      put(pair.master, key.keys);
      wait_for(key.number);
      int waiting = -1;
      ioctl(pair.slave, FIONREAD, &waiting);
      say("  %s %d, left to read %d", sigabbrev_np(key.number), caught[key.number], waiting);
    }
    TRY(ioctl(pair.master, TIOCSIG, SIGINT));
    say("  INT %d", caught[SIGINT]);
    struct winsize size = {24, 80, 0, 0};
    TRY(ioctl(pair.master, TIOCSWINSZ, &size));
    wait_for(SIGWINCH);
    say("  WINCH %d", caught[SIGWINCH]);
    TRY(ioctl(pair.master, TIOCSWINSZ, &size));
    size.ws_col = 90;
    TRY(ioctl(pair.slave, TIOCSWINSZ, &size));
    for (int i = 0; i < 2000 && caught[SIGWINCH] < 2; ++i) usleep(5000);
    say("  WINCH %d", caught[SIGWINCH]);
    set_flag(pair.slave, ISIG, false);
    put(pair.master, "\x03\n");
    show_read("slave", pair.slave);
    say("  INT %d", caught[SIGINT]);
  });
}

void dev_tty() {
  in_session("/dev/tty", [] {
    TRY(open("/dev/tty", O_RDWR));
    const Pair pair;
    ioctl(pair.slave, TIOCSCTTY, 0);
    const int tty = open("/dev/tty", O_RDWR);
    TRY(tty >= 0);
    struct stat status = {};
    TRY(stat("/dev/tty", &status));
    say("  mode %o device %u:%u", status.st_mode, major(status.st_rdev), minor(status.st_rdev));
    char link[64];
    char target[64] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", tty);
    TRY(readlink(link, target, sizeof target - 1) > 0);
    say("  is called %s", strcmp(target, pair.name) == 0 ? "by its slave's path" : target);
    put(tty, "through\n");
    show_read("master", pair.master);
    show_groups("tty", tty);
    pid_t group = getpgrp();
    TRY(ioctl(tty, TIOCSPGRP, &group));
    TRY(ioctl(tty, TIOCSCTTY, 0));
    in_child([] { TRY(open("/dev/tty", O_RDONLY | O_NONBLOCK) >= 0); }, 1000, 1000);
    TRY_OPEN(open("/dev/tty", O_RDWR | O_CREAT, 0666) < 0 ? -1 : 99);
    TRY(open("/dev/tty", O_RDWR | O_DIRECTORY));
    in_child([&] {
      setsid();
      TRY(open("/dev/tty", O_RDWR));
      TRY(write(tty, "of another session\n", 19));
      show_groups("other", tty);
    });
    show_read("master", pair.master);
    TRY(ioctl(tty, TIOCNOTTY, 0));
    TRY(open("/dev/tty", O_RDWR));
    show_groups("tty", tty);
  });
}

}  // namespace

int main() {
  enter_work_directory("/tmp/tty_control");
  gains();
  losses();
  hang_ups();
  foreground_groups();
  background();
  keys();
  dev_tty();
  return 0;
}
