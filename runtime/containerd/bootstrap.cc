#include "runtime/containerd/bootstrap.h"

#include <nlohmann/json.hpp>

#include "oci/json_document.h"
#include "runtime/containerd/sha256.h"
#include "wire/common.pb.h"
#include "wire/options.pb.h"

namespace litebox::containerd {
namespace {

constexpr const char* kGroupAnnotations[] = {"io.containerd.runc.v2.group", "io.kubernetes.cri.sandbox-id"};

// filepath.Join() of Go, for parts without "..".
std::string join(const std::string& first, const std::string& second) {
  std::string joined = first;
  while (!joined.empty() && joined.back() == '/') joined.pop_back();
  return joined.empty() ? second : joined + "/" + second;
}

}  // namespace

Result<BootstrapInput> read_bootstrap_input(std::string_view input, const ShimArguments& arguments) {
  BootstrapInput result;
  // Both messages begin with two strings: it is BootstrapParams if they are this container's id and namespace.
  wire::BootstrapParams parameters;
  if (parameters.ParseFromArray(input.data(), static_cast<int>(input.size())) && parameters.instance_id() == arguments.id &&
      parameters.namespace_() == arguments.namespace_name) {
    if (!parameters.socket_directory().empty()) result.socket_directory = parameters.socket_directory();
    result.event_address = parameters.ttrpc_address();
    return result;
  }
  wire::Any options;
  if (!options.ParseFromArray(input.data(), static_cast<int>(input.size()))) return Error(EINVAL, "options of start");
  // Options that are not known here are refused by Create, where the client sees it.
  auto known = read_task_options(options.type_url(), options.value());
  if (known.ok()) result.options = *known;
  return result;
}

std::string shim_group(std::string_view config_json, const std::string& id) {
  // Most containers are in no group, which can be seen without reading their configuration.
  bool mentioned = false;
  for (const char* name : kGroupAnnotations) mentioned |= config_json.find(name) != std::string_view::npos;
  if (!mentioned) return id;
  const auto document = oci::parse_document(config_json, "config.json");
  if (!document.ok() || !document->is_object()) return id;
  const auto annotations = document->find("annotations");
  if (annotations == document->end() || !annotations->is_object()) return id;
  for (const char* name : kGroupAnnotations) {
    const auto found = annotations->find(name);
    if (found != annotations->end() && found->is_string() && !found->get<std::string>().empty()) {
      return found->get<std::string>();
    }
  }
  return id;
}

SocketAddress socket_address(const BootstrapInput& input, const ShimArguments& arguments, const std::string& group) {
  return {input.socket_directory, sha256_hex(join(join(arguments.address, arguments.namespace_name), group))};
}

}  // namespace litebox::containerd
