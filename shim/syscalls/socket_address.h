// Socket addresses in guest memory, and what they are outside.
#pragma once

#include <sys/socket.h>

#include <functional>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "shim/syscalls/call.h"

namespace litebox::syscalls {

// The bytes of an address; empty, or shorter than a family, where the guest says so.
using SocketAddress = std::string;

// The family of an address; AF_UNSPEC where it is too short to have one.
sa_family_t family_of(const SocketAddress& address);

// The family of a socket, or -errno (ENOTSOCK, EBADF for an O_PATH descriptor).
int domain_of(int socket);

// Runs a system call that may block; it ends early when the caller has a signal to handle (kernel::run_interruptibly).
Result<int64_t> wait_for(const Call& call, const std::function<int64_t()>& work);

// Reads an address argument once (move_addr_to_kernel): EINVAL for an impossible length, EFAULT.
Result<SocketAddress> read_address(const Call& call, GuestAddress address, int length);
// Writes what fits of an address and its whole length (move_addr_to_user); EINVAL, EFAULT.
Status write_address(const Call& call, const SocketAddress& address, GuestAddress into, GuestAddress length);

// The address that an fd reports, by getsockname(2) or getpeername(2), as the guest may see it.
Result<SocketAddress> name_of(const Call& call, int socket, int (*query)(int, sockaddr*, socklen_t*));
// What a guest sees of an AF_UNIX address that the kernel reports; others stay as they are.
SocketAddress address_inside(const SocketAddress& address);

// An address to connect or send to, as the kernel is to be told. `holder` keeps alive what the address leads through.
struct Destination {
  SocketAddress address;
  Fd holder;
};
// AF_UNIX names are looked up in the container's tree: ENOENT, EACCES, ECONNREFUSED for what is no socket, ... Other
// families' addresses stay as they are.
Result<Destination> destination_outside(const Call& call, const SocketAddress& address);

// Binds a socket to an AF_UNIX address of the guest's.
Status bind_unix(const Call& call, int socket, const SocketAddress& address);

}  // namespace litebox::syscalls
