#include "shim/kernel/scoped_capabilities.h"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

namespace litebox::kernel {
namespace {

// Raw calls: they concern the calling thread alone.
using Data = std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3>;

Data read_sets() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  Data data = {};
  if (syscall(SYS_capget, &header, data.data()) != 0) std::abort();
  return data;
}

void write_effective(Data data, uint64_t effective) {
  data[0].effective = static_cast<uint32_t>(effective);
  data[1].effective = static_cast<uint32_t>(effective >> 32U);
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  // Never refused: the sets only shrink within permitted. A thread that kept what it should not have must not go on.
  if (syscall(SYS_capset, &header, data.data()) != 0) std::abort();
}

}  // namespace

ScopedCapabilities::ScopedCapabilities(const Credentials& credentials) {
  const Data data = read_sets();
  previous_ = uint64_t{data[1].effective} << 32U | data[0].effective;
  changed_ = (previous_ & ~credentials.effective) != 0;
  if (changed_) write_effective(data, previous_ & credentials.effective);
}

ScopedCapabilities::~ScopedCapabilities() {
  if (changed_) write_effective(read_sets(), previous_);
}

}  // namespace litebox::kernel
