// Calls that make, remove and move names.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tests/random_files/state.h"

namespace random_files {
namespace {

constexpr mode_t kModes[] = {0777, 0755, 0700, 0644, 0600, 0555, 0444, 0400, 0311, 0000, 01777, 02755, 02775, 04755, 06711};

mode_t mode(State& state) { return state.random.pick(kModes); }

void make_directory(State& state) {
  const std::string path = state.path();
  const mode_t bits = mode(state);
  state.say("mkdir " + quoted(path) + " " + octal(bits), mkdir(path.c_str(), bits));
}

void make_directory_at(State& state) {
  const int at = state.directory();
  const std::string path = state.path();
  const mode_t bits = mode(state);
  state.say("mkdirat " + directory_text(state, at) + " " + quoted(path) + " " + octal(bits), mkdirat(at, path.c_str(), bits));
}

void remove_directory(State& state) {
  const std::string path = state.path();
  state.say("rmdir " + quoted(path), rmdir(path.c_str()));
}

void remove_name(State& state) {
  const std::string path = state.path();
  state.say("unlink " + quoted(path), unlink(path.c_str()));
}

void remove_name_at(State& state) {
  const int at = state.directory();
  const std::string path = state.path();
  constexpr int kFlags[] = {0, 0, AT_REMOVEDIR, AT_REMOVEDIR | AT_EMPTY_PATH};
  const int flags = state.random.pick(kFlags);
  state.say("unlinkat " + directory_text(state, at) + " " + quoted(path) + " " + hexadecimal(static_cast<unsigned>(flags)),
            unlinkat(at, path.c_str(), flags));
}

void move(State& state) {
  const std::string from = state.path();
  const std::string to = state.path();
  state.say("rename " + quoted(from) + " " + quoted(to), rename(from.c_str(), to.c_str()));
}

void move_at(State& state) {
  const int from_at = state.directory();
  const int to_at = state.directory();
  const std::string from = state.path();
  const std::string to = state.path();
  constexpr unsigned kFlags[] = {0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_EXCHANGE, RENAME_NOREPLACE | RENAME_EXCHANGE};
  const unsigned flags = state.random.pick(kFlags);
  state.say("renameat2 " + directory_text(state, from_at) + " " + quoted(from) + " " + directory_text(state, to_at) + " " +
                quoted(to) + " " + hexadecimal(flags),
            renameat2(from_at, from.c_str(), to_at, to.c_str(), flags));
}

void link_name(State& state) {
  const std::string from = state.path();
  const std::string to = state.path();
  state.say("link " + quoted(from) + " " + quoted(to), link(from.c_str(), to.c_str()));
}

void link_at(State& state) {
  const int from_at = state.directory();
  const int to_at = state.directory();
  constexpr int kFlags[] = {0, AT_SYMLINK_FOLLOW, AT_EMPTY_PATH};
  // Linux lets a descriptor's own opener name it; which one that is the monitor cannot see.
  const int flags = state.privileged || from_at == AT_FDCWD ? state.random.pick(kFlags) : 0;
  const std::string from = flags == AT_EMPTY_PATH ? std::string() : state.path();
  const std::string to = state.path();
  state.say("linkat " + directory_text(state, from_at) + " " + quoted(from) + " " + directory_text(state, to_at) + " " +
                quoted(to) + " " + hexadecimal(static_cast<unsigned>(flags)),
            linkat(from_at, from.c_str(), to_at, to.c_str(), flags));
}

void link_symbolically(State& state) {
  const std::string target = state.path();
  const std::string path = state.path();
  state.say("symlink " + quoted(target) + " " + quoted(path), symlink(target.c_str(), path.c_str()));
}

void link_symbolically_at(State& state) {
  const std::string target = state.path();
  const int at = state.directory();
  const std::string path = state.path();
  state.say("symlinkat " + quoted(target) + " " + directory_text(state, at) + " " + quoted(path),
            symlinkat(target.c_str(), at, path.c_str()));
}

void read_link(State& state) {
  const std::string path = state.path();
  char text[4096];
  const ssize_t size = readlink(path.c_str(), text, sizeof text);
  state.say("readlink " + quoted(path), size);
  if (size > 0) state.add(quoted(std::string(text, static_cast<size_t>(size))));
}

void read_link_at(State& state) {
  const int at = state.directory();
  const std::string path = state.path();
  const size_t room = state.random.one_in(4) ? 2 : 4096;
  char text[4096];
  const ssize_t size = readlinkat(at, path.c_str(), text, room);
  state.say("readlinkat " + directory_text(state, at) + " " + quoted(path) + " " + std::to_string(room), size);
  if (size > 0) state.add(quoted(std::string(text, static_cast<size_t>(size))));
}

void make_node(State& state) {
  constexpr mode_t kTypes[] = {S_IFREG, S_IFIFO, S_IFIFO, S_IFSOCK, S_IFCHR, 0, S_IFDIR};
  const mode_t type = state.random.pick(kTypes);
  const dev_t device = type == S_IFCHR ? makedev(1, 3) : 0;
  const int at = state.directory();
  const std::string path = state.path();
  const mode_t bits = mode(state);
  state.say("mknodat " + directory_text(state, at) + " " + quoted(path) + " " + octal(type | bits),
            mknodat(at, path.c_str(), type | bits, device));
}

}  // namespace

const std::vector<Kind>& name_kinds() {
  static const std::vector<Kind> kinds = {
      {"mkdir", 6, make_directory},
      {"mkdirat", 3, make_directory_at},
      {"rmdir", 2, remove_directory},
      {"unlink", 2, remove_name},
      {"unlinkat", 2, remove_name_at},
      {"rename", 4, move},
      {"renameat2", 4, move_at},
      {"link", 3, link_name},
      {"linkat", 3, link_at},
      {"symlink", 4, link_symbolically},
      {"symlinkat", 2, link_symbolically_at},
      {"readlink", 1, read_link},
      {"readlinkat", 1, read_link_at},
      {"mknodat", 3, make_node},
  };
  return kinds;
}

}  // namespace random_files
