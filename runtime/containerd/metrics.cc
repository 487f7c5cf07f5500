#include "runtime/containerd/metrics.h"

#include <dirent.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <sstream>

#include "runtime/control_files.h"
#include "wire/cgroup_v1.pb.h"
#include "wire/cgroup_v2.pb.h"

namespace litebox::containerd {
namespace {

using runtime::ControlFiles;
using Table = std::map<std::string, uint64_t>;

constexpr uint64_t kNanosecondsPerTick = 10000000;  // USER_HZ is 100

uint64_t at(const Table& table, const char* name) {
  const auto found = table.find(name);
  return found == table.end() ? 0 : found->second;
}

// The page sizes of files "hugetlb.<size>.<suffix>".
std::vector<std::string> huge_page_sizes(const std::vector<std::string>& cgroups, const std::string& suffix) {
  std::vector<std::string> sizes;
  constexpr std::string_view prefix = "hugetlb.";
  for (const std::string& directory : cgroups) {
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(opendir(directory.c_str()), closedir);
    while (const dirent* entry = stream ? readdir(stream.get()) : nullptr) {
      const std::string name = entry->d_name;
      if (name.rfind(prefix, 0) != 0 || name.find(".rsvd") != std::string::npos) continue;
      if (name.size() <= prefix.size() + suffix.size()) continue;
      if (name.compare(name.size() - suffix.size(), suffix.size(), suffix) != 0) continue;
      sizes.push_back(name.substr(prefix.size(), name.size() - prefix.size() - suffix.size()));
    }
  }
  return sizes;
}

// pids.max is "max" without a limit, which these messages write as 0.
uint64_t pids_limit(const ControlFiles& files) {
  const uint64_t limit = files.number("pids.max");
  return limit == UINT64_MAX ? 0 : limit;
}

void fill_entry(const ControlFiles& files, const std::string& prefix, wire::v1::MemoryEntry& entry) {
  entry.set_usage(files.number(prefix + "usage_in_bytes"));
  entry.set_max(files.number(prefix + "max_usage_in_bytes"));
  entry.set_limit(files.number(prefix + "limit_in_bytes"));
  entry.set_failcnt(files.number(prefix + "failcnt"));
}

void fill_memory_v1(const ControlFiles& files, wire::v1::MemoryStat& memory) {
  const Table stat = files.table("memory.stat");
  memory.set_cache(at(stat, "cache"));
  memory.set_rss(at(stat, "rss"));
  memory.set_rss_huge(at(stat, "rss_huge"));
  memory.set_mapped_file(at(stat, "mapped_file"));
  memory.set_dirty(at(stat, "dirty"));
  memory.set_writeback(at(stat, "writeback"));
  memory.set_pg_pg_in(at(stat, "pgpgin"));
  memory.set_pg_pg_out(at(stat, "pgpgout"));
  memory.set_pg_fault(at(stat, "pgfault"));
  memory.set_pg_maj_fault(at(stat, "pgmajfault"));
  memory.set_inactive_anon(at(stat, "inactive_anon"));
  memory.set_active_anon(at(stat, "active_anon"));
  memory.set_inactive_file(at(stat, "inactive_file"));
  memory.set_active_file(at(stat, "active_file"));
  memory.set_unevictable(at(stat, "unevictable"));
  memory.set_hierarchical_memory_limit(at(stat, "hierarchical_memory_limit"));
  memory.set_hierarchical_swap_limit(at(stat, "hierarchical_memsw_limit"));
  memory.set_total_cache(at(stat, "total_cache"));
  memory.set_total_rss(at(stat, "total_rss"));
  memory.set_total_rss_huge(at(stat, "total_rss_huge"));
  memory.set_total_mapped_file(at(stat, "total_mapped_file"));
  memory.set_total_dirty(at(stat, "total_dirty"));
  memory.set_total_writeback(at(stat, "total_writeback"));
  memory.set_total_pg_pg_in(at(stat, "total_pgpgin"));
  memory.set_total_pg_pg_out(at(stat, "total_pgpgout"));
  memory.set_total_pg_fault(at(stat, "total_pgfault"));
  memory.set_total_pg_maj_fault(at(stat, "total_pgmajfault"));
  memory.set_total_inactive_anon(at(stat, "total_inactive_anon"));
  memory.set_total_active_anon(at(stat, "total_active_anon"));
  memory.set_total_inactive_file(at(stat, "total_inactive_file"));
  memory.set_total_active_file(at(stat, "total_active_file"));
  memory.set_total_unevictable(at(stat, "total_unevictable"));
  fill_entry(files, "memory.", *memory.mutable_usage());
  fill_entry(files, "memory.memsw.", *memory.mutable_swap());
  fill_entry(files, "memory.kmem.", *memory.mutable_kernel());
  fill_entry(files, "memory.kmem.tcp.", *memory.mutable_kernel_tcp());
}

// Lines "8:0 Read 4096".
template <typename Entries>
void fill_block_io(const ControlFiles& files, const std::string& file, Entries& entries) {
  std::istringstream lines(files.text(file));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    uint64_t major = 0;
    uint64_t minor = 0;
    uint64_t value = 0;
    char colon = 0;
    std::string operation;
    if (!(words >> major >> colon >> minor >> operation >> value)) continue;
    auto& entry = *entries.Add();
    entry.set_op(operation);
    entry.set_major(major);
    entry.set_minor(minor);
    entry.set_value(value);
  }
}

std::string metrics_v1(const ControlFiles& files, const std::vector<std::string>& cgroups) {
  wire::v1::Metrics metrics;
  metrics.mutable_pids()->set_current(files.number("pids.current"));
  metrics.mutable_pids()->set_limit(pids_limit(files));
  const Table times = files.table("cpuacct.stat");
  wire::v1::CpuUsage& usage = *metrics.mutable_cpu()->mutable_usage();
  usage.set_total(files.number("cpuacct.usage"));
  usage.set_kernel(at(times, "system") * kNanosecondsPerTick);
  usage.set_user(at(times, "user") * kNanosecondsPerTick);
  std::istringstream words(files.text("cpuacct.usage_percpu"));
  for (uint64_t value = 0; words >> value;) usage.add_per_cpu(value);
  const Table throttling = files.table("cpu.stat");
  metrics.mutable_cpu()->mutable_throttling()->set_periods(at(throttling, "nr_periods"));
  metrics.mutable_cpu()->mutable_throttling()->set_throttled_periods(at(throttling, "nr_throttled"));
  metrics.mutable_cpu()->mutable_throttling()->set_throttled_time(at(throttling, "throttled_time"));
  fill_memory_v1(files, *metrics.mutable_memory());
  const Table oom = files.table("memory.oom_control");
  metrics.mutable_memory_oom_control()->set_oom_kill_disable(at(oom, "oom_kill_disable"));
  metrics.mutable_memory_oom_control()->set_under_oom(at(oom, "under_oom"));
  metrics.mutable_memory_oom_control()->set_oom_kill(at(oom, "oom_kill"));
  wire::v1::BlockIoStat& block = *metrics.mutable_blkio();
  fill_block_io(files, "blkio.throttle.io_service_bytes_recursive", *block.mutable_io_service_bytes_recursive());
  fill_block_io(files, "blkio.throttle.io_serviced_recursive", *block.mutable_io_serviced_recursive());
  for (const std::string& size : huge_page_sizes(cgroups, ".usage_in_bytes")) {
    wire::v1::HugetlbStat& entry = *metrics.add_hugetlb();
    entry.set_pagesize(size);
    entry.set_usage(files.number("hugetlb." + size + ".usage_in_bytes"));
    entry.set_max(files.number("hugetlb." + size + ".max_usage_in_bytes"));
    entry.set_failcnt(files.number("hugetlb." + size + ".failcnt"));
  }
  return metrics.SerializeAsString();
}

void fill_memory_v2(const ControlFiles& files, wire::v2::MemoryStat& memory) {
  const Table stat = files.table("memory.stat");
  memory.set_anon(at(stat, "anon"));
  memory.set_file(at(stat, "file"));
  memory.set_kernel_stack(at(stat, "kernel_stack"));
  memory.set_slab(at(stat, "slab"));
  memory.set_sock(at(stat, "sock"));
  memory.set_shmem(at(stat, "shmem"));
  memory.set_file_mapped(at(stat, "file_mapped"));
  memory.set_file_dirty(at(stat, "file_dirty"));
  memory.set_file_writeback(at(stat, "file_writeback"));
  memory.set_anon_thp(at(stat, "anon_thp"));
  memory.set_inactive_anon(at(stat, "inactive_anon"));
  memory.set_active_anon(at(stat, "active_anon"));
  memory.set_inactive_file(at(stat, "inactive_file"));
  memory.set_active_file(at(stat, "active_file"));
  memory.set_unevictable(at(stat, "unevictable"));
  memory.set_slab_reclaimable(at(stat, "slab_reclaimable"));
  memory.set_slab_unreclaimable(at(stat, "slab_unreclaimable"));
  memory.set_pgfault(at(stat, "pgfault"));
  memory.set_pgmajfault(at(stat, "pgmajfault"));
  memory.set_workingset_refault(at(stat, "workingset_refault_anon") + at(stat, "workingset_refault_file"));
  memory.set_workingset_activate(at(stat, "workingset_activate_anon") + at(stat, "workingset_activate_file"));
  memory.set_workingset_nodereclaim(at(stat, "workingset_nodereclaim"));
  memory.set_pgrefill(at(stat, "pgrefill"));
  memory.set_pgscan(at(stat, "pgscan"));
  memory.set_pgsteal(at(stat, "pgsteal"));
  memory.set_pgactivate(at(stat, "pgactivate"));
  memory.set_pgdeactivate(at(stat, "pgdeactivate"));
  memory.set_pglazyfree(at(stat, "pglazyfree"));
  memory.set_pglazyfreed(at(stat, "pglazyfreed"));
  memory.set_thp_fault_alloc(at(stat, "thp_fault_alloc"));
  memory.set_thp_collapse_alloc(at(stat, "thp_collapse_alloc"));
  memory.set_usage(files.number("memory.current"));
  memory.set_usage_limit(files.number("memory.max"));
  memory.set_max_usage(files.number("memory.peak"));
  memory.set_swap_usage(files.number("memory.swap.current"));
  memory.set_swap_limit(files.number("memory.swap.max"));
  memory.set_swap_max_usage(files.number("memory.swap.peak"));
}

// Lines "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6".
void fill_io_v2(const ControlFiles& files, wire::v2::IoStat& io) {
  std::istringstream lines(files.text("io.stat"));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    uint64_t major = 0;
    uint64_t minor = 0;
    char colon = 0;
    if (!(words >> major >> colon >> minor)) continue;
    wire::v2::IoEntry& entry = *io.add_usage();
    entry.set_major(major);
    entry.set_minor(minor);
    for (std::string word; words >> word;) {
      const size_t equals = word.find('=');
      if (equals == std::string::npos) continue;
      const std::string name = word.substr(0, equals);
      const uint64_t value = std::strtoull(word.c_str() + equals + 1, nullptr, 10);
      if (name == "rbytes") entry.set_rbytes(value);
      if (name == "wbytes") entry.set_wbytes(value);
      if (name == "rios") entry.set_rios(value);
      if (name == "wios") entry.set_wios(value);
    }
  }
}

