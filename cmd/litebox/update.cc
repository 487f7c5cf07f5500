// update: other resource limits for a container that exists.
#include <charconv>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "cmd/litebox/arguments.h"
#include "cmd/litebox/command.h"
#include "oci/json_document.h"
#include "oci/resources_reader.h"
#include "runtime/operations.h"

namespace litebox::command {
namespace {

using Json = nlohmann::json;

// An option and its place in the resources document.
struct Limit {
  const char* option;
  const char* group;
  const char* member;
  enum Kind { number, size, text } kind;
  const char* help;
};

constexpr Limit kLimits[] = {
    {"blkio-weight", "blockIO", "weight", Limit::number, "weight of block I/O, 10 to 1000"},
    {"cpu-period", "cpu", "period", Limit::number, "CPU period in microseconds"},
    {"cpu-quota", "cpu", "quota", Limit::number, "CPU time in a period, in microseconds"},
    {"cpu-burst", "cpu", "burst", Limit::number, "CPU time that may be saved up, in microseconds"},
    {"cpu-share", "cpu", "shares", Limit::number, "CPU shares"},
    {"cpu-rt-period", "cpu", "realtimePeriod", Limit::number, "real-time period in microseconds"},
    {"cpu-rt-runtime", "cpu", "realtimeRuntime", Limit::number, "real-time CPU time in a period, in microseconds"},
    {"cpu-idle", "cpu", "idle", Limit::number, "1: run only when the processor is idle"},
    {"cpuset-cpus", "cpu", "cpus", Limit::text, "processors"},
    {"cpuset-mems", "cpu", "mems", Limit::text, "memory nodes"},
    {"memory", "memory", "limit", Limit::size, "memory in bytes"},
    {"memory-reservation", "memory", "reservation", Limit::size, "soft limit of memory in bytes"},
    {"memory-swap", "memory", "swap", Limit::size, "memory and swap together in bytes; -1: unlimited"},
    {"pids-limit", "pids", "limit", Limit::number, "number of processes; -1: unlimited"},
};

// "64", "64k", "64M", "1g".
Result<int64_t> parse_number(const std::string& text, Limit::Kind kind) {
  int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, number);
  std::string unit(stop, end);
  if (!unit.empty() && (unit.back() == 'b' || unit.back() == 'B')) unit.pop_back();
  int shift = 0;
  if (kind == Limit::size && unit.size() == 1) {
    const size_t position = std::string("kmgtKMGT").find(unit);
    if (position != std::string::npos) {
      shift = 10 * static_cast<int>(position % 4 + 1);
      unit.clear();
    }
  }
  if (failure != std::errc() || !unit.empty() || number > (INT64_MAX >> shift) || number < (INT64_MIN >> shift)) {
    return Error("invalid value \"" + text + "\"");
  }
  return number * (int64_t{1} << shift);
}

Result<Json> document_of_options(const Arguments& options) {
  Json document = Json::object();
  for (const Limit& limit : kLimits) {
    const auto text = options.value(limit.option);
    if (!text) continue;
    if (limit.kind == Limit::text) {
      document[limit.group][limit.member] = *text;
    } else {
      auto number = parse_number(*text, limit.kind);
      if (!number.ok()) return std::move(number).error().within("--" + std::string(limit.option));
      document[limit.group][limit.member] = *number;
    }
  }
  return document;
}

Result<Json> read_resources_document(const std::string& path) {
  if (path != "-") {
    LITEBOX_ASSIGN(const std::string text, oci::read_document(path));
    return oci::parse_document(text, path);
  }
  const std::string text{std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
  return oci::parse_document(text, "standard input");
}

}  // namespace

Result<int> update(Globals& globals, const std::vector<std::string>& arguments) {
  CommandLine line("update", "CONTAINER", "Changes the resource limits of a container.");
  line.option("resources", "FILE", "limits as JSON, \"-\" for standard input; takes the place of all other options", 'r');
  for (const Limit& limit : kLimits) line.option(limit.option, limit.kind == Limit::text ? "LIST" : "N", limit.help);
  const auto options = line.words(1, 1).parse(arguments);
  if (!options) return line.exit_code();
  const auto file = options->value("resources");
  LITEBOX_ASSIGN(const Json document, file ? read_resources_document(*file) : document_of_options(*options));
  oci::Reader reader("resources", document);
  const oci::Resources resources = oci::read_resources(reader.root());
  LITEBOX_TRY(reader.status());
  LITEBOX_TRY(runtime::update_container(globals.root.path, options->words()[0], resources));
  return 0;
}

}  // namespace litebox::command
