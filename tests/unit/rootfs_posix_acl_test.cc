// POSIX ACLs by themselves: what is valid, which mode stands for one, whom it grants what. Against the kernel:
// rootfs_ownership_test.cc.
#include "rootfs/posix_acl.h"

#include <unistd.h>

#include <gtest/gtest.h>

namespace litebox::rootfs {
namespace {

using Entry = PosixAcl::Entry;

constexpr uint16_t kRead = R_OK;
constexpr uint16_t kAll = R_OK | W_OK | X_OK;

PosixAcl named(uint16_t user, uint16_t group, uint16_t mask) {
  return PosixAcl({{PosixAcl::kOwner, kAll},
                   {PosixAcl::kUser, user, 1000},
                   {PosixAcl::kOwningGroup, kRead},
                   {PosixAcl::kGroup, group, 60},
                   {PosixAcl::kMask, mask},
                   {PosixAcl::kOthers, X_OK}});
}

Identity someone(uid_t uid, gid_t gid, std::vector<gid_t> groups = {}) { return {uid, gid, std::move(groups), 0}; }

TEST(PosixAcl, FormatIsTheKernels) {
  const PosixAcl acl = named(7, 5, 6);
  const std::string value = acl.format();
  EXPECT_EQ(value.size(), 4U + 6U * 8U);
  EXPECT_EQ(value.substr(0, 12), std::string("\x02\0\0\0\x01\0\x07\0\xff\xff\xff\xff", 12));
  EXPECT_EQ(*PosixAcl::parse(value).value(), acl);
  // Only named entries have an id.
  std::string with_ids = value;
  with_ids.replace(8, 4, "abcd");
  EXPECT_EQ(*PosixAcl::parse(with_ids).value(), acl);
}

TEST(PosixAcl, MalformedValues) {
  const std::string value = named(7, 5, 6).format();
  EXPECT_EQ(PosixAcl::parse("").value(), nullptr);
  EXPECT_EQ(PosixAcl::parse(value.substr(0, 4)).value(), nullptr);
  for (const size_t size : {1U, 3U, 5U, 11U, 13U}) {
    EXPECT_EQ(PosixAcl::parse(value.substr(0, size)).error().number(), EINVAL) << size;
  }
  std::string version = value;
  version[0] = 1;
  EXPECT_EQ(PosixAcl::parse(version).error().number(), EOPNOTSUPP);
  EXPECT_EQ(PosixAcl::parse(PosixAcl({{0x40, 7}}).format()).error().number(), EINVAL);
  EXPECT_EQ(PosixAcl::parse(PosixAcl({{PosixAcl::kUser, 7}}).format()).error().number(), EINVAL);
}

TEST(PosixAcl, ValidOnesAreOrderedAndComplete) {
  const Entry owner{PosixAcl::kOwner, 7};
  const Entry user{PosixAcl::kUser, 7, 5};
  const Entry group{PosixAcl::kOwningGroup, 7};
  const Entry mask{PosixAcl::kMask, 7};
  const Entry others{PosixAcl::kOthers, 7};
  EXPECT_TRUE(PosixAcl({owner, group, others}).is_valid());
  EXPECT_TRUE(PosixAcl({owner, group, mask, others}).is_valid());
  EXPECT_TRUE(PosixAcl({owner, user, user, group, mask, others}).is_valid());
  EXPECT_FALSE(PosixAcl({owner, user, group, others}).is_valid());
  EXPECT_FALSE(PosixAcl({group, owner, others}).is_valid());
  EXPECT_FALSE(PosixAcl({owner, owner, group, others}).is_valid());
  EXPECT_FALSE(PosixAcl({owner, group, mask, mask, others}).is_valid());
  EXPECT_FALSE(PosixAcl({owner, group}).is_valid());
  EXPECT_FALSE(PosixAcl({owner, {PosixAcl::kOwningGroup, 8}, others}).is_valid());
}

TEST(PosixAcl, TheMaskIsTheGroupsPartOfTheMode) {
  const PosixAcl acl = named(7, 5, 6);
  EXPECT_EQ(acl.mode(), 0761U);
  EXPECT_FALSE(acl.is_mode_alone());
  EXPECT_EQ(*acl.with_mode(0751), named(7, 5, 5));
  const PosixAcl plain({{PosixAcl::kOwner, 6}, {PosixAcl::kOwningGroup, 4}, {PosixAcl::kOthers, 0}});
  EXPECT_EQ(plain.mode(), 0640U);
  EXPECT_TRUE(plain.is_mode_alone());
  EXPECT_EQ(plain.with_mode(0751)->mode(), 0751U);
}

TEST(PosixAcl, NewFilesGetWhatBothAllow) {
  const auto [mode, acl] = named(7, 5, 7).for_new_file(06666);
  EXPECT_EQ(mode, 06660U);
  ASSERT_NE(acl, nullptr);
  EXPECT_EQ(acl->mode(), 0660U);
  const PosixAcl plain({{PosixAcl::kOwner, 6}, {PosixAcl::kOwningGroup, 4}, {PosixAcl::kOthers, 1}});
  EXPECT_EQ(plain.for_new_file(0777), std::make_pair(mode_t{0641}, PosixAclPtr()));
}

TEST(PosixAcl, GrantsByTheFirstEntryThatFits) {
  const PosixAcl acl = named(6, 5, 7);
  EXPECT_TRUE(acl.grants(someone(1000, 1), 50, R_OK | W_OK));
  EXPECT_FALSE(acl.grants(someone(1000, 60), 50, X_OK));  // a named user gets nothing more from a group
  EXPECT_TRUE(acl.grants(someone(1, 50), 50, R_OK));
  EXPECT_FALSE(acl.grants(someone(1, 50), 50, X_OK));  // nor is a member of the group one of the others
  EXPECT_TRUE(acl.grants(someone(1, 1, {50, 60}), 50, R_OK | X_OK));
  EXPECT_FALSE(acl.grants(someone(1, 1, {50, 60}), 50, W_OK));
  EXPECT_TRUE(acl.grants(someone(1, 1), 50, X_OK));
  EXPECT_FALSE(acl.grants(someone(1, 1), 50, R_OK));
  const PosixAcl masked = named(7, 7, X_OK);
  EXPECT_FALSE(masked.grants(someone(1000, 1), 50, R_OK));
  EXPECT_FALSE(masked.grants(someone(1, 60), 50, R_OK));
  EXPECT_FALSE(masked.grants(someone(1, 50), 50, R_OK));
  EXPECT_TRUE(masked.grants(someone(1, 60), 50, X_OK));
}

}  // namespace
}  // namespace litebox::rootfs
