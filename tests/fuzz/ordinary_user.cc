#include "tests/fuzz/ordinary_user.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "base/fd.h"
#include "tests/fuzz/input.h"

namespace litebox::fuzz {
namespace {

constexpr uid_t kNobody = 65534;
constexpr const char* kMemory = "/dev/shm";

bool write_map(const char* path, const std::string& text) {
  const Fd file(open(path, O_WRONLY | O_CLOEXEC));
  return file.valid() && write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

// A change of credentials takes it away; without it a process may not read its own child's memory, nor write its own maps.
void make_accessible() { require(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0); }

// Not so in a user namespace, whose root may have no other id to take on.
bool is_root_of_host() {
  std::ifstream map("/proc/self/uid_map");
  uint64_t inside = 0;
  uint64_t outside = 0;
  map >> inside >> outside;
  return inside == outside;
}

}  // namespace

void give_up_capabilities() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  const std::array<__user_cap_data_struct, 2> none = {};
  require(syscall(SYS_capset, &header, none.data()) == 0);
  make_accessible();
}

void give_up_root() {
  if (geteuid() == 0 || getuid() == 0) {
    const bool left =
        setgroups(0, nullptr) == 0 && setresgid(kNobody, kNobody, kNobody) == 0 && setresuid(kNobody, kNobody, kNobody) == 0;
    require(left || !is_root_of_host());
    if (left) require(setresuid(0, 0, 0) != 0);
  }
  give_up_capabilities();
  require(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
}

bool enter_own_namespaces(bool as_root) {
  const std::string user = std::to_string(geteuid());
  const std::string group = std::to_string(getegid());
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) != 0) return false;
  make_accessible();
  return write_map("/proc/self/setgroups", "deny") &&
         write_map("/proc/self/uid_map", (as_root ? "0" : user) + " " + user + " 1") &&
         write_map("/proc/self/gid_map", (as_root ? "0" : group) + " " + group + " 1") &&
         mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 && mount("fuzz", kMemory, "tmpfs", 0, nullptr) == 0;
}

void remove_tree(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::symlink_status(path, ignored).type() == std::filesystem::file_type::directory) {
    (void)chmod(path.c_str(), S_IRWXU);
    for (const auto& entry : std::filesystem::directory_iterator(path, ignored)) remove_tree(entry.path());
  }
  (void)std::filesystem::remove(path, ignored);
}

std::string make_work_directory() {
  static std::string directory;
  require(directory.empty());
  directory = std::string(kMemory) + "/litebox-fuzz-XXXXXX";
  require(mkdtemp(directory.data()) != nullptr);
  static const pid_t owner = getpid();
  (void)std::atexit([] {
    if (getpid() == owner) remove_tree(directory);
  });
  return directory;
}

}  // namespace litebox::fuzz
