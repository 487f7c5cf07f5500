// Ownership records of host files that cannot carry a user extended attribute: symlinks, FIFOs, sockets (xattr(7)).
//
// One file at the root of a mount's source, hidden from the container, keyed by inode number and birth time. Keyed by the
// inode, a record follows renames and hard links without bookkeeping; the birth time keeps it from passing to another file
// that gets the number later. Being in the tree, it is there for the next container on that tree and goes with it. What it
// does not survive is a copy of the tree to other inodes: symlinks, FIFOs and sockets then belong to root again, and have no
// ACLs. The file is a journal of lines "INODE SECONDS NANOSECONDS RECORD", the last one of a file counts, "-" ends it; it is
// rewritten when most of it is out of date. Several containers may use one tree: the journal is locked while it is changed and
// read again when another one has changed it.
#pragma once

#include <sys/stat.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/fd.h"
#include "base/result.h"
#include "rootfs/node.h"
#include "rootfs/override_record.h"

namespace litebox::rootfs {

// The name of the journal in the root directory of a mount's source.
constexpr const char* kOverrideStoreName = ".litebox.override_stat";

// Thread-safe.
class OverrideStore {
 public:
  // `directory`: any descriptor of the source's root. The journal is made with the first record.
  explicit OverrideStore(Fd directory);

  // Whether an entry of the source's root directory is the store's own.
  static bool is_hidden(std::string_view name);

  // Whether the journal lies in this directory.
  bool is_in(const NodeKey& directory) const { return directory == directory_key_; }

  bool empty();
  // `file` needs stx_ino and stx_btime.
  std::optional<OverrideRecord> find(const struct statx& file);
  Status set(const struct statx& file, const OverrideRecord& record);
  // The last name of a file is gone.
  Status erase(const struct statx& file);

 private:
  struct Key {
    uint64_t inode = 0;
    int64_t seconds = 0;
    uint32_t nanoseconds = 0;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    size_t operator()(const Key& key) const noexcept {
      return key.inode * 0x9e3779b97f4a7c15ULL ^ static_cast<uint64_t>(key.seconds) ^ key.nanoseconds;
    }
  };
  // What of the journal has been read.
  struct Seen {
    uint64_t inode = 0;
    int64_t size = 0;
    int64_t changed_seconds = 0;
    int64_t changed_nanoseconds = 0;
    bool operator==(const Seen&) const = default;
  };

  static Key key_of(const struct statx& file);
  static std::string line_of(const Key& key, const std::string& text);
  static Seen seen_of(const struct stat& status);
  Status append(const Key& key, const std::string& text);
  void refresh();
  void load(int fd);
  void compact();

  std::mutex mutex_;
  Fd directory_;
  NodeKey directory_key_;
  Seen seen_;
  size_t lines_ = 0;
  std::unordered_map<Key, OverrideRecord, KeyHash> records_;
};

}  // namespace litebox::rootfs
