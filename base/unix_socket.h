// AF_UNIX sockets by a name in a directory of any depth: sun_path holds 108 bytes only, so the name is reached through
// /proc/self/fd. And messages with descriptors.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace litebox {

// `type` is SOCK_STREAM or SOCK_SEQPACKET, with SOCK_NONBLOCK if wanted; SOCK_CLOEXEC is added.
Result<Fd> connect_unix(const std::string& directory, const std::string& name, int type);

// Binds with mode 0600 and listens. EADDRINUSE when the name exists.
Result<Fd> listen_unix(const std::string& directory, const std::string& name, int type);

// Sends one message with descriptors; a closed peer is EPIPE, never a signal.
Status send_message(int socket, std::string_view text, const std::vector<int>& descriptors = {});

struct Message {
  std::string text;  // empty at the end of the connection
  std::vector<Fd> descriptors;
};

// Receives one message of a SOCK_SEQPACKET connection, at most `limit` bytes (a longer one stays queued: EMSGSIZE);
// descriptors come close-on-exec.
Result<Message> receive_message(int socket, size_t limit);

}  // namespace litebox
