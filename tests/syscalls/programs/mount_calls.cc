// mount(2), umount2(2), pivot_root(2) by a program that has CAP_SYS_ADMIN, and by one that has not.
#include <mqueue.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

#include "report.h"

namespace {

// What mountinfo says of a mount: all but the numbers, the propagation and the file system's own options.
void show_mount(const char* mountpoint) {
  FILE* const file = fopen("/proc/self/mountinfo", "r");
  char line[1024];
  bool found = false;
  while (file != nullptr && fgets(line, sizeof line, file) != nullptr) {
    char root[256], at[256], options[256], type[64], source[256], super[256];
    const char* const dash = strstr(line, " - ");
    if (dash == nullptr || sscanf(line, "%*s %*s %*s %255s %255s %255s", root, at, options) != 3 ||
        sscanf(dash, " - %63s %255s %255s", type, source, super) != 3 || strcmp(at, mountpoint) != 0) {
      continue;
    }
    say("  %s: %s %s %s %.2s", at, options, type, source, super);
    found = true;
  }
  if (!found) say("  %s: not mounted", mountpoint);
  if (file != nullptr) fclose(file);
}

void show_type(const char* path) {
  struct statfs status = {};
  if (statfs(path, &status) == 0) say("  %s is of type %lx, flags %lx", path, status.f_type, status.f_flags & 0xf);
}

void without_the_capability() {
  mkdir("/work/plain", 0755);
  in_child(
      [] {
        TRY(mount("none", "/work/plain", "tmpfs", 0, nullptr));
        TRY(mount("/tmp", "/work/plain", nullptr, MS_BIND, nullptr));
        TRY(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr));
        TRY(mount("none", "/missing", "tmpfs", 0, nullptr));
        TRY(umount2("/proc", 0));
        TRY(umount2("/missing", 0));
        TRY(umount2("/proc", 0x100));
        TRY(syscall(SYS_pivot_root, "/work", "/work/plain"));
        TRY(syscall(SYS_pivot_root, "/missing", "/missing"));
      },
      1000, 1000);
}

void arguments() {
  TRY(mount("none", "/work/plain", "no-such-type", 0, nullptr));
  TRY(mount("none", "/work/plain", nullptr, 0, nullptr));
  TRY(mount("none", "/work/plain", "", 0, nullptr));
  TRY(mount("none", "/work/missing", "tmpfs", 0, nullptr));
  TRY(mount("none", "/work/plain", "tmpfs", 0, "no_such_option=1"));
  TRY(mount("none", "/work/plain", "tmpfs", 0, "size=x"));
  TRY(mount(nullptr, "/work/plain", nullptr, MS_BIND, nullptr));
  TRY(mount("/work/missing", "/work/plain", nullptr, MS_BIND, nullptr));
  TRY(mount("/program", "/work/plain", nullptr, MS_BIND, nullptr));
  TRY(mount("none", "/work/plain", nullptr, MS_REMOUNT | MS_BIND, nullptr));
  TRY(mount("none", "/work/plain", nullptr, MS_PRIVATE, nullptr));
  TRY(mount(bad_pointer, "/work/plain", "tmpfs", 0, nullptr));
  TRY(mount("none", bad_pointer, "tmpfs", 0, nullptr));
  TRY(umount2("/work/plain", 0));
  TRY(umount2("/work/missing", 0));
  TRY(umount2("/work/plain", 0x100));
  put_file("/work/file", "a file");
  TRY(mount("none", "/work/file", "tmpfs", 0, nullptr));
}