std::string metrics_v2(const ControlFiles& files, const std::vector<std::string>& cgroups) {
  wire::v2::Metrics metrics;
  metrics.mutable_pids()->set_current(files.number("pids.current"));
  metrics.mutable_pids()->set_limit(pids_limit(files));
  const Table cpu = files.table("cpu.stat");
  metrics.mutable_cpu()->set_usage_usec(at(cpu, "usage_usec"));
  metrics.mutable_cpu()->set_user_usec(at(cpu, "user_usec"));
  metrics.mutable_cpu()->set_system_usec(at(cpu, "system_usec"));
  metrics.mutable_cpu()->set_nr_periods(at(cpu, "nr_periods"));
  metrics.mutable_cpu()->set_nr_throttled(at(cpu, "nr_throttled"));
  metrics.mutable_cpu()->set_throttled_usec(at(cpu, "throttled_usec"));
  fill_memory_v2(files, *metrics.mutable_memory());
  const Table events = files.table("memory.events");
  metrics.mutable_memory_events()->set_low(at(events, "low"));
  metrics.mutable_memory_events()->set_high(at(events, "high"));
  metrics.mutable_memory_events()->set_max(at(events, "max"));
  metrics.mutable_memory_events()->set_oom(at(events, "oom"));
  metrics.mutable_memory_events()->set_oom_kill(at(events, "oom_kill"));
  fill_io_v2(files, *metrics.mutable_io());
  for (const std::string& size : huge_page_sizes(cgroups, ".current")) {
    wire::v2::HugetlbStat& entry = *metrics.add_hugetlb();
    entry.set_pagesize(size);
    entry.set_current(files.number("hugetlb." + size + ".current"));
    entry.set_max(files.number("hugetlb." + size + ".max"));
  }
  return metrics.SerializeAsString();
}

}  // namespace

Result<Metrics> read_metrics(const std::vector<std::string>& cgroups) {
  if (cgroups.empty()) return Error(ENOENT, "cgroup does not exist");
  const ControlFiles files(cgroups);
  bool v1 = false;
  bool v2 = false;
  for (const std::string& directory : cgroups) {
    const bool unified = access((directory + "/cgroup.controllers").c_str(), F_OK) == 0;
    v2 |= unified;
    v1 |= !unified && access((directory + "/cgroup.procs").c_str(), F_OK) == 0;
  }
  if (v1) return Metrics{"io.containerd.cgroups.v1.Metrics", metrics_v1(files, cgroups)};
  if (v2) return Metrics{"io.containerd.cgroups.v2.Metrics", metrics_v2(files, cgroups)};
  return Error(ENOENT, "cgroup does not exist");
}

}  // namespace litebox::containerd
