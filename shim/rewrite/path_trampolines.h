// Trampolines of calls that name files: the kernel is asked first (abi::kMark), and the monitor where the kernel has no right
// to say.
#pragma once

#include <cstdint>

#include "shim/rewrite/code.h"
#include "shim/rewrite/trampoline.h"

namespace litebox::rewrite {

// Calls that have a register for a mark.
bool is_marked_call(uint32_t number);
void put_marked_call(Code& code, uint64_t site_syscall, uint32_t number, const ImageRange& image);
// The same for AT_FDCWD as a wide number too, as Go has it. Returns where the trampoline begins.
uint64_t put_marked_call_of_any(Code& code, uint64_t site_syscall, uint32_t number, const ImageRange& image);

// newfstatat where only what is said of a descriptor is the kernel's.
void put_descriptor_status_call(Code& code, uint64_t site_syscall, const ImageRange& image);

// stat and lstat.
bool is_status_call(uint32_t number);
void put_status_call(Code& code, uint64_t site_syscall, uint32_t number);

// getxattr and lgetxattr.
bool is_attribute_call(uint32_t number);
void put_attribute_call(Code& code, uint64_t site_syscall, uint32_t number);

}  // namespace litebox::rewrite
