// /sys: what programs ask about processors, memory nodes and the container's network. Of the host's devices nothing is shown.
#include <linux/magic.h>
#include <sys/stat.h>

#include <string_view>

#include "rootfs/filesystems.h"
#include "rootfs/network_interfaces.h"
#include "rootfs/pass_through.h"

namespace litebox::rootfs {
namespace {

constexpr uint64_t kRootInode = 1;

// Shown as the host has them, with all below.
constexpr std::string_view kHostTrees[] = {
    "devices/system/clocksource", "devices/system/cpu", "devices/system/node", "kernel/address_bits",
    "kernel/cpu_byteorder",       "kernel/fscaps",      "kernel/mm/hugepages", "kernel/mm/transparent_hugepage",
    "kernel/uevent_seqnum",
};

// Links of a device into those parts of the host's /sys that are not shown.
constexpr std::string_view kHiddenLinks[] = {"driver", "firmware_node", "subsystem"};

bool is_below(std::string_view path, std::string_view directory) {
  return path.substr(0, directory.size()) == directory && (path.size() == directory.size() || path[directory.size()] == '/');
}

bool is_shown(const std::string& path) {
  const std::string_view name = std::string_view(path).substr(path.rfind('/') + 1);
  for (const std::string_view hidden : kHiddenLinks) {
    if (name == hidden) return false;
  }
  for (const std::string_view tree : kHostTrees) {
    if (is_below(path, tree) || is_below(tree, path)) return true;
  }
  return false;
}

void add_empty(SyntheticDirectory& directory, const char* name) {
  directory.add_directory(name, 0755, [](SyntheticDirectory& /*empty*/) {});
}

bool has_interfaces(const ContainerView& view) { return view.has_network() || view.has_loopback(); }

Interfaces interfaces_of(const ContainerView& view) { return view.has_network() ? Interfaces::all : Interfaces::loopback; }

void add_devices(SyntheticDirectory& devices, const ContainerView& view, const HostSourcePtr& host) {
  PassThroughDirectory::add_to(devices, "system", host, "devices/system");
  devices.add_directory("virtual", 0755, [&view](SyntheticDirectory& of_virtual) {
    if (!has_interfaces(view)) return;
    of_virtual.add("net", S_IFDIR | 0755, [&view](SyntheticAttributes attributes) {
      return make_interface_directory(std::move(attributes), InterfaceEntries::directories, interfaces_of(view));
    });
  });
}

void add_classes(SyntheticDirectory& classes, const ContainerView& view) {
  add_empty(classes, "block");
  if (!has_interfaces(view)) {
    add_empty(classes, "net");
    return;
  }
  classes.add("net", S_IFDIR | 0755, [&view](SyntheticAttributes attributes) {
    return make_interface_directory(std::move(attributes), InterfaceEntries::links, interfaces_of(view));
  });
}

}  // namespace

NodePtr make_sys(const ContainerView& view, const std::shared_ptr<DescriptorRegistry>& registry) {
  auto file_system = std::make_shared<SyntheticFileSystem>("sysfs", SYSFS_MAGIC, registry);
  auto root = std::make_shared<PassThroughRoot>(
      SyntheticAttributes{std::move(file_system), nullptr, kRootInode, S_IFDIR | 0555}, "/sys", SYSFS_MAGIC);
  const auto host = std::make_shared<const HostSource>("/sys", is_shown);
  for (const char* name : {"block", "bus", "firmware", "module", "power"}) add_empty(*root, name);
  root->add_directory("class", 0755, [&view](SyntheticDirectory& classes) { add_classes(classes, view); });
  root->add_directory("dev", 0755, [](SyntheticDirectory& dev) {
    add_empty(dev, "block");
    add_empty(dev, "char");
  });
  root->add_directory("devices", 0755, [&view, host](SyntheticDirectory& devices) { add_devices(devices, view, host); });
  root->add_directory("fs", 0755, [](SyntheticDirectory& fs) { add_empty(fs, "cgroup"); });
  PassThroughDirectory::add_to(*root, "kernel", host, "kernel");
  return root;
}

}  // namespace litebox::rootfs
