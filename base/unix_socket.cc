#include "base/unix_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <array>
#include <cstring>

namespace litebox {
namespace {

constexpr size_t kDescriptorsLimit = 253;  // SCM_MAX_FD

// The address of `name` below the directory that `directory` has open.
Result<sockaddr_un> address_of(const Fd& directory, const std::string& name) {
  const std::string path = "/proc/self/fd/" + std::to_string(directory.get()) + "/" + name;
  sockaddr_un address{};
  if (path.size() >= sizeof address.sun_path) return Error(ENAMETOOLONG, name);
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

Fd open_directory(const std::string& path) { return Fd(open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)); }

}  // namespace

Result<Fd> connect_unix(const std::string& directory, const std::string& name, int type) {
  const Fd parent = open_directory(directory);
  if (!parent) return last_error("open " + directory);
  LITEBOX_ASSIGN(const sockaddr_un address, address_of(parent, name));
  Fd connection(socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  if (!connection) return last_error("socket");
  if (connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return last_error("connect to " + directory + "/" + name);
  }
  return connection;
}

Result<Fd> listen_unix(const std::string& directory, const std::string& name, int type) {
  const Fd parent = open_directory(directory);
  if (!parent) return last_error("open " + directory);
  LITEBOX_ASSIGN(const sockaddr_un address, address_of(parent, name));
  Fd listener(socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  if (!listener) return last_error("socket");
  // The mode of the socket's inode becomes the file's (unix_bind), so it is never open to others, not even briefly.
  if (fchmod(listener.get(), 0600) != 0) return last_error("fchmod socket");
  if (bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return last_error("bind " + directory + "/" + name);
  }
  if (listen(listener.get(), SOMAXCONN) != 0) return last_error("listen");
  return listener;
}

Status send_message(int socket, std::string_view text, const std::vector<int>& descriptors) {
  if (descriptors.size() > kDescriptorsLimit) return Error(EINVAL, "too many descriptors for a message");
  iovec part{const_cast<char*>(text.data()), text.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kDescriptorsLimit * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size() * sizeof(int));
  }
  while (sendmsg(socket, &message, MSG_NOSIGNAL) < 0) {
    if (errno != EINTR) return last_error("send");
  }
  return {};
}

Result<Message> receive_message(int socket, size_t limit) {
  ssize_t length = 0;
  do {
    // With these flags the answer is the length of the whole message, which stays queued.
    length = recv(socket, nullptr, 0, MSG_PEEK | MSG_TRUNC);
  } while (length < 0 && errno == EINTR);
  if (length < 0) return last_error("receive");
  if (static_cast<size_t>(length) > limit) return Error(EMSGSIZE, "receive");
  Message received;
  received.text.resize(static_cast<size_t>(length));
  iovec part{received.text.data(), received.text.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kDescriptorsLimit * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  do {
    length = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (length < 0 && errno == EINTR);
  if (length < 0) return last_error("receive");
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof fd);
      received.descriptors.emplace_back(fd);
    }
  }
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) return Error(EMSGSIZE, "receive");
  received.text.resize(static_cast<size_t>(length));
  return received;
}

}  // namespace litebox
