// Who is at the other end of an AF_UNIX connection. The kernel names the process that called connect(2), which is the monitor
// for every guest; so the monitor remembers for whom it was.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "base/ids.h"
#include "base/result.h"

namespace litebox::kernel {

struct UnixPeer {
  HostPid process;
  uid_t uid = 0;
  gid_t gid = 0;
};

// Thread-safe.
class UnixPeers {
 public:
  // Those of the container that this process is the monitor of.
  static UnixPeers& of_this_container();

  // `socket` is about to be connected on behalf of `peer`: whoever accepts may ask before connect(2) has returned. Tells what
  // was known until then, for forget().
  std::optional<UnixPeer> connecting(int socket, const UnixPeer& peer);
  // It has not been connected.
  void forget(int socket, const std::optional<UnixPeer>& previous);
  // On whose behalf the other end of `socket` was connected; nothing when that end is closed or was not connected here.
  std::optional<UnixPeer> peer_of(int socket) const;

 private:
  mutable std::mutex mutex_;
  std::unordered_map<uint64_t, UnixPeer> peers_;  // by the connected socket's inode
  size_t next_collection_ = 256;
};

// The inode of the socket at the other end (sock_diag(7)); ENOENT when it is closed.
Result<uint64_t> unix_peer_inode(int socket);

}  // namespace litebox::kernel
