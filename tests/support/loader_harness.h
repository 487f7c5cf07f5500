// Runs a program through the shim blob alone: a monitor of one page that answers nothing but the blob's own calls.
//
// The program is otherwise an ordinary process of this machine, so whatever differs from a native execution is the loader's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace litebox::test {

struct Program {
  std::string path;                    // the ELF file
  std::vector<std::string> arguments;  // argv as the caller of execve passes it
  std::vector<std::string> environment = {"PATH=/usr/bin:/bin", "LC_ALL=C"};
  std::vector<std::string> prefix;           // takes argv[0]'s place: what a script's first line and path make
  std::string file_name;                     // AT_EXECFN; empty: path
  std::string comm;                          // empty: the last component of file_name
  uint64_t random_seed = 0x123456789abcdef;  // 0: no randomisation
  std::optional<uint64_t> stack_limit;       // RLIMIT_STACK, both limits
  std::optional<std::string> interpreter;    // a file other than the one PT_INTERP names
};

struct Outcome {
  int status = 0;        // as from waitpid(2)
  int loader_error = 0;  // what the loader reported by kHypercallFailed
  std::string output;    // stdout and stderr
  std::string description() const;
};

Result<Outcome> run_through_loader(const Program& program);
// The same program by a plain execve: the oracle. Uses prefix only in that it takes argv[0]'s place.
Result<Outcome> run_natively(const Program& program);

}  // namespace litebox::test
