#include "rootfs/proc/sysctl.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "rootfs/pass_through.h"
#include "rootfs/proc/text.h"

namespace litebox::rootfs::proc {
namespace {

// What of the host's /proc/sys/kernel is shown. Left out: names and ids of the host, and its administrator's controls.
constexpr std::string_view kKernel[] = {
    "arch",
    "auto_msgmni",
    "cap_last_cap",
    "core_pattern",
    "core_pipe_limit",
    "core_uses_pid",
    "ctrl-alt-del",
    "dmesg_restrict",
    "hung_task_timeout_secs",
    "io_uring_group",
    "keys",
    "kptr_restrict",
    "max_lock_depth",
    "msg_next_id",
    "ngroups_max",
    "nmi_watchdog",
    "numa_balancing",
    "osrelease",
    "ostype",
    "overflowgid",
    "overflowuid",
    "panic",
    "panic_on_oops",
    "perf_cpu_time_max_percent",
    "perf_event_max_sample_rate",
    "perf_event_mlock_kb",
    "perf_event_paranoid",
    "pid_max",
    "print-fatal-signals",
    "printk",
    "printk_ratelimit",
    "printk_ratelimit_burst",
    "pty",
    "random",
    "randomize_va_space",
    "sched_autogroup_enabled",
    "sched_cfs_bandwidth_slice_us",
    "sched_child_runs_first",
    "sched_rr_timeslice_ms",
    "sched_rt_period_us",
    "sched_rt_runtime_us",
    "seccomp",
    "sem_next_id",
    "shm_next_id",
    "shm_rmid_forced",
    "softlockup_panic",
    "sysctl_writes_strict",
    "sysrq",
    "tainted",
    "threads-max",
    "timer_migration",
    "unprivileged_bpf_disabled",
    "version",
    "watchdog",
    "watchdog_thresh",
    "yama",
};

// Interfaces of the host are named by directories of these.
constexpr std::string_view kInterfaceDirectories[] = {"net/ipv4/conf", "net/ipv4/neigh", "net/ipv6/conf", "net/ipv6/neigh"};

std::string_view component(std::string_view path, int index) {
  for (; index > 0; --index) {
    const size_t slash = path.find('/');
    if (slash == std::string_view::npos) return {};
    path.remove_prefix(slash + 1);
  }
  return path.substr(0, path.find('/'));
}

bool is_shown(std::string_view path, bool has_network) {
  const std::string_view top = component(path, 0);
  const std::string_view second = component(path, 1);
  if (top == "vm" || top == "abi" || top == "user") return true;
  if (top == "fs") return second != "binfmt_misc" && second != "quota" && second != "xfs" && second != "fuse";
  if (top == "kernel") return second.empty() || std::find(std::begin(kKernel), std::end(kKernel), second) != std::end(kKernel);
  if (top != "net") return false;
  if (has_network) return true;
  if (!second.empty() && second != "core" && second != "unix" && second != "ipv4" && second != "ipv6") return false;
  for (const std::string_view directory : kInterfaceDirectories) {
    if (path.size() <= directory.size() || path.substr(0, directory.size() + 1) != std::string(directory) + '/') continue;
    const std::string_view interface = component(path, 3);
    return interface == "all" || interface == "default";
  }
  return true;
}

// A setting with a value of the container's own: config.json's, where it has one.
struct Fixed {
  const char* name;
  const char* value;
};

// System V IPC as in a new IPC namespace (ipc/*.c; include/uapi/linux/msg.h, sem.h, shm.h).
constexpr Fixed kIpc[] = {
    {"msgmax", "8192\n"},
    {"msgmnb", "16384\n"},
    {"msgmni", "32000\n"},
    {"sem", "32000\t1024000000\t500\t32000\n"},
    {"shmall", "18446744073692774399\n"},
    {"shmmax", "18446744073692774399\n"},
    {"shmmni", "4096\n"},
};

// POSIX message queues as in a new IPC namespace (include/linux/ipc_namespace.h).
constexpr Fixed kMessageQueues[] = {
    {"msg_default", "10\n"},   {"msg_max", "10\n"},     {"msgsize_default", "8192\n"},
    {"msgsize_max", "8192\n"}, {"queues_max", "256\n"},
};

// What the shim refuses, said where programs look before they try.
constexpr Fixed kRefused[] = {{"io_uring_disabled", "2\n"}, {"unprivileged_userns_clone", "0\n"}};

constexpr const char* kNamespaceLimits[] = {
    "max_cgroup_namespaces", "max_ipc_namespaces",  "max_mnt_namespaces",  "max_net_namespaces",
    "max_pid_namespaces",    "max_time_namespaces", "max_user_namespaces", "max_uts_namespaces",
};

void add_value(SyntheticDirectory& directory, const char* name, const char* value) {
  directory.add_file(name, 0444, [value](const Subject& /*subject*/) -> Result<std::string> { return std::string(value); });
}

template <size_t kCount>
void add_values(SyntheticDirectory& directory, const Fixed (&values)[kCount]) {
  for (const Fixed& each : values) add_value(directory, each.name, each.value);
}

// As the kernel writes back what was written to it: words separated by tabs, and a newline.
std::string setting_text(const std::string& value) {
  std::string text;
  std::string_view rest = value;
  for (std::string_view word = take_word(rest); !word.empty(); word = take_word(rest)) {
    if (!text.empty()) text += '\t';
    text += word;
  }
  return text + '\n';
}

template <size_t kCount>
void add_settings(SyntheticDirectory& directory, const ContainerView& view, const std::string& section,
                  const Fixed (&settings)[kCount]) {
  for (const Fixed& each : settings) {
    const auto configured = view.sysctl(section + "/" + each.name);
    const std::string text = configured ? setting_text(*configured) : each.value;
    directory.add_file(each.name, 0444, [text](const Subject& /*subject*/) -> Result<std::string> { return text; });
  }
}

// Adds the host's directory `path` as `name`, with what `fill` puts in the place of the host's files.
void add_section(SyntheticDirectory& parent, const std::string& name, const HostSourcePtr& source, const std::string& path,
                 std::function<void(SyntheticDirectory&)> fill) {
  parent.add(name, S_IFDIR | 0555, [source, path, fill = std::move(fill)](SyntheticAttributes attributes) -> NodePtr {
    auto directory = std::make_shared<PassThroughDirectory>(std::move(attributes), source, path);
    fill(*directory);
    return directory;
  });
}

// What uname(2) has is shown with a newline; a name that is not set is "(none)" (kernel/sysctl.c, proc_do_uts_string).
std::string uts_name(const std::string& name) { return (name.empty() ? "(none)" : name) + '\n'; }

}  // namespace

NodePtr make_sysctl_directory(const ContainerView& view, SyntheticAttributes attributes) {
  auto root = std::make_shared<SyntheticDirectory>(std::move(attributes));
  const auto source = std::make_shared<const HostSource>(
      "/proc/sys", [&view](const std::string& path) { return is_shown(path, view.has_network()); });
  for (const char* section : {"abi", "net", "vm"}) PassThroughDirectory::add_to(*root, section, source, section);
  add_section(*root, "fs", source, "fs", [source, &view](SyntheticDirectory& fs) {
    add_section(fs, "mqueue", source, "fs/mqueue",
                [&view](SyntheticDirectory& mqueue) { add_settings(mqueue, view, "fs/mqueue", kMessageQueues); });
  });
  add_section(*root, "kernel", source, "kernel", [&view](SyntheticDirectory& kernel) {
    kernel.add_file("hostname", 0644,
                    [&view](const Subject& /*subject*/) -> Result<std::string> { return uts_name(view.host_name()); });
    kernel.add_file("domainname", 0644,
                    [&view](const Subject& /*subject*/) -> Result<std::string> { return uts_name(view.domain_name()); });
    add_settings(kernel, view, "kernel", kIpc);
    add_values(kernel, kRefused);
  });
  add_section(*root, "user", source, "user", [](SyntheticDirectory& user) {
    for (const char* limit : kNamespaceLimits) add_value(user, limit, "0\n");
  });
  return root;
}

}  // namespace litebox::rootfs::proc
