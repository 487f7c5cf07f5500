// spec: a config.json to start from.
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "cmd/litebox/arguments.h"
#include "cmd/litebox/command.h"
#include "oci/default_spec.h"

namespace litebox::command {

Result<int> spec(Globals& /*globals*/, const std::vector<std::string>& arguments) {
  CommandLine line("spec", "", "Writes a default config.json.");
  line.option("bundle", "DIR", "where it is written (default: the current directory)", 'b');
  line.option("file", "NAME", "its name (default: config.json)", 'f');
  line.flag("rootless", "for a user without privilege");
  const auto options = line.parse(arguments);
  if (!options) return line.exit_code();
  const std::string path = options->value("bundle").value_or(".") + "/" + options->value("file").value_or("config.json");
  const std::string text = oci::default_spec({options->has("rootless"), geteuid(), getegid()}) + "\n";
  const Fd file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!file) return errno == EEXIST ? Error("file " + path + " exists. Remove it first") : last_error("create " + path);
  if (write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) return last_error("write " + path);
  return 0;
}

}  // namespace litebox::command
