#include "shim/rewrite/patched_text.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>

#include "shim/rewrite/gap.h"
#include "shim/rewrite/trampoline.h"

namespace litebox::rewrite {
namespace {

constexpr uint64_t kLowestFixedAddress = 1U << 16U;  // vm.mmap_min_addr
// Each run is a mapping, two more areas to fork, and a fault of its own, which cost more than to copy what lies between two of
// them once.
constexpr uint64_t kShortestGap = 64U << 10U;

// Pages of the file, in ascending order; a hole at its end reads as zeros, as it does in a mapping.
Result<std::vector<uint8_t>> read_pages(int fd, const abi::RewrittenText::Run& run) {
  std::vector<uint8_t> bytes(run.size);
  size_t got = 0;
  while (got < bytes.size()) {
    const ssize_t n = ::pread(fd, bytes.data() + got, bytes.size() - got, static_cast<off_t>(run.file_offset + got));
    if (n < 0) return last_error();
    if (n == 0) break;
    got += static_cast<size_t>(n);
  }
  return bytes;
}

// Joins the two that are closest to each other: what lies between them is mapped as well.
void join_closest(std::vector<abi::RewrittenText::Run>& runs) {
  size_t closest = 0;
  uint64_t least = UINT64_MAX;
  for (size_t i = 0; i + 1 < runs.size(); ++i) {
    const uint64_t gap = runs[i + 1].file_offset - (runs[i].file_offset + runs[i].size);
    if (gap >= least) continue;
    least = gap;
    closest = i;
  }
  runs[closest].size += least + runs[closest + 1].size;
  runs.erase(runs.begin() + static_cast<ptrdiff_t>(closest) + 1);
}

// The pages that the sites lie in and the short gaps between them.
std::vector<abi::RewrittenText::Run> runs_of(std::span<const Site> sites) {
  std::vector<abi::RewrittenText::Run> runs;
  for (const Site& site : sites) {
    const uint64_t first = page_floor(site.offset);
    const uint64_t end = page_ceiling(site.offset + kMovSize);
    if (!runs.empty() && runs.back().file_offset + runs.back().size + kShortestGap >= first) {
      runs.back().size = std::max(end, runs.back().file_offset + runs.back().size) - runs.back().file_offset;
    } else {
      runs.push_back({first, end - first});
    }
  }
  while (runs.size() > abi::kMostRuns) join_closest(runs);
  return runs;
}

Status check(std::span<const Site> sites, const TextSegment& text) {
  uint64_t end = text.file_offset;
  size_t of_any_number = 0;
  for (const Site& site : sites) {
    if (site.number == kAnyNumber && ++of_any_number > kMostOfAnyNumber) return Error(EINVAL);
    if (site.offset < end || site.offset + size_of(site) > text.file_offset + text.size) return Error(EINVAL);
    end = site.offset + size_of(site);
  }
  return {};
}

Status write_all(int fd, std::span<const uint8_t> bytes, uint64_t offset) {
  const ssize_t written = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
  if (written < 0) return last_error();
  return written == static_cast<ssize_t>(bytes.size()) ? Status() : Error(ENOSPC);
}

// Whether these bytes are such a site.
bool is_site(std::span<const uint8_t> bytes, const Site& site) {
  const size_t before = bytes.size() - kSyscall.size();
  if (!std::equal(kSyscall.begin(), kSyscall.end(), bytes.begin() + static_cast<ptrdiff_t>(before))) return false;
  if (site.number == kAnyNumber) return can_be_moved(bytes.first(before), Number::any);
  const auto mov = mov_of(site.number);
  return std::equal(mov.begin(), mov.end(), bytes.begin()) &&
         can_be_moved(bytes.first(before).subspan(kMovSize), Number::fixed);
}

// Makes the trampolines and the jumps to them. What a site is must be there in full; the last bytes of one that reaches into
// a page that does not change are looked at in the file.
Status rewrite(int fd, const TextSegment& text, std::span<const Site> sites, const Wanted& wanted, uint64_t trampolines_address,
               const abi::RewrittenText::Run& run, std::vector<uint8_t>& pages, std::vector<uint8_t>& code) {
  for (const Site& site : sites) {
    if (site.offset < run.file_offset || site.offset >= run.file_offset + run.size) continue;
    std::vector<uint8_t> found(size_of(site));
    const size_t at = site.offset - run.file_offset;
    const size_t inside = std::min<size_t>(found.size(), pages.size() - at);
    std::copy_n(pages.begin() + static_cast<ptrdiff_t>(at), inside, found.begin());
    const size_t rest = found.size() - inside;
    if (rest != 0 &&
        ::pread(fd, found.data() + inside, rest, static_cast<off_t>(site.offset + inside)) != static_cast<ssize_t>(rest)) {
      return Error(EINVAL);
    }
    if (!is_site(found, site)) return Error(EINVAL);
    const size_t before = found.size() - kSyscall.size();
    const auto moved = std::span<const uint8_t>(found).first(before).last(moved_size(site));
    const uint64_t address = site.offset - text.file_offset + text.address;
    const SitePlace place{address, site.number, moved, {text.lowest, text.highest}};
    const uint64_t trampoline = append_trampoline(code, trampolines_address, place, wanted);
    const auto jump = jump_to(address, trampoline);
    std::copy(jump.begin(), jump.end(), pages.begin() + static_cast<ptrdiff_t>(at));
  }
  return {};
}

Result<Fd> seal(const Fd& writable) {
  if (::fchmod(writable.get(), 0444) != 0 ||
      ::fcntl(writable.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0) {
    return last_error("sealing rewritten text");
  }
  Fd readable(::open(("/proc/self/fd/" + std::to_string(writable.get())).c_str(), O_RDONLY | O_CLOEXEC));
  if (!readable) return last_error("reopening rewritten text");
  return readable;
}

}  // namespace

Result<PatchedText> patch(int fd, const TextSegment& text, std::span<const Site> sites, const Wanted& wanted,
                          const std::string& name) {
  LITEBOX_TRY(check(sites, text));
  const auto runs = runs_of(sites);
  if (runs.empty()) return Error(ENOSPC);

  // How large the trampolines become does not depend on where they lie.
  std::vector<uint8_t> code;
  const std::array<uint8_t, kMovSize + kLongestGap> moved{};
  for (const Site& site : sites) {
    append_trampoline(code, 0, {0, site.number, std::span(moved).first(std::min(moved_size(site), moved.size())), {0, 0}},
                      wanted);
  }
  const uint64_t trampolines_size = page_ceiling(code.size());
  code.clear();
  if (!text.any_address && text.lowest < trampolines_size + kLowestFixedAddress) return Error(ENOSPC);
  const uint64_t trampolines_address = text.lowest - trampolines_size;

  std::array<char, 20> trampolines_offset;
  std::snprintf(trampolines_offset.data(), trampolines_offset.size(), ":%lx", text.file_offset + text.size);
  const Fd writable(::memfd_create((name + trampolines_offset.data()).c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!writable) return last_error("memfd_create");
  PatchedText patched;
  patched.map.fd = -1;
  patched.map.run_count = static_cast<uint32_t>(runs.size());
  for (size_t i = 0; i < runs.size(); ++i) {
    LITEBOX_ASSIGN(std::vector<uint8_t> pages, read_pages(fd, runs[i]));
    LITEBOX_TRY(rewrite(fd, text, sites, wanted, trampolines_address, runs[i], pages, code));
    LITEBOX_TRY(write_all(writable.get(), pages, runs[i].file_offset));
    patched.map.runs[i] = runs[i];
  }
  patched.map.text_offset = text.file_offset;
  patched.map.text_size = text.size;
  patched.map.text_address = text.address;
  patched.map.trampolines_offset = text.file_offset + text.size;
  patched.map.trampolines_size = trampolines_size;
  patched.map.trampolines_distance = text.address - trampolines_address;
  code.resize(trampolines_size, 0xcc);
  LITEBOX_TRY(write_all(writable.get(), code, patched.map.trampolines_offset));
  LITEBOX_ASSIGN(patched.memfd, seal(writable));
  return patched;
}

std::string name_of(const struct stat& original) {
  std::array<char, 96> name;
  std::snprintf(name.data(), name.size(), "litebox-text:%02x:%02x:%lu", gnu_dev_major(original.st_dev),
                gnu_dev_minor(original.st_dev), original.st_ino);
  return name.data();
}

}  // namespace litebox::rewrite
