// Two equal directories for one test program: the host's side of the comparison, and the container's.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>

#include "base/result.h"

namespace litebox::test {

// What a program wrote and how it ended (a wait status).
struct Outcome {
  std::string output;
  int status = 0;
};

// A bundle under a directory of its own: rootfs/ with /program, /dev, /proc, /tmp and /mnt/{ro,nodev,noexec,tmp}, and what is
// mounted on the first three of those.
class Sandbox {
 public:
  // Makes <directory>, owned by `owner`, and copies `program` into it.
  static Result<Sandbox> make(const std::string& directory, const std::string& program, uid_t owner);

  // How long a run may take; a minute if not set.
  void set_time_limit(std::chrono::seconds limit) { time_limit_ = limit; }

  // Runs the program as root in a chroot, in a mount namespace made for it. This is what Linux does.
  Result<Outcome> run_natively() const;

  // Runs the program with `litebox run`, as the sandbox's owner.
  Result<Outcome> run_in_litebox(const std::string& litebox) const;

 private:
  Sandbox(std::string directory, uid_t owner, bool mounting)
      : directory_(std::move(directory)), owner_(owner), mounting_(mounting) {}

  std::string directory_;
  uid_t owner_;
  std::chrono::seconds time_limit_{60};
  bool mounting_;  // the program has CAP_SYS_ADMIN
};

}  // namespace litebox::test
