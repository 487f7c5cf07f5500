// /proc of a small container over real processes.
#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sysmacros.h>

#include <cstring>
#include <sstream>

#include "tests/unit/fake_container.h"

namespace litebox::rootfs {
namespace {

std::string host_file(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

size_t line_count(const std::string& text) { return static_cast<size_t>(std::count(text.begin(), text.end(), '\n')); }

class Proc : public FakeContainer {
 protected:
  void SetUp() override {
    FakeContainer::SetUp();
    init_ = start();
    // Descriptors 100 to 103: a file of the tree, a pipe, a memfd and a file outside.
    worker_ = start([this] {
      ::dup2(::open((host_root_ + "/data/file").c_str(), O_RDONLY), 100);
      int ends[2];
      (void)!::pipe(ends);
      ::dup2(ends[0], 101);
      ::dup2(::memfd_create("mine", 0), 102);
      ::dup2(::open("/etc/passwd", O_RDONLY), 103);
      (void)::mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE, 100, 0);
      ::prctl(PR_SET_NAME, "work (er) 1");
    });
    mount("/proc", make_proc(view_, registry_), "proc");
    path_ = "/proc/" + std::to_string(worker_);
    host_path_ = path_;
  }

  pid_t init_ = 0;
  pid_t worker_ = 0;
  std::string path_;
  std::string host_path_;
};

TEST_F(Proc, ListsMembersOnly) {
  EXPECT_TRUE(has("/proc", "1"));
  EXPECT_TRUE(has("/proc", std::to_string(worker_)));
  EXPECT_FALSE(has("/proc", std::to_string(init_)));
  EXPECT_FALSE(has("/proc", std::to_string(::getpid())));
  EXPECT_EQ(error_of(subject(init_), "/proc/" + std::to_string(::getpid()) + "/stat"), ENOENT);
  EXPECT_EQ(error_of(subject(init_), "/proc/0" + std::to_string(worker_) + "/stat"), ENOENT);
  EXPECT_EQ(error_of(subject(init_), "/proc/-1/stat"), ENOENT);
}

TEST_F(Proc, InitIsFoundByBothIds) { EXPECT_EQ(at("/proc/1").node->key(), at("/proc/" + std::to_string(init_)).node->key()); }

TEST_F(Proc, SelfIsTheReaders) {
  EXPECT_EQ(target("/proc/self"), "1");
  EXPECT_EQ(target("/proc/thread-self"), "1/task/1");
  const auto link_of_worker = link(subject(worker_), "/proc/self");
  ASSERT_TRUE(link_of_worker.ok());
  EXPECT_EQ(*link_of_worker, std::to_string(worker_));
  EXPECT_EQ(content("/proc/self/comm"), host_file("/proc/" + std::to_string(init_) + "/comm"));
  EXPECT_EQ(content("/proc/thread-self/comm"), content("/proc/self/comm"));
}

TEST_F(Proc, EveryFileIsReadableByRootAndHasTheHostsLines) {
  for (const std::string& name : names(path_)) {
    const Location location = at(path_ + '/' + name, false);
    if (!S_ISREG(location.node->type()) || name == "mem" || name == "clear_refs" || name == "stack") continue;
    if (name.rfind("mount", 0) == 0) continue;
    const auto text = read(subject(init_), path_ + '/' + name);
    const int fd = ::open((host_path_ + '/' + name).c_str(), O_RDONLY);
    char byte;
    const bool host_readable = fd >= 0 && ::read(fd, &byte, 1) >= 0;
    if (fd >= 0) ::close(fd);
    if (!host_readable) continue;
    ASSERT_TRUE(text.ok()) << name << ": " << text.error().message();
    EXPECT_EQ(line_count(*text), line_count(host_file(host_path_ + '/' + name))) << name;
  }
}

TEST_F(Proc, PassesThroughWhatNamesNothing) {
  for (const char* name : {"statm", "cmdline", "environ", "auxv", "comm", "oom_score_adj", "coredump_filter"}) {
    EXPECT_EQ(content(path_ + '/' + name), host_file(host_path_ + '/' + name)) << name;
  }
  EXPECT_EQ(content(path_ + "/comm"), "work (er) 1\n");
}

TEST_F(Proc, NumbersOfAHandedOutHostFileAgree) {
  for (const std::string& path : {path_ + "/statm", std::string("/proc/uptime"), std::string("/proc/sys/kernel/pid_max")}) {
    const Location location = at(path);
    const auto by_path = location.node->status(subject(init_));
    const auto file = location.node->open(subject(init_), O_RDONLY);
    ASSERT_TRUE(by_path.ok() && file.ok()) << path;
    struct stat by_descriptor;
    ASSERT_EQ(::fstat(file->get(), &by_descriptor), 0);
    EXPECT_EQ(by_path->stx_ino, by_descriptor.st_ino) << path;
    EXPECT_EQ(gnu_dev_makedev(by_path->stx_dev_major, by_path->stx_dev_minor), by_descriptor.st_dev) << path;
  }
}

TEST_F(Proc, ADescriptorOfAHandedOutHostFileLeadsBack) {
  for (const std::string& path :
       {path_ + "/statm", path_ + "/task/" + std::to_string(worker_) + "/comm", std::string("/proc/1/cmdline"),
        std::string("/proc/uptime"), std::string("/proc/sys/kernel/pid_max"), path_ + "/stat"}) {
    const Location location = at(path);
    const auto file = location.node->open(subject(init_), O_RDONLY);
    ASSERT_TRUE(file.ok()) << path;
    const auto found = tree_->locate(file->get());
    ASSERT_TRUE(found.ok()) << path << ": " << found.error().message();
    EXPECT_EQ(found->node->key(), location.node->key()) << path;
    EXPECT_EQ(found->mount, location.mount);
    const auto shown = tree_->path_of(subject(init_), tree_->root(), *found);
    ASSERT_TRUE(shown.ok());
    EXPECT_EQ(*shown, path);
  }
  // One that came from outside names a process that does not exist here.
  const Fd outside(::open("/proc/self/stat", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(tree_->locate(outside.get()).error().number(), EACCES);
}

TEST_F(Proc, DescriptorsShowPathsInside) {
  EXPECT_TRUE(has(path_ + "/fd", "100"));
  EXPECT_FALSE(has(path_ + "/fd", "99"));
  EXPECT_EQ(target(path_ + "/fd/100"), "/data/file");
  EXPECT_EQ(target(path_ + "/fd/101").rfind("pipe:[", 0), 0U);
  EXPECT_EQ(target(path_ + "/fd/102"), "/memfd:mine (deleted)");
  EXPECT_EQ(target(path_ + "/fd/103"), "(unreachable)/passwd");
  EXPECT_EQ(error_of(subject(init_), path_ + "/fd/99"), ENOENT);
  EXPECT_EQ(error_of(subject(init_), path_ + "/fd/0100"), ENOENT);
}

TEST_F(Proc, DescriptorsOpenWhatTheyLeadTo) {
  EXPECT_EQ(content(path_ + "/fd/100"), "content\n");
  EXPECT_EQ(at(path_ + "/fd/100").node->key(), at("/data/file").node->key());
  const auto pipe = at(path_ + "/fd/101").node->open(subject(init_), O_RDONLY | O_NONBLOCK);
  EXPECT_TRUE(pipe.ok());
}

TEST_F(Proc, FdinfoNamesTheMountOfTheTree) {
  const std::string text = content(path_ + "/fdinfo/100");
  EXPECT_NE(text.find("mnt_id:\t" + std::to_string(tree_->root().mount->id) + '\n'), std::string::npos) << text;
  EXPECT_EQ(line_count(text), line_count(host_file(host_path_ + "/fdinfo/100")));
}

TEST_F(Proc, MapsShowPathsInside) {
  const std::string maps = content(path_ + "/maps");
  EXPECT_NE(maps.find(" /data/file\n"), std::string::npos) << maps;
  EXPECT_EQ(maps.find(host_root_), std::string::npos);
  EXPECT_NE(maps.find(" (unreachable)/proc_test\n"), std::string::npos);
  EXPECT_NE(maps.find("[stack]"), std::string::npos);
  EXPECT_EQ(content(path_ + "/smaps").find(host_root_), std::string::npos);
  EXPECT_EQ(content(path_ + "/numa_maps").find(host_root_), std::string::npos);
}

TEST_F(Proc, DirectoriesAndProgramAreTheViews) {
  view_.cwd = at("/data");
  view_.program = at("/data/file");
  EXPECT_EQ(target(path_ + "/cwd"), "/data");
  EXPECT_EQ(target(path_ + "/root"), "/");
  EXPECT_EQ(target(path_ + "/exe"), "/data/file");
  EXPECT_EQ(content(path_ + "/cwd/file"), "content\n");
  EXPECT_EQ(content(path_ + "/root/data/file"), "content\n");
  EXPECT_EQ(content(path_ + "/exe"), "content\n");
}

TEST_F(Proc, FilesBelongToTheProcessesUser) {
  view_.process_ids.uid[1] = 33;
  view_.process_ids.gid[1] = 44;
  const auto status = at(path_ + "/stat").node->status(subject(init_));
  ASSERT_TRUE(status.ok());
  EXPECT_EQ(status->stx_uid, 33U);
  EXPECT_EQ(status->stx_gid, 44U);
  EXPECT_EQ(status->stx_mode, S_IFREG | 0444);
}

TEST_F(Proc, OthersMayNotInspect) {
  for (auto& uid : view_.process_ids.uid) uid = 1000;
  for (auto& gid : view_.process_ids.gid) gid = 1000;
  const Subject other = subject_of(1001, 0);
  for (const char* name : {"environ", "auxv", "maps", "smaps", "io", "mem", "fd/100", "fdinfo/100", "exe", "cwd/file"}) {
    EXPECT_EQ(error_of(other, path_ + '/' + name), EACCES) << name;
  }
  for (const char* name : {"exe", "cwd", "root", "fd/100"}) {
    EXPECT_EQ(link(other, path_ + '/' + name).error().number(), EACCES) << name;
  }
  for (const char* name : {"stat", "status", "cmdline", "comm", "statm", "limits", "cgroup", "mounts"}) {
    EXPECT_EQ(error_of(other, path_ + '/' + name), 0) << name;
  }
  // A root without CAP_SYS_PTRACE, as engines make it, sees the same.
  EXPECT_EQ(error_of(subject_of(0, 1ULL << CAP_DAC_OVERRIDE), path_ + "/environ"), EACCES);
  EXPECT_EQ(error_of(subject_of(1000, 0), path_ + "/environ"), 0);
  EXPECT_EQ(error_of(subject_of(1000, 0), path_ + "/stack"), EPERM);
}

TEST_F(Proc, OnlyWhatLinuxLetsWriteOpensForWriting) {
  EXPECT_EQ(at(path_ + "/statm").node->open(subject(init_), O_WRONLY).error().number(), EACCES);
  EXPECT_EQ(error_of(subject_of(0, 0), path_ + "/loginuid"), ENOENT);  // as without audit: pam_loginuid(8) lets it be
  EXPECT_EQ(at("/proc/uptime").node->open(subject(init_), O_WRONLY).error().number(), EACCES);
  EXPECT_EQ(at("/proc/sys/kernel/pid_max").node->open(subject(init_), O_RDWR).error().number(), EACCES);
  const auto adjust = at(path_ + "/oom_score_adj").node->open(subject(init_), O_WRONLY);
  ASSERT_TRUE(adjust.ok());
  ASSERT_EQ(::write(adjust->get(), "500", 3), 3);
  EXPECT_EQ(content(path_ + "/oom_score_adj"), "500\n");
}

TEST_F(Proc, TasksAreThreads) {
  EXPECT_EQ(names("/proc/1/task"), std::vector<std::string>{"1"});
  EXPECT_EQ(names(path_ + "/task"), std::vector<std::string>{std::to_string(worker_)});
  EXPECT_EQ(content("/proc/1/task/1/stat").substr(0, 2), "1 ");
  EXPECT_FALSE(has("/proc/1/task/1", "task"));
  EXPECT_EQ(error_of(subject(init_), "/proc/1/task/" + std::to_string(worker_) + "/stat"), ENOENT);
}

TEST_F(Proc, NamespacesAreTheHostsAndCannotBeOpened) {
  char own[64] = {};
  ASSERT_GT(::readlink("/proc/self/ns/pid", own, sizeof own - 1), 0);
  EXPECT_EQ(target("/proc/1/ns/pid"), own);
  struct stat host;
  ASSERT_EQ(::stat("/proc/self/ns/pid", &host), 0);
  const auto status = at("/proc/1/ns/pid").node->status(subject(init_));
  ASSERT_TRUE(status.ok());
  EXPECT_EQ(status->stx_ino, host.st_ino);
  EXPECT_EQ(error_of(subject(init_), "/proc/1/ns/pid"), EACCES);
  EXPECT_TRUE(has("/proc/1/ns", "mnt"));
}

TEST_F(Proc, MountsAreTheTrees) {
  std::filesystem::create_directory(host_root_ + "/a b");
  mount("/a b", make_sys(view_, registry_), "sysfs", "rw,size=4k");
  const std::string mounts = content("/proc/mounts");
  EXPECT_EQ(mounts,
            "/dev/root / ext4 rw,relatime 0 0\nproc /proc proc rw,relatime 0 0\n"
            "sysfs /a\\040b sysfs rw,relatime,size=4k 0 0\n");
  const std::string info = content("/proc/self/mountinfo");
  const auto device = [](const Result<struct statx>& status) {
    return std::to_string(status->stx_dev_major) + ':' + std::to_string(status->stx_dev_minor);
  };
  const Location last = at("/a b");
  EXPECT_NE(info.find(std::to_string(last.mount->id) + ' ' + std::to_string(tree_->root().mount->id) + ' ' +
                      device(last.node->status(subject(init_))) + " / /a\\040b rw,relatime - sysfs sysfs rw,size=4k\n"),
            std::string::npos)
      << info;
  view_.root = at("/a b");
  EXPECT_EQ(content("/proc/self/mounts"), "sysfs / sysfs rw,relatime,size=4k 0 0\n");
}

TEST_F(Proc, AProcessThatEndsWhileItIsLookedAt) {
  const Location directory = at(path_);
  const Location stat = at(path_ + "/stat");
  view_.processes.insert(worker_);
  stop(worker_);
  EXPECT_EQ(stat.node->open(subject(init_), O_RDONLY).error().number(), ESRCH);
  EXPECT_EQ(directory.node->lookup(subject(init_), "status").error().number(), ENOENT);
  EXPECT_EQ(directory.node->read_directory(subject(init_), 1 << 16, 512).error().number(), ENOENT);
  EXPECT_EQ(error_of(subject(init_), path_ + "/stat"), ENOENT);
}

TEST_F(Proc, GlobalFiles) {
  for (const char* name :
       {"cpuinfo", "stat", "uptime", "loadavg", "version", "filesystems", "meminfo", "vmstat", "tty/drivers"}) {
    EXPECT_FALSE(content(std::string("/proc/") + name).empty()) << name;
  }
  EXPECT_EQ(content("/proc/version"), host_file("/proc/version"));
  EXPECT_EQ(line_count(content("/proc/swaps")), 1U);
  EXPECT_EQ(line_count(content("/proc/sysvipc/shm")), 1U);
  EXPECT_EQ(content("/proc/diskstats"), "");
  for (const char* name : {"kcore", "kallsyms", "keys", "iomem", "kmsg", "sysrq-trigger"})
    EXPECT_FALSE(has("/proc", name)) << name;
}

TEST_F(Proc, SettingsAreTheContainersOrTheHosts) {
  EXPECT_EQ(content("/proc/sys/kernel/hostname"), "inside\n");
  EXPECT_EQ(content("/proc/sys/kernel/domainname"), "(none)\n");
  EXPECT_EQ(content("/proc/sys/kernel/pid_max"), host_file("/proc/sys/kernel/pid_max"));
  EXPECT_EQ(content("/proc/sys/kernel/osrelease"), host_file("/proc/sys/kernel/osrelease"));
  EXPECT_EQ(content("/proc/sys/vm/overcommit_memory"), host_file("/proc/sys/vm/overcommit_memory"));
  EXPECT_EQ(content("/proc/sys/fs/mqueue/msg_max"), "10\n");
  EXPECT_EQ(content("/proc/sys/user/max_user_namespaces"), "0\n");
  EXPECT_EQ(content("/proc/sys/kernel/random/uuid").size(), 37U);
  EXPECT_NE(content("/proc/sys/kernel/random/uuid"), content("/proc/sys/kernel/random/uuid"));
  EXPECT_EQ(content("/proc/sys/kernel/random/boot_id"), host_file("/proc/sys/kernel/random/boot_id"));
  EXPECT_FALSE(has("/proc/sys/kernel", "modprobe"));
  EXPECT_EQ(names("/proc/sys/net/ipv4/conf"), (std::vector<std::string>{"all", "default"}));
}

TEST_F(Proc, WithoutANetworkThereIsNoInterface) {
  EXPECT_EQ(line_count(content("/proc/net/dev")), 2U);
  EXPECT_EQ(line_count(content("/proc/net/tcp")), 1U);
  EXPECT_EQ(content("/proc/net/if_inet6"), "");
  EXPECT_EQ(content("/proc/net/sockstat").find_first_of("123456789"), std::string::npos);
  view_.network = true;
  EXPECT_NE(content("/proc/net/dev").find("lo:"), std::string::npos);
}

}  // namespace
}  // namespace litebox::rootfs
