#include "shim/rewrite/cache.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <span>
#include <vector>

#include "base/log.h"
#include "shim/rewrite/gap.h"
#include "shim/rewrite/scanner_process.h"
#include "shim/rewrite/text_hash.h"
#include "shim/rewrite/trampoline.h"

namespace litebox::rewrite {
namespace {

constexpr uint64_t kMostMade = 4096;
constexpr size_t kMostHeld = 128;
constexpr size_t kChunk = 256U << 10U;
constexpr size_t kSiteOverlap = 24;
static_assert(kSiteOverlap >= kSmallestSite + kLongestGap && kSiteOverlap % 8 == 0);
// A change shows in a file's times unless it comes within one tick of them: of the kernel's clock, or, where a file system
// keeps whole seconds, of two of those (FAT).
constexpr int64_t kTickNs = 50'000'000;
constexpr int64_t kCoarseTickNs = 2'000'000'000;

int64_t nanoseconds(const timespec& time) { return time.tv_sec * 1'000'000'000 + time.tv_nsec; }

bool may_change_unseen(const struct stat& status) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const auto settled = [&now](const timespec& time) {
    const int64_t age = nanoseconds(now) - nanoseconds(time);
    return age > (time.tv_nsec == 0 ? kCoarseTickNs : kTickNs);
  };
  return !settled(status.st_ctim) || !settled(status.st_mtim);
}

// Whether there may be a site with a trampoline in these bytes: a cheap look, which may err on the side of yes.
bool may_have_sites(std::span<const uint8_t> bytes, const Wanted& wanted) {
  const uint8_t* at = bytes.data();
  const uint8_t* const end = at + bytes.size();
  while ((at = static_cast<const uint8_t*>(::memmem(at, static_cast<size_t>(end - at), kSyscall.data(), kSyscall.size()))) !=
         nullptr) {
    for (size_t gap = 0; gap <= kLongestGap; ++gap) {
      if (at - bytes.data() < static_cast<ptrdiff_t>(kMovSize + gap)) break;
      const uint8_t* const mov = at - gap - kMovSize;
      if (mov[0] == kMovEax && mov[3] == 0 && mov[4] == 0 && has_trampoline(mov[1] | uint32_t{mov[2]} << 8U, wanted))
        return true;
      if (can_be_moved({mov, at}, Number::any)) return true;
    }
    ++at;
  }
  return false;
}

struct Reading {
  bool worth_scanning = false;
  TextHash::Value hash{};
};

// Reads the whole text once. The hash is of use only where the text is worth scanning.
Result<Reading> read_text(int fd, const TextSegment& text, const Wanted& wanted, const TextHash::Key& key) {
  std::vector<uint8_t> bytes(std::min<uint64_t>(text.size, kChunk));
  bool worth_scanning = false;
  TextHash hash(key);
  // Pieces overlap by a site, so that one across their border is seen; the hash is of whole pieces, overlap and all.
  for (uint64_t done = 0; done < text.size; done += bytes.size() - kSiteOverlap) {
    const ssize_t got = ::pread(fd, bytes.data(), bytes.size(), static_cast<off_t>(text.file_offset + done));
    if (got < 0) return last_error();
    const auto size = std::min<uint64_t>(static_cast<uint64_t>(got), text.size - done);
    const std::span<const uint8_t> piece(bytes.data(), size);
    if (!worth_scanning) worth_scanning = may_have_sites(piece, wanted);
    hash.add(piece);
    if (size < bytes.size()) break;  // the text's end, or the file's
  }
  return Reading{worth_scanning, hash.value()};
}

// The pages in which the sites begin.
TextHash::Value hash_of_pages(int fd, std::span<const Site> sites, const TextHash::Key& key) {
  TextHash hash(key);
  std::array<uint8_t, kPage> page;
  uint64_t last = UINT64_MAX;
  for (const Site& site : sites) {
    const uint64_t offset = page_floor(site.offset);
    if (offset == last) continue;
    last = offset;
    page.fill(0);
    (void)::pread(fd, page.data(), page.size(), static_cast<off_t>(offset));
    hash.add(page);
  }
  return hash.value();
}

// What is wanted, and when that was decided on.
uint64_t word_of(const Wanted& wanted) {
  const Shortcuts& shortcuts = wanted.shortcuts;
  uint64_t word = kTrampolines;
  for (const bool bit : {wanted.role == Role::interpreter, shortcuts.paths, shortcuts.fstat, shortcuts.newfstatat,
                         shortcuts.readlink, shortcuts.getxattrat, shortcuts.fcntl}) {
    word = word << 1U | (bit ? 1U : 0U);
  }
  return word;
}

}  // namespace

Cache::Identity Cache::identity_of(const struct stat& status, const Wanted& wanted) {
  return {status.st_dev,
          status.st_ino,
          static_cast<uint64_t>(status.st_size),
          status.st_ctim.tv_sec,
          status.st_ctim.tv_nsec,
          status.st_mtim.tv_sec,
          status.st_mtim.tv_nsec,
          wanted};
}

uint64_t Cache::scans() const { return scans_; }

std::optional<Cache::Text> Cache::known(int fd, const Wanted& wanted) const {
  struct stat status {};
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return Text();
  if (may_change_unseen(status)) return std::nullopt;
  const std::lock_guard<std::mutex> guard(mutex_);
  const auto found = texts_.find(identity_of(status, wanted));
  if (found == texts_.end()) return std::nullopt;
  return found->second;
}

Cache::Text Cache::find(int fd, const Wanted& wanted) {
  const std::lock_guard<std::mutex> guard(making_);
  if (auto text = known(fd, wanted)) return *std::move(text);
  struct stat status {};
  if (::fstat(fd, &status) != 0 || made_ >= kMostMade) return nullptr;
  ++made_;

  Text text;
  const Identity identity = identity_of(status, wanted);
  const bool settled = !may_change_unseen(status);
  auto made = make(fd, identity, settled, name_of(status));
  if (made.ok()) {
    text = std::make_shared<const PatchedText>(*std::move(made));
  } else if (made.error().number() != ENOEXEC) {
    log::debug("a file's text stays as it is: " + made.error().message());
  }
  struct stat after {};
  if (::fstat(fd, &after) != 0 || identity_of(after, wanted) != identity) return nullptr;
  if (settled) remember(identity, text);
  return text;
}

void Cache::remember(const Identity& identity, const Text& text) {
  const std::lock_guard<std::mutex> guard(mutex_);
  if (text != nullptr && ++held_ > kMostHeld) {
    texts_.clear();
    held_ = 1;
  }
  texts_.insert_or_assign(identity, text);
}

TextHash::Value Cache::name_of_identity(const Identity& identity) const {
  const std::array<uint64_t, 9> words = {0x6964,  // apart from the hashes of texts
                                         identity.device,
                                         identity.inode,
                                         identity.size,
                                         static_cast<uint64_t>(identity.changed_s),
                                         static_cast<uint64_t>(identity.changed_ns),
                                         static_cast<uint64_t>(identity.modified_s),
                                         static_cast<uint64_t>(identity.modified_ns),
                                         word_of(identity.wanted)};
  TextHash hash(store_->key());
  hash.add({reinterpret_cast<const uint8_t*>(words.data()), sizeof words});
  return hash.value();
}

Result<PatchedText> Cache::make(int fd, const Identity& identity, bool settled, const std::string& name) {
  LITEBOX_ASSIGN(const TextSegment text, find_text_segment(fd));
  if (settled && store_) {
    auto known = sites_of_known(fd, identity);
    if (known.ok()) return patch(fd, text, *known, identity.wanted, name);
    if (known.error().number() == ENOEXEC) return std::move(known).error();
  }
  auto sites = sites_of(fd, text, identity.wanted);
  if (settled && store_ && (sites.ok() || sites.error().number() == ENOEXEC)) {
    Store::Entry entry;
    if (sites.ok()) entry = {*sites, hash_of_pages(fd, *sites, store_->key())};
    store_->add(name_of_identity(identity), entry);
  }
  if (!sites.ok()) return std::move(sites).error();
  return patch(fd, text, *sites, identity.wanted, name);
}

// ENOENT: nothing is known; ENOEXEC: there are none.
Result<std::vector<Site>> Cache::sites_of_known(int fd, const Identity& identity) const {
  auto entry = store_->find(name_of_identity(identity));
  if (!entry) return Error(ENOENT);
  if (entry->sites.empty()) return Error(ENOEXEC);
  if (hash_of_pages(fd, entry->sites, store_->key()) != entry->pages) return Error(ENOENT);
  return std::move(entry->sites);
}

Result<std::vector<Site>> Cache::sites_of(int fd, const TextSegment& text, const Wanted& wanted) {
  LITEBOX_ASSIGN(const Reading reading, read_text(fd, text, wanted, store_ ? store_->key() : TextHash::Key{}));
  if (!reading.worth_scanning) return Error(ENOEXEC);
  std::vector<Site> sites;
  if (auto entry = store_ ? store_->find(reading.hash) : std::nullopt) {
    sites = std::move(entry->sites);
  } else {
    ++scans_;
    LITEBOX_ASSIGN(const Fd scanner, open_scanner_());
    LITEBOX_ASSIGN(sites, run_scanner(scanner.get(), fd));
    if (store_) store_->add(reading.hash, {sites, {}});
  }
  std::erase_if(sites, [&wanted](const Site& site) { return !has_trampoline(site.number, wanted); });
  if (sites.empty()) return Error(ENOEXEC);
  return sites;
}

}  // namespace litebox::rewrite
