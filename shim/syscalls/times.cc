// utime, utimes, futimesat, utimensat (fs/utimes.c).
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <utime.h>

#include <array>
#include <optional>

#include "shim/syscalls/lookup.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

using Times = std::array<struct timespec, 2>;

constexpr Times kNow = {{{0, UTIME_NOW}, {0, UTIME_NOW}}};
constexpr long kNanosecondsPerSecond = 1'000'000'000;
constexpr long kMicrosecondsPerSecond = 1'000'000;

bool valid_nanoseconds(long nanoseconds) {
  if (nanoseconds == UTIME_NOW || nanoseconds == UTIME_OMIT) return true;
  return nanoseconds >= 0 && nanoseconds < kNanosecondsPerSecond;
}

// vfs_utimes: the file is found before the times are looked at.
Reply change_times(const Call& call, const rootfs::Location& location, const Times& times) {
  LITEBOX_CHECK_REPLY(rootfs::Tree::want_write(location));
  if (!valid_nanoseconds(times[0].tv_nsec) || !valid_nanoseconds(times[1].tv_nsec)) return Reply::error(EINVAL);
  return Reply::from(location.node->change_times(call.subject(), times.data()));
}

// do_utimes: a null path with a descriptor names the descriptor's own file.
Reply change_times_at(const Call& call, int dirfd, int path_index, const Times& times, unsigned flags) {
  if (call.address(path_index).null() && dirfd != AT_FDCWD) {
    if (flags != 0) return Reply::error(EINVAL);
    LITEBOX_OR_REPLY(const rootfs::Location location, locate_descriptor(call, dirfd, PathDescriptors::refused));
    return change_times(call, location, times);
  }
  if ((flags & ~static_cast<unsigned>(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0) return Reply::error(EINVAL);
  LITEBOX_OR_REPLY(const std::string path, call.path(path_index));
  LITEBOX_OR_REPLY(const rootfs::Location location, locate_at(call, dirfd, path, flags));
  return change_times(call, location, times);
}

// The two struct timeval of utimes(2) and futimesat(2); a null pointer means now.
Result<Times> microsecond_times(const Call& call, GuestAddress address) {
  if (address.null()) return kNow;
  using Timevals = std::array<struct timeval, 2>;
  LITEBOX_ASSIGN(const Timevals values, call.memory.read_value<Timevals>(address));
  Times times;
  for (size_t i = 0; i < times.size(); ++i) {
    // Checked here: UTIME_NOW and UTIME_OMIT must not come out of the multiplication.
    if (values[i].tv_usec < 0 || values[i].tv_usec >= kMicrosecondsPerSecond) return Error(EINVAL);
    times[i] = {values[i].tv_sec, values[i].tv_usec * 1000};
  }
  return times;
}

}  // namespace

Reply sys_utime(Call& call) {
  Times times = kNow;
  if (!call.address(1).null()) {
    LITEBOX_OR_REPLY(const struct utimbuf values, call.memory.read_value<struct utimbuf>(call.address(1)));
    times = {{{values.actime, 0}, {values.modtime, 0}}};
  }
  return change_times_at(call, AT_FDCWD, 0, times, 0);
}

Reply sys_utimes(Call& call) {
  LITEBOX_OR_REPLY(const Times times, microsecond_times(call, call.address(1)));
  return change_times_at(call, AT_FDCWD, 0, times, 0);
}

Reply sys_futimesat(Call& call) {
  LITEBOX_OR_REPLY(const Times times, microsecond_times(call, call.address(2)));
  return change_times_at(call, call.integer(0), 1, times, 0);
}

Reply sys_utimensat(Call& call) {
  Times times = kNow;
  if (!call.address(2).null()) {
    LITEBOX_OR_REPLY(times, call.memory.read_value<Times>(call.address(2)));
    // Nothing to change: not even the path is looked at.
    if (times[0].tv_nsec == UTIME_OMIT && times[1].tv_nsec == UTIME_OMIT) return Reply::success();
  }
  return change_times_at(call, call.integer(0), 1, times, call.flags(3));
}

}  // namespace litebox::syscalls
