// The names of AF_UNIX sockets (unix(7)): what a guest calls a socket, and what the host's kernel calls it.
//
// A path is resolved in the container's tree, so the kernel is given another path than the guest gave. An abstract name belongs
// to the network: those of a container that has the host's network are prefixed with a token of its own. Addresses here are
// what follows the family in a sockaddr_un: sun_path's bytes, for an abstract name with its leading NUL, for a path without the
// closing one.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace litebox::kernel {

// sizeof sockaddr_un::sun_path
inline constexpr size_t kLongestUnixAddress = 108;

// Thread-safe. Names that no socket has any more are forgotten before there are many.
class UnixNames {
 public:
  // `token` tells this container's abstract names from all others on the host.
  explicit UnixNames(std::string token) : token_(std::move(token)) {}

  // Those of the container that this process is the monitor of.
  static UnixNames& of_this_container();

  // Abstract names are those of the container's own network, as they are. To be called before there are any.
  void share_abstract_names() { token_.clear(); }

  // The host's abstract name for a guest's, which may be of any length that fits an address.
  std::string abstract_outside(std::string_view name);

  // A path relative to the directory that holds `name`, for bind(2) there: no other socket of the container has got the same,
  // so it leads back to `address`, which the guest gave. (Only a name too long to be decorated goes as it is.)
  std::string path_outside(const std::string& address, const std::string& name);
  // The bind has failed.
  void forget(const std::string& outside);

  // What a guest sees of an address that the kernel reports.
  std::string inside(std::string_view outside) const;
  // The same of an address in the form of /proc/net/unix; empty for a path that only the host knows.
  std::string listed(std::string_view outside) const;
  // Whether the address is a path that path_outside made: a guest may have got it from the kernel, with a datagram.
  bool knows(const std::string& outside) const;

  size_t size() const;

 private:
  struct Name {
    std::string inside;
    uint64_t number;  // counts up with every name
  };

  void remember(const std::string& outside, const std::string& inside);
  void collect();

  std::string token_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Name> names_;  // by the host's address
  uint64_t last_number_ = 0;
  size_t collect_at_ = 512;
};

}  // namespace litebox::kernel
