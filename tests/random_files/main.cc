// random_files: makes a seeded sequence of file calls and prints each with its result. /parameters holds the seed, the number
// of calls, and how many of them happen between two fresh beginnings.
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/random_files/state.h"

namespace random_files {
namespace {

constexpr unsigned kIds[] = {0, 1000, 1000, 1001};

const Kind& pick(State& state) {
  static const std::vector<Kind> kinds = [] {
    std::vector<Kind> all;
    for (const auto* family : {&name_kinds(), &open_kinds(), &attribute_kinds(), &process_kinds()}) {
      for (const Kind& kind : *family) all.insert(all.end(), kind.weight, kind);
    }
    return all;
  }();
  return kinds[state.random.below(static_cast<unsigned>(kinds.size()))];
}

void change_directory(State& state) {
  const std::string path = state.path();
  state.say("chdir " + quoted(path), chdir(path.c_str()));
}

void change_to_descriptor(State& state) {
  const int fd = state.descriptor();
  state.say("fchdir " + directory_text(state, fd), fchdir(fd));
}

void tell_directory(State& state) {
  char path[4096];
  const bool told = getcwd(path, sizeof path) != nullptr;
  state.say("getcwd", told ? 0 : -1);
  if (told) state.add(quoted(path));
}

void set_umask(State& state) {
  constexpr mode_t kMasks[] = {022, 022, 0, 077, 0777};
  const mode_t mask = state.random.pick(kMasks);
  state.say("umask " + octal(mask), umask(mask));
}

// This thread's ids alone, by the calls themselves; going back needs the real id, which stays root's.
void set_user(State& state) {
  const unsigned uid = state.random.pick(kIds);
  state.say("seteuid " + std::to_string(uid), syscall(SYS_setresuid, -1, uid, -1));
  // A file system's user that was another before leaves the capabilities over files behind.
  state.privileged = state.privileged && uid == 0;
}

void set_group(State& state) {
  const unsigned gid = state.random.pick(kIds);
  state.say("setegid " + std::to_string(gid), syscall(SYS_setresgid, -1, gid, -1));
}

void set_file_user(State& state) {
  const unsigned uid = state.random.pick(kIds);
  state.say("setfsuid " + std::to_string(uid), syscall(SYS_setfsuid, uid));
  state.privileged = false;
}

void set_groups(State& state) {
  const gid_t groups[] = {state.random.pick(kIds), 2000};
  const size_t count = state.random.below(3);
  state.say("setgroups " + std::to_string(count), syscall(SYS_setgroups, count, groups));
}

// A child with another root: what it does there, and the ways out that there are none of.
void in_another_root(State& state) {
  const std::string path = state.path();
  const uint64_t seed = state.random.next();
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    State inside(seed);
    inside.descriptors = state.descriptors;
    inside.path_only = state.path_only;
    inside.privileged = state.privileged;
    inside.say("chroot " + quoted(path), chroot(path.c_str()));
    if (inside.random.one_in(2)) inside.say("chdir /", chdir("/"));
    for (int i = 0; i < 6; ++i) {
      const Kind* kind = &pick(inside);
      while (kind->make == in_another_root) kind = &pick(inside);
      kind->make(inside);
    }
    tell_directory(inside);
    fflush(stdout);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (status != 0) state.say("a child's end " + std::to_string(status), 0);
}

void begin_anew(State& state) {
  state.close_all();
  syscall(SYS_setresuid, 0, 0, 0);
  // The capabilities over files come back when this id becomes 0, which it may be already (cap_task_fix_setuid).
  syscall(SYS_setfsuid, 1);
  syscall(SYS_setfsuid, 0);
  syscall(SYS_setresgid, 0, 0, 0);
  syscall(SYS_setgroups, 0UL, nullptr);
  umask(022);
  if (chdir("/") != 0) _exit(1);
  prepare_trees();
  if (chdir(kRoots[state.random.below(kRoots.size())]) != 0) _exit(1);
}

// Each round has a seed of its own: what goes wrong in one is not carried into the next.
int run(uint64_t seed, unsigned long calls, unsigned long calls_in_round) {
  Random seeds(seed);
  unsigned long round = 0;
  for (unsigned long made = 0; made < calls; made += calls_in_round) {
    State state(seeds.next());
    begin_anew(state);
    printf("\n= round %lu", round++);
    for (unsigned long i = 0; i < calls_in_round; ++i) pick(state).make(state);
    print_trees();
    state.close_all();
  }
  printf("\n= the end\n");
  return fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace

const std::vector<Kind>& process_kinds() {
  static const std::vector<Kind> kinds = {
      {"chdir", 3, change_directory}, {"fchdir", 1, change_to_descriptor},
      {"getcwd", 1, tell_directory},  {"umask", 1, set_umask},
      {"seteuid", 3, set_user},       {"setegid", 1, set_group},
      {"setfsuid", 1, set_file_user}, {"setgroups", 1, set_groups},
      {"chroot", 1, in_another_root},
  };
  return kinds;
}

}  // namespace random_files

int main() {
  signal(SIGPIPE, SIG_IGN);
  setvbuf(stdout, nullptr, _IOFBF, 1U << 18U);
  unsigned long seed = 1;
  unsigned long calls = 1000;
  unsigned long calls_in_round = 200;
  FILE* const parameters = fopen("/parameters", "r");
  if (parameters == nullptr || fscanf(parameters, "%lu %lu %lu", &seed, &calls, &calls_in_round) != 3) return 2;
  fclose(parameters);
  return random_files::run(seed, calls, calls_in_round);
}
