#include "rootfs/network_interfaces.h"

#include <dirent.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <cstdio>
#include <cstring>

namespace litebox::rootfs {
namespace {

// Linux's length of the address of every kind of interface that is named here.
constexpr size_t kAddressLength = 6;

// netdevice(7) requests about the interface `name`.
class Interface {
 public:
  explicit Interface(std::string name) : name_(std::move(name)), socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {}

  Result<struct ifreq> ask(unsigned long request) const {
    struct ifreq answer {};
    if (name_.size() >= sizeof answer.ifr_name) return Error(ENODEV);
    std::memcpy(answer.ifr_name, name_.c_str(), name_.size() + 1);
    if (::ioctl(socket_.get(), request, &answer) != 0) return last_error();
    return answer;
  }

 private:
  std::string name_;
  Fd socket_;
};

std::string hardware_address(const unsigned char* bytes) {
  std::array<char, 3 * kAddressLength + 1> text;
  std::snprintf(text.data(), text.size(), "%02x:%02x:%02x:%02x:%02x:%02x", bytes[0], bytes[1], bytes[2], bytes[3], bytes[4],
                bytes[5]);
  return text.data();
}

Result<std::string> address(const Interface& interface) {
  LITEBOX_ASSIGN(const struct ifreq answer, interface.ask(SIOCGIFHWADDR));
  return hardware_address(reinterpret_cast<const unsigned char*>(answer.ifr_hwaddr.sa_data)) + '\n';
}

Result<std::string> broadcast(const Interface& interface) {
  LITEBOX_ASSIGN(const struct ifreq answer, interface.ask(SIOCGIFHWADDR));
  const unsigned char all_ones[kAddressLength] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  const unsigned char none[kAddressLength] = {};
  return hardware_address(answer.ifr_hwaddr.sa_family == ARPHRD_ETHER ? all_ones : none) + '\n';
}

Result<std::string> type(const Interface& interface) {
  LITEBOX_ASSIGN(const struct ifreq answer, interface.ask(SIOCGIFHWADDR));
  return std::to_string(answer.ifr_hwaddr.sa_family) + '\n';
}

Result<std::string> flags(const Interface& interface) {
  LITEBOX_ASSIGN(const struct ifreq answer, interface.ask(SIOCGIFFLAGS));
  // Without what the request adds from the operational state (net/core/dev.c, dev_get_flags).
  const unsigned bits = static_cast<unsigned short>(answer.ifr_flags) & ~static_cast<unsigned>(IFF_RUNNING);
  std::array<char, 16> text;
  std::snprintf(text.data(), text.size(), "0x%x\n", bits);
  return std::string(text.data());
}

Result<std::string> index(const Interface& interface) {
  LITEBOX_ASSIGN(const struct ifreq answer, interface.ask(SIOCGIFINDEX));
  return std::to_string(answer.ifr_ifindex) + '\n';
}

Result<std::string> mtu(const Interface& interface) {
  LITEBOX_ASSIGN(const struct ifreq answer, interface.ask(SIOCGIFMTU));
  return std::to_string(answer.ifr_mtu) + '\n';
}

Result<std::string> queue_length(const Interface& interface) {
  LITEBOX_ASSIGN(const struct ifreq answer, interface.ask(SIOCGIFTXQLEN));
  return std::to_string(answer.ifr_qlen) + '\n';
}

// RFC 2863's states as far as the flags tell them; a loopback interface has none (Documentation/networking/operstates).
Result<std::string> operational_state(const Interface& interface) {
  LITEBOX_ASSIGN(const struct ifreq answer, interface.ask(SIOCGIFFLAGS));
  const unsigned bits = static_cast<unsigned short>(answer.ifr_flags);
  if ((bits & IFF_UP) == 0) return std::string("down\n");
  if ((bits & IFF_LOOPBACK) != 0) return std::string("unknown\n");
  return std::string((bits & IFF_RUNNING) != 0 ? "up\n" : "down\n");
}

Result<std::string> carrier(const Interface& interface) {
  LITEBOX_ASSIGN(const struct ifreq answer, interface.ask(SIOCGIFFLAGS));
  const unsigned bits = static_cast<unsigned short>(answer.ifr_flags);
  if ((bits & IFF_UP) == 0) return Error(EINVAL);
  return std::string((bits & IFF_RUNNING) != 0 ? "1\n" : "0\n");
}

struct Attribute {
  const char* name;
  Result<std::string> (*text)(const Interface&);
};

constexpr Attribute kAttributes[] = {
    {"address", address},
    {"broadcast", broadcast},
    {"carrier", carrier},
    {"flags", flags},
    {"ifindex", index},
    {"iflink", index},
    {"mtu", mtu},
    {"operstate", operational_state},
    {"tx_queue_len", queue_length},
    {"type", type},
};

NodePtr make_interface(SyntheticAttributes attributes, const std::string& name) {
  auto directory = std::make_shared<SyntheticDirectory>(std::move(attributes));
  for (const Attribute& attribute : kAttributes) {
    directory->add_file(attribute.name, 0444,
                        [name, text = attribute.text](const Subject& /*subject*/) { return text(Interface(name)); });
  }
  directory->add_file("addr_len", 0444,
                      [](const Subject& /*subject*/) -> Result<std::string> { return std::to_string(kAddressLength) + '\n'; });
  return directory;
}

class InterfaceDirectory final : public SyntheticDirectory {
 public:
  InterfaceDirectory(SyntheticAttributes attributes, InterfaceEntries entries, Interfaces which)
      : SyntheticDirectory(std::move(attributes)), entries_(entries), which_(which) {}

 protected:
  Result<NodePtr> find_dynamic(const Subject& /*subject*/, const std::string& name) override {
    if (!is_shown(name) || !Interface(name).ask(SIOCGIFINDEX).ok()) return NodePtr();
    if (entries_ == InterfaceEntries::directories) return make_interface(child_attributes(name, S_IFDIR | 0755), name);
    auto target = [name](const Subject& /*subject*/) -> Result<std::string> { return "../../devices/virtual/net/" + name; };
    return NodePtr(std::make_shared<SyntheticSymlink>(child_attributes(name, S_IFLNK | 0777), std::move(target)));
  }

  Result<std::vector<DirectoryEntry>> list_dynamic(const Subject& /*subject*/) override {
    std::vector<DirectoryEntry> entries;
    struct if_nameindex* const all = ::if_nameindex();
    if (all == nullptr) return last_error();
    const unsigned char entry_type = entries_ == InterfaceEntries::links ? DT_LNK : DT_DIR;
    for (const struct if_nameindex* each = all; each->if_name != nullptr; ++each) {
      if (!is_shown(each->if_name)) continue;
      entries.push_back({0, kFirstDynamicOffset + each->if_index, entry_type, each->if_name});
    }
    ::if_freenameindex(all);
    return entries;
  }

 private:
  bool is_shown(std::string_view name) const { return which_ == Interfaces::all || name == "lo"; }

  InterfaceEntries entries_;
  Interfaces which_;
};

}  // namespace

NodePtr make_interface_directory(SyntheticAttributes attributes, InterfaceEntries entries, Interfaces which) {
  return std::make_shared<InterfaceDirectory>(std::move(attributes), entries, which);
}

}  // namespace litebox::rootfs
