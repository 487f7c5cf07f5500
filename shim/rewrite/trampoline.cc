#include "shim/rewrite/trampoline.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <initializer_list>
#include <optional>
#include <span>

#include "shim/guest/abi.h"

namespace litebox::rewrite {
namespace {

constexpr size_t kAlignment = 16;
constexpr uint8_t kBreakpoint = 0xcc;

// The register that is marked (abi::kMark).
enum class Marked : uint8_t { rdi, rsi, rdx };

// What a successful call has written where a file's type and permissions can be told from it: the register that points
// there, and how far behind it they are.
struct Answer {
  enum class In : uint8_t { rdx, rsi, r8 } pointer;
  uint8_t mode_offset;
};

struct MarkedCall {
  Marked where;
  bool directory;  // the register has the directory descriptor, and only AT_FDCWD is for the kernel
  std::optional<Answer> answer;
  std::array<uint8_t, 2> ask = {EACCES, EPERM};  // the errors upon which the monitor is asked
};

std::optional<MarkedCall> marked_call(uint32_t number) {
  switch (number) {
    case SYS_openat:
    case SYS_readlinkat:
    case SYS_faccessat:
    case SYS_faccessat2:
      return MarkedCall{Marked::rdi, true, std::nullopt};
    case SYS_newfstatat:
      return MarkedCall{Marked::rdi, true, Answer{Answer::In::rdx, offsetof(struct stat, st_mode)}};
    case SYS_statx:
      return MarkedCall{Marked::rdi, true, Answer{Answer::In::r8, offsetof(struct statx, stx_mode)}};
    case SYS_open:
    case SYS_access:
      return MarkedCall{Marked::rsi, false, std::nullopt};
    case SYS_readlink:
      return MarkedCall{Marked::rdx, false, std::nullopt};
    case SYS_getdents64:
      // What stands for a directory of litebox's own is one that has been removed (rootfs/descriptor_registry.h).
      return MarkedCall{Marked::rdi, false, std::nullopt, {ENOENT, EBADF}};
    default:
      return std::nullopt;
  }
}

bool is_status_call(uint32_t number) { return number == SYS_stat || number == SYS_lstat; }

bool is_id_call(uint32_t number) {
  return number == SYS_getuid || number == SYS_geteuid || number == SYS_getgid || number == SYS_getegid;
}

bool is_process_id_call(uint32_t number) { return number == SYS_getpid || number == SYS_gettid || number == SYS_getppid; }

class Code {
 public:
  Code(std::vector<uint8_t>& bytes, uint64_t start) : bytes_(bytes), start_(start) {}

