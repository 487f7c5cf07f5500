// The vectors that the kernel leaves on a new program's stack: argc, argv, envp and the auxiliary vector.
//
//   low  [argc argv... NULL envp... NULL auxv... AT_NULL] gap, random bytes, platform [argv strings][envp strings][execfn] high
#pragma once

#include "shim/guest/abi.h"
#include "shim/guest/native.h"

namespace litebox::guest {

struct AuxiliaryEntry {
  uint64_t type;
  uint64_t value;
};

class Vectors {
 public:
  // `stack`: the stack pointer at the entry of a program.
  explicit Vectors(uint64_t* stack);

  // Gives the program its own AT_EXECFN and, for a script, the interpreter's strings in place of argv[0], which are laid out
  // right before those of argv[1], as the kernel does it. Moves the vectors down by less than kVectorRoom. 0 or -errno.
  long adopt(const abi::Launch& launch);

  // Changes the entry if the kernel made one.
  void set(uint64_t type, uint64_t value);

  uint64_t* stack() const { return stack_; }
  const AuxiliaryEntry* auxiliary() const { return auxiliary_; }
  uint64_t auxiliary_size() const { return auxiliary_count_ * sizeof(AuxiliaryEntry); }  // bytes, AT_NULL included
  uint64_t stack_top() const { return stack_top_; }

  // Where /proc/<pid>/cmdline and environ are read from.
  uint64_t arguments_start() const { return arguments_start_; }
  uint64_t arguments_end() const { return arguments_end_; }
  uint64_t environment_start() const { return arguments_end_; }
  uint64_t environment_end() const { return environment_end_; }

 private:
  uint64_t get(uint64_t type) const;

  uint64_t* stack_;
  uint64_t argument_count_;
  uint64_t environment_count_ = 0;
  AuxiliaryEntry* auxiliary_;
  uint64_t auxiliary_count_ = 0;
  uint64_t arguments_start_, arguments_end_, environment_end_;
  uint64_t stack_top_;  // page-aligned
};

}  // namespace litebox::guest
