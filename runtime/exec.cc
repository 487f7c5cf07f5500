#include "runtime/exec.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <optional>
#include <utility>

#include "oci/config.h"
#include "oci/supported.h"
#include "runtime/exec_cgroups.h"
#include "runtime/exec_connection.h"
#include "runtime/foreground.h"
#include "runtime/pid_file.h"
#include "runtime/status.h"
#include "runtime/wait_status.h"

namespace litebox::runtime {
namespace {

Status check_status(ContainerStatus status, bool ignore_paused) {
  switch (status) {
    case ContainerStatus::created:
    case ContainerStatus::running:
      return {};
    case ContainerStatus::paused:
      if (ignore_paused) return {};
      return Error("cannot exec in a paused container (use --ignore-paused to override)");
    case ContainerStatus::creating:
      return Error("cannot exec in a container that is being created");
    case ContainerStatus::stopped:
      break;
  }
  return Error("cannot exec in a stopped container");
}

Status check_console(const ExecRequest& request) {
  const bool terminal = request.process.terminal;
  if (terminal && request.detach && !request.console_socket) {
    return Error("cannot allocate tty if litebox will detach without setting console socket");
  }
  if (request.console_socket && (!terminal || !request.detach)) {
    return Error("cannot use console socket if litebox will not detach or allocate tty");
  }
  return {};
}

bool is_directory(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

// Tells the caller which process it is.
Status announce(const ExecRequest& request, pid_t pid) {
  if (request.pidfd_socket) LITEBOX_TRY(send_pidfd(*request.pidfd_socket, pid));
  if (request.pid_file) LITEBOX_TRY(write_pid_file(*request.pid_file, pid));
  return {};
}

}  // namespace

Result<oci::Process> configured_process(const std::string& root, const std::string& id) {
  LITEBOX_ASSIGN(const StateDirectory directory, StateDirectory::open(root, id));
  LITEBOX_ASSIGN(const StateRecord record, read_existing_record(directory));
  (void)record;
  LITEBOX_ASSIGN(const std::string text, directory.read_config());
  LITEBOX_ASSIGN(oci::Config config, oci::parse_config(text));
  if (!config.process) return Error("config.json has no process");
  config.process->terminal = false;
  return *config.process;
}

namespace {

// What is settled before a process begins.
struct Preparation {
  StateDirectory directory;
  std::optional<Console> console;
  ExecOrder order;  // refers to the request
};

Result<Preparation> prepare(const std::string& root, const ExecRequest& request) {
  std::vector<std::string> warnings;
  LITEBOX_TRY(oci::check_process_supported(request.process, warnings));
  LITEBOX_ASSIGN(StateDirectory directory, StateDirectory::open(root, request.id));
  LITEBOX_ASSIGN(const StateRecord record, read_existing_record(directory));
  LITEBOX_TRY(check_status(compute_status(directory, record), request.ignore_paused));

  std::optional<Console> console;
  if (request.process.terminal) {
    LITEBOX_ASSIGN(console, open_console(request.process.console_size));
  }
  ExecOrder order{request.process, {}, {}};
  for (int i = 0; i < 3; ++i) order.descriptors.push_back(console ? console->slave.get() : i);
  for (const Fd& fd : request.preserved) order.descriptors.push_back(fd.get());
  order.cgroups = record.container_cgroups;
  if (!request.cgroups.empty()) {
    LITEBOX_ASSIGN(order.cgroups, exec_cgroups(mounted_cgroup_hierarchies(), record, request.cgroups, is_directory));
  }
  return Preparation{std::move(directory), std::move(console), std::move(order)};
}

}  // namespace

Result<DetachedProcess> exec_detached(const std::string& root, const ExecRequest& request) {
  LITEBOX_ASSIGN(Preparation prepared, prepare(root, request));
  LITEBOX_ASSIGN(ExecKeeper keeper, ExecKeeper::spawn(prepared.directory.path(), prepared.order));
  return DetachedProcess{std::move(keeper), std::move(prepared.console)};
}

Result<int> exec_in_container(const std::string& root, ExecRequest request) {
  LITEBOX_TRY(check_console(request));
  if (request.detach) {
    LITEBOX_ASSIGN(DetachedProcess detached, exec_detached(root, request));
    if (detached.console) LITEBOX_TRY(send_console(*request.console_socket, *detached.console));
    LITEBOX_TRY(announce(request, detached.keeper.pid()));
    LITEBOX_TRY(detached.keeper.commit());
    return 0;
  }
  LITEBOX_ASSIGN(Preparation prepared, prepare(root, request));
  Foreground foreground(prepared.console ? std::optional(std::move(prepared.console->master)) : std::nullopt);
  LITEBOX_ASSIGN(ExecConnection connection, ExecConnection::begin(prepared.directory.path(), prepared.order, false));
  if (prepared.console) prepared.console->slave.reset();
  LITEBOX_TRY(announce(request, connection.pid()));
  const auto ended = [&connection](bool readable) -> std::optional<int> {
    if (!readable) return std::nullopt;
    return connection.take_status();
  };
  return exit_code_of(
      foreground.wait(connection.descriptor(), ended, [&connection](int number) { connection.signal(number); }));
}

}  // namespace litebox::runtime
