// The ABI between the monitor and the shim blob: the only header that both sides share.
//
// The blob is a small static ELF (a sealed memfd) that every exec inside a container natively executes. It is the ELF loader,
// and it stays mapped afterwards as the place where calls are made in the guest's own context. Freestanding: plain data,
// fixed widths, no library. Changing anything here changes kAbiVersion.
#pragma once

#include <stdint.h>

namespace litebox::abi {

constexpr uint32_t kAbiVersion = 6;

// Lower bases collide with the address spaces that TSan and MSan reserve.
constexpr uint64_t kBlobBase = 0x7ea000000000;

// At the start of the blob's text: `syscall`, then kHypercallDone with the result in rdi, for ever (a signal may interrupt
// the wait before the monitor has received it). The monitor sends a thread here with the call's registers set and the nudge's
// number in r15, and restores all of the thread's own registers from its own copy when the result arrives. Needs no stack and
// no memory, so signal handlers may interrupt it, be nudged themselves, and return or not.
constexpr uint64_t kNudgeEntry = kBlobBase;
// An empty, NUL-terminated string in the blob's read-only text: execveat's path.
constexpr uint64_t kEmptyString = kBlobBase + 0x40;

// What rewritten sites of mmap in an ELF interpreter jump to (shim/rewrite/trampoline.h): rcx is the address of the site's own
// `syscall`. Maps, and puts rewritten text over what has been mapped executable.
constexpr uint64_t kMapEntry = kBlobBase + 0x80;

// What rewritten sites of execve jump to: rcx is the address of the site's own `syscall`. Makes the call, and executes the
// loader whose descriptor is the answer (shim/guest/exec.cc). What the monitor knows its two calls by: the addresses behind
// them.
constexpr uint64_t kExecEntry = kBlobBase + 0xc0;
constexpr uint64_t kAfterExecCall = kExecEntry + 0x20;
constexpr uint64_t kAfterExecLoader = kExecEntry + 0x58;

// What rewritten sites of getpid, gettid and getppid know a container by. Written before its first process begins; only to be
// compared with.
struct Ids {
  uint32_t first_process;  // its host id
  uint32_t monitor;        // the parent of what no process of the container has made
  uint32_t keeper;         // and of what such a process leaves behind
};
constexpr uint64_t kIds = kBlobBase + 0x1e0;

// A sock_fprog in the blob's read-only text: the filter that shuts a thread, and whatever comes from it, out of marked calls
// for good (EACCES), which are the monitor's from then on. Whoever installs it can only lose by it.
constexpr uint64_t kLockdownProgram = kBlobBase + 0x200;

// Marked calls: in a kernel-confined tree (rootfs/native_tree.h) a rewritten site first asks the kernel. The mark stands in the
// upper half of a register in which the kernel looks at an int only, so that nothing needs to be kept anywhere while the call
// is made. The mark says how a call is to travel; that it is harmless is for the table to see to.
constexpr uint64_t kMark = 0x6c625e71ULL << 32U;
constexpr uint64_t kMarkBits = 0xffffffffULL << 32U;
// AT_FDCWD as a C compiler puts it into a register: what marked calls with a directory descriptor have to have.
constexpr uint64_t kWorkingDirectory = 0xffffff9c;
constexpr uint64_t kMarkedWorkingDirectory = kMark | kWorkingDirectory;

// Rewritten text (shim/rewrite/patched_text.h). An address below is that of the mapping of file offset `text_offset`.
constexpr uint32_t kMostRuns = 16;
struct RewrittenText {
  struct Run {
    uint64_t file_offset;  // also the offset in `fd`
    uint64_t size;
  };
  int32_t fd;          // close-on-exec; whoever maps the text closes it
  uint32_t run_count;  // 0: nothing is rewritten, and there is no fd
  uint64_t text_offset, text_size;
  uint64_t text_address;  // of the mapping, in the file's own addresses
  uint64_t trampolines_offset, trampolines_size;
  uint64_t trampolines_distance;  // how far below the text they are to be mapped
  Run runs[kMostRuns];
};

// Calls to the monitor: numbers that no kernel has, below the x32 bit.
constexpr uint32_t kHypercallHello = 0x2c420001;   // rdi = address of a Launch, rsi = its capacity in bytes -> the
                                                   // program's descriptor, which is readable and close-on-exec, or -errno
constexpr uint32_t kHypercallDone = 0x2c420002;    // rdi = result of the nudged call, rsi = the nudge's number; does not return
constexpr uint32_t kHypercallFailed = 0x2c420003;  // rdi = errno; the loader could not go on: it faults when it is answered
constexpr uint32_t kHypercallReady = 0x2c420004;   // rdi = the program's entry, rsi = its stack pointer; the monitor lets the
                                                   // thread go there itself, or answers 0: the loader does
constexpr uint32_t kHypercallText = 0x2c420005;    // rdi = a descriptor open for reading, rsi = address of a RewrittenText
                                                   // -> 0, and what is to be mapped in place of its text; or -errno
constexpr uint32_t kHypercallExecFailed = 0x2c420006;  // rdi = the loader's descriptor, which the blob could not execute
// What the loader is told about the program that it starts. Followed by `strings_size` bytes of NUL-terminated strings:
// first AT_EXECFN, then `prefix_count` strings that take the place of argv[0] (a script's interpreter, its argument, the
// script's path; 0 for a plain ELF).
struct Launch {
  uint32_t version;
  int32_t interpreter_fd;         // PT_INTERP's file, readable and close-on-exec, or -1
  uint32_t uid, euid, gid, egid;  // virtual ids for the auxiliary vector
  uint32_t secure;                // AT_SECURE
  uint32_t prefix_count;
  uint32_t strings_size;
  uint32_t traced;       // make kHypercallReady before the program begins
  uint64_t random_seed;  // for the placement of PIE images and brk; 0, like ADDR_NO_RANDOMIZE: none
  char comm[16];
  uint32_t clears;  // what must not reach a program that gains privileges (kClears...)
  uint32_t locked;  // install kLockdownProgram before the program begins
  RewrittenText program_text, interpreter_text;
};

constexpr uint32_t kClearsDeathSignal = 1;  // PR_SET_PDEATHSIG
constexpr uint32_t kClearsPersonality = 2;  // PER_CLEAR_ON_SETID

// The largest Launch with its strings: a path, a shebang line and another path.
constexpr uint32_t kLaunchCapacity = sizeof(Launch) + 3UL * 4096UL;

}  // namespace litebox::abi
