// Pseudo terminals: a pair for a container, the master sent to an engine's console socket or relayed to the caller's terminal.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "oci/process.h"

namespace litebox::runtime {

struct Console {
  Fd master;
  Fd slave;
  std::string name;  // of the slave: "/dev/pts/3"
};

Result<Console> open_console(const std::optional<oci::ConsoleSize>& size);

// One connection, one message: the name as text and the master by SCM_RIGHTS (runc docs/terminals.md). `path` is a listening
// SOCK_STREAM socket.
Status send_console(const std::string& path, const Console& console);

// Sends any one descriptor in the same way; `text` must not be empty.
Status send_descriptor(const std::string& path, const std::string& text, int descriptor);

// Sends a pidfd of the process, as --pidfd-socket wants it.
Status send_pidfd(const std::string& path, pid_t pid);

}  // namespace litebox::runtime
