// Resource limits, priorities, scheduling, affinity and i/o priorities of members: getrlimit(2), prlimit(2), getpriority(2),
// sched(7), ioprio_set(2).
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>

#include <initializer_list>

#include "base/io_priority.h"
#include "report.h"

namespace {

constexpr int kNoMembersPid = 3999999;

long prlimit_raw(pid_t pid, int resource, const struct rlimit* wanted, struct rlimit* old) {
  return syscall(SYS_prlimit64, pid, resource, wanted, old);
}
long getpriority_raw(int which, int who) { return syscall(SYS_getpriority, which, who); }
long setpriority_raw(int which, int who, int nice) { return syscall(SYS_setpriority, which, who, nice); }
long ioprio_get_raw(int which, int who) { return syscall(SYS_ioprio_get, which, who); }
long ioprio_set_raw(int which, int who, int priority) { return syscall(SYS_ioprio_set, which, who, priority); }
long getscheduler(pid_t pid) { return syscall(SYS_sched_getscheduler, pid); }
long setscheduler(pid_t pid, int policy, int priority) {
  const struct sched_param parameter = {priority};
  return syscall(SYS_sched_setscheduler, pid, policy, &parameter);
}

void end(pid_t pid) {
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
}

void show_limit(const char* name, int resource) {
  struct rlimit limit;
  if (getrlimit(static_cast<__rlimit_resource>(resource), &limit) != 0) return;
  say("  %s: %ld %ld", name, static_cast<long>(limit.rlim_cur), static_cast<long>(limit.rlim_max));
}

void limits() {
  struct rlimit limit = {100, 200};
  struct rlimit old = {};
  show_limit("locks", RLIMIT_LOCKS);
  TRY(syscall(SYS_getrlimit, 16, &limit));
  TRY(syscall(SYS_setrlimit, 16, &limit));
  TRY(syscall(SYS_getrlimit, RLIMIT_NOFILE, bad_pointer));
  TRY(syscall(SYS_setrlimit, RLIMIT_NOFILE, bad_pointer));
  TRY(prlimit_raw(0, 16, nullptr, &old));
  TRY(prlimit_raw(kNoMembersPid, RLIMIT_NOFILE, nullptr, &old));
  TRY(prlimit_raw(-1, RLIMIT_NOFILE, nullptr, &old));
  TRY(prlimit_raw(0, RLIMIT_NOFILE, reinterpret_cast<struct rlimit*>(bad_pointer), nullptr));
  TRY(prlimit_raw(0, RLIMIT_NOFILE, nullptr, reinterpret_cast<struct rlimit*>(bad_pointer)));
  TRY(prlimit_raw(1, RLIMIT_CORE, nullptr, &old));
  in_child([&] {
    limit = {100, 200};
    TRY(syscall(SYS_setrlimit, RLIMIT_NOFILE, &limit));
    show_limit("files", RLIMIT_NOFILE);
    limit = {201, 200};
    TRY(syscall(SYS_setrlimit, RLIMIT_NOFILE, &limit));
    limit = {100, 300};
    TRY(syscall(SYS_setrlimit, RLIMIT_NOFILE, &limit));
    limit = {3, 200};
    TRY(prlimit_raw(0, RLIMIT_NOFILE, &limit, &old));
    say("  %lu %lu", old.rlim_cur, old.rlim_max);
    TRY(open("/dev/null", O_RDONLY));
    TRY(dup(1));
    limit = {200, 200};
    TRY(prlimit_raw(getpid(), RLIMIT_NOFILE, &limit, nullptr));
    TRY(dup2(1, 200));
    TRY(dup2(1, 199));
    // The limit that Linux keeps but no longer uses.
    for (const int resource : {RLIMIT_LOCKS, RLIMIT_RSS, RLIMIT_FSIZE, RLIMIT_SIGPENDING}) {
      limit = {10, 20};
      TRY(prlimit_raw(0, resource, &limit, nullptr));
      TRY(prlimit_raw(0, resource, nullptr, &old));
      say("  %lu %lu", old.rlim_cur, old.rlim_max);
      limit = {30, 20};
      TRY(prlimit_raw(0, resource, &limit, &old));
      limit = {10, 30};
      TRY(prlimit_raw(0, resource, &limit, &old));
      limit = {5, 15};
      TRY(syscall(SYS_setrlimit, resource, &limit));
      show_limit("now", resource);
      in_child([&] { show_limit("in a child", resource); });
    }
  });
  const pid_t roots = child([] { pause(); });
  in_child([&] {
    limit = {5, 15};
    TRY(prlimit_raw(roots, RLIMIT_LOCKS, &limit, &old));
    TRY(prlimit_raw(roots, RLIMIT_LOCKS, nullptr, &old));
    say("  %lu %lu", old.rlim_cur, old.rlim_max);
  });
  in_child(
      [&] {
        TRY(prlimit_raw(roots, RLIMIT_NOFILE, nullptr, &old));
        TRY(prlimit_raw(roots, RLIMIT_LOCKS, nullptr, &old));
        TRY(prlimit_raw(roots, 16, nullptr, &old));
        TRY(prlimit_raw(1, RLIMIT_NOFILE, nullptr, &old));
        const pid_t own = child([] { pause(); });
        limit = {50, 60};
        TRY(prlimit_raw(own, RLIMIT_NOFILE, &limit, &old));
        TRY(prlimit_raw(own, RLIMIT_NOFILE, nullptr, &old));
        say("  %lu %lu", old.rlim_cur, old.rlim_max);
        end(own);
        TRY(prlimit_raw(own, RLIMIT_NOFILE, nullptr, &old));
      },
      1000, 1000);
  end(roots);
  in_child([&] {
    limit = {1, 2};
    TRY(syscall(SYS_setrlimit, RLIMIT_CPU, &limit));
    while (true) {
    }
  });
  in_child([&] {
    signal(SIGXFSZ, SIG_IGN);
    limit = {3, 3};
    TRY(syscall(SYS_setrlimit, RLIMIT_FSIZE, &limit));
    const int fd = open("limited", O_CREAT | O_WRONLY, 0644);
    TRY(write(fd, "12345", 5));
    TRY(write(fd, "67", 2));
    TRY(ftruncate(fd, 4));
    TRY(truncate("limited", 4));
    close(fd);
  });
}

void priorities() {
  TRY(getpriority_raw(3, 0));
  TRY(setpriority_raw(3, 0, 0));
  TRY(getpriority_raw(PRIO_PROCESS, kNoMembersPid));
  TRY(setpriority_raw(PRIO_PROCESS, kNoMembersPid, 0));
  TRY(getpriority_raw(PRIO_PGRP, kNoMembersPid));
  TRY(getpriority_raw(PRIO_USER, 77777));
  TRY(getpriority_raw(PRIO_PROCESS, 0));
  TRY(getpriority_raw(PRIO_PROCESS, 1));
  TRY(getpriority_raw(PRIO_PGRP, 0));
  TRY(getpriority_raw(PRIO_PGRP, 1));
  in_child([] {
    TRY(setpriority_raw(PRIO_PROCESS, 0, 5));
    TRY(getpriority_raw(PRIO_PROCESS, 0));
    TRY(setpriority_raw(PRIO_PROCESS, 0, 100));
    TRY(getpriority_raw(PRIO_PROCESS, 0));
    TRY(setpriority_raw(PRIO_PROCESS, 0, 3));
    TRY(setpriority_raw(PRIO_PROCESS, 0, -100));
    TRY(getpriority_raw(PRIO_PROCESS, 0));
  });
  const pid_t roots = child([] { pause(); });
  in_child(
      [&] {
        TRY(setpriority_raw(PRIO_PROCESS, roots, 1));
        TRY(getpriority_raw(PRIO_PROCESS, roots));
        TRY(setpriority_raw(PRIO_USER, 0, 2));
        TRY(getpriority_raw(PRIO_USER, 0));
        TRY(getpriority_raw(PRIO_USER, 1000));
        const pid_t own = child([] { pause(); });
        setpgid(own, own);
        TRY(setpriority_raw(PRIO_PGRP, own, 7));
        TRY(getpriority_raw(PRIO_PROCESS, own));
        TRY(getpriority_raw(PRIO_PGRP, own));
        end(own);
      },
      1000, 1000);
  end(roots);
}

void io_priorities() {
  const int best = IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 5);
  TRY(ioprio_get_raw(0, 0));
  TRY(ioprio_get_raw(9, 0));
  TRY(ioprio_set_raw(9, 0, best));
  TRY(ioprio_get_raw(IOPRIO_WHO_PROCESS, kNoMembersPid));
  TRY(ioprio_get_raw(IOPRIO_WHO_PGRP, kNoMembersPid));
  TRY(ioprio_get_raw(IOPRIO_WHO_USER, 77777));
  TRY(ioprio_set_raw(IOPRIO_WHO_PROCESS, kNoMembersPid, best));
  in_child([&] {
    TRY(ioprio_get_raw(IOPRIO_WHO_PROCESS, 0));
    TRY(ioprio_set_raw(IOPRIO_WHO_PROCESS, 0, best));
    TRY(ioprio_get_raw(IOPRIO_WHO_PROCESS, 0));
    TRY(ioprio_set_raw(IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(7, 0)));
    TRY(ioprio_set_raw(IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_NONE, 3)));
    TRY(ioprio_set_raw(IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0)));
    TRY(ioprio_get_raw(IOPRIO_WHO_PROCESS, 0));
  });
  const pid_t roots = child([] { pause(); });
  in_child(
      [&] {
        TRY(ioprio_set_raw(IOPRIO_WHO_PROCESS, roots, best));
        TRY(ioprio_set_raw(IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_RT, 0)));
        TRY(ioprio_set_raw(IOPRIO_WHO_USER, 0, best));
        TRY(ioprio_get_raw(IOPRIO_WHO_USER, 0));
      },
      1000, 1000);
  end(roots);
}

