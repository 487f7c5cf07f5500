// What the service's children would do. They never run, so an instrumented fuzzer need not contain it.
#include "runtime/cgroup_freezer.h"
#include "runtime/containerd/child_work.h"
#include "runtime/containerd/metrics.h"
#include "runtime/operations.h"

namespace litebox {
namespace {

const Error& never() {
  static const Error error("not in a fuzzer");
  return error;
}

}  // namespace

namespace containerd {

Outcome create_in_child(const CreateWork& /*work*/) { return {}; }
Outcome exec_in_child(const ExecWork& /*work*/) { return {}; }
Outcome destroy_in_child(const std::string& /*root*/, const std::string& /*id*/, const std::string& /*bundle*/,
                         bool /*force*/) {
  return {};
}
Result<Metrics> read_metrics(const std::vector<std::string>& /*cgroups*/) { return never(); }

}  // namespace containerd

namespace runtime {

Status start_container(const std::string& /*root*/, const std::string& /*id*/, Readiness /*readiness*/) { return never(); }
Status kill_container(const std::string& /*root*/, const std::string& /*id*/, int /*signal*/, bool /*all*/) { return never(); }
Status pause_container(const std::string& /*root*/, const std::string& /*id*/) { return never(); }
Status resume_container(const std::string& /*root*/, const std::string& /*id*/) { return never(); }
Result<std::vector<pid_t>> container_processes(const std::string& /*root*/, const std::string& /*id*/) { return never(); }
Status update_container(const std::string& /*root*/, const std::string& /*id*/, const oci::Resources& /*resources*/) {
  return never();
}
bool is_frozen(const std::vector<std::string>& /*cgroups*/) { return false; }

}  // namespace runtime
}  // namespace litebox
