// Supplementary groups: getgroups(2), setgroups(2).
#include <linux/capability.h>
#include <linux/limits.h>

#include <utility>
#include <vector>

#include "shim/kernel/credentials.h"
#include "shim/syscalls/call.h"
#include "shim/syscalls/credentials.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {

Reply sys_getgroups(Call& call) {
  const std::vector<gid_t>& groups = call.credentials().groups;
  const int size = call.integer(0);
  if (size < 0) return Reply::error(EINVAL);
  if (size != 0) {
    if (groups.size() > static_cast<size_t>(size)) return Reply::error(EINVAL);
    LITEBOX_CHECK_REPLY(call.memory.write(call.address(1), groups.data(), groups.size() * sizeof(gid_t)));
  }
  return Reply::value(static_cast<int64_t>(groups.size()));
}

Reply sys_setgroups(Call& call) {
  if (!call.credentials().has(CAP_SETGID)) return Reply::error(EPERM);
  const unsigned size = call.flags(0);
  if (size > NGROUPS_MAX) return Reply::error(EINVAL);
  std::vector<gid_t> groups(size);
  LITEBOX_CHECK_REPLY(call.memory.read(call.address(1), groups.data(), size * sizeof(gid_t)));
  return change_credentials(call, [&groups](kernel::Credentials& c) { return kernel::set_groups(c, std::move(groups)); });
}

}  // namespace litebox::syscalls
