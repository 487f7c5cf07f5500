#include "shim/syscalls/messages.h"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <csignal>
#include <cstring>

#include "shim/syscalls/control_messages.h"
#include "shim/syscalls/internet_address.h"
#include "shim/syscalls/native_paths.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

constexpr size_t kMostVectors = UIO_MAXIOV;
constexpr size_t kMostData = 32U << 20U;              // what no send buffer holds; a stream takes a part of it
constexpr size_t kMostControl = 64U << 10U;           // net.core.optmem_max is less
constexpr unsigned kCompatibleControl = 0x80000000U;  // MSG_CMSG_COMPAT
constexpr uint64_t kKernelAddresses = 1ULL << 47U;

Result<std::string> gather(const Call& call, const msghdr& header) {
  if (header.msg_iovlen > kMostVectors) return Error(EMSGSIZE);
  std::vector<iovec> vectors(header.msg_iovlen);
  LITEBOX_TRY(call.memory.read(GuestAddress(reinterpret_cast<uint64_t>(header.msg_iov)), vectors.data(),
                               vectors.size() * sizeof(iovec)));
  std::string data;
  for (const iovec& vector : vectors) {
    if (vector.iov_len > static_cast<size_t>(SSIZE_MAX)) return Error(EINVAL);
    const size_t at = data.size();
    const size_t size = std::min(vector.iov_len, kMostData - at);
    data.resize(at + size);
    LITEBOX_TRY(call.memory.read(GuestAddress(reinterpret_cast<uint64_t>(vector.iov_base)), data.data() + at, size));
  }
  return data;
}

// scm_check_creds()
Status check_credentials(const Call& call, const ucred& given) {
  const kernel::Credentials& own = call.credentials();
  const auto uid_ok = [&](uid_t id) { return id == own.uid || id == own.euid || id == own.suid || own.has(CAP_SETUID); };
  const auto gid_ok = [&](gid_t id) { return id == own.gid || id == own.egid || id == own.sgid || own.has(CAP_SETGID); };
  const bool pid_ok = call.world.to_host(VirtualPid(given.pid)) == call.process || own.has(CAP_SYS_ADMIN);
  return pid_ok && uid_ok(given.uid) && gid_ok(given.gid) ? Status() : Status(Error(EPERM));
}

Status take_descriptors(const Call& call, char* data, size_t size, std::vector<Fd>& held) {
  for (size_t at = 0; at + sizeof(int) <= size; at += sizeof(int)) {
    int number = -1;
    std::memcpy(&number, data + at, sizeof number);
    LITEBOX_ASSIGN(Fd file, call.file(number));
    number = file.get();
    std::memcpy(data + at, &number, sizeof number);
    held.push_back(std::move(file));
  }
  return {};
}

// For the kernel, the monitor is the sender: without privilege it can speak for nobody but itself.
Status translate_credentials(const Call& call, char* data, size_t size) {
  ucred credentials = {};
  if (size != sizeof credentials) return Error(EINVAL);
  std::memcpy(&credentials, data, size);
  LITEBOX_TRY(check_credentials(call, credentials));
  credentials.pid = call.world.to_host(VirtualPid(credentials.pid)).value();
  if (call.world.mode().recorded_ownership) credentials = {getpid(), getuid(), getgid()};
  std::memcpy(data, &credentials, size);
  return {};
}

// Walks the copied control messages as the kernel will.
Status translate_control(const Call& call, Message& message) {
  return for_each_control_message(message.control, [&](const cmsghdr& header, char* data, size_t size) -> Status {
    if (header.cmsg_level != SOL_SOCKET) return {};
    if (header.cmsg_type == SCM_RIGHTS) return take_descriptors(call, data, size, message.held);
    if (header.cmsg_type != SCM_CREDENTIALS) return {};
    message.tells_sender = true;
    return translate_credentials(call, data, size);
  });
}

// What scm_send() adds for receivers with SO_PASSCRED, of the caller instead of the monitor.
void tell_sender(const Call& call, std::string& control) {
  const kernel::Credentials& own = call.credentials();
  const ucred sender = {call.process.value(), own.uid, own.gid};
  append_control_message(control, SOL_SOCKET, SCM_CREDENTIALS, &sender, sizeof sender);
}

bool is_datagram(int socket) {
  int type = 0;
  socklen_t length = sizeof type;
  return getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_DGRAM;
}

// A connection's data goes to its other end whatever address is given, unless it is to be opened now.
Result<SocketAddress> internet_receiver(kernel::Loopback& loopback, int socket, const SocketAddress& address, int flags) {
  if (address.empty() || (!is_datagram(socket) && (flags & MSG_FASTOPEN) == 0)) return SocketAddress();
  return internet_destination(loopback, socket, address, false);
}

