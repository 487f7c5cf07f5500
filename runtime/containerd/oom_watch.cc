#include "runtime/containerd/oom_watch.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <sstream>

#include "runtime/files.h"

namespace litebox::containerd {
namespace {

// cgroup-v1/memory.rst "OOM Control": the eventfd and the control file, written to cgroup.event_control.
Fd watch_v1(const std::string& directory) {
  const Fd control(open((directory + "/memory.oom_control").c_str(), O_RDONLY | O_CLOEXEC));
  if (!control) return {};
  Fd event(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event) return {};
  const std::string text = std::to_string(event.get()) + " " + std::to_string(control.get());
  if (!runtime::write_control_file(directory + "/cgroup.event_control", text).ok()) return {};
  return event;
}

Fd watch_v2(const std::string& directory) {
  Fd notify(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!notify || inotify_add_watch(notify.get(), (directory + "/memory.events").c_str(), IN_MODIFY) < 0) return {};
  return notify;
}

}  // namespace

std::unique_ptr<OomWatch> OomWatch::create(EventLoop& loop, const std::vector<std::string>& cgroups,
                                           std::function<void()> killed) {
  for (const std::string& directory : cgroups) {
    std::string counter = directory + "/memory.oom_control";
    Fd descriptor = watch_v1(directory);
    if (!descriptor) {
      counter = directory + "/memory.events";
      descriptor = watch_v2(directory);
    }
    if (!descriptor) continue;
    std::unique_ptr<OomWatch> watch(new OomWatch(loop, std::move(descriptor), std::move(counter), std::move(killed)));
    OomWatch* raw = watch.get();
    if (!loop.watch(raw->descriptor_.get(), EPOLLIN, [raw](uint32_t /*events*/) { raw->check(); }).ok()) return nullptr;
    return watch;
  }
  return nullptr;
}

OomWatch::OomWatch(EventLoop& loop, Fd descriptor, std::string counter_path, std::function<void()> killed)
    : loop_(loop), descriptor_(std::move(descriptor)), counter_path_(std::move(counter_path)), killed_(std::move(killed)) {
  seen_ = kills();
}

OomWatch::~OomWatch() { loop_.forget(descriptor_.get()); }

uint64_t OomWatch::kills() const {
  const auto text = runtime::read_file(AT_FDCWD, counter_path_);
  if (!text.ok()) return seen_;  // the cgroup is gone, which is an event of v1 too
  std::istringstream words(*text);
  std::string name;
  uint64_t value = 0;
  while (words >> name >> value) {
    if (name == "oom_kill") return value;
  }
  return seen_;
}

void OomWatch::check() {
  std::array<char, 4096> ignored{};
  while (read(descriptor_.get(), ignored.data(), ignored.size()) > 0) continue;
  const uint64_t now = kills();
  if (now == seen_) return;
  seen_ = now;
  killed_();
}

}  // namespace litebox::containerd
