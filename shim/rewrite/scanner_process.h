// Runs the scanner (shim/rewrite/scanner): a program of its own, because it decodes what may be hostile.
#pragma once

#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "shim/rewrite/site.h"

namespace litebox::rewrite {

// The scanner that this program carries (scanner_image.h), as a sealed memfd.
Result<Fd> open_scanner();

// The sites of the ELF file open at `fd`, as the program open at `scanner` says; nothing of that is to be believed. EINVAL: it
// has refused the file or said nonsense; ETIME: it took longer than kScanTimeoutMs.
Result<std::vector<Site>> run_scanner(int scanner, int fd);

constexpr int kScanTimeoutMs = 30000;

}  // namespace litebox::rewrite
