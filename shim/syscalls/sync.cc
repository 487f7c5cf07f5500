// sync (fs/sync.c).
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>
#include <string>

#include "base/fd.h"
#include "shim/syscalls/call.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {

// Writes back the container's own file systems: those behind its mounts. Other files of the host are no business of a guest's,
// who could otherwise keep the host's disks busy.
Reply sys_sync(Call& call) {
  call.monitor.while_blocking([&] {
    std::set<uint64_t> done;
    for (const rootfs::MountPtr& mount : call.world.tree().mounts()) {
      if (mount->root->host_fd() < 0 || !done.insert(mount->root->key().device).second) continue;
      const std::string path = "/proc/self/fd/" + std::to_string(mount->root->host_fd());
      // syncfs(2) takes any open file of the file system, but no O_PATH descriptor; a directory or a file opens harmlessly.
      const mode_t type = mount->root->type();
      if (!S_ISDIR(type) && !S_ISREG(type)) continue;
      const Fd file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
      if (file.valid()) (void)::syncfs(file.get());
    }
  });
  return Reply::success();
}

}  // namespace litebox::syscalls
