// start: one shim for each pod, its address on standard output.
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "base/unix_socket.h"
#include "cmd/containerd-shim-litebox-v2/actions.h"
#include "oci/config.h"
#include "runtime/cgroup_hierarchy.h"
#include "runtime/cgroups.h"
#include "runtime/containerd/bootstrap.h"
#include "runtime/files.h"

namespace litebox::shim {
namespace {

constexpr int kWorstScore = 1000;  // oom_score_adj(5)

Status make_socket_directory(const std::string& path) {
  for (size_t end = path.find('/', 1); end != std::string::npos; end = path.find('/', end + 1)) {
    if (mkdir(path.substr(0, end).c_str(), 0711) != 0 && errno != EEXIST) return last_error("mkdir " + path.substr(0, end));
  }
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return last_error("mkdir " + path);
  return {};
}

// The listening socket; none when a shim of the same pod listens there already.
Result<Fd> listen_or_join(const containerd::SocketAddress& address) {
  constexpr int attempts = 5;
  for (int attempt = 0; attempt < attempts; ++attempt) {
    auto listener = listen_unix(address.directory, address.name, SOCK_STREAM | SOCK_NONBLOCK);
    if (listener.ok()) return listener;
    if (listener.error().number() != EADDRINUSE) return listener;
    if (connect_unix(address.directory, address.name, SOCK_STREAM).ok()) return Fd();
    // Of a shim that was killed.
    const std::string path = address.directory + "/" + address.name;
    if (unlink(path.c_str()) != 0 && errno != ENOENT) return last_error("unlink " + path);
  }
  return Error(EADDRINUSE, address.text());
}

// The kernel should rather kill a shim than containerd, who started it.
void follow_score(pid_t shim) {
  const auto text = runtime::read_file(AT_FDCWD, "/proc/" + std::to_string(getppid()) + "/oom_score_adj");
  if (!text.ok()) return;
  const int score = std::min(std::atoi(text->c_str()) + 1, kWorstScore);
  (void)runtime::write_control_file("/proc/" + std::to_string(shim) + "/oom_score_adj", std::to_string(score));
}

Status join_shim_cgroup(const std::string& path, pid_t shim) {
  if (path.empty()) return {};
  auto plan = runtime::plan_cgroups(runtime::mounted_cgroup_hierarchies(), path.front() == '/' ? path : "/" + path, {});
  plan.monitor.clear();
  LITEBOX_TRY(runtime::make_cgroups(plan));
  return runtime::join_cgroups(plan.container, shim);
}

[[noreturn]] void execute_shim(const ShimArguments& arguments, const std::string& socket, const Fd& listener) {
  (void)setpgid(0, 0);
  const Fd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  // Without O_CLOEXEC on the copies; the listener may already be in its place.
  if (listener.get() == kListenerDescriptor) {
    (void)fcntl(kListenerDescriptor, F_SETFD, 0);
  } else {
    (void)dup2(listener.get(), kListenerDescriptor);
  }
  for (int i = 0; i < kListenerDescriptor; ++i) (void)dup2(null.get(), i);
  (void)close_range(kListenerDescriptor + 1, ~0U, 0);
  std::vector<std::string> words{"containerd-shim-litebox-v2",
                                 "-namespace",
                                 arguments.namespace_name,
                                 "-id",
                                 arguments.id,
                                 "-address",
                                 arguments.address,
                                 "-socket",
                                 socket};
  if (arguments.debug) words.emplace_back("-debug");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  (void)execv("/proc/self/exe", argv.data());
  _exit(127);
}

}  // namespace

Result<int> start(const ShimArguments& arguments) {
  if (arguments.id.empty()) return Error("shim id cannot be empty");
  LITEBOX_ASSIGN(const std::string input, read_standard_input());
  LITEBOX_ASSIGN(const containerd::BootstrapInput bootstrap, containerd::read_bootstrap_input(input, arguments));
  LITEBOX_ASSIGN(const std::string config, runtime::read_file(AT_FDCWD, "config.json", oci::kConfigSizeLimit));
  const containerd::SocketAddress address =
      containerd::socket_address(bootstrap, arguments, containerd::shim_group(config, arguments.id));
  LITEBOX_TRY(make_socket_directory(address.directory));
  LITEBOX_ASSIGN(const Fd listener, listen_or_join(address));
  if (listener) {
    if (!bootstrap.event_address.empty()) (void)setenv("TTRPC_ADDRESS", bootstrap.event_address.c_str(), 1);
    const pid_t shim = fork();
    if (shim < 0) return last_error("fork");
    if (shim == 0) execute_shim(arguments, address.directory + "/" + address.name, listener);
    follow_score(shim);
    if (Status joined = join_shim_cgroup(bootstrap.options.shim_cgroup, shim); !joined.ok()) {
      (void)kill(shim, SIGKILL);
      return std::move(joined).error();
    }
  }
  // containerd 1.6 reads the file when it starts again; later ones keep what is printed.
  LITEBOX_TRY(runtime::replace_file(AT_FDCWD, "address", address.text(), 0600));
  LITEBOX_TRY(write_standard_output(address.text()));
  return 0;
}

}  // namespace litebox::shim
