// /dev/pts of a small container: real pseudo terminals of the host, the container's own only.
#include "rootfs/devpts.h"

#include <linux/capability.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include "tests/unit/fake_container.h"

namespace litebox::rootfs {
namespace {

class DevptsTest : public FakeContainer {
 protected:
  void SetUp() override {
    FakeContainer::SetUp();
    start();
    mount("/dev/pts", make_devpts(view_, registry_, DevptsOptions{}), "devpts");
    mount("/proc", make_proc(view_, registry_), "proc");
  }

  Fd open_master() {
    auto master = at("/dev/pts/ptmx").node->open(subject(view_.init), O_RDWR);
    EXPECT_TRUE(master.ok()) << (master.ok() ? "" : master.error().message());
    return master.ok() ? *std::move(master) : Fd();
  }
  static int number_of(int master) {
    int number = -1;
    EXPECT_EQ(::ioctl(master, TIOCGPTN, &number), 0);
    return number;
  }
};

TEST_F(DevptsTest, AMasterMakesItsSlaveAppear) {
  EXPECT_EQ(names("/dev/pts"), std::vector<std::string>{"ptmx"});
  const Fd master = open_master();
  const std::string slave = "/dev/pts/" + std::to_string(number_of(master.get()));
  EXPECT_EQ(names("/dev/pts").size(), 2U);
  int locked = 0;
  ASSERT_EQ(::ioctl(master.get(), TIOCSPTLCK, &locked), 0);
  const auto terminal = at(slave).node->open(subject(view_.init), O_RDWR);
  ASSERT_TRUE(terminal.ok()) << terminal.error().message();
  ASSERT_EQ(::write(terminal->get(), "hello", 5), 5);
  char buffer[8] = {};
  EXPECT_EQ(::read(master.get(), buffer, sizeof buffer), 5);
  EXPECT_STREQ(buffer, "hello");
}

TEST_F(DevptsTest, ASlaveLooksAsTtynameWantsIt) {
  const Fd master = open_master();
  const int number = number_of(master.get());
  const std::string slave = "/dev/pts/" + std::to_string(number);
  int locked = 0;
  ASSERT_EQ(::ioctl(master.get(), TIOCSPTLCK, &locked), 0);
  const auto terminal = at(slave).node->open(subject(view_.init), O_RDWR);
  ASSERT_TRUE(terminal.ok());
  struct stat open_file;
  ASSERT_EQ(::fstat(terminal->get(), &open_file), 0);
  const auto status = at(slave).node->status(subject(view_.init));
  ASSERT_TRUE(status.ok());
  EXPECT_EQ(status->stx_ino, open_file.st_ino);
  EXPECT_EQ(gnu_dev_makedev(status->stx_dev_major, status->stx_dev_minor), open_file.st_dev);
  EXPECT_EQ(gnu_dev_makedev(status->stx_rdev_major, status->stx_rdev_minor), open_file.st_rdev);
  EXPECT_EQ(status->stx_mode, S_IFCHR | 0620);
  EXPECT_EQ(status->stx_gid, 5U);
  // A member that holds it sees the path in its own /proc.
  const pid_t holder = start([&terminal] { ::dup2(terminal->get(), 90); });
  EXPECT_EQ(target("/proc/" + std::to_string(holder) + "/fd/90"), slave);
}

TEST_F(DevptsTest, TerminalsOfTheHostAreNotThere) {
  const Fd host(::open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(host.valid());
  const std::string slave = "/dev/pts/" + std::to_string(number_of(host.get()));
  EXPECT_EQ(error_of(subject(view_.init), slave), ENOENT);
  EXPECT_EQ(error_of(subject(view_.init), "/dev/pts/00"), ENOENT);
  EXPECT_EQ(error_of(subject(view_.init), "/dev/pts/99999999999999"), ENOENT);
  const auto devpts = devpts_of(*tree_);
  ASSERT_NE(devpts, nullptr);
  ASSERT_TRUE(devpts->add(host.get()).ok());
  EXPECT_TRUE(find(subject(view_.init), slave).ok());
  EXPECT_EQ(devpts->add(registry_ ? ::fileno(stderr) : -1).ok(), ::isatty(2) == 1);
}

TEST_F(DevptsTest, ASlaveCanBeAddedAsTheConsole) {
  const Fd master(::open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
  int locked = 0;
  ASSERT_EQ(::ioctl(master.get(), TIOCSPTLCK, &locked), 0);
  const Fd slave(::ioctl(master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(slave.valid());
  ASSERT_TRUE(devpts_of(*tree_)->add(slave.get()).ok());
  EXPECT_TRUE(devpts_of(*tree_)->contains(static_cast<unsigned>(number_of(master.get()))));
}

TEST_F(DevptsTest, ASlaveEndsWithItsMaster) {
  Fd master = open_master();
  const int number = number_of(master.get());
  const std::string slave = "/dev/pts/" + std::to_string(number);
  const Location terminal = at(slave);
  master.reset();
  EXPECT_EQ(error_of(subject(view_.init), slave), ENOENT);
  EXPECT_EQ(terminal.node->open(subject(view_.init), O_RDWR).error().number(), EIO);
  EXPECT_EQ(names("/dev/pts"), std::vector<std::string>{"ptmx"});
  // The host gives the number to somebody else: that one is not the container's.
  const Fd other(::open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_EQ(number_of(other.get()), number);
  EXPECT_EQ(error_of(subject(view_.init), slave), ENOENT);
}

TEST_F(DevptsTest, OwnershipIsChecked) {
  const Fd master = open_master();
  const std::string slave = "/dev/pts/" + std::to_string(number_of(master.get()));
  int locked = 0;
  ASSERT_EQ(::ioctl(master.get(), TIOCSPTLCK, &locked), 0);
  const Subject other = subject_of(1000, 0);
  EXPECT_EQ(at(slave).node->open(other, O_RDWR).error().number(), EACCES);
  EXPECT_EQ(at(slave).node->change_mode(other, 0666).error().number(), EPERM);
  ASSERT_TRUE(at(slave).node->change_owner(subject(view_.init), 1000, static_cast<gid_t>(-1)).ok());
  EXPECT_TRUE(at(slave).node->open(other, O_RDWR).ok());
  ASSERT_TRUE(at(slave).node->change_mode(other, 0600).ok());
  EXPECT_EQ(at(slave).node->status(other)->stx_mode, S_IFCHR | 0600);
}

TEST_F(DevptsTest, TheControllingTerminalIsTheCallers) {
  EXPECT_EQ(open_controlling_terminal(*tree_, subject(view_.init), O_RDWR).error().number(), ENXIO);
  const Fd master = open_master();
  int locked = 0;
  ASSERT_EQ(::ioctl(master.get(), TIOCSPTLCK, &locked), 0);
  const auto slave = at("/dev/pts/" + std::to_string(number_of(master.get()))).node->open(subject(view_.init), O_RDWR);
  ASSERT_TRUE(slave.ok());
  const pid_t leader = start([&slave] { (void)::ioctl(slave->get(), TIOCSCTTY, 0); });
  const auto terminal = open_controlling_terminal(*tree_, subject(leader), O_RDWR);
  ASSERT_TRUE(terminal.ok()) << terminal.error().message();
  struct stat one;
  struct stat two;
  ASSERT_EQ(::fstat(slave->get(), &one), 0);
  ASSERT_EQ(::fstat(terminal->get(), &two), 0);
  EXPECT_EQ(one.st_rdev, two.st_rdev);
}

}  // namespace
}  // namespace litebox::rootfs
