// Internet addresses of a container with a loopback of its own (shim/kernel/loopback.h): what guests give and are told.
#pragma once

#include <string>

#include "base/result.h"
#include "shim/kernel/loopback.h"
#include "shim/syscalls/call.h"
#include "shim/syscalls/socket_address.h"

namespace litebox::syscalls {

// The container's loopback where a socket of `domain` is one of its; null where the kernel is told and tells addresses as they
// are.
kernel::Loopback* loopback_of(const Call& call, int domain);

// bind(2): EINVAL, EAFNOSUPPORT for what is no address of the socket's family, and what Loopback::bind says.
Status bind_internet(const Call& call, kernel::Loopback& loopback, int socket, const SocketAddress& address);
// Where to connect or send to outside. AF_UNSPEC, which ends a connection, stays as it is where `may_disconnect`.
Result<SocketAddress> internet_destination(kernel::Loopback& loopback, int socket, const SocketAddress& address,
                                           bool may_disconnect);

// Who has sent what has arrived at a socket, or has connected to it.
SocketAddress internet_sender(const kernel::Loopback& loopback, int socket, const SocketAddress& outside);

// The control messages that a guest may send with a packet: none that names an address. EINVAL for others.
Result<std::string> internet_control(std::string control);
// Translates the addresses in control messages that the kernel has stored; the size is the same.
void translate_packet_information(const kernel::Loopback& loopback, int socket, std::string& control);

}  // namespace litebox::syscalls
