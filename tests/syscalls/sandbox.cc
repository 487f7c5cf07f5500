#include "tests/syscalls/sandbox.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>

#include "base/fd.h"

namespace litebox::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConfig = R"({
  "ociVersion": "1.0.2",
  "process": {
    "user": {"uid": 0, "gid": 0},
    "args": ["/program"],
    "env": ["PATH=/usr/bin:/bin"],
    "cwd": "/",
    "capabilities": {
      "bounding": [CAPABILITIES],
      "effective": [CAPABILITIES],
      "permitted": [CAPABILITIES]
    }
  },
  "root": {"path": "rootfs"},
  "mounts": [
    {"destination": "/proc", "type": "proc", "source": "proc"},
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
    {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
      "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
    {"destination": "/mnt/ro", "type": "bind", "source": "DIRECTORY/ro", "options": ["bind", "ro"]},
    {"destination": "/mnt/nodev", "type": "bind", "source": "DIRECTORY/nodev", "options": ["bind", "nodev"]},
    {"destination": "/mnt/noexec", "type": "bind", "source": "DIRECTORY/noexec", "options": ["bind", "noexec"]},
    {"destination": "/mnt/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["mode=1777"]}
  ],
  "linux": {}
})";

// What both runs have: all that root has in a container of the usual engines, and a few more.
constexpr struct {
  const char* name;
  int number;
} kCapabilities[] = {
    {"CAP_CHOWN", CAP_CHOWN},
    {"CAP_DAC_OVERRIDE", CAP_DAC_OVERRIDE},
    {"CAP_DAC_READ_SEARCH", CAP_DAC_READ_SEARCH},
    {"CAP_FOWNER", CAP_FOWNER},
    {"CAP_FSETID", CAP_FSETID},
    {"CAP_KILL", CAP_KILL},
    {"CAP_SETGID", CAP_SETGID},
    {"CAP_SETUID", CAP_SETUID},
    {"CAP_SETPCAP", CAP_SETPCAP},
    {"CAP_MKNOD", CAP_MKNOD},
    {"CAP_SETFCAP", CAP_SETFCAP},
    {"CAP_SYS_CHROOT", CAP_SYS_CHROOT},
};

// The program that mounts has the capability for it.
constexpr const char* kMountingProgram = "mount_calls";
constexpr const char* kMountingCapability = "CAP_SYS_ADMIN";

bool mounts(const std::string& program) { return fs::path(program).filename() == kMountingProgram; }

std::string capability_names(bool with_mounting) {
  std::string names = with_mounting ? std::string("\"") + kMountingCapability + "\"" : std::string();
  for (const auto& capability : kCapabilities) {
    names += names.empty() ? "" : ", ";
    names += std::string("\"") + capability.name + "\"";
  }
  return names;
}

std::string replace_all(std::string text, const std::string& what, const std::string& with) {
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size()) text.replace(at, what.size(), with);
  return text;
}

void write_file(const fs::path& path, const std::string& text, mode_t mode) {
  std::ofstream(path) << text;
  (void)::chmod(path.c_str(), mode);
}

void populate(const fs::path& directory, const std::string& program) {
  const fs::path root = directory / "rootfs";
  for (const char* name : {"dev", "proc", "tmp", "mnt/ro", "mnt/nodev", "mnt/noexec", "mnt/tmp"}) {
    fs::create_directories(root / name);
  }
  (void)::chmod((root / "tmp").c_str(), 01777);
  fs::copy_file(program, root / "program");
  for (const char* name : {"ro/dir", "nodev", "noexec"}) fs::create_directories(directory / name);
  write_file(directory / "ro/file", "content", 0644);
  write_file(directory / "ro/private", "secret", 0600);
  (void)::mkfifo((directory / "ro/fifo").c_str(), 0644);
  fs::copy_file(program, directory / "noexec/program");
  const std::string config = replace_all(kConfig, "DIRECTORY", directory);
  write_file(directory / "config.json", replace_all(config, "CAPABILITIES", capability_names(mounts(program))), 0644);
}

void bind_mount(const std::string& source, const std::string& target, unsigned long flags) {
  if (::mount(source.c_str(), target.c_str(), nullptr, MS_BIND, nullptr) != 0 ||
      ::mount(nullptr, target.c_str(), nullptr, MS_BIND | MS_REMOUNT | flags, nullptr) != 0) {
    _exit(120);
  }
}

void make_devices(const std::string& directory) {
  ::umask(0);
  const struct {
    const char* name;
    unsigned major;
    unsigned minor;
  } devices[] = {{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}};
  for (const auto& device : devices) {
    (void)::mknod((directory + "/" + device.name).c_str(), S_IFCHR | 0666, makedev(device.major, device.minor));
  }
  (void)::mkdir((directory + "/pts").c_str(), 0755);
  if (::mount("devpts", (directory + "/pts").c_str(), "devpts", MS_NOSUID | MS_NOEXEC,
              "newinstance,ptmxmode=0666,mode=0620,gid=5") != 0 ||
      ::symlink("pts/ptmx", (directory + "/ptmx").c_str()) != 0) {
    _exit(123);
  }
  ::umask(022);
}

// Root's exec gains no more than what is left here.
void keep_capabilities(bool with_mounting) {
  for (int number = 0; ::prctl(PR_CAPBSET_READ, number, 0, 0, 0) >= 0; ++number) {
    bool kept = with_mounting && number == CAP_SYS_ADMIN;
    for (const auto& capability : kCapabilities) kept = kept || capability.number == number;
    if (!kept && ::prctl(PR_CAPBSET_DROP, number, 0, 0, 0) != 0) _exit(116);
  }
}

