// What the scanner has said, kept on disk for the user's other containers, under a key that only this user knows: by the
// content of a whole text, and by a file's identity together with the content of the pages that have sites.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "shim/rewrite/site.h"
#include "shim/rewrite/text_hash.h"

namespace litebox::rewrite {

class Store {
 public:
  // Opens or makes the directory, and its key. EPERM when others than this user may write to it.
  static Result<Store> open(const std::string& directory);
  // /var/cache/litebox/sites for root, else litebox/sites below $XDG_CACHE_HOME or ~/.cache, or in /tmp as a last resort.
  static std::vector<std::string> default_directories();
  static std::optional<Store> open_default();

  const TextHash::Key& key() const { return key_; }
  // What is kept under the hash of a text or of an identity.
  struct Entry {
    std::vector<Site> sites;
    TextHash::Value pages{};  // of an identity: the hash of the pages that have the sites
  };
  std::optional<Entry> find(const TextHash::Value& name) const;
  // Failing is no error: the scanner is asked again then.
  void add(const TextHash::Value& name, const Entry& entry) const;

 private:
  std::string path_of(const TextHash::Value& name) const;
  void make_room() const;

  std::string directory_;
  TextHash::Key key_{};
};

}  // namespace litebox::rewrite
