#include "rootfs/proc/process_directory.h"

#include <dirent.h>

#include <algorithm>
#include <string_view>

#include "rootfs/proc/descriptors.h"
#include "rootfs/proc/host_paths.h"
#include "rootfs/proc/mounts.h"
#include "rootfs/proc/net.h"
#include "rootfs/proc/process_links.h"
#include "rootfs/proc/process_text.h"
#include "rootfs/proc/text.h"
#include "rootfs/tree.h"

namespace litebox::rootfs::proc {
namespace {

using Text = Result<std::string> (*)(const ProcessContext&, const Subject&, const std::string& name);
using Maker = NodePtr (*)(const ProcessContext&, SyntheticAttributes);

// Which directories have an entry.
enum class Scope { both, process, thread };

// Who may open a file whose mode alone does not say it.
enum class Guard { none, inspect };

// One name in /proc/<pid>. With `text` it is a snapshot, with `make` a node of its own, with neither the host's file.
struct Entry {
  const char* name;
  mode_t mode;
  Guard guard = Guard::none;
  Text text = nullptr;
  Maker make = nullptr;
  Scope scope = Scope::both;
};

Result<std::string> plain(const ProcessContext& context, const Subject& /*subject*/, const std::string& name) {
  return context.host->read(name);
}

Result<std::string> id_map_text(const ProcessContext& context, const Subject& /*subject*/, const std::string& name) {
  if (auto text = context.view->id_map(name)) return std::move(*text);
  return context.host->read(name);
}

// Who reads about itself is running, though it sleeps while the monitor reads for it.
std::string show_running(std::string text, std::string_view before, std::string_view state, std::string_view running) {
  const size_t at = text.rfind(before);
  if (at != std::string::npos && text.compare(at + before.size(), state.size(), state) == 0) {
    text.replace(at + before.size(), state.size(), running);
  }
  return text;
}

Result<std::string> stat_text(const ProcessContext& context, const Subject& subject, const std::string& name) {
  LITEBOX_ASSIGN(const std::string host, context.host->read(name));
  std::string text = translate_stat(*context.view, host, context.may_inspect(subject));
  return context.task() == subject.thread ? show_running(std::move(text), ") ", "S", "R") : text;
}

Result<std::string> status_text(const ProcessContext& context, const Subject& subject, const std::string& name) {
  LITEBOX_ASSIGN(const std::string host, context.host->read(name));
  LITEBOX_ASSIGN(std::string text, translate_status(*context.view, context.task(), host));
  return context.task() == subject.thread ? show_running(std::move(text), "\nState:\t", "S (sleeping)", "R (running)") : text;
}

Result<std::string> limits_text(const ProcessContext& context, const Subject& /*subject*/, const std::string& name) {
  LITEBOX_ASSIGN(const std::string host, context.host->read(name));
  return translate_limits(host);
}

Result<std::string> cgroup_text(const ProcessContext& context, const Subject& /*subject*/, const std::string& name) {
  LITEBOX_ASSIGN(const std::string host, context.host->read(name));
  return translate_cgroup(host);
}

Result<std::string> cpuset_text(const ProcessContext& /*context*/, const Subject& /*subject*/, const std::string& /*name*/) {
  return std::string("/\n");
}

Result<std::string> sched_text(const ProcessContext& context, const Subject& /*subject*/, const std::string& name) {
  LITEBOX_ASSIGN(const std::string host, context.host->read(name));
  return translate_sched(*context.view, host);
}

Result<std::string> timers_text(const ProcessContext& context, const Subject& /*subject*/, const std::string& name) {
  LITEBOX_ASSIGN(const std::string host, context.host->read(name));
  return translate_timers(*context.view, host);
}

Result<std::string> children_text(const ProcessContext& context, const Subject& /*subject*/, const std::string& name) {
  LITEBOX_ASSIGN(const std::string host, context.host->read(name));
  return translate_children(*context.view, host);
}

Result<std::string> maps_text(const ProcessContext& context, const Subject& subject, const std::string& name) {
  LITEBOX_ASSIGN(const std::string host, context.host->read(name));
  return translate_maps(HostPaths(*context.view, subject), host);
}

Result<std::string> numa_maps_text(const ProcessContext& context, const Subject& subject, const std::string& name) {
  LITEBOX_ASSIGN(const std::string host, context.host->read(name));
  return translate_numa_maps(HostPaths(*context.view, subject), host);
}

Result<std::string> mounts_text(const ProcessContext& context, const Subject& subject, MountFormat format) {
  LITEBOX_ASSIGN(const Location root, context.view->root_directory(context.task()));
  return mount_table(context.view->tree(), subject, root, format);
}

// What a kernel stack looks like is for the administrator of the host (fs/proc/base.c, proc_pid_stack).
Result<std::string> refused_text(const ProcessContext& /*context*/, const Subject& /*subject*/, const std::string& /*name*/) {
  return Error(EPERM);
}

// What the reader needs the right to trace for (fs/proc/base.c, lock_trace).
Result<std::string> traced_text(const ProcessContext& context, const Subject& subject, const std::string& name) {
  if (!context.may_inspect(subject)) return Error(EPERM);
  return context.host->read(name);
}

Result<std::string> wait_channel_text(const ProcessContext& context, const Subject& subject, const std::string& name) {
  if (!context.may_inspect(subject)) return std::string("0");
  return context.host->read(name);
}

class AttributeDirectory final : public OfProcess<SyntheticDirectory> {
 public:
  AttributeDirectory(const ProcessContext& process, SyntheticAttributes attributes)
      : OfProcess(process, std::move(attributes)) {
    for (const char* name : {"current", "exec", "fscreate", "keycreate", "prev", "sockcreate"}) {
      add_file(name, 0444,
               [process, name](const Subject& /*subject*/) { return process.host->read(std::string("attr/") + name); });
    }
  }
};

class TaskDirectory final : public OfProcess<SyntheticDirectory> {
 public:
  using OfProcess::OfProcess;

