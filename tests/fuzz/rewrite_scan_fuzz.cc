// Any bytes as a program: whatever the scanner says are sites can be patched, or patching refuses; never more.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>

#include "base/fd.h"
#include "shim/rewrite/gap.h"
#include "shim/rewrite/patched_text.h"
#include "shim/rewrite/scanner/scan.h"
#include "shim/rewrite/site_list.h"
#include "shim/rewrite/text_segment.h"
#include "shim/rewrite/trampoline.h"
#include "tests/fuzz/input.h"

namespace {

using namespace litebox::rewrite;  // NOLINT(google-build-using-namespace)
using litebox::fuzz::require;

litebox::Fd file_of(const uint8_t* data, size_t size) {
  litebox::Fd file(::memfd_create("fuzz", MFD_CLOEXEC));
  require(file.valid() && ::write(file.get(), data, size) == static_cast<ssize_t>(size));
  return file;
}

void check_sites(std::span<const uint8_t> bytes, const std::vector<Site>& sites) {
  for (const Site& site : sites) {
    require(site.offset <= bytes.size() && bytes.size() - site.offset >= size_of(site));
    if (site.number == kAnyNumber) {
      require(can_be_moved(bytes.subspan(site.offset, moved_size(site)), Number::any));
    } else {
      const auto mov = mov_of(site.number);
      require(std::memcmp(bytes.data() + site.offset, mov.data(), mov.size()) == 0);
    }
    require(std::memcmp(bytes.data() + site.offset + size_of(site) - kSyscall.size(), kSyscall.data(), kSyscall.size()) == 0);
  }
  const auto again = read_sites(write_sites(sites));
  require(again.ok() && *again == sites);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const uint8_t> bytes(data, size);
  // As bare code.
  Scan bare;
  scan_range(bytes, {0, size, 0x1000}, {}, bare);
  check_sites(bytes, bare.sites);
  // As a whole file.
  auto whole = scan(bytes);
  if (whole.ok()) check_sites(bytes, whole->sites);
  const litebox::Fd file = file_of(data, size);
  const auto text = find_text_segment(file.get());
  if (text.ok()) {
    std::vector<Site> sites = whole.ok() ? whole->sites : bare.sites;
    std::erase_if(sites, [](const Site& site) { return !has_trampoline(site.number, {Role::interpreter, {}}); });
    (void)patch(file.get(), *text, sites, {Role::interpreter, {}}, "fuzz");
  }
  (void)read_sites({reinterpret_cast<const char*>(data), size});
  return 0;
}
