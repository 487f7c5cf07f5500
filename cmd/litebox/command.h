// A command of the program: a name and a function.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/inherited_descriptors.h"
#include "runtime/root_directory.h"

namespace litebox::command {

// The options before the command's name.
struct Globals {
  runtime::RootDirectory root;
  bool debug = false;
  bool systemd_cgroup = false;
  bool cgroups_disabled = false;
  runtime::InheritedDescriptors inherited;
};

struct Command {
  const char* name;
  const char* summary;
  // `arguments` are those after the command's name. An error is reported by the caller, once.
  Result<int> (*run)(Globals& globals, const std::vector<std::string>& arguments);
  int failure_code = 1;
};

Result<int> checkpoint(Globals& globals, const std::vector<std::string>& arguments);
Result<int> create(Globals& globals, const std::vector<std::string>& arguments);
Result<int> doctor(Globals& globals, const std::vector<std::string>& arguments);
Result<int> remove(Globals& globals, const std::vector<std::string>& arguments);  // delete
Result<int> events(Globals& globals, const std::vector<std::string>& arguments);
Result<int> exec(Globals& globals, const std::vector<std::string>& arguments);
Result<int> features(Globals& globals, const std::vector<std::string>& arguments);
Result<int> install(Globals& globals, const std::vector<std::string>& arguments);
Result<int> kill(Globals& globals, const std::vector<std::string>& arguments);
Result<int> list(Globals& globals, const std::vector<std::string>& arguments);
Result<int> pause(Globals& globals, const std::vector<std::string>& arguments);
Result<int> ps(Globals& globals, const std::vector<std::string>& arguments);
Result<int> restore(Globals& globals, const std::vector<std::string>& arguments);
Result<int> resume(Globals& globals, const std::vector<std::string>& arguments);
Result<int> run(Globals& globals, const std::vector<std::string>& arguments);
Result<int> spec(Globals& globals, const std::vector<std::string>& arguments);
Result<int> start(Globals& globals, const std::vector<std::string>& arguments);
Result<int> state(Globals& globals, const std::vector<std::string>& arguments);
Result<int> syscalls(Globals& globals, const std::vector<std::string>& arguments);
Result<int> uninstall(Globals& globals, const std::vector<std::string>& arguments);
Result<int> update(Globals& globals, const std::vector<std::string>& arguments);

}  // namespace litebox::command
