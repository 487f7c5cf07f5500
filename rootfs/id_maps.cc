#include "rootfs/id_maps.h"

#include <linux/capability.h>
#include <linux/posix_acl_xattr.h>
#include <linux/xattr.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <utility>

#include "rootfs/posix_acl.h"

namespace litebox::rootfs {
namespace {

std::optional<uint32_t> outwards(const std::vector<oci::IdMapping>& mappings, uint32_t id) {
  if (mappings.empty()) return id;
  for (const oci::IdMapping& mapping : mappings) {
    if (id - mapping.container_id < mapping.size && id >= mapping.container_id)
      return mapping.host_id + (id - mapping.container_id);
  }
  return std::nullopt;
}

std::optional<uint32_t> inwards(const std::vector<oci::IdMapping>& mappings, uint32_t id) {
  if (mappings.empty()) return id;
  for (const oci::IdMapping& mapping : mappings) {
    if (id - mapping.host_id < mapping.size && id >= mapping.host_id) return mapping.container_id + (id - mapping.host_id);
  }
  return std::nullopt;
}

using Translation = std::function<std::optional<uint32_t>(uint16_t tag, uint32_t id)>;

// Every named user and group of an ACL; `unknown` takes the place of an id without a counterpart, or EINVAL.
Result<std::string> translate_acl(std::string value, const Translation& translation, std::optional<uint32_t> unknown) {
  if (value.size() < sizeof(posix_acl_xattr_header)) return value;  // the kernel refuses it
  for (size_t at = sizeof(posix_acl_xattr_header); at + sizeof(posix_acl_xattr_entry) <= value.size();
       at += sizeof(posix_acl_xattr_entry)) {
    posix_acl_xattr_entry entry;
    std::memcpy(&entry, value.data() + at, sizeof entry);
    const uint16_t tag = le16toh(entry.e_tag);
    if (tag != PosixAcl::kUser && tag != PosixAcl::kGroup) continue;
    auto id = translation(tag, le32toh(entry.e_id));
    if (!id) id = unknown;
    if (!id) return Error(EINVAL);
    entry.e_id = htole32(*id);
    std::memcpy(value.data() + at, &entry, sizeof entry);
  }
  return value;
}

struct FileCapabilities {
  uint32_t magic;
  std::string sets;   // what lies between the magic number and the root's id
  uint32_t root = 0;  // of revision 3
  bool has_root = false;
};

std::optional<FileCapabilities> parse_capabilities(const std::string& value) {
  uint32_t magic = 0;
  if (value.size() < sizeof magic) return std::nullopt;
  std::memcpy(&magic, value.data(), sizeof magic);
  magic = le32toh(magic);
  const uint32_t revision = magic & VFS_CAP_REVISION_MASK;
  if (revision == VFS_CAP_REVISION_2 && value.size() == XATTR_CAPS_SZ_2) {
    return FileCapabilities{magic, value.substr(sizeof magic), 0, false};
  }
  if (revision != VFS_CAP_REVISION_3 || value.size() != XATTR_CAPS_SZ_3) return std::nullopt;
  uint32_t root = 0;
  std::memcpy(&root, value.data() + XATTR_CAPS_SZ_2, sizeof root);
  return FileCapabilities{magic, value.substr(sizeof magic, XATTR_CAPS_SZ_2 - sizeof magic), le32toh(root), true};
}

// Of revision 3 with a root, else of revision 2.
std::string format_capabilities(const FileCapabilities& capabilities, std::optional<uint32_t> root) {
  const uint32_t revision = root ? VFS_CAP_REVISION_3 : VFS_CAP_REVISION_2;
  const uint32_t magic = htole32((capabilities.magic & ~VFS_CAP_REVISION_MASK) | revision);
  std::string value(reinterpret_cast<const char*>(&magic), sizeof magic);
  value += capabilities.sets;
  if (root) {
    const uint32_t id = htole32(*root);
    value.append(reinterpret_cast<const char*>(&id), sizeof id);
  }
  return value;
}

}  // namespace

IdMap::IdMap(std::vector<oci::IdMapping> container, std::vector<oci::IdMapping> mount)
    : container_(std::move(container)), mount_(std::move(mount)) {}

std::optional<uint32_t> IdMap::to_file(uint32_t id) const {
  const auto host = outwards(container_, id);
  return host ? inwards(mount_, *host) : std::nullopt;
}

std::optional<uint32_t> IdMap::to_container(uint32_t file_id) const {
  const auto host = outwards(mount_, file_id);
  return host ? inwards(container_, *host) : std::nullopt;
}

bool IdMaps::owns(const struct statx& file) const {
  return users.to_container(file.stx_uid) && groups.to_container(file.stx_gid);
}

void IdMaps::translate(struct statx& file) const {
  file.stx_uid = users.to_container(file.stx_uid).value_or(kOverflowId);
  file.stx_gid = groups.to_container(file.stx_gid).value_or(kOverflowId);
}

Result<std::string> xattr_to_file(const IdMaps& maps, const std::string& name, std::string value) {
  if (is_acl_name(name)) {
    const auto translation = [&maps](uint16_t tag, uint32_t id) {
      return (tag == PosixAcl::kUser ? maps.users : maps.groups).to_file(id);
    };
    return translate_acl(std::move(value), translation, std::nullopt);
  }
  if (name != XATTR_NAME_CAPS) return value;
  const auto capabilities = parse_capabilities(value);
  if (!capabilities) return value;
  const auto root = maps.users.to_file(capabilities->root);
  if (!root) return Error(EINVAL);
  return format_capabilities(*capabilities, root);
}

Result<std::string> xattr_to_container(const IdMaps& maps, const std::string& name, std::string value) {
  if (is_acl_name(name)) {
    const auto translation = [&maps](uint16_t tag, uint32_t id) {
      return (tag == PosixAcl::kUser ? maps.users : maps.groups).to_container(id);
    };
    return translate_acl(std::move(value), translation, UINT32_MAX);
  }
  if (name != XATTR_NAME_CAPS) return value;
  const auto capabilities = parse_capabilities(value);
  if (!capabilities) return value;
  const auto root = maps.users.to_container(capabilities->root);
  if (!root) return Error(EOVERFLOW);
  return format_capabilities(*capabilities, *root == 0 ? std::nullopt : root);
}

}  // namespace litebox::rootfs
