#include "shim/syscalls/socket_address.h"

#include <sys/un.h>

#include <algorithm>
#include <cstring>

#include "shim/kernel/pending_signals.h"
#include "shim/kernel/unix_names.h"
#include "shim/syscalls/internet_address.h"

namespace litebox::syscalls {

sa_family_t family_of(const SocketAddress& address) {
  sa_family_t family = AF_UNSPEC;
  if (address.size() >= sizeof family) std::memcpy(&family, address.data(), sizeof family);
  return family;
}

int domain_of(int socket) {
  int domain = AF_UNSPEC;
  socklen_t length = sizeof domain;
  return getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 ? domain : -errno;
}

Result<int64_t> wait_for(const Call& call, const std::function<int64_t()>& work) {
  Result<int64_t> result = int64_t{0};
  call.monitor.while_blocking([&] { result = kernel::run_interruptibly(call.thread, work); });
  return result;
}

Result<SocketAddress> read_address(const Call& call, GuestAddress address, int length) {
  if (length < 0 || static_cast<size_t>(length) > sizeof(sockaddr_storage)) return Error(EINVAL);
  SocketAddress bytes(static_cast<size_t>(length), '\0');
  if (length > 0) LITEBOX_TRY(call.memory.read(address, bytes.data(), bytes.size()));
  return bytes;
}

Status write_address(const Call& call, const SocketAddress& address, GuestAddress into, GuestAddress length) {
  LITEBOX_ASSIGN(const int room, call.memory.read_value<int>(length));
  if (room < 0) return Error(EINVAL);
  const size_t size = std::min(static_cast<size_t>(room), address.size());
  if (size > 0) LITEBOX_TRY(call.memory.write(into, address.data(), size));
  return call.memory.write_value(length, static_cast<int>(address.size()));
}

Result<SocketAddress> name_of(const Call& call, int socket, int (*query)(int, sockaddr*, socklen_t*)) {
  const int domain = domain_of(socket);
  if (const kernel::Loopback* const loopback = loopback_of(call, domain)) {
    LITEBOX_ASSIGN(const kernel::Endpoint name,
                   query == getpeername ? loopback->peer_name(socket) : loopback->local_name(socket));
    return kernel::socket_address_of(domain, name);
  }
  sockaddr_storage storage = {};
  socklen_t length = sizeof storage;
  if (query(socket, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return last_error();
  return address_inside({reinterpret_cast<const char*>(&storage), std::min<size_t>(length, sizeof storage)});
}

SocketAddress address_inside(const SocketAddress& address) {
  constexpr size_t kPathOffset = offsetof(sockaddr_un, sun_path);
  if (family_of(address) != AF_UNIX || address.size() <= kPathOffset) return address;
  std::string path = address.substr(kPathOffset);
  const bool abstract = path[0] == '\0';
  if (!abstract) path.resize(std::min(path.find('\0'), path.size()));
  path = kernel::UnixNames::of_this_container().inside(path);
  SocketAddress inside = address.substr(0, kPathOffset) + path;
  if (!abstract) inside.push_back('\0');
  return inside;
}

}  // namespace litebox::syscalls
