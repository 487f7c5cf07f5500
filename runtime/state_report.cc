#include "runtime/state_report.h"

#include <nlohmann/json.hpp>

#include "runtime/status.h"

namespace litebox::runtime {

using Json = nlohmann::ordered_json;

Result<StateReport> report_state(const StateDirectory& directory) {
  auto record = directory.read_record();
  if (!record.ok()) {
    if (record.error().number() == ENOENT) return no_such_container(directory.id());
    return std::move(record).error();
  }
  const ContainerStatus status = compute_status(directory, *record);
  StateReport report;
  report.oci_version = record->oci_version;
  report.id = record->id;
  report.pid = status == ContainerStatus::stopped ? 0 : record->keeper.pid;
  report.status = status_name(status);
  report.bundle = record->bundle;
  report.rootfs = record->rootfs;
  report.created = record->created;
  report.annotations = record->annotations;
  report.owner = record->owner;
  return report;
}

Json report_to_json(const StateReport& report) {
  Json json = {{"ociVersion", report.oci_version}, {"id", report.id},         {"pid", report.pid},
               {"status", report.status},          {"bundle", report.bundle}, {"rootfs", report.rootfs},
               {"created", report.created}};
  if (!report.annotations.empty()) json["annotations"] = Json(report.annotations);
  json["owner"] = report.owner;
  return json;
}

std::string hook_state(const StateRecord& record, std::string_view status, int pid) {
  Json json = {
      {"ociVersion", record.oci_version}, {"id", record.id}, {"status", status}, {"pid", pid}, {"bundle", record.bundle}};
  if (!record.annotations.empty()) json["annotations"] = Json(record.annotations);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace litebox::runtime
