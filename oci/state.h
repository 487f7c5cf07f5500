// The state of a container, as the `state` and `list` commands print it and as hooks read it.
//
// Source: runtime-spec 1.3, runtime.md "State". The members `rootfs`, `created` and `owner` are not the specification's but
// runc's; engines read them.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace litebox::oci {

// `creating` is seen by hooks only.
enum class ContainerStatus { creating, created, running, paused, stopped };

// "running", and back; empty for what is no status.
std::string_view status_name(ContainerStatus status);
std::optional<ContainerStatus> parse_status(std::string_view name);

struct State {
  std::string oci_version;  // config.json's
  std::string id;
  ContainerStatus status = ContainerStatus::creating;
  pid_t pid = 0;        // of the host; 0 when stopped
  std::string bundle;   // absolute
  std::string rootfs;   // absolute
  std::string created;  // format_time()
  std::map<std::string, std::string> annotations;
  std::string owner;  // a user's name, or empty
};

// What `state` prints: indented by two, no newline at the end.
std::string state_to_json(const State& state);

// What a hook reads on its standard input: one line with the specification's members only; no pid when it is 0.
std::string state_to_hook_json(const State& state);

// What `list --format json` prints: one line, "null" when there is nothing.
std::string states_to_json(const std::vector<State>& states);

// Reads either of the first two back. Unknown members are ignored; the error names the wrong one.
Result<State> parse_state(std::string_view json, std::string_view name = "state.json");

// RFC 3339 in UTC with up to nine decimals, no trailing zeros: "2026-11-24T02:39:07.25Z".
std::string format_time(std::chrono::system_clock::time_point time);

}  // namespace litebox::oci