// Whether a header's control messages name a sender. What cannot be read names none: the kernel will say why.
bool has_credentials(const Call& call, const msghdr& message) {
  std::string control(std::min<size_t>(message.msg_controllen, kMostControl), '\0');
  if (!call.memory.read(GuestAddress(reinterpret_cast<uint64_t>(message.msg_control)), control.data(), control.size()).ok()) {
    return false;
  }
  bool found = false;
  (void)for_each_control_message(control, [&found](const cmsghdr& header, char* /*data*/, size_t /*size*/) -> Status {
    found = found || (header.cmsg_level == SOL_SOCKET && header.cmsg_type == SCM_CREDENTIALS);
    return {};
  });
  return found;
}

// A name is resolved here; and the kernel knows the ids of callers less well than the monitor.
bool goes_through_monitor(const Call& call, const msghdr& header) {
  return header.msg_name != nullptr ||
         (call.world.mode().speaks_for_guests && header.msg_controllen > 0 && has_credentials(call, header));
}

// The kernel would tell a receiver of AF_UNIX another id of init's than it has inside.
bool has_its_own_id(const Call& call) {
  if (call.process != call.world.init()) return true;
  const auto socket = call.file(call.integer(0));
  return socket.ok() && domain_of(socket->get()) != AF_UNIX;
}

Status check_socket(int descriptor) {
  const int domain = domain_of(descriptor);
  return domain < 0 ? Status(Error(-domain)) : Status();
}

// Sends in the monitor's name; the caller gets the SIGPIPE that its own call would have got.
Reply finish(const Call& call, const Result<int64_t>& result, int flags) {
  if (!result.ok() && result.error().number() == EPIPE && (flags & MSG_NOSIGNAL) == 0) {
    (void)syscall(SYS_tgkill, call.process.value(), call.thread.value(), SIGPIPE);
  }
  return result.ok() ? Reply::value(*result) : Reply::error(result.error());
}

// Where the monitor can speak for nobody, a message that names its sender is sent by the caller itself, as one without: the
// kernel then knows the process. Only one that is held by registers, so that nothing can be changed in between.
bool can_send_itself(const Call& call, int socket, const msghdr& header, const Message& message) {
  return call.world.mode().recorded_ownership && message.tells_sender && message.control.size() <= CMSG_SPACE(sizeof(ucred)) &&
         header.msg_name == nullptr && header.msg_iovlen == 1 && domain_of(socket) == AF_UNIX;
}

Reply send_in_guest(const Call& call, const msghdr& header) {
  LITEBOX_OR_REPLY(const auto vector, call.memory.read_value<iovec>(GuestAddress(reinterpret_cast<uint64_t>(header.msg_iov))));
  return Reply::in_guest(SYS_sendto,
                         {call.raw(0), reinterpret_cast<uint64_t>(vector.iov_base), vector.iov_len, call.raw(2), 0, 0});
}

}  // namespace

bool may_send_natively(const Call& call) {
  const kernel::Mode& mode = call.world.mode();
  const bool reaches_no_other_names = mode.confined_tree ? uses_native_paths(call) : mode.confined_root;
  return reaches_no_other_names && mode.signal_scope && (mode.own_network || mode.host_network);
}

Result<Message> read_message(const Call& call, const msghdr& header) {
  Message message;
  if (header.msg_name != nullptr) {
    const int length = static_cast<int>(header.msg_namelen);
    if (length < 0) return Error(EINVAL);
    LITEBOX_ASSIGN(message.address, read_address(call, GuestAddress(reinterpret_cast<uint64_t>(header.msg_name)),
                                                 std::min<int>(length, sizeof(sockaddr_storage))));
  }
  LITEBOX_ASSIGN(message.data, gather(call, header));
  if (header.msg_controllen > kMostControl) return Error(ENOBUFS);
  message.control.resize(header.msg_controllen);
  LITEBOX_TRY(call.memory.read(GuestAddress(reinterpret_cast<uint64_t>(header.msg_control)), message.control.data(),
                               message.control.size()));
  LITEBOX_TRY(translate_control(call, message));
  return message;
}

