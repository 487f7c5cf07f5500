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
  mkdir("/area/plain", 0755);
  in_child(
      [] {
        TRY(mount("none", "/area/plain", "tmpfs", 0, nullptr));
        TRY(mount("/tmp", "/area/plain", nullptr, MS_BIND, nullptr));
        TRY(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr));
        TRY(mount("none", "/missing", "tmpfs", 0, nullptr));
        TRY(umount2("/proc", 0));
        TRY(umount2("/missing", 0));
        TRY(umount2("/proc", 0x100));
        TRY(syscall(SYS_pivot_root, "/area", "/area/plain"));
        TRY(syscall(SYS_pivot_root, "/missing", "/missing"));
      },
      1000, 1000);
}

void arguments() {
  TRY(mount("none", "/area/plain", "no-such-type", 0, nullptr));
  TRY(mount("none", "/area/plain", nullptr, 0, nullptr));
  TRY(mount("none", "/area/plain", "", 0, nullptr));
  TRY(mount("none", "/area/missing", "tmpfs", 0, nullptr));
  TRY(mount("none", "/area/plain", "tmpfs", 0, "no_such_option=1"));
  TRY(mount("none", "/area/plain", "tmpfs", 0, "size=x"));
  TRY(mount(nullptr, "/area/plain", nullptr, MS_BIND, nullptr));
  TRY(mount("/area/missing", "/area/plain", nullptr, MS_BIND, nullptr));
  TRY(mount("/program", "/area/plain", nullptr, MS_BIND, nullptr));
  TRY(mount("none", "/area/plain", nullptr, MS_REMOUNT | MS_BIND, nullptr));
  TRY(mount("none", "/area/plain", nullptr, MS_PRIVATE, nullptr));
  TRY(mount(bad_pointer, "/area/plain", "tmpfs", 0, nullptr));
  TRY(mount("none", bad_pointer, "tmpfs", 0, nullptr));
  TRY(umount2("/area/plain", 0));
  TRY(umount2("/area/missing", 0));
  TRY(umount2("/area/plain", 0x100));
  put_file("/area/file", "a file");
  TRY(mount("none", "/area/file", "tmpfs", 0, nullptr));
}

void temporary() {
  mkdir("/area/tmpfs", 0755);
  put_file("/area/tmpfs/hidden", "hidden");
  TRY(mount("memory", "/area/tmpfs", "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=750"));
  show_mount("/area/tmpfs");
  show("/area/tmpfs");
  show("/area/tmpfs/hidden");
  show_type("/area/tmpfs");
  put_file("/area/tmpfs/inside", "inside");
  TRY(mkdir("/area/tmpfs/dir", 0700));
  TRY(mknod("/area/tmpfs/null", S_IFCHR | 0666, makedev(1, 3)));
  TRY_OPEN(open("/area/tmpfs/null", O_RDWR));
  TRY(rename("/area/tmpfs/inside", "/area/inside"));
  TRY(link("/area/tmpfs/inside", "/area/inside"));
  TRY(rmdir("/area/tmpfs"));
  TRY(rename("/area/tmpfs", "/area/other"));
  TRY(mount(nullptr, "/area/tmpfs", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOEXEC, nullptr));
  show_mount("/area/tmpfs");
  TRY(mkdir("/area/tmpfs/more", 0700));
  TRY_OPEN(open("/area/tmpfs/inside", O_RDWR));
  show_file("/area/tmpfs/inside");
  TRY(mount(nullptr, "/area/tmpfs", nullptr, MS_REMOUNT | MS_BIND, nullptr));
  show_mount("/area/tmpfs");
  TRY(mkdir("/area/tmpfs/more", 0700));
  TRY(mount("over it", "/area/tmpfs", "tmpfs", 0, nullptr));
  show("/area/tmpfs");
  show("/area/tmpfs/inside");
  show_mount("/area/tmpfs");
  TRY(umount2("/area/tmpfs", 0));
  show_file("/area/tmpfs/inside");
  const int fd = open("/area/tmpfs/dir", O_RDONLY | O_DIRECTORY);
  TRY(umount2("/area/tmpfs", MNT_DETACH));
  show_mount("/area/tmpfs");
  show_file("/area/tmpfs/hidden");
  TRY(mkdirat(fd, "still there", 0700));
  close(fd);
}

