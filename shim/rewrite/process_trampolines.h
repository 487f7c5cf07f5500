// Trampolines of calls about processes: ids and clone3.
#pragma once

#include <cstdint>

#include "shim/rewrite/code.h"

namespace litebox::rewrite {

// getuid and the like.
bool is_user_id_call(uint32_t number);
void put_user_id_call(Code& code, uint64_t site_syscall, uint32_t number);

// getpid, gettid, getppid.
bool is_process_id_call(uint32_t number);
void put_process_id_call(Code& code, uint64_t site_syscall, uint32_t number);

void put_clone3_call(Code& code, uint64_t site_syscall);

}  // namespace litebox::rewrite
