#include "shim/syscalls/open_how.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>

namespace litebox::syscalls {
namespace {

int error_of(const OpenHow& how) {
  const auto request = check_open_how(how);
  return request.ok() ? 0 : request.error().number();
}

OpenRequest checked(const OpenHow& how) {
  const auto request = check_open_how(how);
  EXPECT_TRUE(request.ok());
  return request.ok() ? *request : OpenRequest{};
}

// What the kernel says of the same request for a file that exists. Errors that it finds in the flags alone come before it
// looks at the path, so a path that cannot be read tells them apart: EFAULT means that the flags were accepted.
int kernel_error_of(const OpenHow& how) {
  struct open_how raw = {.flags = how.flags, .mode = how.mode, .resolve = how.resolve};
  const long result = ::syscall(SYS_openat2, AT_FDCWD, nullptr, &raw, sizeof raw);
  EXPECT_EQ(result, -1);
  return errno == EFAULT ? 0 : errno;
}

TEST(OpenHow, AgreesWithTheKernelOnEveryPairOfFlags) {
  for (int first = 0; first < 26; ++first) {
    for (int second = first; second < 26; ++second) {
      for (const uint64_t access : {O_RDONLY, O_WRONLY, O_RDWR}) {
        const OpenHow how = {.flags = access | 1ULL << first | 1ULL << second, .mode = 0, .resolve = 0};
        EXPECT_EQ(error_of(how), kernel_error_of(how)) << std::oct << how.flags;
      }
    }
  }
}

TEST(OpenHow, AgreesWithTheKernelOnModesAndResolveFlags) {
  for (const uint64_t flags :
       {uint64_t{O_RDONLY}, uint64_t{O_CREAT | O_RDWR}, uint64_t{O_TMPFILE | O_RDWR}, uint64_t{O_PATH}}) {
    for (const uint64_t mode : {0ULL, 0644ULL, 07777ULL, 010000ULL, 1ULL << 40U}) {
      for (const uint64_t resolve : {0ULL, 1ULL, 2ULL, 4ULL, 8ULL, 16ULL, 24ULL, 64ULL, 1ULL << 40U}) {
        const OpenHow how = {.flags = flags, .mode = mode, .resolve = resolve};
        EXPECT_EQ(error_of(how), kernel_error_of(how)) << std::oct << flags << " " << mode << " " << resolve;
      }
    }
  }
}

TEST(OpenHow, OpenIgnoresWhatItDoesNotKnow) {
  const OpenHow how = legacy_open_how(0x80000000U | O_RDWR, 0777);
  EXPECT_EQ(error_of(how), 0);
  EXPECT_EQ(how.mode, 0U);
  EXPECT_EQ(legacy_open_how(O_CREAT, 0170777).mode, 0777U);
  EXPECT_EQ(legacy_open_how(O_PATH | O_RDWR | O_TRUNC | O_NOFOLLOW, 0).flags, uint64_t{O_PATH | O_NOFOLLOW});
}

TEST(OpenHow, SaysWhatAccessIsNeeded) {
  EXPECT_EQ(checked(legacy_open_how(O_RDONLY, 0)).access, R_OK);
  EXPECT_EQ(checked(legacy_open_how(O_WRONLY, 0)).access, W_OK);
  EXPECT_EQ(checked(legacy_open_how(O_RDWR, 0)).access, R_OK | W_OK);
  EXPECT_EQ(checked(legacy_open_how(3, 0)).access, R_OK | W_OK);
  EXPECT_EQ(checked(legacy_open_how(O_RDONLY | O_TRUNC, 0)).access, R_OK | W_OK);
  EXPECT_EQ(checked(legacy_open_how(O_PATH | O_RDWR, 0)).access, 0);
}

TEST(OpenHow, FollowsTheLastSymlinkUnlessToldNotTo) {
  EXPECT_TRUE(checked(legacy_open_how(O_RDONLY, 0)).resolve.follow_final);
  EXPECT_FALSE(checked(legacy_open_how(O_RDONLY | O_NOFOLLOW, 0)).resolve.follow_final);
  EXPECT_TRUE(checked(legacy_open_how(O_RDWR | O_CREAT, 0)).resolve.follow_final);
  EXPECT_FALSE(checked(legacy_open_how(O_RDWR | O_CREAT | O_EXCL, 0)).resolve.follow_final);
  EXPECT_TRUE(checked(legacy_open_how(O_RDWR | O_EXCL, 0)).resolve.follow_final);
}

TEST(OpenHow, CloseOnExecBelongsToTheDescriptor) {
  const OpenRequest request = checked(legacy_open_how(O_RDONLY | O_CLOEXEC, 0));
  EXPECT_TRUE(request.close_on_exec);
  EXPECT_FALSE(request.has(O_CLOEXEC));
}

}  // namespace
}  // namespace litebox::syscalls
