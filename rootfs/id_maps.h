// Ids of a container with a user namespace, and of idmapped mounts: what they are on the files of the host.
//
// No user namespace is made. Inside, ids are the container's; the nodes of host files (native_node.h) translate, and keep the
// guest's capabilities from files whose owner is not one of the container's, as the kernel does (user_namespaces(7),
// capable_wrt_inode_uidgid(); mount_setattr(2), MOUNT_ATTR_IDMAP; Documentation/filesystems/idmappings.rst).
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "oci/linux.h"

namespace litebox::rootfs {

// Users, or groups. Without mappings every id is itself.
class IdMap {
 public:
  IdMap() = default;
  // `container`: of the user namespace; `mount`: of the mount that the files are on. Either may be empty.
  IdMap(std::vector<oci::IdMapping> container, std::vector<oci::IdMapping> mount);

  bool is_identity() const { return container_.empty() && mount_.empty(); }
  // The id that a file has for a container's id; nothing where there is none.
  std::optional<uint32_t> to_file(uint32_t id) const;
  std::optional<uint32_t> to_container(uint32_t file_id) const;

 private:
  std::vector<oci::IdMapping> container_;
  std::vector<oci::IdMapping> mount_;
};

// What stat(2) shows for an id that is not the container's: /proc/sys/kernel/overflowuid.
inline constexpr uint32_t kOverflowId = 65534;

struct IdMaps {
  IdMap users;
  IdMap groups;

  // privileged_wrt_inode_uidgid(): a file whose ids are both the container's.
  bool owns(const struct statx& file) const;
  void translate(struct statx& file) const;
};

// Values of extended attributes that hold ids: POSIX ACLs, and file capabilities, which are the container's root's
// (capabilities(7), "Namespaced file capabilities"). Other attributes are as they are. EINVAL for an id without a counterpart
// on the way in, EOVERFLOW for the capabilities of another root on the way out.
Result<std::string> xattr_to_file(const IdMaps& maps, const std::string& name, std::string value);
Result<std::string> xattr_to_container(const IdMaps& maps, const std::string& name, std::string value);

}  // namespace litebox::rootfs
