#include "oci/process_json.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "oci/json_document.h"
#include "oci/json_value.h"
#include "oci/process_reader.h"

namespace litebox::oci {
namespace {

using nlohmann::json;

json user_to_json(const User& user) {
  json result = {{"uid", user.uid}, {"gid", user.gid}};
  if (user.umask) result["umask"] = *user.umask;
  if (!user.additional_gids.empty()) result["additionalGids"] = user.additional_gids;
  return result;
}

json capabilities_to_json(const Capabilities& capabilities) {
  json result = json::object();
  const auto put = [&](const char* name, const std::optional<CapabilitySet>& set) {
    if (set) result[name] = set->names;
  };
  put("effective", capabilities.effective);
  put("bounding", capabilities.bounding);
  put("inheritable", capabilities.inheritable);
  put("permitted", capabilities.permitted);
  put("ambient", capabilities.ambient);
  return result;
}

json scheduler_to_json(const Scheduler& scheduler) {
  json result = {{"policy", scheduler.policy},   {"priority", scheduler.priority}, {"flags", scheduler.flags},
                 {"runtime", scheduler.runtime}, {"deadline", scheduler.deadline}, {"period", scheduler.period}};
  if (scheduler.nice) result["nice"] = *scheduler.nice;
  return result;
}

}  // namespace

Result<Process> parse_process(std::string_view json_text, std::string_view name) {
  LITEBOX_ASSIGN(const json tree, parse_document(json_text, name));
  Reader reader(name, tree);
  Process process = read_process(reader.root());
  LITEBOX_TRY(reader.status());
  return process;
}

Result<Process> load_process(const std::string& path) {
  LITEBOX_ASSIGN(const std::string text, read_document(path));
  return parse_process(text, path);
}

std::string process_to_json(const Process& process) {
  json result = {{"terminal", process.terminal}, {"user", user_to_json(process.user)},
                 {"args", process.args},         {"env", process.env},
                 {"cwd", process.cwd},           {"noNewPrivileges", process.no_new_privileges}};
  if (process.console_size) {
    result["consoleSize"] = {{"height", process.console_size->height}, {"width", process.console_size->width}};
  }
  for (const ResourceLimit& limit : process.rlimits) {
    result["rlimits"].push_back({{"type", limit.type}, {"soft", limit.soft}, {"hard", limit.hard}});
  }
  if (process.capabilities) result["capabilities"] = capabilities_to_json(*process.capabilities);
  if (process.oom_score_adj) result["oomScoreAdj"] = *process.oom_score_adj;
  if (!process.apparmor_profile.empty()) result["apparmorProfile"] = process.apparmor_profile;
  if (!process.selinux_label.empty()) result["selinuxLabel"] = process.selinux_label;
  if (process.scheduler) result["scheduler"] = scheduler_to_json(*process.scheduler);
  if (process.io_priority) {
    result["ioPriority"] = {{"class", process.io_priority->class_name}, {"priority", process.io_priority->priority}};
  }
  if (process.exec_cpu_affinity) {
    json& affinity = result["execCPUAffinity"] = json::object();
    if (process.exec_cpu_affinity->initial) affinity["initial"] = *process.exec_cpu_affinity->initial;
    if (process.exec_cpu_affinity->final) affinity["final"] = *process.exec_cpu_affinity->final;
  }
  // Arguments come from command lines, which need not be UTF-8; JSON cannot carry such bytes.
  return result.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace litebox::oci
