#include "rootfs/proc/visible_ids.h"

#include <linux/capability.h>
#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

#include "rootfs/proc/text.h"

namespace litebox::rootfs::proc {

pid_t visible_process(const ContainerView& view, pid_t host) {
  return host > 0 ? view.to_virtual(HostPid(host)).value() : host;
}

pid_t visible_process(const ContainerView& view, std::string_view host) {
  return visible_process(view, parse_number<pid_t>(host).value_or(0));
}

pid_t visible_group(const ContainerView& view, pid_t host) {
  if (host <= 0) return host;
  const pid_t inside = view.to_virtual(HostPid(host)).value();
  if (inside != 0) return inside;
  return ::kill(host, 0) != 0 && errno == ESRCH ? host : 0;
}

pid_t visible_group(const ContainerView& view, std::string_view host) {
  return visible_group(view, parse_number<pid_t>(host).value_or(0));
}

bool may_inspect(const ContainerView& view, const Subject& subject, HostPid target_group, HostPid target) {
  if (subject.thread_group == target_group) return true;
  const Identity& caller = *subject.identity;
  if (caller.has(CAP_SYS_PTRACE)) return true;
  const auto ids = view.ids(target);
  if (!ids) return false;
  // Real, effective and saved; the file system ids at the end are not looked at.
  const auto same = [](auto id, const auto& all) {
    return std::all_of(std::begin(all), std::begin(all) + 3, [id](auto each) { return each == id; });
  };
  if (!same(caller.uid, ids->uid) || !same(caller.gid, ids->gid)) return false;
  return (ids->permitted & ~caller.capabilities) == 0;
}

}  // namespace litebox::rootfs::proc
