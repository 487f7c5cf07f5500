#include "runtime/status.h"

#include <nlohmann/json.hpp>

#include "runtime/cgroup_freezer.h"

namespace litebox::runtime {
namespace {

constexpr int kMonitorPatience = 5000;  // milliseconds

// The monitor's word, or nothing when it does not answer in time.
Result<ContainerStatus> ask_monitor(const StateDirectory& directory, std::optional<ControlClient>* connection) {
  auto client = ControlClient::connect(directory.path());
  if (!client.ok()) return std::move(client).error();
  LITEBOX_ASSIGN(const nlohmann::json answer, client->request({{"op", "status"}}, {}, kMonitorPatience));
  const auto status = oci::parse_status(answer.value("status", std::string()));
  if (!status) return Error("the monitor's status is not understood");
  if (connection != nullptr) *connection = std::move(*client);
  return *status;
}

}  // namespace

ContainerStatus compute_status(const StateDirectory& directory, const StateRecord& record,
                               std::optional<ControlClient>* connection) {
  if (!record.complete) return is_running(record.creator) ? ContainerStatus::creating : ContainerStatus::stopped;
  if (!is_running(record.keeper)) return ContainerStatus::stopped;
  if (is_frozen(record.container_cgroups)) return ContainerStatus::paused;
  const auto answer = ask_monitor(directory, connection);
  if (answer.ok()) return *answer;
  // A monitor that lives but is too busy to answer has, as far as anybody can tell, a running container.
  return monitor_is_gone(answer.error()) ? ContainerStatus::stopped : ContainerStatus::running;
}

oci::State make_state(const StateRecord& record, ContainerStatus status) {
  oci::State state;
  state.oci_version = record.oci_version;
  state.id = record.id;
  state.status = status;
  state.pid = status == ContainerStatus::stopped ? 0 : record.keeper.pid;
  state.bundle = record.bundle;
  state.rootfs = record.rootfs;
  state.created = record.created;
  state.annotations = record.annotations;
  state.owner = record.owner;
  return state;
}

Result<StateRecord> read_existing_record(const StateDirectory& directory) {
  auto record = directory.read_record();
  if (!record.ok() && record.error().number() == ENOENT) return no_such_container(directory.id());
  return record;
}

Result<oci::State> read_state(const StateDirectory& directory) {
  LITEBOX_ASSIGN(const StateRecord record, read_existing_record(directory));
  return make_state(record, compute_status(directory, record));
}

}  // namespace litebox::runtime
