// Rewritten text of files, made once: found again by the file's identity, checked by its content.
//
// Thread-safe. A file's identity is its device, inode, size and both times; one that has changed so recently that a further
// change might not show in them is made anew every time. What a guest can make this cost is bounded: so many texts, and no
// more.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/result.h"
#include "shim/rewrite/patched_text.h"
#include "shim/rewrite/store.h"

namespace litebox::rewrite {

class Cache {
 public:
  // `open_scanner`: opens the scanner's program when it is needed (scanner_process.h). Without a store its answers are kept in
  // memory only.
  Cache(std::function<Result<Fd>()> open_scanner, std::optional<Store> store)
      : open_scanner_(std::move(open_scanner)), store_(std::move(store)) {}

  using Text = std::shared_ptr<const PatchedText>;  // null: nothing is rewritten

  // The rewritten text of the file open at `fd` for reading; null when there is nothing to rewrite in it, or it cannot be.
  // May take long (kScanTimeoutMs, and the reading of the file).
  Text find(int fd, const Wanted& wanted);
  // The same where it is known without reading anything.
  std::optional<Text> known(int fd, const Wanted& wanted) const;

  uint64_t scans() const;  // how often the scanner was asked

 private:
  struct Identity {
    uint64_t device, inode, size;
    int64_t changed_s, changed_ns, modified_s, modified_ns;
    Wanted wanted;
    auto operator<=>(const Identity&) const = default;  // NOLINT(modernize-use-nullptr): it means the compiler's own code
  };

  static Identity identity_of(const struct stat& status, const Wanted& wanted);
  TextHash::Value name_of_identity(const Identity& identity) const;
  void remember(const Identity& identity, const Text& text);
  Result<PatchedText> make(int fd, const Identity& identity, bool settled, const std::string& name);
  Result<std::vector<Site>> sites_of_known(int fd, const Identity& identity) const;
  Result<std::vector<Site>> sites_of(int fd, const TextSegment& text, const Wanted& wanted);

  std::function<Result<Fd>()> open_scanner_;
  std::optional<Store> store_;
  std::mutex making_;  // one is made at a time
  uint64_t made_ = 0;
  uint64_t scans_ = 0;
  mutable std::mutex mutex_;
  std::map<Identity, Text> texts_;
  size_t held_ = 0;  // those that are not null: each is an open descriptor
};

}  // namespace litebox::rewrite
