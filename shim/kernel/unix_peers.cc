#include "shim/kernel/unix_peers.h"

#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <unordered_set>

#include "base/fd.h"

namespace litebox::kernel {
namespace {

uint64_t inode_of(int socket) {
  struct stat status = {};
  return fstat(socket, &status) == 0 ? status.st_ino : 0;
}

// The inodes of all AF_UNIX sockets that are open: the seventh column of proc_net_unix(5).
std::unordered_set<uint64_t> open_sockets() {
  std::unordered_set<uint64_t> inodes;
  std::ifstream file("/proc/self/net/unix");
  std::string line;
  std::getline(file, line);  // the heading
  while (std::getline(file, line)) {
    std::istringstream columns(line);
    std::string skipped;
    for (int i = 0; i < 6; ++i) columns >> skipped;
    uint64_t inode = 0;
    if (columns >> inode) inodes.insert(inode);
  }
  return inodes;
}

struct Request {
  nlmsghdr header;
  unix_diag_req body;
};

// The peer's inode in the attributes of a unix_diag_msg; 0 when there is none.
uint32_t peer_in(const char* attributes, size_t size) {
  while (size >= sizeof(nlattr)) {
    nlattr attribute = {};
    std::memcpy(&attribute, attributes, sizeof attribute);
    if (attribute.nla_len < sizeof attribute || attribute.nla_len > size) return 0;
    if (attribute.nla_type == UNIX_DIAG_PEER && attribute.nla_len >= sizeof attribute + sizeof(uint32_t)) {
      uint32_t inode = 0;
      std::memcpy(&inode, attributes + sizeof attribute, sizeof inode);
      return inode;
    }
    const size_t step = NLA_ALIGN(attribute.nla_len);
    if (step >= size) return 0;
    attributes += step;
    size -= step;
  }
  return 0;
}

}  // namespace

Result<uint64_t> unix_peer_inode(int socket) {
  const Fd netlink(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!netlink.valid()) return last_error();
  Request request = {};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = NLM_F_REQUEST;
  request.body.sdiag_family = AF_UNIX;
  request.body.udiag_states = ~0U;
  request.body.udiag_ino = static_cast<uint32_t>(inode_of(socket));
  request.body.udiag_show = UDIAG_SHOW_PEER;
  request.body.udiag_cookie[0] = request.body.udiag_cookie[1] = ~0U;  // any
  if (send(netlink.get(), &request, sizeof request, 0) < 0) return last_error();
  alignas(nlmsghdr) char answer[1024];
  const ssize_t size = recv(netlink.get(), answer, sizeof answer, 0);
  if (size < 0) return last_error();
  nlmsghdr header = {};
  constexpr size_t kBody = NLMSG_LENGTH(sizeof(unix_diag_msg));
  if (static_cast<size_t>(size) < kBody) return Error(ENOENT);
  std::memcpy(&header, answer, sizeof header);
  if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY) return Error(ENOENT);
  const uint32_t inode = peer_in(answer + kBody, static_cast<size_t>(size) - kBody);
  if (inode == 0) return Error(ENOENT);
  return uint64_t{inode};
}

UnixPeers& UnixPeers::of_this_container() {
  static auto* peers = new UnixPeers();  // never destroyed: threads use it until the process ends
  return *peers;
}

std::optional<UnixPeer> UnixPeers::connecting(int socket, const UnixPeer& peer) {
  const std::scoped_lock lock(mutex_);
  const uint64_t inode = inode_of(socket);
  const auto known = peers_.find(inode);
  const auto previous = known == peers_.end() ? std::nullopt : std::optional(known->second);
  peers_.insert_or_assign(inode, peer);
  if (peers_.size() < next_collection_) return previous;
  const auto open = open_sockets();
  std::erase_if(peers_, [&open](const auto& entry) { return open.count(entry.first) == 0; });
  next_collection_ = peers_.size() * 2 + 256;
  return previous;
}

void UnixPeers::forget(int socket, const std::optional<UnixPeer>& previous) {
  const std::scoped_lock lock(mutex_);
  if (previous) {
    peers_.insert_or_assign(inode_of(socket), *previous);
  } else {
    peers_.erase(inode_of(socket));
  }
}

std::optional<UnixPeer> UnixPeers::peer_of(int socket) const {
  const auto inode = unix_peer_inode(socket);
  if (!inode.ok()) return {};
  const std::scoped_lock lock(mutex_);
  const auto found = peers_.find(*inode);
  if (found == peers_.end()) return {};
  return found->second;
}

}  // namespace litebox::kernel
