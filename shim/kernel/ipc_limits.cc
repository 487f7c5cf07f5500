#include "shim/kernel/ipc_limits.h"

#include <charconv>
#include <vector>

namespace litebox::kernel {
namespace {

// The largest numbers of objects (IPCMNI) and of what the kernel keeps in an int.
constexpr uint64_t kMostObjects = 32768;
constexpr uint64_t kMostInInt = INT32_MAX;

IpcLimits& limits_in_force() {
  static IpcLimits limits;
  return limits;
}

Result<std::vector<uint64_t>> numbers(const std::string& text) {
  std::vector<uint64_t> found;
  for (size_t at = 0; (at = text.find_first_not_of(" \t\n", at)) != std::string::npos;) {
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + text.size(), number);
    const size_t next = static_cast<size_t>(end - text.data());
    if (error != std::errc() || (next < text.size() && std::string(" \t\n").find(*end) == std::string::npos)) {
      return Error(EINVAL);
    }
    found.push_back(number);
    at = next;
  }
  return found;
}

}  // namespace

Result<IpcLimits> read_ipc_limits(const std::map<std::string, std::string>& settings) {
  IpcLimits limits;
  // Each setting's places, and the largest value of one.
  struct Setting {
    const char* path;
    uint64_t most;
    std::vector<uint64_t*> places;
  };
  const Setting known[] = {
      {"kernel/msgmax", kMostInInt, {&limits.message_bytes}},
      {"kernel/msgmnb", kMostInInt, {&limits.queue_bytes}},
      {"kernel/msgmni", kMostObjects, {&limits.queues}},
      {"kernel/sem", kMostInInt, {&limits.set_semaphores, &limits.semaphores, &limits.operations, &limits.sets}},
      {"kernel/shmmax", UINT64_MAX, {&limits.segment_bytes}},
      {"kernel/shmall", UINT64_MAX, {&limits.pages}},
      {"kernel/shmmni", kMostObjects, {&limits.segments}},
  };
  for (const Setting& setting : known) {
    const auto found = settings.find(setting.path);
    if (found == settings.end()) continue;
    auto values = numbers(found->second);
    if (!values.ok() || values->size() != setting.places.size()) return Error(EINVAL, found->first + "=" + found->second);
    for (size_t i = 0; i < values->size(); ++i) {
      if ((*values)[i] > setting.most) return Error(EINVAL, found->first + "=" + found->second);
      *setting.places[i] = (*values)[i];
    }
  }
  if (limits.sets > kMostObjects) return Error(EINVAL, "kernel/sem");
  return limits;
}

const IpcLimits& ipc_limits() { return limits_in_force(); }
void set_ipc_limits(const IpcLimits& limits) { limits_in_force() = limits; }

}  // namespace litebox::kernel
