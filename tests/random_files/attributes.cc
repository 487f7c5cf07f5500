// Calls that tell or change what a file is: modes, owners, times, extended attributes.
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

#include <algorithm>

#include "tests/random_files/state.h"

namespace random_files {
namespace {

constexpr mode_t kModes[] = {0777, 0755, 0700, 0644, 0600, 0555, 0444, 0222, 0111, 0000, 01777, 02755, 02775, 04755, 06711};
constexpr unsigned kIds[] = {0, 1000, 1001, 2000, ~0U};
constexpr const char* kAttributes[] = {"user.one",    "user.two", "user.",      "trusted.one",
                                       "system.none", "none",     "user.three", "system.posix_acl_access"};
constexpr const char* kLists[] = {"system.posix_acl_access", "system.posix_acl_default"};
// Times of day that calls set; others are the moment's.
constexpr long kLatestTime = 2'000'000;

std::string of_times(const timespec (&times)[2]) {
  std::string text;
  for (const timespec& each : times) {
    text += each.tv_nsec == UTIME_OMIT  ? " omitted"
            : each.tv_nsec == UTIME_NOW ? " now"
                                        : " " + std::to_string(each.tv_sec) + "." + std::to_string(each.tv_nsec);
  }
  return text;
}

std::string describe(unsigned mode, unsigned uid, unsigned gid, unsigned long links, long size, long modified) {
  const bool sized = S_ISREG(mode) || S_ISLNK(mode);
  return octal(mode) + " " + std::to_string(uid) + " " + std::to_string(gid) + " links " +
         std::to_string(S_ISDIR(mode) ? 0 : links) + (sized ? " size " + std::to_string(size) : std::string()) +
         (modified < kLatestTime ? " modified " + std::to_string(modified) : std::string());
}

std::string describe(const struct stat& status) {
  return describe(status.st_mode, status.st_uid, status.st_gid, status.st_nlink, status.st_size, status.st_mtim.tv_sec);
}

void status(State& state) {
  const std::string path = state.path();
  struct stat status;
  const int result = stat(path.c_str(), &status);
  state.say("stat " + quoted(path), result);
  if (result == 0) state.add(describe(status));
}

void status_of_link(State& state) {
  const std::string path = state.path();
  struct stat status;
  const int result = lstat(path.c_str(), &status);
  state.say("lstat " + quoted(path), result);
  if (result == 0) state.add(describe(status));
}

void status_of_descriptor(State& state) {
  const int fd = state.descriptor();
  struct stat status;
  const int result = fstat(fd, &status);
  state.say("fstat " + directory_text(state, fd), result);
  if (result == 0) state.add(describe(status));
}

int at_flags(State& state) {
  constexpr int kFlags[] = {0, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT};
  return state.random.pick(kFlags);
}

std::string path_for(State& state, int flags) { return (flags & AT_EMPTY_PATH) != 0 ? std::string() : state.path(); }

void status_at(State& state) {
  const int at = state.directory();
  const int flags = at_flags(state);
  const std::string path = path_for(state, flags);
  struct stat status;
  const int result = fstatat(at, path.c_str(), &status, flags);
  state.say("fstatat " + directory_text(state, at) + " " + quoted(path) + " " + hexadecimal(static_cast<unsigned>(flags)),
            result);
  if (result == 0) state.add(describe(status));
}

void extended_status(State& state) {
  const int at = state.directory();
  const int flags = at_flags(state);
  const std::string path = path_for(state, flags);
  struct statx status = {};
  const int result = statx(at, path.c_str(), flags, STATX_BASIC_STATS, &status);
  state.say("statx " + directory_text(state, at) + " " + quoted(path) + " " + hexadecimal(static_cast<unsigned>(flags)),
            result);
  if (result == 0) {
    state.add(describe(status.stx_mode, status.stx_uid, status.stx_gid, status.stx_nlink, static_cast<long>(status.stx_size),
                       status.stx_mtime.tv_sec));
  }
}

void status_of_file_system(State& state) {
  const std::string path = state.path();
  struct statfs status;
  const int result = statfs(path.c_str(), &status);
  state.say("statfs " + quoted(path), result);
  if (result == 0) state.add("flags " + hexadecimal(static_cast<unsigned long>(status.f_flags) & 0xf));
}

void may_access(State& state) {
  const std::string path = state.path();
  const int mask = static_cast<int>(state.random.below(8));
  state.say("access " + quoted(path) + " " + std::to_string(mask), access(path.c_str(), mask));
}

void may_access_at(State& state) {
  const int at = state.directory();
  const std::string path = state.path();
  const int mask = static_cast<int>(state.random.below(9));
  constexpr int kFlags[] = {0, AT_EACCESS, AT_SYMLINK_NOFOLLOW, AT_EACCESS | AT_SYMLINK_NOFOLLOW};
  const int flags = state.random.pick(kFlags);
  state.say("faccessat2 " + directory_text(state, at) + " " + quoted(path) + " " + std::to_string(mask) + " " +
                hexadecimal(static_cast<unsigned>(flags)),
            syscall(SYS_faccessat2, at, path.c_str(), mask, flags));
}

void change_mode(State& state) {
  const std::string path = state.path();
  const mode_t mode = state.random.pick(kModes);
  state.say("chmod " + quoted(path) + " " + octal(mode), chmod(path.c_str(), mode));
}

void change_mode_of_descriptor(State& state) {
  const int fd = state.descriptor();
  const mode_t mode = state.random.pick(kModes);
  state.say("fchmod " + directory_text(state, fd) + " " + octal(mode), fchmod(fd, mode));
}

void change_mode_at(State& state) {
  const int at = state.directory();
  const mode_t mode = state.random.pick(kModes);
  constexpr int kFlags[] = {0, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH};
  const int flags = state.random.pick(kFlags);
  const std::string path = path_for(state, flags);
  constexpr long kFchmodat2 = 452;
  state.say("fchmodat2 " + directory_text(state, at) + " " + quoted(path) + " " + octal(mode) + " " +
                hexadecimal(static_cast<unsigned>(flags)),
            syscall(kFchmodat2, at, path.c_str(), mode, flags));
}

void change_owner(State& state) {
  const std::string path = state.path();
  const unsigned uid = state.random.pick(kIds);
  const unsigned gid = state.random.pick(kIds);
  state.say("chown " + quoted(path) + " " + std::to_string(uid) + " " + std::to_string(gid), chown(path.c_str(), uid, gid));
}

void change_owner_of_link(State& state) {
  const std::string path = state.path();
  const unsigned uid = state.random.pick(kIds);
  const unsigned gid = state.random.pick(kIds);
  state.say("lchown " + quoted(path) + " " + std::to_string(uid) + " " + std::to_string(gid), lchown(path.c_str(), uid, gid));
}

void change_owner_of_descriptor(State& state) {
  const int fd = state.descriptor();
  const unsigned uid = state.random.pick(kIds);
  const unsigned gid = state.random.pick(kIds);
  state.say("fchown " + directory_text(state, fd) + " " + std::to_string(uid) + " " + std::to_string(gid),
            fchown(fd, uid, gid));
}

void change_owner_at(State& state) {
  const int at = state.directory();
  const unsigned uid = state.random.pick(kIds);
  const unsigned gid = state.random.pick(kIds);
  const int flags = at_flags(state) & ~AT_NO_AUTOMOUNT;
  const std::string path = path_for(state, flags);
  state.say("fchownat " + directory_text(state, at) + " " + quoted(path) + " " + std::to_string(uid) + " " +
                std::to_string(gid) + " " + hexadecimal(static_cast<unsigned>(flags)),
            fchownat(at, path.c_str(), uid, gid, flags));
}

void times_of(State& state, timespec (&times)[2]) {
  constexpr long kNanoseconds[] = {0, 1, 999'999'999, UTIME_NOW, UTIME_OMIT, 1'000'000'000};
  for (timespec& each : times) each = {static_cast<time_t>(state.random.below(kLatestTime)), state.random.pick(kNanoseconds)};
}

void change_times(State& state) {
  const int at = state.directory();
  const int flags = state.random.one_in(3) ? AT_SYMLINK_NOFOLLOW : 0;
  const std::string path = state.path();
  timespec times[2];
  times_of(state, times);
  state.say("utimensat " + directory_text(state, at) + " " + quoted(path) + of_times(times),
            utimensat(at, path.c_str(), times, flags));
}

void change_times_of_descriptor(State& state) {
  const int fd = state.descriptor();
  timespec times[2];
  times_of(state, times);
  state.say("futimens " + directory_text(state, fd) + of_times(times), futimens(fd, times));
}

void change_times_plainly(State& state) {
  const std::string path = state.path();
  utimbuf times = {};
  times.modtime = state.random.below(kLatestTime);
  const bool now = state.random.one_in(3);
  state.say("utime " + quoted(path) + (now ? " now" : " " + std::to_string(times.modtime)),
            utime(path.c_str(), now ? nullptr : &times));
}

void set_attribute(State& state) {
  const std::string path = state.path();
  const std::string name = state.random.pick(kAttributes);
  const std::string value = "value " + std::to_string(state.random.below(100));
  constexpr int kFlags[] = {0, 0, XATTR_CREATE, XATTR_REPLACE};
  const int flags = state.random.pick(kFlags);
  const bool of_link = state.random.one_in(3);
  state.say(
      std::string(of_link ? "lsetxattr " : "setxattr ") + quoted(path) + " " + name + " " + value + " " + std::to_string(flags),
      (of_link ? lsetxattr : setxattr)(path.c_str(), name.c_str(), value.data(), value.size(), flags));
}

void set_attribute_of_descriptor(State& state) {
  const int fd = state.descriptor();
  const std::string name = state.random.pick(kAttributes);
  state.say("fsetxattr " + directory_text(state, fd) + " " + name, fsetxattr(fd, name.c_str(), "x", 1, 0));
}

void get_attribute(State& state) {
  const std::string path = state.path();
  const std::string name = state.random.pick(kAttributes);
  char value[64];
  constexpr size_t kRooms[] = {0, 3, sizeof value};
  const size_t room = state.random.pick(kRooms);
  const bool of_link = state.random.one_in(3);
  const ssize_t size = (of_link ? lgetxattr : getxattr)(path.c_str(), name.c_str(), value, room);
  state.say(std::string(of_link ? "lgetxattr " : "getxattr ") + quoted(path) + " " + name + " " + std::to_string(room), size);
  if (size > 0 && room != 0) state.add(of_bytes(std::string(value, static_cast<size_t>(size))));
}

// An access control list (acl(5)), mostly a valid one, in the form of the attribute that holds it.
std::string access_list(State& state) {
  std::string value("\x02\0\0\0", 4);
  const auto add = [&](unsigned tag, unsigned id) {
    const unsigned permissions = state.random.one_in(3) ? 7 : state.random.below(8);
    const uint32_t words[] = {tag | permissions << 16U, id};
    value.append(reinterpret_cast<const char*>(words), sizeof words);
  };
  const bool named = !state.random.one_in(4);
  add(0x01, ~0U);
  for (unsigned count = named ? state.random.below(3) : 0; count > 0; --count) add(0x02, state.random.pick(kIds));
  add(0x04, ~0U);
  for (unsigned count = named ? state.random.below(3) : 0; count > 0; --count) add(0x08, state.random.pick(kIds));
  if (named || state.random.one_in(4)) add(0x10, ~0U);
  if (!state.random.one_in(12)) add(0x20, ~0U);
  return value;
}

void set_access_list(State& state) {
  const std::string path = state.path();
  const std::string name = state.random.pick(kLists);
  const std::string value = access_list(state);
  const bool of_link = state.random.one_in(5);
  state.say(std::string(of_link ? "lsetxattr " : "setxattr ") + quoted(path) + " " + name + " " + of_bytes(value),
            (of_link ? lsetxattr : setxattr)(path.c_str(), name.c_str(), value.data(), value.size(), 0));
}

void remove_access_list(State& state) {
  const std::string path = state.path();
  const std::string name = state.random.pick(kLists);
  state.say("removexattr " + quoted(path) + " " + name, removexattr(path.c_str(), name.c_str()));
}

void list_attributes(State& state) {
  const std::string path = state.path();
  char names[1024];
  const ssize_t size =
      state.random.one_in(2) ? listxattr(path.c_str(), names, sizeof names) : llistxattr(path.c_str(), names, sizeof names);
  state.say("listxattr " + quoted(path), size);
  std::vector<std::string> found;
  for (ssize_t at = 0; at < size; at += static_cast<ssize_t>(found.back().size()) + 1) found.emplace_back(names + at);
  std::sort(found.begin(), found.end());
  for (const std::string& each : found) state.add(each);
}

void remove_attribute(State& state) {
  const std::string path = state.path();
  const std::string name = state.random.pick(kAttributes);
  state.say("removexattr " + quoted(path) + " " + name, removexattr(path.c_str(), name.c_str()));
}

}  // namespace

const std::vector<Kind>& attribute_kinds() {
  static const std::vector<Kind> kinds = {
      {"stat", 2, status},
      {"lstat", 2, status_of_link},
      {"fstat", 2, status_of_descriptor},
      {"fstatat", 2, status_at},
      {"statx", 2, extended_status},
      {"statfs", 1, status_of_file_system},
      {"access", 2, may_access},
      {"faccessat2", 2, may_access_at},
      {"chmod", 3, change_mode},
      {"fchmod", 1, change_mode_of_descriptor},
      {"fchmodat2", 2, change_mode_at},
      {"chown", 2, change_owner},
      {"lchown", 1, change_owner_of_link},
      {"fchown", 1, change_owner_of_descriptor},
      {"fchownat", 2, change_owner_at},
      {"utimensat", 2, change_times},
      {"futimens", 1, change_times_of_descriptor},
      {"utime", 1, change_times_plainly},
      {"setxattr", 2, set_attribute},
      {"fsetxattr", 1, set_attribute_of_descriptor},
      {"getxattr", 1, get_attribute},
      {"listxattr", 1, list_attributes},
      {"removexattr", 1, remove_attribute},
      {"set access list", 3, set_access_list},
      {"remove access list", 1, remove_access_list},
  };
  return kinds;
}

}  // namespace random_files
