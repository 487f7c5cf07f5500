#include "rootfs/pass_through.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>

namespace litebox::rootfs {

HostSource::HostSource(const std::string& directory, Filter filter)
    : directory_(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)), filter_(std::move(filter)) {}

Result<Fd> HostSource::open(const std::string& path, int flags) const {
  struct open_how how {};
  how.flags = static_cast<unsigned>(flags | O_CLOEXEC | O_NOFOLLOW);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
  const char* const name = path.empty() ? "." : path.c_str();
  const long fd = ::syscall(SYS_openat2, directory_.get(), name, &how, sizeof how);
  if (fd < 0) return last_error();
  return Fd(static_cast<int>(fd));
}

Result<struct statx> HostSource::status(const std::string& path) const {
  struct statx status {};
  // A name in the directory itself needs no walk that open() would have to guard: it leads out only if something is mounted
  // there.
  if (!path.empty() && path.front() != '.' && path.find('/') == std::string::npos) {
    constexpr int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
    if (::statx(directory_.get(), path.c_str(), flags, STATX_BASIC_STATS, &status) != 0) return last_error();
    if ((status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0) return Error(EXDEV);
    return status;
  }
  LITEBOX_ASSIGN(const Fd fd, open(path, O_PATH));
  if (::statx(fd.get(), "", AT_EMPTY_PATH, STATX_BASIC_STATS, &status) != 0) return last_error();
  return status;
}

bool HostSource::shows(const std::string& path) const { return filter_(path) && status(path).ok(); }

Result<std::string> HostSource::read_link(const std::string& path) const {
  LITEBOX_ASSIGN(const Fd fd, open(path, O_PATH));
  std::array<char, PATH_MAX> target;
  const ssize_t length = ::readlinkat(fd.get(), "", target.data(), target.size());
  if (length < 0) return last_error();
  return std::string(target.data(), static_cast<size_t>(length));
}

Result<std::vector<std::string>> HostSource::list(const std::string& path) const {
  LITEBOX_ASSIGN(Fd fd, open(path, O_RDONLY | O_DIRECTORY));
  DIR* const directory = ::fdopendir(fd.get());
  if (directory == nullptr) return last_error();
  (void)fd.release();
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(directory)) {
    const std::string name = entry->d_name;
    if (name != "." && name != ".." && filter_(path.empty() ? name : path + '/' + name)) names.push_back(name);
  }
  ::closedir(directory);
  return names;
}

Result<Fd> PassThroughFile::open(const Subject& subject, int flags) {
  if ((flags & O_DIRECTORY) != 0) return Error(ENOTDIR);
  LITEBOX_TRY(check_open(subject, flags));
  return source_->open(path_, flags & (O_PATH | O_NONBLOCK));
}

Result<struct statx> PassThroughFile::status(const Subject& subject) {
  LITEBOX_ASSIGN(const struct statx host, source_->status(path_));
  LITEBOX_ASSIGN(struct statx status, SyntheticNode::status(subject));
  status.stx_size = host.stx_size;
  status.stx_ino = host.stx_ino;
  status.stx_dev_major = host.stx_dev_major;
  status.stx_dev_minor = host.stx_dev_minor;
  return status;
}

Status PassThroughFile::check_access(const Subject& subject, int mask) {
  // Not even a capability helps to write, or to read what only the host's administrator may.
  if ((mask & W_OK) != 0) return Error(EACCES);
  if ((mask & R_OK) != 0 && (attributes().mode & S_IROTH) == 0) return Error(EACCES);
  return SyntheticNode::check_access(subject, mask);
}

NodePtr PassThroughDirectory::show(SyntheticAttributes attributes, const HostSourcePtr& source, const std::string& path) {
  if (S_ISDIR(attributes.mode)) return std::make_shared<PassThroughDirectory>(std::move(attributes), source, path);
  if (S_ISLNK(attributes.mode)) {
    auto target = [source, path](const Subject& /*subject*/) { return source->read_link(path); };
    return std::make_shared<SyntheticSymlink>(std::move(attributes), std::move(target));
  }
  return std::make_shared<PassThroughFile>(std::move(attributes), source, path);
}

void PassThroughDirectory::add_to(SyntheticDirectory& directory, const std::string& name, const HostSourcePtr& source,
                                  const std::string& path) {
  const auto host = source->status(path);
  if (!host) return;
  directory.add(name, host->stx_mode,
                [source, path](SyntheticAttributes attributes) { return show(std::move(attributes), source, path); });
}

Result<NodePtr> PassThroughDirectory::find_dynamic(const Subject& /*subject*/, const std::string& name) {
  const std::string path = path_below(name);
  if (!source_->shows(path)) return NodePtr();
  const auto host = source_->status(path);
  if (!host || !(S_ISDIR(host->stx_mode) || S_ISREG(host->stx_mode) || S_ISLNK(host->stx_mode))) return NodePtr();
  return show(child_attributes(name, host->stx_mode), source_, path);
}

Result<std::vector<DirectoryEntry>> PassThroughDirectory::list_dynamic(const Subject& /*subject*/) {
  LITEBOX_ASSIGN(const std::vector<std::string> names, source_->list(path_));
  std::vector<DirectoryEntry> entries;
  int64_t next = kFirstDynamicOffset;
  for (const std::string& name : names) {
    const auto host = source_->status(path_below(name));
    if (!host || has_fixed(name)) continue;
    entries.push_back({0, next++, static_cast<unsigned char>(IFTODT(host->stx_mode)), name});
  }
  return entries;
}

NodePtr descend(NodePtr from, std::string_view path) {
  Subject anybody;
  anybody.identity = std::make_shared<const Identity>(Identity{0, 0, {}, ~uint64_t{0}});
  while (from && !path.empty()) {
    const size_t end = std::min(path.find('/'), path.size());
    auto next = from->lookup(anybody, std::string(path.substr(0, end)));
    if (!next) return nullptr;
    from = *std::move(next);
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return from;
}

NodePtr PassThroughRoot::find_handed_out(int fd, const std::string& host_path) {
  if (host_path.size() <= host_root_.size() + 1 || host_path.compare(0, host_root_.size() + 1, host_root_ + '/') != 0) {
    return nullptr;
  }
  struct statfs file_system;
  if (::fstatfs(fd, &file_system) != 0 || file_system.f_type != magic_) return nullptr;
  return descend(shared_from_this(), path_inside(std::string_view(host_path).substr(host_root_.size() + 1)));
}

}  // namespace litebox::rootfs
