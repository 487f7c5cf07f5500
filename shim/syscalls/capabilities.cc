// Capability sets: capget(2), capset(2), in the three layouts that the header's version selects.
#include "shim/kernel/capabilities.h"

#include <array>
#include <optional>

#include "shim/syscalls/call.h"
#include "shim/syscalls/credentials.h"
#include "shim/syscalls/targets.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

using kernel::CapabilitySets;

// The number of 32-bit words of each set, or nothing for an unknown version: the caller is then told the newest one.
std::optional<size_t> words_of(uint32_t version) {
  if (version == _LINUX_CAPABILITY_VERSION_1) return _LINUX_CAPABILITY_U32S_1;
  if (version == _LINUX_CAPABILITY_VERSION_2 || version == _LINUX_CAPABILITY_VERSION_3) return _LINUX_CAPABILITY_U32S_3;
  return std::nullopt;
}

Status tell_version(const Call& call) {
  const uint32_t newest = _LINUX_CAPABILITY_VERSION_3;
  return call.memory.write_value(call.address(0), newest);
}

uint32_t word(uint64_t set, size_t index) { return static_cast<uint32_t>(set >> (32U * index)); }

}  // namespace

Reply sys_capget(Call& call) {
  LITEBOX_OR_REPLY(const auto header, call.memory.read_value<__user_cap_header_struct>(call.address(0)));
  const auto words = words_of(header.version);
  if (!words) {
    LITEBOX_CHECK_REPLY(tell_version(call));
    return call.address(1).null() ? Reply::success() : Reply::error(EINVAL);
  }
  if (call.address(1).null()) return Reply::success();
  if (header.pid < 0) return Reply::error(EINVAL);
  LITEBOX_OR_REPLY(const HostPid target, named_thread(call, header.pid));
  LITEBOX_OR_REPLY(const kernel::ProcessStatePtr state, call.world.state_of(target));
  const kernel::Credentials& credentials = *state->credentials;
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data = {};
  for (size_t i = 0; i < *words; ++i) {
    data[i] = {word(credentials.effective, i), word(credentials.permitted, i), word(credentials.inheritable, i)};
  }
  return Reply::from(call.memory.write(call.address(1), data.data(), *words * sizeof data[0]));
}

Reply sys_capset(Call& call) {
  LITEBOX_OR_REPLY(const auto header, call.memory.read_value<__user_cap_header_struct>(call.address(0)));
  const auto words = words_of(header.version);
  if (!words) {
    LITEBOX_CHECK_REPLY(tell_version(call));
    return Reply::error(EINVAL);
  }
  if (header.pid != 0 && call.world.to_host(VirtualPid(header.pid)) != call.thread) return Reply::error(EPERM);
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data = {};
  LITEBOX_CHECK_REPLY(call.memory.read(call.address(1), data.data(), *words * sizeof data[0]));
  CapabilitySets sets;
  for (size_t i = 0; i < *words; ++i) {
    sets.effective |= uint64_t{data[i].effective} << (32U * i);
    sets.permitted |= uint64_t{data[i].permitted} << (32U * i);
    sets.inheritable |= uint64_t{data[i].inheritable} << (32U * i);
  }
  return change_credentials(call, [&sets](kernel::Credentials& c) { return kernel::set_capabilities(c, sets); });
}

}  // namespace litebox::syscalls
