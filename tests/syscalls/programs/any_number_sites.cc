// System calls whose number is only known when they are made: by the C library's syscall(), and by moves and `syscall`, as Go
// has them. They say what they say elsewhere, leave all registers as they are but rax, rcx and r11, and the red zone too.
#include <linux/stat.h>
#include <sys/mman.h>
#include <sys/xattr.h>

#include <array>
#include <initializer_list>

#include "report.h"

namespace {

// In the registers of a call, and where call_like_go() takes the number from.
struct Call {
  uint64_t rdi, rsi, rdx, r10, r8, r9, number;
  uint64_t zone[16];  // what is below the stack pointer while the call is made, and then afterwards
};

}  // namespace

extern "C" long call_like_go(Call* call);
asm(R"(
  .text
  .type call_like_go, @function
call_like_go:
  push %rbx
  push %rbp
  mov %rdi, %rbp
  mov $15, %ecx
1: mov 56(%rbp,%rcx,8), %rax
  mov %rax, -128(%rsp,%rcx,8)
  dec %ecx
  jns 1b
  mov 48(%rbp), %rax
  mov 0(%rbp), %rbx
  mov 8(%rbp), %rcx
  mov 16(%rbp), %rdi
  mov 24(%rbp), %r10
  mov 32(%rbp), %r8
  mov 40(%rbp), %r9
  mov %rdi, %rdx
  mov %rcx, %rsi
  mov %rbx, %rdi
  syscall
  mov %rdi, 0(%rbp)
  mov %rsi, 8(%rbp)
  mov %rdx, 16(%rbp)
  mov %r10, 24(%rbp)
  mov %r8, 32(%rbp)
  mov %r9, 40(%rbp)
  mov $15, %ecx
1: mov -128(%rsp,%rcx,8), %rdx
  mov %rdx, 56(%rbp,%rcx,8)
  dec %ecx
  jns 1b
  pop %rbp
  pop %rbx
  ret
  .size call_like_go, . - call_like_go
)");

