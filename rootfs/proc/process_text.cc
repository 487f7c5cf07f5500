#include "rootfs/proc/process_text.h"

#include <sys/types.h>

#include <array>
#include <cinttypes>
#include <cstdio>
#include <vector>

#include "rootfs/proc/host_process.h"
#include "rootfs/proc/text.h"
#include "rootfs/proc/visible_ids.h"

namespace litebox::rootfs::proc {
namespace {

// Fields of /proc/<pid>/stat after the parenthesised name, numbered as proc(5) does.
enum StatField : size_t {
  kParent = 4,
  kGroup = 5,
  kSession = 6,
  kTerminalGroup = 8,
  kStartOfCode = 26,
  kEndOfCode = 27,
  kStartOfStack = 28,
  kStackPointer = 29,
  kInstructionPointer = 30,
  kWaitChannel = 35,
  kStartOfData = 45,
  kExitCode = 52,
};

std::string hexadecimal(uint64_t capabilities) {
  std::array<char, 17> text;
  std::snprintf(text.data(), text.size(), "%016" PRIx64, capabilities);
  return text.data();
}

template <typename Id>
std::string four(const Id (&ids)[4]) {
  std::string text;
  for (const Id id : ids) text += '\t' + std::to_string(id);
  return text;
}

std::string stat_field(const ContainerView& view, size_t number, std::string_view value, bool may_inspect_process) {
  switch (number) {
    case kParent:
      return std::to_string(visible_process(view, value));
    case kGroup:
    case kSession:
      return std::to_string(visible_group(view, value));
    case kTerminalGroup:
      return value == "-1" ? "-1" : std::to_string(visible_group(view, value));
    case kStartOfCode:
    case kEndOfCode:
      return may_inspect_process || value == "0" ? std::string(value) : "1";
    case kStartOfStack:
    case kStackPointer:
    case kInstructionPointer:
      break;
    case kWaitChannel:
      return value == "0" ? "0" : "1";
    default:
      if (number < kStartOfData) return std::string(value);
  }
  return may_inspect_process ? std::string(value) : "0";
}

int seccomp_filters(std::string_view status) {
  constexpr std::string_view kKey = "Seccomp_filters:\t";
  int filters = 0;
  for_each_line(status, [&filters, kKey](std::string_view line) {
    if (line.substr(0, kKey.size()) == kKey) filters = parse_number<int>(line.substr(kKey.size())).value_or(0);
  });
  return filters;
}

// Those that litebox itself runs under, in a container of somebody else's.
int inherited_seccomp_filters() {
  static const int filters = [] {
    const auto status = HostProc::instance().read("self/status");
    return status ? seccomp_filters(*status) : 0;
  }();
  return filters;
}

// The value of a status line that names processes; nothing when the line is to stay as it is.
std::optional<std::string> status_ids(const ContainerView& view, std::string_view key, std::string_view value) {
  const auto one = [&value] { return take_word(value); };
  if (key == "Pid" || key == "Tgid" || key == "PPid" || key == "NStgid" || key == "NSpid") {
    return '\t' + std::to_string(visible_process(view, one()));
  }
  if (key == "NSpgid" || key == "NSsid") return '\t' + std::to_string(visible_group(view, one()));
  if (key == "Ngid") return '\t' + std::to_string(visible_process(view, one()));
  return std::nullopt;
}

std::optional<std::string> status_credentials(const ProcessIds& ids, std::string_view key) {
  if (key == "Uid") return four(ids.uid);
  if (key == "Gid") return four(ids.gid);
  if (key == "Groups") {
    std::string groups = "\t";
    for (const gid_t group : ids.groups) groups += std::to_string(group) + ' ';
    return ids.groups.empty() ? groups + ' ' : groups;
  }
  if (key == "CapInh") return '\t' + hexadecimal(ids.inheritable);
  if (key == "CapPrm") return '\t' + hexadecimal(ids.permitted);
  if (key == "CapEff") return '\t' + hexadecimal(ids.effective);
  if (key == "CapBnd") return '\t' + hexadecimal(ids.bounding);
  if (key == "CapAmb") return '\t' + hexadecimal(ids.ambient);
  if (key == "NoNewPrivs") return ids.no_new_privileges ? "\t1" : "\t0";
  return std::nullopt;
}

}  // namespace

std::string translate_stat(const ContainerView& view, std::string_view host, bool may_inspect_process) {
  // The name may hold spaces and parentheses: it ends at the last one.
  const size_t open = host.find('(');
  const size_t close = host.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || open == 0) return std::string(host);
  std::string text = std::to_string(visible_process(view, host.substr(0, open - 1)));
  text += ' ';
  text += host.substr(open, close + 1 - open);
  std::string_view rest = host.substr(close + 1);
  if (!rest.empty() && rest.back() == '\n') rest.remove_suffix(1);
  size_t number = 3;
  for (std::string_view value = take_word(rest); !value.empty(); value = take_word(rest)) {
    text += ' ' + stat_field(view, number++, value, may_inspect_process);
  }
  return text + '\n';
}

