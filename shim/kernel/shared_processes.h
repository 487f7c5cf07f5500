// The containers whose processes see each other: what joining another container's pid namespace means here.
//
// A process's tag begins with its container's prefix (state_table.h). The list of the prefixes that belong together is in a
// file of the state directory, which the monitor of every container that joins maps too; the first container's init is pid 1 to
// all.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/ids.h"
#include "base/result.h"

namespace litebox::kernel {

class SharedProcesses {
 public:
  // The new file `path`, which must not exist.
  static Result<SharedProcesses> create(const std::string& path);
  // The file of a container that exists.
  static Result<SharedProcesses> open(const std::string& path);
  SharedProcesses(SharedProcesses&& other) noexcept : file_(std::move(other.file_)), list_(other.list_) {
    other.list_ = nullptr;
  }
  SharedProcesses& operator=(SharedProcesses&&) = delete;
  ~SharedProcesses();

  // Adds a container: its prefix, and the directory in which its monitor can be asked. ENOSPC: too many.
  Status add(uint32_t prefix, const std::string& directory);

  // The process that is pid 1 to all; none before the first container's init has been made.
  HostPid first() const { return HostPid(list_->first.load()); }
  void set_first(HostPid init) { list_->first.store(init.value()); }

  // Whether any other container than the one with this prefix is in the list: what most calls need to know, and quickly.
  bool has_others(uint32_t prefix) const;
  // The directory of the container with the prefix.
  std::optional<std::string> directory_of(uint32_t prefix) const;

 private:
  static constexpr size_t kContainers = 64;
  struct Entry {
    std::atomic<uint32_t> prefix;  // 0: free. Written last.
    char directory[508];
  };
  struct List {
    std::atomic<pid_t> first;
    Entry entries[kContainers];
  };

  SharedProcesses(Fd file, List* list) : file_(std::move(file)), list_(list) {}
  static Result<SharedProcesses> map(Fd file, const std::string& path);

  Fd file_;
  List* list_;
};

}  // namespace litebox::kernel