namespace {

bool is_same(const Call& a, const Call& b) { return memcmp(&a, &b, sizeof a) == 0; }

const char* name_of(long error) {
  const char* const name = strerrorname_np(static_cast<int>(error));
  return name != nullptr ? name : "?";
}

struct Answer {
  long go, c;
};

// Both ways, one after the other.
Answer look(const char* name, long number, uint64_t rdi = 1, uint64_t rsi = 2, uint64_t rdx = 3, uint64_t r10 = 4,
            uint64_t r8 = 5) {
  Call call = {rdi, rsi, rdx, r10, r8, 0x6666666000, static_cast<uint64_t>(number), {}};
  for (uint64_t& word : call.zone) word = reinterpret_cast<uint64_t>(&word);
  const Call given = call;
  const long go = call_like_go(&call);
  const bool same = is_same(call, given);
  errno = 0;
  const long c = syscall(number, rdi, rsi, rdx, r10, r8, 0x6666666000UL);
  const int error = errno;
  say("%s: %s, %s; %s", name, go < 0 ? name_of(-go) : "done", same ? "as they were" : "changed",
      c < 0 ? name_of(error) : "done");
  return {go, c};
}

template <typename T>
uint64_t word(T* pointer) {
  return reinterpret_cast<uint64_t>(pointer);
}

constexpr uint64_t kHere = static_cast<uint32_t>(AT_FDCWD);
constexpr auto kWideHere = static_cast<uint64_t>(static_cast<int64_t>(AT_FDCWD));

void close_both(const Answer& answer) {
  if (answer.go >= 0) close(static_cast<int>(answer.go));
  if (answer.c >= 0) close(static_cast<int>(answer.c));
}

void look_at_path(const char* path) {
  static char bytes[4096];
  say("%s", path != nullptr ? path : "nowhere");
  struct stat expected = {};
  struct stat status = {};
  const bool there = path != nullptr && stat(path, &expected) == 0;
  for (const long number : {SYS_stat, SYS_lstat}) {
    look(number == SYS_stat ? "stat" : "lstat", number, word(path), word(&status));
    if (there) say("  %o, %s file", status.st_mode, status.st_ino == expected.st_ino ? "the same" : "another");
  }
  const uint64_t directory = static_cast<uint64_t>(open(".", O_PATH));
  for (const uint64_t from : {kHere, kWideHere, directory, uint64_t{1000}}) {
    say("  from %s", from == kHere ? "here" : from == kWideHere ? "here, wide" : from == directory ? "a directory" : "nowhere");
    status = {};
    look("newfstatat", SYS_newfstatat, from, word(path), word(&status), 0);
    if (there) say("  %o, %s file", status.st_mode, status.st_ino == expected.st_ino ? "the same" : "another");
    look("newfstatat, not followed", SYS_newfstatat, from, word(path), word(bytes), AT_SYMLINK_NOFOLLOW);
    look("newfstatat of itself", SYS_newfstatat, from, word(""), word(bytes), AT_EMPTY_PATH);
    look("statx", SYS_statx, from, word(path), 0, STATX_BASIC_STATS, word(bytes));
    look("faccessat", SYS_faccessat, from, word(path), R_OK);
    look("faccessat2", SYS_faccessat2, from, word(path), R_OK, AT_EACCESS);
    look("readlinkat", SYS_readlinkat, from, word(path), word(bytes), sizeof bytes);
    close_both(look("openat", SYS_openat, from, word(path), O_RDONLY));
    close_both(look("openat for more", SYS_openat, from, word(path), O_RDWR | O_CLOEXEC));
  }
  close(static_cast<int>(directory));
  close_both(look("open", SYS_open, word(path), O_RDONLY));
  look("access", SYS_access, word(path), R_OK);
  look("readlink", SYS_readlink, word(path), word(bytes), sizeof bytes);
  if (path != nullptr && *path == '/') return;
  for (const char* name : {"user.name", "user.other", "trusted.name", static_cast<const char*>(nullptr)}) {
    look("getxattr", SYS_getxattr, word(path), word(name), word(bytes), sizeof bytes);
    look("lgetxattr", SYS_lgetxattr, word(path), word(name), word(bytes), 2);
  }
}

void make_files() {
  for (const uint64_t from : {kHere, kWideHere}) {
    for (const char* path : {"made", "file", "link", "dangling", "missing/made"}) {
      for (const int flags : {O_CREAT | O_EXCL | O_WRONLY, O_CREAT | O_RDWR, O_CREAT | O_RDONLY}) {
        say("%s, %o", path, static_cast<unsigned>(flags));
        close_both(look("openat", SYS_openat, from, word(path), static_cast<uint64_t>(flags), 0640));
        show(path);
        if (unlink("made") != 0) unlink("nowhere");
        close_both(look("open", SYS_open, word(path), static_cast<uint64_t>(flags), 0640));
        show(path);
        if (unlink("made") != 0) unlink("nowhere");
      }
    }
  }
}

void look_at_ids() {
  struct Id {
    const char* name;
    long number, value;
  };
  for (const Id& id :
       {Id{"getpid", SYS_getpid, getpid()}, Id{"gettid", SYS_gettid, getpid()}, Id{"getppid", SYS_getppid, getppid()},
        Id{"getuid", SYS_getuid, getuid()}, Id{"geteuid", SYS_geteuid, geteuid()}, Id{"getgid", SYS_getgid, getgid()},
        Id{"getegid", SYS_getegid, getegid()}}) {
    for (const uint64_t upper : {uint64_t{0}, uint64_t{0xdead} << 32U}) {
      const Answer answer = look(id.name, static_cast<long>(upper | static_cast<uint64_t>(id.number)));
      say("  %s, %s", answer.go == id.value ? "right" : "wrong", answer.c == id.value ? "right" : "wrong");
    }
  }
}

// Calls that such a site does not make itself, and those that it does with arguments that are not for it.
void look_at_others() {
  static char bytes[4096];
  look("of no number", 600);
  look("of number -1", -1);
  look("of a 32-bit program", static_cast<long>(0x40000000U | SYS_getpid));
  look("read", SYS_read, 1000, word(bytes), 1);
  look("write", SYS_write, 1000, word(bytes), 1);
  look("close", SYS_close, 1000);
  look("fcntl", SYS_fcntl, 0, F_GETFD);
  look("fstat", SYS_fstat, 0, word(bytes));
  look("umask", SYS_umask, 022);
  look("uname", SYS_uname, word(bytes));
  look("getcwd", SYS_getcwd, word(bytes), sizeof bytes);
  look("kill", SYS_kill, static_cast<uint64_t>(getpid()), 0);
  look("mkdir", SYS_mkdir, word("directory"), 0750);
  look("chmod", SYS_chmod, word("file"), 0640);
  look("getdents64 of no directory", SYS_getdents64, 0, word(bytes), sizeof bytes);
  look("clone3 of nothing", SYS_clone3, word(bytes), 0);
  look("clone3 from nowhere", SYS_clone3, 8, 88);
  look("execve", SYS_execve, word("missing"), 0, 0);
  look("execve of no program", SYS_execve, word("file"), 0, 0);
  void* const mapped = mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  look("mmap", SYS_mmap, word(mapped), 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, ~uint64_t{0});
  look("munmap", SYS_munmap, word(mapped), 4096);
  const auto directory = static_cast<uint64_t>(open(".", O_RDONLY | O_DIRECTORY));
  look("getdents64", SYS_getdents64, directory, word(bytes), sizeof bytes);
  close(static_cast<int>(directory));
}

}  // namespace

int main(int argc, char**) {
  if (argc > 1) {
    say("executed");
    return 0;
  }
  enter_work_directory("any_number_sites");
  put_file("file", "text");
  if (symlink("file", "link") != 0 || symlink("nowhere", "dangling") != 0) say("no links");
  setxattr("file", "user.name", "value", 5, 0);

  for (const char* path : {"file", "link", "dangling", ".", "/proc/self/status", "/dev/null", "missing", "file/below",
                           static_cast<const char*>(nullptr)}) {
    look_at_path(path);
  }
  make_files();
  look_at_ids();
  look_at_others();
  for (const bool like_go : {true, false}) {
    in_child([like_go] {
      std::array<const char*, 3> arguments = {"program", "again", nullptr};
      std::array<const char*, 1> environment = {nullptr};
      Call call = {word("/proc/self/exe"), word(arguments.data()), word(environment.data()), 0, 0, 0, SYS_execve, {}};
      fflush(stdout);
      const long result =
          like_go ? call_like_go(&call) : syscall(SYS_execve, "/proc/self/exe", arguments.data(), environment.data());
      say("execve: %ld", result);
    });
    in_child([like_go] {
      Call call = {0, 0, 0, 0, 0, 0, SYS_fork, {}};
      fflush(stdout);
      const long made = like_go ? call_like_go(&call) : syscall(SYS_fork);
      if (made == 0) _exit(3);
      int status = 0;
      const bool ended = waitpid(static_cast<pid_t>(made), &status, 0) == made;
      say("fork: %s, %x", ended ? "done" : "failed", static_cast<unsigned>(status));
    });
  }
  return 0;
}
