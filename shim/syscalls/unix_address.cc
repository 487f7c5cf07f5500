// AF_UNIX addresses: paths of the container's tree and abstract names of its own (unix(7), net/unix/af_unix.c).
#include <fcntl.h>
#include <sched.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <thread>

#include "rootfs/recorded_node.h"
#include "rootfs/scoped_identity.h"
#include "shim/kernel/capabilities.h"
#include "shim/kernel/unix_names.h"
#include "shim/syscalls/lookup.h"
#include "shim/syscalls/socket_address.h"

namespace litebox::syscalls {
namespace {

using kernel::UnixNames;

constexpr size_t kPathOffset = offsetof(sockaddr_un, sun_path);

SocketAddress unix_address(const std::string& path) {
  SocketAddress address(kPathOffset, '\0');
  const sa_family_t family = AF_UNIX;
  std::memcpy(address.data(), &family, sizeof family);
  return address + path;
}

Status bind_to(int socket, const SocketAddress& address) {
  if (bind(socket, reinterpret_cast<const sockaddr*>(address.data()), static_cast<socklen_t>(address.size())) != 0) {
    return last_error();
  }
  return {};
}

// unix_autobind(): five hexadecimal digits that are free.
Status bind_anywhere(int socket) {
  constexpr int kAttempts = 4096;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    uint32_t number = 0;
    (void)getrandom(&number, sizeof number, 0);
    char digits[8] = {};
    (void)std::snprintf(digits, sizeof digits, "%05x", number & 0xfffffU);
    const std::string name = std::string(1, '\0') + digits;
    const Status status = bind_to(socket, unix_address(UnixNames::of_this_container().abstract_outside(name)));
    if (status.ok() || status.error().number() != EADDRINUSE) return status;
  }
  return Error(ENOSPC);
}

// Binds in a thread with a working directory and an umask of its own, so that a short relative name is enough.
Status bind_in_directory(const Call& call, int socket, const rootfs::Node& directory, const SocketAddress& address) {
  Status result;
  const auto work = [&]() -> Status {
    if (unshare(CLONE_FS) != 0) return last_error();
    if (fchdir(directory.host_fd()) != 0) return last_error();
    umask(call.state->umask);
    if (call.world.mode().recorded_ownership) return bind_to(socket, address);
    const rootfs::ScopedIdentity scope(rootfs::identity_at(directory, *call.state->identity));
    return bind_to(socket, address);
  };
  std::thread([&] { result = work(); }).join();
  return result;
}

// Where ownership is recorded, the new node's is what Linux would have given it; its mode comes from the socket's own and the
// umask (unix_bind_bsd).
Status record_owner(const Call& call, int socket, const Entry& entry) {
  auto* directory = dynamic_cast<rootfs::RecordedNode*>(entry.parent.node.get());
  if (directory == nullptr) return {};
  struct stat status {};
  if (fstat(socket, &status) != 0) return last_error();
  return directory->own_made(call.subject(), entry.name, status.st_mode & ~call.state->umask);
}

Status bind_path(const Call& call, int socket, const std::string& path) {
  const auto found = lookup_new_entry(call, AT_FDCWD, path, false);
  if (!found.ok()) return found.error().number() == EEXIST ? Error(EADDRINUSE) : found.error();
  const Entry& entry = *found;
  LITEBOX_TRY(entry.parent.node->check_access(call.subject(), W_OK | X_OK));
  const rootfs::Node& directory = *entry.parent.node;
  if (directory.host_fd() < 0) return Error(EPERM);
  UnixNames& names = UnixNames::of_this_container();
  const std::string outside = names.path_outside(path, entry.name);
  const Status status = bind_in_directory(call, socket, directory, unix_address(outside));
  if (!status.ok()) {
    names.forget(outside);
    return status;
  }
  return call.world.mode().recorded_ownership ? record_owner(call, socket, entry) : Status();
}

std::string path_in(const SocketAddress& address) {
  const std::string path = address.substr(kPathOffset);
  return path.substr(0, path.find('\0'));
}

bool valid_length(const SocketAddress& address) {
  return address.size() > kPathOffset && address.size() <= sizeof(sockaddr_un);
}

}  // namespace

Status bind_unix(const Call& call, int socket, const SocketAddress& address) {
  if (address.size() == kPathOffset) return bind_anywhere(socket);
  if (!valid_length(address)) return Error(EINVAL);
  if (address[kPathOffset] != '\0') return bind_path(call, socket, path_in(address));
  return bind_to(socket, unix_address(UnixNames::of_this_container().abstract_outside(address.substr(kPathOffset))));
}

Result<Destination> destination_outside(const Call& call, const SocketAddress& address) {
  if (family_of(address) != AF_UNIX) return Destination{address, Fd()};
  if (!valid_length(address)) return Error(EINVAL);
  if (address[kPathOffset] == '\0') {
    return Destination{unix_address(UnixNames::of_this_container().abstract_outside(address.substr(kPathOffset))), Fd()};
  }
  std::string path = path_in(address);
  // An address that the kernel has reported natively, with a datagram: answered under the name that it was bound to.
  UnixNames& names = UnixNames::of_this_container();
  if (names.knows(path)) path = names.inside(path);
  LITEBOX_ASSIGN(const rootfs::Location target, locate_at(call, AT_FDCWD, path, 0));
  LITEBOX_TRY(target.node->check_access(call.subject(), W_OK));
  if (!S_ISSOCK(target.node->type()) || target.node->host_fd() < 0) return Error(ECONNREFUSED);
  Fd holder(fcntl(target.node->host_fd(), F_DUPFD_CLOEXEC, 0));
  if (!holder.valid()) return last_error();
  SocketAddress outside = unix_address("/proc/self/fd/" + std::to_string(holder.get()));
  return Destination{std::move(outside), std::move(holder)};
}

}  // namespace litebox::syscalls
