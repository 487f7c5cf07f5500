#include "runtime/destroy.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "base/log.h"
#include "oci/config.h"
#include "runtime/cgroup_freezer.h"
#include "runtime/cgroups.h"
#include "runtime/container_id.h"
#include "runtime/control_client.h"
#include "runtime/hooks.h"
#include "runtime/membership.h"
#include "runtime/status.h"
#include "shim/monitor/control_protocol.h"

namespace litebox::runtime {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kLockPatience = 10000;  // milliseconds
constexpr int kMonitorAnswerPatience = 2000;
constexpr int kOrderlyEndPatience = 5000;
constexpr int kKillPatience = 3000;
constexpr auto kLeftoverPatience = std::chrono::seconds(10);

// The orderly way: init is killed, the monitor sees to the rest.
void ask_monitor_to_end(const StateDirectory& directory) {
  auto client = ControlClient::connect(directory.path());
  if (client.ok()) (void)client->request({{"op", "kill"}, {"signal", SIGKILL}, {"all", false}}, {}, kMonitorAnswerPatience);
}

// Every process that may still belong to the container, however it got loose.
std::set<pid_t> leftovers(const StateRecord& record) {
  std::set<pid_t> pids;
  for (const pid_t pid : cgroup_processes(record.container_cgroups)) pids.insert(pid);
  for (const pid_t pid : cgroup_processes(record.monitor_cgroups)) pids.insert(pid);
  if (record.membership != 0) {
    for (const pid_t pid : processes_with_membership(record.membership)) pids.insert(pid);
  }
  pids.erase(getpid());
  return pids;
}

// True when nothing was left to kill.
bool kill_leftovers(const StateRecord& record) {
  bool none = true;
  for (const pid_t pid : leftovers(record)) {
    const auto identity = identify(pid);
    if (!identity.ok() || !is_running(*identity)) continue;
    none = false;
    (void)signal_process(*identity, SIGKILL);
  }
  return none;
}

// The keeper, whose descendants all of the container's processes are, takes the control socket away when none is left. Without
// it nothing was begun, or everything has ended, unless somebody moved a process into the container's cgroups.
bool has_ended(const StateDirectory& directory, const StateRecord& record) {
  const bool attended = faccessat(directory.descriptor(), monitor::kControlSocketName, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
  return !attended && errno == ENOENT && !is_running(record.keeper) && !is_running(record.monitor);
}

CgroupDirectories cgroups_of(const StateRecord& record) {
  return {record.container_cgroups, record.monitor_cgroups, record.parent_cgroups, {}};
}

}  // namespace

Status end_container(const StateDirectory& directory, const StateRecord& record) {
  if (has_ended(directory, record)) return {};
  if (is_frozen(record.container_cgroups)) (void)thaw(record.container_cgroups);
  if (is_running(record.keeper) || is_running(record.monitor)) ask_monitor_to_end(directory);
  // Without the monitor the keeper kills everything, and the other way round: so they are killed one after the other, each
  // given the time to do its part.
  if (!wait_until_gone(record.keeper, kOrderlyEndPatience)) {
    (void)signal_process(record.monitor, SIGKILL);
    if (!wait_until_gone(record.keeper, kKillPatience)) (void)signal_process(record.keeper, SIGKILL);
  }
  if (!wait_until_gone(record.monitor, kKillPatience)) (void)signal_process(record.monitor, SIGKILL);
  const auto deadline = Clock::now() + kLeftoverPatience;
  while (true) {
    if (kill_leftovers(record) && !is_running(record.keeper) && !is_running(record.monitor)) return {};
    if (Clock::now() > deadline) return Error(ETIMEDOUT, "container " + record.id + " has processes that do not end");
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

Status remove_container(StateDirectory& directory, const StateRecord& record) {
  const auto deadline = Clock::now() + std::chrono::seconds(2);
  Status removed = remove_cgroups(cgroups_of(record));
  // A process leaves its cgroup a moment after it has become a zombie; what somebody has moved into it is killed.
  while (!removed.ok() && removed.error().number() == EBUSY && Clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    (void)kill_leftovers(record);
    removed = remove_cgroups(cgroups_of(record));
  }
  LITEBOX_TRY(std::move(removed));
  return directory.remove();
}

void run_poststop_hooks(const std::string& config_text, const StateRecord& record) {
  if (!names_hook(config_text, "poststop")) return;
  const auto config = oci::parse_config(config_text);
  if (!config.ok()) return;
  const HookContext context{oci::state_to_hook_json(make_state(record, ContainerStatus::stopped)), record.bundle, -1};
  for (size_t i = 0; i < config->hooks.poststop.size(); ++i) {
    const Status status = run_hook(config->hooks.poststop[i], context);
    if (!status.ok()) log::warning("poststop hook #" + std::to_string(i) + ": " + status.error().message());
  }
}

Status delete_container(const std::string& root, const std::string& id, bool force) {
  auto opened = StateDirectory::open(root, id);
  if (!opened.ok()) {
    if (force && validate_id(id).ok() && !StateDirectory::exists(root, id)) return {};
    return std::move(opened).error();
  }
  StateDirectory directory = std::move(opened).value();
  if (Status locked = directory.lock(kLockPatience); !locked.ok()) {
    if (force && !StateDirectory::exists(root, id)) return {};
    return locked;
  }
  const auto record = directory.read_record();
  if (!record.ok()) {
    // With the lock held and no record, `create` was killed before it had made anything else.
    if (record.error().number() == ENOENT || force) return directory.remove();
    return record.error();
  }
  const ContainerStatus status = force ? ContainerStatus::stopped : compute_status(directory, *record);
  if (status != ContainerStatus::stopped && status != ContainerStatus::created) {
    return Error("cannot delete container " + id + " that is not stopped: " + std::string(oci::status_name(status)));
  }
  LITEBOX_TRY(end_container(directory, *record));
  const auto config_text = directory.read_config();
  LITEBOX_TRY(remove_container(directory, *record));
  if (config_text.ok()) run_poststop_hooks(*config_text, *record);
  return {};
}

}  // namespace litebox::runtime
