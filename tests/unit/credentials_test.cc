#include "shim/kernel/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <linux/securebits.h>

#include "shim/kernel/capabilities.h"

namespace litebox::kernel {
namespace {

using testing::ElementsAre;

Credentials root() {
  Credentials credentials;
  credentials.permitted = credentials.effective = credentials.bounding = kAllCapabilities;
  return credentials;
}

Credentials user(uid_t uid) {
  Credentials credentials;
  credentials.uid = credentials.euid = credentials.suid = credentials.fsuid = uid;
  credentials.gid = credentials.egid = credentials.sgid = credentials.fsgid = uid;
  credentials.bounding = kAllCapabilities;
  return credentials;
}

std::vector<uid_t> uids(const Credentials& c) { return {c.uid, c.euid, c.suid, c.fsuid}; }
std::vector<gid_t> gids(const Credentials& c) { return {c.gid, c.egid, c.sgid, c.fsgid}; }

TEST(SetUid, RootChangesAllAndLosesCapabilities) {
  Credentials c = root();
  c.ambient = c.inheritable = capability_bit(CAP_NET_RAW);
  ASSERT_TRUE(set_uid(c, 1000).ok());
  EXPECT_THAT(uids(c), ElementsAre(1000, 1000, 1000, 1000));
  EXPECT_EQ(c.permitted, 0U);
  EXPECT_EQ(c.effective, 0U);
  EXPECT_EQ(c.ambient, 0U);
  EXPECT_EQ(c.inheritable, capability_bit(CAP_NET_RAW));
  EXPECT_EQ(set_uid(c, 0).error().number(), EPERM);
}

TEST(SetUid, UserReturnsToSavedId) {
  Credentials c = user(1000);
  c.suid = 5;
  ASSERT_TRUE(set_uid(c, 5).ok());
  EXPECT_THAT(uids(c), ElementsAre(1000, 5, 5, 5));
  EXPECT_EQ(set_uid(c, 6).error().number(), EPERM);
  ASSERT_TRUE(set_uid(c, 1000).ok());
  EXPECT_THAT(uids(c), ElementsAre(1000, 1000, 5, 1000));
}

TEST(SetUid, MinusOneIsNoId) {
  Credentials c = root();
  EXPECT_EQ(set_uid(c, kNoUid).error().number(), EINVAL);
  EXPECT_EQ(set_gid(c, kNoGid).error().number(), EINVAL);
}

TEST(SetUid, KeepCapabilities) {
  Credentials c = root();
  c.securebits = issecure_mask(SECURE_KEEP_CAPS);
  ASSERT_TRUE(set_uid(c, 1000).ok());
  EXPECT_EQ(c.permitted, kAllCapabilities);
  EXPECT_EQ(c.effective, 0U);
}

TEST(SetUid, NoSetuidFixupLeavesCapabilities) {
  Credentials c = root();
  c.securebits = issecure_mask(SECURE_NO_SETUID_FIXUP);
  ASSERT_TRUE(set_uid(c, 1000).ok());
  EXPECT_EQ(c.permitted, kAllCapabilities);
  EXPECT_EQ(c.effective, kAllCapabilities);
}

TEST(SetReuid, EffectiveIdGoesAndComes) {
  Credentials c = root();
  ASSERT_TRUE(set_reuid(c, kNoUid, 1000).ok());
  EXPECT_THAT(uids(c), ElementsAre(0, 1000, 1000, 1000));
  EXPECT_EQ(c.permitted, kAllCapabilities);
  EXPECT_EQ(c.effective, 0U);
  ASSERT_TRUE(set_reuid(c, 1000, 0).ok());
  EXPECT_THAT(uids(c), ElementsAre(1000, 0, 0, 0));
  EXPECT_EQ(c.effective, kAllCapabilities);
}

TEST(SetReuid, UnprivilegedRules) {
  Credentials c = user(1000);
  c.euid = 1001;
  c.suid = 1002;
  EXPECT_EQ(set_reuid(c, 1002, kNoUid).error().number(), EPERM);  // the real id may not become the saved one
  EXPECT_EQ(set_reuid(c, kNoUid, 1003).error().number(), EPERM);
  ASSERT_TRUE(set_reuid(c, kNoUid, 1000).ok());
  EXPECT_THAT(uids(c), ElementsAre(1000, 1000, 1002, 1000));  // euid == old real id: saved id stays
}

TEST(SetResuid, EachFromAnyOfThree) {
  Credentials c = user(1);
  c.euid = 2;
  c.suid = 3;
  ASSERT_TRUE(set_resuid(c, 3, 1, 2).ok());
  EXPECT_THAT(uids(c), ElementsAre(3, 1, 2, 1));
  EXPECT_EQ(set_resuid(c, kNoUid, kNoUid, 4).error().number(), EPERM);
  EXPECT_THAT(uids(c), ElementsAre(3, 1, 2, 1));
}

TEST(SetResuid, SavedRootKeepsPermitted) {
  Credentials c = root();
  ASSERT_TRUE(set_resuid(c, 1000, 1000, 0).ok());
  EXPECT_EQ(c.permitted, kAllCapabilities);
  EXPECT_EQ(c.effective, 0U);
  ASSERT_TRUE(set_resuid(c, kNoUid, 0, kNoUid).ok());
  EXPECT_EQ(c.effective, kAllCapabilities);
  ASSERT_TRUE(set_resuid(c, 1000, 1000, 1000).ok());
  EXPECT_EQ(c.permitted, 0U);
}

TEST(SetGids, Rules) {
  Credentials c = user(1000);
  c.egid = 7;
  c.sgid = 8;
  EXPECT_EQ(set_gid(c, 7).error().number(), EPERM);
  ASSERT_TRUE(set_gid(c, 8).ok());
  EXPECT_THAT(gids(c), ElementsAre(1000, 8, 8, 8));
  EXPECT_EQ(set_regid(c, 9, kNoGid).error().number(), EPERM);
  ASSERT_TRUE(set_regid(c, 8, 1000).ok());
  EXPECT_THAT(gids(c), ElementsAre(8, 1000, 1000, 1000));
  ASSERT_TRUE(set_resgid(c, 1000, 8, kNoGid).ok());
  EXPECT_THAT(gids(c), ElementsAre(1000, 8, 1000, 8));
  EXPECT_EQ(set_resgid(c, 1, kNoGid, kNoGid).error().number(), EPERM);
}

TEST(SetGids, GroupOfRootGivesNoCapability) {
  Credentials c = root();
  ASSERT_TRUE(set_gid(c, 5).ok());
  EXPECT_THAT(gids(c), ElementsAre(5, 5, 5, 5));
  EXPECT_EQ(c.effective, kAllCapabilities);
}

TEST(SetFsuid, MovesFileCapabilitiesOnly) {
  Credentials c = root();
  EXPECT_EQ(set_fsuid(c, 1000), 0U);
  EXPECT_EQ(c.fsuid, 1000U);
  EXPECT_FALSE(c.has(CAP_DAC_OVERRIDE));
  EXPECT_TRUE(c.has(CAP_SETUID));
  EXPECT_EQ(set_fsuid(c, 0), 1000U);
  EXPECT_TRUE(c.has(CAP_DAC_OVERRIDE));
  EXPECT_EQ(set_fsuid(c, kNoUid), 0U);
  EXPECT_EQ(c.fsuid, 0U);
}

TEST(SetFsuid, WithoutPermissionNothingChanges) {
  Credentials c = user(1000);
  EXPECT_EQ(set_fsuid(c, 0), 1000U);
  EXPECT_EQ(c.fsuid, 1000U);
  EXPECT_EQ(set_fsgid(c, 0), 1000U);
  EXPECT_EQ(c.fsgid, 1000U);
}

TEST(SetGroups, SortedAndChecked) {
  Credentials c = root();
  ASSERT_TRUE(set_groups(c, {30, 10, 20, 10}).ok());
  EXPECT_THAT(c.groups, ElementsAre(10, 10, 20, 30));
  EXPECT_EQ(set_groups(c, {1, kNoGid}).error().number(), EINVAL);
  ASSERT_TRUE(set_uid(c, 1000).ok());
  EXPECT_EQ(set_groups(c, {}).error().number(), EPERM);
}

TEST(SetCapabilities, Rules) {
  Credentials c = user(1000);
  c.permitted = c.effective = capability_bit(CAP_CHOWN) | capability_bit(CAP_KILL);
  c.bounding = capability_bit(CAP_CHOWN);
  EXPECT_EQ(set_capabilities(c, {0, capability_bit(CAP_SYS_ADMIN), 0}).error().number(), EPERM);
  EXPECT_EQ(set_capabilities(c, {c.effective, capability_bit(CAP_CHOWN), 0}).error().number(), EPERM);
  EXPECT_EQ(set_capabilities(c, {0, c.permitted, capability_bit(CAP_KILL)}).error().number(), EPERM);  // not in bounding
  ASSERT_TRUE(set_capabilities(c, {0, c.permitted, capability_bit(CAP_CHOWN)}).ok());
  ASSERT_TRUE(raise_ambient(c, CAP_CHOWN).ok());
  EXPECT_EQ(raise_ambient(c, CAP_KILL).error().number(), EPERM);
  EXPECT_EQ(raise_ambient(c, 64).error().number(), EINVAL);
  ASSERT_TRUE(set_capabilities(c, {0, capability_bit(CAP_KILL), capability_bit(CAP_CHOWN)}).ok());
  EXPECT_EQ(c.ambient, 0U);
}

TEST(SetCapabilities, UnknownBitsAreDropped) {
  Credentials c = root();
  ASSERT_TRUE(set_capabilities(c, {~uint64_t{0}, ~uint64_t{0}, 0}).ok());
  EXPECT_EQ(c.effective, kAllCapabilities);
}

TEST(BoundingSet, Drop) {
  Credentials c = root();
  ASSERT_TRUE(drop_from_bounding_set(c, CAP_SYS_ADMIN).ok());
  EXPECT_EQ(c.bounding, kAllCapabilities & ~capability_bit(CAP_SYS_ADMIN));
  EXPECT_EQ(drop_from_bounding_set(c, 41).error().number(), EINVAL);
  c.effective = 0;
  EXPECT_EQ(drop_from_bounding_set(c, CAP_CHOWN).error().number(), EPERM);
}

TEST(Securebits, LocksAndPrivilege) {
  Credentials c = root();
  ASSERT_TRUE(set_securebits(c, issecure_mask(SECURE_NOROOT) | issecure_mask(SECURE_NOROOT_LOCKED)).ok());
  EXPECT_EQ(set_securebits(c, issecure_mask(SECURE_NOROOT)).error().number(), EPERM);
  EXPECT_EQ(set_securebits(c, issecure_mask(SECURE_NOROOT_LOCKED)).error().number(), EPERM);
  EXPECT_EQ(set_securebits(c, 1U << 20U).error().number(), EPERM);
  EXPECT_EQ(set_keep_capabilities(c, 2).error().number(), EINVAL);
  ASSERT_TRUE(set_keep_capabilities(c, 1).ok());
  EXPECT_TRUE(has_securebit(c, SECURE_KEEP_CAPS));
  c.securebits |= issecure_mask(SECURE_KEEP_CAPS_LOCKED);
  EXPECT_EQ(set_keep_capabilities(c, 0).error().number(), EPERM);
  c.effective = 0;
  EXPECT_EQ(set_securebits(c, c.securebits | issecure_mask(SECURE_NO_SETUID_FIXUP)).error().number(), EPERM);
}

}  // namespace
}  // namespace litebox::kernel
