#include "shim/kernel/controlling_terminal.h"

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <charconv>
#include <string>

#include "base/fd.h"

namespace litebox::kernel {
namespace {

// new_decode_dev()
dev_t decode_device(uint32_t number) {
  return makedev((number & 0xfff00U) >> 8U, (number & 0xffU) | ((number >> 12U) & 0xfff00U));
}

}  // namespace

Result<JobControl> parse_job_control(std::string_view stat) {
  const size_t name_end = stat.rfind(')');  // the program's name may itself hold spaces and parentheses
  if (name_end == std::string_view::npos) return Error(EIO);
  constexpr size_t kFields = 6;  // state, parent, group, session, terminal, foreground group
  long values[kFields] = {};
  const char* at = stat.data() + name_end + 1;
  const char* const end = stat.data() + stat.size();
  for (size_t i = 0; i < kFields; ++i) {
    while (at != end && *at == ' ') ++at;
    if (i == 0) {
      if (at == end) return Error(EIO);
      ++at;
      continue;
    }
    const auto [next, error] = std::from_chars(at, end, values[i]);
    if (error != std::errc()) return Error(EIO);
    at = next;
  }
  JobControl result;
  result.group = HostPid(static_cast<pid_t>(values[2]));
  result.session = HostPid(static_cast<pid_t>(values[3]));
  if (values[4] != 0) result.terminal = decode_device(static_cast<uint32_t>(values[4]));
  if (values[5] > 0) result.foreground = HostPid(static_cast<pid_t>(values[5]));
  return result;
}

Result<JobControl> job_control_of(HostPid process) {
  const std::string path = "/proc/" + std::to_string(process.value()) + "/stat";
  const Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return errno == ENOENT ? Error(ESRCH) : last_error();
  char text[1024];
  const ssize_t size = read(file.get(), text, sizeof text);
  if (size < 0) return last_error();
  return parse_job_control(std::string_view(text, static_cast<size_t>(size)));
}

}  // namespace litebox::kernel
