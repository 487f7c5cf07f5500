// Calls as text.
#include "shim/table/decode.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "shim/guest/abi.h"

namespace litebox::table {
namespace {

uint64_t at(const void* address) { return reinterpret_cast<uint64_t>(address); }

// This process's own memory, from which addresses below one page are unreadable.
MemoryReader own_memory() {
  return {[](uint64_t address, size_t size) -> std::optional<std::string> {
            if (address < 4096) return std::nullopt;
            return std::string(reinterpret_cast<const char*>(address), size);  // NOLINT(performance-no-int-to-ptr)
          },
          [](uint64_t address, size_t limit) -> std::optional<std::string> {
            if (address < 4096) return std::nullopt;
            const char* text = reinterpret_cast<const char*>(address);  // NOLINT(performance-no-int-to-ptr)
            return std::string(text, strnlen(text, limit));
          }};
}

std::string decoded(int64_t number, const std::array<uint64_t, 6>& arguments) {
  return decode_call(number, arguments, own_memory());
}

TEST(Decode, Paths) {
  EXPECT_EQ(decoded(SYS_openat, {static_cast<uint64_t>(AT_FDCWD), at("/etc/passwd"), O_RDONLY | O_CLOEXEC, 0}),
            "openat(AT_FDCWD, \"/etc/passwd\", O_RDONLY|O_CLOEXEC, 00)");
  EXPECT_EQ(decoded(SYS_openat, {3, at("a\"\n\x01"), O_WRONLY | O_CREAT | O_TRUNC, 0644}),
            "openat(3, \"a\\\"\\n\\x01\", O_WRONLY|O_CREAT|O_TRUNC, 0644)");
  EXPECT_EQ(decoded(SYS_chdir, {12}), "chdir(0xc)");
  EXPECT_EQ(decoded(SYS_chdir, {0}), "chdir(NULL)");
  EXPECT_EQ(decoded(SYS_newfstatat, {3, at(""), 0x1000, AT_EMPTY_PATH}), "newfstatat(3, \"\", 0x1000, AT_EMPTY_PATH)");
}

TEST(Decode, HighHalvesOfIntegersAreNotShown) {
  EXPECT_EQ(decoded(SYS_close, {0xdead00000003}), "close(3)");
  EXPECT_EQ(decoded(SYS_kill, {0xffffffff, SIGTERM}), "kill(-1, SIGTERM)");
  EXPECT_EQ(decoded(SYS_chown, {at("x"), 0xffffffff, 5}), "chown(\"x\", -1, 5)");
}

TEST(Decode, Buffers) {
  EXPECT_EQ(decoded(SYS_write, {1, at("hello\n"), 6}), "write(1, \"hello\\n\", 6)");
  const std::string large(100, 'x');
  EXPECT_EQ(decoded(SYS_write, {1, at(large.data()), 100}), "write(1, \"" + std::string(32, 'x') + "\"..., 100)");
  EXPECT_EQ(decoded(SYS_read, {0, 0x5000, 100}), "read(0, 0x5000, 100)");
}

TEST(Decode, Arrays) {
  const char* argv[] = {"sh", "-c", "echo", nullptr};
  EXPECT_EQ(decoded(SYS_execve, {at("/bin/sh"), at(argv), 0}), "execve(\"/bin/sh\", [\"sh\", \"-c\", \"echo\"], NULL)");
  const std::array<const char*, 20> many = {"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", nullptr};
  EXPECT_EQ(decoded(SYS_execve, {at(""), at(many.data()), 9}),
            "execve(\"\", [\"1\", \"2\", \"3\", \"4\", \"5\", \"6\", \"7\", \"8\", ...], 0x9)");
}

TEST(Decode, Flags) {
  EXPECT_EQ(decoded(SYS_clone, {CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0, 0, 0}),
            "clone(CLONE_VM|CLONE_VFORK|SIGCHLD, NULL, NULL, NULL, 0)");
  EXPECT_EQ(decoded(SYS_mmap, {0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, 0xffffffff, 0}),
            "mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)");
  EXPECT_EQ(decoded(SYS_ioctl, {0, TIOCGWINSZ, 0}), "ioctl(0, TIOCGWINSZ, 0)");
  EXPECT_EQ(decoded(SYS_ioctl, {0, 0x1234, 0}), "ioctl(0, 0x1234, 0)");
  EXPECT_EQ(decoded(SYS_fcntl, {0, F_SETOWN, 7}), "fcntl(0, F_SETOWN, 7)");
  EXPECT_EQ(decoded(SYS_prctl, {PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0}), "prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)");
  EXPECT_EQ(decoded(SYS_socket, {AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0}), "socket(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0)");
}

TEST(Decode, SocketAddresses) {
  sockaddr_un path{AF_UNIX, "/run/x"};
  EXPECT_EQ(decoded(SYS_connect, {3, at(&path), sizeof path}), "connect(3, {AF_UNIX, \"/run/x\"}, 110)");
  sockaddr_un abstract{AF_UNIX, {0, 'a', 'b'}};
  EXPECT_EQ(decoded(SYS_bind, {3, at(&abstract), 5}), "bind(3, {AF_UNIX, @\"ab\"}, 5)");
  EXPECT_EQ(decoded(SYS_bind, {3, at(&abstract), 2}), "bind(3, {AF_UNIX}, 2)");
  EXPECT_EQ(decoded(SYS_bind, {3, at(&abstract), 1}).substr(0, 10), "bind(3, 0x");
  sockaddr_in inet{};
  inet.sin_family = AF_INET;
  inet.sin_port = htons(80);
  inet.sin_addr.s_addr = htonl(0x7f000001);
  EXPECT_EQ(decoded(SYS_connect, {3, at(&inet), sizeof inet}), "connect(3, {AF_INET, 127.0.0.1:80}, 16)");
  EXPECT_EQ(decoded(SYS_connect, {3, at(&inet), 8}), "connect(3, {AF_INET}, 8)");
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(443);
  six.sin6_addr = in6addr_loopback;
  EXPECT_EQ(decoded(SYS_connect, {3, at(&six), sizeof six}), "connect(3, {AF_INET6, [::1]:443}, 28)");
}

TEST(Decode, UnknownNumbersAndHypercalls) {
  EXPECT_EQ(decoded(999, {1, 2}), "syscall_999(0x1, 0x2, 0x0, 0x0, 0x0, 0x0)");
  EXPECT_EQ(decoded(abi::kHypercallDone, {static_cast<uint64_t>(-5), 7}), "done(-5, 7)");
}

TEST(Decode, Results) {
  EXPECT_EQ(decode_result(3), "3");
  EXPECT_EQ(decode_result(0x7f0000000000), "139637976727552");
  EXPECT_EQ(decode_result(-ENOENT), "-1 ENOENT (No such file or directory)");
  EXPECT_EQ(decode_result(-4000), "-1 4000");
  EXPECT_EQ(decode_result(-5000), "-5000");
}

}  // namespace
}  // namespace litebox::table
