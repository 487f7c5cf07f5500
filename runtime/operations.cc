#include "runtime/operations.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "oci/config.h"
#include "oci/process_json.h"
#include "runtime/cgroup_freezer.h"
#include "runtime/cgroups.h"
#include "runtime/control_client.h"
#include "runtime/destroy.h"
#include "runtime/hooks.h"
#include "runtime/membership.h"
#include "runtime/notify_socket.h"
#include "runtime/status.h"
#include "runtime/wait_status.h"

namespace litebox::runtime {
namespace {

using Json = nlohmann::json;

constexpr int kLockPatience = 10000;  // milliseconds
constexpr int kMonitorPatience = 2000;

struct OpenContainer {
  StateDirectory directory;
  StateRecord record;
  ContainerStatus status;
  std::optional<ControlClient> monitor;  // where it has said the status
};

Result<OpenContainer> open_container(const std::string& root, const std::string& id, bool lock) {
  LITEBOX_ASSIGN(StateDirectory directory, StateDirectory::open(root, id));
  if (lock) LITEBOX_TRY(directory.lock(kLockPatience));
  LITEBOX_ASSIGN(StateRecord record, read_existing_record(directory));
  std::optional<ControlClient> monitor;
  const ContainerStatus status = compute_status(directory, record, &monitor);
  return OpenContainer{std::move(directory), std::move(record), status, std::move(monitor)};
}

// A pipe that holds `text`, closed for writing.
Result<Fd> text_as_input(const std::string& text) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return last_error("pipe");
  Fd reader(ends[0]);
  const Fd writer(ends[1]);
  (void)fcntl(writer.get(), F_SETPIPE_SZ, static_cast<int>(text.size() + 1));
  (void)fcntl(writer.get(), F_SETFL, O_NONBLOCK);
  if (write(writer.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) return last_error("write the state");
  return reader;
}

// Inside the container, as the specification wants: path and program are the container's.
Status run_start_hook(const oci::Hook& hook, const oci::Process& base, const StateDirectory& directory,
                      const std::string& state) {
  oci::Process process = base;
  process.terminal = false;
  process.args = hook.args.empty() ? std::vector<std::string>{hook.path} : hook.args;
  process.args.front() = hook.path;
  if (hook.env) process.env = *hook.env;
  LITEBOX_ASSIGN(const Fd input, text_as_input(state));
  const Fd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) return last_error("open /dev/null");
  LITEBOX_ASSIGN(ControlClient client, ControlClient::connect(directory.path()));
  const Json request = {{"op", "exec"}, {"process", Json::parse(oci::process_to_json(process))}, {"detach", false}};
  LITEBOX_ASSIGN(const Json answer, client.request(request, {input.get(), null.get(), null.get()}));
  auto ended = client.receive(hook.timeout ? *hook.timeout * 1000 : -1);
  if (!ended.ok()) {
    if (ended.error().number() != ETIMEDOUT) return std::move(ended).error();
    if (auto killer = ControlClient::connect(directory.path()); killer.ok()) {
      (void)killer->request({{"op", "signal"}, {"pid", answer.value("pid", 0)}, {"signal", SIGKILL}});
    }
    return Error("hook ran past specified timeout of " + std::to_string(*hook.timeout) + ".0s");
  }
  const int code = exit_code_of(ended->value("exited", 0));
  if (code != 0) return Error("exit status " + std::to_string(code));
  return {};
}

// Most configurations have no hooks that are to run at the start: those need not be parsed again.
Result<oci::Config> parse_start_hooks(const std::string& config_text) {
  if (!names_hook(config_text, "startContainer") && !names_hook(config_text, "poststart")) return oci::Config();
  return oci::parse_config(config_text);
}

Status run_start_hooks(const oci::Config& config, const OpenContainer& container) {
  const std::string state = oci::state_to_hook_json(make_state(container.record, ContainerStatus::created));
  for (size_t i = 0; i < config.hooks.start_container.size(); ++i) {
    if (!config.process) break;
    Status status = run_start_hook(config.hooks.start_container[i], *config.process, container.directory, state);
    if (!status.ok()) return std::move(status).error().within("error running startContainer hook #" + std::to_string(i));
  }
  return {};
}

Status run_poststart_hooks(const oci::Config& config, const OpenContainer& container) {
  const HookContext context{oci::state_to_hook_json(make_state(container.record, ContainerStatus::running)),
                            container.record.bundle, -1};
  return run_hooks(config.hooks.poststart, "poststart", context);
}

// In a process of its own, for a caller that has a terminal and signals to serve meanwhile.
Status forward_aside(NotifySocket& notify, const ProcessIdentity& container) {
  const pid_t child = fork();
  if (child < 0) return last_error("fork");
  if (child == 0) _exit(notify.forward_until_ready(container).ok() ? 0 : 1);
  return {};
}

Status check_startable(ContainerStatus status) {
  switch (status) {
    case ContainerStatus::created:
      return {};
    case ContainerStatus::stopped:
      return Error("cannot start a container that has stopped");
    case ContainerStatus::paused:
      return Error("cannot start a paused container");
    default:
      return Error("cannot start an already running container");
  }
}

// Where the container's program says that it is ready, if the caller is a service that has a manager.
Result<std::optional<NotifySocket>> listen_for_readiness(const OpenContainer& container) {
  const auto host = notify_socket_of_caller();
  if (!host) return std::optional<NotifySocket>();
  auto listening = NotifySocket::listen(container.directory.path(), *host);
  if (listening.ok()) return std::optional(std::move(listening).value());
  if (listening.error().number() == ENOENT) return std::optional<NotifySocket>();  // created without a manager: no directory
  return std::move(listening).error();
}

Status execute_program(OpenContainer& container) {
  if (!container.monitor) {
    LITEBOX_ASSIGN(container.monitor, ControlClient::connect(container.directory.path()));
  }
  auto answer = container.monitor->request({{"op", "start"}});
  if (answer.ok()) return {};
  if (monitor_is_gone(answer.error())) return Error("the container ended before its program was executed");
  return std::move(answer).error();
}

// A process that is frozen by cgroup v1 does not get to its end: kill_container() looks whether the container is frozen when it
// has sent its signal, pause_container() whether the container ends when it has frozen it.
bool is_ending(const OpenContainer& container) {
  const auto ends = [](pid_t pid) {
    const auto stat = read_process_stat(pid);
    return !stat.ok() || ends_when_thawed(*stat);
  };
  auto client = ControlClient::connect(container.directory.path());
  if (!client.ok()) return monitor_is_gone(client.error());
  const auto answer = client->request({{"op", "status"}}, {}, kMonitorPatience);
  if (answer.ok()) return ends(answer->value("pid", 0));
  if (monitor_is_gone(answer.error())) return true;
  // It does not answer while it waits for the end of guests that it has killed.
  const std::vector<pid_t> processes = cgroup_processes(container.record.container_cgroups);
  return std::any_of(processes.begin(), processes.end(), ends);
}

// By the freezer of its cgroup; by its monitor where it has none, or where it does not get at a thread that waits for an answer
// of the monitor (in semop(2), say).
Status suspend(const OpenContainer& container) {
  if (has_freezer(container.record.container_cgroups)) {
    Status frozen = freeze(container.record.container_cgroups);
    if (frozen.ok() || frozen.error().number() != ETIMEDOUT) return frozen;
  }
  LITEBOX_ASSIGN(ControlClient client, ControlClient::connect(container.directory.path()));
  LITEBOX_TRY(client.request({{"op", "pause"}}));
  return {};
}

// However it was suspended: it may have got a cgroup since.
Status go_on(const OpenContainer& container) {
  if (is_frozen(container.record.container_cgroups)) return thaw(container.record.container_cgroups);
  LITEBOX_ASSIGN(ControlClient client, ControlClient::connect(container.directory.path()));
  LITEBOX_TRY(client.request({{"op", "resume"}}));
  return {};
}

// runtime.md "Lifecycle": a container whose hook fails is stopped and destroyed, and its poststop hooks run.
void destroy_after_failed_hook(OpenContainer& container, const std::string& config_text) {
  (void)end_container(container.directory, container.record);
  if (remove_container(container.directory, container.record).ok()) run_poststop_hooks(config_text, container.record);
}

Status start(OpenContainer container, Readiness readiness) {
  LITEBOX_ASSIGN(const std::string config_text, container.directory.read_config());
  LITEBOX_ASSIGN(const oci::Config config, parse_start_hooks(config_text));
  if (Status hooks = run_start_hooks(config, container); !hooks.ok()) {
    destroy_after_failed_hook(container, config_text);
    return hooks;
  }
  LITEBOX_ASSIGN(std::optional<NotifySocket> notify, listen_for_readiness(container));
  LITEBOX_TRY(execute_program(container));
  if (Status hooks = run_poststart_hooks(config, container); !hooks.ok()) {
    destroy_after_failed_hook(container, config_text);
    return hooks;
  }
  if (!notify) return {};
  container.directory.unlock();  // the container may be long in coming up, and others want to look at it
  const ProcessIdentity& process = container.record.keeper;
  return readiness == Readiness::awaited ? notify->forward_until_ready(process) : forward_aside(*notify, process);
}

}  // namespace

