// Confines the scanner before it looks at a hostile file.
#pragma once

namespace litebox::rewrite {

// What the scanner may use at most.
constexpr unsigned kScanSeconds = 20;              // of processor time
constexpr unsigned long kScanMemory = 2UL << 30U;  // bytes of address space

// From here on: no capability, no new privilege, no file, no socket, no other process; only reading and writing what is open,
// and memory. False when something could not be shut.
bool confine();

}  // namespace litebox::rewrite
