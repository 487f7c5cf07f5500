#include "rootfs/devpts.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/major.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include "rootfs/pass_through.h"

namespace litebox::rootfs {
namespace {

constexpr unsigned kPtmxMinor = 2;
constexpr uint64_t kPtmxInode = 2;
constexpr const char* kHostPtmx = "/dev/ptmx";

// A new description of the file that `fd` stands for.
Result<Fd> reopen(int fd, int flags) {
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  Fd opened(::open(path.c_str(), flags | O_CLOEXEC | O_NOCTTY));
  if (!opened) return last_error();
  return opened;
}

Result<struct stat> status_of(int fd) {
  struct stat status;
  if (::fstat(fd, &status) != 0) return last_error();
  return status;
}

bool is_slave(const struct stat& status) { return S_ISCHR(status.st_mode) && major(status.st_rdev) == UNIX98_PTY_SLAVE_MAJOR; }

// An O_PATH descriptor of a master's slave: it names the slave and keeps nothing open (TIOCGPTPEER, tty_ioctl(2const)).
Result<Fd> slave_of(int master) {
  Fd slave(::ioctl(master, TIOCGPTPEER, O_PATH | O_CLOEXEC | O_NOCTTY));
  if (!slave) return last_error();
  return slave;
}

std::optional<unsigned> terminal_number(const std::string& name) {
  unsigned number = 0;
  for (const char digit : name) {
    if (digit < '0' || digit > '9' || number > (1U << 20U)) return std::nullopt;
    number = number * 10 + static_cast<unsigned>(digit - '0');
  }
  return std::to_string(number) == name ? std::optional(number) : std::nullopt;
}

}  // namespace

// /dev/pts/<n>.
class Terminal final : public SyntheticNode {
 public:
  Terminal(SyntheticAttributes attributes, std::shared_ptr<Devpts> devpts, unsigned number, Fd slave)
      : SyntheticNode(std::move(attributes)), devpts_(std::move(devpts)), number_(number), slave_(std::move(slave)) {}

  // The host's numbers: ttyname(3) compares them with those of the open descriptor.
  Result<struct statx> status(const Subject& subject) override {
    LITEBOX_ASSIGN(const struct stat host, status_of(slave_.get()));
    LITEBOX_ASSIGN(struct statx status, SyntheticNode::status(subject));
    status.stx_ino = host.st_ino;
    status.stx_dev_major = gnu_dev_major(host.st_dev);
    status.stx_dev_minor = gnu_dev_minor(host.st_dev);
    status.stx_atime = {host.st_atim.tv_sec, static_cast<uint32_t>(host.st_atim.tv_nsec), 0};
    status.stx_mtime = {host.st_mtim.tv_sec, static_cast<uint32_t>(host.st_mtim.tv_nsec), 0};
    status.stx_ctime = {host.st_ctim.tv_sec, static_cast<uint32_t>(host.st_ctim.tv_nsec), 0};
    return status;
  }

  Result<Fd> open(const Subject& subject, int flags) override {
    if ((flags & O_DIRECTORY) != 0) return Error(ENOTDIR);
    LITEBOX_TRY(check_open(subject, flags));
    return open_unchecked(flags);
  }

  Result<Fd> open_unchecked(int flags) const {
    return reopen(slave_.get(), flags & (O_ACCMODE | O_PATH | O_NONBLOCK | O_APPEND | O_SYNC | O_NOATIME));
  }

  Status change_mode(const Subject& subject, mode_t mode) override {
    LITEBOX_ASSIGN(const FileOwnership changed, after_chmod(*subject.identity, ownership(subject), mode));
    return store(changed);
  }

  Status change_owner(const Subject& subject, uid_t uid, gid_t gid) override {
    LITEBOX_ASSIGN(const FileOwnership changed, after_chown(*subject.identity, ownership(subject), uid, gid));
    return store(changed);
  }

  Status change_times(const Subject& subject, const struct timespec times[2]) override {
    const bool now = times[0].tv_nsec == UTIME_NOW && times[1].tv_nsec == UTIME_NOW;
    if (!owns(*subject.identity, ownership(subject))) {
      if (!now) return Error(EPERM);
      LITEBOX_TRY(check_access(subject, W_OK));
    }
    const std::string path = "/proc/self/fd/" + std::to_string(slave_.get());
    if (::utimensat(AT_FDCWD, path.c_str(), times, 0) != 0) return last_error();
    return {};
  }

  Status truncate(const Subject& subject, int64_t /*length*/) override {
    LITEBOX_TRY(check_access(subject, W_OK));
    return Error(EINVAL);
  }

