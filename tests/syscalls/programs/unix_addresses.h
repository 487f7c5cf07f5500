// AF_UNIX addresses by their bytes: a path, or an abstract name with its leading NUL.
#pragma once

#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <string>

inline socklen_t name_of(sockaddr_un* address, const std::string& name) {
  *address = {};
  address->sun_family = AF_UNIX;
  memcpy(address->sun_path, name.data(), name.size());
  return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
}

inline long bind_to(int socket, const std::string& name) {
  sockaddr_un address;
  const socklen_t length = name_of(&address, name);
  return bind(socket, reinterpret_cast<sockaddr*>(&address), length);
}

inline long connect_to(int socket, const std::string& name) {
  sockaddr_un address;
  const socklen_t length = name_of(&address, name);
  return connect(socket, reinterpret_cast<sockaddr*>(&address), length);
}

inline long send_to(int socket, const std::string& name) {
  sockaddr_un address;
  const socklen_t length = name_of(&address, name);
  return sendto(socket, "x", 1, 0, reinterpret_cast<sockaddr*>(&address), length);
}

inline std::string abstract(const char* name) { return std::string(1, '\0') + name; }
