#include "shim/guest/loader.h"

#include <asm/errno.h>
#include <linux/mman.h>
#include <linux/personality.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>

#include "shim/guest/elf_file.h"
#include "shim/guest/rewritten_text.h"
#include "shim/guest/vectors.h"

extern "C" [[gnu::visibility("hidden")]] const char blob_text_end[];  // the linker script's

namespace litebox::guest {
namespace {

constexpr uint64_t kHeapRandomPages = 1ULL << 18U;  // arch_randomize_brk(): within 1 GiB
constexpr uint64_t kMseal = 462;                    // mseal(2), since Linux 6.10: not in Debian 12's headers

[[noreturn]] void fail(long error) {
  while (call(abi::kHypercallFailed, static_cast<uint64_t>(-error)) == -EINTR) {
  }
  // bprm_execve(): past the point of no return a failure is a SIGSEGV, blocked or ignored or not. No process has this address.
  constexpr uint64_t kNonCanonical = 1ULL << 63U;
  asm volatile("movb $0, (%0)" : : "r"(kNonCanonical) : "memory");
  while (true) call(__NR_exit_group, 127);
}

void check(long error) {
  if (failed(error)) fail(error);
}

// No argument of prctl(PR_SET_MM) or mseal(2) decides whether the program can run: kernels without them are fine.
void describe(const Image& program, const Vectors& vectors, uint64_t heap) {
  prctl_mm_map map = {};
  map.start_code = program.start_code < program.end_code ? program.start_code : program.base;
  map.end_code = program.start_code < program.end_code ? program.end_code : program.end;
  map.start_data = program.start_data;
  map.end_data = program.end_data;
  map.start_brk = map.brk = heap;
  map.start_stack = address_of(vectors.stack());
  map.arg_start = vectors.arguments_start();
  map.arg_end = vectors.arguments_end();
  map.env_start = vectors.environment_start();
  map.env_end = vectors.environment_end();
  map.auxv = reinterpret_cast<decltype(map.auxv)>(const_cast<AuxiliaryEntry*>(vectors.auxiliary()));
  map.auxv_size = static_cast<uint32_t>(vectors.auxiliary_size());
  map.exe_fd = static_cast<uint32_t>(-1);
  call(__NR_prctl, PR_SET_MM, PR_SET_MM_MAP, address_of(&map), sizeof(map), 0);
}

// begin_new_exec(): what the caller has chosen and a program with more privileges must not inherit. The personality that is
// left.
uint64_t clear_choices(uint32_t clears) {
  constexpr uint64_t kAskOnly = 0xffffffff;
  if ((clears & abi::kClearsDeathSignal) != 0) call(__NR_prctl, PR_SET_PDEATHSIG, 0);
  const auto persona = static_cast<uint64_t>(call(__NR_personality, kAskOnly));
  if ((clears & abi::kClearsPersonality) == 0 || (persona & PER_CLEAR_ON_SETID) == 0) return persona;
  const uint64_t cleared = persona & ~static_cast<uint64_t>(PER_CLEAR_ON_SETID);
  call(__NR_personality, cleared);
  return cleared;
}

// Where the heap begins, as load_elf_binary() and arch_randomize_brk() place it.
uint64_t heap_of(const Image& program, bool has_interpreter, Random& random) {
  const bool moved = !program.fixed_address && !has_interpreter;
  const uint64_t heap = page_ceiling(moved ? kPieBase : program.end);
  if (!random.enabled()) return heap;
  return heap + (moved ? 0 : kPage) + random.below(kHeapRandomPages) * kPage;
}

void map_file(int fd, Role role, const abi::RewrittenText& text, Random& random, Image& image) {
  ElfFile file(fd);
  check(file.map(role, random, image));
  map_rewritten_text(text, image.base + text.text_address);
}

// From here on every path is asked of the monitor.
void lock_down() { check(call(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, abi::kLockdownProgram)); }

}  // namespace

extern "C" Start load_program(uint64_t* stack, abi::Launch* launch) {
  long answer = 0;
  do {
    answer = call(abi::kHypercallHello, address_of(launch), abi::kLaunchCapacity);
  } while (answer == -EINTR);
  check(answer);
  const auto program_fd = static_cast<int>(answer);
  if (launch->version != abi::kAbiVersion) fail(-EPROTO);

  const uint64_t persona = clear_choices(launch->clears);
  const bool has_interpreter = launch->interpreter_fd >= 0;
  Random random((persona & ADDR_NO_RANDOMIZE) != 0 ? 0 : launch->random_seed);
  Image program = {};
  map_file(program_fd, has_interpreter ? Role::kDynamicProgram : Role::kStaticProgram, launch->program_text, random, program);
  Image interpreter = {};
  if (has_interpreter) {
    map_file(launch->interpreter_fd, Role::kInterpreter, launch->interpreter_text, random, interpreter);
  }
  const uint64_t heap = heap_of(program, has_interpreter, random);

  Vectors vectors(stack);
  check(vectors.adopt(*launch));
  vectors.set(AT_PHDR, program.program_headers);
  vectors.set(AT_PHENT, sizeof(Elf64_Phdr));
  vectors.set(AT_PHNUM, program.program_header_count);
  vectors.set(AT_BASE, interpreter.base);
  vectors.set(AT_ENTRY, program.entry);
  vectors.set(AT_UID, launch->uid);
  vectors.set(AT_EUID, launch->euid);
  vectors.set(AT_GID, launch->gid);
  vectors.set(AT_EGID, launch->egid);
  vectors.set(AT_SECURE, launch->secure);

  if (program.executable_stack) {
    const uint64_t start = page_floor(address_of(vectors.stack()));
    check(call(__NR_mprotect, start, vectors.stack_top() - start, PROT_READ | PROT_WRITE | PROT_EXEC | PROT_GROWSDOWN));
  }
  describe(program, vectors, heap);
  call(__NR_prctl, PR_SET_NAME, address_of(launch->comm));
  call(__NR_close, static_cast<uint64_t>(program_fd));
  if (has_interpreter) call(__NR_close, static_cast<uint64_t>(launch->interpreter_fd));
  call(kMseal, abi::kBlobBase, page_ceiling(address_of(blob_text_end)) - abi::kBlobBase, 0);
  if (launch->locked != 0) lock_down();
  const uint64_t entry = has_interpreter ? interpreter.entry : program.entry;
  if (launch->traced != 0) {
    while (call(abi::kHypercallReady, entry, address_of(vectors.stack())) == -EINTR) {
    }
  }
  return {entry, address_of(vectors.stack())};
}

}  // namespace litebox::guest
