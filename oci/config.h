// config.json of an OCI bundle as plain structs, and the functions that read it.
//
// Source: runtime-spec 1.0 to 1.3, config.md and config-linux.md. What parse_config() returns is well-formed: every MUST that
// can be decided from the document alone holds. Whether litebox can do what it asks for is oci/supported.h's question.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "oci/linux.h"
#include "oci/process.h"

namespace litebox::oci {

struct Root {
  std::string path;  // as written: absolute, or relative to the bundle
  bool readonly = false;
};

struct Mount {
  std::string destination;  // absolute, inside the container, without ".."; a relative one has got its "/"
  std::string type;         // may be empty for a bind mount
  std::string source;       // as written: a relative source of a bind mount is relative to the bundle
  std::vector<std::string> options;
  std::vector<IdMapping> uid_mappings;  // of an idmapped mount
  std::vector<IdMapping> gid_mappings;

  bool has_option(std::string_view name) const;
  // True if `options` has "bind" or "rbind", or the type is "bind".
  bool is_bind() const;
  // With mappings of its own, or with those of the container's user namespace (the options "idmap" and "ridmap").
  bool is_id_mapped() const;
};

struct Hook {
  std::string path;                             // absolute
  std::vector<std::string> args;                // args[0] included; empty: the path alone
  std::optional<std::vector<std::string>> env;  // absent: the runtime's own
  std::optional<int> timeout;                   // seconds, above 0
};

struct Hooks {
  std::vector<Hook> prestart;
  std::vector<Hook> create_runtime;
  std::vector<Hook> create_container;
  std::vector<Hook> start_container;
  std::vector<Hook> poststart;
  std::vector<Hook> poststop;
};

struct Config {
  std::string oci_version;
  Root root;
  std::vector<Mount> mounts;       // in the order in which they are mounted
  std::optional<Process> process;  // required by `start`
  std::string hostname;            // empty: unset
  std::string domainname;          // also from the sysctl kernel.domainname
  Hooks hooks;
  std::map<std::string, std::string> annotations;
  Linux linux;                               // all defaults when config.json has none
  std::vector<std::string> other_platforms;  // sections for other platforms that are present: "vm", "windows", ...
};

// A config.json that is larger, or nested deeper, is refused.
constexpr size_t kConfigSizeLimit = 16U << 20U;  // bytes
constexpr int kConfigDepthLimit = 64;

// Parses and validates the document. The error is one line: `name`, then the field ("linux.resources.memory.limit: ...") or,
// for what is not JSON, the line and column. Unknown fields are ignored.
Result<Config> parse_config(std::string_view json, std::string_view name = "config.json");

// Reads and parses the file `path`. A file that cannot be read carries the errno.
Result<Config> load_config(const std::string& path);

}  // namespace litebox::oci