void schedulers() {
  TRY(getscheduler(0));
  TRY(getscheduler(1));
  TRY(getscheduler(-1));
  TRY(getscheduler(kNoMembersPid));
  TRY(setscheduler(-1, SCHED_BATCH, 0));
  TRY(setscheduler(kNoMembersPid, SCHED_BATCH, 0));
  TRY(setscheduler(0, -1, 0));
  TRY(setscheduler(0, 99, 0));
  TRY(setscheduler(0, SCHED_OTHER, 1));
  TRY(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, nullptr));
  TRY(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, bad_pointer));
  in_child([] {
    TRY(setscheduler(0, SCHED_FIFO, 5));
    TRY(setscheduler(0, SCHED_BATCH, 0));
    TRY(getscheduler(0));
    TRY(setscheduler(0, SCHED_IDLE, 0));
    TRY(getscheduler(0));
    TRY(setscheduler(0, SCHED_OTHER, 0));
    TRY(setscheduler(0, SCHED_OTHER | 0x40000000, 0));
    TRY(getscheduler(0));
    in_child([] { TRY(getscheduler(0)); });
  });
  struct sched_param parameter = {3};
  TRY(syscall(SYS_sched_getparam, 0, &parameter));
  say("  %d", parameter.sched_priority);
  TRY(syscall(SYS_sched_getparam, kNoMembersPid, &parameter));
  TRY(syscall(SYS_sched_getparam, 0, nullptr));
  TRY(syscall(SYS_sched_setparam, 0, &parameter));
  struct timespec interval;
  TRY(syscall(SYS_sched_rr_get_interval, kNoMembersPid, &interval));
  TRY(syscall(SYS_sched_rr_get_interval, -1, &interval));
  TRY(syscall(SYS_sched_rr_get_interval, 0, &interval));
  struct {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
    uint32_t min, max;
  } attributes = {};
  TRY(syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0));
  say("  size %u policy %u nice %d", attributes.size, attributes.policy, attributes.nice);
  TRY(syscall(SYS_sched_getattr, 0, &attributes, 8, 0));
  TRY(syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 1));
  TRY(syscall(SYS_sched_getattr, kNoMembersPid, &attributes, sizeof attributes, 0));
  attributes.size = 48;
  attributes.policy = SCHED_BATCH;
  TRY(syscall(SYS_sched_setattr, 0, &attributes, 0));
  TRY(syscall(SYS_sched_setattr, 0, &attributes, 1));
  TRY(syscall(SYS_sched_setattr, kNoMembersPid, &attributes, 0));
  TRY(getscheduler(0));
  attributes.policy = SCHED_OTHER;
  TRY(syscall(SYS_sched_setattr, 0, &attributes, 0));
  attributes.size = 5000;
  TRY(syscall(SYS_sched_setattr, 0, &attributes, 0));
  const pid_t roots = child([] { pause(); });
  in_child(
      [&] {
        TRY(getscheduler(roots));
        TRY(setscheduler(roots, SCHED_BATCH, 0));
        TRY(setscheduler(0, SCHED_RR, 1));
      },
      1000, 1000);
  end(roots);
}

