#include "shim/kernel/exec_credentials.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstring>
#include <string>

#include "shim/kernel/capabilities.h"

namespace litebox::kernel {
namespace {

Credentials user(uid_t uid) {
  Credentials credentials;
  credentials.uid = credentials.euid = credentials.suid = credentials.fsuid = uid;
  credentials.gid = credentials.egid = credentials.sgid = credentials.fsgid = uid;
  credentials.bounding = kAllCapabilities;
  return credentials;
}

Credentials after(const Credentials& before, const ProgramPrivileges& program, bool expect_secure) {
  const auto result = credentials_after_exec(before, program);
  EXPECT_TRUE(result.ok());
  EXPECT_EQ(result->secure, expect_secure);
  return result->credentials;
}

constexpr ProgramPrivileges kPlain = {.mode = 0755, .owner = 0, .group = 0, .capabilities = {}};
constexpr ProgramPrivileges kSetuidRoot = {.mode = 04755, .owner = 0, .group = 0, .capabilities = {}};

TEST(ExecCredentials, PlainProgramOfUserLosesCapabilities) {
  Credentials before = user(1000);
  before.permitted = before.effective = capability_bit(CAP_KILL);
  before.securebits = issecure_mask(SECURE_KEEP_CAPS);
  const Credentials c = after(before, kPlain, false);
  EXPECT_EQ(c.permitted, 0U);
  EXPECT_EQ(c.effective, 0U);
  EXPECT_EQ(c.securebits, 0U);
}

TEST(ExecCredentials, RootGetsBoundingSet) {
  Credentials before = user(0);
  before.bounding = capability_bit(CAP_CHOWN) | capability_bit(CAP_KILL);
  const Credentials c = after(before, kPlain, false);
  EXPECT_EQ(c.permitted, before.bounding);
  EXPECT_EQ(c.effective, before.bounding);
}

TEST(ExecCredentials, NoRootSecurebit) {
  Credentials before = user(0);
  before.securebits = issecure_mask(SECURE_NOROOT);
  EXPECT_EQ(after(before, kPlain, false).permitted, 0U);
}

TEST(ExecCredentials, SetuidRoot) {
  const Credentials c = after(user(1000), kSetuidRoot, true);
  EXPECT_EQ(c.uid, 1000U);
  EXPECT_EQ(c.euid, 0U);
  EXPECT_EQ(c.suid, 0U);
  EXPECT_EQ(c.fsuid, 0U);
  EXPECT_EQ(c.effective, kAllCapabilities);
}

TEST(ExecCredentials, SetuidOtherUserDropsAmbient) {
  Credentials before = user(1000);
  before.permitted = before.inheritable = before.ambient = capability_bit(CAP_KILL);
  const Credentials kept = after(before, kPlain, false);
  EXPECT_EQ(kept.permitted, capability_bit(CAP_KILL));
  EXPECT_EQ(kept.effective, capability_bit(CAP_KILL));
  const Credentials dropped = after(before, {.mode = 04755, .owner = 7, .group = 0, .capabilities = {}}, true);
  EXPECT_EQ(dropped.euid, 7U);
  EXPECT_EQ(dropped.permitted, 0U);
  EXPECT_EQ(dropped.ambient, 0U);
}

TEST(ExecCredentials, NoNewPrivileges) {
  Credentials before = user(1000);
  before.no_new_privileges = true;
  const Credentials c = after(before, kSetuidRoot, false);
  EXPECT_EQ(c.euid, 1000U);
  EXPECT_EQ(c.permitted, 0U);
  FileCapabilities file;
  file.permitted = capability_bit(CAP_NET_RAW);
  EXPECT_EQ(after(before, {.mode = 0755, .owner = 0, .group = 0, .capabilities = file}, false).permitted, 0U);
}

TEST(ExecCredentials, SetgidNeedsGroupExecute) {
  EXPECT_EQ(after(user(1000), {.mode = 02755, .owner = 0, .group = 9, .capabilities = {}}, true).egid, 9U);
  EXPECT_EQ(after(user(1000), {.mode = 02745, .owner = 0, .group = 9, .capabilities = {}}, false).egid, 1000U);
}

TEST(ExecCredentials, SetgidToOwnGroupIsNoChangeOfIdentity) {
  Credentials before = user(1000);
  before.groups = {9};
  before.permitted = before.inheritable = before.ambient = capability_bit(CAP_KILL);
  const Credentials c = after(before, {.mode = 02755, .owner = 0, .group = 9, .capabilities = {}}, true);
  EXPECT_EQ(c.egid, 9U);
  EXPECT_EQ(c.ambient, capability_bit(CAP_KILL));
}

TEST(ExecCredentials, FileCapabilities) {
  Credentials before = user(1000);
  FileCapabilities file;
  file.permitted = capability_bit(CAP_NET_RAW);
  file.effective = true;
  const ProgramPrivileges ping = {.mode = 0755, .owner = 0, .group = 0, .capabilities = file};
  const Credentials c = after(before, ping, true);
  EXPECT_EQ(c.permitted, capability_bit(CAP_NET_RAW));
  EXPECT_EQ(c.effective, capability_bit(CAP_NET_RAW));
  before.bounding = 0;
  EXPECT_EQ(credentials_after_exec(before, ping).error().number(), EPERM);
}

TEST(ExecCredentials, FileCapabilitiesOfAnotherRootGrantNothing) {
  FileCapabilities file;
  file.permitted = capability_bit(CAP_NET_RAW);
  file.effective = true;
  file.root = 100000;
  EXPECT_EQ(after(user(1000), {.mode = 0755, .owner = 0, .group = 0, .capabilities = file}, false).permitted, 0U);
}

TEST(ExecCredentials, SetuidRootWithFileCapabilitiesGetsOnlyThose) {
  FileCapabilities file;
  file.permitted = capability_bit(CAP_NET_RAW);
  const Credentials c = after(user(1000), {.mode = 04755, .owner = 0, .group = 0, .capabilities = file}, true);
  EXPECT_EQ(c.euid, 0U);
  EXPECT_EQ(c.permitted, capability_bit(CAP_NET_RAW));
  EXPECT_EQ(c.effective, 0U);
}

std::string attribute(uint32_t magic, uint64_t permitted, size_t size) {
  vfs_ns_cap_data data = {};
  data.magic_etc = magic;
  data.data[0].permitted = static_cast<uint32_t>(permitted);
  data.data[1].permitted = static_cast<uint32_t>(permitted >> 32U);
  data.rootid = 5;
  return {reinterpret_cast<const char*>(&data), size};
}

TEST(FileCapabilities, Parse) {
  const uint64_t bits = capability_bit(CAP_NET_RAW) | capability_bit(CAP_BPF);
  const auto two = parse_file_capabilities(attribute(VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE, bits, XATTR_CAPS_SZ_2));
  ASSERT_TRUE(two.ok());
  EXPECT_EQ(two->permitted, bits);
  EXPECT_TRUE(two->effective);
  EXPECT_EQ(two->root, 0U);
  EXPECT_EQ(parse_file_capabilities(attribute(VFS_CAP_REVISION_3, bits, XATTR_CAPS_SZ_3))->root, 5U);
  EXPECT_FALSE(parse_file_capabilities(attribute(VFS_CAP_REVISION_3, bits, XATTR_CAPS_SZ_2)).ok());
  EXPECT_FALSE(parse_file_capabilities(attribute(0x05000000, bits, XATTR_CAPS_SZ_2)).ok());
  EXPECT_FALSE(parse_file_capabilities("").ok());
  EXPECT_FALSE(parse_file_capabilities(std::string(100, '\1')).ok());
}

}  // namespace
}  // namespace litebox::kernel
