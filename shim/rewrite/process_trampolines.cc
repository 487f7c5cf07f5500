#include "shim/rewrite/process_trampolines.h"

#include <sched.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>

#include "shim/guest/abi.h"

namespace litebox::rewrite {

bool is_user_id_call(uint32_t number) {
  return number == SYS_getuid || number == SYS_geteuid || number == SYS_getgid || number == SYS_getegid;
}
bool is_process_id_call(uint32_t number) { return number == SYS_getpid || number == SYS_gettid || number == SYS_getppid; }

// The ids of a process. Whoever may make marked calls is root in every respect (kernel/native_paths.h), which a marked call
// tells that does nothing: readlink into no bytes at all is EINVAL before anything is looked at.
void put_user_id_call(Code& code, uint64_t site_syscall, uint32_t number) {
  const uint64_t ask = code.ask_aside(number, site_syscall);
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
      code.put({kJrcxz, 2, kJmpShort, 2});                          // jrcxz over a jmp over the next
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
  const uint64_t ask = code.ask_aside(SYS_clone3, site_syscall);
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

}  // namespace litebox::rewrite