  uint64_t here() const { return start_ + bytes_.size(); }
  void put(std::initializer_list<uint8_t> bytes) { bytes_.insert(bytes_.end(), bytes); }
  void put(std::span<const uint8_t> bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
  void put32(uint32_t value) {
    for (unsigned shift = 0; shift < 32; shift += 8) bytes_.push_back(static_cast<uint8_t>(value >> shift));
  }
  void put64(uint64_t value) {
    put32(static_cast<uint32_t>(value));
    put32(static_cast<uint32_t>(value >> 32U));
  }
  void relative(uint64_t target) { put32(static_cast<uint32_t>(target - (here() + 4))); }
  void align() {
    while (here() % kAlignment != 0) bytes_.push_back(kBreakpoint);
  }

  void jump(uint64_t target) {
    put({0xe9});
    relative(target);
  }
  void system_call(uint32_t number) {
    put({kMovEax});
    put32(number);
    put({kSyscall[0], kSyscall[1]});
  }
  // What is pushed in between lies below what a function keeps under its stack pointer.
  void leave_red_zone() { put({0x48, 0x8d, 0x64, 0x24, 0x80}); }               // lea -128(%rsp),%rsp
  void return_to_red_zone() { put({0x48, 0x8d, 0xa4, 0x24, 0x80, 0, 0, 0}); }  // lea 128(%rsp),%rsp
  // jrcxz, to what is here already.
  void if_zero_back_to(uint64_t target) {
    put({0xe3, 0});
    bytes_.back() = static_cast<uint8_t>(target - here());
  }
  // jrcxz, to what comes: a place for arrive().
  size_t if_zero_ahead() {
    put({0xe3, 0});
    return bytes_.size();
  }
  void arrive(size_t from) { bytes_[from - 1] = static_cast<uint8_t>(bytes_.size() - from); }

 private:
  std::vector<uint8_t>& bytes_;
  uint64_t start_;
};

// rcx = 0 where the register can be marked: it is AT_FDCWD, or its upper half is zero.
void put_test(Code& code, const MarkedCall& call) {
  if (call.directory) {
    code.put({0x49, 0xbb});  // movabs $-AT_FDCWD,%r11
    code.put64(~abi::kWorkingDirectory + 1);
    code.put({0x4a, 0x8d, 0x0c, 0x1f});  // lea (%rdi,%r11),%rcx
    return;
  }
  constexpr std::array<uint8_t, 3> kMove = {0xf9, 0xf1, 0xd1};  // mov %rdi,%rcx and so on
  code.put({0x48, 0x89, kMove.at(static_cast<size_t>(call.where))});
  code.put({0x48, 0x0f, 0xc9});  // bswap %rcx
  code.put({0x89, 0xc9});        // mov %ecx,%ecx
}

void put_mark(Code& code, Marked where) {
  code.put({0x49, 0xbb});  // movabs $kMark,%r11
  code.put64(abi::kMark);
  switch (where) {
    case Marked::rdi:
      code.put({0x4a, 0x8d, 0x3c, 0x1f});  // lea (%rdi,%r11),%rdi
      break;
    case Marked::rsi:
      code.put({0x4a, 0x8d, 0x34, 0x1e});  // lea (%rsi,%r11),%rsi
      break;
    case Marked::rdx:
      code.put({0x4a, 0x8d, 0x14, 0x1a});  // lea (%rdx,%r11),%rdx
      break;
  }
}

void put_unmark(Code& code, Marked where) {
  constexpr std::array<uint8_t, 3> kMove = {0xff, 0xf6, 0xd2};  // mov %edi,%edi and so on: the upper half becomes zero
  code.put({0x89, kMove.at(static_cast<size_t>(where))});
}

// To `target` if rax is -error.
void put_if_error(Code& code, uint8_t error, uint64_t target) {
  code.put({0x48, 0x8d, 0x48, error});  // lea error(%rax),%rcx
  code.if_zero_back_to(target);
}

// To `target` where the answer is one of the file that stands for what only the monitor knows: it has no permissions at all.
void put_if_nothing_permitted(Code& code, const Answer& answer, uint64_t target) {
  for (const unsigned type : {S_IFDIR, S_IFREG}) {
    switch (answer.pointer) {
      case Answer::In::rdx:
        code.put({0x8b, 0x4a, answer.mode_offset});  // mov offset(%rdx),%ecx
        break;
      case Answer::In::rsi:
        code.put({0x8b, 0x4e, answer.mode_offset});  // mov offset(%rsi),%ecx
        break;
      case Answer::In::r8:
        code.put({0x41, 0x0f, 0xb7, 0x48, answer.mode_offset});  // movzwl offset(%r8),%ecx
        break;
    }
    code.put({0x48, 0x8d, 0x89});  // lea -type(%rcx),%rcx
    code.put32(~type + 1);
    code.if_zero_back_to(target);
  }
}

// On to the site's own `syscall`. Returns where this is.
uint64_t put_ask(Code& code, uint32_t number, uint64_t site_syscall) {
  const uint64_t here = code.here();
  code.put({kMovEax});
  code.put32(number);
  code.jump(site_syscall);
  return here;
}

// fstat(fd, buffer) for newfstatat(fd, "", buffer, AT_EMPTY_PATH), as C libraries say it: where the path is the image's own, so
// that looking at it harms nobody. The registers are the same but for two that change places. What has no link is perhaps only
// a thing that the guest holds for a file of litebox's own.
void put_descriptor_status(Code& code, const ImageRange& image, uint64_t site_syscall) {
  const uint64_t done = site_syscall + kSyscall.size();
  code.put({0x49, 0x8d, 0x8a});  // lea -AT_EMPTY_PATH(%r10),%rcx
  code.put32(~static_cast<uint32_t>(AT_EMPTY_PATH) + 1);
  const size_t empty_path = code.if_zero_ahead();
  const uint64_t ask = put_ask(code, SYS_newfstatat, site_syscall);
  code.arrive(empty_path);
  code.put({0x48, 0x8d, 0x0d});  // lea image(%rip),%rcx
  code.relative(image.begin);
  code.put({0x49, 0x89, 0xf3});  // mov %rsi,%r11
  code.put({0x49, 0x29, 0xcb});  // sub %rcx,%r11
  code.put({0x49, 0x81, 0xfb});  // cmp $size,%r11
  code.put32(static_cast<uint32_t>(image.end - image.begin));
  code.put({0x0f, 0x83});  // jae ask
  code.relative(ask);
  code.put({0x0f, 0xb6, 0x0e});  // movzbl (%rsi),%ecx
  const size_t is_empty = code.if_zero_ahead();
  code.jump(ask);
  code.arrive(is_empty);
  code.put({0x48, 0x87, 0xd6});  // xchg %rdx,%rsi
  code.system_call(SYS_fstat);
  code.put({0x48, 0x87, 0xd6});
  code.put({0x48, 0x89, 0xc1});  // mov %rax,%rcx
  const size_t succeeded = code.if_zero_ahead();
  code.jump(done);
  code.arrive(succeeded);
  code.put({0x48, 0x8b, 0x4a, offsetof(struct stat, st_nlink)});  // mov st_nlink(%rdx),%rcx
  const size_t unlinked = code.if_zero_ahead();
  code.jump(done);
  code.arrive(unlinked);
  code.jump(ask);
}

// Registers: rcx and r11, which every system call destroys, and rax. No stack. The marked register gets its own value back.
//
//   The kernel is asked first. Where it has no right to say, on to the site's own `syscall`.
void put_marked_call(Code& code, const MarkedCall& call, uint64_t site_syscall, uint32_t number, const ImageRange& image) {
  const uint64_t done = site_syscall + kSyscall.size();
  put_test(code, call);
  const size_t fits = code.if_zero_ahead();
  if (number == SYS_newfstatat) put_descriptor_status(code, image, site_syscall);
  const uint64_t ask = put_ask(code, number, site_syscall);
  code.arrive(fits);
  put_mark(code, call.where);
  code.system_call(number);
  put_unmark(code, call.where);
  for (const uint8_t error : call.ask) put_if_error(code, error, ask);
  if (call.answer) {
    code.put({0x48, 0x89, 0xc1});  // mov %rax,%rcx
    const size_t succeeded = code.if_zero_ahead();
    code.jump(done);
    code.arrive(succeeded);
    put_if_nothing_permitted(code, *call.answer, ask);
  }
  code.jump(done);
}

// stat and lstat, which have no register for a mark, as marked newfstatat: with two registers more, whose values the stack
// keeps below its red zone. Code that has this number in its text, as C libraries' has, has a stack.
void put_status_call(Code& code, uint64_t site_syscall, uint32_t number) {
  const uint64_t done = site_syscall + kSyscall.size();
  code.put({0xeb, kMovSize + kMovSize});  // jmp over the way to the monitor
  const uint64_t ask = put_ask(code, number, site_syscall);
  code.leave_red_zone();
  code.put({0x52});              // push %rdx
  code.put({0x41, 0x52});        // push %r10
  code.put({0x48, 0x89, 0xf2});  // mov %rsi,%rdx
  code.put({0x48, 0x89, 0xfe});  // mov %rdi,%rsi
  code.put({0x48, 0xbf});        // movabs $kMarkedWorkingDirectory,%rdi
  code.put64(abi::kMarkedWorkingDirectory);
  code.put({0x41, 0xba});  // mov $flags,%r10d
  code.put32(number == SYS_lstat ? AT_SYMLINK_NOFOLLOW : 0);
  code.system_call(SYS_newfstatat);
  code.put({0x48, 0x89, 0xf7});  // mov %rsi,%rdi
  code.put({0x48, 0x89, 0xd6});  // mov %rdx,%rsi
  code.put({0x41, 0x5a});        // pop %r10
  code.put({0x5a});              // pop %rdx
  code.return_to_red_zone();
  put_if_error(code, EACCES, ask);
  put_if_error(code, EPERM, ask);
  code.put({0x48, 0x89, 0xc1});  // mov %rax,%rcx
  const size_t succeeded = code.if_zero_ahead();
  code.jump(done);
  code.arrive(succeeded);
  put_if_nothing_permitted(code, {Answer::In::rsi, offsetof(struct stat, st_mode)}, ask);
  code.jump(done);
}

// The ids of a process. Whoever may make marked calls is root in every respect (kernel/native_paths.h), which a marked call
// tells that does nothing: readlink into no bytes at all is EINVAL before anything is looked at.
void put_id_call(Code& code, uint64_t site_syscall, uint32_t number) {
  code.put({0xeb, kMovSize + kMovSize});  // jmp over the way to the monitor
  const uint64_t ask = put_ask(code, number, site_syscall);
  code.leave_red_zone();
  code.put({0x52});        // push %rdx
  code.put({0x48, 0xba});  // movabs $kMark,%rdx
  code.put64(abi::kMark);
  code.system_call(SYS_readlink);
  code.put({0x5a});  // pop %rdx
  code.return_to_red_zone();
  code.put({0x48, 0x8d, 0x48, EINVAL});  // lea EINVAL(%rax),%rcx
  const size_t is_root = code.if_zero_ahead();
  code.jump(ask);
  code.arrive(is_root);
  code.put({0x31, 0xc0});  // xor %eax,%eax
  code.jump(site_syscall + kSyscall.size());
}

// The caller's own ids: the kernel's, but for those of the container's first process and of whom no process sees.
void put_process_id_call(Code& code, uint64_t site_syscall, uint32_t number) {
  code.leave_red_zone();
  code.put({0x57});        // push %rdi
  code.put({0x48, 0xbf});  // movabs $kMark,%rdi
  code.put64(abi::kMark);
  code.system_call(number);
  code.put({0x5f});  // pop %rdi
  code.return_to_red_zone();
  code.put({0x49, 0xbb});  // movabs $kIds,%r11
  code.put64(abi::kIds);
  code.put({0x41, 0x8b, 0x4b, offsetof(abi::Ids, first_process)});  // mov first_process(%r11),%ecx
  code.put({0x48, 0x29, 0xc1});                                     // sub %rax,%rcx
  const size_t is_first = code.if_zero_ahead();
  if (number == SYS_getppid) {
    for (const size_t outside : {offsetof(abi::Ids, monitor), offsetof(abi::Ids, keeper)}) {
      code.put({0x41, 0x8b, 0x4b, static_cast<uint8_t>(outside)});  // mov outside(%r11),%ecx
      code.put({0x48, 0x29, 0xc1});                                 // sub %rax,%rcx
      code.put({0xe3, 0x02, 0xeb, 0x02});                           // jrcxz over a jmp over the next
      code.put({0x31, 0xc0});                                       // xor %eax,%eax
    }
  }
  code.jump(site_syscall + kSyscall.size());
  code.arrive(is_first);
  code.put({0xb8});  // mov $1,%eax
  code.put32(1);
  code.jump(site_syscall + kSyscall.size());
}

// clone3 of what shares memory, as on a kernel without it: C libraries ask for it by clone then, which is native, and the
// monitor would say the same (shim/syscalls/clone3.cc). Only where the arguments lie on the stack can they be looked at here.
void put_clone3_call(Code& code, uint64_t site_syscall) {
  constexpr uint32_t kNearStackPointer = 0x10000;
  code.put({0xeb, kMovSize + kMovSize});  // jmp over the way to the monitor
  const uint64_t ask = put_ask(code, SYS_clone3, site_syscall);
  code.put({0x48, 0x89, 0xf9});  // mov %rdi,%rcx
  code.put({0x48, 0x29, 0xe1});  // sub %rsp,%rcx
  code.put({0x48, 0x81, 0xf9});  // cmp $size,%rcx
  code.put32(kNearStackPointer);
  code.put({0x0f, 0x83});  // jae ask
  code.relative(ask);
  code.put({0x8b, 0x0f});  // mov (%rdi),%ecx
  code.put({0x81, 0xe1});  // and $CLONE_VM,%ecx
  code.put32(CLONE_VM);
  code.if_zero_back_to(ask);
  code.put({0x48, 0xc7, 0xc0});  // mov $-ENOSYS,%rax
  code.put32(~static_cast<uint32_t>(ENOSYS) + 1);
  code.jump(site_syscall + kSyscall.size());
}

// To the blob, with the address of the site's `syscall` in rcx.
void put_blob_jump(Code& code, uint64_t entry, uint64_t syscall) {
  code.put({0x48, 0x8d, 0x0d});  // lea syscall(%rip),%rcx
  code.relative(syscall);
  code.put({0x49, 0xbb});  // movabs $entry,%r11
  code.put64(entry);
  code.put({0x41, 0xff, 0xe3});  // jmp *%r11
}

}  // namespace

bool has_trampoline(uint32_t number, Role role) {
  if (number == SYS_mmap) return role == Role::interpreter;
  return marked_call(number).has_value() || is_status_call(number) || is_id_call(number) || is_process_id_call(number) ||
         number == SYS_clone3 || number == SYS_execve;
}

uint64_t append_trampoline(std::vector<uint8_t>& code_bytes, uint64_t code_address, const SitePlace& site) {
  Code code(code_bytes, code_address);
  code.align();
  const uint64_t start = code.here();
  const uint64_t syscall = site.address + kMovSize + site.between.size();
  code.put(site.between);
  if (const auto marked = marked_call(site.number)) {
    put_marked_call(code, *marked, syscall, site.number, site.image);
  } else if (is_status_call(site.number)) {
    put_status_call(code, syscall, site.number);
  } else if (is_id_call(site.number)) {
    put_id_call(code, syscall, site.number);
  } else if (is_process_id_call(site.number)) {
    put_process_id_call(code, syscall, site.number);
  } else if (site.number == SYS_clone3) {
    put_clone3_call(code, syscall);
  } else if (site.number == SYS_execve) {
    put_blob_jump(code, abi::kExecEntry, syscall);
  } else {
    put_blob_jump(code, abi::kMapEntry, syscall);
  }
  code.align();
  return start;
}

std::array<uint8_t, kMovSize> jump_to(uint64_t site_address, uint64_t trampoline_address) {
  const auto distance = static_cast<uint32_t>(trampoline_address - (site_address + kMovSize));
  return {0xe9, static_cast<uint8_t>(distance), static_cast<uint8_t>(distance >> 8U), static_cast<uint8_t>(distance >> 16U),
          static_cast<uint8_t>(distance >> 24U)};
}

}  // namespace litebox::rewrite
