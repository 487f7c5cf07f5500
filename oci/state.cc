#include "oci/state.h"

#include <cstdio>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "oci/json_document.h"
#include "oci/json_value.h"

namespace litebox::oci {
namespace {

using nlohmann::ordered_json;

constexpr std::pair<std::string_view, ContainerStatus> kStatuses[] = {{"creating", ContainerStatus::creating},
                                                                      {"created", ContainerStatus::created},
                                                                      {"running", ContainerStatus::running},
                                                                      {"paused", ContainerStatus::paused},
                                                                      {"stopped", ContainerStatus::stopped}};

ordered_json full_object(const State& state) {
  ordered_json result = {{"ociVersion", state.oci_version},
                         {"id", state.id},
                         {"pid", state.status == ContainerStatus::stopped ? 0 : state.pid},
                         {"status", status_name(state.status)},
                         {"bundle", state.bundle},
                         {"rootfs", state.rootfs},
                         {"created", state.created}};
  if (!state.annotations.empty()) result["annotations"] = state.annotations;
  result["owner"] = state.owner;
  return result;
}

// Paths need not be UTF-8, JSON must be.
std::string dump(const ordered_json& json, int indent) {
  return json.dump(indent, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace

std::string_view status_name(ContainerStatus status) {
  for (const auto& [name, candidate] : kStatuses) {
    if (candidate == status) return name;
  }
  return {};
}

std::optional<ContainerStatus> parse_status(std::string_view name) {
  for (const auto& [candidate, status] : kStatuses) {
    if (candidate == name) return status;
  }
  return std::nullopt;
}

std::string state_to_json(const State& state) { return dump(full_object(state), 2); }

std::string state_to_hook_json(const State& state) {
  ordered_json result = {{"ociVersion", state.oci_version}, {"id", state.id}, {"status", status_name(state.status)}};
  if (state.pid != 0 && state.status != ContainerStatus::stopped) result["pid"] = state.pid;
  result["bundle"] = state.bundle;
  if (!state.annotations.empty()) result["annotations"] = state.annotations;
  return dump(result, -1);
}

std::string states_to_json(const std::vector<State>& states) {
  if (states.empty()) return "null";
  ordered_json result = ordered_json::array();
  for (const State& state : states) result.push_back(full_object(state));
  return dump(result, -1);
}

Result<State> parse_state(std::string_view json, std::string_view name) {
  LITEBOX_ASSIGN(const nlohmann::json tree, parse_document(json, name));
  Reader reader(name, tree);
  const Value value = reader.root().required();
  State state;
  state.oci_version = value["ociVersion"].required().text();
  state.id = value["id"].required().text();
  state.status = one_of(value["status"].required(), kStatuses, "status");
  state.pid = value["pid"].integer<pid_t>(0);
  state.bundle = value["bundle"].required().text();
  state.rootfs = value["rootfs"].text();
  state.created = value["created"].text();
  state.annotations = value["annotations"].text_map();
  state.owner = value["owner"].text();
  LITEBOX_TRY(reader.status());
  return state;
}

std::string format_time(std::chrono::system_clock::time_point time) {
  using std::chrono::floor;
  const auto seconds = floor<std::chrono::seconds>(time);
  const auto fraction = std::chrono::duration_cast<std::chrono::nanoseconds>(time - seconds).count();
  // Not by gmtime(3), which reads the file of the local time zone.
  const auto day = floor<std::chrono::days>(seconds);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(seconds - day);
  char text[64];
  const int length = std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()),
                                   static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                                   static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                                   static_cast<int>(clock.seconds().count()));
  std::string result(text, static_cast<size_t>(length));
  if (fraction != 0) {
    std::string digits = std::to_string(1000000000 + fraction).substr(1);
    digits.erase(digits.find_last_not_of('0') + 1);
    result += '.';
    result += digits;
  }
  return result + 'Z';
}

}  // namespace litebox::oci
