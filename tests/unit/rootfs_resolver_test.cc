// Tree::resolve against the kernel: the same random paths in a chroot with real bind mounts, and in a Tree.
#include <dirent.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include <atomic>
#include <random>
#include <thread>

#include "tests/unit/rootfs_test_support.h"

namespace litebox::rootfs {
namespace {

struct Answer {
  int error = 0;
  NodeKey key;
  bool operator==(const Answer&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Answer& answer) {
  if (answer.error != 0) return out << std::strerror(answer.error);
  return out << "inode " << answer.key.inode;
}

struct Question {
  std::string path;
  bool follow = true;
  uint64_t resolve = 0;  // RESOLVE_*
};

// What a resolver of one kind has to be told.
struct Setting {
  std::string cwd = "/";
  uid_t uid = 0;
};

Answer ask_kernel(const Question& question) {
  struct open_how how {};
  how.flags = O_PATH | O_CLOEXEC | (question.follow ? 0 : O_NOFOLLOW);
  how.resolve = question.resolve;
  Fd fd;
  do {  // EAGAIN: something on this host has renamed or mounted while a ".." was followed (openat2(2))
    fd.reset(static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, question.path.c_str(), &how, sizeof how)));
  } while (!fd && errno == EAGAIN);
  if (!fd) return {errno, {}};
  struct stat status {};
  (void)::fstat(fd.get(), &status);
  return {0, {status.st_dev, status.st_ino}};
}

Answer ask_tree(Tree& tree, const Subject& subject, const Location& cwd, const Question& question) {
  ResolveOptions options;
  options.follow_final = question.follow;
  options.no_symlinks = (question.resolve & RESOLVE_NO_SYMLINKS) != 0;
  options.no_magic_links = (question.resolve & RESOLVE_NO_MAGICLINKS) != 0;
  options.beneath = (question.resolve & RESOLVE_BENEATH) != 0;
  options.in_root = (question.resolve & RESOLVE_IN_ROOT) != 0;
  options.no_cross_mount = (question.resolve & RESOLVE_NO_XDEV) != 0;
  const auto found = tree.resolve(subject, tree.root(), cwd, question.path, options);
  if (!found.ok()) return {found.error().number(), {}};
  return {0, found->target.node->key()};
}

class ResolverTest : public ::testing::TestWithParam<Ownership> {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "the kernel's answers need chroot(2)";
    const std::string root = directory_ / "root";
    for (const char* name : {"/", "/a", "/a/b", "/a/b/c", "/d", "/d/secret", "/d/secret/in", "/mnt", "/mnt2", "/a/inner"}) {
      ASSERT_EQ(::mkdir((root + name).c_str(), 0755), 0);
    }
    ASSERT_EQ(::mkdir((directory_ / "other").c_str(), 0755), 0);
    ASSERT_EQ(::mkdir((directory_ / "other/x").c_str(), 0755), 0);
    write_file(root + "/file", "1");
    write_file(root + "/a/file", "2");
    write_file(root + "/a/b/file", "3");
    write_file(root + "/d/secret/in/file", "4");
    write_file(root + "/mnt/hidden", "5");
    write_file(directory_ / "other/file", "6");
    write_file(directory_ / "other/x/file", "7");
    write_file(directory_ / "outside", "8");
    ASSERT_EQ(::chmod((root + "/d/secret").c_str(), 0700), 0);
    ASSERT_EQ(::chmod((root + "/mnt").c_str(), 0700), 0);  // covered: whoever is in the mount may leave it
    const std::pair<const char*, const char*> links[] = {
        {"la", "a"},           {"lb", "/a/b"},      {"a/up", ".."},       {"a/root", "/"},    {"a/b/far", "../../../../../a/b"},
        {"loop", "loop2"},     {"loop2", "loop"},   {"dangling", "none"}, {"lf", "file"},     {"a/lf", "../file/"},
        {"a/b/mnt", "/mnt/x"}, {"dd", "a/b/../.."}, {"ls", "d/secret/"},  {"chain", "lb/far"}};
    for (const auto& [name, target] : links) ASSERT_EQ(::symlink(target, (root + "/" + name).c_str()), 0);

    tree_ = tree_over(root, GetParam());
    mount("/mnt", directory_ / "other");
    mount("/mnt/x", root + "/a");
    mount("/a/inner", directory_ / "other");
    mount("/a/inner", directory_ / "other/x");
  }

