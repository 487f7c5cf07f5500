#include "base/descriptor_limit.h"

#include <algorithm>

namespace litebox {
namespace {

constexpr size_t kSmallestCache = 4;
constexpr size_t kPart = 8;

rlimit descriptor_limit() {
  rlimit limit{};
  (void)::getrlimit(RLIMIT_NOFILE, &limit);
  return limit;
}

}  // namespace

rlimit raise_descriptor_limit() {
  const rlimit before = descriptor_limit();
  const rlimit raised{before.rlim_max, before.rlim_max};
  (void)::setrlimit(RLIMIT_NOFILE, &raised);
  return before;
}

size_t cache_descriptors(size_t most) {
  return std::clamp<size_t>(static_cast<size_t>(descriptor_limit().rlim_cur) / kPart, kSmallestCache, most);
}

}  // namespace litebox
