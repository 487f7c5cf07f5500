// The texts of /proc/<pid>: each is the host's own text of a real process, with what names the world outside translated.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "rootfs/proc/global_files.h"
#include "rootfs/proc/host_process.h"
#include "rootfs/proc/process_text.h"
#include "rootfs/proc/text.h"
#include "rootfs/proc/visible_ids.h"
#include "tests/unit/fake_view.h"

namespace litebox::rootfs::proc {
namespace {

std::string host_file(pid_t process, const std::string& name) {
  std::ifstream file("/proc/" + std::to_string(process) + '/' + name);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> words(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> all;
  for_each_line(text, [&all](std::string_view line) { all.emplace_back(line); });
  return all;
}

std::string value_of(const std::string& status, const std::string& key) {
  for (const std::string& line : lines(status)) {
    if (line.rfind(key + ":", 0) == 0) return line.substr(key.size() + 1);
  }
  return "missing";
}

// A child that leads a session, with a child of its own that sleeps.
class ProcText : public testing::Test {
 protected:
  void SetUp() override {
    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    parent_ = ::fork();
    ASSERT_GE(parent_, 0);
    if (parent_ == 0) {
      ::setsid();
      const pid_t child = ::fork();
      if (child == 0) {
        while (true) ::pause();
      }
      (void)!::write(ready[1], &child, sizeof child);
      while (true) ::pause();
    }
    ASSERT_EQ(::read(ready[0], &child_, sizeof child_), static_cast<ssize_t>(sizeof child_));
    ::close(ready[0]);
    ::close(ready[1]);
    view_.processes = {parent_, child_};
    view_.init = parent_;
  }
  void TearDown() override {
    ::kill(child_, SIGKILL);
    ::kill(parent_, SIGKILL);
    ::waitpid(parent_, nullptr, 0);
  }

  FakeView view_;
  pid_t parent_ = 0;
  pid_t child_ = 0;
};

TEST_F(ProcText, StatOfAChildOfInitNamesInitAsOne) {
  const std::string host = host_file(child_, "stat");
  const auto before = words(host);
  const auto after = words(translate_stat(view_, host, true));
  ASSERT_EQ(after.size(), before.size());
  EXPECT_EQ(after[0], std::to_string(child_));
  EXPECT_EQ(after[3], "1");  // ppid
  EXPECT_EQ(after[4], "1");  // pgrp
  EXPECT_EQ(after[5], "1");  // session
  for (size_t i = 6; i < before.size(); ++i) {
    if (i == 34) continue;  // wchan: an address or a mere sign that there is one
    EXPECT_EQ(after[i], before[i]) << "field " << i + 1;
  }
}

TEST_F(ProcText, StatOfInitHasNoParent) {
  const auto after = words(translate_stat(view_, host_file(parent_, "stat"), true));
  EXPECT_EQ(after[0], "1");
  EXPECT_EQ(after[3], "0");
  EXPECT_EQ(after[5], "1");
}

TEST_F(ProcText, StatKeepsNamesWithSpacesAndParentheses) {
  const std::string text =
      translate_stat(view_, std::to_string(child_) + " (a) b (c) S " + std::to_string(parent_) + " 7 8\n", true);
  EXPECT_EQ(text.substr(0, text.find('S')), std::to_string(child_) + " (a) b (c) ");
  EXPECT_EQ(words(text)[5], "1");
}

TEST_F(ProcText, StatHidesAddressesFromThoseWhoMayNotInspect) {
  const auto after = words(translate_stat(view_, host_file(child_, "stat"), false));
  EXPECT_EQ(after[25], "1");
  EXPECT_EQ(after[26], "1");
  EXPECT_EQ(after[27], "0");
  EXPECT_EQ(after[50], "0");
}

TEST_F(ProcText, AGroupLedFromOutsideIsZero) {
  EXPECT_EQ(visible_group(view_, ::getpid()), 0);
  EXPECT_EQ(visible_group(view_, parent_), 1);
  EXPECT_EQ(visible_group(view_, child_), child_);
  EXPECT_EQ(visible_process(view_, ::getpid()), 0);
}

TEST_F(ProcText, AGroupKeepsItsNumberWhenItsLeaderHasEnded) {
  const pid_t ended = ::fork();
  if (ended == 0) ::_exit(0);
  ASSERT_EQ(::waitpid(ended, nullptr, 0), ended);
  EXPECT_EQ(visible_group(view_, ended), ended);
}

TEST_F(ProcText, StatusShowsVirtualIdsAndTheSameFields) {
  view_.process_ids.uid[0] = 0;
  view_.process_ids.uid[1] = 33;
  view_.process_ids.uid[2] = 34;
  view_.process_ids.uid[3] = 35;
  view_.process_ids.gid[1] = 44;
  view_.process_ids.groups = {4, 24, 1000};
  view_.process_ids.effective = 0xa80425fb;
  const std::string host = host_file(child_, "status");
  const auto status = translate_status(view_, HostPid(child_), host);
  ASSERT_TRUE(status.ok());
  const auto before = lines(host);
  const auto after = lines(*status);
  ASSERT_EQ(after.size(), before.size());
  for (size_t i = 0; i < before.size(); ++i)
    EXPECT_EQ(after[i].substr(0, after[i].find(':')), before[i].substr(0, before[i].find(':')));
  EXPECT_EQ(value_of(*status, "Uid"), "\t0\t33\t34\t35");
  EXPECT_EQ(value_of(*status, "Gid"), "\t0\t44\t0\t0");
  EXPECT_EQ(value_of(*status, "Groups"), "\t4 24 1000 ");
  EXPECT_EQ(value_of(*status, "CapEff"), "\t00000000a80425fb");
  EXPECT_EQ(value_of(*status, "PPid"), "\t1");
  EXPECT_EQ(value_of(*status, "NSsid"), "\t1");
  EXPECT_EQ(value_of(*status, "Umask"), "\t0027");
  EXPECT_EQ(value_of(*status, "VmSize"), value_of(host, "VmSize"));
  EXPECT_EQ(value_of(*status, "Seccomp"), "\t0");
}

TEST_F(ProcText, StatusOfAnOutsiderIsAnError) {
  EXPECT_EQ(translate_status(view_, HostPid(::getpid()), host_file(::getpid(), "status")).error().number(), ESRCH);
}

TEST_F(ProcText, LimitsDoNotShowTheTag) {
  const std::string plain = host_file(child_, "limits");
  std::string tagged;
  for (const std::string& line : lines(plain)) {
    tagged += line.rfind("Max file locks", 0) == 0
                  ? "Max file locks            123456789            unlimited            locks     "
                  : line;
    tagged += '\n';
  }
  ASSERT_NE(tagged, plain);
  EXPECT_EQ(translate_limits(tagged), plain);
}

TEST_F(ProcText, CgroupsAreRoots) {
  EXPECT_EQ(translate_cgroup("4:memory:/a/b\n1:name=systemd:/\n0::/x:y/z\n"), "4:memory:/\n1:name=systemd:/\n0::/\n");
}

TEST_F(ProcText, ChildrenOfOthersAreNotListed) {
  EXPECT_EQ(translate_children(view_, std::to_string(child_) + " " + std::to_string(::getpid()) + " "),
            std::to_string(child_) + " ");
}

TEST_F(ProcText, FdinfoOfAPidfd) {
  const std::string own = std::to_string(::getpid());
  const std::string init = std::to_string(parent_);
  EXPECT_EQ(translate_fdinfo(view_, "pos:\t0\nmnt_id:\t9\nPid:\t" + own + "\nNSpid:\t" + own + "\n", 0),
            "pos:\t0\nmnt_id:\t9\nPid:\t0\nNSpid:\t0\n");
  EXPECT_EQ(translate_fdinfo(view_, "Pid:\t" + init + "\nNSpid:\t" + init + "\n", 0), "Pid:\t1\nNSpid:\t1\n");
  EXPECT_EQ(translate_fdinfo(view_, "Pid:\t-1\nNSpid:\t-1\n", 0), "Pid:\t-1\nNSpid:\t-1\n");
  EXPECT_EQ(translate_fdinfo(view_, "mnt_id:\t9\n", 12), "mnt_id:\t12\n");
}

TEST_F(ProcText, LocksOfOthersAreNotShown) {
  const std::string start = "1: POSIX  ADVISORY  WRITE ";
  const std::string end = " fe:00:2099 0 EOF";
  EXPECT_EQ(translate_lock(view_, start + std::to_string(parent_) + end), start + "1" + end);
  EXPECT_EQ(translate_lock(view_, start + std::to_string(::getpid()) + end), "");
  EXPECT_EQ(translate_lock(view_, "1: -> FLOCK  ADVISORY  READ  " + std::to_string(child_) + end),
            "1: -> FLOCK  ADVISORY  READ  " + std::to_string(child_) + end);
}

TEST_F(ProcText, SchedNamesTheProcess) {
  const std::string host = host_file(parent_, "sched");
  if (host.empty()) GTEST_SKIP() << "the kernel has no sched file";
  const std::string text = translate_sched(view_, host);
  EXPECT_NE(text.find(" (1, #threads: 1)"), std::string::npos) << text.substr(0, 60);
  EXPECT_EQ(lines(text).size(), lines(host).size());
}

TEST_F(ProcText, InspectingNeedsTheSameIdsOrTheCapability) {
  view_.process_ids.permitted = 0x3;
  for (auto& uid : view_.process_ids.uid) uid = 1000;
  for (auto& gid : view_.process_ids.gid) gid = 1000;
  const auto subject = [this](uid_t uid, uint64_t capabilities) {
    auto identity = std::make_shared<Identity>();
    identity->uid = uid;
    identity->gid = uid;
    identity->capabilities = capabilities;
    return Subject{identity, HostPid(parent_), HostPid(parent_)};
  };
  const auto may = [this](const Subject& who) { return may_inspect(view_, who, HostPid(child_), HostPid(child_)); };
  EXPECT_TRUE(may(subject(1000, 0x3)));
  EXPECT_FALSE(may(subject(1000, 0x1)));  // the target has more capabilities
  EXPECT_FALSE(may(subject(0, 0x3)));
  EXPECT_TRUE(may(subject(0, 1ULL << 19U)));  // CAP_SYS_PTRACE
  view_.process_ids.uid[2] = 0;               // a set-user-ID program
  EXPECT_FALSE(may(subject(1000, 0x3)));
  EXPECT_TRUE(may_inspect(view_, subject(7, 0), HostPid(parent_), HostPid(parent_)));
}

TEST_F(ProcText, HostProcessesAreMembersOnly) {
  EXPECT_TRUE(HostProcess::open(view_, HostPid(child_)).ok());
  EXPECT_EQ(HostProcess::open(view_, HostPid(::getpid())).error().number(), ENOENT);
  EXPECT_EQ(HostProcess::open(view_, HostPid(1)).error().number(), ENOENT);
}

TEST_F(ProcText, AProcessThatHasEndedIsGone) {
  const auto process = HostProcess::open(view_, HostPid(parent_));
  ASSERT_TRUE(process.ok());
  ASSERT_TRUE((*process)->read("stat").ok());
  EXPECT_EQ((*process)->read("nonsense").error().number(), ENOENT);
  ::kill(parent_, SIGKILL);
  ASSERT_EQ(::waitpid(parent_, nullptr, 0), parent_);
  EXPECT_EQ((*process)->read("stat").error().number(), ESRCH);
  EXPECT_EQ((*process)->list("fd").error().number(), ESRCH);
}

TEST(ProcMeminfo, ALimitIsTheMemory) {
  std::ifstream file("/proc/meminfo");
  std::stringstream host;
  host << file.rdbuf();
  const std::string text = limited_meminfo(host.str(), 64U << 20U, 16U << 20U);
  EXPECT_EQ(value_of(text, "MemTotal"), "          65536 kB");
  EXPECT_EQ(value_of(text, "MemFree"), "           49152 kB");
  EXPECT_EQ(value_of(text, "Hugepagesize"), value_of(host.str(), "Hugepagesize"));
  const auto before = lines(host.str());
  const auto after = lines(text);
  ASSERT_EQ(after.size(), before.size());
  for (size_t i = 0; i < before.size(); ++i) EXPECT_EQ(after[i].size(), before[i].size()) << after[i];
}

TEST(ProcTextTools, Escape) { EXPECT_EQ(escape("a b\\\n", " \n\\"), "a\\040b\\134\\012"); }

TEST(ProcTextTools, WordsAndNumbers) {
  std::string_view rest = "  one\t two";
  EXPECT_EQ(take_word(rest), "one");
  EXPECT_EQ(take_word(rest), "two");
  EXPECT_EQ(take_word(rest), "");
  EXPECT_EQ(parse_number<int>("12x"), std::nullopt);
  EXPECT_EQ(parse_number<int>(""), std::nullopt);
  EXPECT_EQ(parse_number<int>("-1"), -1);
}

}  // namespace
}  // namespace litebox::rootfs::proc
