// Where litebox differs from the oracle and we know why: printed with each run, counted apart. A difference that is gone fails
// the test too, so that its line here goes with it.
#pragma once

#include <array>
#include <string_view>

namespace litebox::test {

struct KnownDifference {
  std::string_view program;
  std::string_view native;
  std::string_view litebox;
  std::string_view reason;
};

constexpr std::array kKnownDifferences = {
    KnownDifference{
        "open", R"(read(dir, &byte, 1) = -1 EBADF)", R"(read(dir, &byte, 1) = -1 EISDIR)",
        "the kernel hands no O_PATH descriptor to a guest (SECCOMP_IOCTL_NOTIF_ADDFD answers EBADF): a guest holds a "
        "read-only descriptor of the directory in its place"},
    KnownDifference{"open", "fcntl(dir, F_GETFL) & O_PATH = 2097152", "fcntl(dir, F_GETFL) & O_PATH = 0",
                    "F_GETFL is native, and of the descriptor in its place"},
    KnownDifference{"tty_control", "  is called /dev/tty", "  is called by its slave's path",
                    "the monitor, which is in no session of the container's, opens the terminal itself in /dev/tty's place"},
    KnownDifference{"xattr", R"(setxattr("writable", "security.capability", "x", 1, 0) = -1 EINVAL)",
                    R"(setxattr("writable", "security.capability", "x", 1, 0) = -1 EPERM)",
                    "permission is checked before the value's form"},
};

}  // namespace litebox::test
