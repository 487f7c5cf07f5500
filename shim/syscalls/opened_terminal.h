// What open(2) and TIOCGPTPEER do once a terminal has been opened (drivers/tty/tty_io.c tty_open()).
#pragma once

#include "base/fd.h"
#include "shim/syscalls/call.h"

namespace litebox::syscalls {

// The answer that hands `terminal` over, a character device that the monitor has opened with O_NOCTTY as its own must never
// gain one. Unless `no_control` (the caller's O_NOCTTY), a slave that a session leader without a terminal opens for reading
// becomes its controlling terminal. EBUSY where somebody has it for themselves (TIOCEXCL) and the caller lacks CAP_SYS_ADMIN.
Reply opened_terminal(const Call& call, Fd terminal, bool close_on_exec, bool no_control);

}  // namespace litebox::syscalls
