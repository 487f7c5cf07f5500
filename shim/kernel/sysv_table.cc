#include "shim/kernel/sysv_table.h"

#include <array>
#include <cstdio>

#include "shim/kernel/sysv_messages.h"
#include "shim/kernel/sysv_semaphores.h"
#include "shim/kernel/sysv_shared_memory.h"
#include "shim/kernel/world.h"

namespace litebox::kernel {
namespace {

constexpr size_t kLongestRow = 400;
constexpr unsigned long kPage = 4096;

// What is shown of a process that may have ended long ago.
unsigned shown(const World& world, HostPid process) {
  return static_cast<unsigned>(process == world.init() ? 1 : process.value());
}

long long seconds(time_t time) { return static_cast<long long>(time); }

template <typename... Values>
void append(std::string& text, const char* format, Values... values) {
  std::array<char, kLongestRow> row;
  const int length = std::snprintf(row.data(), row.size(), format, values...);
  if (length > 0) text.append(row.data(), std::min(static_cast<size_t>(length), row.size() - 1));
}

std::string semaphores() {
  std::string text;
  for (const SemaphoreSetStatus& set : SysvSemaphores::of_this_container().all()) {
    const IpcPermissions& owner = set.permissions;
    append(text, "%10d %10d  %4o %10zu %5u %5u %5u %5u %10lld %10lld\n", owner.key, owner.id, owner.mode, set.count, owner.uid,
           owner.gid, owner.creator_uid, owner.creator_gid, seconds(set.operated), seconds(set.changed));
  }
  return text;
}

std::string messages(const World& world) {
  std::string text;
  for (const MessageQueueStatus& queue : SysvMessages::of_this_container().all()) {
    const IpcPermissions& owner = queue.permissions;
    append(text, "%10d %10d  %4o  %10zu %10zu %5u %5u %5u %5u %5u %5u %10lld %10lld %10lld\n", owner.key, owner.id, owner.mode,
           queue.bytes, queue.messages, shown(world, queue.last_sender), shown(world, queue.last_receiver), owner.uid,
           owner.gid, owner.creator_uid, owner.creator_gid, seconds(queue.sent), seconds(queue.received),
           seconds(queue.changed));
  }
  return text;
}

std::string shared_memory(const World& world) {
  std::string text;
  for (const SharedMemoryStatus& segment : SysvSharedMemory::of_this_container().all()) {
    const IpcPermissions& owner = segment.permissions;
    append(text, "%10d %10d  %4o %21zu %5u %5u  %5lu %5u %5u %5u %5u %10lld %10lld %10lld %21lu %21lu\n", owner.key, owner.id,
           owner.mode | segment.flags, segment.size, shown(world, segment.creator), shown(world, segment.last),
           segment.attachments, owner.uid, owner.gid, owner.creator_uid, owner.creator_gid, seconds(segment.attached),
           seconds(segment.detached), seconds(segment.changed), segment.resident_pages * kPage, 0UL);
  }
  return text;
}

}  // namespace

std::string system_v_table(const World& world, const std::string& name) {
  if (name == "sem") return semaphores();
  if (name == "msg") return messages(world);
  return name == "shm" ? shared_memory(world) : std::string();
}

}  // namespace litebox::kernel
