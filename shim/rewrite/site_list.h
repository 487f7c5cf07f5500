// A list of sites as bytes: what the scanner answers, and what is kept of it on disk.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "shim/rewrite/site.h"

namespace litebox::rewrite {

constexpr size_t kMostSites = 65536;

std::string write_sites(std::span<const Site> sites);

// EINVAL unless `bytes` is a whole list, ascending, of at most kMostSites.
Result<std::vector<Site>> read_sites(std::string_view bytes);

// The largest list in bytes.
constexpr size_t kLargestSiteList = 16 + kMostSites * 13;

}  // namespace litebox::rewrite