  void mount(const std::string& where, const std::string& what) {
    mounts_.emplace_back(where, what);
    const auto found = tree_->resolve(root_subject(), tree_->root(), tree_->root(), where);
    ASSERT_TRUE(found.ok());
    ASSERT_TRUE(tree_->mount(found->target, host_root(what, GetParam()), {}, "bind", what, "/", "").ok());
  }

  // The kernel's answers, from a child with the same mounts in a mount namespace of its own.
  std::vector<Answer> kernel_answers(const Setting& setting, const std::vector<Question>& questions) {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const Fd reader(ends[0]);
    Fd writer(ends[1]);
    const pid_t child = ::fork();
    if (child == 0) {
      if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) ::_exit(2);
      const std::string root = directory_ / "root";
      if (::mount(root.c_str(), root.c_str(), nullptr, MS_BIND, nullptr) != 0) ::_exit(3);
      for (const auto& [where, what] : mounts_) {
        if (::mount(what.c_str(), (root + where).c_str(), nullptr, MS_BIND, nullptr) != 0) ::_exit(4);
      }
      if (::chroot(root.c_str()) != 0 || ::chdir(setting.cwd.c_str()) != 0) ::_exit(5);
      if (setting.uid != 0 && (::setresgid(setting.uid, setting.uid, setting.uid) != 0 ||
                               ::setresuid(setting.uid, setting.uid, setting.uid) != 0)) {
        ::_exit(6);
      }
      for (const Question& question : questions) {
        const Answer answer = ask_kernel(question);
        if (::write(writer.get(), &answer, sizeof answer) != sizeof answer) ::_exit(7);
      }
      ::_exit(0);
    }
    writer.reset();
    std::vector<Answer> answers;
    Answer answer;
    while (::read(reader.get(), &answer, sizeof answer) == sizeof answer) answers.push_back(answer);
    int status = 0;
    (void)::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
    return answers;
  }

  void compare(const Setting& setting, const std::vector<Question>& questions) {
    const std::vector<Answer> expected = kernel_answers(setting, questions);
    ASSERT_EQ(expected.size(), questions.size());
    const auto cwd = tree_->resolve(root_subject(), tree_->root(), tree_->root(), setting.cwd);
    ASSERT_TRUE(cwd.ok());
    const Subject subject = setting.uid == 0 ? root_subject() : subject_of(setting.uid, 0);
    int different = 0;
    for (size_t i = 0; i < questions.size() && different < 20; ++i) {
      const Answer answer = ask_tree(*tree_, subject, cwd->target, questions[i]);
      if (answer == expected[i]) continue;
      ++different;
      ADD_FAILURE() << "path " << questions[i].path << " from " << setting.cwd << " as " << setting.uid
                    << (questions[i].follow ? "" : " nofollow") << " resolve " << questions[i].resolve << ": kernel says "
                    << expected[i] << ", the tree says " << answer;
    }
  }

  std::vector<Question> random_questions(unsigned seed, int count) {
    static const std::vector<std::string> kNames = {"a",     "b",     "c",  "d",  "secret", "in",  "mnt",      "x",    "inner",
                                                    "file",  "la",    "lb", "up", "root",   "far", "dangling", "lf",   "dd",
                                                    "ls",    "chain", "..", "..", "..",     ".",   "hidden",   "none", "loop",
                                                    "loop2", "mnt2",  "",   "a",  "a/b/c",  "a/b", "mnt/x"};
    static const std::vector<uint64_t> kResolve = {0,
                                                   0,
                                                   0,
                                                   RESOLVE_BENEATH,
                                                   RESOLVE_IN_ROOT,
                                                   RESOLVE_NO_SYMLINKS,
                                                   RESOLVE_NO_XDEV,
                                                   RESOLVE_NO_XDEV | RESOLVE_IN_ROOT,
                                                   RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH};
    std::mt19937 random(seed);
    const auto pick = [&](size_t size) { return random() % size; };
    std::vector<Question> questions;
    for (int i = 0; i < count; ++i) {
      Question question;
      if (pick(3) == 0) question.path = "/";
      const size_t parts = 1 + pick(6);
      for (size_t part = 0; part < parts; ++part) {
        if (part > 0) question.path += "/";
        question.path += kNames[pick(kNames.size())];
      }
      if (pick(4) == 0) question.path += "/";
      question.follow = pick(2) == 0;
      question.resolve = kResolve[pick(kResolve.size())];
      questions.push_back(std::move(question));
    }
    return questions;
  }

  TempDirectory directory_;
  std::unique_ptr<Tree> tree_;
  std::vector<std::pair<std::string, std::string>> mounts_;
};

