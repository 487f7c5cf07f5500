#include "shim/syscalls/interfaces.h"

#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>

#include <cstring>
#include <string_view>

namespace litebox::syscalls {
namespace {

constexpr int kLoopbackIndex = 1;
constexpr int kLoopbackMtu = 65536;
constexpr int kLoopbackQueueLength = 1000;
constexpr std::string_view kLoopbackName = "lo";

Reply name_of_index(const Call& call, ifreq request) {
  if (request.ifr_ifindex != kLoopbackIndex) return Reply::error(ENODEV);
  std::memset(request.ifr_name, 0, sizeof request.ifr_name);
  kLoopbackName.copy(request.ifr_name, sizeof request.ifr_name - 1);
  return Reply::from(call.memory.write_value(call.address(2), request));
}

void set_address(ifreq& request, uint32_t address) {
  sockaddr_in value = {};
  value.sin_family = AF_INET;
  value.sin_addr.s_addr = htonl(address);
  std::memcpy(&request.ifr_addr, &value, sizeof value);
}

// Lists the interfaces that have an IPv4 address, as many as there is room for (dev_ifconf()).
Reply list_addresses(const Call& call) {
  LITEBOX_OR_REPLY(ifconf list, call.memory.read_value<ifconf>(call.address(2)));
  ifreq loopback = {};
  kLoopbackName.copy(loopback.ifr_name, sizeof loopback.ifr_name - 1);
  set_address(loopback, INADDR_LOOPBACK);
  const bool has_one = call.world.loopback() != nullptr;
  const GuestAddress into(reinterpret_cast<uint64_t>(list.ifc_req));
  const bool fits = into.null() || list.ifc_len >= static_cast<int>(sizeof loopback);
  list.ifc_len = has_one && fits ? static_cast<int>(sizeof loopback) : 0;
  if (has_one && fits && !into.null()) LITEBOX_CHECK_REPLY(call.memory.write_value(into, loopback));
  return Reply::from(call.memory.write_value(call.address(2), list));
}

// SIOCGIFADDR and the like, of a loopback that is up.
Reply tell_address(const Call& call, unsigned request, ifreq interface) {
  if (call.world.loopback() == nullptr) return Reply::error(EADDRNOTAVAIL);
  const bool broadcast = request == SIOCGIFBRDADDR;
  set_address(interface, request == SIOCGIFNETMASK ? IN_CLASSA_NET : broadcast ? INADDR_ANY : INADDR_LOOPBACK);
  return Reply::from(call.memory.write_value(call.address(2), interface));
}

}  // namespace

Reply loopback_interface_request(const Call& call, unsigned request) {
  if (request == SIOCGIFCONF) return list_addresses(call);
  LITEBOX_OR_REPLY(ifreq interface, call.memory.read_value<ifreq>(call.address(2)));
  if (request == SIOCGIFNAME) return name_of_index(call, interface);
  interface.ifr_name[IFNAMSIZ - 1] = '\0';
  if (kLoopbackName != interface.ifr_name) return Reply::error(ENODEV);
  switch (request) {
    case SIOCGIFFLAGS:
      interface.ifr_flags = static_cast<short>(IFF_LOOPBACK | (call.world.loopback() != nullptr ? IFF_UP | IFF_RUNNING : 0));
      break;
    case SIOCGIFINDEX:
      interface.ifr_ifindex = kLoopbackIndex;
      break;
    case SIOCGIFMTU:
      interface.ifr_mtu = kLoopbackMtu;
      break;
    case SIOCGIFMETRIC:
      interface.ifr_metric = 0;
      break;
    case SIOCGIFTXQLEN:
      interface.ifr_qlen = kLoopbackQueueLength;
      break;
    case SIOCGIFHWADDR:
      interface.ifr_hwaddr = {};
      interface.ifr_hwaddr.sa_family = ARPHRD_LOOPBACK;
      break;
    case SIOCGIFADDR:
    case SIOCGIFDSTADDR:
    case SIOCGIFBRDADDR:
    case SIOCGIFNETMASK:
      return tell_address(call, request, interface);
    default:
      return Reply::error(ENOTTY);
  }
  return Reply::from(call.memory.write_value(call.address(2), interface));
}

}  // namespace litebox::syscalls
