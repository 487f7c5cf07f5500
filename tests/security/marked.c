// Marked calls (shim/guest/abi.h), which the kernel itself resolves in the container's tree where it confines guests: made by
// hand, from anywhere, on names of the host's, and by those who may not use them any longer.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hostile.h"

#define MARK (0x6c625e71UL << 32)
#define MARKED(value) (MARK | (unsigned)(value))

static char buffer[4096];
static const unsigned long value[2] = {0, 0};  // struct xattr_args: how long is it?

// The file by way of the root directory's own parent, were there one.
static const char* above(const char* path) {
  static char text[4096];
  snprintf(text, sizeof text, "/../../../../../../../..%s", path);
  return text;
}

// A file that is not there, in the host's directory.
static const char* beside(const struct target* t) {
  static char text[4096];
  snprintf(text, sizeof text, "%s/made", t->directory);
  return text;
}

#define MARKED_ATTEMPT(name, ...) \
  static int try_##name(const struct target* t) { return claimed(#name, raw(__VA_ARGS__)); }

MARKED_ATTEMPT(open, SYS_open, t->file, MARKED(O_RDONLY))
MARKED_ATTEMPT(open_above, SYS_open, above(t->file), MARKED(O_RDONLY))
MARKED_ATTEMPT(open_write, SYS_open, t->file, MARKED(O_RDWR))
MARKED_ATTEMPT(open_make, SYS_open, beside(t), MARKED(O_CREAT | O_EXCL | O_WRONLY), 0644)
MARKED_ATTEMPT(open_make_above, SYS_open, above(beside(t)), MARKED(O_CREAT | O_EXCL | O_WRONLY), 0644)
MARKED_ATTEMPT(openat_make, SYS_openat, MARKED(AT_FDCWD), beside(t), O_CREAT | O_EXCL | O_RDWR, 0644)
MARKED_ATTEMPT(open_path, SYS_open, t->file, MARKED(O_PATH))
MARKED_ATTEMPT(openat, SYS_openat, MARKED(AT_FDCWD), t->file, O_RDONLY)
MARKED_ATTEMPT(openat_above, SYS_openat, MARKED(AT_FDCWD), above(t->file), O_RDONLY)
MARKED_ATTEMPT(newfstatat, SYS_newfstatat, MARKED(AT_FDCWD), t->file, buffer, 0)
MARKED_ATTEMPT(newfstatat_above, SYS_newfstatat, MARKED(AT_FDCWD), above(t->file), buffer, 0)
MARKED_ATTEMPT(statx, SYS_statx, MARKED(AT_FDCWD), t->file, 0, 0x7ff, buffer)
MARKED_ATTEMPT(access, SYS_access, t->file, MARKED(F_OK))
MARKED_ATTEMPT(faccessat, SYS_faccessat, MARKED(AT_FDCWD), t->file, F_OK)
MARKED_ATTEMPT(faccessat2, 439, MARKED(AT_FDCWD), t->file, F_OK, 0)
MARKED_ATTEMPT(readlink, SYS_readlink, t->file, buffer, MARKED(sizeof buffer))
MARKED_ATTEMPT(readlinkat, SYS_readlinkat, MARKED(AT_FDCWD), t->file, buffer, sizeof buffer)
MARKED_ATTEMPT(getxattrat, 464, MARKED(AT_FDCWD), t->file, 0, "user.canary", value, sizeof value)
MARKED_ATTEMPT(getxattrat_above, 464, MARKED(AT_FDCWD), above(t->file), 0, "user.canary", value, sizeof value)
MARKED_ATTEMPT(chdir, SYS_chdir, t->directory, MARK)
MARKED_ATTEMPT(chdir_above, SYS_chdir, above(t->directory), MARK)

// What is named through a directory descriptor is the monitor's to find.
static int try_descriptor(const struct target* t) {
  const long root = raw(SYS_open, "/", O_RDONLY | O_DIRECTORY);
  return claimed("openat", raw(SYS_openat, MARKED(root), above(t->file) + 1, O_RDONLY)) +
         claimed("newfstatat", raw(SYS_newfstatat, MARKED(root), above(t->file) + 1, buffer, 0)) +
         claimed("statx", raw(SYS_statx, MARKED(root), above(t->file) + 1, 0, 0x7ff, buffer));
}

static int try_links_of_processes(const struct target* t) {
  int claims = 0;
  for (const pid_t* pid = t->pids; *pid != 0; ++pid) {
    for (const char* const* link = (const char* const[]){"root", "cwd", "exe", "fd/0", NULL}; *link != NULL; ++link) {
      snprintf(buffer, sizeof buffer, "/proc/%d/%s%s", *pid, *link, strcmp(*link, "root") == 0 ? t->file : "");
      claims += claimed(buffer, raw(SYS_open, buffer, MARKED(O_RDONLY)));
    }
  }
  snprintf(buffer, sizeof buffer, "/proc/1/root/../../..%s", t->file);
  return claims + claimed(buffer, raw(SYS_openat, MARKED(AT_FDCWD), buffer, O_RDONLY));
}

