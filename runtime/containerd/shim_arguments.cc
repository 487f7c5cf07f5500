#include "runtime/containerd/shim_arguments.h"

#include <algorithm>
#include <map>

namespace litebox::containerd {

Result<ShimArguments> parse_shim_arguments(const std::vector<std::string>& arguments) {
  ShimArguments parsed;
  std::string ignored;
  const std::map<std::string, std::string*> texts{{"namespace", &parsed.namespace_name},
                                                  {"id", &parsed.id},
                                                  {"address", &parsed.address},
                                                  {"publish-binary", &parsed.publish_binary},
                                                  {"bundle", &parsed.bundle},
                                                  {"socket", &parsed.socket},
                                                  {"debug-socket", &ignored}};
  const std::map<std::string, bool*> flags{{"debug", &parsed.debug}, {"v", &parsed.version}, {"info", &parsed.info}};
  size_t i = 0;
  for (; i < arguments.size() && arguments[i].size() > 1 && arguments[i].front() == '-'; ++i) {
    if (arguments[i] == "--") {
      ++i;
      break;
    }
    std::string name = arguments[i].substr(arguments[i][1] == '-' ? 2 : 1);
    const size_t equals = name.find('=');
    const bool has_value = equals != std::string::npos;
    const std::string value = has_value ? name.substr(equals + 1) : "";
    name.resize(std::min(equals, name.size()));
    if (const auto flag = flags.find(name); flag != flags.end()) {
      *flag->second = !has_value || value == "true" || value == "1";
    } else if (const auto text = texts.find(name); text != texts.end()) {
      if (!has_value && i + 1 == arguments.size()) return Error("flag needs an argument: -" + name);
      *text->second = has_value ? value : arguments[++i];
    } else {
      return Error("flag provided but not defined: -" + name);
    }
  }
  if (i < arguments.size()) parsed.action = arguments[i];
  return parsed;
}

}  // namespace litebox::containerd
