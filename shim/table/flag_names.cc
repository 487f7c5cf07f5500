#include "shim/table/flag_names.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <csignal>
#include <span>
#include <sstream>

namespace litebox::table {
namespace {

struct Name {
  const char* text;
  uint64_t value;
};

#define LITEBOX_NAME(constant) \
  { #constant, static_cast < uint64_t>(constant) }

constexpr Name kAccessModes[] = {LITEBOX_NAME(O_RDONLY), LITEBOX_NAME(O_WRONLY), LITEBOX_NAME(O_RDWR)};
// Those that are made of several bits come before their parts.
constexpr Name kOpenFlags[] = {LITEBOX_NAME(O_TMPFILE),   LITEBOX_NAME(O_SYNC),     LITEBOX_NAME(O_CREAT),
                               LITEBOX_NAME(O_EXCL),      LITEBOX_NAME(O_NOCTTY),   LITEBOX_NAME(O_TRUNC),
                               LITEBOX_NAME(O_APPEND),    LITEBOX_NAME(O_NONBLOCK), LITEBOX_NAME(O_DSYNC),
                               LITEBOX_NAME(O_ASYNC),     LITEBOX_NAME(O_DIRECT),   {"O_LARGEFILE", 0100000},
                               LITEBOX_NAME(O_DIRECTORY), LITEBOX_NAME(O_NOFOLLOW), LITEBOX_NAME(O_NOATIME),
                               LITEBOX_NAME(O_CLOEXEC),   LITEBOX_NAME(O_PATH)};
constexpr Name kAtFlags[] = {LITEBOX_NAME(AT_SYMLINK_NOFOLLOW), LITEBOX_NAME(AT_REMOVEDIR), LITEBOX_NAME(AT_SYMLINK_FOLLOW),
                             LITEBOX_NAME(AT_NO_AUTOMOUNT), LITEBOX_NAME(AT_EMPTY_PATH)};
constexpr Name kAccess[] = {LITEBOX_NAME(R_OK), LITEBOX_NAME(W_OK), LITEBOX_NAME(X_OK)};
constexpr Name kWhence[] = {LITEBOX_NAME(SEEK_SET), LITEBOX_NAME(SEEK_CUR), LITEBOX_NAME(SEEK_END), LITEBOX_NAME(SEEK_DATA),
                            LITEBOX_NAME(SEEK_HOLE)};
constexpr Name kClocks[] = {LITEBOX_NAME(CLOCK_REALTIME),
                            LITEBOX_NAME(CLOCK_MONOTONIC),
                            LITEBOX_NAME(CLOCK_PROCESS_CPUTIME_ID),
                            LITEBOX_NAME(CLOCK_THREAD_CPUTIME_ID),
                            LITEBOX_NAME(CLOCK_MONOTONIC_RAW),
                            LITEBOX_NAME(CLOCK_REALTIME_COARSE),
                            LITEBOX_NAME(CLOCK_MONOTONIC_COARSE),
                            LITEBOX_NAME(CLOCK_BOOTTIME),
                            LITEBOX_NAME(CLOCK_REALTIME_ALARM),
                            LITEBOX_NAME(CLOCK_BOOTTIME_ALARM),
                            LITEBOX_NAME(CLOCK_TAI)};
constexpr Name kResources[] = {{"RLIMIT_CPU", RLIMIT_CPU},           {"RLIMIT_FSIZE", RLIMIT_FSIZE},
                               {"RLIMIT_DATA", RLIMIT_DATA},         {"RLIMIT_STACK", RLIMIT_STACK},
                               {"RLIMIT_CORE", RLIMIT_CORE},         {"RLIMIT_RSS", RLIMIT_RSS},
                               {"RLIMIT_NPROC", RLIMIT_NPROC},       {"RLIMIT_NOFILE", RLIMIT_NOFILE},
                               {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},   {"RLIMIT_AS", RLIMIT_AS},
                               {"RLIMIT_LOCKS", RLIMIT_LOCKS},       {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
                               {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE}, {"RLIMIT_NICE", RLIMIT_NICE},
                               {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},     {"RLIMIT_RTTIME", RLIMIT_RTTIME}};
constexpr Name kFamilies[] = {LITEBOX_NAME(AF_UNSPEC),  LITEBOX_NAME(AF_UNIX),   LITEBOX_NAME(AF_INET), LITEBOX_NAME(AF_INET6),
                              LITEBOX_NAME(AF_NETLINK), LITEBOX_NAME(AF_PACKET), LITEBOX_NAME(AF_ALG),  LITEBOX_NAME(AF_VSOCK)};
constexpr Name kSocketTypes[] = {
    {"SOCK_STREAM", SOCK_STREAM}, {"SOCK_DGRAM", SOCK_DGRAM}, {"SOCK_RAW", SOCK_RAW}, {"SOCK_SEQPACKET", SOCK_SEQPACKET}};
constexpr Name kSocketFlags[] = {{"SOCK_NONBLOCK", SOCK_NONBLOCK}, {"SOCK_CLOEXEC", SOCK_CLOEXEC}};
constexpr Name kFutexOperations[] = {LITEBOX_NAME(FUTEX_WAIT),
                                     LITEBOX_NAME(FUTEX_WAKE),
                                     LITEBOX_NAME(FUTEX_REQUEUE),
                                     LITEBOX_NAME(FUTEX_CMP_REQUEUE),
                                     LITEBOX_NAME(FUTEX_WAKE_OP),
                                     LITEBOX_NAME(FUTEX_LOCK_PI),
                                     LITEBOX_NAME(FUTEX_UNLOCK_PI),
                                     LITEBOX_NAME(FUTEX_TRYLOCK_PI),
                                     LITEBOX_NAME(FUTEX_WAIT_BITSET),
                                     LITEBOX_NAME(FUTEX_WAKE_BITSET),
                                     LITEBOX_NAME(FUTEX_WAIT_REQUEUE_PI),
                                     LITEBOX_NAME(FUTEX_CMP_REQUEUE_PI),
                                     LITEBOX_NAME(FUTEX_LOCK_PI2)};
constexpr Name kFutexFlags[] = {LITEBOX_NAME(FUTEX_PRIVATE_FLAG), LITEBOX_NAME(FUTEX_CLOCK_REALTIME)};
constexpr Name kWaitOptions[] = {LITEBOX_NAME(WNOHANG),    LITEBOX_NAME(WUNTRACED), LITEBOX_NAME(WEXITED),
                                 LITEBOX_NAME(WCONTINUED), LITEBOX_NAME(WNOWAIT),   LITEBOX_NAME(__WNOTHREAD),
                                 LITEBOX_NAME(__WALL),     LITEBOX_NAME(__WCLONE)};
constexpr Name kCloneFlags[] = {LITEBOX_NAME(CLONE_VM),
                                LITEBOX_NAME(CLONE_FS),
                                LITEBOX_NAME(CLONE_FILES),
                                LITEBOX_NAME(CLONE_SIGHAND),
                                LITEBOX_NAME(CLONE_PIDFD),
                                LITEBOX_NAME(CLONE_PTRACE),
                                LITEBOX_NAME(CLONE_VFORK),
                                LITEBOX_NAME(CLONE_PARENT),
                                LITEBOX_NAME(CLONE_THREAD),
                                LITEBOX_NAME(CLONE_NEWNS),
                                LITEBOX_NAME(CLONE_SYSVSEM),
                                LITEBOX_NAME(CLONE_SETTLS),
                                LITEBOX_NAME(CLONE_PARENT_SETTID),
                                LITEBOX_NAME(CLONE_CHILD_CLEARTID),
                                LITEBOX_NAME(CLONE_DETACHED),
                                LITEBOX_NAME(CLONE_UNTRACED),
                                LITEBOX_NAME(CLONE_CHILD_SETTID),
                                LITEBOX_NAME(CLONE_NEWCGROUP),
                                LITEBOX_NAME(CLONE_NEWUTS),
                                LITEBOX_NAME(CLONE_NEWIPC),
                                LITEBOX_NAME(CLONE_NEWUSER),
                                LITEBOX_NAME(CLONE_NEWPID),
                                LITEBOX_NAME(CLONE_NEWNET),
                                LITEBOX_NAME(CLONE_IO)};
constexpr Name kProtections[] = {LITEBOX_NAME(PROT_READ), LITEBOX_NAME(PROT_WRITE), LITEBOX_NAME(PROT_EXEC),
                                 LITEBOX_NAME(PROT_GROWSDOWN), LITEBOX_NAME(PROT_GROWSUP)};
constexpr Name kMappingTypes[] = {LITEBOX_NAME(MAP_SHARED), LITEBOX_NAME(MAP_PRIVATE), LITEBOX_NAME(MAP_SHARED_VALIDATE)};
constexpr Name kMappingFlags[] = {LITEBOX_NAME(MAP_FIXED),     LITEBOX_NAME(MAP_ANONYMOUS), LITEBOX_NAME(MAP_GROWSDOWN),
                                  LITEBOX_NAME(MAP_DENYWRITE), LITEBOX_NAME(MAP_LOCKED),    LITEBOX_NAME(MAP_NORESERVE),
                                  LITEBOX_NAME(MAP_POPULATE),  LITEBOX_NAME(MAP_NONBLOCK),  LITEBOX_NAME(MAP_STACK),
                                  LITEBOX_NAME(MAP_HUGETLB),   LITEBOX_NAME(MAP_SYNC),      LITEBOX_NAME(MAP_FIXED_NOREPLACE)};

#undef LITEBOX_NAME

std::string hexadecimal(uint64_t value) {
  std::ostringstream out;
  out << "0x" << std::hex << value;
  return out.str();
}

std::optional<std::string> one_of(std::span<const Name> names, uint64_t value) {
  for (const Name& name : names) {
    if (name.value == value) return name.text;
  }
  return std::nullopt;
}

// `first` (may be empty), then the names of the bits of `bits`; "0" for nothing at all.
std::string joined(std::string first, std::span<const Name> names, uint64_t bits) {
  const auto add = [&](const std::string& text) { first += (first.empty() ? "" : "|") + text; };
  for (const Name& name : names) {
    if ((bits & name.value) != name.value) continue;
    add(name.text);
    bits &= ~name.value;
  }
  if (bits != 0) add(hexadecimal(bits));
  return first.empty() ? "0" : first;
}

// A field of a few bits with a value of its own, and flags beside it.
std::string field_and_flags(std::span<const Name> fields, uint64_t field_mask, std::span<const Name> flags, uint64_t value) {
  const uint64_t field = value & field_mask;
  return joined(one_of(fields, field).value_or(hexadecimal(field)), flags, value & ~field_mask);
}

std::optional<std::string> signal_name(uint64_t value) {
  const char* name = value < NSIG ? sigabbrev_np(static_cast<int>(value)) : nullptr;
  if (name == nullptr) return std::nullopt;
  return std::string("SIG") + name;
}

std::string clone_flags(uint64_t value) {
  const uint64_t exit_signal = value & CSIGNAL;
  std::string text = joined("", kCloneFlags, value & ~uint64_t{CSIGNAL});
  if (exit_signal == 0) return text;
  const std::string signal = signal_name(exit_signal).value_or(hexadecimal(exit_signal));
  return text == "0" ? signal : text + "|" + signal;
}

}  // namespace

std::optional<std::string> named_value(Kind kind, uint64_t value) {
  switch (kind) {
    case Kind::open_flags:
      return field_and_flags(kAccessModes, O_ACCMODE, kOpenFlags, value);
    case Kind::at_flags:
      return joined("", kAtFlags, value);
    case Kind::access_mode:
      return value == F_OK ? "F_OK" : joined("", kAccess, value);
    case Kind::whence:
      return one_of(kWhence, value);
    case Kind::clock:
      return one_of(kClocks, value);
    case Kind::resource:
      return one_of(kResources, value);
    case Kind::socket_family:
      return one_of(kFamilies, value);
    case Kind::socket_type:
      return field_and_flags(kSocketTypes, 0xf, kSocketFlags, value);
    case Kind::futex_operation:
      return field_and_flags(kFutexOperations, 0x7f, kFutexFlags, value);
    case Kind::wait_options:
      return joined("", kWaitOptions, value);
    case Kind::clone_flags:
      return clone_flags(value);
    case Kind::mmap_protection:
      return value == PROT_NONE ? "PROT_NONE" : joined("", kProtections, value);
    case Kind::mmap_flags:
      return field_and_flags(kMappingTypes, MAP_TYPE, kMappingFlags, value);
    case Kind::signal:
      return signal_name(value);
    case Kind::dirfd:
      if (static_cast<int>(value) == AT_FDCWD) return "AT_FDCWD";
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

}  // namespace litebox::table
