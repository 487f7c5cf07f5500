#include "tests/support/loader_harness.h"

#include <elf.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstring>

#include "base/fd.h"
#include "shim/guest/abi.h"
#include "shim/guest/blob_image.h"

namespace litebox::test {
namespace {

constexpr auto kTimeout = std::chrono::seconds(120);

Result<Fd> blob_file() {
  Fd fd(memfd_create("loader", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return last_error("memfd_create");
  const auto image = blob_image();
  if (write(fd.get(), image.data(), image.size()) != static_cast<ssize_t>(image.size())) return last_error("write");
  if (fcntl(fd.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) return last_error("seal");
  return fd;
}

// Only the blob's own calls are the listener's; everything else goes on as without a filter.
int install_filter() {
  std::array<sock_filter, 4> code = {{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, abi::kHypercallHello, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog program = {static_cast<uint16_t>(code.size()), code.data()};
  return static_cast<int>(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program));
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  result.reserve(strings.size() + 1);
  for (const auto& s : strings) result.push_back(const_cast<char*>(s.c_str()));
  result.push_back(nullptr);
  return result;
}

// The path in PT_INTERP, or nothing: the harness trusts its own test programs' headers no further than their reads succeed.
std::string interpreter_of(int fd) {
  Elf64_Ehdr header{};
  if (pread(fd, &header, sizeof(header), 0) != sizeof(header)) return {};
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment{};
    const auto offset = static_cast<off_t>(header.e_phoff + i * sizeof(segment));
    if (pread(fd, &segment, sizeof(segment), offset) != sizeof(segment)) return {};
    if (segment.p_type != PT_INTERP || segment.p_filesz > 4096) continue;
    std::string path(segment.p_filesz, '\0');
    if (pread(fd, path.data(), path.size(), static_cast<off_t>(segment.p_offset)) < 0) return {};
    return path.substr(0, path.find('\0'));
  }
  return {};
}

class MiniMonitor {
 public:
  MiniMonitor(const Program& program, Fd listener, pid_t child)
      : program_(program), listener_(std::move(listener)), child_(child) {}

  int listener() const { return listener_.get(); }
  int loader_error() const { return loader_error_; }

  Status serve() {
    seccomp_notif request{};
    if (ioctl(listener(), SECCOMP_IOCTL_NOTIF_RECV, &request) != 0) {
      return errno == ENOENT || errno == EINTR ? Status() : Status(last_error("receive"));
    }
    seccomp_notif_resp answer{.id = request.id, .val = 0, .error = 0, .flags = 0};
    if (request.data.nr == static_cast<int>(abi::kHypercallHello)) {
      const auto program_fd = hello(request);
      if (program_fd.ok()) {
        answer.val = *program_fd;
      } else {
        answer.error = -program_fd.error().number();
      }
    } else if (request.data.nr == static_cast<int>(abi::kHypercallFailed)) {
      loader_error_ = static_cast<int>(request.data.args[0]);
      kill(child_, SIGKILL);
      return {};
    } else {
      answer.error = -ENOSYS;
    }
    if (ioctl(listener(), SECCOMP_IOCTL_NOTIF_SEND, &answer) != 0 && errno != ENOENT) return last_error("answer");
    return {};
  }

 private:
  Result<int> give(const seccomp_notif& request, const Fd& file) {
    const seccomp_notif_addfd addition = {
        .id = request.id, .flags = 0, .srcfd = static_cast<uint32_t>(file.get()), .newfd = 0, .newfd_flags = O_CLOEXEC};
    const int fd = ioctl(listener(), SECCOMP_IOCTL_NOTIF_ADDFD, &addition);
    if (fd < 0) return last_error("ADDFD");
    return fd;
  }

  // The descriptor that the program has in the child.
  Result<int> hello(const seccomp_notif& request) {
    const Fd file(open(program_.path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return last_error(program_.path);
    abi::Launch launch{};
    launch.version = abi::kAbiVersion;
    launch.interpreter_fd = -1;
    LITEBOX_ASSIGN(const int program_fd, give(request, file));
    if (const std::string path = program_.interpreter.value_or(interpreter_of(file.get())); !path.empty()) {
      const Fd interpreter(open(path.c_str(), O_RDONLY | O_CLOEXEC));
      if (!interpreter) return last_error(path);
      LITEBOX_ASSIGN(launch.interpreter_fd, give(request, interpreter));
    }
    launch.uid = 11, launch.euid = 12, launch.gid = 13, launch.egid = 14;
    launch.random_seed = program_.random_seed;
    const std::string file_name = program_.file_name.empty() ? program_.path : program_.file_name;
    const std::string comm = program_.comm.empty() ? file_name.substr(file_name.rfind('/') + 1) : program_.comm;
    comm.copy(launch.comm, sizeof(launch.comm) - 1);
    std::string strings = file_name + '\0';
    for (const auto& s : program_.prefix) strings += s + '\0';
    launch.prefix_count = static_cast<uint32_t>(program_.prefix.size());
    launch.strings_size = static_cast<uint32_t>(strings.size());
    std::array<iovec, 2> local = {{{&launch, sizeof(launch)}, {strings.data(), strings.size()}}};
    iovec remote = {reinterpret_cast<void*>(request.data.args[0]), sizeof(launch) + strings.size()};
    if (remote.iov_len > request.data.args[1]) return Error(E2BIG, "Launch");
    if (process_vm_writev(child_, local.data(), local.size(), &remote, 1, 0) != static_cast<ssize_t>(remote.iov_len)) {
      return last_error("process_vm_writev");
    }
    return program_fd;
  }

  const Program& program_;
  Fd listener_;
  pid_t child_;
  int loader_error_ = 0;
};

struct Child {
  pid_t pid = -1;
  Fd output;
  Fd listener;  // none for a native run
};

Result<Child> start(const Program& program, bool natively) {
  LITEBOX_ASSIGN(const Fd blob, blob_file());
  std::array<int, 2> output{}, hand{};
  if (pipe2(output.data(), O_CLOEXEC) != 0 || pipe2(hand.data(), O_CLOEXEC) != 0) return last_error("pipe");
  std::vector<std::string> native_arguments = program.prefix;
  if (natively) {
    for (size_t i = program.prefix.empty() ? 0 : 1; i < program.arguments.size(); ++i) {
      native_arguments.push_back(program.arguments[i]);
    }
  }
  const auto argv = pointers(natively ? native_arguments : program.arguments);
  const auto envp = pointers(program.environment);
  const pid_t pid = fork();
  if (pid < 0) return last_error("fork");
  if (pid == 0) {
    dup2(output[1], 1);
    dup2(output[1], 2);
    if (program.stack_limit) {
      const rlimit limit = {*program.stack_limit, *program.stack_limit};
      setrlimit(RLIMIT_STACK, &limit);
    }
    // Nothing that the caller of the test left open may shift the numbers of what the loader opens.
    close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (natively) {
      execve(program.path.c_str(), argv.data(), envp.data());
    } else {
      const int listener = install_filter();
      if (write(hand[1], &listener, sizeof(listener)) != sizeof(listener)) _exit(125);
      // Stopped until the parent has its own copy of the listener.
      raise(SIGSTOP);
      syscall(SYS_execveat, blob.get(), "", argv.data(), envp.data(), AT_EMPTY_PATH);
    }
    _exit(126);
  }
  Child child;
  child.pid = pid;
  child.output.reset(output[0]);
  close(output[1]);
  const Fd hand_in(hand[0]);
  close(hand[1]);
  if (natively) return child;
  int number = -1;
  if (read(hand_in.get(), &number, sizeof(number)) != sizeof(number) || number < 0) return Error("no seccomp listener");
  int status = 0;
  if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status)) return Error("the child did not stop");
  const Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  child.listener.reset(static_cast<int>(syscall(SYS_pidfd_getfd, pidfd.get(), number, 0)));
  if (!child.listener) return last_error("pidfd_getfd");
  kill(pid, SIGCONT);
  return child;
}

Result<Outcome> run(const Program& program, bool natively) {
  LITEBOX_ASSIGN(Child child, start(program, natively));
  MiniMonitor monitor(program, std::move(child.listener), child.pid);
  Outcome outcome;
  const auto deadline = std::chrono::steady_clock::now() + kTimeout;
  bool open = true;
  Status served;
  while (open && served.ok()) {
    std::array<pollfd, 2> events = {{{child.output.get(), POLLIN, 0}, {monitor.listener(), POLLIN, 0}}};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0 || poll(events.data(), monitor.listener() < 0 ? 1 : 2, static_cast<int>(left.count())) <= 0) {
      served = Error(ETIMEDOUT, program.path);
      break;
    }
    if ((events[1].revents & POLLIN) != 0) served = monitor.serve();
    if ((events[0].revents & (POLLIN | POLLHUP)) != 0) {
      std::array<char, 65536> bytes{};
      const ssize_t size = read(child.output.get(), bytes.data(), bytes.size());
      if (size > 0) outcome.output.append(bytes.data(), static_cast<size_t>(size));
      open = size > 0;
    }
  }
  if (!served.ok()) kill(child.pid, SIGKILL);
  if (waitpid(child.pid, &outcome.status, 0) != child.pid) return last_error("waitpid");
  LITEBOX_TRY(std::move(served));
  outcome.loader_error = monitor.loader_error();
  return outcome;
}

}  // namespace

std::string Outcome::description() const {
  std::string text =
      WIFEXITED(status) ? "exit " + std::to_string(WEXITSTATUS(status)) : "signal " + std::to_string(WTERMSIG(status));
  if (loader_error != 0) text += ", loader: " + std::string(std::strerror(loader_error));
  return text + "\n" + output;
}

Result<Outcome> run_through_loader(const Program& program) { return run(program, false); }
Result<Outcome> run_natively(const Program& program) { return run(program, true); }

}  // namespace litebox::test