Status start_container(const std::string& root, const std::string& id, Readiness readiness) {
  LITEBOX_ASSIGN(OpenContainer container, open_container(root, id, true));
  LITEBOX_TRY(check_startable(container.status));
  return start(std::move(container), readiness);
}

Status start_container(CreatedContainer container, Readiness readiness) {
  return start({std::move(container.directory), std::move(container.record), ContainerStatus::created, std::nullopt},
               readiness);
}

Status kill_container(const std::string& root, const std::string& id, int signal, bool all) {
  LITEBOX_ASSIGN(const OpenContainer container, open_container(root, id, false));
  if (container.status == ContainerStatus::stopped) {
    if (!all && signal != SIGKILL) return Error("container not running");
    // Whatever is left when keeper or monitor were killed is still the container's.
    if (signal == SIGKILL) LITEBOX_TRY(end_container(container.directory, container.record));
    return all ? Status() : Status(Error("container not running"));
  }
  auto client = ControlClient::connect(container.directory.path());
  if (!client.ok()) return monitor_is_gone(client.error()) ? Error("container not running") : std::move(client).error();
  auto answer = client->request({{"op", "kill"}, {"signal", signal}, {"all", all}});
  if (!answer.ok()) return monitor_is_gone(answer.error()) ? Error("container not running") : std::move(answer).error();
  if (signal == SIGKILL && is_frozen(container.record.container_cgroups)) (void)thaw(container.record.container_cgroups);
  return {};
}