TEST_P(ResolverTest, AnswersAsTheKernelDoes) {
  unsigned seed = 1;
  for (const uid_t uid : {0U, 1000U}) {
    for (const char* cwd : {"/", "/a/b", "/mnt", "/mnt/x/b", "/a/inner"}) {
      compare({cwd, uid}, random_questions(seed++, 4000));
    }
  }
}

TEST_P(ResolverTest, AnswersAsTheKernelDoesAtTheLimits) {
  const std::string root = directory_ / "root";
  // Chains of 39, 40 and 41 symlinks.
  ASSERT_EQ(::symlink("file", (root + "/s1").c_str()), 0);
  for (int i = 2; i <= 42; ++i) {
    ASSERT_EQ(::symlink(("s" + std::to_string(i - 1)).c_str(), (root + "/s" + std::to_string(i)).c_str()), 0);
  }
  // Loops whose text grows with every turn.
  std::string dots;
  while (dots.size() < 3000) dots += "./";
  ASSERT_EQ(::symlink((dots + "grows").c_str(), (root + "/grows").c_str()), 0);
  ASSERT_EQ(::symlink((dots + "a/lf").c_str(), (root + "/long").c_str()), 0);
  std::vector<Question> questions;
  for (const char* name :
       {"grows",   "./grows", "a/../grows", "long",        "./././long", "s39",  "s40",    "s41",    "/s40",    "",
        "/",       "//",      ".",          "..",          "./",         "a/.",  "a/b/..", "file/.", "file/..", "file/x",
        "none/..", "none/x",  "d/secret/.", "d/secret/..", "ls/in/file", "a/lf", "mnt/",   "mnt/."}) {
    questions.push_back({name});
    questions.push_back({name, false});
  }
  questions.push_back({std::string(255, 'n')});
  questions.push_back({std::string(256, 'n')});
  questions.push_back({"a/" + std::string(256, 'n') + "/c"});
  std::string deep;
  while (deep.size() + 2 < 4095) deep += "./";
  questions.push_back({deep});
  questions.push_back({deep + "a"});
  questions.push_back({deep + "/a"});
  questions.push_back({deep + "//a"});
  compare({"/", 0}, questions);
  compare({"/", 1000}, questions);
}

TEST_P(ResolverTest, EachNameOfAFileIsCoveredAlone) {
  const std::string root = directory_ / "root";
  ASSERT_EQ(::link((root + "/file").c_str(), (root + "/twin").c_str()), 0);
  ASSERT_EQ(::link((root + "/file").c_str(), (root + "/third").c_str()), 0);
  mount("/file", directory_ / "other/file");
  mount("/twin", directory_ / "other/x/file");
  mount("/twin", root + "/a/file");
  compare({"/", 0}, {{"file"}, {"twin"}, {"third"}, {"lf"}, {"a/../twin"}, {"twin", true, RESOLVE_NO_XDEV}});
}

TEST_P(ResolverTest, TellsTheParentOfWhatIsMissing) {
  ResolveOptions options;
  options.want_parent = true;
  const Location root = tree_->root();
  const auto resolve = [&](const std::string& path) { return tree_->resolve(root_subject(), root, root, path, options); };
  const auto key = [&](const std::string& path) {
    return tree_->resolve(root_subject(), root, root, path)->target.node->key();
  };

  auto found = resolve("/a/b/new");
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->name, "new");
  EXPECT_EQ(found->target.node, nullptr);
  EXPECT_EQ(found->parent.node->key(), key("/a/b"));

  found = resolve("/a/b/c/");
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->name, "c");
  EXPECT_TRUE(found->trailing_slash);
  EXPECT_EQ(found->target.node->key(), key("/a/b/c"));

  found = resolve("/dangling");  // O_CREAT makes what a dangling link names
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->name, "none");
  EXPECT_EQ(found->parent.node->key(), root.node->key());

  options.follow_final = false;
  found = resolve("/dangling");
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->name, "dangling");
  EXPECT_TRUE(found->target.node->is_symlink());
  found = resolve("/la/");
  ASSERT_TRUE(found.ok());
  EXPECT_TRUE(found->target.node->is_symlink());

  EXPECT_EQ(resolve("/")->last, LastComponent::root);
  EXPECT_EQ(resolve("/a/.")->last, LastComponent::dot);
  EXPECT_EQ(resolve("/a/..")->last, LastComponent::dot_dot);
  EXPECT_EQ(resolve("/a/..")->name, "");
  EXPECT_EQ(resolve("/none/x").error().number(), ENOENT);
  EXPECT_EQ(resolve("/file/x").error().number(), ENOTDIR);
}

