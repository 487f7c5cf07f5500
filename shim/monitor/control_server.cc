#include "shim/monitor/control_server.h"

#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/program_pages.h"
#include "oci/process_json.h"
#include "shim/kernel/pidfd.h"
#include "shim/kernel/signals.h"
#include "shim/monitor/control_protocol.h"
#include "shim/monitor/neighbours.h"

namespace litebox::monitor {
namespace {

using nlohmann::json;

constexpr size_t kDescriptorLimit = 253;  // SCM_MAX_FD
constexpr int kDepthLimit = 64;           // of a request's objects
constexpr int kQuietMs = 500;             // after which what a command has needed is given back

std::string success(json extra = json::object()) {
  extra["ok"] = true;
  return extra.dump();
}

std::string failure(const std::string& text) {
  return json{{"ok", false}, {"error", text}}.dump(-1, ' ', false, json::error_handler_t::replace);
}

void send(int socket, const std::string& message) { (void)::send(socket, message.data(), message.size(), MSG_NOSIGNAL); }

}  // namespace

struct ControlServer::Message {  // NOLINT(bugprone-exception-escape): json's moves assert, and do not throw
  json body;
  std::vector<Fd> descriptors;
};

ControlServer::ControlServer(kernel::World& world, Launcher& launcher, NotificationLoop& loop, ExecService& execs,
                             Tracer& tracer)
    : world_(world),
      launcher_(launcher),
      loop_(loop),
      execs_(execs),
      tracer_(tracer),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      paused_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Status ControlServer::listen(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  // The state directory may lie deeper than a socket address can say.
  const size_t slash = path.rfind('/');
  const Fd directory(::open(path.substr(0, slash).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return last_error("open " + path.substr(0, slash));
  const std::string name = "/proc/self/fd/" + std::to_string(directory.get()) + path.substr(slash);
  if (name.size() >= sizeof address.sun_path) return Error(ENAMETOOLONG, path);
  std::memcpy(address.sun_path, name.c_str(), name.size() + 1);
  socket_ = Fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!socket_) return last_error("socket");
  const mode_t mask = ::umask(0177);
  const int bound = ::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int number = errno;
  ::umask(mask);
  if (bound != 0) return Error(number, "bind " + path);
  if (::listen(socket_.get(), 64) != 0) return last_error("listen " + path);
  return {};
}

void ControlServer::init_executed() {
  const uint64_t one = 1;
  (void)::write(wake_.get(), &one, sizeof one);
}

int ControlServer::serve(Launched init, int keeper_pidfd, int first_pidfd) {
  init_ = std::move(init);
  bool busy = true;
  while (true) {
    std::vector<pollfd> polled;
    polled.push_back({init_->pidfd.get(), POLLIN, 0});
    polled.push_back({keeper_pidfd, POLLIN, 0});
    polled.push_back({wake_.get(), POLLIN, 0});
    polled.push_back({socket_.get(), POLLIN, 0});
    polled.push_back({first_pidfd, POLLIN, 0});
    polled.push_back({paused_.get(), POLLIN, 0});
    const size_t first_connection = polled.size();
    for (const Connection& connection : connections_) polled.push_back({connection.socket.get(), POLLIN, 0});
    const size_t first_executed = polled.size();
    for (const Executed& executed : executed_) polled.push_back({executed.launched.pidfd.get(), POLLIN, 0});
    const int ready = ::poll(polled.data(), polled.size(), busy ? kQuietMs : -1);
    if (ready < 0) continue;
    busy = ready > 0;
    if (!busy) {
      (void)::malloc_trim(0);
      release_program_pages();
    }

    if (polled[1].revents != 0 || polled[4].revents != 0) (void)kernel::send_signal(init_->pidfd.get(), SIGKILL);
    if (polled[2].revents != 0) answer_starters();
    if (polled[5].revents != 0) answer_pausers();
    if (polled[0].revents != 0) {
      if (const auto status = reap(*init_)) {
        if (pause_ != Pause::none) end_paused();
        reap_executed();
        loop_.remove_direct_child(init_->process);
        return *status;
      }
    }
    for (size_t i = first_executed; i < polled.size(); ++i) {
      if (polled[i].revents != 0) {
        reap_executed();
        break;
      }
    }
    // From the back, so that closing one leaves the numbering of those still to be looked at.
    for (size_t i = first_executed; i-- > first_connection;) {
      if (polled[i].revents == 0) continue;
      const size_t index = i - first_connection;
      if (serve_message(connections_[index])) continue;
      if (connections_[index].waits_for_pause) take_pause_back();
      for (Executed& executed : executed_) {
        if (executed.connection != connections_[index].socket.get()) continue;
        executed.connection = -1;
        // The exec keeper was killed: callers mean the process by it, and a SIGKILL cannot be forwarded.
        if (executed.detached) (void)kernel::send_signal(executed.launched.pidfd.get(), SIGKILL);
      }
      connections_.erase(connections_.begin() + static_cast<std::ptrdiff_t>(index));
    }
    if (polled[3].revents != 0) accept_connection();
  }
}

void ControlServer::accept_connection() {
  Fd connection(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (connection) connections_.push_back({std::move(connection)});
}

bool ControlServer::serve_message(Connection& connection) {
  const ssize_t size = ::recv(connection.socket.get(), nullptr, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
  if (size <= 0 || static_cast<size_t>(size) > kControlMessageLimit) return false;
  std::string text(static_cast<size_t>(size), '\0');
  iovec vector{text.data(), text.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(kDescriptorLimit * sizeof(int))];
  msghdr header{};
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  if (::recvmsg(connection.socket.get(), &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) <= 0) return false;
  auto message = std::make_shared<Message>();
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    for (size_t i = 0; i < (part->cmsg_len - CMSG_LEN(0)) / sizeof(int); ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof fd);
      message->descriptors.emplace_back(fd);
    }
  }
  // What is nested deeper is left out: what it is copied and printed by calls itself.
  const auto shallow = [](int depth, json::parse_event_t /*event*/, json& /*value*/) { return depth <= kDepthLimit; };
  message->body = json::parse(text, shallow, false);
  if (!message->body.is_object()) return false;
  std::string answer;
  try {
    answer = handle(connection, message);
  } catch (const json::exception& malformed) {  // a value of the wrong type
    answer = failure(malformed.what());
  }
  if (!answer.empty()) send(connection.socket.get(), answer);
  return true;
}

std::string ControlServer::handle(Connection& connection, const std::shared_ptr<Message>& request) {
  const Message& message = *request;
  const std::string operation = message.body.value("op", "");
  if (operation == "status") {
    const char* const status = pause_ == Pause::complete ? "paused" : running_ || started_ ? "running" : "created";
    return success({{"status", status}, {"pid", init_->process.value()}});
  }
  if (operation == "start") {
    if (started_) return failure("cannot start an already running container");
    if (pause_ != Pause::none) return failure("cannot start a paused container");
    const Status released = Launcher::release(*init_);
    if (!released.ok()) return failure(released.error().message());
    started_ = true;
    connection.waits_for_start = true;
    return {};
  }
  if (operation == "kill") return handle_kill(message);
  if (operation == "members") {
    json pids = json::array();
    for (const HostPid member : world_.own_members()) pids.push_back(member.value());
    return success({{"pids", pids}});
  }
  if (operation == "describe") {
    const HostPid process(message.body.value("pid", 0));
    if (!world_.is_own(process)) return failure("no such process");
    const auto state = world_.state_of(process);
    return state.ok() ? success(describe_state(**state)) : failure("no such process");
  }
  if (operation == "exec" && pause_ != Pause::none) {
    connection.deferred = request;
    return {};
  }
  if (operation == "exec") return handle_exec(connection, message);
  if (operation == "pause") return handle_pause(connection);
  if (operation == "resume") return handle_resume();
  if (operation == "signal") {
    const HostPid process(message.body.value("pid", 0));
    for (const Executed& executed : executed_) {
      if (executed.launched.process != process) continue;
      const Status sent = kernel::send_signal(executed.launched.pidfd.get(), message.body.value("signal", 0));
      return sent.ok() ? success() : failure(sent.error().message());
    }
    return failure("no such process");
  }
  return failure("unknown operation \"" + operation + "\"");
}

std::string ControlServer::handle_kill(const Message& message) {
  const int signal = message.body.value("signal", 0);
  if (message.body.value("all", false)) {
    for (const HostPid member : world_.own_members()) {
      (void)kernel::signal_process(world_, member, signal, kernel::Origin::outside);
    }
    return success();
  }
  if (!running_) {
    // A created init has none of its program's handlers yet: as its own namespace's init would, it notices SIGKILL only.
    if (signal != SIGKILL) return success();
    const Status killed = kernel::send_signal(init_->pidfd.get(), SIGKILL);
    return killed.ok() ? success() : failure("container not running");
  }
  const Status sent = kernel::signal_process(world_, init_->process, signal, kernel::Origin::outside);
  if (sent.ok()) return success();
  return failure(sent.error().number() == ESRCH ? "container not running" : sent.error().message());
}

std::string ControlServer::handle_exec(Connection& connection, const Message& message) {
  if (message.descriptors.size() < 3) return failure("exec: three descriptors are needed");
  const auto process = oci::parse_process(message.body.value("process", json::object()).dump(), "process");
  if (!process.ok()) return failure(process.error().message());
  LaunchRequest request;
  request.process = &*process;
  for (size_t i = 0; i < 3; ++i) request.standard_io[i] = message.descriptors[i].get();
  for (size_t i = 3; i < message.descriptors.size(); ++i) request.preserved.push_back(message.descriptors[i].get());
  if (message.body.contains("cgroups")) request.cgroups = message.body.value("cgroups", std::vector<std::string>());
  auto launched = launcher_.prepare(request, [] {});
  if (!launched.ok()) return failure(launched.error().message());
  const Status released = Launcher::release(*launched);
  if (!released.ok()) return failure(released.error().message());
  const pid_t pid = launched->process.value();
  executed_.push_back({std::move(*launched), connection.socket.get(), message.body.value("detach", false)});
  return success({{"pid", pid}});
}

std::string ControlServer::handle_pause(Connection& connection) {
  if (pause_ != Pause::none) return failure("the container is paused already");
  pause_ = Pause::asked_for;
  connection.waits_for_pause = true;
  tracer_.pause([this](Status outcome) {
    const std::lock_guard<std::mutex> guard(pause_mutex_);
    pause_outcome_ = std::move(outcome);
    const uint64_t one = 1;
    (void)::write(paused_.get(), &one, sizeof one);
  });
  return {};
}

std::string ControlServer::handle_resume() {
  if (pause_ != Pause::complete) return failure("container not paused");
  tracer_.resume();
  pause_ = Pause::none;
  serve_deferred();
  return success();
}

// Who asked for it has gone before it was there.
void ControlServer::take_pause_back() {
  tracer_.resume();
  {
    const std::lock_guard<std::mutex> guard(pause_mutex_);
    pause_outcome_.reset();
  }
  pause_ = Pause::none;
  serve_deferred();
}

void ControlServer::answer_pausers() {
  uint64_t count = 0;
  (void)::read(paused_.get(), &count, sizeof count);
  std::optional<Status> outcome;
  {
    const std::lock_guard<std::mutex> guard(pause_mutex_);
    outcome = std::exchange(pause_outcome_, std::nullopt);
  }
  if (!outcome) return;
  pause_ = outcome->ok() ? Pause::complete : Pause::none;
  for (Connection& connection : connections_) {
    if (!connection.waits_for_pause) continue;
    connection.waits_for_pause = false;
    send(connection.socket.get(), outcome->ok() ? success() : failure(outcome->error().message()));
  }
  if (pause_ == Pause::none) serve_deferred();
}

void ControlServer::serve_deferred() {
  for (Connection& connection : connections_) {
    const auto message = std::exchange(connection.deferred, nullptr);
    if (message) send(connection.socket.get(), handle_exec(connection, *message));
  }
}

// Init has ended: nobody else is to run again, but who is to die must be let go by the tracing thread.
void ControlServer::end_paused() {
  (void)kernel::kill_all(world_, 0);
  tracer_.resume();
}

// Not before its end: a wait would take the stops of a traced one away from the tracing thread, which may also have been first.
std::optional<int> ControlServer::reap(const Launched& child) {
  if (!kernel::has_ended(child.pidfd.get())) return std::nullopt;
  int status = 0;
  if (::waitpid(child.process.value(), &status, WNOHANG) == child.process.value()) return status;
  return tracer_.reaped_status(child.process);
}

void ControlServer::reap_executed() {
  for (size_t i = executed_.size(); i-- > 0;) {
    const auto status = reap(executed_[i].launched);
    if (!status) continue;
    if (executed_[i].connection >= 0) send(executed_[i].connection, json{{"exited", *status}}.dump());
    loop_.remove_direct_child(executed_[i].launched.process);
    execs_.forget(executed_[i].launched.process);
    executed_.erase(executed_.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

void ControlServer::answer_starters() {
  uint64_t count = 0;
  (void)::read(wake_.get(), &count, sizeof count);
  running_ = true;
  for (Connection& connection : connections_) {
    if (!connection.waits_for_start) continue;
    connection.waits_for_start = false;
    send(connection.socket.get(), success());
  }
}

}  // namespace litebox::monitor
