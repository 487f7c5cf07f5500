// The seccomp listener: receiving notifications, answering them, putting descriptors into guests (seccomp_unotify(2)).
#pragma once

#include <linux/seccomp.h>

#include <cstdint>

#include "base/fd.h"
#include "base/result.h"

namespace litebox::monitor {

class Listener {
 public:
  // Takes the listener's descriptor and asks for synchronous wake-ups where the kernel has them (Linux 6.6).
  explicit Listener(Fd fd);

  // Waits for the next notification. ENOENT: its task has just died; EINTR: a signal to this thread; ENODEV: no task is under
  // the filter any more.
  Result<seccomp_notif> receive() const;

  // Ends the call with `value` (-errno for an error). ENOENT when the task has died meanwhile.
  Status answer(uint64_t id, int64_t value) const;
  // Lets the kernel carry the call out, with the registers that it was made with.
  Status proceed(uint64_t id) const;

  // Copies `fd` into the notifying task and returns its number there.
  Result<int> install(uint64_t id, int fd, bool close_on_exec) const;

  // The same, close-on-exec, and the number is the call's answer. After an error the call still waits for one.
  Result<int> answer_with(uint64_t id, int fd) const;

  int get() const { return fd_.get(); }

 private:
  Result<int> add(uint64_t id, int fd, uint32_t flags, uint32_t descriptor_flags) const;

  Fd fd_;
};

}  // namespace litebox::monitor
