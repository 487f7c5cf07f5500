#include "runtime/state_record.h"

#include <nlohmann/json.hpp>

namespace litebox::runtime {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const ProcessIdentity& process) { return {{"pid", process.pid}, {"startTime", process.start_time}}; }

ProcessIdentity identity_from_json(const Json& json) {
  return {json.at("pid").get<pid_t>(), json.at("startTime").get<uint64_t>()};
}

}  // namespace

std::string record_to_json(const StateRecord& record) {
  const Json json = {{"id", record.id},
                     {"ociVersion", record.oci_version},
                     {"bundle", record.bundle},
                     {"rootfs", record.rootfs},
                     {"created", record.created},
                     {"owner", record.owner},
                     {"annotations", Json(record.annotations)},
                     {"creator", to_json(record.creator)},
                     {"keeper", to_json(record.keeper)},
                     {"monitor", to_json(record.monitor)},
                     {"complete", record.complete},
                     {"membership", record.membership},
                     {"cgroupPath", record.cgroup_path},
                     {"containerCgroups", record.container_cgroups},
                     {"monitorCgroups", record.monitor_cgroups},
                     {"parentCgroups", record.parent_cgroups}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<StateRecord> record_from_json(std::string_view text) {
  try {
    const Json json = Json::parse(text);
    StateRecord record;
    json.at("id").get_to(record.id);
    json.at("ociVersion").get_to(record.oci_version);
    json.at("bundle").get_to(record.bundle);
    json.at("rootfs").get_to(record.rootfs);
    json.at("created").get_to(record.created);
    json.at("owner").get_to(record.owner);
    json.at("annotations").get_to(record.annotations);
    record.creator = identity_from_json(json.at("creator"));
    record.keeper = identity_from_json(json.at("keeper"));
    record.monitor = identity_from_json(json.at("monitor"));
    json.at("complete").get_to(record.complete);
    json.at("membership").get_to(record.membership);
    json.at("cgroupPath").get_to(record.cgroup_path);
    json.at("containerCgroups").get_to(record.container_cgroups);
    json.at("monitorCgroups").get_to(record.monitor_cgroups);
    json.at("parentCgroups").get_to(record.parent_cgroups);
    return record;
  } catch (const Json::exception& failure) {
    return Error(std::string("state.json: ") + failure.what());
  }
}

}  // namespace litebox::runtime
