// What a process that waits for long keeps of its own program in memory.
#pragma once

namespace litebox {

// Unmaps the pages of the program's code and constants, most of which only the start has needed. They are the file's, in the
// page cache: what is needed again is mapped again, sixteen pages at a time.
void release_program_pages();

}  // namespace litebox
