// The container's devpts: its own terminals and no other's.
//
// A terminal is a pty pair of the host and keeps the host's number, so that what the kernel says of it (ttyname(3), tty_nr,
// TIOCGPTN) agrees with what /dev/pts shows. Terminals appear when a program of the container opens ptmx, or when the runtime
// adds its console, and disappear with their master's last descriptor.
#pragma once

#include <sys/types.h>

#include <map>
#include <mutex>
#include <optional>

#include "base/fd.h"
#include "rootfs/filesystems.h"
#include "rootfs/synthetic.h"
#include "rootfs/tree.h"

namespace litebox::rootfs {

// The root directory of a devpts. Thread-safe.
class Devpts final : public SyntheticDirectory {
 public:
  Devpts(SyntheticAttributes attributes, const DevptsOptions& options);

  // A terminal opened elsewhere (the console): `descriptor`, its master or slave, is copied. EIO when it is no pty.
  Status add(int descriptor);
  // Whether the slave numbered `number` is one of the container's that still lives.
  bool contains(unsigned number);

  // The slaves, and ptmx for every master.
  NodePtr find_handed_out(int fd, const std::string& host_path) override;

  // A new pair: the master, opened with `flags`.
  Result<Fd> open_master(const Subject& subject, int flags);

 protected:
  Result<NodePtr> find_dynamic(const Subject& subject, const std::string& name) override;
  Result<std::vector<DirectoryEntry>> list_dynamic(const Subject& subject) override;

 private:
  friend class Terminal;
  struct Pair {
    Fd slave;  // O_PATH: keeps neither end open
    FileOwnership owner;
  };
  Status insert(Fd slave, const FileOwnership& owner);
  static bool alive(const Pair& pair);
  static void apply(int slave, const FileOwnership& owner);
  void collect();

  DevptsOptions options_;
  std::mutex mutex_;
  std::map<unsigned, Pair> pairs_;
};

// The devpts of a tree, null when it has none mounted.
std::shared_ptr<Devpts> devpts_of(const Tree& tree);

// Where a terminal of the host (its device number) is in the tree's devpts; nothing when it is not the container's.
std::optional<Location> find_terminal(Tree& tree, const Subject& subject, dev_t device);

// /dev/tty: the controlling terminal of the subject's process. ENXIO when it has none, or one of outside (tty(4)); the
// terminal's own mode does not matter, /dev/tty's does.
Result<Fd> open_controlling_terminal(Tree& tree, const Subject& subject, int flags);

}  // namespace litebox::rootfs
