// The directory that holds every container's state directory (--root).
#pragma once

#include <optional>
#include <string>

#include "base/result.h"

namespace litebox::runtime {

// Where a host's root keeps its containers unless told otherwise.
inline constexpr const char* kUsualRoot = "/run/litebox";

// What the choice depends on; `of_this_process` reads it.
struct RootEnvironment {
  unsigned effective_uid = 0;
  bool user_namespace = false;  // uid 0 here is not the host's
  std::string xdg_runtime_dir;  // empty: unset
  static RootEnvironment of_this_process();
};

enum class Rootless { automatic, yes, no };

struct RootDirectory {
  std::string path;             // absolute
  bool chosen_by_user = false;  // --root
  bool shared_parent = false;   // below /tmp: anyone may have made it first
};

// --root made absolute ("/" is refused), or else /run/litebox for the host's root, $XDG_RUNTIME_DIR/litebox for others,
// /run/litebox for a user namespace's root without one, /tmp/litebox-UID for the rest.
Result<RootDirectory> choose_root(const std::optional<std::string>& given, Rootless rootless,
                                  const RootEnvironment& environment);

// Makes the directory (0700, and what is missing above it). A default one must belong to the caller and be closed to others.
Status make_root(const RootDirectory& root);

}  // namespace litebox::runtime
