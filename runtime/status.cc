#include "runtime/status.h"

#include <nlohmann/json.hpp>

#include "runtime/cgroup_freezer.h"
#include "runtime/control_client.h"

namespace litebox::runtime {
namespace {

constexpr int kMonitorPatience = 5000;  // milliseconds

// The monitor's word, or nothing when it does not answer in time.
Result<ContainerStatus> ask_monitor(const StateDirectory& directory) {
  auto client = ControlClient::connect(directory.path());
  if (!client.ok()) return std::move(client).error();
  LITEBOX_ASSIGN(const nlohmann::json answer, client->request({{"op", "status"}}, {}, kMonitorPatience));
  const std::string name = answer.value("status", std::string());
  for (const auto status :
       {ContainerStatus::created, ContainerStatus::running, ContainerStatus::paused, ContainerStatus::stopped}) {
    if (name == status_name(status)) return status;
  }
  return Error("unknown status " + name);
}

}  // namespace

std::string_view status_name(ContainerStatus status) {
  switch (status) {
    case ContainerStatus::creating:
      return "creating";
    case ContainerStatus::created:
      return "created";
    case ContainerStatus::running:
      return "running";
    case ContainerStatus::paused:
      return "paused";
    case ContainerStatus::stopped:
      break;
  }
  return "stopped";
}

ContainerStatus compute_status(const StateDirectory& directory, const StateRecord& record) {
  if (!record.complete) return is_running(record.creator) ? ContainerStatus::creating : ContainerStatus::stopped;
  if (!is_running(record.keeper)) return ContainerStatus::stopped;
  if (is_frozen(record.container_cgroups)) return ContainerStatus::paused;
  const auto answer = ask_monitor(directory);
  if (answer.ok()) return *answer;
  // A monitor that lives but is too busy to answer has, as far as anybody can tell, a running container.
  return monitor_is_gone(answer.error()) ? ContainerStatus::stopped : ContainerStatus::running;
}

}  // namespace litebox::runtime
