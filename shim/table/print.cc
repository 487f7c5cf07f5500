#include "shim/table/print.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <iomanip>
#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>

namespace litebox::table {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, kConditionCount> kConditionNames = {
#define LITEBOX_CONDITION(name) #name,
    LITEBOX_TABLE_CONDITIONS(LITEBOX_CONDITION)
#undef LITEBOX_CONDITION
};

constexpr std::string_view kKindNames[] = {
#define LITEBOX_KIND(name, bits) #name,
    LITEBOX_ARGUMENT_KINDS(LITEBOX_KIND)
#undef LITEBOX_KIND
};

// What a reader wants to know first.
enum class Standing { native, by_argument, monitor, not_yet, refused };
constexpr std::array<std::string_view, 5> kStandingNames = {"native", "by argument", "monitor", "not yet", "refused"};

Standing standing_of(const Entry& entry) {
  switch (entry.decision.route) {
    case Route::native:
      return Standing::native;
    case Route::argument:
      return Standing::by_argument;
    case Route::monitor:
      return entry.pending ? Standing::not_yet : Standing::monitor;
    case Route::refused:
      break;
  }
  return Standing::refused;
}

std::string_view standing_name(const Entry& entry) { return kStandingNames[static_cast<size_t>(standing_of(entry))]; }

// "native", "monitor", "monitor (not yet)", "EPERM".
std::string describe(const Entry& entry, Decision decision) {
  if (decision.route == Route::refused) return std::string(errno_name(decision.error));
  std::string text(name(decision.route));
  if (decision.route == Route::monitor && entry.pending) text += " (not yet)";
  return text;
}

std::string joined(const std::vector<std::string>& parts, std::string_view separator) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : std::string(separator)) + part;
  return text;
}

// A rule's or an override's condition and comparisons.
std::string describe(const Rule& rule) {
  std::vector<std::string> parts;
  for (const Match& match : rule.matches) parts.push_back(table::describe(match));
  if (const std::string when = table::describe(rule.when); !when.empty()) parts.push_back(when);
  return joined(parts, " and ");
}

// All that a line says after the route: other routes, errno and reason.
std::string note(const Entry& entry) {
  std::vector<std::string> parts;
  if (entry.decision.route == Route::refused) parts.push_back(std::string(errno_name(entry.decision.error)) + ".");
  for (const Override& other : entry.overrides) {
    std::string text = describe(entry, other.decision) + " if " + table::describe(other.when) + ".";
    text.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(text.front())));
    parts.push_back(std::move(text));
  }
  if (!entry.reason.empty()) parts.emplace_back(entry.reason);
  return joined(parts, " ");
}

Json json_of(const Entry& entry, Decision decision) {
  Json json{{"route", name(decision.route)}};
  if (decision.route == Route::refused) json["errno"] = errno_name(decision.error);
  if (decision.route == Route::monitor && entry.pending) json["pending"] = true;
  return json;
}

Json json_of(const When& when) {
  Json json = Json::object();
  for (size_t i = 0; i < kConditionCount; ++i) {
    if (((when.required >> i) & 1U) != 0) json[std::string(kConditionNames[i])] = true;
    if (((when.forbidden >> i) & 1U) != 0) json[std::string(kConditionNames[i])] = false;
  }
  return json;
}

Json json_of(const Match& match) {
  Json json{{"argument", match.argument}, {"width", match.width}};
  if (!match.mask.text.empty()) json["mask"] = {{"text", match.mask.text}, {"value", match.mask.value}};
  json["negated"] = match.negated;
  for (const Constant& constant : match.values) json["values"].push_back({{"text", constant.text}, {"value", constant.value}});
  return json;
}

Json kinds_of(std::span<const Kind> kinds) {
  Json json = Json::array();
  for (const Kind kind : kinds) json.push_back(kKindNames[static_cast<size_t>(kind)]);
  return json;
}

Json json_of(const Entry& entry) {
  Json json{{"number", entry.number}, {"name", entry.name}, {"arguments", kinds_of(entry.arguments)}};
  json.update(json_of(entry, entry.decision));
  for (const Override& other : entry.overrides) {
    Json one{{"if", json_of(other.when)}};
    one.update(json_of(entry, other.decision));
    json["when"].push_back(std::move(one));
  }
  for (const Rule& rule : entry.rules) {
    Json one = Json::object();
    if (rule.when.required != 0 || rule.when.forbidden != 0) one["if"] = json_of(rule.when);
    for (const Match& match : rule.matches) one["match"].push_back(json_of(match));
    one.update(json_of(entry, rule.decision));
    if (!rule.reason.empty()) one["reason"] = rule.reason;
    json["rules"].push_back(std::move(one));
  }
  if (entry.decision.route == Route::argument) json["otherwise"] = json_of(entry, entry.otherwise);
  if (!entry.reason.empty()) json["reason"] = entry.reason;
  return json;
}

