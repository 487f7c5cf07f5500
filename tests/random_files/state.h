// What a sequence of random file calls works with: a source of numbers, names, descriptors, and what is printed.
//
// The program runs natively in a chroot and in a container, and must print the same. A sequence depends on nothing but its
// seed: what a call answers never decides what comes next.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace random_files {

// splitmix64
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next();
  // 0 to limit - 1
  unsigned below(unsigned limit) { return static_cast<unsigned>(next() % limit); }
  bool one_in(unsigned n) { return below(n) == 0; }
  template <typename T, size_t kSize>
  const T& pick(const T (&from)[kSize]) {
    return from[below(kSize)];
  }

 private:
  uint64_t state_;
};

class State {
 public:
  explicit State(uint64_t seed) : random(seed) { descriptors.fill(-1); }

  Random random;
  static constexpr unsigned kDescriptors = 8;
  std::array<int, kDescriptors> descriptors;   // -1: closed
  std::array<bool, kDescriptors> path_only{};  // opened with O_PATH
  bool privileged = true;                      // the effective and the file system's user are root

  // A path of a few components from a small set, absolute or relative, at times with "..", a trailing slash, a link to
  // follow, or a name that is too long.
  std::string path();
  std::string name();
  // A directory descriptor for a *at call: AT_FDCWD, one of the descriptors, or none at all.
  int directory();
  int descriptor() { return descriptors[random.below(kDescriptors)]; }
  // One for calls on a file's content, which the kernel makes itself in a container: there, an O_PATH descriptor is one of
  // another kind (README, "O_PATH"), so those are left out.
  int content_descriptor();
  // One that is written to. Not of a set-id file: the kernel, which makes such calls itself, takes those bits away from
  // whoever has no CAP_FSETID on the host, and so from every guest; where they are only recorded, from nobody.
  int written_descriptor();
  // Puts an opened descriptor into a place of its own, or closes it.
  void keep(int fd, bool opened_for_path = false);
  void close_all();

  // One line of output: the call, its result or the errno's name. Takes errno from the call that has just been made.
  void say(std::string_view call, long result);
  // More about the last call.
  void add(std::string_view text);
};

// `value` in octal, and the like, for texts of calls.
std::string octal(unsigned value);
std::string hexadecimal(unsigned long value);
std::string quoted(const std::string& text);
// `value` as text, or in hexadecimal digits where it is none.
std::string of_bytes(const std::string& value);
std::string directory_text(const State& state, int fd);

// The roots in which everything happens: in the container's root, on a tmpfs, on two bind mounts.
extern const std::array<const char*, 4> kRoots;

// Makes the roots anew: empty but for a few files and directories to begin with.
void prepare_trees();
// Prints what is in them: names, types, modes, owners, sizes, link counts, contents, extended attributes.
void print_trees();

// One kind of call.
struct Kind {
  const char* name;
  unsigned weight;
  void (*make)(State&);
};
const std::vector<Kind>& name_kinds();       // mkdir, link, rename, ...
const std::vector<Kind>& open_kinds();       // open in all its forms, and what is done with descriptors
const std::vector<Kind>& attribute_kinds();  // chmod, chown, stat, xattr, times
const std::vector<Kind>& process_kinds();    // chdir, chroot, umask, ids

}  // namespace random_files
