#include "shim/syscalls/path_descriptor.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "rootfs/descriptor_registry.h"

namespace litebox::syscalls {
namespace {

constexpr int kNoAccess = 3;

std::string link_to(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

// A memfd that stands for a node which cannot be opened without effect or at all: a symlink, a FIFO, a device, a socket.
Result<Fd> open_stand_in(rootfs::DescriptorRegistry& registry, const rootfs::NodePtr& node) {
  const Fd memory(::memfd_create("path", MFD_CLOEXEC));
  if (!memory) return last_error();
  Fd stand_in(::open(link_to(memory.get()).c_str(), kNoAccess | O_DSYNC | O_CLOEXEC));
  if (!stand_in) return last_error();
  registry.remember(stand_in.get(), node);
  return stand_in;
}

}  // namespace

Result<Fd> open_path_descriptor(const rootfs::Tree& tree, const rootfs::Location& location) {
  const rootfs::NodePtr& node = location.node;
  const int host = node->host_fd();
  if (host >= 0 && node->is_directory()) {
    Fd directory(::openat(host, ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_DSYNC | O_CLOEXEC));
    if (directory) return directory;
  }
  if (host >= 0 && S_ISREG(node->type())) {
    // O_NONBLOCK: a lease of somebody else must not hold up the monitor.
    Fd file(::open(link_to(host).c_str(), kNoAccess | O_NONBLOCK | O_DSYNC | O_CLOEXEC));
    if (file) return file;
  }
  const std::shared_ptr<rootfs::DescriptorRegistry>& registry = tree.registry();
  if (registry == nullptr) return Error(EACCES);
  if (node->is_directory()) return registry->open_placeholder(node, O_RDONLY | O_DIRECTORY | O_DSYNC);
  return open_stand_in(*registry, node);
}

bool is_path_descriptor(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0) return false;
  if ((flags & O_PATH) != 0) return true;
  return (flags & O_DSYNC) != 0 && ((flags & O_ACCMODE) == kNoAccess || (flags & O_DIRECTORY) != 0);
}

}  // namespace litebox::syscalls