TEST_P(ResolverTest, TaskRootIsTheTopForAbsolutePathsLinksAndDotDot) {
  const Location root = tree_->root();
  const auto jail = tree_->resolve(root_subject(), root, root, "/a");
  ASSERT_TRUE(jail.ok());
  const auto key = [&](const std::string& path) {
    return tree_->resolve(root_subject(), root, root, path)->target.node->key();
  };
  const auto in_jail = [&](const std::string& path) {
    return tree_->resolve(root_subject(), jail->target, jail->target, path);
  };
  EXPECT_EQ(in_jail("/../../b")->target.node->key(), key("/a/b"));
  EXPECT_EQ(in_jail("root")->target.node->key(), key("/a"));
  EXPECT_EQ(in_jail("up")->target.node->key(), key("/a"));
  EXPECT_EQ(in_jail("b/far").error().number(), ENOENT);
  EXPECT_EQ(in_jail("/file")->target.node->key(), key("/a/file"));
}

TEST_P(ResolverTest, PathsAreFoundAgain) {
  const Location root = tree_->root();
  for (const char* path : {"/", "/a/b/c", "/mnt/x/b", "/mnt/file", "/a/inner/file", "/mnt2"}) {
    const auto found = tree_->resolve(root_subject(), root, root, path);
    ASSERT_TRUE(found.ok()) << path;
    EXPECT_EQ(*tree_->path_of(root_subject(), root, found->target), path);
  }
  const auto jail = tree_->resolve(root_subject(), root, root, "/mnt");
  const auto inside = tree_->resolve(root_subject(), root, root, "/mnt/x/b");
  const auto outside = tree_->resolve(root_subject(), root, root, "/a/b");
  ASSERT_TRUE(jail.ok() && inside.ok() && outside.ok());
  EXPECT_EQ(*tree_->path_of(root_subject(), jail->target, inside->target), "/x/b");
  EXPECT_EQ(*tree_->path_of(root_subject(), jail->target, outside->target), "(unreachable)/a/b");

  const std::string doomed = directory_ / "root/a/doomed";
  ASSERT_EQ(::mkdir(doomed.c_str(), 0755), 0);
  const auto gone = tree_->resolve(root_subject(), root, root, "/a/doomed");
  ASSERT_TRUE(gone.ok());
  ASSERT_EQ(::rmdir(doomed.c_str()), 0);
  EXPECT_EQ(*tree_->path_of(root_subject(), root, gone->target), "/a/doomed (deleted)");
}

TEST_P(ResolverTest, DescriptorsAreLocated) {
  const Location root = tree_->root();
  const auto open = [&](const std::string& path) {
    const auto found = tree_->resolve(root_subject(), root, root, path);
    EXPECT_TRUE(found.ok()) << path;
    return std::move(*Tree::open(root_subject(), found->target, O_RDONLY));
  };
  // Not below /a: through descriptors it is the same as /mnt/x, which is mounted from it.
  for (const char* path : {"/", "/d/secret", "/file", "/mnt2", "/mnt/file"}) {
    const Fd fd = open(path);
    const auto location = tree_->locate(fd.get());
    ASSERT_TRUE(location.ok()) << path;
    EXPECT_EQ(*tree_->path_of(root_subject(), root, *location), path);
  }
  const Fd outside(::open((directory_ / "outside").c_str(), O_RDONLY | O_CLOEXEC));
  const Fd above(::open(directory_.path().c_str(), O_RDONLY | O_CLOEXEC));
  for (const Fd* fd : {&outside, &above}) {
    const auto location = tree_->locate(fd->get());
    ASSERT_TRUE(location.ok());
    EXPECT_EQ(location->mount->parent(), nullptr);
    EXPECT_TRUE(tree_->path_of(root_subject(), root, *location)->starts_with("(unreachable)/tmp/"));
  }
  // Nothing above a directory that came from outside can be named.
  const auto location = tree_->locate(above.get());
  for (const char* path : {"..", "../..", "../../etc", "root/../..", "root/a/../../.."}) {
    const auto found = tree_->resolve(root_subject(), root, *location, path);
    if (found.ok()) {
      EXPECT_EQ(found->target.node->key(), location->node->key()) << path;
    }
  }
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const Fd reader(ends[0]), writer(ends[1]);
  const auto pipe = tree_->locate(reader.get());
  ASSERT_TRUE(pipe.ok());
  EXPECT_TRUE(tree_->path_of(root_subject(), root, *pipe)->starts_with("pipe:["));
}

