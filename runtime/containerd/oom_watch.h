// Tells when the kernel has killed a process of a container for want of memory: cgroup v1 by an eventfd on memory.oom_control,
// v2 by inotify on memory.events.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "runtime/containerd/event_loop.h"

namespace litebox::containerd {

class OomWatch {
 public:
  // Nothing without a memory controller among the container's cgroup directories.
  static std::unique_ptr<OomWatch> create(EventLoop& loop, const std::vector<std::string>& cgroups,
                                          std::function<void()> killed);
  OomWatch(const OomWatch&) = delete;
  OomWatch& operator=(const OomWatch&) = delete;
  ~OomWatch();

  // Looks now, as an exit may be noticed before its cause.
  void check();

 private:
  OomWatch(EventLoop& loop, Fd descriptor, std::string counter_path, std::function<void()> killed);
  uint64_t kills() const;

  EventLoop& loop_;
  Fd descriptor_;
  std::string counter_path_;  // a file with a line "oom_kill N"
  std::function<void()> killed_;
  uint64_t seen_ = 0;
};

}  // namespace litebox::containerd
