#include "rootfs/proc/global_files.h"

#include <unistd.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "rootfs/pass_through.h"
#include "rootfs/proc/host_process.h"
#include "rootfs/proc/process_text.h"
#include "rootfs/proc/text.h"

namespace litebox::rootfs::proc {
namespace {

constexpr uint64_t kKibibyte = 1024;

// Shown as the host has them: they name nothing and nobody.
constexpr const char* kHostFiles[] = {
    "buddyinfo",   "cgroups", "cmdline",     "consoles",   "cpuinfo", "crypto",   "devices",  "dma",
    "execdomains", "fb",      "filesystems", "interrupts", "loadavg", "misc",     "pressure", "softirqs",
    "stat",        "tty",     "uptime",      "version",    "vmstat",  "zoneinfo",
};

// Tables of which the container has no rows: its own disks, swap areas and modules are none.
struct Table {
  const char* name;
  int heading_lines;
};

constexpr Table kEmptyTables[] = {{"diskstats", 0}, {"modules", 0}, {"partitions", 2}, {"swaps", 1}};
constexpr const char* kIpcTables[] = {"msg", "sem", "shm"};

bool is_host_file(const std::string& path) {
  const std::string top = path.substr(0, path.find('/'));
  if (top == "tty") return path == "tty" || path == "tty/drivers" || path == "tty/ldiscs";
  return std::find(std::begin(kHostFiles), std::end(kHostFiles), top) != std::end(kHostFiles);
}

Result<std::string> headings(const std::string& path, int lines) {
  LITEBOX_ASSIGN(const std::string host, HostProc::instance().read(path));
  std::string text;
  for_each_line(host, [&](std::string_view line) {
    if (lines-- > 0) text.append(line) += '\n';
  });
  return text;
}

// Memory that members have for themselves alone: resident less shared pages (proc(5), statm).
uint64_t used_by_members(const ContainerView& view) {
  uint64_t pages = 0;
  for (const HostPid member : view.members()) {
    const auto process = HostProcess::open(view, member);
    if (!process) continue;
    const auto statm = (*process)->read("statm");
    if (!statm) continue;
    std::string_view rest = *statm;
    (void)take_word(rest);
    const uint64_t resident = parse_number<uint64_t>(take_word(rest)).value_or(0);
    const uint64_t shared = parse_number<uint64_t>(take_word(rest)).value_or(0);
    pages += resident > shared ? resident - shared : 0;
  }
  return pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

Result<std::string> locks(const ContainerView& view) {
  LITEBOX_ASSIGN(const std::string host, HostProc::instance().read("locks"));
  std::string text;
  for_each_line(host, [&](std::string_view line) {
    const std::string lock = translate_lock(view, line);
    // An open file description's lock has no owner that could be looked up.
    if (!lock.empty() && lock.find(" -1 ") == std::string::npos) text += lock + '\n';
  });
  return text;
}

}  // namespace

std::string limited_meminfo(std::string_view host, uint64_t limit, uint64_t used) {
  const auto value_of = [host](std::string_view wanted) {
    uint64_t value = 0;
    for_each_line(host, [&](std::string_view line) {
      if (line.substr(0, wanted.size()) != wanted || line.substr(wanted.size(), 1) != ":") return;
      std::string_view rest = line.substr(wanted.size() + 1);
      value = parse_number<uint64_t>(take_word(rest)).value_or(0);
    });
    return value;
  };
  const uint64_t total = std::min(limit / kKibibyte, value_of("MemTotal"));
  const uint64_t free = std::min(total - std::min(total, used / kKibibyte), value_of("MemFree"));
  std::string text;
  for_each_line(host, [&](std::string_view line) {
    const size_t colon = line.find(':');
    const std::string_view key = line.substr(0, colon);
    std::string_view rest = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
    uint64_t value = parse_number<uint64_t>(take_word(rest)).value_or(0);
    if (key == "MemTotal") {
      value = total;
    } else if (key == "MemFree" || key == "MemAvailable") {
      value = free;
    } else if (key == "SwapTotal" || key == "SwapFree" || key == "SwapCached") {
      value = 0;
    } else if (key == "Buffers" || key == "Cached" || key.substr(0, 6) == "Active" || key.substr(0, 8) == "Inactive" ||
               key == "Slab" || key == "SReclaimable" || key == "KReclaimable" || key == "Shmem" || key == "AnonPages" ||
               key == "Mapped") {
      // The host's caches are not the container's; what of them it uses is in `used`.
      value = key == "AnonPages" || key == "Active(anon)" || key == "Active" ? total - free : 0;
    } else {
      text.append(line) += '\n';
      return;
    }
    std::string number = std::to_string(value);
    // "MemTotal:       24683620 kB": the number ends at column 24 (show_val_kb).
    const size_t width = 24 - std::min<size_t>(24, key.size() + 1);
    text.append(key).append(":").append(width > number.size() ? width - number.size() : 0, ' ').append(number).append(" kB\n");
  });
  return text;
}

void add_global_files(SyntheticDirectory& root, const ContainerView& view) {
  const auto source = std::make_shared<const HostSource>("/proc", is_host_file);
  for (const char* name : kHostFiles) PassThroughDirectory::add_to(root, name, source, name);
  if (view.memory_limit()) {
    root.add_file("meminfo", 0444, [&view](const Subject& /*subject*/) -> Result<std::string> {
      LITEBOX_ASSIGN(std::string host, HostProc::instance().read("meminfo"));
      const auto limit = view.memory_limit();
      if (!limit) return host;
      return limited_meminfo(host, *limit, used_by_members(view));
    });
  } else {
    const auto meminfo = std::make_shared<const HostSource>("/proc", [](const std::string& path) { return path == "meminfo"; });
    PassThroughDirectory::add_to(root, "meminfo", meminfo, "meminfo");
  }
  for (const Table& table : kEmptyTables) {
    const std::string name = table.name;
    root.add_file(name, 0444,
                  [name, lines = table.heading_lines](const Subject& /*subject*/) { return headings(name, lines); });
  }
  root.add_file("locks", 0444, [&view](const Subject& /*subject*/) { return locks(view); });
  root.add_directory("sysvipc", 0555, [&view](SyntheticDirectory& sysvipc) {
    for (const std::string name : kIpcTables) {
      sysvipc.add_file(name, 0444, [name, &view](const Subject& /*subject*/) -> Result<std::string> {
        LITEBOX_ASSIGN(const std::string heading, headings("sysvipc/" + name, 1));
        return heading + view.system_v_table(name);
      });
    }
  });
  root.add_directory("bus", 0555, [](SyntheticDirectory& /*bus*/) {});
  root.add_directory("fs", 0555, [](SyntheticDirectory& /*fs*/) {});
}

}  // namespace litebox::rootfs::proc
