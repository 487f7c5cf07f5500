#include "runtime/containerd/binary_logger.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

#include "runtime/keeper_process.h"

namespace litebox::containerd {
namespace {

struct Pipe {
  Fd reader;
  Fd writer;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return last_error("pipe");
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

// A failure's errno goes to `failure`, which an execution closes.
[[noreturn]] void execute(const std::string& path, const std::vector<std::string>& arguments,
                          const std::vector<std::string>& environment, const std::array<int, 3>& descriptors, int failure) {
  // First out of the way of 3, 4 and 5, then there.
  constexpr int first = 3;
  std::array<int, 3> moved{};
  const int kept = fcntl(failure, F_DUPFD_CLOEXEC, first + 3);
  for (size_t i = 0; i < moved.size(); ++i) moved[i] = fcntl(descriptors[i], F_DUPFD_CLOEXEC, first + 3);
  for (size_t i = 0; i < moved.size(); ++i) (void)dup2(moved[i], first + static_cast<int>(i));
  runtime::close_all_but({first, first + 1, first + 2, kept});
  runtime::release_standard_io();
  std::vector<char*> argv;
  std::vector<char*> envp;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  for (const std::string& entry : environment) envp.push_back(const_cast<char*>(entry.c_str()));
  argv.push_back(nullptr);
  envp.push_back(nullptr);
  (void)execve(path.c_str(), argv.data(), envp.data());
  const int number = errno;
  (void)!write(kept, &number, sizeof number);
  _exit(127);
}

}  // namespace

Result<BinaryLogger> start_binary_logger(const StreamUri& uri, const StreamOwner& owner) {
  std::vector<std::string> arguments{uri.path};
  for (const auto& [name, value] : uri.query) {
    arguments.push_back(name);
    arguments.push_back(value);
  }
  const std::vector<std::string> environment{"CONTAINER_ID=" + owner.id, "CONTAINER_NAMESPACE=" + owner.namespace_name};
  LITEBOX_ASSIGN(Pipe output, make_pipe());
  LITEBOX_ASSIGN(Pipe error, make_pipe());
  LITEBOX_ASSIGN(Pipe ready, make_pipe());
  LITEBOX_ASSIGN(Pipe failure, make_pipe());
  const pid_t pid = fork();
  if (pid < 0) return last_error("fork");
  if (pid == 0) {
    execute(uri.path, arguments, environment, {output.reader.get(), error.reader.get(), ready.writer.get()},
            failure.writer.get());
  }
  ready.writer.reset();
  failure.writer.reset();
  int number = 0;
  ssize_t length = 0;
  while ((length = read(failure.reader.get(), &number, sizeof number)) < 0 && errno == EINTR) continue;
  if (length > 0) {
    (void)waitpid(pid, nullptr, 0);
    return Error(number, "binary logger " + uri.path);
  }
  char byte = 0;
  while (read(ready.reader.get(), &byte, 1) < 0 && errno == EINTR) continue;
  return BinaryLogger{pid, std::move(output.writer), std::move(error.writer)};
}

}  // namespace litebox::containerd
