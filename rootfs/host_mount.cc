#include "rootfs/host_mount.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "rootfs/host_file.h"
#include "rootfs/proc/host_process.h"
#include "rootfs/proc/text.h"
#include "rootfs/tree_path.h"

namespace litebox::rootfs {
namespace {

// The kernel's calls; glibc has wrappers for them only since 2.36.
int sys_open_tree(int directory, const char* path, unsigned flags) {
  return static_cast<int>(::syscall(SYS_open_tree, directory, path, flags));
}
int sys_fsconfig(int context, unsigned command, const char* key, const void* value) {
  return static_cast<int>(::syscall(SYS_fsconfig, context, command, key, value, 0));
}
int sys_mount_setattr(int mount, unsigned flags, const MountAttributes& attributes) {
  struct mount_attr wanted {};
  wanted.attr_set = attributes.set;
  wanted.attr_clr = attributes.clear;
  return static_cast<int>(::syscall(SYS_mount_setattr, mount, "", AT_EMPTY_PATH | flags, &wanted, sizeof wanted));
}

// mountinfo writes spaces, tabs, newlines and backslashes as octal (proc(5)).
std::string unescape(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned code = 0;
    if (text[i] == '\\' && i + 3 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 4, code, 8).ptr == text.data() + i + 4) {
      plain += static_cast<char>(code);
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

// What tmpfs takes for a number of bytes, blocks or inodes (kernel's memparse()): decimal digits, a unit, "%" for size.
bool is_amount(const std::string& text) {
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::string unit = text.substr(digits);
  return digits > 0 && (unit.empty() || (unit.size() == 1 && std::string("kKmMgGtT%").find(unit) != std::string::npos));
}

bool is_number(const std::string& text, const char* digits) {
  return !text.empty() && text.find_first_not_of(digits) == std::string::npos;
}

Status check_tmpfs_option(const std::string& name, const std::string& value) {
  const bool amount = name == "size" || name == "nr_blocks" || name == "nr_inodes";
  const bool id = name == "uid" || name == "gid";
  if (amount && is_amount(value)) return {};
  if (id && is_number(value, "0123456789")) return {};
  if (name == "mode" && is_number(value, "01234567")) return {};
  if ((name == "inode32" || name == "inode64") && value.empty()) return {};
  return Error(EINVAL, name + (value.empty() ? "" : "=" + value));
}

Result<HostMount> detached_tmpfs(const MountOptions& options) {
  const Fd context(static_cast<int>(::syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC)));
  if (!context) return last_error("fsopen");
  for (const auto& [name, value] : options.data) {
    const int done = value.empty() ? sys_fsconfig(context.get(), FSCONFIG_SET_FLAG, name.c_str(), nullptr)
                                   : sys_fsconfig(context.get(), FSCONFIG_SET_STRING, name.c_str(), value.c_str());
    if (done != 0) return last_error(name + "=" + value);
  }
  if (sys_fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr) != 0) return last_error("fsconfig");
  HostMount mount;
  mount.root.reset(static_cast<int>(::syscall(SYS_fsmount, context.get(), FSMOUNT_CLOEXEC, 0)));
  if (!mount.root) return last_error("fsmount");
  mount.detached = true;
  return mount;
}

// One line of mountinfo: ID PARENT MAJOR:MINOR ROOT MOUNTPOINT OPTIONS [TAG...] - TYPE SOURCE SUPER-OPTIONS
struct MountLine {
  explicit MountLine(std::string_view line) : rest(line) {
    id = proc::take_word(rest);
    (void)proc::take_word(rest);
    (void)proc::take_word(rest);
    root = proc::take_word(rest);
    mountpoint = proc::take_word(rest);
  }

  std::string_view id, root, mountpoint, rest;
};

Result<std::string> read_mountinfo() {
  const Fd file(::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC));
  if (!file) return last_error();
  return proc::read_all(file.get());
}

// Whether something is mounted below `directory`; yes where that cannot be told.
bool has_mounts_below(const std::string& directory) {
  const Fd opened(::open(directory.c_str(), O_PATH | O_CLOEXEC));
  const auto path = host::path(opened.get());
  struct stat status {};
  if (!path.ok() || ::fstat(opened.get(), &status) != 0) return true;
  if (!S_ISDIR(status.st_mode)) return false;
  const auto mounts = read_mountinfo();
  if (!mounts.ok()) return true;
  bool found = false;
  proc::for_each_line(*mounts, [&](std::string_view line) {
    const auto rest = below(*path, unescape(MountLine(line).mountpoint));
    if (rest && !rest->empty() && *rest != "/") found = true;
  });
  return found;
}

}  // namespace

HostMountInfo host_mount_info(int fd) {
  HostMountInfo info;
  const auto file = host::identify(fd);
  const auto path = host::path(fd);
  const auto mounts = read_mountinfo();
  if (!file.ok() || !path.ok() || !mounts.ok()) return info;
  proc::for_each_line(*mounts, [&](std::string_view text) {
    MountLine line(text);
    if (proc::parse_number<uint64_t>(line.id) != file->mount_id) return;
    for (std::string_view word = proc::take_word(line.rest); !word.empty() && word != "-"; word = proc::take_word(line.rest)) {
    }
    info.type = proc::take_word(line.rest);
    info.source = unescape(proc::take_word(line.rest));
    info.options = proc::take_word(line.rest);
    const auto rest = below(unescape(line.mountpoint), *path);
    const std::string root = unescape(line.root);
    info.root = rest ? (root == "/" ? "" : root) + *rest : root;
    if (info.root.empty()) info.root = "/";
  });
  return info;
}

Result<HostMount> bind_source(const std::string& source, bool with_submounts, bool may_mount) {
  HostMount mount;
  if (may_mount) {
    const unsigned recursive = with_submounts ? AT_RECURSIVE : 0;
    mount.root.reset(sys_open_tree(AT_FDCWD, source.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | recursive));
    if (mount.root) {
      mount.detached = true;
      mount.submounts = with_submounts && has_mounts_below(source);
      return mount;
    }
    // A mount that may not be cloned (unbindable, not in this namespace) or a kernel without the call: the source itself.
    if (errno != EINVAL && errno != EPERM && errno != ENOSYS) return last_error();
  }
  mount.root.reset(::open(source.c_str(), O_PATH | O_CLOEXEC));
  if (!mount.root) return last_error();
  return mount;
}

Result<HostMount> make_tmpfs(const MountOptions& options, const std::string& scratch, bool may_mount) {
  for (const auto& [name, value] : options.data) LITEBOX_TRY(check_tmpfs_option(name, value));
  if (may_mount) return detached_tmpfs(options);
  std::string path = scratch + "/tmpfs-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) return last_error(path);
  HostMount mount;
  mount.root.reset(::open(path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!mount.root) return last_error(path);
  return mount;
}

void set_attributes(int root, const MountOptions& options, bool read_only) {
  const auto apply = [&](MountAttributes attributes, unsigned flags) {
    if (!read_only) {
      attributes.set &= ~static_cast<uint64_t>(MOUNT_ATTR_RDONLY);
      attributes.clear &= ~static_cast<uint64_t>(MOUNT_ATTR_RDONLY);
    }
    if (attributes.set != 0 || attributes.clear != 0) (void)sys_mount_setattr(root, flags, attributes);
  };
  apply(options.top, 0);
  apply(options.recursive, AT_RECURSIVE);
}

}  // namespace litebox::rootfs
