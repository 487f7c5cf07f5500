// The two ownership modes against each other: the same calls by the same identities, once as root, where the kernel checks
// permissions and keeps ownership, and once as an ordinary user, where litebox does. The kernel is the oracle.
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/posix_acl_xattr.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <algorithm>
#include <fstream>
#include <random>
#include <sstream>

#include "rootfs/override_record.h"
#include "rootfs/posix_acl.h"
#include "tests/unit/rootfs_test_support.h"

namespace litebox::rootfs {
namespace {

constexpr uint64_t bit(int capability) { return 1ULL << static_cast<unsigned>(capability); }
constexpr uint64_t kDockerDefault = 0xa80425fb;

std::vector<Subject> identities() {
  std::vector<Subject> all = {root_subject(),
                              subject_of(0, kDockerDefault),
                              subject_of(0, 0),
                              subject_of(0, bit(CAP_CHOWN) | bit(CAP_FSETID)),
                              subject_of(1000, 0),
                              subject_of(1000, 0, {1001}),
                              subject_of(1001, 0, {1000, 1001}),
                              subject_of(1001, bit(CAP_FOWNER)),
                              subject_of(1002, bit(CAP_DAC_READ_SEARCH)),
                              subject_of(1002, bit(CAP_DAC_OVERRIDE)),
                              subject_of(1000, bit(CAP_CHOWN)),
                              subject_of(1000, bit(CAP_MKNOD))};
  all[4].umask = 077;
  all[5].umask = 0;
  return all;
}

const char* const kDirectories[] = {"", "d1", "d2", "d1/deep"};
const char* const kNames[] = {"a", "b", "c", "d1", "d2", "deep"};
const mode_t kModes[] = {0,    0400, 0600,  0644,  0666,  0755,  0777,  0111,  0070, 0007, 0500,
                         0300, 0311, 04755, 02755, 06777, 02745, 01777, 02777, 0200, 0001};
const uid_t kIds[] = {0, 1000, 1001, 1002, static_cast<uid_t>(-1)};
const uid_t kNamedIds[] = {0, 1000, 1001, 1002, 5};

// A run of random calls on one tree; the log of their results is what is compared.
class Calls {
 public:
  Calls(NodePtr root, unsigned seed) : root_(std::move(root)), random_(seed), subjects_(identities()) {}

  std::vector<std::string> make(int count) {
    for (const char* name : {"d1", "d2"}) (void)root_->make_directory(root_subject(), name, 0777);
    for (int i = 0; i < count; ++i) {
      subject_ = pick(2) == 0 ? subjects_[pick(2)] : subjects_[pick(subjects_.size())];
      std::ostringstream line;
      line << i << " uid " << subject_.identity->uid << " caps " << std::hex << subject_.identity->capabilities << std::dec
           << ": ";
      const int error = call(line);
      line << " -> " << (error == 0 ? "ok" : std::strerror(error));
      log_.push_back(line.str());
      if (i % 20 == 19) list(root_, "");
    }
    list(root_, "");
    return log_;
  }

 private:
  size_t pick(size_t size) { return random_() % size; }
  mode_t pick_mode() { return kModes[pick(std::size(kModes))]; }
  uid_t pick_id() { return kIds[pick(std::size(kIds))]; }

  static int number(const Status& status) { return status.ok() ? 0 : status.error().number(); }
  template <typename T>
  static int number(const Result<T>& result) {
    return result.ok() ? 0 : result.error().number();
  }

  Result<NodePtr> walk(const Subject& subject, const std::string& path) {
    NodePtr node = root_;
    std::istringstream parts(path);
    for (std::string part; std::getline(parts, part, '/');) {
      if (part.empty()) continue;
      LITEBOX_ASSIGN(node, node->lookup(subject, part));
    }
    return node;
  }