 protected:
  FileOwnership ownership(const Subject& /*subject*/) const override {
    const std::lock_guard<std::mutex> guard(devpts_->mutex_);
    const auto found = devpts_->pairs_.find(number_);
    return found == devpts_->pairs_.end() ? FileOwnership{0, 0, S_IFCHR} : found->second.owner;
  }
  dev_t represented_device() const override { return gnu_dev_makedev(UNIX98_PTY_SLAVE_MAJOR, number_); }

 private:
  Status store(const FileOwnership& changed) {
    const std::lock_guard<std::mutex> guard(devpts_->mutex_);
    const auto found = devpts_->pairs_.find(number_);
    if (found == devpts_->pairs_.end()) return Error(ENOENT);
    found->second.owner = changed;
    Devpts::apply(slave_.get(), changed);
    return {};
  }

  std::shared_ptr<Devpts> devpts_;
  unsigned number_;
  Fd slave_;
};

namespace {

// /dev/pts/ptmx: every open makes a new pair.
class Multiplexer final : public SyntheticNode {
 public:
  Multiplexer(SyntheticAttributes attributes, std::shared_ptr<Devpts> devpts)
      : SyntheticNode(std::move(attributes)), devpts_(std::move(devpts)) {}

  Result<Fd> open(const Subject& subject, int flags) override {
    if ((flags & O_DIRECTORY) != 0) return Error(ENOTDIR);
    LITEBOX_TRY(check_open(subject, flags));
    return devpts_->open_master(subject, flags);
  }

 protected:
  dev_t represented_device() const override { return gnu_dev_makedev(TTYAUX_MAJOR, kPtmxMinor); }

