#include "shim/syscalls/interfaces.h"

#include <net/if.h>
#include <net/if_arp.h>
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

// Lists addresses, and there are none.
Reply list_addresses(const Call& call) {
  LITEBOX_OR_REPLY(ifconf list, call.memory.read_value<ifconf>(call.address(2)));
  list.ifc_len = 0;
  return Reply::from(call.memory.write_value(call.address(2), list));
}

}  // namespace

Reply absent_interface_request(const Call& call, unsigned request) {
  if (request == SIOCGIFCONF) return list_addresses(call);
  LITEBOX_OR_REPLY(ifreq interface, call.memory.read_value<ifreq>(call.address(2)));
  if (request == SIOCGIFNAME) return name_of_index(call, interface);
  interface.ifr_name[IFNAMSIZ - 1] = '\0';
  if (kLoopbackName != interface.ifr_name) return Reply::error(ENODEV);
  switch (request) {
    case SIOCGIFFLAGS:
      interface.ifr_flags = IFF_LOOPBACK;
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
      return Reply::error(EADDRNOTAVAIL);
    default:
      return Reply::error(ENOTTY);
  }
  return Reply::from(call.memory.write_value(call.address(2), interface));
}

}  // namespace litebox::syscalls