 protected:
  Result<NodePtr> find_dynamic(const Subject& /*subject*/, const std::string& name) override {
    const auto number = parse_number<pid_t>(name);
    if (!number || *number <= 0 || std::to_string(*number) != name) return NodePtr();
    const ContainerView& view = *context().view;
    auto thread = context().host->open_thread(view, view.to_host(VirtualPid(*number)));
    if (!thread) return NodePtr();
    const std::string canonical = std::to_string(visible_process(view, (*thread)->task().value()));
    return make_process_directory({&view, *std::move(thread)}, child_attributes(canonical, S_IFDIR | 0555));
  }

  Result<std::vector<DirectoryEntry>> list_dynamic(const Subject& /*subject*/) override {
    const auto listed = context().host->list("task");
    if (!listed) return listed.error().number() == ESRCH ? Error(ENOENT) : listed.error();
    const std::vector<std::string>& names = *listed;
    std::vector<DirectoryEntry> entries;
    for (const std::string& name : names) {
      const pid_t inside = visible_process(*context().view, name);
      if (inside != 0) entries.push_back({0, kFirstDynamicOffset + inside, DT_DIR, std::to_string(inside)});
    }
    std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.next < b.next; });
    return entries;
  }
};

template <typename Directory>
NodePtr make(const ProcessContext& context, SyntheticAttributes attributes) {
  return std::make_shared<Directory>(context, std::move(attributes));
}

template <MountFormat kFormat>
Result<std::string> mount_text(const ProcessContext& context, const Subject& subject, const std::string& /*name*/) {
  return mounts_text(context, subject, kFormat);
}

