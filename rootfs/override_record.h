// Ownership that an ordinary user cannot give a file: what the extended attribute user.containers.override_stat says.
//
// The format is the one of containers/storage (podman, buildah, fuse-overlayfs): "uid:gid:mode:type", decimal ids, an octal
// mode of at least four digits, and a type of file, dir, symlink, pipe, socket, block-MAJOR-MINOR or char-MAJOR-MINOR. Older
// writers leave the type out.
//
// A fifth field, which the others do not look at, tells of POSIX ACLs: "acl", "default" or both, with a comma. Their values lie
// in attributes of their own (fuse-overlayfs reads no record of more than 63 bytes), or, in hexadecimal digits after a "=", in
// the record itself, where there are no attributes (override_store.h).
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

namespace litebox::rootfs {

constexpr const char* kOverrideXattr = "user.containers.override_stat";
// Attributes that are the tools' own, never a guest's to see.
constexpr std::string_view kOverridePrefix = "user.containers.";

// Under which name an attribute is kept that only privilege can set on the host, or that says something else there.
inline std::string kept_name(std::string_view name) { return std::string(kOverridePrefix).append(name); }

struct OverrideRecord {
  uid_t uid = 0;
  gid_t gid = 0;
  mode_t permissions = 0;  // 07777
  mode_t type = 0;         // S_IFMT; 0: not recorded
  dev_t device = 0;        // of S_IFCHR and S_IFBLK
  // The values of ACLs: empty ones where they lie in attributes.
  std::optional<std::string> access_acl = std::nullopt;
  std::optional<std::string> default_acl = std::nullopt;

  std::string format() const;
  // Nothing for a text that is not of this form.
  static std::optional<OverrideRecord> parse(std::string_view text);
};

}  // namespace litebox::rootfs
