// The loader: turns the process that has just executed the blob into the program that the monitor names.
#pragma once

#include "shim/guest/abi.h"
#include "shim/guest/native.h"

namespace litebox::guest {

// How far the vectors may move down to make room for the strings of a Launch and for what lies in their way.
constexpr uint64_t kVectorRoom = abi::kLaunchCapacity + 1024;

// Where to go on: returned in rax and rdx.
struct Start {
  uint64_t entry;
  uint64_t stack;
};

// `vectors`: the stack pointer at entry. `launch`: kLaunchCapacity free bytes, at least kVectorRoom below the vectors.
// Does not return when the program cannot be loaded: the monitor is told why, and kills the process.
extern "C" Start load_program(uint64_t* vectors, abi::Launch* launch);

}  // namespace litebox::guest