void temporary() {
  mkdir("/work/tmpfs", 0755);
  put_file("/work/tmpfs/hidden", "hidden");
  TRY(mount("memory", "/work/tmpfs", "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=750"));
  show_mount("/work/tmpfs");
  show("/work/tmpfs");
  show("/work/tmpfs/hidden");
  show_type("/work/tmpfs");
  put_file("/work/tmpfs/inside", "inside");
  TRY(mkdir("/work/tmpfs/dir", 0700));
  TRY(mknod("/work/tmpfs/null", S_IFCHR | 0666, makedev(1, 3)));
  TRY_OPEN(open("/work/tmpfs/null", O_RDWR));
  TRY(rename("/work/tmpfs/inside", "/work/inside"));
  TRY(link("/work/tmpfs/inside", "/work/inside"));
  TRY(rmdir("/work/tmpfs"));
  TRY(rename("/work/tmpfs", "/work/other"));
  TRY(mount(nullptr, "/work/tmpfs", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOEXEC, nullptr));
  show_mount("/work/tmpfs");
  TRY(mkdir("/work/tmpfs/more", 0700));
  TRY_OPEN(open("/work/tmpfs/inside", O_RDWR));
  show_file("/work/tmpfs/inside");
  TRY(mount(nullptr, "/work/tmpfs", nullptr, MS_REMOUNT | MS_BIND, nullptr));
  show_mount("/work/tmpfs");
  TRY(mkdir("/work/tmpfs/more", 0700));
  TRY(mount("over it", "/work/tmpfs", "tmpfs", 0, nullptr));
  show("/work/tmpfs");
  show("/work/tmpfs/inside");
  show_mount("/work/tmpfs");
  TRY(umount2("/work/tmpfs", 0));
  show_file("/work/tmpfs/inside");
  const int fd = open("/work/tmpfs/dir", O_RDONLY | O_DIRECTORY);
  TRY(umount2("/work/tmpfs", MNT_DETACH));
  show_mount("/work/tmpfs");
  show_file("/work/tmpfs/hidden");
  TRY(mkdirat(fd, "still there", 0700));
  close(fd);
}

void binding() {
  mkdir("/work/source", 0755);
  mkdir("/work/source/sub", 0755);
  mkdir("/work/target", 0755);
  put_file("/work/source/file", "of the source");
  put_file("/work/target-file", "covered");
  TRY(mount("/work/source", "/work/target", nullptr, MS_BIND, nullptr));
  show_file("/work/target/file");
  put_file("/work/target/new", "seen in both");
  show_file("/work/source/new");
  TRY(mount("/work/source/file", "/work/target-file", nullptr, MS_BIND | MS_RDONLY, nullptr));
  show_file("/work/target-file");
  TRY_OPEN(open("/work/target-file", O_RDWR));
  TRY(mount(nullptr, "/work/target-file", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr));
  TRY_OPEN(open("/work/target-file", O_RDWR));
  TRY_OPEN(open("/work/source/file", O_RDWR));
  TRY(unlink("/work/target-file"));
  TRY(umount2("/work/target-file", UMOUNT_NOFOLLOW));
  show_file("/work/target-file");
  TRY(mount("none", "/work/source/sub", "tmpfs", 0, nullptr));
  put_file("/work/source/sub/deep", "deep");
  show("/work/target/sub/deep");
  mkdir("/work/recursive", 0755);
  TRY(mount("/work/source", "/work/recursive", nullptr, MS_BIND | MS_REC, nullptr));
  show_file("/work/recursive/sub/deep");
  show_mount("/work/recursive/sub");
  TRY(umount2("/work/recursive", 0));
  TRY(umount2("/work/recursive", MNT_DETACH));
  show_mount("/work/recursive/sub");
  TRY(symlink("/work/target", "/work/link"));
  TRY(umount2("/work/link", UMOUNT_NOFOLLOW));
  TRY(umount2("/work/link", 0));
  show_mount("/work/target");
  TRY(chdir("/work/source/sub"));
  TRY(umount2("/work/source/sub", 0));
  TRY(umount2("/work/source/sub", MNT_EXPIRE));
  TRY(chdir("/"));
  TRY(umount2("/work/source/sub", MNT_EXPIRE | MNT_DETACH));
  TRY(umount2("/work/source/sub", MNT_EXPIRE));
  TRY(umount2("/work/source/sub", MNT_EXPIRE));
  TRY(umount2("/work/source/sub", MNT_EXPIRE));
}

void moving() {
  mkdir("/work/from", 0755);
  mkdir("/work/to", 0755);
  TRY(mount("none", "/work/from", "tmpfs", 0, nullptr));
  TRY(mkdir("/work/from/sub", 0755));
  TRY(mount("none", "/work/from/sub", "tmpfs", 0, nullptr));
  put_file("/work/from/sub/deep", "deep");
  TRY(chdir("/work/from/sub"));
  TRY(mount("/work/from", "/work/from/sub", nullptr, MS_MOVE, nullptr));
  TRY(mount("/work/from/sub/deep", "/work/to", nullptr, MS_MOVE, nullptr));
  TRY(mount("/work/plain", "/work/to", nullptr, MS_MOVE, nullptr));
  TRY(mount("/work/from", "/work/file", nullptr, MS_MOVE, nullptr));
  TRY(mount("/work/from", "/work/to", nullptr, MS_MOVE, nullptr));
  show_file("/work/to/sub/deep");
  show("/work/from/sub");
  char path[256] = {};
  say("in %s", getcwd(path, sizeof path));
  TRY(chdir(".."));
  say("in %s", getcwd(path, sizeof path));
  TRY(chdir(".."));
  say("in %s", getcwd(path, sizeof path));
  TRY(umount2("/work/to", MNT_DETACH));
}

