#include "runtime/notify_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include "base/unix_socket.h"

namespace litebox::runtime {
namespace {

constexpr const char* kDirectory = "/notify";
constexpr const char* kName = "/notify.sock";
constexpr const char* kInside = "/run/notify";
constexpr const char* kVariable = "NOTIFY_SOCKET=";
constexpr int kBarrierPatience = 30000;  // milliseconds, as sd_notify_barrier(3)'s callers have
constexpr int kPollInterval = 200;       // milliseconds between two looks at the container

// "@name" is abstract, as sd_notify(3) writes it.
Result<socklen_t> fill_address(const std::string& path, sockaddr_un& address) {
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) return Error(ENAMETOOLONG, "NOTIFY_SOCKET " + path);
  std::memcpy(address.sun_path, path.data(), path.size());
  if (path.front() == '@') address.sun_path[0] = '\0';
  return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (path.front() == '@' ? 0 : 1));
}

}  // namespace

std::optional<std::string> notify_socket_of_caller() {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || *path == '\0') return std::nullopt;
  return path;
}

Status offer_notify_socket(const std::string& state_directory, oci::Config& config) {
  const std::string directory = state_directory + kDirectory;
  if (mkdir(directory.c_str(), 0755) != 0) return last_error("mkdir " + directory);
  oci::Mount mount;
  mount.destination = kInside;
  mount.type = "bind";
  mount.source = directory;
  mount.options = {"bind", "nosuid", "noexec", "nodev", "ro"};
  config.mounts.push_back(std::move(mount));
  if (!config.process) return {};
  auto& variables = config.process->env;
  std::erase_if(variables, [](const std::string& variable) { return variable.starts_with(kVariable); });
  variables.push_back(std::string(kVariable) + kInside + kName);
  return {};
}

Result<NotifySocket> NotifySocket::listen(const std::string& state_directory, std::string host) {
  const Fd directory(open((state_directory + kDirectory).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return last_error("open " + state_directory + kDirectory);
  Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return last_error("socket");
  const std::string path = "/proc/self/fd/" + std::to_string(directory.get()) + kName;
  sockaddr_un address{};
  LITEBOX_ASSIGN(const socklen_t size, fill_address(path, address));
  if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) return last_error("bind " + path);
  if (chmod(path.c_str(), 0777) != 0) return last_error("chmod " + path);
  return NotifySocket(std::move(socket), std::move(host));
}

Status NotifySocket::forward_until_ready(const ProcessIdentity& container) {
  while (true) {
    pollfd entry{socket_.get(), POLLIN, 0};
    const int ready = poll(&entry, 1, kPollInterval);
    if (ready > 0) {
      std::array<char, 4096> buffer{};
      const ssize_t length = recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      std::istringstream lines(std::string(buffer.data(), static_cast<size_t>(std::max<ssize_t>(length, 0))));
      for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("READY=")) return tell_host(line, container.pid);
      }
    }
    if (ready <= 0 && !is_running(container)) return {};
  }
}

// What runc sends: the line, the process, and a barrier, so that the manager has seen both when this ends.
Status NotifySocket::tell_host(const std::string& ready, pid_t pid) {
  sockaddr_un address{};
  LITEBOX_ASSIGN(const socklen_t size, fill_address(host_, address));
  const Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket || connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) {
    return last_error("connect to NOTIFY_SOCKET " + host_);
  }
  LITEBOX_TRY(send_message(socket.get(), ready + "\n"));
  LITEBOX_TRY(send_message(socket.get(), "MAINPID=" + std::to_string(pid) + "\n"));
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return last_error("pipe");
  const Fd reader(ends[0]);
  Fd writer(ends[1]);
  LITEBOX_TRY(send_message(socket.get(), "BARRIER=1", {writer.get()}));
  writer.reset();
  pollfd entry{reader.get(), POLLIN, 0};
  (void)poll(&entry, 1, kBarrierPatience);
  return {};
}

}  // namespace litebox::runtime