void binding() {
  mkdir("/area/source", 0755);
  mkdir("/area/source/sub", 0755);
  mkdir("/area/target", 0755);
  put_file("/area/source/file", "of the source");
  put_file("/area/target-file", "covered");
  TRY(mount("/area/source", "/area/target", nullptr, MS_BIND, nullptr));
  show_file("/area/target/file");
  put_file("/area/target/new", "seen in both");
  show_file("/area/source/new");
  TRY(mount("/area/source/file", "/area/target-file", nullptr, MS_BIND | MS_RDONLY, nullptr));
  show_file("/area/target-file");
  TRY_OPEN(open("/area/target-file", O_RDWR));
  TRY(mount(nullptr, "/area/target-file", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr));
  TRY_OPEN(open("/area/target-file", O_RDWR));
  TRY_OPEN(open("/area/source/file", O_RDWR));
  TRY(unlink("/area/target-file"));
  TRY(umount2("/area/target-file", UMOUNT_NOFOLLOW));
  show_file("/area/target-file");
  TRY(mount("none", "/area/source/sub", "tmpfs", 0, nullptr));
  put_file("/area/source/sub/deep", "deep");
  show("/area/target/sub/deep");
  mkdir("/area/recursive", 0755);
  TRY(mount("/area/source", "/area/recursive", nullptr, MS_BIND | MS_REC, nullptr));
  show_file("/area/recursive/sub/deep");
  show_mount("/area/recursive/sub");
  TRY(umount2("/area/recursive", 0));
  TRY(umount2("/area/recursive", MNT_DETACH));
  show_mount("/area/recursive/sub");
  TRY(symlink("/area/target", "/area/link"));
  TRY(umount2("/area/link", UMOUNT_NOFOLLOW));
  TRY(umount2("/area/link", 0));
  show_mount("/area/target");
  TRY(chdir("/area/source/sub"));
  TRY(umount2("/area/source/sub", 0));
  TRY(umount2("/area/source/sub", MNT_EXPIRE));
  TRY(chdir("/"));
  TRY(umount2("/area/source/sub", MNT_EXPIRE | MNT_DETACH));
  TRY(umount2("/area/source/sub", MNT_EXPIRE));
  TRY(umount2("/area/source/sub", MNT_EXPIRE));
  TRY(umount2("/area/source/sub", MNT_EXPIRE));
}

void moving() {
  mkdir("/area/from", 0755);
  mkdir("/area/to", 0755);
  TRY(mount("none", "/area/from", "tmpfs", 0, nullptr));
  TRY(mkdir("/area/from/sub", 0755));
  TRY(mount("none", "/area/from/sub", "tmpfs", 0, nullptr));
  put_file("/area/from/sub/deep", "deep");
  TRY(chdir("/area/from/sub"));
  TRY(mount("/area/from", "/area/from/sub", nullptr, MS_MOVE, nullptr));
  TRY(mount("/area/from/sub/deep", "/area/to", nullptr, MS_MOVE, nullptr));
  TRY(mount("/area/plain", "/area/to", nullptr, MS_MOVE, nullptr));
  TRY(mount("/area/from", "/area/file", nullptr, MS_MOVE, nullptr));
  TRY(mount("/area/from", "/area/to", nullptr, MS_MOVE, nullptr));
  show_file("/area/to/sub/deep");
  show("/area/from/sub");
  char path[256] = {};
  say("in %s", getcwd(path, sizeof path));
  TRY(chdir(".."));
  say("in %s", getcwd(path, sizeof path));
  TRY(chdir(".."));
  say("in %s", getcwd(path, sizeof path));
  TRY(umount2("/area/to", MNT_DETACH));
}

void propagation() {
  TRY(mount("none", "/area/plain", "tmpfs", 0, nullptr));
  TRY(mount(nullptr, "/area/plain", nullptr, MS_SHARED, nullptr));
  TRY(mount(nullptr, "/area/plain", nullptr, MS_SLAVE, nullptr));
  TRY(mount(nullptr, "/area/plain", nullptr, MS_REC | MS_PRIVATE, nullptr));
  TRY(mount(nullptr, "/area/plain", nullptr, MS_UNBINDABLE, nullptr));
  TRY(umount2("/area/plain", 0));
}

void kernel_file_systems() {
  TRY(mount("proc", "/area/plain", "proc", MS_NOSUID, nullptr));
  show_mount("/area/plain");
  show_type("/area/plain");
  char text[32] = {};
  TRY(readlink("/area/plain/self", text, sizeof text) > 0);
  TRY(umount2("/area/plain", 0));
  TRY(mount("sysfs", "/area/plain", "sysfs", MS_RDONLY, nullptr));
  show_mount("/area/plain");
  show_type("/area/plain");
  TRY(access("/area/plain/kernel", F_OK));
  TRY(umount2("/area/plain", 0));
  TRY(mount("devpts", "/area/plain", "devpts", 0, "newinstance,mode=620,ptmxmode=666"));
  show_mount("/area/plain");
  show("/area/plain/ptmx");
  TRY(umount2("/area/plain", 0));
}

void queues() {
  char name[32];
  sprintf(name, "/litebox-mount-%d", getpid());
  const mqd_t queue = mq_open(name, O_RDWR | O_CREAT, 0640, nullptr);
  TRY(mount("mqueue", "/area/plain", "mqueue", 0, nullptr));
  show_type("/area/plain");
  show("/area/plain");
  char path[64];
  sprintf(path, "/area/plain%s", name);
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
  TRY(umount2("/area/plain", 0));
}

void turning_the_tree() {
  mkdir("/area/new", 0755);
  TRY(syscall(SYS_pivot_root, "/area/new", "/area/new"));
  TRY(syscall(SYS_pivot_root, "/", "/area"));
  TRY(mount("root", "/area/new", "tmpfs", 0, "mode=755"));
  mkdir("/area/new/old", 0755);
  TRY(syscall(SYS_pivot_root, "/area/new", "/area"));
  TRY(syscall(SYS_pivot_root, "/area/new", "/area/new/missing"));
  TRY(syscall(SYS_pivot_root, "/area/file", "/area/new/old"));
  TRY(chdir("/area"));
  TRY(syscall(SYS_pivot_root, "/area/new", "/area/new/old"));
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
  mkdir("/area", 0755);
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
