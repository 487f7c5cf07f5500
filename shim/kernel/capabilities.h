// Capability sets and securebits of virtual credentials: capabilities(7), capset(2), prctl(2) and security/commoncap.c.
//
// Pure functions; on an error the credentials are unchanged.
#pragma once

#include <linux/capability.h>
#include <linux/securebits.h>

#include <cstdint>

#include "base/result.h"
#include "shim/kernel/process_state.h"

namespace litebox::kernel {

constexpr uint64_t capability_bit(int capability) { return uint64_t{1} << static_cast<unsigned>(capability); }

inline constexpr int kLastCapability = CAP_LAST_CAP;
inline constexpr uint64_t kAllCapabilities = capability_bit(kLastCapability + 1) - 1;

// A prctl argument names a capability that exists.
constexpr bool is_capability(uint64_t number) { return number <= static_cast<uint64_t>(kLastCapability); }

// `bit` is SECURE_NOROOT and so on: a bit's number, not a mask.
constexpr bool has_securebit(const Credentials& credentials, unsigned bit) {
  return ((credentials.securebits >> bit) & 1U) != 0;
}

struct CapabilitySets {
  uint64_t effective = 0, permitted = 0, inheritable = 0;
};

// capset(2) for the caller itself; EPERM.
Status set_capabilities(Credentials& credentials, const CapabilitySets& sets);

// PR_CAPBSET_DROP: EPERM, EINVAL.
Status drop_from_bounding_set(Credentials& credentials, uint64_t capability);

// PR_SET_SECUREBITS, PR_SET_KEEPCAPS: EPERM, EINVAL.
Status set_securebits(Credentials& credentials, uint64_t bits);
Status set_keep_capabilities(Credentials& credentials, uint64_t keep);

// PR_CAP_AMBIENT_RAISE, _LOWER: EPERM, EINVAL.
Status raise_ambient(Credentials& credentials, uint64_t capability);
Status lower_ambient(Credentials& credentials, uint64_t capability);

}  // namespace litebox::kernel
