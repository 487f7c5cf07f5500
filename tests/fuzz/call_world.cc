#include "tests/fuzz/call_world.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "rootfs/container_tree.h"
#include "rootfs/descriptor_registry.h"
#include "rootfs/message_queues.h"
#include "shim/kernel/pending_signals.h"
#include "shim/kernel/pidfd.h"
#include "shim/kernel/sysv_messages.h"
#include "shim/kernel/sysv_semaphores.h"
#include "shim/kernel/sysv_shared_memory.h"
#include "shim/syscalls/dispatch.h"
#include "tests/fuzz/ordinary_user.h"
#include "tests/support/mount_entry.h"

namespace litebox::fuzz {
namespace {

using syscalls::Reply;

constexpr std::string_view kSecret = "<known outside>";
constexpr int kFirstFreeSlot = 18;

void write_file(const std::string& path, std::string_view text, mode_t mode) {
  const Fd file(open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600));
  require(file.valid() && write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  require(fchmod(file.get(), mode) == 0);
}

// What lives as long as the fuzzer.
struct Place {
  std::string directory;
  GuestImage image;
  std::array<std::unique_ptr<GuestProcess>, CallWorld::kGuests> guests;

  Place() {
    give_up_root();
    (void)enter_own_namespaces(false);
    give_up_capabilities();
    directory = make_work_directory();
    require(mkdir((directory + "/outside").c_str(), 0755) == 0);
    write_file(directory + "/outside/secret", kSecret, 0666);
    kernel::SysvSharedMemory::of_this_container().set_members([this] {
      std::vector<HostPid> members;
      for (const auto& guest : guests) {
        if (guest) members.emplace_back(guest->pid());
      }
      return members;
    });
  }
};

Place& place() {
  static Place made;
  return made;
}

GuestProcess& guest(size_t index) { return *place().guests.at(index); }

bool same(const struct stat& one, const struct stat& other) {
  return one.st_ino == other.st_ino && one.st_mode == other.st_mode && one.st_uid == other.st_uid &&
         one.st_nlink == other.st_nlink && one.st_size == other.st_size && one.st_ctim.tv_sec == other.st_ctim.tv_sec &&
         one.st_ctim.tv_nsec == other.st_ctim.tv_nsec;
}

struct stat status_of(const std::string& path) {
  struct stat status {};
  require(lstat(path.c_str(), &status) == 0);
  return status;
}

// What is compared by the library's functions a fuzzer learns, so only the first byte is looked for by them.
bool holds(std::string_view bytes, std::string_view part) {
  while (bytes.size() >= part.size()) {
    const void* const first = std::memchr(bytes.data(), part[0], bytes.size() - part.size() + 1);
    if (first == nullptr) return false;
    bytes.remove_prefix(static_cast<size_t>(static_cast<const char*>(first) - bytes.data()));
    size_t same_bytes = 0;
    while (same_bytes < part.size() && bytes[same_bytes] == part[same_bytes]) ++same_bytes;
    if (same_bytes == part.size()) return true;
    bytes.remove_prefix(1);
  }
  return false;
}

// What the host calls the container's root, which no guest is to see.
std::string root_on_host() { return place().directory.substr(place().directory.rfind('/') + 1) + "/root"; }

[[noreturn]] void complain(const char* what, const table::Entry& entry, std::string_view detail) {
  std::fprintf(stderr, "%s: %.*s: %.*s\n", what, static_cast<int>(entry.name.size()), entry.name.data(),
               static_cast<int>(detail.size()), detail.data());
  std::abort();
}

void make_root(const std::string& root) {
  for (const char* name : {"", "/dir", "/dir/deep", "/proc", "/sys", "/dev", "/ro", "/tmp", "/closed"}) {
    require(mkdir((root + name).c_str(), 0755) == 0);
  }
  write_file(root + "/dir/file", "content\n", 0644);
  write_file(root + "/program",
             std::string("\x7f"
                         "ELF\2\1\1",
                         7) +
                 std::string(57, '\0'),
             0755);
  write_file(root + "/script", "#! /program argument\n", 04755);
  require(mkfifo((root + "/fifo").c_str(), 0666) == 0);
  const std::pair<const char*, std::string> links[] = {{"/link", "dir/file"},
                                                       {"/up", "../../outside"},
                                                       {"/loop", "loop"},
                                                       {"/host", place().directory + "/outside/secret"},
                                                       {"/dir/self", "/proc/self/cwd"}};
  for (const auto& [name, target] : links) require(symlink(target.c_str(), (root + name).c_str()) == 0);
  require(chmod((root + "/closed").c_str(), 0) == 0);
}

oci::Config config_of() {
  oci::Config config;
  config.root.path = "root";
  config.mounts = {rootfs::entry("/proc", "proc", "proc", {}),
                   rootfs::entry("/sys", "sysfs", "sysfs", {"ro"}),
                   rootfs::entry("/dev", "tmpfs", "tmpfs", {"mode=755"}),
                   rootfs::entry("/dev/pts", "devpts", "devpts", {}),
                   rootfs::entry("/dev/mqueue", "mqueue", "mqueue", {}),
                   rootfs::entry("/ro", "bind", "volume", {"bind", "ro"})};
  return config;
}

// Objects of System V and POSIX queues are the process's own, whatever the world.
void remove_ipc() {
  kernel::Credentials root;
  root.effective = root.permitted = ~0ULL;
  const auto remove_all = [&](auto& objects) {
    for (const auto& status : objects.all()) (void)objects.remove(root, status.permissions.id);
  };
  remove_all(kernel::SysvMessages::of_this_container());
  remove_all(kernel::SysvSemaphores::of_this_container());
  remove_all(kernel::SysvSharedMemory::of_this_container());
  auto& queues = rootfs::MessageQueues::of_this_container();
  for (const std::string& name : queues.names()) (void)queues.unlink(rootfs::runtime_subject(), name);
}

// Files of the host that a guest may hold: those of the tree, what has no name, and a few devices.
bool may_be_held(const std::string& path) {
  for (const std::string& below :
       {place().directory + "/root", place().directory + "/volume", place().directory + "/scratch"}) {
    if (path == below || path.starts_with(below + "/")) return true;
  }
  for (const std::string_view start :
       {"/memfd:", "socket:", "pipe:", "anon_inode:", "/dev/pts/", "/dev/ptmx", "/dev/tty", "/sys/", "/litebox-"}) {
    if (path.starts_with(start)) return true;
  }
  for (const std::string_view device : {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}) {
    if (path == device) return true;
  }
  // Of a process a member's files only.
  if (!path.starts_with("/proc/")) return false;
  const int process = std::atoi(path.c_str() + std::string_view("/proc/").size());
  return process == 0 || std::any_of(place().guests.begin(), place().guests.end(),
                                     [process](const auto& member) { return member->pid() == process; });
}

void check_descriptor(const table::Entry& entry, const Fd& fd) {
  if (!fd.valid() || fcntl(fd.get(), F_GETFD) < 0) complain("no descriptor", entry, "");
  std::array<char, 4096> path{};
  const ssize_t length = readlink(("/proc/self/fd/" + std::to_string(fd.get())).c_str(), path.data(), path.size());
  const std::string name(path.data(), static_cast<size_t>(std::max<ssize_t>(0, length)));
  if (!may_be_held(name)) complain("a file of the host", entry, name);
  const struct stat status = [&fd] {
    struct stat of {};
    require(fstat(fd.get(), &of) == 0);
    return of;
  }();
  if (!S_ISREG(status.st_mode)) return;
  std::vector<char> content(16384);
  const ssize_t size = pread(fd.get(), content.data(), content.size(), 0);
  if (size <= 0) return;
  const std::string_view text(content.data(), static_cast<size_t>(size));
  if (holds(text, kSecret)) complain("a secret in a file", entry, name);
  if (holds(text, root_on_host())) complain("a path of the host in a file", entry, name);
}

// An error that programs know, or one that the kernel makes one of (pending_signals.h).
bool is_possible(int64_t value) {
  return value >= -EHWPOISON || value == -kernel::kRestartCall || value == -kernel::kRestartCallUnlessHandled;
}

Fd first_of(int (&ends)[2]) {
  (void)close(ends[1]);
  return Fd(ends[0]);
}

// What a guest could have made itself, without the monitor.
std::vector<Fd> native_descriptors() {
  std::vector<Fd> fds;
  const std::string root = place().directory + "/root";
  fds.emplace_back(open((root + "/dir/file").c_str(), O_RDWR | O_CLOEXEC));
  fds.emplace_back(open((root + "/dir").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  fds.emplace_back(open(root.c_str(), O_PATH | O_CLOEXEC));
  fds.emplace_back(open("/dev/null", O_RDWR | O_CLOEXEC));
  int ends[2];
  require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  fds.emplace_back(ends[0]);
  fds.emplace_back(ends[1]);
  for (const int type : {SOCK_STREAM, SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET}) {
    fds.emplace_back(socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  }
  fds.emplace_back(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  fds.emplace_back(memfd_create("guest", MFD_CLOEXEC));
  fds.emplace_back(static_cast<int>(syscall(SYS_pidfd_open, guest(0).pid(), 0)));
  require(pipe2(ends, O_CLOEXEC) == 0);
  fds.push_back(first_of(ends));
  return fds;
}

// Guests that are stopped, made anew where one has ended.
void settle_guests() {
  for (auto& each : place().guests) {
    if (!each || !each->settle()) each = std::make_unique<GuestProcess>();
  }
}

// Descriptors that the tree itself gives.
void add_descriptors(rootfs::Tree& tree, std::vector<Fd>& fds) {
  const rootfs::Subject subject = rootfs::runtime_subject();
  for (const char* path : {"/dev/ptmx", "/proc/1", "/proc/1/fd", "/sys"}) {
    const auto found = tree.resolve(subject, tree.root(), tree.root(), path);
    require(found.ok());
    auto fd = rootfs::Tree::open(subject, found->target, std::string_view(path) == "/dev/ptmx" ? O_RDWR | O_NOCTTY : O_RDONLY);
    require(fd.ok());
    fds.push_back(*std::move(fd));
  }
}

}  // namespace

// A call that would block finds a signal pending for its guest, and gives up.
class CallWorld::Inside final : public syscalls::Monitor {
 public:
  explicit Inside(const size_t& caller) : caller_(caller) {}
  void while_blocking(const std::function<void()>& work) override {
    if (guest(caller_).settle()) guest(caller_).interrupt();
    kernel::expect_signals();
    work();
  }

 private:
  const size_t& caller_;
};

CallWorld::CallWorld(const Setting& setting)
    : config_(config_of()),
      world_(config_, {.recorded_ownership = true, .signal_scope = setting.signal_scope}),
      monitor_(std::make_unique<Inside>(caller_)) {
  const std::string root = directory() + "/root";
  for (const char* name : {"/root", "/scratch", "/volume"}) remove_tree(directory() + name);
  require(mkdir((directory() + "/scratch").c_str(), 0700) == 0 && mkdir((directory() + "/volume").c_str(), 0755) == 0);
  write_file(directory() + "/volume/file", "volume\n", 0644);
  make_root(root);
  settle_guests();
  rootfs::TreeOptions options;
  options.ownership = rootfs::Ownership::recorded;
  options.bundle = directory();
  options.scratch = directory() + "/scratch";
  options.view = &world_;
  auto tree = rootfs::build_tree(config_, options);
  if (!tree.ok()) std::fprintf(stderr, "%s\n", tree.error().message().c_str());
  require(tree.ok());
  tree_ = *tree;
  world_.set_tree(tree_);
  for (size_t i = 0; i < kGuests; ++i) {
    kernel::Credentials credentials;
    credentials.uid = credentials.euid = credentials.suid = credentials.fsuid = setting.user;
    if (setting.privileged) credentials.permitted = credentials.effective = credentials.bounding = (1ULL << 41U) - 1;
    kernel::ProcessState state;
    state.credentials = std::make_shared<const kernel::Credentials>(credentials);
    state.identity = kernel::identity_of(credentials);
    state.root = state.cwd = tree_->root();
    require(world_.adopt(HostPid(pid_of(i)), std::move(state)).ok());
  }
  world_.set_own_init(HostPid(pid_of(0)));
  std::vector<Fd> fds = native_descriptors();
  add_descriptors(*tree_, fds);
  require(fds.size() == kFirstFreeSlot);
  std::vector<std::pair<int, int>> slots;
  for (size_t i = 0; i < fds.size(); ++i) slots.emplace_back(static_cast<int>(i), fds[i].get());
  // One that does not take them goes without.
  for (auto& each : place().guests) (void)each->reset(slots);
}

CallWorld::~CallWorld() {
  remove_ipc();
  if (tree_->registry() != nullptr) tree_->registry()->forget_all();
}

pid_t CallWorld::pid_of(size_t index) { return guest(index).pid(); }
const GuestImage& CallWorld::image() { return place().image; }
const std::string& CallWorld::directory() { return place().directory; }
bool CallWorld::holds_secret(std::string_view bytes) { return holds(bytes, kSecret) || holds(bytes, root_on_host()); }

void CallWorld::call(size_t index, const table::Entry& entry, const std::array<uint64_t, 6>& arguments, uint8_t luck) {
  table::Conditions conditions;
  conditions.translated_ids = true;
  conditions.signal_scope = world_.mode().signal_scope;
  if (entry.decide(conditions, arguments).route != table::Route::monitor) return;
  const syscalls::Handler handler = syscalls::find_handler(entry.number);
  if (handler == nullptr) return;
  caller_ = index;
  const HostPid thread(pid_of(index));
  const auto pidfd = kernel::open_thread_pidfd(thread);
  auto state = world_.state_of(thread);
  if (!pidfd.ok() || !state.ok()) return;
  syscalls::Call made{
      world_, *monitor_, thread, thread, pidfd->get(), 0, entry.number, arguments, 0, *state, kernel::GuestMemory(thread)};
  Reply reply = handler(made);
  check(index, entry, reply, luck);
}

void CallWorld::check(size_t index, const table::Entry& entry, Reply& reply, uint8_t luck) {
  if (const auto* value = std::get_if<Reply::Value>(&reply.kind())) {
    if (!is_possible(value->value)) complain("impossible", entry, std::to_string(value->value));
    if (value->value < 0) return;
    const auto bytes = image().bytes();
    const std::string_view memory(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (holds(memory, kSecret)) complain("a secret in memory", entry, "");
    if (holds(memory, root_on_host())) complain("a path of the host in memory", entry, "");
  } else if (auto* install = std::get_if<Reply::InstallFd>(&reply.kind())) {
    check_descriptor(entry, install->fd);
    const int slot = kFirstFreeSlot + next_slot_++ % (GuestProcess::kSlots - kFirstFreeSlot);
    (void)guest(index).install(slot, install->fd.get());
  } else if (auto* calls = std::get_if<Reply::InGuest>(&reply.kind())) {
    if (calls->descriptor.valid()) check_descriptor(entry, calls->descriptor);
    check_in_guest(*calls, luck);
  } else if (auto* exec = std::get_if<Reply::Exec>(&reply.kind())) {
    require(exec->plan != nullptr);
    check_descriptor(entry, exec->plan->program);
    if (exec->plan->interpreter.valid()) check_descriptor(entry, exec->plan->interpreter);
    require(exec->plan->comm.size() < 16);
  }
}

// Not carried out; what comes after is told one result or another.
void CallWorld::check_in_guest(Reply::InGuest& calls, uint8_t luck) const {
  constexpr std::array<int64_t, 4> results{0, -EPERM, 3, -EINTR};
  constexpr int most_steps = 8;
  std::shared_ptr<Reply::InGuest> held;
  Reply::InGuest* current = &calls;
  for (int step = 0; step < most_steps; ++step) {
    require(!current->arguments.empty());
    const int64_t result = results[(luck >> (step % 4 * 2)) % results.size()];
    std::shared_ptr<Reply::InGuest> next = current->then ? current->then(result) : nullptr;
    if (next == nullptr) {
      if (current->finish) require(is_possible(current->finish(result)));
      return;
    }
    held = std::move(next);
    current = held.get();
  }
}

void CallWorld::check_outside() const {
  static const std::string outside = directory() + "/outside";
  static const struct stat directory_before = status_of(outside);
  static const struct stat secret_before = status_of(outside + "/secret");
  require(same(directory_before, status_of(outside)) && same(secret_before, status_of(outside + "/secret")));
  for (const auto& file : std::filesystem::directory_iterator(directory())) {
    const std::string name = file.path().filename();
    require(name == "root" || name == "scratch" || name == "volume" || name == "outside");
  }
}

}  // namespace litebox::fuzz
