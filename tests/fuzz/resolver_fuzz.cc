// Any tree, with links, mounts and closed directories, and any paths in it: the resolver finds what the kernel finds, or fails
// as it does, and nothing outside.
//
// The input: the tree's making, then a working directory, then questions up to the end. The kernel's answers need a user
// namespace; where ordinary users have none, it is asked less (kernel_tree.h).
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "rootfs/host_node.h"
#include "rootfs/override_store.h"
#include "rootfs/tree.h"
#include "rootfs/tree_path.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/kernel_tree.h"
#include "tests/fuzz/ordinary_user.h"

namespace {

using namespace litebox;          // NOLINT(google-build-using-namespace): what is fuzzed
using namespace litebox::fuzz;    // NOLINT(google-build-using-namespace): what is fuzzed
using namespace litebox::rootfs;  // NOLINT(google-build-using-namespace): what is fuzzed

constexpr size_t kMostSteps = 24;
constexpr size_t kMostQuestions = 24;

struct Setting {
  bool may_mount = false;
  std::string directory;
};

const Setting& setting() {
  static const Setting made = [] {
    give_up_root();
    Setting result;
    result.may_mount = enter_own_namespaces(true);
    result.directory = make_work_directory();
    return result;
  }();
  return made;
}

const std::string& long_name() {
  static const std::string name(255, 'n');
  return name;
}

std::string name_from(uint8_t byte) {
  static const std::array<std::string, 8> names{"a", "b", "c", "d", "e", "f", "..a", long_name()};
  return names[byte % names.size()];
}

// A path or a link's text: pieces that mean something, or single characters.
std::string text_from(Input& input) {
  static const std::array<std::string, 24> pieces{"a",  "b",   "c",  "a/",  "b/",  "c/",    "d/",  "e/",
                                                  "f",  "..",  ".",  "/",   "../", "./",    "//",  "..a",
                                                  "/a", "/b/", "..", "a/b", "x",   "../..", "/..", long_name() + "/"};
  constexpr uint8_t first_character = 0x80;
  std::string text;
  for (size_t left = input.byte() % 40; left > 0 && !input.empty(); --left) {
    const uint8_t byte = input.byte();
    if (byte >= first_character) {
      text.push_back(static_cast<char>(byte ^ first_character));
    } else {
      text += pieces[byte % pieces.size()];
    }
  }
  return text.substr(0, text.find('\0'));
}

// What is made of the input.
struct Plan {
  std::vector<std::string> directories{""};  // inside, without the slash at the end
  std::vector<std::string> files;
  std::vector<BindMount> mounts;
  std::string start;
  std::vector<Question> questions;
};

class Maker {
 public:
  Maker(Input& input, std::string root, std::string outside)
      : input_(input), root_(std::move(root)), outside_(std::move(outside)) {}

  Plan make() {
    require(mkdir(root_.c_str(), 0755) == 0 && mkdir(outside_.c_str(), 0755) == 0);
    require(mkdir((outside_ + "/a").c_str(), 0755) == 0 && symlink("../../root", (outside_ + "/b").c_str()) == 0);
    for (size_t steps = input_.byte() % kMostSteps; steps > 0; --steps) step();
    plan_.start = text_from(input_);
    while (!input_.empty() && plan_.questions.size() < kMostQuestions) plan_.questions.push_back(question());
    return std::move(plan_);
  }

 private:
  const std::string& some_directory() { return plan_.directories[input_.byte() % plan_.directories.size()]; }
  std::string new_path() {
    const std::string parent = some_directory();
    return parent + "/" + name_from(input_.byte());
  }

  // What cannot be made, as there is something else, is left out.
  void step() {
    switch (input_.byte() % 8) {
      case 0:
      case 1: {
        std::string path = new_path();
        if (mkdir((root_ + path).c_str(), 0755) == 0) plan_.directories.push_back(std::move(path));
        return;
      }
      case 2: {
        std::string path = new_path();
        const Fd made(open((root_ + path).c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644));
        if (made.valid()) plan_.files.push_back(std::move(path));
        return;
      }
      case 3:
      case 4: {
        const std::string path = new_path();
        const std::string text = text_from(input_);
        (void)symlink(text.c_str(), (root_ + path).c_str());
        return;
      }
      case 5: {
        constexpr std::array<mode_t, 4> modes{0, 0600, 0100, 0755};
        const std::string path = some_directory();
        (void)chmod((root_ + path).c_str(), modes[input_.byte() % modes.size()]);
        return;
      }
      case 6: {
        const std::string path = new_path();
        if (plan_.files.empty()) return;
        const std::string file = plan_.files[input_.byte() % plan_.files.size()];
        if (link((root_ + file).c_str(), (root_ + path).c_str()) == 0) plan_.files.push_back(path);
        return;
      }
      default:
        return add_mount();
    }
  }

