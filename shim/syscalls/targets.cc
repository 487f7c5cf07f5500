#include "shim/syscalls/targets.h"

#include <dirent.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <string>

namespace litebox::syscalls {

Result<HostPid> named_thread(const Call& call, int argument) {
  if (argument == 0) return call.thread;
  if (argument < 0) return Error(ESRCH);
  const HostPid thread = call.world.to_host(VirtualPid(argument));
  if (thread != call.thread && !call.world.is_member(thread)) return Error(ESRCH);
  return thread;
}

Result<HostPid> named_process(const Call& call, int argument) {
  if (argument == 0) return call.process;
  return named_thread(call, argument);
}

std::vector<HostPid> members_of_group(const kernel::World& world, HostPid group) {
  std::vector<HostPid> members = world.members();
  std::erase_if(members, [group](HostPid member) { return getpgid(member.value()) != group.value(); });
  return members;
}

std::vector<HostPid> threads_of(HostPid process) {
  std::vector<HostPid> threads;
  const std::string path = "/proc/" + std::to_string(process.value()) + "/task";
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(path.c_str()), closedir);
  if (!directory) return threads;
  while (const dirent* entry = readdir(directory.get())) {
    if (const int id = std::atoi(entry->d_name); id > 0) threads.emplace_back(id);
  }
  return threads;
}

int process_inside(const kernel::World& world, HostPid process) {
  return world.is_member(process) ? world.to_virtual(process).value() : 0;
}

int peer_inside(const kernel::World& world, HostPid process) {
  const int inside = process_inside(world, process);
  const bool ended = inside == 0 && kill(process.value(), 0) != 0 && errno == ESRCH;
  return ended ? process.value() : inside;
}

int group_inside(const kernel::World& world, HostPid group) {
  if (group == world.init()) return 1;
  return members_of_group(world, group).empty() ? 0 : group.value();
}

}  // namespace litebox::syscalls