Status pause_container(const std::string& root, const std::string& id) {
  LITEBOX_ASSIGN(const OpenContainer container, open_container(root, id, true));
  if (container.status != ContainerStatus::running && container.status != ContainerStatus::created) {
    return Error("container not running: " + std::string(oci::status_name(container.status)));
  }
  if (Status suspended = suspend(container); !suspended.ok()) {
    return monitor_is_gone(suspended.error()) ? Error("container not running: stopped") : std::move(suspended).error();
  }
  if (!is_ending(container)) return {};
  if (Status resumed = go_on(container); !resumed.ok() && !monitor_is_gone(resumed.error())) return resumed;
  return Error("container not running: stopped");
}

Status resume_container(const std::string& root, const std::string& id) {
  LITEBOX_ASSIGN(const OpenContainer container, open_container(root, id, true));
  if (container.status != ContainerStatus::paused) return Error("container not paused");
  return go_on(container);
}

Result<std::vector<pid_t>> container_processes(const std::string& root, const std::string& id) {
  LITEBOX_ASSIGN(const OpenContainer container, open_container(root, id, false));
  if (container.status == ContainerStatus::stopped) return std::vector<pid_t>();
  auto client = ControlClient::connect(container.directory.path());
  if (!client.ok()) return std::vector<pid_t>();
  LITEBOX_ASSIGN(const Json answer, client->request({{"op", "members"}}));
  return answer.value("pids", std::vector<pid_t>());
}

Status update_container(const std::string& root, const std::string& id, const oci::Resources& resources) {
  LITEBOX_ASSIGN(OpenContainer container, open_container(root, id, true));
  StateRecord& record = container.record;
  if (container.status == ContainerStatus::stopped) return Error("container not running");
  if (record.container_cgroups.empty()) return Error("container " + id + " has no cgroup");
  // A hierarchy that nothing was to be limited in until now.
  const CgroupDirectories plan = permitted_cgroups(plan_cgroups(mounted_cgroup_hierarchies(), record.cgroup_path, resources));
  CgroupDirectories added;
  added.special = plan.special;
  for (size_t i = 0; i < plan.container.size(); ++i) {
    const auto& known = record.container_cgroups;
    if (std::find(known.begin(), known.end(), plan.container[i]) != known.end()) continue;
    added.container.push_back(plan.container[i]);
    added.parents.insert(added.parents.end(), plan.parents.begin(), plan.parents.end());
  }
  if (!added.container.empty()) {
    const std::vector<pid_t> members = cgroup_processes(record.container_cgroups);
    record.container_cgroups.insert(record.container_cgroups.end(), added.container.begin(), added.container.end());
    record.parent_cgroups.insert(record.parent_cgroups.end(), added.parents.begin(), added.parents.end());
    LITEBOX_TRY(container.directory.write_record(record));
    LITEBOX_TRY(make_cgroups(added));
    for (const pid_t pid : members) (void)join_cgroups(added.container, pid);
  }
  return apply_resources({record.container_cgroups, {}, {}, {}}, resources);
}

}  // namespace litebox::runtime