void propagation() {
  TRY(mount("none", "/work/plain", "tmpfs", 0, nullptr));
  TRY(mount(nullptr, "/work/plain", nullptr, MS_SHARED, nullptr));
  TRY(mount(nullptr, "/work/plain", nullptr, MS_SLAVE, nullptr));
  TRY(mount(nullptr, "/work/plain", nullptr, MS_REC | MS_PRIVATE, nullptr));
  TRY(mount(nullptr, "/work/plain", nullptr, MS_UNBINDABLE, nullptr));
  TRY(umount2("/work/plain", 0));
}

void kernel_file_systems() {
  TRY(mount("proc", "/work/plain", "proc", MS_NOSUID, nullptr));
  show_mount("/work/plain");
  show_type("/work/plain");
  char text[32] = {};
  TRY(readlink("/work/plain/self", text, sizeof text) > 0);
  TRY(umount2("/work/plain", 0));
  TRY(mount("sysfs", "/work/plain", "sysfs", MS_RDONLY, nullptr));
  show_mount("/work/plain");
  show_type("/work/plain");
  TRY(access("/work/plain/kernel", F_OK));
  TRY(umount2("/work/plain", 0));
  TRY(mount("devpts", "/work/plain", "devpts", 0, "newinstance,mode=620,ptmxmode=666"));
  show_mount("/work/plain");
  show("/work/plain/ptmx");
  TRY(umount2("/work/plain", 0));
}

void queues() {
  char name[32];
  sprintf(name, "/litebox-mount-%d", getpid());
  const mqd_t queue = mq_open(name, O_RDWR | O_CREAT, 0640, nullptr);
  TRY(mount("mqueue", "/work/plain", "mqueue", 0, nullptr));
  show_type("/work/plain");
  show("/work/plain");
  char path[64];
  sprintf(path, "/work/plain%s", name);
  struct stat status = {};
  TRY(stat(path, &status));
  show_stat("the queue", status);
  mq_send(queue, "text", 4, 0);
  char text[128] = {};
  const int fd = open(path, O_RDONLY);
  TRY(read(fd, text, sizeof text - 1));
  say("  %.*s", 16, text);
  close(fd);
  TRY(chmod(path, 0600));
  TRY(stat(path, &status));
  show_stat("the queue", status);
  in_child([&] { TRY(unlink(path)); }, 1000, 1000);
  TRY(unlink(path));
  TRY(mq_open(name, O_RDWR));
  TRY(access(path, F_OK));
  const int made = open(path, O_RDWR | O_CREAT, 0600);
  say("made by open: %d", made >= 0);
  close(made);
  TRY(mq_unlink(name));
  TRY(umount2("/work/plain", 0));
}

void turning_the_tree() {
  mkdir("/work/new", 0755);
  TRY(syscall(SYS_pivot_root, "/work/new", "/work/new"));
  TRY(syscall(SYS_pivot_root, "/", "/work"));
  TRY(mount("root", "/work/new", "tmpfs", 0, "mode=755"));
  mkdir("/work/new/old", 0755);
  TRY(syscall(SYS_pivot_root, "/work/new", "/work"));
  TRY(syscall(SYS_pivot_root, "/work/new", "/work/new/missing"));
  TRY(syscall(SYS_pivot_root, "/work/file", "/work/new/old"));
  TRY(chdir("/work"));
  TRY(syscall(SYS_pivot_root, "/work/new", "/work/new/old"));
  char path[256] = {};
  say("in %s", getcwd(path, sizeof path));
  show("/old");
  show("/program");
  show("/old/program");
  TRY(chdir("/old"));
  TRY(chdir("/.."));
  say("in %s", getcwd(path, sizeof path));
  TRY(umount2("/old", 0));
  TRY(umount2("/old", MNT_DETACH));
  show("/old/program");
  TRY(mkdir("/proc", 0755));
  TRY(mount("proc", "/proc", "proc", 0, nullptr));
  show_mount("/");
}

}  // namespace

int main() {
  setvbuf(stdout, nullptr, _IOFBF, 1U << 16U);
  umask(022);
  mkdir("/work", 0755);
  without_the_capability();
  arguments();
  temporary();
  binding();
  moving();
  propagation();
  kernel_file_systems();
  queues();
  turning_the_tree();
  return 0;
}
