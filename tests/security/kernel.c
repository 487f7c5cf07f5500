// Parts of the kernel that would get around the shim, other ways into the kernel, and the shim's own code.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#include "hostile.h"

static char buffer[4096];

#define CALL_ATTEMPT(name, ...)                   \
  static int try_##name(const struct target* t) { \
    (void)t;                                      \
    return claimed(#name, raw(__VA_ARGS__));      \
  }

CALL_ATTEMPT(io_uring_setup, 425, 8, buffer)
CALL_ATTEMPT(bpf, SYS_bpf, 0, buffer, 64)
CALL_ATTEMPT(userfaultfd, SYS_userfaultfd, 1)
CALL_ATTEMPT(add_key, SYS_add_key, "user", "x", "1", 1, -3)
CALL_ATTEMPT(request_key, SYS_request_key, "user", "x", 0, 0)
CALL_ATTEMPT(keyctl, SYS_keyctl, 0, -3, 1)
CALL_ATTEMPT(unshare_user, SYS_unshare, CLONE_NEWUSER)
CALL_ATTEMPT(unshare_mount, SYS_unshare, CLONE_NEWNS)
CALL_ATTEMPT(unshare_pid, SYS_unshare, CLONE_NEWPID)
CALL_ATTEMPT(unshare_network, SYS_unshare, CLONE_NEWNET)
CALL_ATTEMPT(unshare_uts, SYS_unshare, CLONE_NEWUTS)
CALL_ATTEMPT(unshare_ipc, SYS_unshare, CLONE_NEWIPC)
CALL_ATTEMPT(unshare_cgroup, SYS_unshare, 0x02000000)
CALL_ATTEMPT(setns, SYS_setns, 0, 0)
CALL_ATTEMPT(fsopen, 430, "tmpfs", 0)
CALL_ATTEMPT(move_mount, 429, 0, "", 0, "", 4)
CALL_ATTEMPT(mount_setattr, 442, 0, "", 0x1000, buffer, 32)
CALL_ATTEMPT(init_module, SYS_init_module, buffer, 16, "")
CALL_ATTEMPT(finit_module, SYS_finit_module, 0, "", 0)
CALL_ATTEMPT(delete_module, SYS_delete_module, "x", 0)
CALL_ATTEMPT(kexec_load, SYS_kexec_load, 0, 0, 0, 0)
CALL_ATTEMPT(reboot_off, SYS_reboot, 0xfee1dead, 672274793, 0, 0)
CALL_ATTEMPT(settimeofday, SYS_settimeofday, buffer, 0)
CALL_ATTEMPT(clock_settime, SYS_clock_settime, 0, buffer)
CALL_ATTEMPT(iopl, SYS_iopl, 3)
CALL_ATTEMPT(ioperm, SYS_ioperm, 0x80, 1, 1)
CALL_ATTEMPT(syslog_read, SYS_syslog, 3, buffer, sizeof buffer)
CALL_ATTEMPT(vhangup, SYS_vhangup, 0)
CALL_ATTEMPT(nfsservctl, SYS_nfsservctl, 0, 0, 0)
CALL_ATTEMPT(lookup_dcookie, SYS_lookup_dcookie, 1, buffer, 64)
CALL_ATTEMPT(open_by_handle_at, SYS_open_by_handle_at, AT_FDCWD, buffer, O_RDONLY)
CALL_ATTEMPT(memory_policy_of_others, SYS_process_madvise, 0, buffer, 1, 20, 0)
CALL_ATTEMPT(x32_getpid, 0x40000000 + SYS_getpid)
CALL_ATTEMPT(x32_open, 0x40000000 + SYS_open, "/", 0)
CALL_ATTEMPT(unknown_number, 1023)
CALL_ATTEMPT(huge_number, -2L)
CALL_ATTEMPT(exe_link, SYS_prctl, 35, 13, 0, 0, 0)

static int try_namespace_clone(const struct target* t) {
  (void)t;
  static const unsigned long kinds[] = {CLONE_NEWUSER, CLONE_NEWNS,  CLONE_NEWPID, CLONE_NEWNET,
                                        CLONE_NEWUTS,  CLONE_NEWIPC, 0x02000000};
  int claims = 0;
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; ++i) {
    const long child = raw(SYS_clone, kinds[i] | SIGCHLD, 0, 0, 0, 0);
    if (child == 0) raw(SYS_exit_group, 0);
    claims += claimed("clone into a namespace", child);
    struct {
      uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
    } arguments = {.flags = kinds[i], .exit_signal = SIGCHLD};
    const long other = raw(SYS_clone3, &arguments, sizeof arguments);
    if (other == 0) raw(SYS_exit_group, 0);
    claims += claimed("clone3 into a namespace", other);
  }
  return claims;
}

