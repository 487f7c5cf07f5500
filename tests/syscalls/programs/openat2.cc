// openat2(2): the argument's size, the RESOLVE_ flags.
#include <linux/openat2.h>
#include <sys/mman.h>

#include "report.h"

namespace {

long openat2_at(int dirfd, const char* path, uint64_t flags, uint64_t resolve, uint64_t mode = 0) {
  struct open_how how = {flags, mode, resolve};
  return syscall(SYS_openat2, dirfd, path, &how, sizeof how);
}

long open_resolving(const char* path, uint64_t resolve) { return openat2_at(AT_FDCWD, path, O_RDONLY, resolve); }

void sizes() {
  struct Longer {
    struct open_how how;
    uint64_t more;
  } longer = {{O_RDONLY, 0, 0}, 0};
  TRY_OPEN(syscall(SYS_openat2, AT_FDCWD, "file", &longer, sizeof longer.how - 1));
  TRY_OPEN(syscall(SYS_openat2, AT_FDCWD, "file", &longer, sizeof longer.how));
  TRY_OPEN(syscall(SYS_openat2, AT_FDCWD, "file", &longer, sizeof longer));
  longer.more = 1;
  TRY_OPEN(syscall(SYS_openat2, AT_FDCWD, "file", &longer, sizeof longer));
  static char large[8192] = {};
  TRY_OPEN(syscall(SYS_openat2, AT_FDCWD, "file", large, 4096));
  TRY_OPEN(syscall(SYS_openat2, AT_FDCWD, "file", large, 4097));
  TRY_OPEN(syscall(SYS_openat2, AT_FDCWD, "file", null_pointer, sizeof longer.how));
  TRY_OPEN(syscall(SYS_openat2, AT_FDCWD, "file", large, 0));
}

void flags() {
  TRY_OPEN(openat2_at(AT_FDCWD, "file", O_RDONLY, 0, 0644));
  TRY_OPEN(openat2_at(AT_FDCWD, "created", O_RDWR | O_CREAT, 0, 0644));
  TRY_OPEN(openat2_at(AT_FDCWD, "created2", O_RDWR | O_CREAT, 0, 0200000));
  TRY_OPEN(openat2_at(AT_FDCWD, "file", 1ULL << 40U, 0));
  TRY_OPEN(openat2_at(AT_FDCWD, "file", O_RDONLY, 1ULL << 20U));
  TRY_OPEN(openat2_at(AT_FDCWD, "file", O_PATH | O_RDWR, 0));
  TRY_OPEN(openat2_at(AT_FDCWD, "file", O_PATH | O_NOFOLLOW, 0));
  TRY_OPEN(openat2_at(AT_FDCWD, "file", O_RDONLY, RESOLVE_BENEATH | RESOLVE_IN_ROOT));
  TRY_OPEN(openat2_at(AT_FDCWD, null_pointer, O_RDONLY, 1ULL << 20U));
  TRY_OPEN(openat2_at(AT_FDCWD, null_pointer, O_RDONLY, 0));
  TRY_OPEN(openat2_at(AT_FDCWD, "created", O_RDWR | O_CREAT, RESOLVE_CACHED, 0644));
}

void scopes() {
  TRY_OPEN(open_resolving("link", RESOLVE_NO_SYMLINKS));
  TRY_OPEN(open_resolving("dirlink/in", RESOLVE_NO_SYMLINKS));
  TRY_OPEN(open_resolving("dir/in", RESOLVE_NO_SYMLINKS));
  TRY_OPEN(openat2_at(AT_FDCWD, "link", O_PATH | O_NOFOLLOW, RESOLVE_NO_SYMLINKS));
  TRY_OPEN(open_resolving("/", RESOLVE_BENEATH));
  TRY_OPEN(open_resolving("..", RESOLVE_BENEATH));
  TRY_OPEN(open_resolving("dir/../file", RESOLVE_BENEATH));
  TRY_OPEN(open_resolving("dir/../../x", RESOLVE_BENEATH));
  TRY_OPEN(open_resolving("absolute", RESOLVE_BENEATH));
  TRY_OPEN(open_resolving("outward", RESOLVE_BENEATH));
  TRY_OPEN(open_resolving("dirlink/in", RESOLVE_BENEATH));
  const int dir = open("dir", O_RDONLY | O_DIRECTORY);
  TRY_OPEN(openat2_at(dir, "/in", O_RDONLY, RESOLVE_IN_ROOT));
  TRY_OPEN(openat2_at(dir, "../../in", O_RDONLY, RESOLVE_IN_ROOT));
  TRY_OPEN(openat2_at(dir, "to_in", O_RDONLY, RESOLVE_IN_ROOT));
  TRY_OPEN(openat2_at(dir, "/file", O_RDONLY, RESOLVE_IN_ROOT));
  TRY_OPEN(openat2_at(dir, "in", O_RDONLY, RESOLVE_BENEATH));
  TRY_OPEN(openat2_at(dir, "to_in", O_RDONLY, RESOLVE_BENEATH));
  TRY_OPEN(openat2_at(dir, "../file", O_RDONLY, RESOLVE_BENEATH));
  TRY_OPEN(openat2_at(dir, "/new", O_RDWR | O_CREAT, RESOLVE_IN_ROOT, 0600));
  show("dir/new");
  TRY_OPEN(openat2_at(99, "/", O_RDONLY, RESOLVE_IN_ROOT));
  TRY_OPEN(openat2_at(99, "/", O_RDONLY, 0));
  close(dir);
  TRY_OPEN(open_resolving("/proc/self/exe", RESOLVE_NO_MAGICLINKS));
  TRY_OPEN(open_resolving("/proc/version", RESOLVE_NO_MAGICLINKS));
  TRY_OPEN(open_resolving("/proc/version", RESOLVE_NO_XDEV));
  TRY_OPEN(open_resolving("dir/in", RESOLVE_NO_XDEV));
  TRY_OPEN(open_resolving("/proc/self/root", RESOLVE_BENEATH));
}

}  // namespace

int main() {
  enter_work_directory("openat2");
  put_file("file", "content");
  mkdir("dir", 0755);
  put_file("dir/in", "content");
  symlink("file", "link");
  symlink("dir", "dirlink");
  symlink("/proc", "absolute");
  symlink("../openat2/file", "outward");
  symlink("/in", "dir/to_in");
  sizes();
  flags();
  scopes();
  return 0;
}
