// A tree of files as the kernel resolves paths in it: what a resolver has to answer, too.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "rootfs/node.h"

namespace litebox::fuzz {

// A bind mount, but on the root directory. Where one is a file and the other a directory it cannot be made.
struct BindMount {
  std::string source;  // on the host, as it is without any mount
  std::string target;  // inside
  bool no_symlink_follow = false;
};

enum class Purpose {
  look,            // openat2(O_PATH)
  make_directory,  // mkdir
  make_file,       // open(O_CREAT)
};

struct Question {
  Purpose purpose = Purpose::look;
  std::string path;
  bool follow = true;      // look: without O_NOFOLLOW
  bool privileged = true;  // look: with the capabilities that go past permissions
  uint64_t resolve = 0;    // look: RESOLVE_*
};

struct Answer {
  int error = 0;
  bool made = false;      // there was nothing of that name: `key` is the directory's
  rootfs::NodeKey key{};  // of what is there
  std::string path;       // inside, of what is there or was made; empty when the kernel cannot tell
};

struct Answers {
  std::vector<bool> mounted;  // for each mount whether it could be made
  int directory_error = 0;    // chdir
  std::vector<Answer> answers;
};

// The answers from a thread in a mount namespace of its own, chroot'ed to `root` with the mounts made in it, that has
// `directory` as its working directory ("/" where it cannot). What is made for a question is removed again.
Answers ask_kernel(const std::string& root, const std::vector<BindMount>& mounts, const std::string& directory,
                   const std::vector<Question>& questions);

// The same where this process may neither mount nor chroot: no mounts, no working directory, no purpose but to look, and
// RESOLVE_IN_ROOT for every question.
Answers ask_kernel_in_root(const std::string& root, const std::vector<Question>& questions);

}  // namespace litebox::fuzz