std::string print_json() {
  Json json;
  for (const Entry& entry : entries()) json["syscalls"].push_back(json_of(entry));
  for (const Hypercall& call : hypercalls()) {
    json["hypercalls"].push_back({{"number", call.number}, {"name", call.name}, {"arguments", kinds_of(call.arguments)}});
  }
  return json.dump(2) + "\n";
}

// Columns of the table, in characters.
constexpr int kNumberColumn = 5;
constexpr int kNameColumn = 25;
constexpr int kRouteColumn = 19;

std::string print_table() {
  std::ostringstream out;
  out << std::left << std::setw(kNumberColumn) << "NR" << std::setw(kNameColumn) << "NAME" << std::setw(kRouteColumn) << "ROUTE"
      << "REASON\n";
  for (const Entry& entry : entries()) {
    out << std::setw(kNumberColumn) << entry.number << std::setw(kNameColumn) << entry.name << std::setw(kRouteColumn)
        << standing_name(entry) << note(entry) << '\n';
    for (const Rule& rule : entry.rules) {
      out << std::string(kNumberColumn + kNameColumn, ' ') << std::setw(kRouteColumn) << describe(entry, rule.decision) << "if "
          << describe(rule) << '\n';
    }
    if (!entry.rules.empty())
      out << std::string(kNumberColumn + kNameColumn, ' ') << std::setw(kRouteColumn) << describe(entry, entry.otherwise)
          << "otherwise\n";
  }
  return out.str();
}

// `text` where a table's cell is.
std::string cell(std::string text) {
  for (size_t at = text.find('|'); at != std::string::npos; at = text.find('|', at + 2)) text.replace(at, 1, "\\|");
  return text;
}

std::string print_markdown() {
  std::array<size_t, kStandingNames.size()> counts{};
  for (const Entry& entry : entries()) ++counts[static_cast<size_t>(standing_of(entry))];
  std::ostringstream out;
  out << "| route | calls | what that means |\n|---|---|---|\n";
  constexpr std::array<std::string_view, kStandingNames.size()> kMeanings = {
      "the kernel does it, at full speed", "register values decide", "the monitor does it",
      "ENOSYS until its handler is written", "the errno that Linux gives when the feature is absent or not permitted"};
  for (size_t i = 0; i < counts.size(); ++i) {
    out << "| " << kStandingNames[i] << " | " << counts[i] << " | " << kMeanings[i] << " |\n";
  }
  out << "\nEvery other number, every x32 and every 32-bit call: ENOSYS.\n\n| number | call | route | reason "
         "|\n|---|---|---|---|\n";
  for (const Entry& entry : entries()) {
    std::string text = note(entry);
    for (const Rule& rule : entry.rules) {
      text += "<br>" + describe(entry, rule.decision) + ": " + describe(rule) + ".";
      if (!rule.reason.empty()) text += " " + std::string(rule.reason);
    }
    if (!entry.rules.empty()) text += "<br>" + describe(entry, entry.otherwise) + ": otherwise.";
    out << "| " << entry.number << " | " << entry.name << " | " << standing_name(entry) << " | " << cell(text) << " |\n";
  }
  return out.str();
}

}  // namespace

Result<Format> parse_format(std::string_view text) {
  if (text == "table") return Format::table;
  if (text == "json") return Format::json;
  if (text == "markdown") return Format::markdown;
  return Error(EINVAL, "format '" + std::string(text) + "' (table, json or markdown)");
}

std::string print(Format format) {
  switch (format) {
    case Format::table:
      return print_table();
    case Format::json:
      return print_json();
    case Format::markdown:
      break;
  }
  return print_markdown();
}

std::string describe(const Match& match) {
  std::string text = "argument " + std::to_string(match.argument);
  const bool masked = !match.mask.text.empty();
  if (masked && match.values.size() == 1 && match.values.front().text == "0") {
    return text + (match.negated ? " has any of " : " has none of ") + std::string(match.mask.text);
  }
  if (masked) text += " & " + std::string(match.mask.text);
  std::vector<std::string> values;
  for (const Constant& constant : match.values) values.emplace_back(constant.text);
  return text + (match.negated ? " is not " : " is ") + joined(values, match.negated ? " nor " : " or ");
}

std::string describe(const When& when) {
  std::vector<std::string> parts;
  for (size_t i = 0; i < kConditionCount; ++i) {
    if (((when.required >> i) & 1U) != 0) parts.emplace_back(kConditionNames[i]);
    if (((when.forbidden >> i) & 1U) != 0) parts.push_back("not " + std::string(kConditionNames[i]));
  }
  return joined(parts, " and ");
}

}  // namespace litebox::table
