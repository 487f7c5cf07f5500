// The names of the system: uname(2), sethostname(2), setdomainname(2).
#include <linux/capability.h>
#include <sys/personality.h>
#include <sys/utsname.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <fstream>
#include <string>

#include "shim/syscalls/call.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

constexpr int kLongestName = 64;  // __NEW_UTS_LEN

void copy_name(const std::string& name, char (&into)[kLongestName + 1]) {
  std::memset(into, 0, sizeof into);
  std::memcpy(into, name.data(), std::min<size_t>(name.size(), kLongestName));
}

// personality(2) of the caller; what cannot be read counts as plain Linux.
unsigned long personality_of(HostPid thread) {
  std::ifstream file("/proc/" + std::to_string(thread.value()) + "/personality");
  std::string text;
  file >> text;
  unsigned long value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return value;
}

Result<std::string> new_name(const Call& call) {
  if (!call.credentials().has(CAP_SYS_ADMIN)) return Error(EPERM);
  const int length = call.integer(1);
  if (length < 0 || length > kLongestName) return Error(EINVAL);
  std::string name(static_cast<size_t>(length), '\0');
  LITEBOX_TRY(call.memory.read(call.address(0), name.data(), name.size()));
  name.resize(std::min(name.find('\0'), name.size()));
  return name;
}

}  // namespace

Reply sys_uname(Call& call) {
  utsname names = {};
  if (uname(&names) != 0) return Reply::error(errno);
  copy_name(call.world.host_name(), names.nodename);
  copy_name(call.world.domain_name(), names.domainname);
  if ((personality_of(call.thread) & PER_MASK) == PER_LINUX32) copy_name("i686", names.machine);
  return Reply::from(call.memory.write_value(call.address(0), names));
}

Reply sys_sethostname(Call& call) {
  LITEBOX_OR_REPLY(std::string name, new_name(call));
  call.world.set_host_name(std::move(name));
  return Reply::success();
}

Reply sys_setdomainname(Call& call) {
  LITEBOX_OR_REPLY(std::string name, new_name(call));
  call.world.set_domain_name(std::move(name));
  return Reply::success();
}

}  // namespace litebox::syscalls
