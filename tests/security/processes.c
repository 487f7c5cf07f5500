// Names of the host's processes: signals, tracing, limits, priorities, groups.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "hostile.h"

static char buffer[4096];

// Runs the call once for every outside process.
#define PID_ATTEMPT(name, ...)                       \
  static int try_##name(const struct target* t) {    \
    int claims = 0;                                  \
    for (int i = 0; i < 4 && t->pids[i] != 0; ++i) { \
      const long pid = t->pids[i];                   \
      claims += claimed(#name, raw(__VA_ARGS__));    \
    }                                                \
    return claims;                                   \
  }

static unsigned long limit[2] = {1, 1};
static int priority_parameter = 0;
static unsigned long mask = 1;

PID_ATTEMPT(kill, SYS_kill, pid, SIGUSR1)
PID_ATTEMPT(kill_probe, SYS_kill, pid, 0)
PID_ATTEMPT(kill_group, SYS_kill, -pid, SIGUSR1)
PID_ATTEMPT(tkill, SYS_tkill, pid, SIGUSR1)
PID_ATTEMPT(tgkill, SYS_tgkill, pid, pid, SIGUSR1)
PID_ATTEMPT(ptrace_attach, SYS_ptrace, PTRACE_ATTACH, pid, 0, 0)
PID_ATTEMPT(ptrace_seize, SYS_ptrace, PTRACE_SEIZE, pid, 0, 0)
PID_ATTEMPT(pidfd_open, SYS_pidfd_open, pid, 0)
PID_ATTEMPT(prlimit_get, SYS_prlimit64, pid, RLIMIT_NOFILE, 0, buffer)
PID_ATTEMPT(prlimit_set, SYS_prlimit64, pid, RLIMIT_NOFILE, limit, 0)
PID_ATTEMPT(setpriority, SYS_setpriority, PRIO_PROCESS, pid, 19)
PID_ATTEMPT(getpriority, SYS_getpriority, PRIO_PROCESS, pid)
PID_ATTEMPT(sched_setaffinity, SYS_sched_setaffinity, pid, sizeof mask, &mask)
PID_ATTEMPT(sched_getaffinity, SYS_sched_getaffinity, pid, sizeof buffer, buffer)
PID_ATTEMPT(sched_setscheduler, SYS_sched_setscheduler, pid, 3, &priority_parameter)
PID_ATTEMPT(sched_getscheduler, SYS_sched_getscheduler, pid)
PID_ATTEMPT(sched_getattr, SYS_sched_getattr, pid, buffer, 48, 0)
PID_ATTEMPT(ioprio_set, SYS_ioprio_set, 1, pid, (3 << 13) | 7)
PID_ATTEMPT(ioprio_get, SYS_ioprio_get, 1, pid)
PID_ATTEMPT(getpgid, SYS_getpgid, pid)
PID_ATTEMPT(getsid, SYS_getsid, pid)
PID_ATTEMPT(setpgid, SYS_setpgid, pid, pid)
PID_ATTEMPT(join_group, SYS_setpgid, 0, pid)
PID_ATTEMPT(kcmp, SYS_kcmp, pid, pid, 0, 0, 0)
PID_ATTEMPT(move_pages, SYS_move_pages, pid, 0, 0, 0, 0, 0)
PID_ATTEMPT(migrate_pages, SYS_migrate_pages, pid, 8, &mask, &mask)
PID_ATTEMPT(get_robust_list, SYS_get_robust_list, pid, buffer, buffer + 8)
PID_ATTEMPT(sched_rr_get_interval, SYS_sched_rr_get_interval, pid, buffer)
PID_ATTEMPT(perf_event_open, SYS_perf_event_open, buffer, pid, -1, -1, 0)
PID_ATTEMPT(sched_core, SYS_prctl, 62, 0, pid, 0, buffer)

static int try_memory(const struct target* t) {
  int claims = 0;
  for (int i = 0; i < 4 && t->pids[i] != 0; ++i) {
    struct iovec local = {buffer, 16};
    for (unsigned long address = 0x400000; address < 0x700000; address += 0x100000) {
      struct iovec remote = {(void*)address, 16};
      claims += claimed("process_vm_readv", raw(SYS_process_vm_readv, t->pids[i], &local, 1, &remote, 1, 0));
      claims += claimed("process_vm_writev", raw(SYS_process_vm_writev, t->pids[i], &local, 1, &remote, 1, 0));
    }
  }
  return claims;
}

static int try_queue(const struct target* t) {
  int claims = 0;
  siginfo_t info;
  memset(&info, 0, sizeof info);
  info.si_signo = SIGUSR1;
  info.si_code = SI_QUEUE;
  for (int i = 0; i < 4 && t->pids[i] != 0; ++i) {
    claims += claimed("rt_sigqueueinfo", raw(SYS_rt_sigqueueinfo, t->pids[i], SIGUSR1, &info));
    claims += claimed("rt_tgsigqueueinfo", raw(SYS_rt_tgsigqueueinfo, t->pids[i], t->pids[i], SIGUSR1, &info));
  }
  return claims;
}