  void add_mount() {
    if (!setting().may_mount) return;
    const uint8_t kind = input_.byte();
    BindMount mount;
    mount.no_symlink_follow = kind % 4 == 1;
    if (kind % 4 == 2 && !plan_.files.empty()) {
      mount.source = root_ + plan_.files[input_.byte() % plan_.files.size()];
      mount.target = plan_.files[input_.byte() % plan_.files.size()];
    } else {
      mount.source = kind % 8 == 3 ? outside_ : root_ + some_directory();
      mount.target = some_directory();
    }
    if (!mount.target.empty()) plan_.mounts.push_back(std::move(mount));
  }

  Question question() {
    Question question;
    const uint8_t kind = input_.byte();
    question.follow = (kind & 1U) != 0;
    if (setting().may_mount) {
      question.privileged = (kind & 2U) != 0;
      if (kind >> 4U == 1) question.purpose = Purpose::make_directory;
      if (kind >> 4U == 2) question.purpose = Purpose::make_file;
      if (kind >> 4U == 3)
        question.resolve = input_.byte() & (RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_BENEATH | RESOLVE_IN_ROOT);
    }
    if ((kind & 4U) != 0 && (kind & 8U) != 0) question.resolve |= RESOLVE_NO_SYMLINKS;
    // openat2(2) refuses both together.
    if ((question.resolve & RESOLVE_BENEATH) != 0) question.resolve &= ~static_cast<uint64_t>(RESOLVE_IN_ROOT);
    if (question.purpose != Purpose::look) question = {question.purpose, {}, true, true, 0};
    question.path = text_from(input_);
    return question;
  }

  Input& input_;
  std::string root_;
  std::string outside_;
  Plan plan_;
};

NodePtr host_node(const std::string& path, Ownership ownership) {
  auto file_system = std::make_shared<HostFileSystem>(ownership, false, nullptr);
  if (ownership == Ownership::recorded) {
    file_system->set_store(std::make_unique<OverrideStore>(Fd(open(path.c_str(), O_PATH | O_CLOEXEC))));
  }
  auto node = HostNode::make(file_system, Fd(open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC)));
  require(node.ok());
  return *node;
}

Subject subject_with(uint64_t capabilities) {
  Subject subject;
  subject.identity = std::make_shared<const Identity>(Identity{geteuid(), getegid(), {}, capabilities});
  return subject;
}

std::unique_ptr<Tree> tree_of(const std::string& root, const Plan& plan, const std::vector<bool>& mounted,
                              Ownership ownership) {
  auto mount = std::make_shared<Mount>();
  mount->type = "fuzz";
  auto tree = std::make_unique<Tree>(Location{std::move(mount), host_node(root, ownership)});
  for (size_t i = 0; i < plan.mounts.size(); ++i) {
    const BindMount& wanted = plan.mounts[i];
    const auto target = tree->resolve(subject_with(~0ULL), tree->root(), tree->root(), wanted.target);
    const NodePtr source = host_node(wanted.source, ownership);
    const bool possible = target.ok() && !same_place(target->target, tree->root()) &&
                          target->target.node->is_directory() == source->is_directory();
    require(possible == mounted[i]);
    if (!possible) continue;
    MountFlags flags;
    flags.no_symlink_follow = wanted.no_symlink_follow;
    require(tree->mount(target->target, source, flags, "bind", wanted.source, "/", "").ok());
  }
  return tree;
}

std::string path_of(Tree& tree, const Location& location) {
  const auto path = tree.path_of(subject_with(~0ULL), tree.root(), location);
  return path.ok() ? *path : std::string("?");
}