// int 0x80: the i386 table, in which 20 is getpid and 5 is open. May kill the process, which refuses it too.
static int try_int80(const struct target* t) {
  (void)t;
  long result = 20;
  __asm__ volatile("int $0x80" : "+a"(result)::"memory", "r8", "r9", "r10", "r11");
  return claimed("int 0x80 getpid", result);
}

// TIOCSTI puts input into a terminal that others read; TIOCLINUX pastes into a console.
static int try_terminal_input(const struct target* t) {
  (void)t;
  const long master = raw(SYS_open, "/dev/ptmx", O_RDWR | O_NOCTTY);
  int claims = 0;
  char byte = 'x';
  for (int fd = 0; fd < 3; ++fd) claims += claimed("TIOCSTI", raw(SYS_ioctl, fd, TIOCSTI, &byte));
  if (master >= 0) {
    claims += claimed("TIOCSTI on its own", raw(SYS_ioctl, master, TIOCSTI, &byte));
    claims += claimed("TIOCLINUX", raw(SYS_ioctl, master, TIOCLINUX, &byte));
    claims += claimed("TIOCCONS", raw(SYS_ioctl, master, TIOCCONS, 0));
    // The kernel cuts the request to 32 bits; a filter that compares 64 would let this one through.
    claims += claimed("TIOCSTI with high bits", raw(SYS_ioctl, master, TIOCSTI | 0x100000000L, &byte));
  }
  return claims;
}

