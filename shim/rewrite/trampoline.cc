#include "shim/rewrite/trampoline.h"

#include <sys/syscall.h>

#include <utility>

#include "shim/guest/abi.h"
#include "shim/rewrite/code.h"
#include "shim/rewrite/path_trampolines.h"
#include "shim/rewrite/process_trampolines.h"

namespace litebox::rewrite {
namespace {

// To the blob, with the address of the site's `syscall` in rcx.
void put_blob_jump(Code& code, uint64_t entry, uint64_t syscall) {
  code.put({0x48, 0x8d, 0x0d});  // lea syscall(%rip),%rcx
  code.relative(syscall);
  code.put({0x49, 0xbb});  // movabs $entry,%r11
  code.put64(entry);
  code.put({0x41, 0xff, 0xe3});  // jmp *%r11
}

constexpr uint32_t kNumbersEnd = 512;  // above all calls that have a trampoline

void put_call(Code& code, uint32_t number, uint64_t syscall, const ImageRange& image, const Wanted& wanted) {
  if (number == SYS_newfstatat && !wanted.shortcuts.paths) {
    put_descriptor_status_call(code, syscall, image);
  } else if (is_marked_call(number)) {
    put_marked_call(code, syscall, number, image);
  } else if (is_status_call(number)) {
    put_status_call(code, syscall, number);
  } else if (is_attribute_call(number)) {
    put_attribute_call(code, syscall, number);
  } else if (is_user_id_call(number)) {
    put_user_id_call(code, syscall, number);
  } else if (is_process_id_call(number)) {
    put_process_id_call(code, syscall, number);
  } else if (number == SYS_clone3) {
    put_clone3_call(code, syscall);
  } else if (number == SYS_execve) {
    put_blob_jump(code, abi::kExecEntry, syscall);
  } else {
    put_blob_jump(code, abi::kMapEntry, syscall);
  }
}

// Not mmap, as what maps libraries has sites of its own for it; not clone3, whose arguments are only looked at where they are
// known to be the C library's own; and no ids of processes, by which tracers try out what they are shown of a call's arguments
// (strace's test of PTRACE_GET_SYSCALL_INFO).
bool is_told_apart(uint32_t number, const Wanted& wanted) {
  return number != SYS_mmap && number != SYS_clone3 && !is_process_id_call(number) && has_trampoline(number, wanted);
}

// The calls one behind the other, and then what tells them apart by eax, as the kernel does.
uint64_t put_any_call(Code& code, uint64_t syscall, const SitePlace& site, const Wanted& wanted) {
  std::vector<std::pair<uint32_t, uint64_t>> calls;
  for (uint32_t number = 0; number < kNumbersEnd; ++number) {
    if (!is_told_apart(number, wanted)) continue;
    if (wanted.shortcuts.paths && is_marked_call(number)) {
      calls.emplace_back(number, put_marked_call_of_any(code, syscall, number, site.image));
    } else {
      calls.emplace_back(number, code.here());
      put_call(code, number, syscall, site.image, wanted);
    }
  }
  code.align();
  const uint64_t start = code.here();
  code.put(site.moved);
  for (const auto& [number, address] : calls) {
    code.put({0x3d});  // cmp $number,%eax
    code.put32(number);
    code.put({0x0f, 0x84});  // je address
    code.relative(address);
  }
  code.jump(syscall);
  return start;
}

}  // namespace

bool has_trampoline(uint32_t number, const Wanted& wanted) {
  const Shortcuts& shortcuts = wanted.shortcuts;
  if (number == SYS_mmap) return wanted.role == Role::interpreter;
  if (number == SYS_newfstatat) return shortcuts.fstat;
  if (number == SYS_getdents64) return shortcuts.paths && shortcuts.fcntl;
  if (is_marked_call(number)) return shortcuts.paths;
  if (is_status_call(number)) return shortcuts.paths && shortcuts.newfstatat;
  if (is_attribute_call(number)) return shortcuts.paths && shortcuts.getxattrat;
  if (is_user_id_call(number)) return shortcuts.paths && shortcuts.readlink;
  return is_process_id_call(number) || number == SYS_clone3 || number == SYS_execve || number == kAnyNumber;
}

uint64_t append_trampoline(std::vector<uint8_t>& code_bytes, uint64_t code_address, const SitePlace& site,
                           const Wanted& wanted) {
  Code code(code_bytes, code_address);
  code.align();
  uint64_t start = code.here();
  if (site.number == kAnyNumber) {
    start = put_any_call(code, site.address + site.moved.size(), site, wanted);
  } else {
    code.put(site.moved);
    put_call(code, site.number, site.address + kMovSize + site.moved.size(), site.image, wanted);
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
