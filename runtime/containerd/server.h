// The ttrpc server: connections, requests in any number at a time, answers in any order.
//
// Clients are not trusted to behave: a payload over the limit or a stream id that is even or not above the last one is an error
// answer, and a frame of no known type is none at all, as with ttrpc's Go server; what a client does not read is not kept
// without bound.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "runtime/containerd/event_loop.h"
#include "runtime/containerd/rpc.h"

namespace litebox::containerd {

struct Call {
  std::string service;
  std::string method;
  std::string payload;
  std::chrono::nanoseconds timeout{0};  // 0: none
  Responder responder;
};

class ServerConnection;

class Server {
 public:
  using Handler = std::function<void(Call call)>;

  // `listener` is a listening AF_UNIX socket.
  Server(EventLoop& loop, Fd listener, Handler handler);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  Status start();
  // No connection is accepted any more; those that exist stay.
  void stop_accepting();
  // True when every answer has been written.
  bool flushed() const;

 private:
  friend class ServerConnection;
  void accept_all();
  void remove(const std::shared_ptr<ServerConnection>& connection) { connections_.erase(connection); }

  EventLoop& loop_;
  Fd listener_;
  Handler handler_;
  std::set<std::shared_ptr<ServerConnection>> connections_;
};

}  // namespace litebox::containerd
