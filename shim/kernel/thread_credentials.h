// Credentials that a thread has for itself. To the kernel they are every thread's own (credentials(7)); the C library gives all
// threads of a process the same, so a process's state holds them (process_state.h), and this table what single threads have
// made of theirs with a raw system call. Not thread-safe: StateTable guards it.
//
// Known difference: a thread that is made by one of these begins with the credentials of its process.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/fd.h"
#include "base/ids.h"
#include "base/result.h"
#include "shim/kernel/process_state.h"

namespace litebox::kernel {

class ThreadCredentials {
 public:
  // Whether there is an entry; may be asked by anyone at any time.
  bool any() const { return any_; }

  // The state of a thread's process with what is its own; null when nothing is.
  ProcessStatePtr apply(HostPid thread, const ProcessState& process_state);
  Status set(HostPid process, HostPid thread, const ProcessState& state);
  void remove(HostPid thread);
  // All that the threads of a process have for themselves.
  void forget(HostPid process);
  // Forgets threads that have ended.
  void prune();

  bool has(HostPid process) const;
  // Whether every thread of the process but this one has these credentials for itself, or there is no other.
  bool shared_by_others(HostPid process, HostPid thread, const Credentials& credentials);

  // A state's number (StateTable) that a process with entries carries, and that those inherit which its threads fork.
  void mark(HostPid process, uint32_t number) { numbers_[number] = process; }
  // The process whose number this is.
  std::optional<HostPid> owner_of(uint32_t number);

 private:
  struct Entry {
    HostPid process;
    Fd pidfd;
    std::shared_ptr<const Credentials> credentials;
    std::shared_ptr<const rootfs::Identity> identity;
  };
  void entries_changed();

  std::atomic<bool> any_{false};
  std::map<HostPid, Entry> entries_;  // by thread
  std::map<uint32_t, HostPid> numbers_;
};

bool same_credentials(const Credentials& a, const Credentials& b);

// The thread of `parent` that has forked `child`, while it lives (/proc/<pid>/task/<tid>/children).
std::optional<HostPid> forking_thread(HostPid parent, HostPid child);

}  // namespace litebox::kernel
