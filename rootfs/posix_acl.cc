#include "rootfs/posix_acl.h"

#include <endian.h>
#include <linux/posix_acl_xattr.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace litebox::rootfs {
namespace {

constexpr mode_t kAll = 07;
constexpr mode_t kPermissionBits = 0777;

bool is_named(uint16_t tag) { return tag == PosixAcl::kUser || tag == PosixAcl::kGroup; }

bool is_known(uint16_t tag) {
  return is_named(tag) || tag == PosixAcl::kOwner || tag == PosixAcl::kOwningGroup || tag == PosixAcl::kMask ||
         tag == PosixAcl::kOthers;
}

}  // namespace

Result<PosixAclPtr> PosixAcl::parse(std::string_view value) {
  if (value.empty()) return PosixAclPtr();
  posix_acl_xattr_header header{};
  if (value.size() < sizeof header) return Error(EINVAL);
  std::memcpy(&header, value.data(), sizeof header);
  if (le32toh(header.a_version) != POSIX_ACL_XATTR_VERSION) return Error(EOPNOTSUPP);
  value.remove_prefix(sizeof header);
  if (value.size() % sizeof(posix_acl_xattr_entry) != 0) return Error(EINVAL);
  if (value.empty()) return PosixAclPtr();
  std::vector<Entry> entries;
  for (; !value.empty(); value.remove_prefix(sizeof(posix_acl_xattr_entry))) {
    posix_acl_xattr_entry raw{};
    std::memcpy(&raw, value.data(), sizeof raw);
    Entry entry{le16toh(raw.e_tag), le16toh(raw.e_perm), le32toh(raw.e_id)};
    if (!is_known(entry.tag)) return Error(EINVAL);
    if (!is_named(entry.tag)) entry.id = UINT32_MAX;
    if (is_named(entry.tag) && entry.id == UINT32_MAX) return Error(EINVAL);
    entries.push_back(entry);
  }
  return PosixAclPtr(std::make_shared<const PosixAcl>(std::move(entries)));
}

std::string PosixAcl::format() const {
  const posix_acl_xattr_header header{htole32(POSIX_ACL_XATTR_VERSION)};
  std::string value(reinterpret_cast<const char*>(&header), sizeof header);
  for (const Entry& entry : entries_) {
    const posix_acl_xattr_entry raw{htole16(entry.tag), htole16(entry.permissions), htole32(entry.id)};
    value.append(reinterpret_cast<const char*>(&raw), sizeof raw);
  }
  return value;
}

bool PosixAcl::has(uint16_t tag) const {
  return std::any_of(entries_.begin(), entries_.end(), [tag](const Entry& entry) { return entry.tag == tag; });
}

bool PosixAcl::is_valid() const {
  const auto count = [this](uint16_t tag) {
    return std::count_if(entries_.begin(), entries_.end(), [tag](const Entry& entry) { return entry.tag == tag; });
  };
  // The order of the entries is that of the tags' values.
  const auto by_tag = [](const Entry& one, const Entry& other) { return one.tag < other.tag; };
  if (!std::is_sorted(entries_.begin(), entries_.end(), by_tag)) return false;
  if (std::any_of(entries_.begin(), entries_.end(), [](const Entry& entry) { return (entry.permissions & ~kAll) != 0; })) {
    return false;
  }
  const auto masks = count(kMask);
  const bool masked = masks == 1 || (masks == 0 && count(kUser) + count(kGroup) == 0);
  return count(kOwner) == 1 && count(kOwningGroup) == 1 && count(kOthers) == 1 && masked;
}

mode_t PosixAcl::mode() const {
  const uint16_t group = group_tag();
  mode_t mode = 0;
  for (const Entry& entry : entries_) {
    if (entry.tag == kOwner) mode |= static_cast<mode_t>(entry.permissions) << 6U;
    if (entry.tag == group) mode |= static_cast<mode_t>(entry.permissions) << 3U;
    if (entry.tag == kOthers) mode |= entry.permissions;
  }
  return mode;
}

bool PosixAcl::grants(const Identity& identity, gid_t group, mode_t wanted) const {
  const auto has_all = [wanted](mode_t permissions) { return (wanted & ~permissions) == 0; };
  mode_t mask = kAll;
  mode_t others = 0;
  for (const Entry& entry : entries_) {
    if (entry.tag == kMask) mask = entry.permissions;
    if (entry.tag == kOthers) others = entry.permissions;
  }
  bool in_group = false;
  for (const Entry& entry : entries_) {
    if (entry.tag == kUser && entry.id == identity.uid) return has_all(entry.permissions & mask);
    const bool of_group = (entry.tag == kOwningGroup && identity.in_group(group)) ||
                          (entry.tag == kGroup && identity.in_group(static_cast<gid_t>(entry.id)));
    if (of_group && has_all(entry.permissions)) return has_all(mask);
    in_group = in_group || of_group;
  }
  return !in_group && has_all(others);
}

PosixAclPtr PosixAcl::with_mode(mode_t mode) const {
  const uint16_t group = group_tag();
  std::vector<Entry> entries = entries_;
  for (Entry& entry : entries) {
    if (entry.tag == kOwner) entry.permissions = static_cast<uint16_t>((mode >> 6U) & kAll);
    if (entry.tag == group) entry.permissions = static_cast<uint16_t>((mode >> 3U) & kAll);
    if (entry.tag == kOthers) entry.permissions = static_cast<uint16_t>(mode & kAll);
  }
  return std::make_shared<const PosixAcl>(std::move(entries));
}

std::pair<mode_t, PosixAclPtr> PosixAcl::for_new_file(mode_t mode) const {
  const mode_t granted = mode & (~kPermissionBits | this->mode());
  return {granted, is_mode_alone() ? nullptr : with_mode(granted)};
}

}  // namespace litebox::rootfs
