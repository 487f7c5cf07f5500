#include "runtime/hooks.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>

#include "base/fd.h"
#include "runtime/keeper_process.h"
#include "runtime/signals.h"

namespace litebox::runtime {
namespace {

constexpr size_t kOutputLimit = 64U << 10U;

struct Pipe {
  Fd reader;
  Fd writer;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return last_error("pipe");
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (const std::string& text : texts) list.push_back(const_cast<char*>(text.c_str()));
  list.push_back(nullptr);
  return list;
}

// One run of a hook: its pipes and how far they have come.
class HookProcess {
 public:
  HookProcess(const oci::Hook& hook, const HookContext& context) : hook_(hook), context_(context), input_(context.state) {}

  Status run() {
    LITEBOX_TRY(spawn());
    const Status ended = serve();
    if (!ended.ok()) (void)kill(pid_, SIGKILL);
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) continue;
    LITEBOX_TRY(ended);
    drain(output_, output_text_);
    drain(errors_, errors_text_);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    const std::string how = WIFSIGNALED(status) ? std::string("signal: ") + strsignal(WTERMSIG(status))
                                                : "exit status " + std::to_string(WEXITSTATUS(status));
    return Error(how + ", stdout: " + one_line(output_text_) + ", stderr: " + one_line(errors_text_));
  }

 private:
  Status spawn() {
    LITEBOX_ASSIGN(Pipe input, make_pipe());
    LITEBOX_ASSIGN(Pipe output, make_pipe());
    LITEBOX_ASSIGN(Pipe errors, make_pipe());
    LITEBOX_ASSIGN(Pipe failure, make_pipe());
    std::vector<std::string> args = hook_.args;
    if (args.empty()) args.push_back(hook_.path);
    const std::vector<char*> argv = pointers(args);
    const std::vector<char*> envp = pointers(hook_.env.value_or(std::vector<std::string>()));
    char** const environment = hook_.env ? const_cast<char**>(envp.data()) : environ;
    pid_ = fork();
    if (pid_ < 0) return last_error("fork");
    if (pid_ == 0) {
      reset_signals();
      (void)dup2(input.reader.get(), STDIN_FILENO);
      (void)dup2(output.writer.get(), STDOUT_FILENO);
      (void)dup2(errors.writer.get(), STDERR_FILENO);
      close_all_but({failure.writer.get()});
      if (chdir(context_.directory.c_str()) == 0) (void)execve(hook_.path.c_str(), argv.data(), environment);
      const int number = errno;
      (void)!write(failure.writer.get(), &number, sizeof number);
      _exit(127);
    }
    pidfd_ = Fd(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
    failure.writer.reset();
    int number = 0;
    if (read(failure.reader.get(), &number, sizeof number) == static_cast<ssize_t>(sizeof number)) {
      while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) continue;
      return Error(number, "exec " + hook_.path);
    }
    stdin_ = std::move(input.writer);
    output_ = std::move(output.reader);
    errors_ = std::move(errors.reader);
    for (const Fd* fd : {&stdin_, &output_, &errors_}) (void)fcntl(fd->get(), F_SETFL, O_NONBLOCK);
    return {};
  }

  // Until the process has ended, or an error: the timeout, an interrupt.
  Status serve() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(hook_.timeout.value_or(0));
    while (true) {
      int left = -1;
      if (hook_.timeout) {
        left =
            static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count());
        if (left <= 0) return Error("hook ran past specified timeout of " + std::to_string(*hook_.timeout) + ".0s");
      }
      std::array<pollfd, 5> entries{{{pidfd_.get(), POLLIN, 0},
                                     {context_.interrupt, POLLIN, 0},
                                     {stdin_.get(), POLLOUT, 0},
                                     {output_.get(), POLLIN, 0},
                                     {errors_.get(), POLLIN, 0}}};
      if (poll(entries.data(), entries.size(), left) < 0) {
        if (errno == EINTR) continue;
        return last_error("poll");
      }
      if (entries[0].revents != 0) return {};
      if (entries[1].revents != 0) return Error(EINTR, "hook");
      if (entries[2].revents != 0) feed();
      if (entries[3].revents != 0) drain(output_, output_text_);
      if (entries[4].revents != 0) drain(errors_, errors_text_);
    }
  }

  void feed() {
    const ssize_t written = write(stdin_.get(), input_.data(), input_.size());
    if (written < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (written > 0) input_.remove_prefix(static_cast<size_t>(written));
    if (written < 0 || input_.empty()) stdin_.reset();
  }

  static void drain(Fd& source, std::string& text) {
    std::array<char, 4096> buffer{};
    while (source) {
      const ssize_t length = read(source.get(), buffer.data(), buffer.size());
      if (length < 0 && errno == EINTR) continue;
      if (length < 0 && errno == EAGAIN) return;
      if (length <= 0) {
        source.reset();
        return;
      }
      const size_t room = kOutputLimit - std::min(text.size(), kOutputLimit);
      text.append(buffer.data(), std::min(static_cast<size_t>(length), room));
    }
  }

  static std::string one_line(std::string text) {
    while (!text.empty() && text.back() == '\n') text.pop_back();
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
  }

  const oci::Hook& hook_;
  const HookContext& context_;
  std::string_view input_;
  pid_t pid_ = -1;
  Fd pidfd_;
  Fd stdin_;
  Fd output_;
  Fd errors_;
  std::string output_text_;
  std::string errors_text_;
};

// A hook that does not read its input must not end the command by SIGPIPE.
class PipeSignalIgnored {
 public:
  PipeSignalIgnored() {
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    (void)sigaction(SIGPIPE, &ignore, &before_);
  }
  PipeSignalIgnored(const PipeSignalIgnored&) = delete;
  PipeSignalIgnored& operator=(const PipeSignalIgnored&) = delete;
  ~PipeSignalIgnored() { (void)sigaction(SIGPIPE, &before_, nullptr); }

 private:
  struct sigaction before_ {};
};

}  // namespace

Status run_hook(const oci::Hook& hook, const HookContext& context) {
  const PipeSignalIgnored guard;
  return HookProcess(hook, context).run();
}

Status run_hooks(const std::vector<oci::Hook>& hooks, const char* name, const HookContext& context) {
  for (size_t i = 0; i < hooks.size(); ++i) {
    Status status = run_hook(hooks[i], context);
    if (!status.ok()) {
      return std::move(status).error().within("error running " + std::string(name) + " hook #" + std::to_string(i));
    }
  }
  return {};
}

}  // namespace litebox::runtime
