// System calls leave all registers as they are but rax, rcx and r11, also where a rewritten site makes others in their place.
#include <sched.h>
#include <signal.h>
#include <sys/xattr.h>

#include <initializer_list>

#include "report.h"

namespace {

struct Registers {
  uint64_t rdi, rsi, rdx, r10, r8, r9, rbx;
};

// With the number where a site has it.
template <int number>
long call(const Registers& given, Registers& left) {
  long result = 0;
  left = given;
  register uint64_t r10 asm("r10") = left.r10;
  register uint64_t r8 asm("r8") = left.r8;
  register uint64_t r9 asm("r9") = left.r9;
  asm volatile("mov %[number], %%eax\n\tsyscall"
               : "=a"(result), "+D"(left.rdi), "+S"(left.rsi), "+d"(left.rdx), "+b"(left.rbx), "+r"(r10), "+r"(r8), "+r"(r9)
               : [number] "i"(number)
               : "rcx", "r11", "memory");
  left.r10 = r10;
  left.r8 = r8;
  left.r9 = r9;
  return result;
}

template <int number>
void look(const char* name, uint64_t rdi = 1, uint64_t rsi = 2, uint64_t rdx = 3, uint64_t r10 = 4) {
  const Registers given = {rdi, rsi, rdx, r10, 0x5555555555, 0x6666666666, 0x7777777777};
  Registers left;
  const long result = call<number>(given, left);
  const bool same = left.rdi == given.rdi && left.rsi == given.rsi && left.rdx == given.rdx && left.r10 == given.r10 &&
                    left.r8 == given.r8 && left.r9 == given.r9 && left.rbx == given.rbx;
  say("%s: %s, %s", name, result < 0 ? strerrorname_np(static_cast<int>(-result)) : "done", same ? "as they were" : "changed");
}

template <typename T>
uint64_t word(T* pointer) {
  return reinterpret_cast<uint64_t>(pointer);
}

void ignore(int) {}

}  // namespace

int main() {
  static char bytes[4096];
  const uint64_t here = static_cast<uint32_t>(AT_FDCWD);
  close(open("file", O_CREAT | O_WRONLY, 0644));
  symlink("file", "link");
  symlink("nowhere", "dangling");
  setxattr("file", "user.name", "value", 5, 0);
  signal(SIGUSR1, ignore);

  for (const char* path : {"file", "link", "/proc/self/status", "missing", static_cast<const char*>(nullptr)}) {
    say("%s", path != nullptr ? path : "nowhere");
    look<SYS_stat>("stat", word(path), word(bytes));
    look<SYS_lstat>("lstat", word(path), word(bytes));
    look<SYS_newfstatat>("newfstatat", here, word(path), word(bytes), 0);
    look<SYS_access>("access", word(path), R_OK);
    look<SYS_readlink>("readlink", word(path), word(bytes), sizeof bytes);
    look<SYS_readlinkat>("readlinkat", here, word(path), word(bytes), sizeof bytes);
    for (const char* name : {"user.name", "user.other", "trusted.name", "", static_cast<const char*>(nullptr)}) {
      if (path != nullptr && *path == '/') continue;
      look<SYS_getxattr>("getxattr", word(path), word(name), word(bytes), sizeof bytes);
      look<SYS_lgetxattr>("lgetxattr", word(path), word(name), word(bytes), sizeof bytes);
    }
    look<SYS_getxattr>("getxattr, short", word(path), word("user.name"), word(bytes), 2);
    look<SYS_getxattr>("getxattr, the length", word(path), word("user.name"), 0, 0);
    look<SYS_getxattr>("getxattr, long", word(path), word("user.name"), word(bytes), uint64_t{1} << 40U);
    look<SYS_getxattr>("getxattr, to nowhere", word(path), word("user.name"), 8, sizeof bytes);
  }
  for (const int flags : {O_RDONLY, O_PATH, O_PATH | O_DIRECTORY}) {
    const int directory = open(".", flags);
    look<SYS_getdents64>("getdents64", static_cast<uint64_t>(directory), word(bytes), sizeof bytes);
    close(directory);
  }
  look<SYS_getdents64>("getdents64 of nothing", 1000, word(bytes), sizeof bytes);
  const uint64_t umask_of_files = umask(0027);
  for (const char* path : {"made", "made", "file", "link", "dangling", "missing/made", "made/"}) {
    for (const int flags :
         {O_CREAT | O_EXCL | O_WRONLY, O_CREAT | O_RDWR | O_TRUNC, O_CREAT | O_RDONLY, O_CREAT | O_DIRECTORY}) {
      say("%s, %o", path, static_cast<unsigned>(flags));
      const int next = dup(0);
      close(next);
      look<SYS_open>("open", word(path), static_cast<uint64_t>(flags), 0666);
      struct stat status = {};
      if (fstat(next, &status) == 0) {
        say("  mode %o, flags %o", status.st_mode, static_cast<unsigned>(fcntl(next, F_GETFL)));
        close(next);
      }
      unlink("made");
      look<SYS_openat>("openat", here, word(path), static_cast<uint64_t>(flags), 04777);
      if (fstat(next, &status) == 0) say("  mode %o", status.st_mode);
      close(next);
      if (flags % 2 == 0) unlink("made");
    }
  }
  umask(static_cast<mode_t>(umask_of_files));
  look<SYS_getpid>("getpid");
  look<SYS_gettid>("gettid");
  look<SYS_getppid>("getppid");
  look<SYS_getuid>("getuid");
  look<SYS_getegid>("getegid");
  const auto process = static_cast<uint64_t>(getpid());
  look<SYS_kill>("kill", process, SIGUSR1);
  look<SYS_kill>("kill with a long id", process | uint64_t{7} << 32U, SIGUSR1);
  look<SYS_kill>("kill of nobody", 0x7fffffff, SIGUSR1);
  look<SYS_kill>("kill of the group", 0, 0);
  look<SYS_tgkill>("tgkill", process, process, SIGUSR1);
  look<SYS_tgkill>("tgkill with long ids", process | uint64_t{7} << 32U, process | uint64_t{8} << 32U, SIGUSR1);
  look<SYS_tgkill>("tgkill of nobody", process, 0x7fffffff, SIGUSR1);
  look<SYS_tgkill>("tgkill of another process's", 0x7fffffff, process, SIGUSR1);
  return 0;
}
