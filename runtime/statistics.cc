#include "runtime/statistics.h"

#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "runtime/control_files.h"
#include "runtime/status.h"

namespace litebox::runtime {
namespace {

using Json = nlohmann::ordered_json;

uint64_t at(const std::map<std::string, uint64_t>& table, const char* name) {
  const auto found = table.find(name);
  return found == table.end() ? 0 : found->second;
}

Json usage(uint64_t used, uint64_t peak, uint64_t limit, uint64_t failures) {
  return {{"limit", limit}, {"usage", used}, {"max", peak}, {"failcnt", failures}};
}

Json cpu_v1(const ControlFiles& files) {
  constexpr uint64_t nanoseconds_per_tick = 10000000;  // USER_HZ is 100
  const auto times = files.table("cpuacct.stat");
  const auto throttling = files.table("cpu.stat");
  Json per_cpu = Json::array();
  std::istringstream words(files.text("cpuacct.usage_percpu"));
  for (uint64_t value = 0; words >> value;) per_cpu.push_back(value);
  return {{"usage",
           {{"total", files.number("cpuacct.usage")},
            {"percpu", per_cpu},
            {"kernel", at(times, "system") * nanoseconds_per_tick},
            {"user", at(times, "user") * nanoseconds_per_tick}}},
          {"throttling",
           {{"periods", at(throttling, "nr_periods")},
            {"throttledPeriods", at(throttling, "nr_throttled")},
            {"throttledTime", at(throttling, "throttled_time")}}}};
}

Json cpu_v2(const ControlFiles& files) {
  const auto values = files.table("cpu.stat");
  return {{"usage",
           {{"total", at(values, "usage_usec") * 1000},
            {"kernel", at(values, "system_usec") * 1000},
            {"user", at(values, "user_usec") * 1000}}},
          {"throttling",
           {{"periods", at(values, "nr_periods")},
            {"throttledPeriods", at(values, "nr_throttled")},
            {"throttledTime", at(values, "throttled_usec") * 1000}}}};
}

Json memory_v1(const ControlFiles& files) {
  const auto counter = [&](const std::string& prefix) {
    return usage(files.number(prefix + "usage_in_bytes"), files.number(prefix + "max_usage_in_bytes"),
                 files.number(prefix + "limit_in_bytes"), files.number(prefix + "failcnt"));
  };
  const auto raw = files.table("memory.stat");
  return {{"cache", at(raw, "cache")},
          {"usage", counter("memory.")},
          {"swap", counter("memory.memsw.")},
          {"kernel", counter("memory.kmem.")},
          {"kernelTCP", counter("memory.kmem.tcp.")},
          {"raw", raw}};
}

Json memory_v2(const ControlFiles& files) {
  const auto raw = files.table("memory.stat");
  const auto counter = [&](const std::string& prefix) {
    return usage(files.number(prefix + "current"), files.number(prefix + "peak"), files.number(prefix + "max"), 0);
  };
  return {{"cache", at(raw, "file")}, {"usage", counter("memory.")}, {"swap", counter("memory.swap.")}, {"raw", raw}};
}

// Lines "8:0 Read 4096".
Json block_io_v1(const ControlFiles& files, const std::string& file) {
  Json entries = Json::array();
  std::istringstream lines(files.text(file));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    uint64_t major = 0;
    uint64_t minor = 0;
    uint64_t value = 0;
    char colon = 0;
    std::string operation;
    if (words >> major >> colon >> minor >> operation >> value) {
      entries.push_back({{"major", major}, {"minor", minor}, {"op", operation}, {"value", value}});
    }
  }
  return entries;
}

}  // namespace

std::string statistics_of(const std::vector<std::string>& cgroups) {
  const ControlFiles files(cgroups);
  const bool v1 = !files.text("cpuacct.usage").empty() || !files.text("memory.usage_in_bytes").empty();
  const Json data = {{"cpu", v1 ? cpu_v1(files) : cpu_v2(files)},
                     {"memory", v1 ? memory_v1(files) : memory_v2(files)},
                     {"pids", {{"current", files.number("pids.current")}, {"limit", files.number("pids.max")}}},
                     {"blkio",
                      {{"ioServiceBytesRecursive", block_io_v1(files, "blkio.throttle.io_service_bytes_recursive")},
                       {"ioServicedRecursive", block_io_v1(files, "blkio.throttle.io_serviced_recursive")}}},
                     {"hugetlb", Json::object()},
                     {"intel_rdt", Json::object()},
                     {"network_interfaces", Json()}};
  return data.dump();
}

Result<std::string> statistics_event(const std::string& root, const std::string& id) {
  LITEBOX_ASSIGN(const StateDirectory directory, StateDirectory::open(root, id));
  LITEBOX_ASSIGN(const StateRecord record, read_existing_record(directory));
  if (compute_status(directory, record) == ContainerStatus::stopped) return Error("container not running");
  return R"({"type":"stats","id":")" + id + R"(","data":)" + statistics_of(record.container_cgroups) + "}";
}

}  // namespace litebox::runtime
