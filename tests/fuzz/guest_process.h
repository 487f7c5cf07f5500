// A process that stands for a guest: it does nothing, holds descriptors, and has memory that the fuzzer writes.
//
// It is stopped whenever calls are made for it, so that a signal sent to it stays pending, as one does to a thread that waits
// for the answer to its call. It blocks every signal but SIGURG.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/fd.h"

namespace litebox::fuzz {

// Memory at the same address in this process and in every guest: pages to write, one that guests can only read, and one that
// they have not.
class GuestImage {
 public:
  static constexpr size_t kPage = 4096;
  static constexpr size_t kWritable = 4 * kPage;
  static constexpr size_t kReadable = 5 * kPage;

  GuestImage();
  std::span<uint8_t> bytes() const { return {bytes_, kWritable}; }
  uint64_t address(size_t offset) const { return reinterpret_cast<uint64_t>(bytes_) + offset; }

 private:
  uint8_t* bytes_;
};

class GuestProcess {
 public:
  static constexpr int kSlots = 32;  // the descriptors that it may have: 0 to 31

  GuestProcess();
  ~GuestProcess();
  GuestProcess(const GuestProcess&) = delete;
  GuestProcess& operator=(const GuestProcess&) = delete;

  pid_t pid() const { return pid_; }
  // Waits until it is stopped, or has ended. False when it has ended.
  bool settle();
  // Leaves it with these descriptors alone. False when it does not answer: it is of no use any more.
  bool reset(const std::vector<std::pair<int, int>>& descriptors);  // slot, descriptor
  bool install(int slot, int descriptor);
  // Sends it a signal to handle, which stays pending.
  void interrupt() const;

 private:
  struct Command;
  bool command(const Command& command, const std::vector<int>& descriptors);
  [[noreturn]] static void serve(int socket);

  pid_t pid_ = 0;
  bool ended_ = false;
  Fd socket_;
};

}  // namespace litebox::fuzz
