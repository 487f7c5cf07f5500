// Rewritten text: a sealed memfd that holds the pages that changed, at the offsets that they have in the file, and the
// trampolines behind them. A guest maps both instead of the original pages, before any code of them runs.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "shim/guest/abi.h"
#include "shim/rewrite/site.h"
#include "shim/rewrite/text_segment.h"

namespace litebox::rewrite {

struct PatchedText {
  Fd memfd;                // open for reading, sealed
  abi::RewrittenText map;  // how to map it; map.fd is -1
};

// Rewrites `sites` (ascending) of the file open at `fd`, whose text is `text`. Only what looks like a site is one: EINVAL when
// the bytes of one are not there, when two overlap, or when more than kMostOfAnyNumber are of any number. ENOSPC: there are
// none, or no room for trampolines below the image. `name`: of the memfd, see name_of().
Result<PatchedText> patch(int fd, const TextSegment& text, std::span<const Site> sites, const Wanted& wanted,
                          const std::string& name);

// The memfd's name, from which /proc/<pid>/maps finds its way back to the original file: the file's device and inode as they
// are printed there. patch() adds where the trampolines begin.
std::string name_of(const struct stat& original);

}  // namespace litebox::rewrite
