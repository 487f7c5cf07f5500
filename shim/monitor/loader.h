// The blob as a file that guests execute: a memfd, in which the container's ids stand (abi::Ids).
#pragma once

#include <sys/types.h>

#include "base/fd.h"
#include "base/result.h"
#include "shim/guest/abi.h"

namespace litebox::monitor {

class Loader {
 public:
  // It can be executed when it is sealed. The errors of memfd_create(2) and write(2).
  static Result<Loader> make();

  // Writes the ids; from then on nobody can change the file, or has it open for writing.
  Status seal(const abi::Ids& ids);

  int descriptor() const { return readable_.get(); }  // open for reading
  // What a process executes that executes it.
  dev_t device() const { return device_; }
  ino_t inode() const { return inode_; }

 private:
  Loader(Fd writable, Fd readable, dev_t device, ino_t inode)
      : writable_(std::move(writable)), readable_(std::move(readable)), device_(device), inode_(inode) {}

  Fd writable_;
  Fd readable_;
  dev_t device_;
  ino_t inode_;
};

}  // namespace litebox::monitor
