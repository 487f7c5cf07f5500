// What a kernel that resolves paths itself must not get wrong: directories that change, ids and roots that change, mounts that
// come and go, threads and children that share some of it. In a container all of it goes through the C library's own sites.
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <thread>

#include "tests/syscalls/programs/report.h"

namespace {

void in_child(const std::function<void()>& work) {
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    work();
    fflush(stdout);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  say("status %d", status);
}

void write_file(const char* path, mode_t mode) {
  const int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
  (void)!write(fd, path, strlen(path));
  close(fd);
  chmod(path, mode);
}

// Whether each of the ways to look at a path succeeds, and how it fails.
void look(const char* path) {
  struct stat status = {};
  struct statx extended = {};
  char text[256] = {};
  const auto error = [](long result) { return result < 0 ? errno : 0; };
  const int opened = open(path, O_RDONLY);
  const int open_error = error(opened);
  if (opened >= 0) {
    struct stat own = {};
    say("%s: fstat %d type %o", path, error(fstat(opened, &own)), own.st_mode & S_IFMT);
    close(opened);
  }
  const int stat_error = error(stat(path, &status));
  say("%s: open %d stat %d mode %o size %d", path, open_error, stat_error, status.st_mode,
      S_ISREG(status.st_mode) ? static_cast<int>(status.st_size) : 0);
  const int lstat_error = error(lstat(path, &status));
  const int statx_error = error(statx(AT_FDCWD, path, 0, STATX_BASIC_STATS, &extended));
  say("%s: lstat %d mode %o statx %d mode %o", path, lstat_error, status.st_mode, statx_error, extended.stx_mode);
  say("%s: access %d %d %d %d", path, error(access(path, F_OK)), error(access(path, R_OK)), error(access(path, W_OK)),
      error(access(path, X_OK)));
  say("%s: faccessat %d readlink %d", path, error(faccessat(AT_FDCWD, path, R_OK, AT_EACCESS)),
      error(readlink(path, text, sizeof text)));
}

// Addresses that the compiler does not know.
volatile unsigned long bad_address = 8;
volatile unsigned long no_address = 0;

void bad_addresses() {
  char* const bad = reinterpret_cast<char*>(bad_address);
  char* const none = reinterpret_cast<char*>(no_address);
  struct stat status = {};
  TRY(open(bad, O_RDONLY));
  TRY(stat(bad, &status));
  TRY(stat("/", reinterpret_cast<struct stat*>(bad_address)));
  TRY(statx(AT_FDCWD, bad, 0, 0, reinterpret_cast<struct statx*>(none)));
  TRY(statx(AT_FDCWD, "/", 0, STATX_BASIC_STATS, reinterpret_cast<struct statx*>(bad_address)));
  TRY(access(bad, F_OK));
  TRY(readlink("/link", bad, 10));
  TRY(readlink(bad, none, 10));
  TRY(fstatat(0, bad, &status, AT_EMPTY_PATH));
  TRY(fstatat(-1, "", &status, AT_EMPTY_PATH));
  TRY(fstat(0, reinterpret_cast<struct stat*>(bad_address)));
  TRY(open("", O_RDONLY));
  TRY(stat("", &status));
  TRY(readlink("/link", none, 0));
  TRY(syscall(SYS_readlink, "/link", bad, -1));
}

// Sites as other C libraries have them: the number in the text, right before the call. Every other register is as it was.
template <int number>
long site(unsigned long a, unsigned long b, unsigned long c) {
  long result = 0;
  unsigned long kept = 0;
  asm volatile(
      "mov $0x5a5a, %%r10\n"
      "mov %[number], %%eax\n"
      "syscall\n"
      "mov %%r10, %[kept]"
      : "=&a"(result), [kept] "=&r"(kept), "+D"(a), "+S"(b), "+d"(c)
      : [number] "i"(number)
      : "rcx", "r10", "r11", "memory");
  say("registers %d %lx %lx", kept == 0x5a5a, number == SYS_open || number == SYS_access ? b : 0,
      number == SYS_readlink ? c : 0);
  return result;
}

template <int number>
void report_site(const char* name, unsigned long a, unsigned long b, unsigned long c) {
  const long result = site<number>(a, b, c);
  say("%s %ld", name, result < 0 ? result : number == SYS_open ? 0 : result);
  if (number == SYS_open && result >= 0) close(static_cast<int>(result));
}

void other_sites() {
  struct stat status = {};
  char text[64] = {};
  const auto word = [](const void* pointer) { return reinterpret_cast<unsigned long>(pointer); };
  for (const char* path : {"/dir/file", "/dir", "/missing", "/link", "/proc", "/secret", ""}) {
    report_site<SYS_stat>("stat", word(path), word(&status), 0x77);
    say("mode %o", status.st_mode);
    report_site<SYS_lstat>("lstat", word(path), word(&status), 0x77);
    say("mode %o", status.st_mode);
    report_site<SYS_open>("open", word(path), O_RDONLY, 0);
    report_site<SYS_access>("access", word(path), R_OK, 0);
    report_site<SYS_readlink>("readlink", word(path), word(text), sizeof text);
    say("text %s", text);
  }
  report_site<SYS_stat>("stat", bad_address, word(&status), 0);
  report_site<SYS_lstat>("lstat", word("/dir"), bad_address, 0);
}

void upper_halves() {
  char text[16] = {};
  struct stat status = {};
  constexpr unsigned long kHigh = 0x1234567800000000UL;
  TRY(syscall(SYS_access, "/dir", kHigh | F_OK));
  TRY(syscall(SYS_readlink, "/link", text, kHigh | 4));
  TRY(syscall(SYS_open, "/missing", kHigh | O_RDONLY));
  TRY(syscall(SYS_newfstatat, kHigh | 0xffffff9cUL, "/dir", &status, 0));
  TRY(syscall(SYS_newfstatat, static_cast<long>(AT_FDCWD), "/dir", &status, 0));
}

void directories() {
  look("dir/file");
  TRY(chdir("/dir"));
  look("file");
  TRY(chdir("sub"));
  look("../file");
  TRY(chdir(".."));
  TRY(chdir("missing"));
  look("file");
  const int sub = open("sub", O_RDONLY | O_DIRECTORY);
  TRY(fchdir(sub));
  look("inner");
  look("../file");
  TRY(fchdir(sub));
  in_child([] {
    TRY(chdir("/"));
    look("dir/file");
  });
  look("inner");
  close(sub);
  TRY(chdir("/"));
}

void renamed_and_removed() {
  mkdir("/a", 0755);
  write_file("/a/file", 0644);
  TRY(chdir("/a"));
  TRY(rename("/a", "/b"));
  look("file");
  look("/b/file");
  look("/a/file");
  TRY(unlink("file"));
  TRY(rmdir("/b"));
  look("file");
  look(".");
  TRY(chdir(".."));
  TRY(chdir("/"));
}

void through_links() {
  symlink("/dir", "/to-dir");
  symlink("to-dir/file", "/to-file");
  symlink("/proc/self/status", "/to-proc");
  symlink("loop", "/loop");
  look("/to-dir/file");
  look("/to-file");
  look("/loop");
  struct stat status = {};
  TRY(stat("/to-proc", &status));
  TRY(open("/to-file", O_RDONLY | O_NOFOLLOW));
  TRY(open("/dir/file", O_RDONLY | O_DIRECTORY));
  look("/dir/file/x");
}

void own_file_systems() {
  struct stat status = {};
  for (const char* path : {"/proc", "/proc/self", "/proc/self/fd", "/dev/null", "/dev"}) {
    const int result = lstat(path, &status);
    say("%s %d %o", path, result, status.st_mode & S_IFMT);
    const int fd = open(path, O_RDONLY);
    say("%s opens %d", path, fd >= 0);
    if (fd >= 0) close(fd);
  }
  TRY(access("/proc/self/mem", F_OK));
  TRY(access("/dev/null", W_OK));
  DIR* const fds = opendir("/proc/self/fd");
  say("entries %d", fds != nullptr && readdir(fds) != nullptr);
  if (fds != nullptr) closedir(fds);
}

void say_ids() { say("ids %d %d %d %d", getuid(), geteuid(), getgid(), getegid()); }

void other_ids() {
  write_file("/secret", 0600);
  say_ids();
  in_child([] {
    TRY(setegid(1000));
    say_ids();
    TRY(setegid(0));
    say_ids();
  });
  in_child([] {
    TRY(setresuid(-1, -1, 1000));
    say_ids();
    TRY(setresuid(-1, 1000, -1));
    say_ids();
    in_child(say_ids);
  });
  in_child([] {
    TRY(setgroups(0, nullptr));
    TRY(setresgid(1000, 1000, 1000));
    TRY(setresuid(1000, 1000, 1000));
    say_ids();
    look("/secret");
    look("/dir/file");
    in_child([] { look("/secret"); });
  });
  in_child([] {
    TRY(seteuid(1000));
    look("/secret");
    TRY(seteuid(0));
    look("/secret");
  });
  in_child([] {
    std::thread([] {
      syscall(SYS_setresuid, 1000, 1000, 1000);
      say_ids();
      look("/secret");
    }).join();
    say_ids();
    look("/secret");
  });
}

// A directory in which only someone with CAP_DAC_OVERRIDE may look.
void closed_directories() {
  mkdir("/closed", 0755);
  write_file("/closed/file", 0644);
  if (chown("/closed", 1000, 1000) != 0 || chmod("/closed", 0700) != 0) return;
  look("/closed/file");
  in_child([] {
    TRY(chdir("/closed"));
    look("file");
    look("../dir/file");
  });
}

void other_roots() {
  mkdir("/jail", 0755);
  mkdir("/jail/dir", 0755);
  write_file("/jail/dir/file", 0600);
  in_child([] {
    TRY(chroot("/jail"));
    look("/dir/file");
    look("/secret");
    look("/../secret");
    TRY(chdir("/"));
    look("dir/file");
    in_child([] { look("/dir/file"); });
  });
  look("/secret");
}

void from_threads() {
  TRY(chdir("/dir"));
  std::thread([] {
    look("file");
    TRY(chdir("sub"));
    look("inner");
  }).join();
  look("inner");
  TRY(chdir("/"));
}

void streams() {
  mkdir("/many", 0755);
  char name[32];
  for (int i = 0; i < 300; ++i) {
    snprintf(name, sizeof name, "/many/%03d", i);
    close(open(name, O_CREAT | O_WRONLY, 0644));
  }
  DIR* const many = opendir("/many");
  int entries = 0;
  while (readdir(many) != nullptr) ++entries;
  say("entries %d", entries);
  TRY(unlink("/many/000"));
  rewinddir(many);
  for (entries = 0; readdir(many) != nullptr;) ++entries;
  say("entries %d", entries);
  closedir(many);
}

}  // namespace

int main() {
  mkdir("/dir", 0755);
  mkdir("/dir/sub", 0755);
  write_file("/dir/file", 0644);
  write_file("/dir/sub/inner", 0640);
  symlink("/dir/file", "/link");
  look("/dir");
  look("/missing");
  look("/link");
  bad_addresses();
  upper_halves();
  directories();
  renamed_and_removed();
  through_links();
  own_file_systems();
  other_ids();
  closed_directories();
  other_roots();
  from_threads();
  streams();
  other_sites();
  return 0;
}
