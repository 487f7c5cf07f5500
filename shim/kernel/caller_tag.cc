#include "shim/kernel/caller_tag.h"

namespace litebox::kernel {
namespace {

struct Served {
  HostPid thread, process;  // 0: nobody
  uint64_t version = 0;     // 0: no tag yet
  uint64_t tag = 0;

  bool is(HostPid either) const { return either.value() > 0 && (either == thread || either == process); }
};

thread_local Served served;

}  // namespace

CallerTag::CallerTag(HostPid thread, HostPid process) { served = {thread, process}; }

CallerTag::~CallerTag() { forget(); }

std::optional<uint64_t> CallerTag::known(HostPid process_or_thread, uint64_t version) {
  if (version == 0 || served.version != version || !served.is(process_or_thread)) return std::nullopt;
  return served.tag;
}

void CallerTag::found(HostPid process_or_thread, uint64_t version, uint64_t tag) {
  if (!served.is(process_or_thread)) return;
  served.version = version;
  served.tag = tag;
}

void CallerTag::forget() { served = {}; }

}  // namespace litebox::kernel
