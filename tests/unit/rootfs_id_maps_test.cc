#include "rootfs/id_maps.h"

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <linux/posix_acl_xattr.h>

#include <cerrno>
#include <cstring>

namespace litebox::rootfs {
namespace {

const std::vector<oci::IdMapping> kContainer = {{0, 100000, 1000}, {5000, 7, 1}};

IdMaps maps() { return {IdMap(kContainer, {}), IdMap(kContainer, {})}; }

template <typename T>
std::string bytes(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string acl_entry(uint16_t tag, uint32_t id) { return bytes(posix_acl_xattr_entry{tag, 6, id}); }

TEST(IdMap, WithoutMappingsEveryIdIsItself) {
  const IdMap map;
  EXPECT_TRUE(map.is_identity());
  EXPECT_EQ(map.to_file(4294967294U), 4294967294U);
  EXPECT_EQ(map.to_container(0), 0U);
}

TEST(IdMap, OfAContainer) {
  const IdMap map(kContainer, {});
  EXPECT_EQ(map.to_file(0), 100000U);
  EXPECT_EQ(map.to_file(999), 100999U);
  EXPECT_EQ(map.to_file(1000), std::nullopt);
  EXPECT_EQ(map.to_file(5000), 7U);
  EXPECT_EQ(map.to_container(7), 5000U);
  EXPECT_EQ(map.to_container(100999), 999U);
  EXPECT_EQ(map.to_container(0), std::nullopt);
  EXPECT_EQ(map.to_container(101000), std::nullopt);
}

// mount_setattr(2): a file of 0 on the mount is 100000 to everybody, which is the container's 0.
TEST(IdMap, OfAMountInAContainer) {
  const IdMap map(kContainer, {{0, 100000, 10}});
  EXPECT_EQ(map.to_container(0), 0U);
  EXPECT_EQ(map.to_container(9), 9U);
  EXPECT_EQ(map.to_container(10), std::nullopt);
  EXPECT_EQ(map.to_file(3), 3U);
  EXPECT_EQ(map.to_file(10), std::nullopt);
}

TEST(IdMap, OfAMountAlone) {
  const IdMap map({}, {{1000, 0, 2}});
  EXPECT_EQ(map.to_container(1000), 0U);
  EXPECT_EQ(map.to_file(1), 1001U);
  EXPECT_EQ(map.to_file(2), std::nullopt);
}

TEST(IdMaps, AFileOfAnotherIsNobodys) {
  struct statx file {};
  file.stx_uid = 100001;
  file.stx_gid = 0;
  EXPECT_FALSE(maps().owns(file));
  maps().translate(file);
  EXPECT_EQ(file.stx_uid, 1U);
  EXPECT_EQ(file.stx_gid, kOverflowId);
}

TEST(IdMaps, AccessControlLists) {
  const std::string header = bytes(posix_acl_xattr_header{POSIX_ACL_XATTR_VERSION});
  const std::string inside =
      header + acl_entry(1, UINT32_MAX) + acl_entry(2, 5) + acl_entry(8, 5000) + acl_entry(0x10, UINT32_MAX);
  const std::string outside =
      header + acl_entry(1, UINT32_MAX) + acl_entry(2, 100005) + acl_entry(8, 7) + acl_entry(0x10, UINT32_MAX);
  const std::string name = "system.posix_acl_access";
  EXPECT_EQ(xattr_to_file(maps(), name, inside).value(), outside);
  EXPECT_EQ(xattr_to_container(maps(), name, outside).value(), inside);
  EXPECT_EQ(xattr_to_file(maps(), name, header + acl_entry(2, 1000)).error().number(), EINVAL);
  EXPECT_EQ(xattr_to_container(maps(), name, header + acl_entry(2, 0)).value(), header + acl_entry(2, UINT32_MAX));
  EXPECT_EQ(xattr_to_file(maps(), name, "x").value(), "x");
  EXPECT_EQ(xattr_to_file(maps(), "user.posix_acl_access", inside).value(), inside);
}

TEST(IdMaps, FileCapabilitiesAreTheContainersRoots) {
  const std::string sets(XATTR_CAPS_SZ_2 - 4, 'c');
  const auto revision2 = bytes(uint32_t{VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE}) + sets;
  const auto revision3 = [&](uint32_t root) {
    return bytes(uint32_t{VFS_CAP_REVISION_3 | VFS_CAP_FLAGS_EFFECTIVE}) + sets + bytes(root);
  };
  const std::string name = "security.capability";
  EXPECT_EQ(xattr_to_file(maps(), name, revision2).value(), revision3(100000));
  EXPECT_EQ(xattr_to_container(maps(), name, revision3(100000)).value(), revision2);
  EXPECT_EQ(xattr_to_container(maps(), name, revision3(100001)).value(), revision3(1));
  // The host's own grant nothing inside.
  EXPECT_EQ(xattr_to_container(maps(), name, revision2).error().number(), EOVERFLOW);
}

}  // namespace
}  // namespace litebox::rootfs
