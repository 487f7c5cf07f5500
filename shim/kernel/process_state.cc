#include "shim/kernel/process_state.h"

namespace litebox::kernel {

std::shared_ptr<const rootfs::Identity> identity_of(const Credentials& credentials) {
  auto identity = std::make_shared<rootfs::Identity>();
  identity->uid = credentials.fsuid;
  identity->gid = credentials.fsgid;
  identity->groups = credentials.groups;
  identity->capabilities = credentials.effective;
  return identity;
}

}  // namespace litebox::kernel
