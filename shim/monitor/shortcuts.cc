#include "shim/monitor/shortcuts.h"

#include <algorithm>
#include <string_view>

namespace litebox::monitor {
namespace {

bool lets_through(oci::SeccompAction action) {
  return action == oci::SeccompAction::allow || action == oci::SeccompAction::log;
}

// Whatever the arguments are.
bool allows(const oci::Seccomp& profile, std::string_view name) {
  bool allowed = lets_through(profile.default_action);
  for (const oci::SeccompRule& rule : profile.syscalls) {
    if (std::find(rule.names.begin(), rule.names.end(), name) == rule.names.end()) continue;
    if (!lets_through(rule.action)) return false;
    if (rule.args.empty()) allowed = true;
  }
  return allowed;
}

}  // namespace

rewrite::Shortcuts shortcuts_of(const std::optional<oci::Seccomp>& profile) {
  if (!profile) return {};
  rewrite::Shortcuts shortcuts;
  shortcuts.fstat = allows(*profile, "fstat");
  shortcuts.newfstatat = allows(*profile, "newfstatat");
  shortcuts.readlink = allows(*profile, "readlink");
  shortcuts.getxattrat = allows(*profile, "getxattrat");
  shortcuts.fcntl = allows(*profile, "fcntl");
  return shortcuts;
}

rewrite::Shortcuts without_paths(rewrite::Shortcuts shortcuts) {
  shortcuts.paths = false;
  return shortcuts;
}

}  // namespace litebox::monitor
