#include "runtime/create.h"

#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>

#include "base/log.h"
#include "oci/state.h"
#include "oci/supported.h"
#include "runtime/cgroups.h"
#include "runtime/container_id.h"
#include "runtime/destroy.h"
#include "runtime/files.h"
#include "runtime/hooks.h"
#include "runtime/joined_worlds.h"
#include "runtime/membership.h"
#include "runtime/notify_socket.h"
#include "runtime/pid_file.h"
#include "runtime/root_directory.h"
#include "runtime/signals.h"
#include "runtime/status.h"

namespace litebox::runtime {
namespace {

Result<std::string> absolute(const std::string& path) {
  std::array<char, PATH_MAX> resolved{};
  if (realpath(path.c_str(), resolved.data()) == nullptr) return last_error("bundle " + path);
  return std::string(resolved.data());
}

// By /etc/passwd alone, as runc does: the name service's other sources are libraries, which a static program has not.
std::string user_name() {
  const uid_t uid = geteuid();
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen("/etc/passwd", "re"), std::fclose);
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  while (file && fgetpwent_r(file.get(), &entry, buffer.data(), buffer.size(), &found) == 0) {
    if (entry.pw_uid == uid) return entry.pw_name;
  }
  return std::to_string(uid);
}

// runc's texts.
Status check_console(const CreateRequest& request, bool terminal) {
  if (!terminal && request.console_socket) {
    return Error("cannot use console socket if litebox will not detach or allocate tty");
  }
  if (terminal && request.detached && !request.console_socket) {
    return Error("cannot allocate tty if litebox will detach without setting console socket");
  }
  if (terminal && !request.detached && request.console_socket) {
    return Error("cannot use console socket if litebox will not detach or allocate tty");
  }
  return {};
}

// sd_listen_fds(3): the sockets are passed on as 3 and up, to init.
void pass_listen_descriptors(oci::Process& process, unsigned count) {
  if (count == 0) return;
  std::erase_if(process.env, [](const std::string& entry) {
    return entry.rfind("LISTEN_FDS=", 0) == 0 || entry.rfind("LISTEN_PID=", 0) == 0;
  });
  process.env.push_back("LISTEN_FDS=" + std::to_string(count));
  process.env.emplace_back("LISTEN_PID=1");
}

// An id is taken once below each root, a cgroup's name once on the host: below another root than the usual one, the name says
// which (FNV-1a of the root's path).
std::string group_name(const StateDirectory& directory, const std::string& id) {
  const std::string root = directory.path().substr(0, directory.path().rfind('/'));
  if (root == kUsualRoot) return id;
  uint32_t hash = 2166136261;
  for (const char c : root) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619;
  std::array<char, 12> text{};
  (void)std::snprintf(text.data(), text.size(), "-%08x", hash);
  return id + text.data();
}

// A hierarchy's controllers, as /proc/<pid>/cgroup writes them, and the container's directory there.
std::map<std::string, std::string> cgroups_by_controller(const std::vector<CgroupHierarchy>& hierarchies,
                                                         const StateRecord& record) {
  std::map<std::string, std::string> groups;
  for (const CgroupHierarchy& hierarchy : hierarchies) {
    const std::string directory = hierarchy.mount_point + record.cgroup_path;
    const auto& own = record.container_cgroups;
    if (std::find(own.begin(), own.end(), directory) == own.end()) continue;
    std::string name;
    for (const std::string& controller : hierarchy.controllers) {
      if (!hierarchy.unified) name += (name.empty() ? "" : ",") + controller;
    }
    groups[name] = directory;
  }
  return groups;
}

bool not_permitted(const Error& error) {
  return error.number() == EACCES || error.number() == EPERM || error.number() == EROFS;
}

// One creation, from the state directory on. What it has made is undone unless finish() is reached.
class Creation {
 public:
  Creation(StateDirectory directory, oci::Config config, CreateRequest request)
      : directory_(std::move(directory)),
        config_(std::move(config)),
        request_(std::move(request)),
        interrupts_(SignalDescriptor::interrupts()) {}
  Creation(const Creation&) = delete;
  Creation& operator=(const Creation&) = delete;

