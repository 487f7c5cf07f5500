#include "shim/kernel/capabilities.h"

namespace litebox::kernel {
namespace {

constexpr bool is_subset(uint64_t set, uint64_t of) { return (set & ~of) == 0; }

// Bits of Linux 6.14 that need no privilege, with their locks (kernel headers may be older).
constexpr uint64_t kUnprivilegedBits = (1U << 8U) | (1U << 10U);
constexpr uint64_t kPrivilegedBits = issecure_mask(SECURE_NOROOT) | issecure_mask(SECURE_NO_SETUID_FIXUP) |
                                     issecure_mask(SECURE_KEEP_CAPS) | issecure_mask(SECURE_NO_CAP_AMBIENT_RAISE);
constexpr uint64_t kBits = kPrivilegedBits | kUnprivilegedBits;
constexpr uint64_t kLocks = kBits << 1U;

}  // namespace

Status set_capabilities(Credentials& credentials, const CapabilitySets& sets) {
  const uint64_t effective = sets.effective & kAllCapabilities;
  const uint64_t permitted = sets.permitted & kAllCapabilities;
  const uint64_t inheritable = sets.inheritable & kAllCapabilities;
  if (!credentials.has(CAP_SETPCAP) && !is_subset(inheritable, credentials.inheritable | credentials.permitted)) {
    return Error(EPERM);
  }
  if (!is_subset(inheritable, credentials.inheritable | credentials.bounding)) return Error(EPERM);
  if (!is_subset(permitted, credentials.permitted)) return Error(EPERM);
  if (!is_subset(effective, permitted)) return Error(EPERM);
  credentials.effective = effective;
  credentials.permitted = permitted;
  credentials.inheritable = inheritable;
  credentials.ambient &= permitted & inheritable;
  return {};
}

Status drop_from_bounding_set(Credentials& credentials, uint64_t capability) {
  if (!credentials.has(CAP_SETPCAP)) return Error(EPERM);
  if (!is_capability(capability)) return Error(EINVAL);
  credentials.bounding &= ~capability_bit(static_cast<int>(capability));
  return {};
}

Status set_securebits(Credentials& credentials, uint64_t bits) {
  const uint64_t old = credentials.securebits;
  const uint64_t changed = old ^ bits;
  const bool locked_changed = (((old & kLocks) >> 1U) & changed) != 0;
  const bool unlocked = (old & kLocks & ~bits) != 0;
  const bool unknown = (bits & ~(kLocks | kBits)) != 0;
  if (locked_changed || unlocked || unknown) return Error(EPERM);
  const bool needs_privilege = (changed & ~(kUnprivilegedBits | kUnprivilegedBits << 1U)) != 0 || changed == 0;
  if (needs_privilege && !credentials.has(CAP_SETPCAP)) return Error(EPERM);
  credentials.securebits = static_cast<uint32_t>(bits);
  return {};
}

Status set_keep_capabilities(Credentials& credentials, uint64_t keep) {
  if (keep > 1) return Error(EINVAL);
  if (has_securebit(credentials, SECURE_KEEP_CAPS_LOCKED)) return Error(EPERM);
  credentials.securebits &= ~issecure_mask(SECURE_KEEP_CAPS);
  if (keep != 0) credentials.securebits |= issecure_mask(SECURE_KEEP_CAPS);
  return {};
}

Status raise_ambient(Credentials& credentials, uint64_t capability) {
  if (!is_capability(capability)) return Error(EINVAL);
  const uint64_t bit = capability_bit(static_cast<int>(capability));
  if ((credentials.permitted & bit) == 0 || (credentials.inheritable & bit) == 0 ||
      has_securebit(credentials, SECURE_NO_CAP_AMBIENT_RAISE)) {
    return Error(EPERM);
  }
  credentials.ambient |= bit;
  return {};
}

Status lower_ambient(Credentials& credentials, uint64_t capability) {
  if (!is_capability(capability)) return Error(EINVAL);
  credentials.ambient &= ~capability_bit(static_cast<int>(capability));
  return {};
}

}  // namespace litebox::kernel
