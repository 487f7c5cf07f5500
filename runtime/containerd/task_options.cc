#include "runtime/containerd/task_options.h"

#include <fcntl.h>

#include <sstream>

#include "runtime/files.h"
#include "wire/options.pb.h"

namespace litebox::containerd {
namespace {

constexpr size_t kConfigurationLimit = 1U << 20U;  // bytes

std::string trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

// A basic or literal string, a number or a boolean, as text; a comment may follow.
Result<std::string> toml_value(const std::string& text) {
  if (!text.empty() && (text.front() == '"' || text.front() == '\'')) {
    const size_t end = text.find(text.front(), 1);
    if (end == std::string::npos) return Error(EINVAL, "options: " + text);
    return text.substr(1, end - 1);
  }
  return trimmed(text.substr(0, text.find('#')));
}

Result<uint32_t> number(const std::string& text) {
  char* end = nullptr;
  const unsigned long value = std::strtoul(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0' || value > UINT32_MAX) return Error(EINVAL, "options: number " + text);
  return static_cast<uint32_t>(value);
}

Status set_option(TaskOptions& options, const std::string& name, const std::string& value) {
  if (name == "Root" && !value.empty()) options.root = value;
  if (name == "ShimCgroup") options.shim_cgroup = value;
  if (name == "SystemdCgroup") options.systemd_cgroup = value == "true";
  if (name == "IoUid") {
    LITEBOX_ASSIGN(options.io_uid, number(value));
  }
  if (name == "IoGid") {
    LITEBOX_ASSIGN(options.io_gid, number(value));
  }
  return {};
}

Result<TaskOptions> read_runc_options(std::string_view value) {
  wire::RuncOptions message;
  if (!message.ParseFromArray(value.data(), static_cast<int>(value.size()))) return Error(EINVAL, "task options");
  TaskOptions options;
  if (!message.root().empty()) options.root = message.root();
  options.shim_cgroup = message.shim_cgroup();
  options.systemd_cgroup = message.systemd_cgroup();
  if (message.io_uid() != 0) options.io_uid = message.io_uid();
  if (message.io_gid() != 0) options.io_gid = message.io_gid();
  return options;
}

Result<TaskOptions> read_cri_options(std::string_view value) {
  wire::RuntimeOptions message;
  if (!message.ParseFromArray(value.data(), static_cast<int>(value.size()))) return Error(EINVAL, "task options");
  if (!message.config_body().empty()) return parse_task_options(message.config_body());
  if (message.config_path().empty()) return TaskOptions();
  LITEBOX_ASSIGN(const std::string text, runtime::read_file(AT_FDCWD, message.config_path(), kConfigurationLimit));
  return parse_task_options(text);
}

}  // namespace

Result<TaskOptions> parse_task_options(std::string_view toml) {
  TaskOptions options;
  std::istringstream lines{std::string(toml)};
  for (std::string line; std::getline(lines, line);) {
    line = trimmed(line);
    if (line.empty() || line.front() == '#') continue;
    if (line.front() == '[') break;  // tables hold nothing that is known here
    const size_t equals = line.find('=');
    if (equals == std::string::npos) return Error(EINVAL, "options: " + line);
    LITEBOX_ASSIGN(const std::string value, toml_value(trimmed(line.substr(equals + 1))));
    LITEBOX_TRY(set_option(options, trimmed(line.substr(0, equals)), value));
  }
  return options;
}

Result<TaskOptions> read_task_options(std::string_view type, std::string_view value) {
  if (const size_t slash = type.rfind('/'); slash != std::string_view::npos) type.remove_prefix(slash + 1);
  if (type.empty()) return TaskOptions();
  if (type == "containerd.runc.v1.Options") return read_runc_options(value);
  if (type == "runtimeoptions.v1.Options") return read_cri_options(value);
  return Error(EINVAL, "unsupported option type " + std::string(type));
}

}  // namespace litebox::containerd
