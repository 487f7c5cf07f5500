#include "rootfs/subject.h"

#include <algorithm>

namespace litebox::rootfs {

bool Identity::in_group(gid_t group) const {
  return group == gid || std::find(groups.begin(), groups.end(), group) != groups.end();
}

}  // namespace litebox::rootfs