// The native working directory may be where its owner likes inside, and nowhere else.
static int try_relative(const struct target* t) {
  raw(SYS_chdir, "/tmp", MARK);
  for (int i = 0; i < 8; ++i) raw(SYS_chdir, "..", MARK);
  return claimed("openat", raw(SYS_openat, MARKED(AT_FDCWD), t->file + 1, O_RDONLY)) +
         claimed("newfstatat", raw(SYS_newfstatat, MARKED(AT_FDCWD), t->file + 1, buffer, 0));
}

static int make_secret(const char* path) {
  const long file = raw(SYS_open, path, O_CREAT | O_WRONLY, 0600);
  if (file < 0) return 0;
  raw(SYS_chmod, path, 0600);
  return raw(SYS_close, file) == 0;
}

// All the marked ways to `path`, of one who may do no more than see that it is there.
static int read_secret(const char* path) {
  return claimed("open", raw(SYS_open, path, MARKED(O_RDONLY))) +
         claimed("openat", raw(SYS_openat, MARKED(AT_FDCWD), path, O_RDONLY)) +
         claimed("access", raw(SYS_access, path, MARKED(R_OK))) +
         claimed("faccessat2", raw(439, MARKED(AT_FDCWD), path, R_OK, 0));
}

// Root's file, read by one who was root.
static int try_after_setuid(const struct target* t) {
  (void)t;
  if (!make_secret("/tmp/secret")) return claimed("no secret", 0);
  if (raw(SYS_setresuid, 1000, 1000, 1000) != 0) return claimed("setresuid failed", 0);
  const int claims = read_secret("/tmp/secret");
  const long child = raw(SYS_fork);
  if (child == 0) _exit(read_secret("/tmp/secret"));
  int status = 0;
  raw(SYS_wait4, child, &status, 0, 0);
  return claims + (status != 0);
}

static int try_after_setfsuid(const struct target* t) {
  (void)t;
  if (!make_secret("/tmp/secret")) return claimed("no secret", 0);
  raw(SYS_setfsuid, 1000);
  return claimed("open", raw(SYS_open, "/tmp/secret", MARKED(O_RDONLY)));
}

// A file that the members of a group may not read.
static int try_as_member(const struct target* t) {
  (void)t;
  if (!make_secret("/tmp/not-for-members")) return claimed("no secret", 0);
  raw(SYS_chmod, "/tmp/not-for-members", 0604);
  raw(SYS_chown, "/tmp/not-for-members", 2000, 3000);
  const int group = 3000;
  if (raw(SYS_setgroups, 1, &group) != 0) return claimed("setgroups failed", 0);
  // Without CAP_DAC_OVERRIDE, or any other capability.
  const unsigned header[2] = {0x20080522, 0};
  const unsigned none[6] = {0};
  if (raw(SYS_capset, header, none) != 0) return claimed("capset failed", 0);
  return read_secret("/tmp/not-for-members");
}

// "/" is another directory then.
static int try_after_chroot(const struct target* t) {
  (void)t;
  raw(SYS_mkdir, "/tmp/jail", 0755);
  if (raw(SYS_chroot, "/tmp/jail") != 0) return 0;  // without the capability
  return claimed("open", raw(SYS_open, "/etc/passwd", MARKED(O_RDONLY))) +
         claimed("newfstatat", raw(SYS_newfstatat, MARKED(AT_FDCWD), "/etc/passwd", buffer, 0)) +
         claimed("chdir", raw(SYS_chdir, "/etc", MARK));
}

const struct attempt marked_attempts[] = {
    {"open", try_open},
    {"open_above", try_open_above},
    {"open_write", try_open_write},
    {"open_make", try_open_make},
    {"open_make_above", try_open_make_above},
    {"openat_make", try_openat_make},
    {"open_path", try_open_path},
    {"openat", try_openat},
    {"openat_above", try_openat_above},
    {"newfstatat", try_newfstatat},
    {"newfstatat_above", try_newfstatat_above},
    {"statx", try_statx},
    {"access", try_access},
    {"faccessat", try_faccessat},
    {"faccessat2", try_faccessat2},
    {"readlink", try_readlink},
    {"readlinkat", try_readlinkat},
    {"getxattrat", try_getxattrat},
    {"getxattrat_above", try_getxattrat_above},
    {"chdir", try_chdir},
    {"chdir_above", try_chdir_above},
    {"descriptor", try_descriptor},
    {"links_of_processes", try_links_of_processes},
    {"relative", try_relative},
    {"after_setuid", try_after_setuid},
    {"after_setfsuid", try_after_setfsuid},
    {"as_member", try_as_member},
    {"after_chroot", try_after_chroot},
    {0, 0},
};
