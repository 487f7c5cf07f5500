// The commands' end of the control protocol (shim/monitor/control_protocol.h).
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace litebox::runtime {

class ControlClient {
 public:
  // ENOENT or ECONNREFUSED when no monitor listens.
  static Result<ControlClient> connect(const std::string& state_directory);

  // Sends a request and waits for its answer; ETIMEDOUT after `milliseconds` (negative: no limit). An answer with "ok":false is
  // an Error with the monitor's text; a monitor that goes away is ECONNRESET.
  Result<nlohmann::json> request(const nlohmann::json& request, const std::vector<int>& descriptors = {},
                                 int milliseconds = -1);
  // Sends without waiting; EAGAIN rather than blocking.
  Status post(const nlohmann::json& request);
  // The next message, whatever it is; errors as request()'s.
  Result<nlohmann::json> receive(int milliseconds = -1);

  int descriptor() const { return socket_.get(); }

 private:
  explicit ControlClient(Fd socket) : socket_(std::move(socket)) {}
  Fd socket_;
};

// True for the errors that mean "there is no monitor".
bool monitor_is_gone(const Error& error);

}  // namespace litebox::runtime
