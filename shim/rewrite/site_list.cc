#include "shim/rewrite/site_list.h"

#include <cstring>

namespace litebox::rewrite {
namespace {

struct Head {
  uint64_t magic;
  uint64_t count;
};
struct [[gnu::packed]] Entry {
  uint64_t offset;
  uint32_t number;
  uint8_t gap;
};
constexpr uint64_t kMagic = 0x33736574697378ULL;  // "xsites3"
static_assert(kLargestSiteList == sizeof(Head) + kMostSites * sizeof(Entry));

template <typename T>
void append(std::string& text, const T& value) {
  text.append(reinterpret_cast<const char*>(&value), sizeof value);
}

}  // namespace

std::string write_sites(std::span<const Site> sites) {
  if (sites.size() > kMostSites) sites = sites.first(kMostSites);
  std::string text;
  append(text, Head{kMagic, sites.size()});
  for (const Site& site : sites) append(text, Entry{site.offset, site.number, site.gap});
  return text;
}

Result<std::vector<Site>> read_sites(std::string_view bytes) {
  Head head{};
  if (bytes.size() < sizeof head) return Error(EINVAL);
  std::memcpy(&head, bytes.data(), sizeof head);
  if (head.magic != kMagic || head.count > kMostSites || bytes.size() != sizeof head + head.count * sizeof(Entry)) {
    return Error(EINVAL);
  }
  std::vector<Site> sites;
  for (size_t i = 0; i < head.count; ++i) {
    Entry entry{};
    std::memcpy(&entry, bytes.data() + sizeof head + i * sizeof entry, sizeof entry);
    if (entry.gap > kLongestGap) return Error(EINVAL);
    if (!sites.empty() && entry.offset < sites.back().offset + size_of(sites.back())) return Error(EINVAL);
    sites.push_back({entry.offset, entry.number, entry.gap});
  }
  return sites;
}

}  // namespace litebox::rewrite