TEST_P(ResolverTest, TheHostsNullDeviceIsNotToBeChanged) {
  const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const auto lent = tree_->locate(null.get());
  ASSERT_TRUE(lent.ok());
  EXPECT_EQ(Tree::want_write(*lent).error().number(), EROFS);
}

TEST_P(ResolverTest, NothingBelongsAboveADirectoryThatWasMovedOut) {
  ASSERT_EQ(::mkdir((directory_ / "other/x/deep").c_str(), 0755), 0);
  const Location root = tree_->root();
  // Through the mount of other/x itself, so that its parent lies outside of that mount's part.
  const auto inside = tree_->resolve(root_subject(), root, root, "/a/inner/deep");
  ASSERT_TRUE(inside.ok());
  ASSERT_EQ(::rename((directory_ / "other/x/deep").c_str(), (directory_ / "deep").c_str()), 0);
  EXPECT_EQ(tree_->resolve(root_subject(), root, inside->target, "..").error().number(), ENOENT);
  EXPECT_EQ(tree_->resolve(root_subject(), root, inside->target, "../outside").error().number(), ENOENT);
  EXPECT_TRUE(tree_->resolve(root_subject(), root, inside->target, ".").ok());
}

// A thread swaps a directory for a symlink to the outside and moves directories about while paths are resolved: whatever
// happens, what is found lies in the tree.
TEST_P(ResolverTest, NeverEscapesFromRaces) {
  const std::string root = directory_ / "root";
  ASSERT_EQ(::mkdir((root + "/race").c_str(), 0755), 0);
  ASSERT_EQ(::mkdir((root + "/race/dir").c_str(), 0755), 0);
  ASSERT_EQ(::mkdir((root + "/race/dir/sub").c_str(), 0755), 0);
  write_file(root + "/race/dir/outside", "in");
  ASSERT_EQ(::symlink("../../../../../../../..", (root + "/race/up").c_str()), 0);
  ASSERT_EQ(::symlink((directory_.path()).c_str(), (root + "/race/abs").c_str()), 0);
  struct stat outside {
  }, above{};
  ASSERT_EQ(::stat((directory_ / "outside").c_str(), &outside), 0);
  ASSERT_EQ(::stat(directory_.path().c_str(), &above), 0);

  std::atomic<bool> stop{false};
  std::thread racer([&] {
    const Fd race(::open((root + "/race").c_str(), O_PATH | O_CLOEXEC));
    for (unsigned i = 0; !stop; ++i) {
      const char* other = i % 2 == 0 ? "up" : "abs";
      (void)::renameat2(race.get(), "dir", race.get(), other, RENAME_EXCHANGE);
      (void)::renameat2(race.get(), "dir", race.get(), other, RENAME_EXCHANGE);
      (void)::renameat(race.get(), "dir/sub", race.get(), "sub");
      (void)::renameat(race.get(), "sub", race.get(), "dir/sub");
    }
  });
  const Location top = tree_->root();
  int found_some = 0;
  for (int round = 0; round < 1500; ++round) {
    for (const char* path : {"/race/dir/outside", "/race/dir/sub/../outside", "/race/dir/sub/../../outside", "race/dir/..",
                             "/race/dir/sub/../..", "/race/up/outside", "/race/abs/outside", "/race/sub/../../outside"}) {
      const auto found = tree_->resolve(root_subject(), top, top, path);
      if (!found.ok()) continue;
      ++found_some;
      ASSERT_NE(found->target.node->key().inode, outside.st_ino) << path;
      ASSERT_NE(found->target.node->key().inode, above.st_ino) << path;
    }
  }
  stop = true;
  racer.join();
  EXPECT_GT(found_some, 0);
}

INSTANTIATE_TEST_SUITE_P(Modes, ResolverTest, ::testing::Values(Ownership::native, Ownership::recorded),
                         [](const auto& parameter) { return parameter.param == Ownership::native ? "Native" : "Recorded"; });

}  // namespace
}  // namespace litebox::rootfs
