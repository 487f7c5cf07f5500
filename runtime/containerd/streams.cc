#include "runtime/containerd/streams.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "runtime/containerd/binary_logger.h"
#include "runtime/containerd/stream_uri.h"

namespace litebox::containerd {
namespace {

using Clock = std::chrono::steady_clock;

bool is_fifo(int fd) {
  struct stat status {};
  return fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode);
}

Status set_blocking(const Fd& fd) {
  const int flags = fcntl(fd.get(), F_GETFL);
  if (flags < 0 || fcntl(fd.get(), F_SETFL, flags & ~O_NONBLOCK) != 0) return last_error("fcntl");
  return {};
}

Result<Fd> open_null(int flags) {
  Fd null(open("/dev/null", flags | O_CLOEXEC));
  if (!null) return last_error("open /dev/null");
  return null;
}

struct Output {
  Fd writer;
  Fd keeper;  // of a fifo
};

// A writing end once somebody reads, and a reading end to keep. A file that is no fifo is appended to.
Result<Output> open_output(const std::string& path, Clock::time_point deadline) {
  auto pause = std::chrono::milliseconds(1);
  while (true) {
    Output output;
    output.writer = Fd(open(path.c_str(), O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC));
    if (output.writer) {
      if (is_fifo(output.writer.get())) {
        output.keeper = Fd(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
        if (!output.keeper) return last_error("open " + path);
      }
      LITEBOX_TRY(set_blocking(output.writer));
      return output;
    }
    if (errno != ENXIO) return last_error("open " + path);
    if (Clock::now() > deadline) return Error(ETIMEDOUT, "nobody reads " + path);
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::milliseconds(50));
  }
}

Result<Output> open_log_file(const std::string& path) {
  std::error_code ignored;  // open() reports what is wrong
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  Output output;
  output.writer = Fd(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!output.writer) return last_error("open " + path);
  return output;
}

// Opens one fifo or file; an empty path is /dev/null.
Result<Output> open_plain_output(const StreamUri& uri, Clock::time_point deadline) {
  if (uri.path.empty()) {
    Output output;
    LITEBOX_ASSIGN(output.writer, open_null(O_WRONLY));
    return output;
  }
  if (uri.scheme == "fifo") return open_output(uri.path, deadline);
  if (uri.scheme == "file") return open_log_file(uri.path);
  return Error(EINVAL, "unknown STDIO scheme " + uri.scheme);
}

Status open_input(const std::string& path, Streams& streams) {
  if (path.empty()) {
    if (streams.terminal_output) return {};
    LITEBOX_ASSIGN(streams.process[0], open_null(O_RDONLY));
    return {};
  }
  Fd reader(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!reader) return last_error("open " + path);
  if (is_fifo(reader.get())) {
    streams.input_keeper = Fd(open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
    if (!streams.input_keeper) return last_error("open " + path);
  }
  if (streams.terminal_output) {
    streams.terminal_input = std::move(reader);
    return {};
  }
  LITEBOX_TRY(set_blocking(reader));
  streams.process[0] = std::move(reader);
  return {};
}

Status open_outputs(const StreamPaths& paths, const StreamOwner& owner, Clock::time_point deadline, Streams& streams) {
  LITEBOX_ASSIGN(const StreamUri output, parse_stream_uri(paths.output));
  std::array<Fd, 2> writers;
  if (output.scheme == "binary" || output.scheme == "binary-v2") {
    LITEBOX_ASSIGN(BinaryLogger logger, start_binary_logger(output, owner));
    streams.logger = logger.pid;
    writers = {std::move(logger.output), std::move(logger.error)};
  } else {
    LITEBOX_ASSIGN(Output first, open_plain_output(output, deadline));
    writers[0] = std::move(first.writer);
    if (first.keeper) streams.output_keepers.push_back(std::move(first.keeper));
    if (!paths.terminal) {
      LITEBOX_ASSIGN(StreamUri error, parse_stream_uri(paths.error));
      // A log file takes both unless there are two.
      if (output.scheme == "file" && error.path.empty()) error = output;
      if (error.path == output.path && output.scheme == "file") {
        writers[1] = Fd(fcntl(writers[0].get(), F_DUPFD_CLOEXEC, 0));
      } else {
        LITEBOX_ASSIGN(Output second, open_plain_output(error, deadline));
        writers[1] = std::move(second.writer);
        if (second.keeper) streams.output_keepers.push_back(std::move(second.keeper));
      }
    }
  }
  if (paths.terminal) {
    streams.terminal_output = std::move(writers[0]);
  } else {
    streams.process[1] = std::move(writers[0]);
    streams.process[2] = std::move(writers[1]);
  }
  return {};
}

}  // namespace

Result<Streams> open_streams(const StreamPaths& paths, const StreamOwner& owner, std::chrono::milliseconds patience) {
  Streams streams;
  LITEBOX_TRY(open_outputs(paths, owner, Clock::now() + patience, streams));
  LITEBOX_TRY(open_input(paths.input, streams));
  if (owner.uid || owner.gid) {
    for (const Fd& fd : streams.process) {
      if (fd && is_fifo(fd.get())) (void)fchown(fd.get(), owner.uid.value_or(-1), owner.gid.value_or(-1));
    }
  }
  return streams;
}

}  // namespace litebox::containerd