  ~Creation() {
    if (finished_) return;
    if (keeper_) keeper_->abandon();
    (void)end_container(directory_, record_);
    const Status removed = remove_container(directory_, record_);
    if (!removed.ok()) log::debug(removed.error().message());
    if (hooks_begun_) run_poststop_hooks(config_text_, record_);
  }

  Status run(const std::string& bundle, const std::string& config_text, const JoinedWorlds& joined,
             const MonitorMain& monitor_main) {
    describe(bundle);
    joined_ = joined;
    config_text_ = config_text;
    if (notify_socket_of_caller()) LITEBOX_TRY(offer_notify_socket(directory_.path(), config_));
    LITEBOX_TRY(directory_.write_config(config_text));
    LITEBOX_TRY(prepare_cgroups());
    LITEBOX_TRY(prepare_console());
    LITEBOX_TRY(start_keeper(monitor_main));
    LITEBOX_TRY(run_create_hooks());
    LITEBOX_TRY(check_interrupt());
    LITEBOX_TRY(keeper_->release());
    LITEBOX_ASSIGN(const pid_t init, keeper_->wait_until_ready(interrupts_.descriptor()));
    record_.membership = membership_of(init).value_or(0);
    return finish();
  }

  CreatedContainer result() && { return {std::move(directory_), std::move(record_), std::move(config_), std::move(console_)}; }

 private:
  void describe(const std::string& bundle) {
    record_.id = request_.id;
    record_.oci_version = config_.oci_version;
    record_.bundle = bundle;
    record_.rootfs = config_.root.path.front() == '/' ? config_.root.path : bundle + "/" + config_.root.path;
    record_.created = oci::format_time(std::chrono::system_clock::now());
    record_.owner = user_name();
    record_.annotations = config_.annotations;
    if (const auto self = identify(getpid()); self.ok()) record_.creator = *self;
  }

  Status check_interrupt() {
    if (interrupts_.next()) return Error(EINTR, "create");
    return {};
  }

  Status prepare_cgroups() {
    const oci::Resources resources = config_.linux.resources.value_or(oci::Resources());
    const std::string path =
        container_cgroup_path(config_.linux.cgroups_path, group_name(directory_, request_.id), request_.systemd_cgroup);
    if (!request_.cgroups_disabled) hierarchies_ = mounted_cgroup_hierarchies();
    CgroupDirectories plan = plan_cgroups(hierarchies_, path, resources);
    // What a user has not been given is left out; a limit that is asked for there is an error later.
    if (CgroupDirectories permitted = permitted_cgroups(plan); !permitted.container.empty()) plan = std::move(permitted);
    if (!cgroup_processes(plan.container).empty()) return Error("container's cgroup " + path + " is not empty");
    // Recorded before they are made: whoever cleans up after a killed command must know them.
    record_.cgroup_path = path;
    record_.container_cgroups = plan.container;
    record_.monitor_cgroups = plan.monitor;
    record_.parent_cgroups = plan.parents;
    LITEBOX_TRY(directory_.write_record(record_));
    Status made = make_cgroups(plan);
    if (!made.ok() && not_permitted(made.error())) {
      if (asks_for_limits(resources)) return std::move(made).error().within("linux.resources: cannot make a cgroup");
      (void)remove_cgroups(plan);
      record_.container_cgroups.clear();
      record_.monitor_cgroups.clear();
      record_.parent_cgroups.clear();
      return directory_.write_record(record_);
    }
    LITEBOX_TRY(std::move(made));
    return apply_resources(plan, resources);
  }

  Status prepare_console() {
    if (!config_.process || !config_.process->terminal) return {};
    LITEBOX_ASSIGN(console_, open_console(config_.process->console_size));
    return {};
  }

