#include "rootfs/host_file.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdio>
#include <cstring>

#include "rootfs/posix_acl.h"
#include "rootfs/synthetic.h"

namespace litebox::rootfs::host {
namespace {

constexpr int kPathOnly = O_PATH | O_NOFOLLOW | O_CLOEXEC;

Result<Fd> own(int fd) {
  if (fd < 0) return last_error();
  return Fd(fd);
}

Result<std::string> read_link_at(int directory, const char* name) {
  std::string text(256, '\0');
  while (true) {
    const ssize_t size = ::readlinkat(directory, name, text.data(), text.size());
    if (size < 0) return last_error();
    if (static_cast<size_t>(size) < text.size()) {
      text.resize(static_cast<size_t>(size));
      return text;
    }
    text.resize(text.size() * 4);
  }
}

// The kernel's linux_dirent64 (getdents(2)): d_ino, d_off, d_reclen, d_type, d_name.
struct RawEntry {
  uint64_t inode;
  int64_t next;
  uint16_t length;
  unsigned char type;
} __attribute__((packed));
constexpr size_t kRawEntryHeader = sizeof(RawEntry);

}  // namespace

FdPath::FdPath(int fd) { (void)std::snprintf(text_, sizeof text_, "/proc/self/fd/%d", fd); }

Result<Identification> identify(int fd) {
  struct statx status {};
  constexpr unsigned kMask = STATX_TYPE | STATX_MODE | STATX_INO | STATX_SIZE | STATX_MNT_ID;
  if (::statx(fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC, kMask, &status) != 0) return last_error();
  Identification found;
  found.key = {gnu_dev_makedev(status.stx_dev_major, status.stx_dev_minor), status.stx_ino};
  found.mode = status.stx_mode;
  found.mount_id = status.stx_mnt_id;
  found.size = status.stx_size;
  return found;
}

Result<struct statx> status(int fd) {
  struct statx status {};
  constexpr unsigned kMask = STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID;
  if (::statx(fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, kMask, &status) != 0) return last_error();
  return status;
}

Result<Fd> lookup(int directory, const char* name) { return own(::openat(directory, name, kPathOnly)); }

Result<Fd> lookup_path(int directory, const std::string& path) {
  struct open_how how {};
  how.flags = kPathOnly;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return own(static_cast<int>(::syscall(SYS_openat2, directory, path.c_str(), &how, sizeof how)));
}

Result<Fd> parent(int directory) { return own(::openat(directory, "..", kPathOnly | O_DIRECTORY)); }

Result<Fd> reopen(int fd, int flags, mode_t mode) {
  return own(::open(FdPath(fd).c_str(), (flags & ~(O_NOFOLLOW | O_CREAT | O_EXCL)) | O_CLOEXEC | O_NOCTTY, mode));
}

Result<std::string> read_link(int fd) { return read_link_at(fd, ""); }

Result<std::string> path(int fd) { return read_link_at(AT_FDCWD, FdPath(fd).c_str()); }

Result<std::vector<DirectoryEntry>> read_directory(int fd, int64_t offset, size_t budget) {
  LITEBOX_ASSIGN(const Fd directory, reopen(fd, O_RDONLY | O_DIRECTORY));
  if (offset != 0 && ::lseek(directory.get(), offset, SEEK_SET) < 0) return last_error();
  // The kernel takes no smaller buffer than one entry needs.
  constexpr size_t kLargestEntry = 280;
  std::vector<char> buffer(std::clamp<size_t>(budget, kLargestEntry, 1U << 16U));
  const long size = ::syscall(SYS_getdents64, directory.get(), buffer.data(), buffer.size());
  if (size < 0) return last_error();
  std::vector<DirectoryEntry> entries;
  for (long at = 0; at < size;) {
    RawEntry raw{};
    std::memcpy(&raw, buffer.data() + at, kRawEntryHeader);
    entries.push_back({raw.inode, raw.next, raw.type, buffer.data() + at + kRawEntryHeader});
    at += raw.length;
  }
  return entries;
}

Result<std::string> get_xattr(int fd, const char* name) {
  const FdPath file(fd);
  std::string value(256, '\0');
  while (true) {
    const ssize_t size = ::getxattr(file.c_str(), name, value.data(), value.size());
    if (size >= 0) {
      value.resize(static_cast<size_t>(size));
      return value;
    }
    if (errno != ERANGE || value.size() >= XATTR_SIZE_MAX) return last_error();
    value.resize(XATTR_SIZE_MAX);
  }
}

Status set_xattr(int fd, const char* name, const std::string& value, XattrFlags flags) {
  const int how = (flags.create_only ? XATTR_CREATE : 0) | (flags.replace_only ? XATTR_REPLACE : 0);
  return check(::setxattr(FdPath(fd).c_str(), name, value.data(), value.size(), how));
}

Status remove_xattr(int fd, const char* name) { return check(::removexattr(FdPath(fd).c_str(), name)); }

Result<std::vector<std::string>> list_xattrs(int fd) {
  const FdPath file(fd);
  std::vector<char> buffer(1024);
  ssize_t size = ::listxattr(file.c_str(), buffer.data(), buffer.size());
  if (size < 0 && errno == ERANGE) {
    buffer.resize(XATTR_LIST_MAX);
    size = ::listxattr(file.c_str(), buffer.data(), buffer.size());
  }
  if (size < 0) return last_error();
  std::vector<std::string> names;
  for (ssize_t at = 0; at < size; at += static_cast<ssize_t>(names.back().size()) + 1) names.emplace_back(buffer.data() + at);
  return names;
}

Status change_times(int fd, const struct timespec times[2]) {
  return check(static_cast<int>(::syscall(SYS_utimensat, fd, "", times, AT_EMPTY_PATH)));
}

Status link(int fd, int directory, const char* name) {
  if (::linkat(AT_FDCWD, FdPath(fd).c_str(), directory, name, AT_SYMLINK_FOLLOW) == 0) return {};
  const int number = errno;
  // What has lost its last name may be held through another mount of the same (NativeTree).
  struct stat status {};
  if (number == EXDEV && ::fstat(fd, &status) == 0 && status.st_nlink == 0) return Error(ENOENT);
  return Error(number);
}

mode_t apply_umask(int directory, mode_t mode, mode_t umask) {
  if ((mode & umask) == 0) return mode;
  if (::getxattr(FdPath(directory).c_str(), kDefaultAcl, nullptr, 0) > 0) return mode;
  return mode & ~umask;
}

}  // namespace litebox::rootfs::host