// SIGIO and SIGURG to a process of the host, by a descriptor's owner.
static int try_owner(const struct target* t) {
  int ends[2];
  if (raw(SYS_pipe2, ends, 0) != 0) return 0;
  int claims = 0;
  for (int i = 0; i < 4 && t->pids[i] != 0; ++i) {
    claims += claimed("F_SETOWN", raw(SYS_fcntl, ends[0], 8, t->pids[i]));
    claims += claimed("F_SETOWN group", raw(SYS_fcntl, ends[0], 8, -t->pids[i]));
    struct {
      int type, pid;
    } owner = {1, t->pids[i]};
    claims += claimed("F_SETOWN_EX", raw(SYS_fcntl, ends[0], 15, &owner));
    claims += claimed("FIOSETOWN", raw(SYS_ioctl, ends[0], 0x8901, &t->pids[i]));
    claims += claimed("SIOCSPGRP", raw(SYS_ioctl, ends[0], 0x8902, &t->pids[i]));
  }
  return claims;
}

// Everyone on the host would be hit; the driver's process is a canary. Its own container's other processes may be.
static int try_kill_everyone(const struct target* t) {
  (void)t;
  raw(SYS_kill, -1, SIGUSR2);
  return 0;
}

// A timer that signals a thread of the host.
static int try_timer(const struct target* t) {
  int claims = 0;
  for (int i = 0; i < 4 && t->pids[i] != 0; ++i) {
    struct sigevent event;
    memset(&event, 0, sizeof event);
    event.sigev_notify = 4;  // SIGEV_THREAD_ID
    event.sigev_signo = SIGUSR1;
    *((int*)&event + 4) = t->pids[i];
    int timer = 0;
    claims += claimed("timer_create", raw(SYS_timer_create, 1, &event, &timer));
  }
  return claims;
}

// The identity of another: ids above its own, capabilities that it never had.
static int try_capabilities(const struct target* t) {
  (void)t;
  struct {
    unsigned version;
    int pid;
  } header = {0x20080522, 0};
  struct {
    unsigned effective, permitted, inheritable;
  } data[2] = {{~0U, ~0U, 0}, {~0U, ~0U, 0}};
  int claims = claimed("capset with every capability", raw(SYS_capset, &header, data));
  raw(SYS_prctl, 24, 21, 0, 0, 0);
  return claims;
}

// Every request of ptrace(2) but PTRACE_TRACEME, which names nobody, on processes that are nobody's tracees.
static int try_ptrace_requests(const struct target* t) {
  int claims = 0;
  for (int i = 0; i < 4 && t->pids[i] != 0; ++i) {
    for (long request = 1; request < 0x40; ++request) {
      claims += claimed("ptrace, an old request", raw(SYS_ptrace, request, t->pids[i], sizeof mask, buffer));
    }
    for (long request = 0x4200; request < 0x4220; ++request) {
      claims += claimed("ptrace, a new request", raw(SYS_ptrace, request, t->pids[i], 0, buffer));
    }
    claims += claimed("wait4 for a process outside", raw(SYS_wait4, t->pids[i], buffer, 1 | 0x40000000, 0));
  }
  return claims;
}

#define ENTRY(name) \
  { #name, try_##name }
const struct attempt process_attempts[] = {ENTRY(kill),
                                           ENTRY(kill_probe),
                                           ENTRY(kill_group),
                                           ENTRY(tkill),
                                           ENTRY(tgkill),
                                           ENTRY(ptrace_attach),
                                           ENTRY(ptrace_seize),
                                           ENTRY(ptrace_requests),
                                           ENTRY(pidfd_open),
                                           ENTRY(prlimit_get),
                                           ENTRY(prlimit_set),
                                           ENTRY(setpriority),
                                           ENTRY(getpriority),
                                           ENTRY(sched_setaffinity),
                                           ENTRY(sched_getaffinity),
                                           ENTRY(sched_setscheduler),
                                           ENTRY(sched_getscheduler),
                                           ENTRY(sched_getattr),
                                           ENTRY(ioprio_set),
                                           ENTRY(ioprio_get),
                                           ENTRY(getpgid),
                                           ENTRY(getsid),
                                           ENTRY(setpgid),
                                           ENTRY(join_group),
                                           ENTRY(kcmp),
                                           ENTRY(move_pages),
                                           ENTRY(migrate_pages),
                                           ENTRY(get_robust_list),
                                           ENTRY(sched_rr_get_interval),
                                           ENTRY(perf_event_open),
                                           ENTRY(sched_core),
                                           ENTRY(memory),
                                           ENTRY(queue),
                                           ENTRY(owner),
                                           ENTRY(kill_everyone),
                                           ENTRY(timer),
                                           ENTRY(capabilities),
                                           {NULL, NULL}};