  int call(std::ostringstream& line) {
    const std::string directory_path = kDirectories[pick(std::size(kDirectories))];
    const std::string name = kNames[pick(std::size(kNames))];
    const std::string other_path = kDirectories[pick(std::size(kDirectories))];
    const std::string other_name = kNames[pick(std::size(kNames))];
    const mode_t mode = pick_mode();
    const uid_t uid = pick_id();
    const gid_t gid = pick_id();
    const size_t choice = pick(24);
    line << "call " << choice << " in /" << directory_path << " " << name << " ";

    auto directory = walk(subject_, directory_path);
    if (!directory.ok()) return number(directory);
    auto node = (*directory)->lookup(subject_, name);
    // What is about the entry itself needs a node; what is about names does not.
    if (choice >= 8 && !node.ok()) return number(node);
    switch (choice) {
      case 0:
        line << "create " << std::oct << mode;
        return number((*directory)->create_open(subject_, name, O_WRONLY, mode));
      case 1:
        line << "mkdir " << std::oct << mode;
        return number((*directory)->make_directory(subject_, name, mode));
      case 2: {
        const mode_t types[] = {S_IFIFO, S_IFCHR, S_IFSOCK, S_IFREG, S_IFBLK};
        const mode_t type = types[pick(std::size(types))];
        line << "mknod " << std::oct << (type | mode);
        return number((*directory)->make_node(subject_, name, type | mode, makedev(1, 3)));
      }
      case 3:
        line << "symlink";
        return number((*directory)->make_symlink(subject_, name, "target"));
      case 4:
        line << "unlink";
        return number((*directory)->unlink(subject_, name));
      case 5:
        line << "rmdir";
        return number((*directory)->remove_directory(subject_, name));
      case 6: {
        auto other = walk(subject_, other_path);
        const unsigned flags[] = {0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE};
        const unsigned flag = flags[pick(std::size(flags))];
        line << "rename to /" << other_path << " " << other_name << " flags " << flag;
        if (!other.ok()) return number(other);
        if (!(*other)->is_directory()) return ENOTDIR;  // the resolver's answer
        return number((*directory)->rename(subject_, name, *other, other_name, flag));
      }
      case 7: {
        auto other = walk(subject_, other_path);
        line << "link to /" << other_path << " " << other_name;
        if (!node.ok()) return number(node);
        if (!other.ok()) return number(other);
        if (!(*other)->is_directory()) return ENOTDIR;
        return number((*other)->link(subject_, other_name, *node));
      }
      case 8:
      case 9:
        line << "chmod " << std::oct << mode;
        return number((*node)->change_mode(subject_, mode));
      case 10:
      case 11:
        line << "chown " << static_cast<int>(uid) << " " << static_cast<int>(gid);
        return number((*node)->change_owner(subject_, uid, gid));
      case 12: {
        const int flags[] = {O_RDONLY, O_RDWR, O_WRONLY, O_WRONLY | O_TRUNC, O_RDONLY | O_DIRECTORY, O_RDONLY | O_NOATIME};
        const int flag = flags[pick(std::size(flags))];
        line << "open " << std::oct << flag;
        if (S_ISFIFO((*node)->type())) return number((*node)->check_access(subject_, R_OK));
        auto fd = (*node)->open(subject_, flag);
        if (fd.ok() && (flag & O_ACCMODE) != O_RDONLY) write_as_guest(fd->get());
        return number(fd);
      }
      case 13: {
        const int mask = static_cast<int>(1 + pick(7));
        line << "access " << mask;
        return number((*node)->check_access(subject_, mask));
      }
      case 14: {
        const struct timespec now[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
        const struct timespec then[2] = {{1, 0}, {2, 0}};
        const bool explicit_times = pick(2) == 0;
        line << "utimes " << explicit_times;
        return number((*node)->change_times(subject_, explicit_times ? then : now));
      }
      case 15:
        line << "truncate";
        if (!S_ISREG((*node)->type()) && !S_ISDIR((*node)->type())) return 0;
        return number((*node)->truncate(subject_, 3));
      case 16:
        line << "setxattr";
        return number((*node)->set_xattr(subject_, "user.test", "x", {}));
      case 17:
        line << "getxattr";
        return number((*node)->get_xattr(subject_, "user.test"));
      case 18:
      case 19:
      case 20:
      case 21: {
        const char* kind = pick(2) == 0 ? kAccessAcl : kDefaultAcl;
        const std::string acl = pick_acl();
        line << "set " << kind << " " << digits(acl);
        return number((*node)->set_xattr(subject_, kind, acl, {}));
      }
      case 22: {
        const char* kind = pick(2) == 0 ? kAccessAcl : kDefaultAcl;
        line << "remove " << kind;
        return number((*node)->remove_xattr(subject_, kind));
      }
      default:
        line << "list ";
        return number(show_attributes(**node, line));
    }
  }

  // An ACL, mostly a valid one.
  std::string pick_acl() {
    const auto permissions = [this] { return static_cast<uint16_t>(pick(3) == 0 ? 7 : pick(8)); };
    std::vector<PosixAcl::Entry> entries = {{PosixAcl::kOwner, permissions()}};
    const auto add_named = [&](uint16_t tag) {
      for (size_t count = pick(3); count > 0; --count)
        entries.push_back({tag, permissions(), kNamedIds[pick(std::size(kNamedIds))]});
    };
    const bool named = pick(4) != 0;
    if (named) add_named(PosixAcl::kUser);
    entries.push_back({PosixAcl::kOwningGroup, permissions()});
    if (named) add_named(PosixAcl::kGroup);
    if (named || pick(4) == 0) entries.push_back({PosixAcl::kMask, permissions()});
    entries.push_back({PosixAcl::kOthers, permissions()});
    if (pick(12) == 0) entries.erase(entries.begin() + static_cast<ptrdiff_t>(pick(entries.size())));
    if (pick(12) == 0) std::swap(entries[pick(entries.size())], entries[pick(entries.size())]);
    if (pick(20) == 0) entries[pick(entries.size())].permissions = 8;
    if (pick(20) == 0) entries[pick(entries.size())].tag = 3;
    std::string value = PosixAcl(entries).format();
    if (pick(20) == 0) value.resize(pick(value.size()));
    if (pick(20) == 0) value[0] = 3;
    return value;
  }

  static std::string digits(const std::string& bytes) {
    std::ostringstream text;
    for (const char byte : bytes) text << std::hex << static_cast<int>(static_cast<unsigned char>(byte)) << ".";
    return text.str();
  }

  // The names of the attributes, and the ACLs.
  static Status show_attributes(Node& node, std::ostringstream& line) {
    LITEBOX_ASSIGN(std::vector<std::string> names, node.list_xattrs(root_subject()));
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) line << " " << name;
    for (const char* kind : {kAccessAcl, kDefaultAcl}) {
      const auto acl = node.get_xattr(root_subject(), kind);
      line << " " << (acl.ok() ? digits(*acl) : strerrorname_np(acl.error().number()));
    }
    return {};
  }

