#include "oci/seccomp_reader.h"

#include <algorithm>
#include <iterator>

#include "oci/seccomp_names.h"

namespace litebox::oci {
namespace {

template <size_t N>
std::vector<std::string> read_names(const Value& value, const std::string_view (&known)[N], std::string_view what) {
  std::vector<std::string> names;
  for (const Value& item : value.items()) {
    names.push_back(item.text());
    if (std::find(std::begin(known), std::end(known), names.back()) == std::end(known)) {
      complain_unknown(item, what, names.back());
    }
  }
  return names;
}

// "When the action doesn't support an errno, the runtime MUST print an error and fail." The kernel carries at most MAX_ERRNO
// with SECCOMP_RET_ERRNO, and 16 bits with SECCOMP_RET_TRACE.
std::optional<uint32_t> read_errno(const Value& value, SeccompAction action) {
  constexpr uint32_t kMaxErrno = 4095;
  if (!value.present()) return std::nullopt;
  if (action != SeccompAction::error && action != SeccompAction::trace) {
    value.complain("only for SCMP_ACT_ERRNO and SCMP_ACT_TRACE");
    return std::nullopt;
  }
  return value.optional_integer<uint32_t>(0, action == SeccompAction::error ? kMaxErrno : UINT16_MAX);
}

SeccompArgument read_argument(const Value& value) {
  SeccompArgument argument;
  argument.index = value["index"].required().integer<uint32_t>(0, 5);
  argument.value = value["value"].required().integer<uint64_t>();
  argument.value_two = value["valueTwo"].integer<uint64_t>();
  argument.op = one_of(value["op"].required(), kSeccompOperators, "seccomp operator");
  return argument;
}

SeccompRule read_rule(const Value& value) {
  SeccompRule rule;
  const Value names = value["names"];
  for (const Value& name : names.required().items()) {
    rule.names.push_back(name.text());
    if (rule.names.back().empty()) name.complain("must not be empty");
  }
  if (rule.names.empty()) names.complain("must not be empty");
  rule.action = one_of(value["action"].required(), kSeccompActions, "seccomp action");
  rule.errno_ret = read_errno(value["errnoRet"], rule.action);
  for (const Value& argument : value["args"].items()) rule.args.push_back(read_argument(argument));
  return rule;
}

}  // namespace

Seccomp read_seccomp(const Value& value) {
  Seccomp seccomp;
  seccomp.default_action = one_of(value["defaultAction"].required(), kSeccompActions, "seccomp action");
  seccomp.default_errno_ret = read_errno(value["defaultErrnoRet"], seccomp.default_action);
  seccomp.architectures = read_names(value["architectures"], kSeccompArchitectures, "seccomp architecture");
  seccomp.flags = read_names(value["flags"], kSeccompFlags, "seccomp flag");
  seccomp.listener_path = value["listenerPath"].text();
  if (!seccomp.listener_path.empty()) absolute_path(value["listenerPath"]);
  seccomp.listener_metadata = value["listenerMetadata"].text();
  if (!seccomp.listener_metadata.empty() && seccomp.listener_path.empty()) {
    value["listenerMetadata"].complain("must not be set without listenerPath");
  }
  for (const Value& rule : value["syscalls"].items()) seccomp.syscalls.push_back(read_rule(rule));
  return seccomp;
}

}  // namespace litebox::oci
