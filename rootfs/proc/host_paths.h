// From a path of the host, as the kernel writes it into maps, to the path by which a container's process knows the file.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rootfs/mount_table.h"
#include "rootfs/subject.h"
#include "rootfs/view.h"

namespace litebox::rootfs::proc {

// Made for one request: looks at the mount table once.
class HostPaths {
 public:
  // As `subject`, whose root directory counts, sees them.
  HostPaths(const ContainerView& view, const Subject& subject);

  // For the file `inode` of `device` (0: not known) at `host`: a path inside, whatever the kernel names that is no file of a
  // mount ("/memfd:name", "/SYSV00000000", "/dev/zero (deleted)") unchanged, and "(unreachable)/name" for a file outside.
  std::string inside(std::string_view host, dev_t device, ino_t inode) const;

 private:
  struct Source {
    std::string host;    // the mount's root on the host
    std::string inside;  // where it is mounted
    dev_t device = 0;
    bool detached = false;  // mounted nowhere on the host: its paths start at its own root
    MountPtr mount;
  };
  const Source* find(std::string_view host, dev_t device, ino_t inode) const;

  std::vector<Source> sources_;
  const NativeTree* native_ = nullptr;
};

// maps, smaps and numa_maps with their paths translated (fs/proc/task_mmu.c, show_map_vma).
std::string translate_maps(const HostPaths& paths, std::string_view host);
std::string translate_numa_maps(const HostPaths& paths, std::string_view host);

// How the kernel names an object that has a path only in appearance.
bool is_anonymous_name(std::string_view name);

}  // namespace litebox::rootfs::proc
