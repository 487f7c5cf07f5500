// litebox-scan: the system call sites of the ELF file on standard input, written to standard output for the rewriter
// (shim/rewrite/site_list.h) or, with --report, for people. It confines itself before it looks at the file.
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <map>
#include <span>
#include <string>

#include "shim/rewrite/scanner/confine.h"
#include "shim/rewrite/scanner/scan.h"
#include "shim/rewrite/site_list.h"

namespace {

using litebox::rewrite::Scan;

constexpr int kInput = STDIN_FILENO;
constexpr int kOutput = STDOUT_FILENO;
constexpr off_t kLargestFile = 1LL << 30U;

bool write_all(const std::string& text) {
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = ::write(kOutput, text.data() + done, text.size() - done);
    if (n <= 0) return false;
    done += static_cast<size_t>(n);
  }
  return true;
}

std::string report(const Scan& scan) {
  std::string text =
      "rewritable sites: " + std::to_string(scan.sites.size()) + "\nof any number: " + std::to_string(scan.of_any_number) +
      "\nwithout a number: " + std::to_string(scan.without_number) + "\nbranched into: " + std::to_string(scan.branched_into) +
      "\ndoubtful: " + std::to_string(scan.doubtful) + "\n";
  for (const auto& site : scan.sites) {
    const std::string number = site.number == litebox::rewrite::kAnyNumber ? "any" : std::to_string(site.number);
    text += std::to_string(site.offset) + " " + number + "\n";
  }
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  const bool for_people = argc > 1 && std::strcmp(argv[1], "--report") == 0;
  struct stat status {};
  if (::fstat(kInput, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size <= 0 || status.st_size > kLargestFile)
    return 2;
  const auto size = static_cast<size_t>(status.st_size);
  const void* const bytes = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, kInput, 0);
  if (bytes == MAP_FAILED || !litebox::rewrite::confine()) return 2;
  const auto found = litebox::rewrite::scan({static_cast<const uint8_t*>(bytes), size});
  if (!found.ok()) return 1;
  return write_all(for_people ? report(*found) : litebox::rewrite::write_sites(found->sites)) ? 0 : 2;
}
