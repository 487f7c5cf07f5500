// The ABI between the monitor and the shim blob: the only header that both sides share.
//
// The blob is a small static ELF (a sealed memfd) that every exec inside a container natively executes. It is the ELF loader,
// and it stays mapped afterwards as the place where calls are made in the guest's own context. Freestanding: plain data,
// fixed widths, no library. Changing anything here changes kAbiVersion.
#pragma once

#include <stdint.h>

namespace litebox::abi {

constexpr uint32_t kAbiVersion = 3;

// Lower bases collide with the address spaces that TSan and MSan reserve.
constexpr uint64_t kBlobBase = 0x7ea000000000;

// At the start of the blob's text: `syscall`, then kHypercallDone with the result in rdi, for ever (a signal may interrupt
// the wait before the monitor has received it). The monitor sends a thread here with the call's registers set and the nudge's
// number in r15, and restores all of the thread's own registers from its own copy when the result arrives. Needs no stack and
// no memory, so signal handlers may interrupt it, be nudged themselves, and return or not.
constexpr uint64_t kNudgeEntry = kBlobBase;
// An empty, NUL-terminated string in the blob's read-only text: execveat's path.
constexpr uint64_t kEmptyString = kBlobBase + 0x40;

// What rewritten sites jump to (shim/rewrite/trampoline.h): rcx is the address of the site's own `syscall`.
constexpr uint64_t kVforkEntry = kBlobBase + 0x80;
constexpr uint64_t kCloneEntry = kBlobBase + 0x90;
constexpr uint64_t kMapEntry = kBlobBase + 0xa0;

// Two pages of the guest's own, which the loader maps where sites are rewritten: nothing in them is believed by anybody else.
//
// A fork gives the child an empty page of answers (MADV_WIPEONFORK). A child that shares its parent's memory without being a
// thread would see its parent's answers: while it lives, `sharers` is not 0. vfork and clone through kVforkEntry and
// kCloneEntry count it; any other such call is the monitor's, which sets `off` for good.
constexpr uint64_t kAnswers = kBlobBase + 0x10000;
constexpr uint64_t kShared = kBlobBase + 0x11000;
constexpr uint64_t kAnswerPagesSize = 0x2000;

// Written by the monitor alone, each as kKnown | the answer; 0: not known.
struct Answers {
  uint64_t process;
  uint64_t user, effective_user;
  uint64_t group, effective_group;
};
constexpr uint64_t kKnown = 1ULL << 32U;

struct Shared {
  uint32_t sharers;  // children in the making or alive that share this memory
  uint32_t off;      // not 0: the answers do not count
  uint64_t reserved[7];
  // What a vfork needs when it returns, in the child as well as in the parent, which have no stack to keep it on. The call's
  // sixth register, which it does not look at, points to it: so the filter tells such a call from others.
  struct Slot {
    uint64_t taken;
    uint64_t r9;
    uint64_t syscall;
    uint64_t reserved;
  } slots[126];
};
static_assert(sizeof(Shared) == 0x1000);

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
  uint64_t trampolines_offset, trampolines_size;
  uint64_t trampolines_distance;  // how far below the text they are to be mapped
  Run runs[kMostRuns];
};

// Calls to the monitor: numbers that no kernel has, below the x32 bit.
constexpr uint32_t kHypercallHello = 0x2c420001;   // rdi = address of a Launch, rsi = its capacity in bytes -> 0 or -errno
constexpr uint32_t kHypercallDone = 0x2c420002;    // rdi = result of the nudged call, rsi = the nudge's number; does not return
constexpr uint32_t kHypercallFailed = 0x2c420003;  // rdi = errno; the loader could not go on: it faults when it is answered
constexpr uint32_t kHypercallReady = 0x2c420004;   // rdi = the program's entry, rsi = its stack pointer; the monitor lets the
                                                   // thread go there itself, or answers 0: the loader does
// What the loader is told about the program that it starts. Followed by `strings_size` bytes of NUL-terminated strings:
// first AT_EXECFN, then `prefix_count` strings that take the place of argv[0] (a script's interpreter, its argument, the
// script's path; 0 for a plain ELF).
struct Launch {
  uint32_t version;
  int32_t program_fd;             // readable, close-on-exec; the loader closes it
  int32_t interpreter_fd;         // PT_INTERP's file, or -1
  uint32_t uid, euid, gid, egid;  // virtual ids for the auxiliary vector
  uint32_t secure;                // AT_SECURE
  uint32_t prefix_count;
  uint32_t strings_size;
  uint64_t random_seed;  // for the placement of PIE images and brk; 0, like ADDR_NO_RANDOMIZE: none
  char comm[16];
  uint32_t traced;  // make kHypercallReady before the program begins
  uint32_t clears;  // what must not reach a program that gains privileges (kClears...)
};

constexpr uint32_t kClearsDeathSignal = 1;  // PR_SET_PDEATHSIG
constexpr uint32_t kClearsPersonality = 2;  // PER_CLEAR_ON_SETID

// The largest Launch with its strings: a path, a shebang line and another path.
constexpr uint32_t kLaunchCapacity = sizeof(Launch) + 3UL * 4096UL;

}  // namespace litebox::abi