  Status start_keeper(const MonitorMain& monitor_main) {
    KeeperSetup setup;
    LITEBOX_ASSIGN(setup.network, plan_network(config_.linux, may_make_namespaces()));
    setup.container.owns_abstract_names = leads_elsewhere(setup.network);
    setup.container.id = request_.id;
    setup.container.config = config_;
    setup.container.bundle = record_.bundle;
    setup.container.state_directory = directory_.path();
    setup.container.debug = request_.debug;
    setup.container.preserved = std::move(request_.preserved);
    if (console_) setup.container.terminal = std::move(console_->slave);
    setup.container.cgroups = record_.container_cgroups;
    setup.monitor_cgroups = record_.monitor_cgroups;
    setup.container.cgroup_of_controllers = cgroups_by_controller(hierarchies_, record_);
    setup.container.joined_uts = joined_.uts;
    setup.container.joined_pid = joined_.pid;
    setup.network_settings = network_settings(config_.linux);
    LITEBOX_ASSIGN(keeper_, Keeper::spawn(setup, monitor_main));
    record_.keeper = keeper_->keeper();
    record_.monitor = keeper_->monitor();
    return directory_.write_record(record_);
  }

  Status run_create_hooks() {
    const HookContext context{oci::state_to_hook_json(make_state(record_, ContainerStatus::creating)), record_.bundle,
                              interrupts_.descriptor()};
    hooks_begun_ = true;
    LITEBOX_TRY(run_hooks(config_.hooks.prestart, "prestart", context));
    LITEBOX_TRY(run_hooks(config_.hooks.create_runtime, "createRuntime", context));
    return run_hooks(config_.hooks.create_container, "createContainer", context);
  }

  Status finish() {
    if (request_.console_socket) {
      LITEBOX_TRY(send_console(*request_.console_socket, *console_));
      console_.reset();
    }
    if (request_.pidfd_socket) LITEBOX_TRY(send_pidfd(*request_.pidfd_socket, record_.keeper.pid));
    record_.complete = true;
    record_.creator = {};
    LITEBOX_TRY(directory_.write_record(record_));
    if (request_.pid_file) LITEBOX_TRY(write_pid_file(*request_.pid_file, record_.keeper.pid));
    LITEBOX_TRY(check_interrupt());
    LITEBOX_TRY(keeper_->commit());
    finished_ = true;
    return {};
  }

  StateDirectory directory_;
  oci::Config config_;
  CreateRequest request_;
  SignalDescriptor interrupts_;
  std::vector<CgroupHierarchy> hierarchies_;
  StateRecord record_;
  JoinedWorlds joined_;
  std::optional<Console> console_;
  std::optional<Keeper> keeper_;
  std::string config_text_;
  bool hooks_begun_ = false;  // from then on whatever ends the container is followed by its poststop hooks
  bool finished_ = false;
};

}  // namespace

Result<CreatedContainer> create_container(const std::string& root, CreateRequest request, const MonitorMain& monitor_main) {
  LITEBOX_TRY(validate_id(request.id));
  LITEBOX_ASSIGN(const std::string bundle, absolute(request.bundle));
  const std::string config_path = request.config_name.front() == '/' ? request.config_name : bundle + "/" + request.config_name;
  LITEBOX_ASSIGN(const std::string config_text, read_file(AT_FDCWD, config_path, oci::kConfigSizeLimit + 1));
  LITEBOX_ASSIGN(oci::Config config, oci::parse_config(config_text, request.config_name));
  std::vector<std::string> warnings;
  LITEBOX_TRY(oci::check_supported(config, warnings));
  LITEBOX_TRY(check_console(request, config.process && config.process->terminal));
  if (config.process) pass_listen_descriptors(*config.process, request.listen_descriptors);

  LITEBOX_ASSIGN(const JoinedWorlds joined, find_joined_worlds(root, config.linux, warnings));
  LITEBOX_ASSIGN(StateDirectory directory, StateDirectory::create(root, request.id));
  Creation creation(std::move(directory), std::move(config), std::move(request));
  LITEBOX_TRY(creation.run(bundle, config_text, joined, monitor_main));
  for (const std::string& warning : warnings) log::warning(warning);
  return std::move(creation).result();
}

}  // namespace litebox::runtime