Result<std::string> translate_status(const ContainerView& view, HostPid task, std::string_view host) {
  LITEBOX_ASSIGN(const ProcessIds ids, view.ids(task));
  std::string text;
  text.reserve(host.size() + 64);
  const int own_filters = view.own_seccomp_filters(seccomp_filters(host) - inherited_seccomp_filters());
  for_each_line(host, [&](std::string_view line) {
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
      text.append(line) += '\n';
      return;
    }
    const std::string_view key = line.substr(0, colon);
    std::optional<std::string> value = status_ids(view, key, line.substr(colon + 1));
    if (!value) value = status_credentials(ids, key);
    if (key == "Umask") {
      std::array<char, 16> octal;
      std::snprintf(octal.data(), octal.size(), "\t%04o", view.umask_of(task));
      value = octal.data();
    } else if (key == "TracerPid") {
      value = '\t' + std::to_string(view.tracer_of(task).value());
    } else if (key == "Seccomp_filters") {
      value = '\t' + std::to_string(own_filters);
    } else if (key == "Seccomp") {
      value = own_filters > 0 ? "\t2" : "\t0";
    }
    text.append(line.substr(0, colon + 1)).append(value ? *value : line.substr(colon + 1)) += '\n';
  });
  return text;
}

std::string translate_limits(std::string_view host) {
  std::string text;
  for_each_line(host, [&text](std::string_view line) {
    if (line.substr(0, 14) == "Max file locks") {
      // The line format of fs/proc/base.c, lnames.
      std::array<char, 96> row;
      std::snprintf(row.data(), row.size(), "%-25s %-20s %-20s %-10s", "Max file locks", "unlimited", "unlimited", "locks");
      text += row.data();
    } else {
      text += line;
    }
    text += '\n';
  });
  return text;
}

std::string translate_cgroup(std::string_view host) {
  std::string text;
  for_each_line(host, [&text](std::string_view line) {
    const size_t second = line.find(':', line.find(':') + 1);
    if (second == std::string_view::npos) return;
    text.append(line.substr(0, second + 1)).append("/\n");
  });
  return text;
}

std::string translate_sched(const ContainerView& view, std::string_view host) {
  const size_t end = host.find('\n');
  const std::string_view first = host.substr(0, end);
  const size_t open = first.rfind('(');
  const size_t comma = open == std::string_view::npos ? open : first.find(',', open);
  if (end == std::string_view::npos || comma == std::string_view::npos) return std::string(host);
  std::string text(first.substr(0, open + 1));
  text += std::to_string(visible_process(view, first.substr(open + 1, comma - open - 1)));
  return text.append(host.substr(comma));
}

std::string translate_timers(const ContainerView& view, std::string_view host) {
  std::string text;
  for_each_line(host, [&](std::string_view line) {
    // "notify: signal/pid.1234" or "notify: none/tid.1234"
    const size_t dot = line.substr(0, 8) == "notify: " ? line.rfind('.') : std::string_view::npos;
    if (dot == std::string_view::npos) {
      text.append(line) += '\n';
      return;
    }
    text.append(line.substr(0, dot + 1)) += std::to_string(visible_process(view, line.substr(dot + 1))) + '\n';
  });
  return text;
}

std::string translate_children(const ContainerView& view, std::string_view host) {
  std::string text;
  for (std::string_view id = take_word(host); !id.empty(); id = take_word(host)) {
    const pid_t inside = visible_process(view, id);
    if (inside != 0) text += std::to_string(inside) + ' ';
  }
  return text;
}

std::string translate_lock(const ContainerView& view, std::string_view line) {
  // "1: POSIX  ADVISORY  WRITE 1234 fe:00:2099 0 EOF"; a waiter has "->" after the number. An open file description's lock
  // has -1 for its owner.
  std::string text;
  std::string_view rest = line;
  size_t words = 0;
  const size_t owner = line.find("->") == std::string_view::npos ? 4 : 5;
  while (!rest.empty()) {
    const std::string_view before = rest;
    const std::string_view word = take_word(rest);
    const std::string_view spaces = before.substr(0, before.size() - rest.size() - word.size());
    text += spaces;
    if (words++ != owner) {
      text += word;
      continue;
    }
    const pid_t inside = word == "-1" ? -1 : visible_process(view, word);
    if (inside == 0) return {};
    text += std::to_string(inside);
  }
  return text;
}

std::string translate_fdinfo(const ContainerView& view, std::string_view host, int mount_id) {
  std::string text;
  for_each_line(host, [&](std::string_view line) {
    const size_t colon = line.find(':');
    const std::string_view key = colon == std::string_view::npos ? "" : line.substr(0, colon);
    if (key == "Pid" || key == "NSpid") {
      std::string_view value = line.substr(colon + 1);
      const std::string_view id = take_word(value);
      // -1: the process that a pidfd names has ended.
      const pid_t inside = id == "-1" ? -1 : visible_process(view, id);
      text.append(key) += ":\t" + std::to_string(inside) + '\n';
    } else if (key == "mnt_id" && mount_id != 0) {
      text += "mnt_id:\t" + std::to_string(mount_id) + '\n';
    } else if (key == "lock") {
      const std::string lock = translate_lock(view, line.substr(colon + 1));
      if (!lock.empty()) text.append("lock:").append(lock) += '\n';
    } else {
      text.append(line) += '\n';
    }
  });
  return text;
}

}  // namespace litebox::rootfs::proc
