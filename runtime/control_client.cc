#include "runtime/control_client.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/unix_socket.h"
#include "shim/monitor/control_protocol.h"

namespace litebox::runtime {

using Json = nlohmann::json;

bool monitor_is_gone(const Error& error) {
  switch (error.number()) {
    case ENOENT:
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
    case ENOTCONN:
      return true;
    default:
      return false;
  }
}

Result<ControlClient> ControlClient::connect(const std::string& state_directory) {
  LITEBOX_ASSIGN(Fd socket, connect_unix(state_directory, monitor::kControlSocketName, SOCK_SEQPACKET | SOCK_NONBLOCK));
  const int size = static_cast<int>(monitor::kControlMessageLimit);  // the kernel takes as much of it as it permits
  (void)setsockopt(socket.get(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  return ControlClient(std::move(socket));
}

Status ControlClient::post(const Json& request) {
  return send_message(socket_.get(), request.dump(-1, ' ', false, Json::error_handler_t::replace));
}

Result<Json> ControlClient::request(const Json& request, const std::vector<int>& descriptors, int milliseconds) {
  LITEBOX_TRY(send_message(socket_.get(), request.dump(-1, ' ', false, Json::error_handler_t::replace), descriptors));
  LITEBOX_ASSIGN(Json answer, receive(milliseconds));
  if (answer.value("ok", false)) return answer;
  return Error(answer.value("error", std::string("the monitor refused")));
}

Result<Json> ControlClient::receive(int milliseconds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
  while (true) {
    int left = -1;
    if (milliseconds >= 0) {
      const auto span = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      left = static_cast<int>(std::max<int64_t>(span.count(), 0));
    }
    pollfd entry{socket_.get(), POLLIN, 0};
    const int ready = poll(&entry, 1, left);
    if (ready < 0 && errno != EINTR) return last_error("poll");
    if (ready == 0) return Error(ETIMEDOUT, "waiting for the monitor");
    if (ready > 0) break;
  }
  auto message = receive_message(socket_.get(), monitor::kControlMessageLimit);
  if (!message.ok()) return std::move(message).error();
  if (message->text.empty()) return Error(ECONNRESET, "the monitor has ended");
  Json answer = Json::parse(message->text, nullptr, false);
  if (!answer.is_object()) return Error("the monitor's answer is not understood");
  return answer;
}

}  // namespace litebox::runtime
