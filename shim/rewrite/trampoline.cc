#include "shim/rewrite/trampoline.h"

#include <sys/syscall.h>

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

}  // namespace

bool has_trampoline(uint32_t number, const Wanted& wanted) {
  const Shortcuts& shortcuts = wanted.shortcuts;
  if (number == SYS_mmap) return wanted.role == Role::interpreter;
  if (number == SYS_newfstatat) return shortcuts.fstat;
  if (is_marked_call(number)) return shortcuts.paths;
  if (is_status_call(number)) return shortcuts.paths && shortcuts.newfstatat;
  if (is_attribute_call(number)) return shortcuts.paths && shortcuts.getxattrat;
  if (is_user_id_call(number)) return shortcuts.paths && shortcuts.readlink;
  return is_process_id_call(number) || number == SYS_clone3 || number == SYS_execve;
}

uint64_t append_trampoline(std::vector<uint8_t>& code_bytes, uint64_t code_address, const SitePlace& site,
                           const Wanted& wanted) {
  Code code(code_bytes, code_address);
  code.align();
  const uint64_t start = code.here();
  const uint64_t syscall = site.address + kMovSize + site.between.size();
  code.put(site.between);
  if (site.number == SYS_newfstatat && !wanted.shortcuts.paths) {
    put_descriptor_status_call(code, syscall, site.image);
  } else if (is_marked_call(site.number)) {
    put_marked_call(code, syscall, site.number, site.image);
  } else if (is_status_call(site.number)) {
    put_status_call(code, syscall, site.number);
  } else if (is_attribute_call(site.number)) {
    put_attribute_call(code, syscall, site.number);
  } else if (is_user_id_call(site.number)) {
    put_user_id_call(code, syscall, site.number);
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
