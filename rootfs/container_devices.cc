// /dev: the devices and links that every container has, and those of config.json (runtime-spec, config-linux.md, "Default
// Devices" and "Devices"; runtime-linux.md, "Dev symbolic links").
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>

#include "rootfs/devpts.h"
#include "rootfs/host_node.h"
#include "rootfs/tree_builder.h"

namespace litebox::rootfs {
namespace {

struct DefaultDevice {
  const char* path;
  unsigned major, minor;
};

constexpr std::array<DefaultDevice, 6> kDefaultDevices = {{{"/dev/null", 1, 3},
                                                           {"/dev/zero", 1, 5},
                                                           {"/dev/full", 1, 7},
                                                           {"/dev/random", 1, 8},
                                                           {"/dev/urandom", 1, 9},
                                                           {"/dev/tty", 5, 0}}};

// In /dev.
constexpr std::array<std::pair<const char*, const char*>, 4> kLinks = {
    {{"fd", "/proc/self/fd"}, {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"}}};

constexpr mode_t kDefaultMode = 0666;

mode_t type_of(oci::DeviceType type) {
  switch (type) {
    case oci::DeviceType::block:
      return S_IFBLK;
    case oci::DeviceType::fifo:
      return S_IFIFO;
    case oci::DeviceType::character:
      break;
  }
  return S_IFCHR;
}

}  // namespace

// Whoever binds a /dev of his own gets that one as it is.
bool TreeBuilder::needs_devices() const {
  return std::none_of(config_.mounts.begin(), config_.mounts.end(), [](const oci::Mount& mount) {
    const size_t end = mount.destination.find_last_not_of('/');
    return mount.is_bind() && mount.destination.substr(0, end + 1) == "/dev";
  });
}

Status TreeBuilder::add_devices() {
  LITEBOX_ASSIGN(const Location dev, make_place("/dev", true));
  for (const DefaultDevice& known : kDefaultDevices) {
    oci::Device device;
    device.path = known.path;
    device.major = known.major;
    device.minor = known.minor;
    Status added = add_device(dev, device);
    if (!added.ok()) return std::move(added).error().within(known.path);
  }
  for (size_t i = 0; i < config_.linux.devices.size(); ++i) {
    const oci::Device& device = config_.linux.devices[i];
    const auto directory = make_place(device.path.substr(0, device.path.rfind('/')), true);
    Status added = directory.ok() ? add_device(*directory, device) : Status(directory.error());
    if (!added.ok()) {
      return std::move(added).error().within("linux.devices[" + std::to_string(i) + "] (" + device.path + ")");
    }
  }
  for (const auto& [name, target] : kLinks) LITEBOX_TRY(make_symlink(dev, name, target));
  if (resolve("/proc/kcore").ok()) LITEBOX_TRY(make_symlink(dev, "core", "/proc/kcore"));

  // Even where the image has a ptmx of its own: it would be the host's.
  LITEBOX_ASSIGN(const Resolved ptmx, entry_of(dev, "ptmx"));
  if (ptmx.target.node && !tree_->is_mountpoint(*ptmx.target.node) && ptmx.target.mount == ptmx.parent.mount) {
    LITEBOX_TRY(ptmx.parent.node->unlink(subject_, ptmx.name));
  }
  LITEBOX_TRY(make_symlink(dev, "ptmx", "pts/ptmx"));
  Status console = add_console();
  return console.ok() ? Status() : Status(std::move(console).error().within("/dev/console"));
}

Status TreeBuilder::add_device(const Location& directory, const oci::Device& device) {
  const mode_t type = type_of(device.type);
  const dev_t number = gnu_dev_makedev(static_cast<unsigned>(device.major), static_cast<unsigned>(device.minor));
  const std::string name = device.path.substr(device.path.rfind('/') + 1);
  LITEBOX_ASSIGN(Resolved place, entry_of(directory, name));
  if (place.target.node) {
    LITEBOX_ASSIGN(const struct statx status, place.target.node->status(subject_));
    const bool same = (status.stx_mode & S_IFMT) == type &&
                      (type == S_IFIFO || gnu_dev_makedev(status.stx_rdev_major, status.stx_rdev_minor) == number);
    // An image may have files of these names in its /dev; what config.json lists must be what it says.
    if (same || !tree_->is_mountpoint(*place.target.node))
      return same ? Status() : bind_device(place, device.path, type, number);
    return {};
  }
  const mode_t mode = device.file_mode.value_or(kDefaultMode) & 07777U;
  const Status made = place.parent.node->make_node(subject_, place.name, type | mode, number);
  if (!made.ok()) {
    if (made.error().number() != EPERM || type == S_IFIFO) return made;
    return bind_device(place, device.path, type, number);
  }
  if (device.uid.value_or(0) == 0 && device.gid.value_or(0) == 0) return {};
  LITEBOX_ASSIGN(place, entry_of(directory, name));
  return place.target.node->change_owner(subject_, device.uid.value_or(0), device.gid.value_or(0));
}

// Where no device node can be made, the host's own is bound over a file of that name; its mode and owner stay the host's.
Status TreeBuilder::bind_device(const Resolved& place, const std::string& path, mode_t type, dev_t number) {
  HostMount host;
  host.root.reset(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!host.root) return last_error("the host's " + path);
  struct stat status {};
  if (::fstat(host.root.get(), &status) != 0) return last_error();
  if ((status.st_mode & S_IFMT) != type || (type != S_IFIFO && status.st_rdev != number)) {
    return Error("the host's " + path + " is another device");
  }
  if (place.target.node && place.target.node->is_directory()) return Error(EISDIR);
  HostMountInfo info = host_mount_info(host.root.get());
  LITEBOX_ASSIGN(NodePtr node, maker_->root_node(std::move(host)));
  MountOptions options;
  options.flags.read_only = true;
  return attach(path, std::move(node), options, std::move(info));
}

Status TreeBuilder::add_console() {
  if (!config_.process || !config_.process->terminal || options_.terminal < 0) return {};
  struct stat status {};
  if (::fstat(options_.terminal, &status) != 0) return last_error();
  const std::shared_ptr<Devpts> devpts = devpts_of(*tree_);
  if (devpts) {
    LITEBOX_TRY(devpts->add(options_.terminal));
    const auto slave = find_terminal(*tree_, subject_, status.st_rdev);
    if (slave) return attach("/dev/console", slave->node, {}, {"devpts", "devpts", "/", "rw"});
  }
  // Without a devpts of its own, the container has its terminal all the same.
  HostMount host;
  LITEBOX_ASSIGN(host.root, host::reopen(options_.terminal, O_PATH));
  LITEBOX_ASSIGN(NodePtr node, maker_->root_node(std::move(host)));
  return attach("/dev/console", std::move(node), {}, {"devpts", "devpts", "/", "rw"});
}

}  // namespace litebox::rootfs
