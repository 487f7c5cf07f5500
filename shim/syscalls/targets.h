// The processes, threads and groups that an argument names: members only, with 1 as init's alias.
#pragma once

#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "shim/kernel/world.h"
#include "shim/syscalls/call.h"

namespace litebox::syscalls {

// A thread id argument: 0 is the calling thread. ESRCH for outsiders and negative numbers.
Result<HostPid> named_thread(const Call& call, int argument);
// A process id argument: 0 is the calling process. ESRCH as above.
Result<HostPid> named_process(const Call& call, int argument);

// The member processes of a process group; empty when it has none.
std::vector<HostPid> members_of_group(const kernel::World& world, HostPid group);
// Every thread of a process that is there at the moment.
std::vector<HostPid> threads_of(HostPid process);

// What an id that the kernel reports is inside: init is 1, a member or a group of members itself, an outsider 0.
int process_inside(const kernel::World& world, HostPid process);
// The same of who is at the other end of something: who has ended keeps the id, as pid_vnr() tells it.
int peer_inside(const kernel::World& world, HostPid process);
int group_inside(const kernel::World& world, HostPid group);

}  // namespace litebox::syscalls
