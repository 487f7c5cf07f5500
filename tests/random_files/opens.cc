// open in all its forms, and what is done with the descriptors.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "tests/random_files/state.h"

namespace random_files {
namespace {

constexpr mode_t kModes[] = {0777, 0755, 0644, 0600, 0444, 0000, 04755, 02755};

// Never blocking: what waits for another end has none.
int open_flags(State& state) {
  constexpr int kAccess[] = {O_RDONLY, O_RDONLY, O_WRONLY, O_RDWR};
  int flags = state.random.pick(kAccess) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  if (state.random.one_in(3)) flags |= O_CREAT;
  if (state.random.one_in(8)) flags |= O_EXCL;
  if (state.random.one_in(6)) flags |= O_TRUNC;
  if (state.random.one_in(6)) flags |= O_DIRECTORY;
  if (state.random.one_in(6)) flags |= O_NOFOLLOW;
  if (state.random.one_in(8)) flags |= O_APPEND;
  if (state.random.one_in(20)) flags |= O_NOATIME;
  if (state.random.one_in(16)) flags |= O_PATH;
  return flags;
}

// Where set-id bits are only recorded, opening for writing takes them away, as the writing would that cannot be seen: such
// files are only read.
int flags_for(int at, const std::string& path, int flags) {
  struct stat status;
  const bool found = fstatat(at, path.c_str(), &status, 0) == 0;
  if (!found || !S_ISREG(status.st_mode) || (status.st_mode & (S_ISUID | S_ISGID)) == 0) return flags;
  return flags & ~(O_ACCMODE | O_TRUNC);
}

std::string text_of(const std::string& path, int flags, mode_t mode) {
  return quoted(path) + " " + hexadecimal(static_cast<unsigned>(flags)) + " " + octal(mode);
}

// The number of a descriptor is the kernel's choice: only whether there is one is told.
void opened(State& state, const std::string& call, int fd, bool opened_for_path = false) {
  state.say(call, fd < 0 ? -1 : 0);
  state.keep(fd, opened_for_path);
}

void open_path(State& state) {
  const std::string path = state.path();
  const int flags = flags_for(AT_FDCWD, path, open_flags(state));
  const mode_t mode = state.random.pick(kModes);
  opened(state, "open " + text_of(path, flags, mode), open(path.c_str(), flags, mode), (flags & O_PATH) != 0);
}

void open_at(State& state) {
  const int at = state.directory();
  const std::string path = state.path();
  const int flags = flags_for(at, path, open_flags(state));
  const mode_t mode = state.random.pick(kModes);
  opened(state, "openat " + directory_text(state, at) + " " + text_of(path, flags, mode), openat(at, path.c_str(), flags, mode),
         (flags & O_PATH) != 0);
}

void open_how(State& state) {
  constexpr uint64_t kResolve[] = {0,
                                   RESOLVE_BENEATH,
                                   RESOLVE_IN_ROOT,
                                   RESOLVE_NO_SYMLINKS,
                                   RESOLVE_NO_XDEV,
                                   RESOLVE_NO_MAGICLINKS,
                                   RESOLVE_IN_ROOT | RESOLVE_NO_XDEV,
                                   RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
                                   RESOLVE_BENEATH | RESOLVE_IN_ROOT};
  struct open_how how = {};
  const int at = state.directory();
  const std::string path = state.path();
  how.flags = static_cast<unsigned>(flags_for(at, path, open_flags(state)));
  how.mode = (how.flags & O_CREAT) != 0 ? state.random.pick(kModes) : 0;
  how.resolve = state.random.pick(kResolve);
  opened(state,
         "openat2 " + directory_text(state, at) + " " +
             text_of(path, static_cast<int>(how.flags), static_cast<mode_t>(how.mode)) + " " + hexadecimal(how.resolve),
         static_cast<int>(syscall(SYS_openat2, at, path.c_str(), &how, sizeof how)), (how.flags & O_PATH) != 0);
}

void create(State& state) {
  const std::string path = state.path();
  const mode_t mode = state.random.pick(kModes);
  // Not of a FIFO, which would wait for a reader.
  struct stat status;
  const bool found = stat(path.c_str(), &status) == 0;
  if (found && (S_ISFIFO(status.st_mode) || (status.st_mode & (S_ISUID | S_ISGID)) != 0)) return state.say("no creat", 0);
  opened(state, "creat " + text_of(path, 0, mode), creat(path.c_str(), mode));
}

void open_directory(State& state) {
  const std::string path = state.path();
  const int flags = O_DIRECTORY | O_CLOEXEC | (state.random.one_in(3) ? O_PATH : O_RDONLY);
  opened(state, "open " + text_of(path, flags, 0), open(path.c_str(), flags), (flags & O_PATH) != 0);
}

void open_temporary(State& state) {
  const std::string path = state.path();
  const int flags =
      O_TMPFILE | O_CLOEXEC | (state.random.one_in(4) ? O_RDONLY : O_RDWR) | (state.random.one_in(4) ? O_EXCL : 0);
  const mode_t mode = state.random.pick(kModes);
  const int fd = open(path.c_str(), flags, mode);
  state.say("tmpfile " + text_of(path, flags, mode), fd < 0 ? -1 : 0);
  if (fd < 0) return;
  const std::string to = state.path();
  const bool set_id = (mode & (S_ISUID | S_ISGID)) != 0;  // State::written_descriptor()
  if (!set_id && write(fd, "temporary", 9) != 9) state.add("nothing written");
  const std::string self = "/proc/self/fd/" + std::to_string(fd);
  state.say("linkat the temporary file " + quoted(to), linkat(AT_FDCWD, self.c_str(), AT_FDCWD, to.c_str(), AT_SYMLINK_FOLLOW));
  state.keep(fd);
}

void reopen(State& state) {
  const int fd = state.descriptor();
  const std::string self = "/proc/self/fd/" + std::to_string(fd);
  const int flags = flags_for(AT_FDCWD, self, (state.random.one_in(2) ? O_RDONLY : O_RDWR) | O_NONBLOCK | O_CLOEXEC);
  const std::string text = "reopen " + directory_text(state, fd) + " " + hexadecimal(static_cast<unsigned>(flags));
  opened(state, text, open(self.c_str(), flags));
}

void close_descriptor(State& state) {
  const unsigned at = state.random.below(State::kDescriptors);
  state.say("close #" + std::to_string(at), close(state.descriptors[at]));
  state.descriptors[at] = -1;
}

void duplicate(State& state) {
  const int fd = state.content_descriptor();
  const std::string text = "dup " + directory_text(state, fd);
  opened(state, text, fcntl(fd, F_DUPFD_CLOEXEC, 3));
}

void write_some(State& state) {
  const int fd = state.written_descriptor();
  const std::string text = "content " + std::to_string(state.random.below(1000));
  state.say("write " + directory_text(state, fd) + " " + quoted(text), write(fd, text.data(), text.size()));
}

void read_some(State& state) {
  const int fd = state.content_descriptor();
  char text[64];
  const ssize_t size = pread(fd, text, sizeof text, state.random.below(8));
  state.say("pread " + directory_text(state, fd), size);
  if (size > 0) state.add(std::to_string(std::count(text, text + size, 'n')) + " of n");
}

void seek(State& state) {
  const int fd = state.content_descriptor();
  struct stat status;
  if (fstat(fd, &status) == 0 && S_ISDIR(status.st_mode)) return state.say("lseek of a directory", 0);
  constexpr int kWhence[] = {SEEK_SET, SEEK_CUR, SEEK_END};
  const int whence = state.random.pick(kWhence);
  const off_t offset = state.random.below(20);
  state.say("lseek " + directory_text(state, fd) + " " + std::to_string(offset) + " " + std::to_string(whence),
            lseek(fd, offset, whence));
}

void cut(State& state) {
  const std::string path = state.path();
  const off_t size = state.random.one_in(10) ? -1 : static_cast<off_t>(state.random.below(40));
  state.say("truncate " + quoted(path) + " " + std::to_string(size), truncate(path.c_str(), size));
}

void cut_descriptor(State& state) {
  const int fd = state.written_descriptor();
  const off_t size = static_cast<off_t>(state.random.below(40));
  state.say("ftruncate " + directory_text(state, fd) + " " + std::to_string(size), ftruncate(fd, size));
}

void reserve(State& state) {
  const int fd = state.written_descriptor();
  const off_t size = 1 + static_cast<off_t>(state.random.below(40));
  constexpr int kModes[] = {0, 1 /* FALLOC_FL_KEEP_SIZE */};
  const int mode = state.random.pick(kModes);
  state.say("fallocate " + directory_text(state, fd) + " " + std::to_string(size), fallocate(fd, mode, 0, size));
}

void copy(State& state) {
  const int from = state.content_descriptor();
  const int to = state.written_descriptor();
  off_t start = 0;
  const std::string text = directory_text(state, from) + " " + directory_text(state, to);
  state.say("sendfile " + text, sendfile(to, from, &start, 10));
}

void lock(State& state) {
  const int fd = state.content_descriptor();
  constexpr int kOperations[] = {LOCK_SH | LOCK_NB, LOCK_EX | LOCK_NB, LOCK_UN};
  const int operation = state.random.pick(kOperations);
  state.say("flock " + directory_text(state, fd) + " " + std::to_string(operation), flock(fd, operation));
}

// The type that a directory gives, or what a look at the file tells where it gives none (readdir(3)).
int type_of(int directory, const char* name, int type) {
  struct stat status;
  if (type != DT_UNKNOWN || fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) != 0) return type;
  return IFTODT(status.st_mode);
}

void list(State& state) {
  const int fd = state.descriptor();
  struct Entry {
    uint64_t inode;
    int64_t next;
    uint16_t size;
    uint8_t type;
    char name[1];
  };
  alignas(Entry) char buffer[4096];
  std::vector<std::string> names;
  (void)lseek(fd, 0, SEEK_SET);
  long size = 0;
  const bool too_small = state.random.one_in(20);
  while ((size = syscall(SYS_getdents64, fd, buffer, too_small ? 1UL : sizeof buffer)) > 0) {
    for (long at = 0; at < size;) {
      const auto* entry = reinterpret_cast<const Entry*>(buffer + at);
      names.push_back(std::to_string(type_of(fd, entry->name, entry->type)) + entry->name);
      at += entry->size;
    }
  }
  state.say("getdents64 " + directory_text(state, fd), size);
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) state.add(name);
}

}  // namespace

const std::vector<Kind>& open_kinds() {
  static const std::vector<Kind> kinds = {
      {"open", 8, open_path},
      {"openat", 5, open_at},
      {"openat2", 5, open_how},
      {"creat", 2, create},
      {"open directory", 5, open_directory},
      {"O_TMPFILE", 3, open_temporary},
      {"reopen", 2, reopen},
      {"close", 2, close_descriptor},
      {"dup", 1, duplicate},
      {"write", 3, write_some},
      {"pread", 2, read_some},
      {"lseek", 1, seek},
      {"truncate", 2, cut},
      {"ftruncate", 1, cut_descriptor},
      {"fallocate", 1, reserve},
      {"sendfile", 1, copy},
      {"flock", 1, lock},
      {"getdents64", 3, list},
  };
  return kinds;
}

}  // namespace random_files