Answer ask_tree(Tree& tree, const Location& start, const Question& question) {
  ResolveOptions options;
  options.follow_final = question.follow && question.purpose != Purpose::make_directory;
  options.want_parent = question.purpose != Purpose::look;
  options.make_file = question.purpose == Purpose::make_file;
  options.no_symlinks = (question.resolve & RESOLVE_NO_SYMLINKS) != 0;
  options.no_magic_links = (question.resolve & RESOLVE_NO_MAGICLINKS) != 0;
  options.beneath = (question.resolve & RESOLVE_BENEATH) != 0;
  options.in_root = (question.resolve & RESOLVE_IN_ROOT) != 0;
  options.no_cross_mount = (question.resolve & RESOLVE_NO_XDEV) != 0;
  const auto found = tree.resolve(subject_with(question.privileged ? ~0ULL : 0), tree.root(), start, question.path, options);
  if (!found.ok()) return {found.error().number()};
  if (found->target.node == nullptr) {
    const std::string parent = path_of(tree, found->parent);
    return {0, true, found->parent.node->key(), (parent == "/" ? "" : parent) + "/" + found->name};
  }
  if (question.purpose == Purpose::make_directory) return {EEXIST};
  if (question.purpose == Purpose::make_file && found->target.node->is_directory()) return {EISDIR};
  return {0, false, found->target.node->key(), path_of(tree, found->target)};
}

[[noreturn]] void complain(const Plan& plan, const Question& question, const Answer& kernel, const Answer& ours) {
  for (const std::string& directory : plan.directories) {
    struct stat status {};
    (void)stat((setting().directory + "/case/root" + directory).c_str(), &status);
    std::fprintf(stderr, "directory %s/ mode %o\n", directory.c_str(), status.st_mode);
  }
  for (const BindMount& mount : plan.mounts)
    std::fprintf(stderr, "mount %s on %s\n", mount.source.c_str(), mount.target.c_str());
  std::fprintf(stderr, "from %s: \"%s\" purpose %d follow %d privileged %d resolve %#lx\n", plan.start.c_str(),
               question.path.c_str(), static_cast<int>(question.purpose), question.follow, question.privileged,
               question.resolve);
  for (const Answer* answer : {&kernel, &ours}) {
    std::fprintf(stderr, "%s: error %d made %d inode %lu path %s\n", answer == &kernel ? "kernel" : "tree", answer->error,
                 answer->made, answer->key.inode, answer->path.c_str());
  }
  std::abort();
}

void compare(const Plan& plan, const Question& question, const Answer& kernel, const Answer& ours) {
  if (kernel.error < 0) return;
  const bool same_path = !setting().may_mount || kernel.path.empty() || kernel.path == ours.path;
  const bool same = kernel.error == ours.error && kernel.made == ours.made && (kernel.error != 0 || kernel.key == ours.key);
  if (!same || (kernel.error == 0 && !same_path)) complain(plan, question, kernel, ours);
}

void check_never_outside(const Question& question, const Answer& ours, const std::string& directory) {
  struct stat status {};
  require(stat(directory.c_str(), &status) == 0);
  if (ours.error == 0 && ours.key == NodeKey{status.st_dev, status.st_ino}) {
    std::fprintf(stderr, "outside: %s\n", question.path.c_str());
    std::abort();
  }
}

}  // namespace

// Before the fuzzer has threads: namespaces are entered by a process with one.
extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  (void)setting();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  const Setting& where = setting();
  const std::string directory = where.directory + "/case";
  require(mkdir(directory.c_str(), 0755) == 0);
  const std::string root = directory + "/root";
  const Ownership ownership = input.byte() % 2 == 0 ? Ownership::recorded : Ownership::native;
  const Plan plan = Maker(input, root, directory + "/outside").make();
  const Answers kernel =
      where.may_mount ? ask_kernel(root, plan.mounts, plan.start, plan.questions) : ask_kernel_in_root(root, plan.questions);
  {
    const auto tree = tree_of(root, plan, kernel.mounted, ownership);
    Location start = tree->root();
    if (where.may_mount) {
      const auto found = tree->resolve(subject_with(~0ULL), tree->root(), tree->root(), plan.start);
      const bool is_directory = found.ok() && found->target.node->is_directory();
      const int error = found.ok() ? (is_directory ? 0 : ENOTDIR) : found.error().number();
      compare(plan, {Purpose::look, plan.start}, {kernel.directory_error}, {error});
      if (is_directory) start = found->target;
    }
    for (size_t i = 0; i < plan.questions.size(); ++i) {
      const Question& question = plan.questions[i];
      Question asked = question;
      if (!where.may_mount) asked.resolve |= RESOLVE_IN_ROOT;
      const Answer ours = ask_tree(*tree, start, asked);
      check_never_outside(question, ours, directory);
      compare(plan, question, kernel.answers[i], ours);
    }
  }
  remove_tree(directory);
  return 0;
}
