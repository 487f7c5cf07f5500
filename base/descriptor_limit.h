// How many descriptors this process may hold. The monitor holds some for every process of the container (the program, the
// working directory), so it takes what it is allowed to; guests start with what its caller had.
#pragma once

#include <sys/resource.h>

#include <cstddef>

namespace litebox {

// Raises this process's soft limit to the hard one. The limit as it was before.
rlimit raise_descriptor_limit();

// The part of this process's limit that one cache may use, and no more than `most`.
size_t cache_descriptors(size_t most);

}  // namespace litebox