// In the order of fs/proc/base.c, tgid_base_stuff and tid_base_stuff. Left out: what only checkpointing and debugging of the
// kernel read (map_files, pagemap, timens_offsets, ksm_stat, seccomp_cache, patch_state).
constexpr Entry kEntries[] = {
    {.name = "task", .mode = S_IFDIR | 0555, .make = make<TaskDirectory>, .scope = Scope::process},
    {.name = "fd", .mode = S_IFDIR | 0500, .make = make_fd_directory},
    {.name = "fdinfo", .mode = S_IFDIR | 0555, .make = make_fdinfo_directory},
    {.name = "ns", .mode = S_IFDIR | 0511, .make = make_namespace_directory},
    {.name = "net", .mode = S_IFDIR | 0555, .make = make_net_directory},
    {.name = "environ", .mode = S_IFREG | 0400, .guard = Guard::inspect},
    {.name = "auxv", .mode = S_IFREG | 0400, .guard = Guard::inspect},
    {.name = "status", .mode = S_IFREG | 0444, .text = status_text},
    {.name = "personality", .mode = S_IFREG | 0400, .text = traced_text},
    {.name = "limits", .mode = S_IFREG | 0444, .text = limits_text},
    {.name = "sched", .mode = S_IFREG | 0444, .text = sched_text},
    {.name = "autogroup", .mode = S_IFREG | 0644, .scope = Scope::process},
    {.name = "comm", .mode = S_IFREG | 0644},
    {.name = "syscall", .mode = S_IFREG | 0400, .text = traced_text},
    {.name = "cmdline", .mode = S_IFREG | 0444},
    {.name = "stat", .mode = S_IFREG | 0444, .text = stat_text},
    {.name = "statm", .mode = S_IFREG | 0444},
    {.name = "maps", .mode = S_IFREG | 0444, .guard = Guard::inspect, .text = maps_text},
    {.name = "children", .mode = S_IFREG | 0444, .text = children_text, .scope = Scope::thread},
    {.name = "numa_maps", .mode = S_IFREG | 0444, .guard = Guard::inspect, .text = numa_maps_text},
    {.name = "mem", .mode = S_IFREG | 0600, .guard = Guard::inspect},
    {.name = "cwd", .mode = S_IFLNK | 0777, .make = make_working_directory_link},
    {.name = "root", .mode = S_IFLNK | 0777, .make = make_root_link},
    {.name = "exe", .mode = S_IFLNK | 0777, .make = make_executable_link},
    {.name = "mounts", .mode = S_IFREG | 0444, .text = mount_text<MountFormat::mounts>},
    {.name = "mountinfo", .mode = S_IFREG | 0444, .text = mount_text<MountFormat::mountinfo>},
    {.name = "mountstats", .mode = S_IFREG | 0400, .text = mount_text<MountFormat::mountstats>, .scope = Scope::process},
    {.name = "clear_refs", .mode = S_IFREG | 0200, .guard = Guard::inspect},
    {.name = "smaps", .mode = S_IFREG | 0444, .guard = Guard::inspect, .text = maps_text},
    {.name = "smaps_rollup", .mode = S_IFREG | 0444, .guard = Guard::inspect, .text = plain},
    {.name = "attr", .mode = S_IFDIR | 0555, .make = make<AttributeDirectory>},
    {.name = "wchan", .mode = S_IFREG | 0444, .text = wait_channel_text},
    {.name = "stack", .mode = S_IFREG | 0400, .text = refused_text},
    {.name = "schedstat", .mode = S_IFREG | 0444},
    {.name = "cpuset", .mode = S_IFREG | 0444, .text = cpuset_text},
    {.name = "cgroup", .mode = S_IFREG | 0444, .text = cgroup_text},
    {.name = "oom_score", .mode = S_IFREG | 0444},
    {.name = "oom_adj", .mode = S_IFREG | 0644},
    {.name = "oom_score_adj", .mode = S_IFREG | 0644},
    {.name = "coredump_filter", .mode = S_IFREG | 0644, .scope = Scope::process},
    {.name = "io", .mode = S_IFREG | 0400, .guard = Guard::inspect},
    {.name = "uid_map", .mode = S_IFREG | 0444, .text = id_map_text},
    {.name = "gid_map", .mode = S_IFREG | 0444, .text = id_map_text},
    {.name = "projid_map", .mode = S_IFREG | 0444, .text = plain},
    {.name = "setgroups", .mode = S_IFREG | 0444, .text = plain},
    {.name = "timers", .mode = S_IFREG | 0444, .text = timers_text, .scope = Scope::process},
    {.name = "timerslack_ns", .mode = S_IFREG | 0666, .scope = Scope::process},
    {.name = "arch_status", .mode = S_IFREG | 0444, .text = plain},
};

class ProcessDirectory final : public OfProcess<SyntheticDirectory> {
 public:
  using OfProcess::OfProcess;

 protected:
  Result<NodePtr> find_dynamic(const Subject& /*subject*/, const std::string& name) override {
    for (const Entry& entry : kEntries) {
      if (name != entry.name || !here(entry)) continue;
      // Not every kernel has every file, and a process that has ended has none.
      if (!context().host->exists(name).ok()) return NodePtr();
      return make_entry(entry, name);
    }
    return NodePtr();
  }

  Result<std::vector<DirectoryEntry>> list_dynamic(const Subject& /*subject*/) override {
    std::vector<DirectoryEntry> entries;
    int64_t next = kFirstDynamicOffset;
    for (const Entry& entry : kEntries) {
      ++next;
      if (!here(entry)) continue;
      const Status exists = context().host->exists(entry.name);
      if (!exists.ok()) {
        if (exists.error().number() == ESRCH) return Error(ENOENT);
        continue;
      }
      entries.push_back({0, next, static_cast<unsigned char>(IFTODT(entry.mode)), entry.name});
    }
    return entries;
  }

 private:
  bool here(const Entry& entry) const {
    if (entry.scope == Scope::both) return true;
    return (entry.scope == Scope::thread) == context().host->is_thread_entry();
  }

  NodePtr make_entry(const Entry& entry, const std::string& name) {
    SyntheticAttributes of_child = child_attributes(name, entry.mode);
    if (entry.make != nullptr) return entry.make(context(), std::move(of_child));
    const bool guarded = entry.guard == Guard::inspect;
    if (entry.text == nullptr) return std::make_shared<ProcessHostFile>(context(), std::move(of_child), name, guarded);
    auto content = [process = context(), text = entry.text, guarded, name](const Subject& subject) -> Result<std::string> {
      if (guarded && !process.may_inspect(subject)) return Error(EACCES);
      return text(process, subject, name);
    };
    return std::make_shared<OfProcess<SyntheticFile>>(context(), std::move(of_child), std::move(content));
  }
};

}  // namespace

NodePtr make_process_directory(const ProcessContext& context, SyntheticAttributes attributes) {
  return std::make_shared<ProcessDirectory>(context, std::move(attributes));
}

}  // namespace litebox::rootfs::proc
