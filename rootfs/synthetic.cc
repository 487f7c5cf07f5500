#include "rootfs/synthetic.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>

namespace litebox::rootfs {
namespace {

// The kernel numbers its anonymous devices 0:1 upwards; litebox counts down from the largest minor number.
uint64_t next_device() {
  static std::atomic<unsigned> next{0xfffff};
  return gnu_dev_makedev(0, next.fetch_sub(1));
}

// FNV-1a over the parent's number and the name, with the top bit clear (readers take inode numbers for signed at times).
uint64_t mix(uint64_t parent, const std::string& name) {
  uint64_t hash = 0xcbf29ce484222325ULL;
  const auto add = [&hash](unsigned char byte) { hash = (hash ^ byte) * 0x100000001b3ULL; };
  for (unsigned shift = 0; shift < 64; shift += 8) add(static_cast<unsigned char>(parent >> shift));
  for (const char c : name) add(static_cast<unsigned char>(c));
  return (hash & ~(1ULL << 63U)) | (1ULL << 32U);  // never one that a file system chooses itself
}

Status write_all(int fd, const std::string& text) {
  for (size_t done = 0; done < text.size();) {
    const ssize_t written = ::write(fd, text.data() + done, text.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return last_error();
    done += static_cast<size_t>(written);
  }
  return {};
}

}  // namespace

SyntheticFileSystem::SyntheticFileSystem(std::string name, long magic, std::shared_ptr<DescriptorRegistry> registry)
    : name_(std::move(name)), magic_(magic), device_(next_device()), registry_(std::move(registry)) {}

SyntheticNode::SyntheticNode(SyntheticAttributes attributes) : attributes_(std::move(attributes)) {
  ::clock_gettime(CLOCK_REALTIME_COARSE, &made_);
}

FileOwnership SyntheticNode::ownership(const Subject& /*subject*/) const {
  return {attributes_.uid, attributes_.gid, attributes_.mode};
}

uint64_t SyntheticNode::size(const Subject& /*subject*/) const { return 0; }

uint32_t SyntheticNode::link_count(const Subject& /*subject*/) const { return 1; }

Result<struct statx> SyntheticNode::status(const Subject& subject) {
  const FileOwnership owner = ownership(subject);
  struct statx status {};
  status.stx_mask = STATX_BASIC_STATS;
  status.stx_blksize = 1024;
  status.stx_nlink = link_count(subject);
  status.stx_uid = owner.uid;
  status.stx_gid = owner.gid;
  status.stx_mode = static_cast<uint16_t>(owner.mode);
  status.stx_ino = attributes_.inode;
  status.stx_size = size(subject);
  status.stx_dev_major = gnu_dev_major(attributes_.file_system->device());
  status.stx_dev_minor = gnu_dev_minor(attributes_.file_system->device());
  status.stx_rdev_major = gnu_dev_major(represented_device());
  status.stx_rdev_minor = gnu_dev_minor(represented_device());
  status.stx_mtime.tv_sec = made_.tv_sec;
  status.stx_mtime.tv_nsec = static_cast<uint32_t>(made_.tv_nsec);
  status.stx_atime = status.stx_mtime;
  status.stx_ctime = status.stx_mtime;
  return status;
}

Result<struct statfs> SyntheticNode::file_system_status() {
  // fs/libfs.c, simple_statfs.
  struct statfs status {};
  status.f_type = attributes_.file_system->magic();
  status.f_bsize = ::sysconf(_SC_PAGESIZE);
  status.f_frsize = status.f_bsize;
  status.f_namelen = 255;
  return status;
}

Status SyntheticNode::check_access(const Subject& subject, int mask) {
  return may_access(*subject.identity, ownership(subject), mask);
}

Result<NodePtr> SyntheticNode::parent(const Subject& /*subject*/) {
  if (!attributes_.parent) return Error(ENOENT);
  return attributes_.parent;
}

Result<std::string> SyntheticNode::path_in_file_system() {
  if (!attributes_.parent) return std::string("/");
  LITEBOX_ASSIGN(std::string path, attributes_.parent->path_in_file_system());
  if (path.back() != '/') path += '/';
  return path + attributes_.name;
}

Status SyntheticNode::check_open(const Subject& subject, int flags) {
  if ((flags & O_PATH) != 0) return {};
  const int access = flags & O_ACCMODE;
  const bool writes = access != O_RDONLY || (flags & O_TRUNC) != 0;
  if (is_directory() && writes) return Error(EISDIR);
  const int mask = (access == O_WRONLY ? 0 : R_OK) | (writes ? W_OK : 0);
  return check_access(subject, mask);
}

SyntheticFile::SyntheticFile(SyntheticAttributes attributes, Content content)
    : SyntheticNode(std::move(attributes)), content_(std::move(content)) {}

Result<Fd> SyntheticFile::open(const Subject& subject, int flags) {
  if ((flags & O_DIRECTORY) != 0) return Error(ENOTDIR);
  LITEBOX_TRY(check_open(subject, flags));
  Fd file(::memfd_create(attributes().file_system->name().c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file) return last_error();
  if ((flags & O_PATH) == 0) {
    LITEBOX_ASSIGN(const std::string text, content_(subject));
    LITEBOX_TRY(write_all(file.get(), text));
  }
  if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0) return last_error();
  // A description of its own: at offset 0 and with the access mode and status flags that were asked for.
  const std::string path = "/proc/self/fd/" + std::to_string(file.get());
  const int kept = flags & (O_ACCMODE | O_PATH | O_APPEND | O_NONBLOCK | O_SYNC | O_NOATIME);
  Fd opened(::open(path.c_str(), kept | O_CLOEXEC));
  if (!opened) return last_error();
  (void)::fchmod(file.get(), attributes().mode & 07777U);  // only now: the monitor need not be who may open it
  attributes().file_system->registry().remember(opened.get(), shared_from_this());
  return opened;
}

Status SyntheticFile::truncate(const Subject& subject, int64_t /*length*/) { return check_access(subject, W_OK); }

SyntheticSymlink::SyntheticSymlink(SyntheticAttributes attributes, Target target)
    : SyntheticNode(std::move(attributes)), target_(std::move(target)) {}

Result<std::string> SyntheticSymlink::read_link(const Subject& subject) { return target_(subject); }

Result<Fd> SyntheticSymlink::open(const Subject& /*subject*/, int flags) {
  if ((flags & O_PATH) == 0) return Error(ELOOP);
  if ((flags & O_DIRECTORY) != 0) return Error(ENOTDIR);
  return attributes().file_system->registry().open_placeholder(shared_from_this(), flags);
}

SyntheticDirectory::SyntheticDirectory(SyntheticAttributes attributes) : SyntheticNode(std::move(attributes)) {}

void SyntheticDirectory::add(const std::string& name, mode_t mode_with_type, Maker make) {
  by_name_[name] = children_.size();
  children_.push_back({name, mode_with_type, std::move(make)});
}

void SyntheticDirectory::add_file(const std::string& name, mode_t permissions, SyntheticFile::Content content) {
  add(name, S_IFREG | permissions, [content = std::move(content)](SyntheticAttributes attributes) -> NodePtr {
    return std::make_shared<SyntheticFile>(std::move(attributes), content);
  });
}

void SyntheticDirectory::add_symlink(const std::string& name, SyntheticSymlink::Target target) {
  add(name, S_IFLNK | 0777, [target = std::move(target)](SyntheticAttributes attributes) -> NodePtr {
    return std::make_shared<SyntheticSymlink>(std::move(attributes), target);
  });
}

void SyntheticDirectory::add_directory(const std::string& name, mode_t permissions,
                                       std::function<void(SyntheticDirectory&)> fill) {
  add(name, S_IFDIR | permissions, [fill = std::move(fill)](SyntheticAttributes attributes) -> NodePtr {
    auto directory = std::make_shared<SyntheticDirectory>(std::move(attributes));
    fill(*directory);
    return directory;
  });
}

uint64_t SyntheticDirectory::child_inode(const std::string& name) const { return mix(attributes().inode, name); }

SyntheticAttributes SyntheticDirectory::child_attributes(const std::string& name, mode_t mode_with_type) {
  return {attributes().file_system,
          shared_from_this(),
          child_inode(name),
          mode_with_type,
          attributes().uid,
          attributes().gid,
          name};
}

Result<NodePtr> SyntheticDirectory::find_dynamic(const Subject& /*subject*/, const std::string& /*name*/) { return NodePtr(); }

Result<std::vector<DirectoryEntry>> SyntheticDirectory::list_dynamic(const Subject& /*subject*/) {
  return std::vector<DirectoryEntry>();
}

uint32_t SyntheticDirectory::link_count(const Subject& /*subject*/) const {
  uint32_t count = 2;
  for (const Child& child : children_) count += S_ISDIR(child.mode) ? 1 : 0;
  return count;
}

Result<NodePtr> SyntheticDirectory::lookup(const Subject& subject, const std::string& name) {
  LITEBOX_TRY(check_access(subject, X_OK));
  const auto fixed = by_name_.find(name);
  if (fixed != by_name_.end()) {
    const Child& child = children_[fixed->second];
    return child.make(child_attributes(name, child.mode));
  }
  LITEBOX_ASSIGN(NodePtr found, find_dynamic(subject, name));
  if (!found) return Error(ENOENT);
  return found;
}

Result<std::vector<DirectoryEntry>> SyntheticDirectory::read_directory(const Subject& subject, int64_t offset, size_t budget) {
  std::vector<DirectoryEntry> entries;
  size_t used = 0;
  // False when the buffer is full.
  const auto put = [&](DirectoryEntry entry) {
    if (entry.next <= offset) return true;
    const size_t size = directory_entry_size(entry.name);
    if (used + size > budget && !entries.empty()) return false;
    used += size;
    entries.push_back(std::move(entry));
    return used < budget;
  };
  const uint64_t above = attributes().parent ? attributes().parent->key().inode : attributes().inode;
  if (!put({attributes().inode, 1, DT_DIR, "."}) || !put({above, 2, DT_DIR, ".."})) return entries;
  int64_t next = 2;
  for (const Child& child : children_) {
    if (!put({child_inode(child.name), ++next, static_cast<unsigned char>(IFTODT(child.mode)), child.name})) return entries;
  }
  LITEBOX_ASSIGN(std::vector<DirectoryEntry> dynamic, list_dynamic(subject));
  for (DirectoryEntry& entry : dynamic) {
    if (entry.inode == 0) entry.inode = child_inode(entry.name);
    if (!put(std::move(entry))) return entries;
  }
  return entries;
}

Result<Fd> SyntheticDirectory::open(const Subject& subject, int flags) {
  LITEBOX_TRY(check_open(subject, flags));
  return attributes().file_system->registry().open_placeholder(shared_from_this(), flags);
}

size_t directory_entry_size(const std::string& name) {
  constexpr size_t kHeader = 19;  // d_ino, d_off, d_reclen, d_type
  return (kHeader + name.size() + 1 + 7) & ~static_cast<size_t>(7);
}

}  // namespace litebox::rootfs
