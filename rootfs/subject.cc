#include "rootfs/subject.h"

#include <algorithm>

namespace litebox::rootfs {

bool Identity::in_group(gid_t group) const {
  return group == gid || std::find(groups.begin(), groups.end(), group) != groups.end();
}

Subject runtime_subject(mode_t umask) {
  Subject subject;
  subject.identity = std::make_shared<const Identity>(Identity{0, 0, {}, ~0ULL});
  subject.umask = umask;
  return subject;
}

}  // namespace litebox::rootfs