void affinity() {
  unsigned long mask[16] = {};
  TRY(syscall(SYS_sched_getaffinity, 0, 0, mask));
  TRY(syscall(SYS_sched_getaffinity, 0, 7, mask));
  TRY(syscall(SYS_sched_getaffinity, 0, sizeof mask, mask));
  say("  %lx", mask[0]);
  TRY(syscall(SYS_sched_getaffinity, 1, sizeof mask, mask));
  TRY(syscall(SYS_sched_getaffinity, kNoMembersPid, sizeof mask, mask));
  TRY(syscall(SYS_sched_getaffinity, getpid(), sizeof mask, bad_pointer));
  in_child([&] {
    unsigned long one = 1;
    TRY(syscall(SYS_sched_setaffinity, 0, sizeof one, &one));
    TRY(syscall(SYS_sched_getaffinity, getpid(), sizeof mask, mask));
    say("  %lx", mask[0]);
    one = 0;
    TRY(syscall(SYS_sched_setaffinity, getpid(), sizeof one, &one));
    TRY(syscall(SYS_sched_setaffinity, kNoMembersPid, sizeof one, &one));
    TRY(syscall(SYS_sched_setaffinity, getpid(), sizeof one, bad_pointer));
    in_child([&] {
      TRY(syscall(SYS_sched_getaffinity, 0, sizeof mask, mask));
      say("  %lx", mask[0]);
    });
  });
  const pid_t roots = child([] { pause(); });
  in_child(
      [&] {
        const unsigned long one = 1;
        TRY(syscall(SYS_sched_setaffinity, roots, sizeof one, &one));
        TRY(syscall(SYS_sched_getaffinity, roots, sizeof mask, mask));
      },
      1000, 1000);
  end(roots);
}

}  // namespace

int main() {
  enter_work_directory("limits");
  limits();
  priorities();
  io_priorities();
  schedulers();
  affinity();
  return 0;
}
