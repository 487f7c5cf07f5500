// Hooks of config.json that run on the host: prestart, createRuntime, createContainer, poststart, poststop.
//
// Source: runtime-spec config.md "POSIX-platform Hooks"; texts as runc's, which engines show to people.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "oci/config.h"

namespace litebox::runtime {

struct HookContext {
  std::string state;      // JSON for standard input
  std::string directory;  // where the hooks run: the bundle
  int interrupt = -1;     // a descriptor that, once readable, kills the hook: EINTR; -1 for none
};

// Whether the text of a config.json may have hooks of this name: false makes it needless to parse it for them.
inline bool names_hook(const std::string& config_text, const std::string& name) {
  return config_text.find("\"" + name + "\"") != std::string::npos;
}

// Runs one hook to its end. The error says how it ended and what it wrote.
Status run_hook(const oci::Hook& hook, const HookContext& context);

// Runs them in order up to the first that fails: "error running createRuntime hook #0: ...".
Status run_hooks(const std::vector<oci::Hook>& hooks, const char* name, const HookContext& context);

}  // namespace litebox::runtime
