// The shim itself: a task service on a socket, and events to containerd.
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "base/program_pages.h"
#include "cmd/containerd-shim-litebox-v2/actions.h"
#include "runtime/containerd/publisher.h"
#include "runtime/containerd/server.h"
#include "runtime/containerd/service.h"
#include "runtime/signals.h"
#include "shim/monitor/container.h"

namespace litebox::shim {
namespace {

constexpr auto kQuiet = std::chrono::milliseconds(300);
constexpr auto kLastWordsPatience = std::chrono::seconds(2);
constexpr auto kLastWordsStep = std::chrono::milliseconds(5);

sigset_t signals_of_interest() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGCHLD, SIGTERM, SIGINT}) sigaddset(&signals, number);
  return signals;
}

// containerd reads the log from a fifo in the bundle of the first container.
void open_log() {
  const Fd log(open("log", O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  if (log) (void)dup2(log.get(), STDERR_FILENO);
}

class Shim {
 public:
  Shim(containerd::EventLoop& loop, const ShimArguments& arguments)
      : loop_(loop),
        socket_path_(arguments.socket),
        signals_(signals_of_interest()),
        publisher_(loop, text_of("TTRPC_ADDRESS"), arguments.namespace_name),
        service_(loop, publisher_, {arguments.namespace_name, monitor::run_container, [this] { end(); }}),
        server_(loop, Fd(kListenerDescriptor), [this](const containerd::Call& call) { service_.handle(call); }) {}

  Status start() {
    LITEBOX_TRY(loop_.watch(signals_.descriptor(), EPOLLIN, [this](uint32_t /*events*/) { take_signals(); }));
    // What one spell of activity has left goes back to the kernel.
    loop_.on_quiet(kQuiet, [] {
      (void)malloc_trim(0);
      release_program_pages();
    });
    return server_.start();
  }

 private:
  static std::string text_of(const char* variable) {
    const char* value = std::getenv(variable);
    return value == nullptr ? "" : value;
  }

  void take_signals() {
    while (const auto number = signals_.next()) {
      if (*number == SIGCHLD) service_.reap();
      if (*number == SIGTERM || *number == SIGINT) end();
    }
  }

  // The answer to Shutdown and the last events are still to be sent.
  void end() {
    if (ending_) return;
    ending_ = true;
    // Before nobody listens there: a new shim of the same name would find its own socket removed.
    if (!socket_path_.empty()) (void)unlink(socket_path_.c_str());
    server_.stop_accepting();
    deadline_ = containerd::EventLoop::Clock::now() + kLastWordsPatience;
    end_when_silent();
  }

  void end_when_silent() {
    const bool silent = publisher_.idle() && server_.flushed();
    if (silent || containerd::EventLoop::Clock::now() > deadline_) return loop_.stop();
    loop_.after(kLastWordsStep, [this] { end_when_silent(); });
  }

  containerd::EventLoop& loop_;
  std::string socket_path_;
  runtime::SignalDescriptor signals_;
  containerd::Publisher publisher_;
  containerd::Service service_;
  containerd::Server server_;
  containerd::EventLoop::Clock::time_point deadline_;
  bool ending_ = false;
};

}  // namespace

Result<int> serve(const ShimArguments& arguments) {
  if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) return last_error("prctl");
  (void)signal(SIGPIPE, SIG_IGN);
  // One arena, and large pieces given back as soon as they are freed.
  (void)mallopt(M_MMAP_THRESHOLD, 64 << 10);
  (void)mallopt(M_TRIM_THRESHOLD, 64 << 10);
  open_log();
  (void)unsetenv("NOTIFY_SOCKET");  // of containerd's own service, no container's
  LITEBOX_ASSIGN(const auto loop, containerd::EventLoop::create());
  Shim shim(*loop, arguments);
  LITEBOX_TRY(shim.start());
  loop->run();
  return 0;
}

}  // namespace litebox::shim
