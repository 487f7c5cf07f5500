// A monitor's control socket that answers every request with the same bytes.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "base/fd.h"

namespace litebox::fuzz {

class AnsweringMonitor {
 public:
  explicit AnsweringMonitor(const std::string& directory);
  ~AnsweringMonitor();
  AnsweringMonitor(const AnsweringMonitor&) = delete;
  AnsweringMonitor& operator=(const AnsweringMonitor&) = delete;

  // Of one message, without descriptors; nothing but the connection's end for an empty one.
  void answer_with(std::string_view bytes);

 private:
  void serve() const;

  Fd listener_;
  mutable std::mutex mutex_;
  std::string answer_;
  std::thread thread_;
};

}  // namespace litebox::fuzz
