// The commands on a container that exists: start, kill, pause, resume, ps, update.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"
#include "oci/resources.h"
#include "runtime/create.h"
#include "runtime/state_directory.h"

namespace litebox::runtime {

// What becomes of a program's word to the service manager that it is ready (runtime/notify_socket.h).
enum class Readiness {
  awaited,          // the call returns when it is there
  forwarded_aside,  // by a process of its own, whenever it comes
};

// Executes the program of a created container, with the hooks startContainer before it and poststart after it. Returns once the
// program has been executed, or is ready. A hook that fails destroys the container.
Status start_container(const std::string& root, const std::string& id, Readiness readiness = Readiness::awaited);
// The same for one that this command has just created, and still has locked.
Status start_container(CreatedContainer container, Readiness readiness);

// `all`: every process, not init only. "container not running" when it has stopped, unless `all`, which then kills what is
// left.
Status kill_container(const std::string& root, const std::string& id, int signal, bool all);

Status pause_container(const std::string& root, const std::string& id);
Status resume_container(const std::string& root, const std::string& id);

// Host pids of the guests; none when it has stopped.
Result<std::vector<pid_t>> container_processes(const std::string& root, const std::string& id);

// Writes other limits into the container's cgroups.
Status update_container(const std::string& root, const std::string& id, const oci::Resources& resources);

}  // namespace litebox::runtime