// A listener of its own would let a guest answer its children's calls with CONTINUE: harmless only if it gets none.
static int try_own_listener(const struct target* t) {
  (void)t;
  struct sock_filter code[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  struct sock_fprog program = {1, code};
  return claimed("seccomp listener", raw(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program));
}

// A filter that allows everything does not weaken the one below it.
static int try_allowing_filter(const struct target* t) {
  struct sock_filter code[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  struct sock_fprog program = {1, code};
  raw(SYS_prctl, 38, 1, 0, 0, 0);
  raw(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
  return claimed("open behind an own filter", raw(SYS_open, t->file, O_RDONLY));
}

// The tag that carries a process's state: a guest that could write it would choose its credentials.
static int try_forge_state(const struct target* t) {
  (void)t;
  unsigned long limit[2] = {1, 1};
  unsigned long seen[2] = {0, 0};
  raw(SYS_setrlimit, 10, limit);
  raw(SYS_prlimit64, 0, 10, limit, 0);
  int claims = claimed("stat after forging", raw(SYS_stat, "/", buffer) == 0 ? -EPERM : 1);
  if (raw(SYS_getrlimit, 10, seen) == 0 && seen[0] != ~0UL && seen[0] != 1) claims += claimed("reads its state's tag", 1);
  if (raw(SYS_prlimit64, 0, 10, 0, seen) == 0 && seen[0] != ~0UL && seen[0] != 1) claims += claimed("reads its tag", 1);
  return claims;
}

// The blob's own `syscall` instruction, with registers of the guest's choice. It reports to the monitor afterwards, which
// knows of no nudge: the process is killed, unless the call itself already did harm. Run in a child each.
#define BLOB_ENTRY 0x7ea000000000UL
static void jump_into_blob(long number, long a, long b, long c, long d, long e) {
  const pid_t child = (pid_t)raw(SYS_fork);
  if (child == 0) {
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = 0;
    __asm__ volatile("jmp *%[entry]" ::[entry] "r"(BLOB_ENTRY), "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "memory");
    __builtin_unreachable();
  }
  int status = 0;
  raw(SYS_wait4, child, &status, 0, 0);
}

static int try_blob_calls(const struct target* t) {
  char path[4096];
  snprintf(path, sizeof path, "%s/made-by-a-guest", t->directory);
  char* argv[] = {"x", NULL};
  jump_into_blob(SYS_open, (long)path, O_CREAT | O_RDWR, 0600, 0, 0);
  jump_into_blob(SYS_openat, AT_FDCWD, (long)path, O_CREAT | O_RDWR, 0600, 0);
  jump_into_blob(SYS_mkdir, (long)path, 0700, 0, 0, 0);
  jump_into_blob(SYS_chmod, (long)t->file, 0777, 0, 0, 0);
  jump_into_blob(SYS_chown, (long)t->file, 1, 1, 0, 0);
  jump_into_blob(SYS_utimensat, AT_FDCWD, (long)t->file, 0, 0, 0);
  jump_into_blob(SYS_unlink, (long)t->file, 0, 0, 0, 0);
  jump_into_blob(SYS_truncate, (long)t->file, 0, 0, 0, 0);
  jump_into_blob(SYS_setxattr, (long)t->file, (long)"user.x", (long)"1", 1, 0);
  jump_into_blob(SYS_execve, (long)"/bin/true", (long)argv, (long)(argv + 1), 0, 0);
  jump_into_blob(SYS_execveat, AT_FDCWD, (long)"/bin/true", (long)argv, (long)(argv + 1), 0);
  jump_into_blob(SYS_execveat, 0, (long)(BLOB_ENTRY + 0x40), (long)argv, (long)(argv + 1), AT_EMPTY_PATH);
  for (int i = 0; i < 4 && t->pids[i] != 0; ++i) {
    jump_into_blob(SYS_kill, t->pids[i], SIGUSR1, 0, 0, 0);
    jump_into_blob(SYS_tgkill, t->pids[i], t->pids[i], SIGUSR1, 0, 0);
    jump_into_blob(SYS_setpgid, t->pids[i], t->pids[i], 0, 0, 0);
    jump_into_blob(SYS_prlimit64, t->pids[i], 7, (long)buffer, 0, 0);
  }
  jump_into_blob(SYS_setrlimit, 10, (long)buffer, 0, 0, 0);
  jump_into_blob(SYS_unshare, CLONE_NEWUSER, 0, 0, 0, 0);
  return 0;
}

// The hypercalls themselves: without an exec or a nudge under way they get nothing.
static int try_hypercalls(const struct target* t) {
  (void)t;
  for (long number = 0x2c420000; number < 0x2c420008; ++number) {
    const pid_t child = (pid_t)raw(SYS_fork);
    if (child == 0) {
      memset(buffer, 0xff, sizeof buffer);
      raw(number, buffer, sizeof buffer, 0, 0, 0, 0);
      raw(SYS_exit_group, raw(SYS_fcntl, 3, F_GETFD) >= 0 ? 1 : 0);
    }
    int status = 0;
    raw(SYS_wait4, child, &status, 0, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 1) return claimed("a hypercall gave a descriptor", 1);
  }
  return 0;
}

// A native exec of the guest's own memfd would run without the loader; it must not come with another program's credentials.
static int try_own_memfd(const struct target* t) {
  (void)t;
  static const char script[] = "#!/bin/true\n";
  const long fd = raw(SYS_memfd_create, "x", 0);
  if (fd < 0) return 0;
  raw(SYS_write, fd, script, sizeof script - 1);
  char* argv[] = {"x", NULL};
  jump_into_blob(SYS_execveat, fd, (long)(BLOB_ENTRY + 0x40), (long)argv, (long)(argv + 1), AT_EMPTY_PATH);
  return 0;
}

// Without the blob's pages an exec has nowhere to be nudged to: the process may die, the monitor must not.
static int try_unmap_blob(const struct target* t) {
  (void)t;
  const pid_t child = (pid_t)raw(SYS_fork);
  if (child == 0) {
    raw(SYS_munmap, BLOB_ENTRY, 0x10000);
    raw(SYS_mmap, BLOB_ENTRY, 0x1000, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    char* argv[] = {"true", NULL};
    raw(SYS_execve, "/bin/true", argv, argv + 1);
    raw(SYS_exit_group, 0);
  }
  int status = 0;
  raw(SYS_wait4, child, &status, 0, 0);
  return 0;
}

#define ENTRY(name) \
  { #name, try_##name }
const struct attempt kernel_attempts[] = {ENTRY(io_uring_setup),
                                          ENTRY(bpf),
                                          ENTRY(userfaultfd),
                                          ENTRY(add_key),
                                          ENTRY(request_key),
                                          ENTRY(keyctl),
                                          ENTRY(unshare_user),
                                          ENTRY(unshare_mount),
                                          ENTRY(unshare_pid),
                                          ENTRY(unshare_network),
                                          ENTRY(unshare_uts),
                                          ENTRY(unshare_ipc),
                                          ENTRY(unshare_cgroup),
                                          ENTRY(setns),
                                          ENTRY(fsopen),
                                          ENTRY(move_mount),
                                          ENTRY(mount_setattr),
                                          ENTRY(init_module),
                                          ENTRY(finit_module),
                                          ENTRY(delete_module),
                                          ENTRY(kexec_load),
                                          ENTRY(reboot_off),
                                          ENTRY(settimeofday),
                                          ENTRY(clock_settime),
                                          ENTRY(iopl),
                                          ENTRY(ioperm),
                                          ENTRY(syslog_read),
                                          ENTRY(vhangup),
                                          ENTRY(nfsservctl),
                                          ENTRY(lookup_dcookie),
                                          ENTRY(open_by_handle_at),
                                          ENTRY(memory_policy_of_others),
                                          ENTRY(x32_getpid),
                                          ENTRY(x32_open),
                                          ENTRY(unknown_number),
                                          ENTRY(huge_number),
                                          ENTRY(exe_link),
                                          ENTRY(namespace_clone),
                                          ENTRY(int80),
                                          ENTRY(terminal_input),
                                          ENTRY(own_listener),
                                          ENTRY(allowing_filter),
                                          ENTRY(forge_state),
                                          ENTRY(blob_calls),
                                          ENTRY(hypercalls),
                                          ENTRY(own_memfd),
                                          ENTRY(unmap_blob),
                                          {NULL, NULL}};
