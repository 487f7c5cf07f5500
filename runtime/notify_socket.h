// NOTIFY_SOCKET (sd_notify(3)): a service manager that is told when the program in the container is ready.
//
// The manager's socket is the host's, which no container can name. So the container gets one of its own in /run/notify, and
// `start` passes on what comes through it: that the program is ready, and which process of the host it is.
#pragma once

#include <optional>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "oci/config.h"
#include "runtime/process_identity.h"

namespace litebox::runtime {

// $NOTIFY_SOCKET; nothing when it is not set.
std::optional<std::string> notify_socket_of_caller();

// At create: makes the directory of the socket in `state_directory`, and adds mount and variable to the config.
Status offer_notify_socket(const std::string& state_directory, oci::Config& config);

class NotifySocket {
 public:
  // At start, before the program is executed: the container's socket begins to listen. `host`: notify_socket_of_caller().
  static Result<NotifySocket> listen(const std::string& state_directory, std::string host);

  // Returns when the program has said that it is ready, which the manager is told then, or when `container` has ended.
  Status forward_until_ready(const ProcessIdentity& container);

 private:
  NotifySocket(Fd socket, std::string host) : socket_(std::move(socket)), host_(std::move(host)) {}
  Status tell_host(const std::string& ready, pid_t pid);

  Fd socket_;
  std::string host_;
};

}  // namespace litebox::runtime
