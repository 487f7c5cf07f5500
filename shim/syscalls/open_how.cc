#include "shim/syscalls/open_how.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <vector>

namespace litebox::syscalls {
namespace {

constexpr uint64_t kLargeFile = 0100000;  // what the kernel calls O_LARGEFILE; 0 in a 64-bit C library
constexpr uint64_t kTemporary = O_TMPFILE & ~O_DIRECTORY;
constexpr uint64_t kHighSync = O_SYNC & ~O_DSYNC;
constexpr uint64_t kPathFlags = O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC;
constexpr uint64_t kKnown = O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC | O_DSYNC |
                            O_ASYNC | O_DIRECT | kLargeFile | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_PATH |
                            kTemporary;
constexpr uint64_t kModeBits = 07777;
constexpr uint64_t kResolveFlags =
    RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH | RESOLVE_IN_ROOT | RESOLVE_CACHED;
constexpr uint64_t kHowSize = sizeof(struct open_how);  // OPEN_HOW_SIZE_VER0 is the only one so far
constexpr uint64_t kPageSize = 4096;

bool creates(uint64_t flags) { return (flags & (O_CREAT | kTemporary)) != 0; }

// ACC_MODE: the access mode 3 needs both permissions and gives neither.
int access_of(uint64_t flags) {
  constexpr std::array<int, 4> kAccess = {R_OK, W_OK, R_OK | W_OK, R_OK | W_OK};
  return kAccess[flags & O_ACCMODE];
}

}  // namespace

OpenHow legacy_open_how(unsigned flags, unsigned mode) {
  OpenHow how;
  how.flags = (flags & kKnown) | kLargeFile;
  if ((how.flags & O_PATH) != 0) how.flags &= kPathFlags;
  how.mode = creates(how.flags) ? mode & kModeBits : 0;
  return how;
}

Result<OpenHow> read_open_how(const Call& call, GuestAddress address, uint64_t size) {
  if (size < kHowSize) return Error(EINVAL);
  if (size > kPageSize) return Error(E2BIG);
  std::vector<unsigned char> bytes(size);
  LITEBOX_TRY(call.memory.read(address, bytes.data(), bytes.size()));
  const auto rest = bytes.begin() + static_cast<std::ptrdiff_t>(kHowSize);
  if (std::any_of(rest, bytes.end(), [](unsigned char byte) { return byte != 0; })) return Error(E2BIG);
  struct open_how raw {};
  std::copy(bytes.begin(), rest, reinterpret_cast<unsigned char*>(&raw));
  return OpenHow{raw.flags, raw.mode, raw.resolve};
}

Result<OpenRequest> check_open_how(const OpenHow& how) {
  const uint64_t flags = how.flags & ~static_cast<uint64_t>(O_CLOEXEC);
  if ((flags & ~kKnown) != 0 || (how.resolve & ~kResolveFlags) != 0) return Error(EINVAL);
  if ((how.resolve & RESOLVE_BENEATH) != 0 && (how.resolve & RESOLVE_IN_ROOT) != 0) return Error(EINVAL);
  if ((how.mode & ~(creates(flags) ? kModeBits : 0)) != 0) return Error(EINVAL);
  if ((flags & O_CREAT) != 0 && (flags & O_DIRECTORY) != 0) return Error(EINVAL);
  OpenRequest request;
  request.access = access_of(flags);
  if ((flags & kTemporary) != 0) {
    if ((flags & O_DIRECTORY) == 0 || (request.access & W_OK) == 0) return Error(EINVAL);
  }
  if ((flags & O_PATH) != 0) {
    if ((flags & ~kPathFlags) != 0) return Error(EINVAL);
    request.access = 0;
  }
  request.flags = static_cast<int>((flags & kHighSync) != 0 ? flags | O_DSYNC : flags);
  if ((flags & O_TRUNC) != 0) request.access |= W_OK;
  request.mode = static_cast<mode_t>(how.mode);
  request.close_on_exec = (how.flags & O_CLOEXEC) != 0;
  const bool exclusive = (flags & O_CREAT) != 0 && (flags & O_EXCL) != 0;
  request.resolve.follow_final = (flags & O_NOFOLLOW) == 0 && !exclusive;
  request.resolve.no_cross_mount = (how.resolve & RESOLVE_NO_XDEV) != 0;
  request.resolve.no_magic_links = (how.resolve & (RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS)) != 0;
  request.resolve.no_symlinks = (how.resolve & RESOLVE_NO_SYMLINKS) != 0;
  request.resolve.beneath = (how.resolve & RESOLVE_BENEATH) != 0;
  request.resolve.in_root = (how.resolve & RESOLVE_IN_ROOT) != 0;
  // Nothing is ever known without asking: a caller who wants only the cached answer is told to try again without the flag.
  if ((how.resolve & RESOLVE_CACHED) != 0) return Error(EAGAIN);
  return request;
}

}  // namespace litebox::syscalls