 private:
  std::shared_ptr<Devpts> devpts_;
};

}  // namespace

Devpts::Devpts(SyntheticAttributes attributes, const DevptsOptions& options)
    : SyntheticDirectory(std::move(attributes)), options_(options) {}

// Best effort: with the privilege for it the host's terminal gets the ids too, so that fstat(2) agrees.
void Devpts::apply(int slave, const FileOwnership& owner) {
  const std::string path = "/proc/self/fd/" + std::to_string(slave);
  if (::chown(path.c_str(), owner.uid, owner.gid) == 0) (void)::chmod(path.c_str(), owner.mode & 07777U);
}

Status Devpts::add(int descriptor) {
  LITEBOX_ASSIGN(const struct stat status, status_of(descriptor));
  auto slave = is_slave(status) ? reopen(descriptor, O_PATH) : slave_of(descriptor);
  if (!slave) return Error(EIO);
  return insert(*std::move(slave), {options_.uid, options_.gid, S_IFCHR | options_.mode});
}

Status Devpts::insert(Fd slave, const FileOwnership& owner) {
  LITEBOX_ASSIGN(const struct stat status, status_of(slave.get()));
  if (!is_slave(status)) return Error(EIO);
  apply(slave.get(), owner);
  const std::lock_guard<std::mutex> guard(mutex_);
  collect();
  pairs_.insert_or_assign(minor(status.st_rdev), Pair{std::move(slave), owner});
  return {};
}

// The kernel unlinks a slave when its master is closed (fs/devpts/inode.c, devpts_pty_kill).
bool Devpts::alive(const Pair& pair) {
  const auto status = status_of(pair.slave.get());
  return status && status->st_nlink != 0;
}

void Devpts::collect() {
  for (auto pair = pairs_.begin(); pair != pairs_.end();) pair = alive(pair->second) ? std::next(pair) : pairs_.erase(pair);
}

bool Devpts::contains(unsigned number) {
  const std::lock_guard<std::mutex> guard(mutex_);
  const auto found = pairs_.find(number);
  return found != pairs_.end() && alive(found->second);
}

NodePtr Devpts::find_handed_out(int fd, const std::string& /*host_path*/) {
  const auto status = status_of(fd);
  if (!status || !S_ISCHR(status->st_mode)) return nullptr;
  const bool is_master = status->st_rdev == gnu_dev_makedev(TTYAUX_MAJOR, kPtmxMinor);
  if (!is_master && !is_slave(*status)) return nullptr;
  return descend(shared_from_this(), is_master ? "ptmx" : std::to_string(minor(status->st_rdev)));
}

Result<Fd> Devpts::open_master(const Subject& subject, int flags) {
  const int kept = flags & (O_ACCMODE | O_PATH | O_NONBLOCK | O_APPEND | O_SYNC);
  Fd master(::open(kHostPtmx, kept | O_CLOEXEC | O_NOCTTY));
  if (!master) return last_error();
  if ((flags & O_PATH) != 0) return master;
  LITEBOX_ASSIGN(Fd slave, slave_of(master.get()));
  LITEBOX_TRY(insert(std::move(slave), {subject.identity->uid, options_.gid, S_IFCHR | options_.mode}));
  return master;
}

Result<NodePtr> Devpts::find_dynamic(const Subject& /*subject*/, const std::string& name) {
  auto self = std::static_pointer_cast<Devpts>(shared_from_this());
  if (name == "ptmx") {
    SyntheticAttributes of_ptmx = child_attributes(name, S_IFCHR | options_.ptmx_mode);
    of_ptmx.inode = kPtmxInode;
    return NodePtr(std::make_shared<Multiplexer>(std::move(of_ptmx), std::move(self)));
  }
  const auto number = terminal_number(name);
  if (!number) return NodePtr();
  const std::lock_guard<std::mutex> guard(mutex_);
  const auto found = pairs_.find(*number);
  if (found == pairs_.end() || !alive(found->second)) return NodePtr();
  LITEBOX_ASSIGN(Fd slave, reopen(found->second.slave.get(), O_PATH));
  SyntheticAttributes of_terminal = child_attributes(name, found->second.owner.mode);
  of_terminal.inode = *number + 3;
  return NodePtr(std::make_shared<Terminal>(std::move(of_terminal), std::move(self), *number, std::move(slave)));
}

Result<std::vector<DirectoryEntry>> Devpts::list_dynamic(const Subject& /*subject*/) {
  std::vector<DirectoryEntry> entries{{kPtmxInode, kFirstDynamicOffset, DT_CHR, "ptmx"}};
  const std::lock_guard<std::mutex> guard(mutex_);
  collect();
  for (const auto& [number, pair] : pairs_) {
    entries.push_back({number + 3, kFirstDynamicOffset + 1 + number, DT_CHR, std::to_string(number)});
  }
  return entries;
}

NodePtr make_devpts(const ContainerView& /*view*/, const std::shared_ptr<DescriptorRegistry>& registry,
                    const DevptsOptions& options) {
  auto file_system = std::make_shared<SyntheticFileSystem>("devpts", DEVPTS_SUPER_MAGIC, registry);
  return std::make_shared<Devpts>(SyntheticAttributes{std::move(file_system), nullptr, 1, S_IFDIR | 0755}, options);
}

std::shared_ptr<Devpts> devpts_of(const Tree& tree) {
  for (const MountPtr& mount : tree.mounts()) {
    if (auto devpts = std::dynamic_pointer_cast<Devpts>(mount->root)) return devpts;
  }
  return nullptr;
}

std::optional<Location> find_terminal(Tree& tree, const Subject& subject, dev_t device) {
  const bool is_ptmx = device == gnu_dev_makedev(TTYAUX_MAJOR, kPtmxMinor);
  if (!is_ptmx && major(device) != UNIX98_PTY_SLAVE_MAJOR) return std::nullopt;
  const std::string name = is_ptmx ? "ptmx" : std::to_string(minor(device));
  for (const MountPtr& mount : tree.mounts()) {
    if (std::dynamic_pointer_cast<Devpts>(mount->root) == nullptr) continue;
    auto node = mount->root->lookup(subject, name);
    if (node) return Location{mount, *std::move(node)};
  }
  return std::nullopt;
}

Result<Fd> open_controlling_terminal(Tree& tree, const Subject& subject, int flags) {
  const std::string path = "/proc/" + std::to_string(subject.thread_group.value()) + "/stat";
  std::ifstream file(path);
  std::string text;
  std::getline(file, text);
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return Error(ENXIO);
  // proc(5): state, ppid, pgrp, session, tty_nr follow the name.
  std::istringstream fields(text.substr(name_end + 1));
  std::string state;
  int parent = 0;
  int group = 0;
  int session = 0;
  unsigned terminal = 0;
  fields >> state >> parent >> group >> session >> terminal;
  // new_encode_dev(): the layout of the low 32 bits of the C library's dev_t.
  const auto location = fields && terminal != 0 ? find_terminal(tree, subject, terminal) : std::nullopt;
  if (!location || major(terminal) != UNIX98_PTY_SLAVE_MAJOR) return Error(ENXIO);
  const auto slave = std::static_pointer_cast<Terminal>(location->node);
  return slave->open_unchecked(flags);
}

}  // namespace litebox::rootfs
