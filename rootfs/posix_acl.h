// POSIX access control lists (acl(5)) where litebox keeps and obeys them itself, by the container's ids: the files of an
// ordinary user's container. Elsewhere the host's kernel does.
//
// Nothing is changed in place: lists are shared by all who hold them. The rules are those of fs/posix_acl.c; each function
// names the kernel function it follows.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "rootfs/subject.h"

namespace litebox::rootfs {

// The extended attributes that lists are read and written by.
constexpr const char* kAccessAcl = "system.posix_acl_access";
constexpr const char* kDefaultAcl = "system.posix_acl_default";

inline bool is_acl_name(std::string_view name) { return name == kAccessAcl || name == kDefaultAcl; }

class PosixAcl;
using PosixAclPtr = std::shared_ptr<const PosixAcl>;

class PosixAcl {
 public:
  // Values of an entry's tag; the header that names them is the kernel's own.
  static constexpr uint16_t kOwner = 0x01;
  static constexpr uint16_t kUser = 0x02;
  static constexpr uint16_t kOwningGroup = 0x04;
  static constexpr uint16_t kGroup = 0x08;
  static constexpr uint16_t kMask = 0x10;
  static constexpr uint16_t kOthers = 0x20;

  struct Entry {
    uint16_t tag = 0;
    uint16_t permissions = 0;
    uint32_t id = UINT32_MAX;  // of kUser and kGroup
    bool operator==(const Entry&) const = default;
  };

  explicit PosixAcl(std::vector<Entry> entries) : entries_(std::move(entries)) {}

  // The value of an attribute; null for one without entries, which stands for no list. EINVAL for what is malformed, EOPNOTSUPP
  // for another version (posix_acl_from_xattr).
  static Result<PosixAclPtr> parse(std::string_view value);
  std::string format() const;

  // Whether the entries are in order, none is missing or there twice, and named ones have a mask (posix_acl_valid). What
  // follows is asked of valid lists only.
  bool is_valid() const;

  // The permission bits that stand for it in the file's mode, and whether they say all that it says (posix_acl_equiv_mode).
  mode_t mode() const;
  bool is_mode_alone() const { return entries_.size() == 3; }

  // Whether it grants all of `wanted` (R_OK, W_OK, X_OK) to someone other than the owner, in a file of the group `group`
  // (posix_acl_permission).
  bool grants(const Identity& identity, gid_t group, mode_t wanted) const;

  // With the permission bits of `mode` (__posix_acl_chmod_masq).
  PosixAclPtr with_mode(mode_t mode) const;

  // As a directory's default list, for a file that is made with `mode` there: the mode that it gets, and its list or null
  // (posix_acl_create_masq).
  std::pair<mode_t, PosixAclPtr> for_new_file(mode_t mode) const;

  bool operator==(const PosixAcl&) const = default;

 private:
  bool has(uint16_t tag) const;
  // The entry that the group's bits of the mode stand for.
  uint16_t group_tag() const { return has(kMask) ? kMask : kOwningGroup; }

  std::vector<Entry> entries_;
};

}  // namespace litebox::rootfs
