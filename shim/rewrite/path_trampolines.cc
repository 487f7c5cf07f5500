#include "shim/rewrite/path_trampolines.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <optional>

#include "shim/guest/abi.h"

namespace litebox::rewrite {
namespace {

constexpr uint32_t kGetxattrat = 464;  // since Linux 6.13: not in Debian 12's headers

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
  bool wide = false;                             // AT_FDCWD with its sign in the register's upper half
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

void put_mark(Code& code, const MarkedCall& call) {
  if (call.wide) {
    code.put({0x48, 0xbf});  // movabs $kMarkedWorkingDirectory,%rdi
    code.put64(abi::kMarkedWorkingDirectory);
    return;
  }
  code.put({0x49, 0xbb});  // movabs $kMark,%r11
  code.put64(abi::kMark);
  switch (call.where) {
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

void put_unmark(Code& code, const MarkedCall& call) {
  if (call.wide) {
    code.put({0x48, 0x63, 0xff});  // movslq %edi,%rdi
    return;
  }
  constexpr std::array<uint8_t, 3> kMove = {0xff, 0xf6, 0xd2};  // mov %edi,%edi and so on: the upper half becomes zero
  code.put({0x89, kMove.at(static_cast<size_t>(call.where))});
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

// fstat(fd, buffer) for newfstatat(fd, "", buffer, AT_EMPTY_PATH), as C libraries say it: where the path is the image's own, so
// that looking at it harms nobody. The registers are the same but for two that change places. What has no link is perhaps only
// a thing that the guest holds for a file of litebox's own. A negative descriptor may be AT_FDCWD.
void put_descriptor_status(Code& code, const ImageRange& image, uint64_t site_syscall) {
  const uint64_t done = site_syscall + kSyscall.size();
  code.put({0x49, 0x8d, 0x8a});  // lea -AT_EMPTY_PATH(%r10),%rcx
  code.put32(~static_cast<uint32_t>(AT_EMPTY_PATH) + 1);
  const size_t empty_path = code.if_zero_ahead();
  const uint64_t ask = code.ask(SYS_newfstatat, site_syscall);
  code.arrive(empty_path);
  code.put({0x89, 0xf9, 0xc1, 0xe9, 31});  // mov %edi,%ecx; shr $31,%ecx
  const size_t not_negative = code.if_zero_ahead();
  code.jump(ask);
  code.arrive(not_negative);
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

// O_CREAT without O_EXCL: with it first, so that a file is made or none is touched. What is there already is the monitor's.
void put_creation(Code& code, const MarkedCall& call, uint64_t site_syscall, uint32_t number, uint64_t ask) {
  static_assert((O_CREAT | O_EXCL) == 0xc0 && O_EXCL == 1 << 7);
  const bool in_rsi = number == SYS_open;
  code.put({0x89, static_cast<uint8_t>(in_rsi ? 0xf1 : 0xd1)});  // mov %edx,%ecx or %esi,%ecx
  code.put({0x81, 0xe1});                                        // and $(O_CREAT|O_EXCL),%ecx
  code.put32(O_CREAT | O_EXCL);
  code.put({0x48, 0x8d, 0x49, static_cast<uint8_t>(-O_CREAT)});  // lea -O_CREAT(%rcx),%rcx
  code.put({kJrcxz, 2});
  const size_t other = code.jump_ahead(kJmpShort);
  code.put({0x48, 0x0f, 0xba, static_cast<uint8_t>(in_rsi ? 0xee : 0xea), 7});  // bts $7,%rdx or %rsi
  put_mark(code, call);
  code.system_call(number);
  put_unmark(code, call);
  code.put({0x48, 0x0f, 0xba, static_cast<uint8_t>(in_rsi ? 0xf6 : 0xf2), 7});  // btr $7,%rdx or %rsi
  for (const uint8_t error : {EEXIST, EACCES, EPERM}) code.if_error_back_to(error, ask);
  code.jump(site_syscall + kSyscall.size());
  code.arrive(other);
}

// The kernel would list a directory that is open with O_PATH (shim/syscalls/path_descriptor.h): that is the monitor's to
// refuse.
void put_unless_path_descriptor(Code& code, uint64_t ask) {
  code.leave_red_zone();
  code.put({0x56});  // push %rsi
  code.put({0xbe});  // mov $F_GETFL,%esi
  code.put32(F_GETFL);
  code.system_call(SYS_fcntl);
  code.put({0x5e});  // pop %rsi
  code.return_to_red_zone();
  code.put({0x89, 0xc1});  // mov %eax,%ecx
  code.put({0x81, 0xe1});  // and $O_DSYNC,%ecx: an error has it too
  code.put32(O_DSYNC);
  const size_t other = code.if_zero_ahead();
  code.jump(ask);
  code.arrive(other);
}

// The kernel is asked first. Where it has no right to say, on to `ask`.
void put_kernel_first(Code& code, const MarkedCall& call, uint64_t site_syscall, uint32_t number, uint64_t ask) {
  const uint64_t done = site_syscall + kSyscall.size();
  if (number == SYS_open || number == SYS_openat) put_creation(code, call, site_syscall, number, ask);
  put_mark(code, call);
  code.system_call(number);
  put_unmark(code, call);
  for (const uint8_t error : call.ask) code.if_error_back_to(error, ask);
  if (call.answer) {
    code.put({0x48, 0x89, 0xc1});  // mov %rax,%rcx
    const size_t succeeded = code.if_zero_ahead();
    code.jump(done);
    code.arrive(succeeded);
    put_if_nothing_permitted(code, *call.answer, ask);
  }
  code.jump(done);
}

}  // namespace

bool is_marked_call(uint32_t number) { return marked_call(number).has_value(); }
bool is_status_call(uint32_t number) { return number == SYS_stat || number == SYS_lstat; }
bool is_attribute_call(uint32_t number) { return number == SYS_getxattr || number == SYS_lgetxattr; }

// Registers: rcx and r11, which every system call destroys, and rax. No stack but for getdents64. The marked register gets its
// own value back.
void put_marked_call(Code& code, uint64_t site_syscall, uint32_t number, const ImageRange& image) {
  const MarkedCall call = *marked_call(number);
  put_test(code, call);
  const size_t fits = code.if_zero_ahead();
  if (number == SYS_newfstatat) put_descriptor_status(code, image, site_syscall);
  const uint64_t ask = code.ask(number, site_syscall);
  code.arrive(fits);
  if (number == SYS_getdents64) put_unless_path_descriptor(code, ask);
  put_kernel_first(code, call, site_syscall, number, ask);
}

void put_descriptor_status_call(Code& code, uint64_t site_syscall, const ImageRange& image) {
  put_test(code, *marked_call(SYS_newfstatat));
  const size_t by_path = code.if_zero_ahead();
  put_descriptor_status(code, image, site_syscall);
  code.arrive(by_path);
  code.ask(SYS_newfstatat, site_syscall);
}

uint64_t put_marked_call_of_any(Code& code, uint64_t site_syscall, uint32_t number, const ImageRange& image) {
  MarkedCall call = *marked_call(number);
  uint64_t start = code.here();
  if (call.directory) {
    call.wide = true;
    const uint64_t wide = code.here();
    const uint64_t ask = code.ask_aside(number, site_syscall);
    put_kernel_first(code, call, site_syscall, number, ask);
    start = code.here();
    code.put({0x48, 0x8d, 0x4f, static_cast<uint8_t>(-AT_FDCWD)});  // lea -AT_FDCWD(%rdi),%rcx
    code.if_zero_back_to(wide);
  }
  put_marked_call(code, site_syscall, number, image);
  return start;
}

// stat and lstat, which have no register for a mark, as marked newfstatat: with two registers more, whose values the stack
// keeps below its red zone. Code that has this number in its text, as C libraries' has, has a stack.
void put_status_call(Code& code, uint64_t site_syscall, uint32_t number) {
  const uint64_t done = site_syscall + kSyscall.size();
  const uint64_t ask = code.ask_aside(number, site_syscall);
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
  code.if_error_back_to(EACCES, ask);
  code.if_error_back_to(EPERM, ask);
  code.put({0x48, 0x89, 0xc1});  // mov %rax,%rcx
  const size_t succeeded = code.if_zero_ahead();
  code.jump(done);
  code.arrive(succeeded);
  put_if_nothing_permitted(code, {Answer::In::rsi, offsetof(struct stat, st_mode)}, ask);
  code.jump(done);
}

// getxattr and lgetxattr, which have no register for a mark, as marked getxattrat: struct xattr_args lies on the stack. That
// there is no attribute is the monitor's to say of those whose name begins with a t, trusted ones, which the kernel hides from
// whoever has no capability; the name can be read, as the kernel has just read it.
void put_attribute_call(Code& code, uint64_t site_syscall, uint32_t number) {
  const uint64_t ask = code.ask_aside(number, site_syscall);
  code.put({0x4c, 0x89, 0xd1});      // mov %r10,%rcx
  code.put({0x48, 0xc1, 0xe9, 32});  // shr $32,%rcx
  const size_t size_fits = code.if_zero_ahead();
  code.jump(ask);
  code.arrive(size_fits);
  code.leave_red_zone();
  code.put({0x57, 0x56, 0x52});        // push %rdi, %rsi, %rdx
  code.put({0x41, 0x50, 0x41, 0x51});  // push %r8, %r9
  code.put({0x41, 0x52});              // push %r10: the size, and no flags
  code.put({0x52});                    // push %rdx: the value
  code.put({0x49, 0x89, 0xf2});        // mov %rsi,%r10
  code.put({0x48, 0x89, 0xfe});        // mov %rdi,%rsi
  code.put({0x48, 0xbf});              // movabs $kMarkedWorkingDirectory,%rdi
  code.put64(abi::kMarkedWorkingDirectory);
  code.put({0xba});  // mov $flags,%edx
  code.put32(number == SYS_lgetxattr ? AT_SYMLINK_NOFOLLOW : 0);
  code.put({0x49, 0x89, 0xe0});  // mov %rsp,%r8
  code.put({0x41, 0xb9});        // mov $size,%r9d
  code.put32(16);
  code.system_call(kGetxattrat);
  code.put({0x5a, 0x41, 0x5a});        // pop %rdx, %r10
  code.put({0x41, 0x59, 0x41, 0x58});  // pop %r9, %r8
  code.put({0x5a, 0x5e, 0x5f});        // pop %rdx, %rsi, %rdi
  code.return_to_red_zone();
  for (const uint8_t error : {EACCES, EPERM, ENOSYS}) code.if_error_back_to(error, ask);
  code.put({0x48, 0x8d, 0x48, ENODATA});  // lea ENODATA(%rax),%rcx
  const size_t no_data = code.if_zero_ahead();
  code.jump(site_syscall + kSyscall.size());
  code.arrive(no_data);
  code.put({0x0f, 0xb6, 0x0e});                              // movzbl (%rsi),%ecx
  code.put({0x48, 0x8d, 0x49, static_cast<uint8_t>(-'t')});  // lea -'t'(%rcx),%rcx
  code.if_zero_back_to(ask);
  code.jump(site_syscall + kSyscall.size());
}

}  // namespace litebox::rewrite
