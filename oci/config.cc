#include "oci/config.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "oci/json_document.h"
#include "oci/json_value.h"
#include "oci/linux_reader.h"
#include "oci/process_reader.h"

namespace litebox::oci {
namespace {

constexpr size_t kLongestHostName = 64;  // __NEW_UTS_LEN

// MAJOR.MINOR.PATCH with an optional -pre.release and +build, as Semantic Versioning 2.0.0 has them; the major number, or -1.
int semantic_major(std::string_view version) {
  size_t at = 0;
  int major = -1;
  for (int part = 0; part < 3; ++part) {
    if (part > 0 && (at >= version.size() || version[at++] != '.')) return -1;
    const size_t start = at;
    int number = 0;
    while (at < version.size() && version[at] >= '0' && version[at] <= '9' && at - start < 6) {
      number = number * 10 + (version[at++] - '0');
    }
    if (at == start || (at - start > 1 && version[start] == '0')) return -1;
    if (part == 0) major = number;
  }
  // Each of the two tails is a list of non-empty identifiers separated by dots.
  for (const char introducer : {'-', '+'}) {
    if (at >= version.size() || version[at] != introducer) continue;
    do {
      const size_t start = ++at;
      while (at < version.size() && (std::isalnum(static_cast<unsigned char>(version[at])) != 0 || version[at] == '-')) ++at;
      if (at == start) return -1;
    } while (at < version.size() && version[at] == '.');
  }
  return at == version.size() ? major : -1;
}

std::string read_version(const Value& value) {
  std::string version = value.required().text();
  const int major = semantic_major(version);
  if (major < 0) value.complain("must be a version of the form MAJOR.MINOR.PATCH");
  if (major != 1) value.complain("only versions 1.x of the specification are known");
  return version;
}

Root read_root(const Value& value) {
  Root root;
  const Value path = value.required()["path"];
  root.path = path.required().text();
  if (root.path.empty()) path.complain("must not be empty");
  root.readonly = value["readonly"].boolean();
  return root;
}

Mount read_mount(const Value& value) {
  Mount mount;
  const Value destination = value["destination"];
  mount.destination = destination.required().text();
  if (mount.destination.empty()) destination.complain("must not be empty");
  // "It MAY be a relative path, in which case it MUST be interpreted as relative to "/"."
  if (!mount.destination.empty() && mount.destination.front() != '/') mount.destination.insert(mount.destination.begin(), '/');
  if ((mount.destination + "/").find("/../") != std::string::npos) destination.complain("must not contain \"..\"");
  if (mount.destination.find_first_not_of("/.") == std::string::npos) destination.complain("must not be the root itself");

  const Value type = value["type"];
  mount.type = type.text();
  if (mount.type.find('/') != std::string::npos) type.complain("must not contain \"/\"");
  mount.options = value["options"].texts();
  const Value source = value["source"];
  mount.source = source.text();
  if (mount.is_bind() && mount.source.empty()) source.complain("missing, for a bind mount");
  if (mount.type.empty() && !mount.is_bind() && !mount.has_option("remount")) type.complain("missing");

  mount.uid_mappings = read_id_mappings(value["uidMappings"]);
  mount.gid_mappings = read_id_mappings(value["gidMappings"]);
  if (mount.gid_mappings.empty() && !mount.uid_mappings.empty()) value["gidMappings"].complain("missing beside uidMappings");
  if (mount.uid_mappings.empty() && !mount.gid_mappings.empty()) value["uidMappings"].complain("missing beside gidMappings");
  return mount;
}

std::vector<Hook> read_hooks(const Value& value) {
  std::vector<Hook> hooks;
  for (const Value& item : value.items()) {
    Hook hook;
    hook.path = absolute_path(item["path"].required());
    hook.args = item["args"].texts();
    if (item["env"].present()) hook.env = environment(item["env"]);
    hook.timeout = item["timeout"].optional_integer<int>(1);
    hooks.push_back(std::move(hook));
  }
  return hooks;
}

// The name that sethostname(2) or setdomainname(2) is to be given.
std::string read_host_name(const Value& value) {
  std::string name = value.text();
  if (name.size() > kLongestHostName) value.complain("longer than 64 bytes");
  const bool clean = std::none_of(name.begin(), name.end(),
                                  [](char c) { return c == '/' || static_cast<unsigned char>(c) <= ' ' || c == 0x7f; });
  if (!clean) value.complain("must not contain \"/\", spaces or control characters");
  return name;
}

Config read_config(const Value& value) {
  Config config;
  config.oci_version = read_version(value["ociVersion"]);
  config.root = read_root(value["root"]);
  const std::vector<Value> mounts = value["mounts"].items();
  for (const Value& mount : mounts) config.mounts.push_back(read_mount(mount));
  if (const Value process = value["process"]; process.present()) config.process = read_process(process);
  config.hostname = read_host_name(value["hostname"]);
  config.domainname = read_host_name(value["domainname"]);

  const Value hooks = value["hooks"];
  config.hooks.prestart = read_hooks(hooks["prestart"]);
  config.hooks.create_runtime = read_hooks(hooks["createRuntime"]);
  config.hooks.create_container = read_hooks(hooks["createContainer"]);
  config.hooks.start_container = read_hooks(hooks["startContainer"]);
  config.hooks.poststart = read_hooks(hooks["poststart"]);
  config.hooks.poststop = read_hooks(hooks["poststop"]);
  config.annotations = value["annotations"].text_map();
  config.linux = read_linux(value["linux"]);
  for (const char* platform : {"freebsd", "solaris", "vm", "windows", "zos"}) {
    if (value[platform].present()) config.other_platforms.emplace_back(platform);
  }

  // Another way to say the domain name.
  if (const auto name = config.linux.sysctl.find("kernel/domainname"); name != config.linux.sysctl.end()) {
    if (!config.domainname.empty() && config.domainname != name->second) {
      value["domainname"].complain("conflicts with the sysctl kernel.domainname");
    }
    config.domainname = name->second;
  }
  if (!config.linux.find_namespace(NamespaceType::uts)) {
    if (!config.hostname.empty()) value["hostname"].complain("needs a uts namespace");
    if (!config.domainname.empty()) value["domainname"].complain("needs a uts namespace");
  }
  for (size_t i = 0; i < config.mounts.size(); ++i) {
    const Mount& mount = config.mounts[i];
    const bool mapped = mount.has_option("idmap") || mount.has_option("ridmap");
    if (mapped && mount.uid_mappings.empty() && !config.linux.find_namespace(NamespaceType::user)) {
      mounts[i]["options"].complain("idmap needs uidMappings and gidMappings, or a user namespace");
    }
  }
  return config;
}

}  // namespace

bool Mount::has_option(std::string_view name) const { return std::find(options.begin(), options.end(), name) != options.end(); }

bool Mount::is_bind() const { return type == "bind" || has_option("bind") || has_option("rbind"); }

bool Mount::is_id_mapped() const { return !uid_mappings.empty() || has_option("idmap") || has_option("ridmap"); }

Result<Config> parse_config(std::string_view json, std::string_view name) {
  LITEBOX_ASSIGN(const nlohmann::json tree, parse_document(json, name));
  Reader reader(name, tree);
  Config config = read_config(reader.root().required());
  LITEBOX_TRY(reader.status());
  return config;
}

Result<Config> load_config(const std::string& path) {
  LITEBOX_ASSIGN(const std::string text, read_document(path));
  return parse_config(text, path);
}

}  // namespace litebox::oci
