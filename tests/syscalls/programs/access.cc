// access(2), faccessat, faccessat2(2).
#include "report.h"

namespace {

long faccessat2_raw(int dirfd, const char* path, int mode, int flags) {
  return syscall(SYS_faccessat2, dirfd, path, mode, flags);
}

void as_root() {
  TRY(access("file", F_OK));
  TRY(access("file", R_OK | W_OK));
  TRY(access("file", X_OK));
  TRY(access("program", X_OK));
  TRY(access("nothing", R_OK | W_OK));
  TRY(access("nothing", X_OK));
  TRY(access("dir", R_OK | W_OK | X_OK));
  TRY(access("noexec", X_OK));
  TRY(access("file", 8));
  TRY(access("missing", F_OK));
  TRY(access("", F_OK));
  TRY(access("file/", F_OK));
  TRY(access("dangling", F_OK));
  TRY(syscall(SYS_access, null_pointer, F_OK));
  TRY(faccessat2_raw(AT_FDCWD, "dangling", F_OK, AT_SYMLINK_NOFOLLOW));
  TRY(faccessat2_raw(AT_FDCWD, "file", F_OK, 0x40000));
  TRY(faccessat2_raw(AT_FDCWD, "", F_OK, AT_EMPTY_PATH));
  TRY(faccessat2_raw(99, "file", F_OK, 0));
  const int fd = open("file", O_PATH);
  TRY(faccessat2_raw(fd, "", R_OK, AT_EMPTY_PATH));
  TRY(faccessat2_raw(fd, "", X_OK, AT_EMPTY_PATH));
  close(fd);
}

void as_user() {
  TRY(access("file", R_OK));
  TRY(access("file", W_OK));
  TRY(access("file", R_OK | W_OK));
  TRY(access("nothing", F_OK));
  TRY(access("nothing", R_OK));
  TRY(access("program", X_OK));
  TRY(access("closed", F_OK));
  TRY(access("closed", X_OK));
  TRY(access("closed/in", F_OK));
  TRY(access("group", R_OK));
  TRY(access("group", W_OK));
  TRY(access("owned", R_OK));
  TRY(access("owned", W_OK));
}

// The real ids count, not the effective ones, unless AT_EACCESS says so.
void mixed_ids() {
  if (setresuid(1000, 0, 0) != 0) say("cannot change ids");
  TRY(access("nothing", R_OK));
  TRY(faccessat2_raw(AT_FDCWD, "nothing", R_OK, 0));
  TRY(faccessat2_raw(AT_FDCWD, "nothing", R_OK, AT_EACCESS));
  TRY(access("closed/in", F_OK));
  TRY_OPEN(open("closed/in", O_RDONLY));
}

void root_by_real_id_only() {
  if (setresuid(0, 1000, 0) != 0) say("cannot change ids");
  TRY(access("nothing", R_OK));
  TRY(faccessat2_raw(AT_FDCWD, "nothing", R_OK, AT_EACCESS));
  TRY_OPEN(open("nothing", O_RDONLY));
}

}  // namespace

int main() {
  enter_work_directory("access");
  put_file("file", "x", 0644);
  put_file("program", "x", 0755);
  put_file("nothing", "x", 0);
  put_file("noexec", "x", 0644);
  mkdir("dir", 0755);
  mkdir("closed", 0700);
  put_file("closed/in", "x", 0666);
  put_file("group", "x", 0640);
  chown("group", 0, 1000);
  put_file("owned", "x", 0077);
  chmod("owned", 0077);
  chown("owned", 1000, 0);
  symlink("missing", "dangling");
  as_root();
  in_child(as_user, 1000, 1000);
  in_child(as_user, 2000, 2000);
  in_child(mixed_ids);
  in_child(root_by_real_id_only);
  return 0;
}