Result<int64_t> send_message(const Call& call, int socket, const Message& message, int flags) {
  const int domain = domain_of(socket);
  if (domain < 0) return Error(-domain);
  Destination destination;
  // Only datagrams go where an address says; others' addresses are for the kernel to refuse or to pass by, unread.
  if (domain == AF_UNIX && !message.address.empty() && is_datagram(socket)) {
    if (family_of(message.address) != AF_UNIX) return Error(EINVAL);
    LITEBOX_ASSIGN(destination, destination_outside(call, message.address));
  } else {
    destination.address = message.address;
  }
  std::string control = message.control;
  if (kernel::Loopback* const loopback = loopback_of(call, domain)) {
    LITEBOX_ASSIGN(destination.address, internet_receiver(*loopback, socket, message.address, flags));
    LITEBOX_ASSIGN(control, internet_control(control));
  } else if (domain != AF_UNIX && !call.world.mode().own_network && !call.world.mode().host_network) {
    return Error(ENETUNREACH);
  }
  if (domain == AF_UNIX && call.world.mode().speaks_for_guests && !message.tells_sender) tell_sender(call, control);
  return wait_for(call, [&]() -> int64_t {
    iovec vector = {const_cast<char*>(message.data.data()), message.data.size()};
    msghdr header = {};
    if (!destination.address.empty()) {
      header.msg_name = destination.address.data();
      header.msg_namelen = static_cast<socklen_t>(destination.address.size());
    }
    header.msg_iov = &vector;
    header.msg_iovlen = 1;
    if (!control.empty()) {
      header.msg_control = control.data();
      header.msg_controllen = control.size();
    }
    const ssize_t sent = sendmsg(socket, &header, (flags & ~MSG_ZEROCOPY) | MSG_NOSIGNAL);
    return sent < 0 ? -errno : sent;
  });
}

Reply sys_sendto(Call& call) {
  if (call.raw(1) >= kKernelAddresses) return Reply::error(EFAULT);  // import_ubuf()
  LITEBOX_OR_REPLY(const Fd socket, call.file(call.integer(0)));
  LITEBOX_CHECK_REPLY(check_socket(socket.get()));
  Message message;
  if (!call.address(4).null()) {
    LITEBOX_OR_REPLY(message.address, read_address(call, call.address(4), call.integer(5)));
  }
  message.data.resize(std::min<size_t>(call.raw(2), kMostData));
  LITEBOX_CHECK_REPLY(call.memory.read(call.address(1), message.data.data(), message.data.size()));
  return finish(call, send_message(call, socket.get(), message, call.integer(3)), call.integer(3));
}

// __sys_sendmsg(): the flags, the descriptor, and only then the header.
Reply sys_sendmsg(Call& call) {
  if ((call.flags(2) & kCompatibleControl) != 0) return Reply::error(EINVAL);
  const auto header = call.memory.read_value<msghdr>(call.address(1));
  if (header.ok() && may_send_natively(call) && !goes_through_monitor(call, *header) && has_its_own_id(call)) {
    return Reply::proceed();
  }
  LITEBOX_OR_REPLY(const Fd socket, call.file(call.integer(0)));
  LITEBOX_CHECK_REPLY(check_socket(socket.get()));
  if (!header.ok()) return Reply::error(header.error());
  LITEBOX_OR_REPLY(const Message message, read_message(call, *header));
  if (can_send_itself(call, socket.get(), *header, message)) return send_in_guest(call, *header);
  return finish(call, send_message(call, socket.get(), message, call.integer(2)), call.integer(2));
}

// __sys_sendmmsg(): as many as can be sent; an error only of the first.
Reply sys_sendmmsg(Call& call) {
  if ((call.flags(3) & kCompatibleControl) != 0) return Reply::error(EINVAL);
  std::vector<mmsghdr> headers(std::min<unsigned>(call.flags(2), kMostVectors));
  const Status read = call.memory.read(call.address(1), headers.data(), headers.size() * sizeof(mmsghdr));
  const bool named = std::any_of(headers.begin(), headers.end(),
                                 [&call](const mmsghdr& entry) { return goes_through_monitor(call, entry.msg_hdr); });
  if (read.ok() && may_send_natively(call) && !named && has_its_own_id(call)) return Reply::proceed();
  LITEBOX_OR_REPLY(const Fd socket, call.file(call.integer(0)));
  LITEBOX_CHECK_REPLY(check_socket(socket.get()));
  if (!read.ok()) return Reply::error(read.error());
  int64_t done = 0;
  for (mmsghdr& entry : headers) {
    const auto message = read_message(call, entry.msg_hdr);
    const Result<int64_t> sent =
        message.ok() ? send_message(call, socket.get(), *message, call.integer(3)) : Result<int64_t>(message.error());
    if (!sent.ok()) return done > 0 ? Reply::value(done) : finish(call, sent, call.integer(3));
    const auto length = static_cast<unsigned>(*sent);
    LITEBOX_CHECK_REPLY(call.memory.write_value(
        call.address(1) + static_cast<uint64_t>(done) * sizeof(mmsghdr) + offsetof(mmsghdr, msg_len), length));
    ++done;
  }
  return Reply::value(done);
}

}  // namespace litebox::syscalls
