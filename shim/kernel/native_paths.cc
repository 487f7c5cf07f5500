#include "shim/kernel/native_paths.h"

#include <linux/capability.h>

namespace litebox::kernel {

bool may_use_native_paths(const Credentials& credentials) {
  const bool root = credentials.uid == 0 && credentials.euid == 0 && credentials.fsuid == 0 && credentials.gid == 0 &&
                    credentials.egid == 0 && credentials.fsgid == 0;
  // A group may be what keeps its members out.
  return root && (credentials.has(CAP_DAC_OVERRIDE) || credentials.groups.empty());
}

}  // namespace litebox::kernel