  // A write by a guest, which has none of the monitor's capabilities.
  void write_as_guest(int fd) {
    if (subject_.identity->has(CAP_FSETID)) {
      (void)::write(fd, "x", 1);
      return;
    }
    const pid_t child = ::fork();
    if (child == 0) {
      const Identity& identity = *subject_.identity;
      (void)::setgroups(identity.groups.size(), identity.groups.data());
      (void)::setresgid(identity.gid, identity.gid, identity.gid);
      (void)::setresuid(54321, 54321, 54321);
      (void)::write(fd, "x", 1);
      ::_exit(0);
    }
    (void)::waitpid(child, nullptr, 0);
  }

  void list(const NodePtr& directory, const std::string& path) {
    auto entries = directory->read_directory(root_subject(), 0, 1U << 16U);
    if (!entries.ok()) {
      log_.push_back("cannot list " + path);
      return;
    }
    std::sort(entries->begin(), entries->end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    for (const DirectoryEntry& entry : *entries) {
      if (entry.name == "." || entry.name == "..") continue;
      auto node = directory->lookup(root_subject(), entry.name);
      if (!node.ok()) {
        log_.push_back("cannot find " + path + "/" + entry.name);
        continue;
      }
      const auto status = (*node)->status(root_subject());
      std::ostringstream line;
      line << "  " << path << "/" << entry.name << " " << std::oct << status->stx_mode << std::dec << " " << status->stx_uid
           << ":" << status->stx_gid << " links " << status->stx_nlink << " rdev " << status->stx_rdev_major << ":"
           << status->stx_rdev_minor;
      (void)show_attributes(**node, line);
      log_.push_back(line.str());
      if ((*node)->is_directory()) list(*node, path + "/" + entry.name);
    }
  }

  NodePtr root_;
  std::mt19937 random_;
  std::vector<Subject> subjects_;
  Subject subject_;
  std::vector<std::string> log_;
};

TEST(Ownership, RecordsAndKernelAgree) {
  if (::geteuid() != 0) GTEST_SKIP() << "the kernel's side needs root";
  for (unsigned seed = 1; seed <= 8; ++seed) {
    TempDirectory native;
    TempDirectory recorded;
    ::umask(0);
    ASSERT_EQ(::chown(recorded.path().c_str(), 65534, 65534), 0);
    const std::vector<std::string> expected = Calls(host_root(native.path(), Ownership::native), seed).make(1500);

    TempDirectory exchange;
    ASSERT_EQ(::chmod(exchange.path().c_str(), 0777), 0);
    ASSERT_EQ(as_ordinary_user([&] {
                std::ofstream out(exchange / "log");
                for (const auto& line : Calls(host_root(recorded.path(), Ownership::recorded), seed).make(1500))
                  out << line << "\n";
              }),
              0);
    std::ifstream in(exchange / "log");
    std::vector<std::string> found;
    for (std::string line; std::getline(in, line);) found.push_back(line);
    for (size_t i = 0; i < std::max(expected.size(), found.size()); ++i) {
      const std::string kernel = i < expected.size() ? expected[i] : "nothing";
      const std::string litebox = i < found.size() ? found[i] : "nothing";
      if (kernel == litebox) continue;
      for (size_t before = i < 12 ? 0 : i - 12; before < i; ++before) std::cout << expected[before] << "\n";
      FAIL() << "seed " << seed << ":\nkernel:  " << kernel << "\nlitebox: " << litebox;
    }
  }
}

}  // namespace
}  // namespace litebox::rootfs