// Ends as the first process of the namespace does; a signal's number as litebox gives it.
[[noreturn]] void wait_for_first_process(pid_t process) {
  int status = 0;
  while (::waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  _exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

// The program is pid 1 of a namespace of its own, as in a container.
[[noreturn]] void enter_natively(const std::string& directory, bool mounting) {
  const std::string root = directory + "/rootfs";
  if (::unshare(CLONE_NEWNS | CLONE_NEWPID) != 0) _exit(121);
  if (const pid_t process = ::fork(); process != 0) wait_for_first_process(process);
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::setsid() < 0) _exit(121);
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) _exit(121);
  bind_mount(root, root, 0);
  bind_mount(directory + "/ro", root + "/mnt/ro", MS_RDONLY);
  bind_mount(directory + "/nodev", root + "/mnt/nodev", MS_NODEV);
  bind_mount(directory + "/noexec", root + "/mnt/noexec", MS_NOEXEC);
  if (::mount("tmpfs", (root + "/mnt/tmp").c_str(), "tmpfs", 0, "mode=1777") != 0) _exit(122);
  if (::mount("tmpfs", (root + "/dev").c_str(), "tmpfs", MS_NOSUID, "mode=755") != 0) _exit(123);
  make_devices(root + "/dev");
  if (::mount("proc", (root + "/proc").c_str(), "proc", 0, nullptr) != 0) _exit(124);
  if (::chdir(root.c_str()) != 0 || ::syscall(SYS_pivot_root, ".", ".") != 0 || ::umount2(".", MNT_DETACH) != 0) _exit(125);
  if (::chdir("/") != 0) _exit(126);
  char program[] = "/program";
  char path[] = "PATH=/usr/bin:/bin";
  char* arguments[] = {program, nullptr};
  char* environment[] = {path, nullptr};
  // As in a container: nothing that the caller of the test left open.
  if (::close_range(3, ~0U, 0) != 0) _exit(120);
  keep_capabilities(mounting);
  ::execve(program, arguments, environment);
  _exit(127);
}

// Runs `child` in a process of its own, a new group, with both outputs in a pipe, for at most `limit`.
Result<Outcome> run(std::chrono::seconds limit, const std::function<void()>& child) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return last_error("pipe");
  Fd reader(ends[0]);
  Fd writer(ends[1]);
  const pid_t process = ::fork();
  if (process < 0) return last_error("fork");
  if (process == 0) {
    (void)::setpgid(0, 0);
    const Fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (::dup2(null.get(), 0) < 0 || ::dup2(writer.get(), 1) < 0 || ::dup2(writer.get(), 2) < 0) _exit(119);
    child();
    _exit(118);
  }
  writer.reset();
  Outcome outcome;
  const auto end = std::chrono::steady_clock::now() + limit;
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now()).count();
    struct pollfd poller = {.fd = reader.get(), .events = POLLIN, .revents = 0};
    if (left <= 0 || ::poll(&poller, 1, static_cast<int>(left)) == 0) {
      (void)::kill(-process, SIGKILL);
      outcome.output += "\n(killed: out of time)\n";
      break;
    }
    std::array<char, 65536> buffer{};
    const ssize_t size = ::read(reader.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    outcome.output.append(buffer.data(), static_cast<size_t>(size));
  }
  while (::waitpid(process, &outcome.status, 0) < 0 && errno == EINTR) {
  }
  return outcome;
}

}  // namespace

Result<Sandbox> Sandbox::make(const std::string& directory, const std::string& program, uid_t owner) {
  std::error_code error;
  ::umask(022);
  if (!fs::create_directories(directory, error)) return Error("cannot make " + directory);
  populate(directory, program);
  if (owner != 0) {
    (void)::chown(directory.c_str(), owner, owner);
    for (const auto& entry : fs::recursive_directory_iterator(directory)) {
      if (::lchown(entry.path().c_str(), owner, owner) != 0) return last_error("chown " + entry.path().string());
    }
  }
  return Sandbox(directory, owner, mounts(program));
}

Result<Outcome> Sandbox::run_natively() const {
  return run(time_limit_, [this] { enter_natively(directory_, mounting_); });
}

Result<Outcome> Sandbox::run_in_litebox(const std::string& litebox) const {
  const std::string state = directory_ + "/state";
  const std::string id = "compare-" + std::to_string(::getpid());
  // Opened here: the build may lie where only root may look.
  const Fd program(::open(litebox.c_str(), O_PATH | O_CLOEXEC));
  if (!program) return last_error(litebox);
  return run(time_limit_, [&] {
    if (owner_ != 0 && (::setgroups(0, nullptr) != 0 || ::setresgid(owner_, owner_, owner_) != 0 ||
                        ::setresuid(owner_, owner_, owner_) != 0)) {
      _exit(117);
    }
    if (::chdir("/") != 0) _exit(117);
    const std::array<const char*, 8> arguments = {"litebox",  "--root",           state.c_str(), "run",
                                                  "--bundle", directory_.c_str(), id.c_str(),    nullptr};
    ::fexecve(program.get(), const_cast<char* const*>(arguments.data()), environ);
    _exit(127);
  });
}

}  // namespace litebox::test
