// Build-time program: syscalls.yaml in; the table's data, the handlers' declarations and the dispatch out.
//
//   generate_table syscalls.yaml table_data.cc handlers.h dispatch.cc
#include <cctype>
#include <fstream>
#include <iostream>
#include <iterator>
#include <set>
#include <sstream>

#include "shim/table/generator/spec.h"

namespace litebox::table::generator {
namespace {

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

// An expression with every name promoted to an integer, so that enumerators of different types can be joined.
std::string integral(const std::string& expression) {
  std::string result;
  bool in_word = false;
  for (const char c : expression) {
    const bool word = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == ':';
    if (word && !in_word && std::isalpha(static_cast<unsigned char>(c)) != 0) result += '+';
    in_word = word;
    result += c;
  }
  return result;
}

std::string constant(const std::string& expression, int width) {
  if (expression.empty()) return "{{}, cut" + std::to_string(width) + "(~uint64_t{0})}";
  return "{" + quoted(expression) + ", cut" + std::to_string(width) + "(static_cast<uint64_t>(" + integral(expression) + "))}";
}

std::string decision(const DecisionSpec& spec) {
  if (spec.route.empty()) return "{Route::refused, 0}";
  return "{Route::" + spec.route + ", " + (spec.error.empty() ? "0" : spec.error) + "}";
}

std::string bits(const std::vector<std::string>& conditions) {
  if (conditions.empty()) return "0";
  std::string result;
  for (const std::string& condition : conditions) result += (result.empty() ? "kBit_" : " | kBit_") + condition;
  return result;
}

std::string when(const WhenSpec& spec) { return "{" + bits(spec.required) + ", " + bits(spec.forbidden) + "}"; }

// Writes an array of `elements` and returns what a span of it is made from.
std::string array(std::ostream& out, const std::string& type, const std::string& name,
                  const std::vector<std::string>& elements) {
  if (elements.empty()) return "{}";
  out << "constexpr " << type << ' ' << name << "[] = {\n";
  for (const std::string& element : elements) out << "    " << element << ",\n";
  out << "};\n";
  return name;
}

std::string kinds(std::ostream& out, const std::string& name, const std::vector<std::string>& arguments) {
  std::vector<std::string> elements;
  elements.reserve(arguments.size());
  for (const std::string& kind : arguments) elements.push_back("Kind::" + kind);
  return array(out, "Kind", "kKinds_" + name, elements);
}

std::string matches(std::ostream& out, const std::string& name, const std::vector<MatchSpec>& specs) {
  std::vector<std::string> elements;
  for (size_t i = 0; i < specs.size(); ++i) {
    const MatchSpec& spec = specs[i];
    std::vector<std::string> values;
    for (const std::string& value : spec.values) values.push_back(constant(value, spec.width));
    const std::string span = array(out, "Constant", "kValues_" + name + "_" + std::to_string(i), values);
    elements.push_back("{" + std::to_string(spec.argument) + ", " + std::to_string(spec.width) + ", " +
                       (spec.negated ? "true" : "false") + ", " + constant(spec.mask, spec.width) + ", " + span + "}");
  }
  return array(out, "Match", "kMatches_" + name, elements);
}

std::string rules(std::ostream& out, const EntrySpec& entry) {
  std::vector<std::string> elements;
  for (size_t i = 0; i < entry.rules.size(); ++i) {
    const RuleSpec& rule = entry.rules[i];
    const std::string span = matches(out, entry.name + "_" + std::to_string(i), rule.matches);
    elements.push_back("{" + when(rule.when) + ", " + span + ", " + decision(rule.decision) + ", " + quoted(rule.reason) + "}");
  }
  return array(out, "Rule", "kRules_" + entry.name, elements);
}

std::string overrides(std::ostream& out, const EntrySpec& entry) {
  std::vector<std::string> elements;
  for (const OverrideSpec& other : entry.overrides)
    elements.push_back("{" + when(other.when) + ", " + decision(other.decision) + "}");
  return array(out, "Override", "kOverrides_" + entry.name, elements);
}

constexpr const char* kBanner = "// Generated from shim/table/syscalls.yaml.\n";

std::string table_data(const Spec& spec) {
  std::ostringstream out;
  out << kBanner;
  for (const char* header :
       {"asm/termbits.h",      "fcntl.h",       "linux/fiemap.h", "linux/fs.h",      "linux/kd.h",     "linux/netlink.h",
        "linux/personality.h", "linux/prctl.h", "linux/sched.h",  "linux/seccomp.h", "linux/serial.h", "linux/sockios.h",
        "linux/stat.h",        "linux/tcp.h",   "linux/udp.h",    "linux/vt.h",      "netinet/in.h",   "sys/ioctl.h",
        "sys/resource.h",      "sys/socket.h",  "sys/wait.h"}) {
    out << "#include <" << header << ">\n";
  }
  out << "\n#include <cerrno>\n\n#include \"shim/guest/abi.h\"\n#include \"shim/table/table.h\"\n\n";
  for (const auto& [name, value] : spec.constants)
    out << "#ifndef " << name << "\n#define " << name << ' ' << value << "\n#endif\n";
  out << "\nnamespace litebox::table {\nnamespace {\n\n"
         "constexpr uint64_t cut32(uint64_t value) { return value & 0xffffffffU; }\n"
         "constexpr uint64_t cut64(uint64_t value) { return value; }\n"
         "enum : unsigned {\n"
         "#define LITEBOX_CONDITION(name) kPosition_##name,\n"
         "  LITEBOX_TABLE_CONDITIONS(LITEBOX_CONDITION)\n"
         "#undef LITEBOX_CONDITION\n"
         "  kPositions\n};\n"
         "static_assert(kPositions == kConditionCount);\n"
         "#define LITEBOX_CONDITION(name) [[maybe_unused]] constexpr ConditionBits kBit_##name = 1U << kPosition_##name;\n"
         "LITEBOX_TABLE_CONDITIONS(LITEBOX_CONDITION)\n"
         "#undef LITEBOX_CONDITION\n\n";
  std::vector<std::string> entries;
  for (const EntrySpec& entry : spec.entries) {
    std::string element = "{" + std::to_string(entry.number) + ", " + quoted(entry.name) + ", " + quoted(entry.handler) + ", ";
    element +=
        kinds(out, entry.name, entry.arguments) + ", " + decision(entry.decision) + ", " + decision(entry.otherwise) + ", ";
    element +=
        std::string(entry.pending ? "true" : "false") + ", " + rules(out, entry) + ", " + overrides(out, entry) + ",\n     ";
    element += quoted(entry.reason) + "}";
    entries.push_back(element);
  }
  array(out, "Entry", "kEntries", entries);
  std::vector<std::string> hypercalls;
  for (const HypercallSpec& call : spec.hypercalls) {
    hypercalls.push_back("{" + call.number + ", " + quoted(call.name) + ", " +
                         kinds(out, "hypercall_" + call.name, call.arguments) + "}");
  }
  array(out, "Hypercall", "kHypercalls", hypercalls);
  out << "\n}  // namespace\n\n"
         "std::span<const Entry> entries() { return kEntries; }\n"
         "std::span<const Hypercall> hypercalls() { return kHypercalls; }\n\n"
         "}  // namespace litebox::table\n";
  return out.str();
}

std::string handlers(const Spec& spec) {
  std::ostringstream out;
  out << kBanner << "#pragma once\n\nnamespace litebox::syscalls {\n\nclass Call;\nclass Reply;\n\n";
  std::set<std::string> declared;
  for (const EntrySpec& entry : spec.entries) {
    if (entry.handler.empty() || entry.pending || !declared.insert(entry.handler).second) continue;
    out << "Reply " << entry.handler << "(Call& call);\n";
  }
  out << "\n}  // namespace litebox::syscalls\n";
  return out.str();
}

std::string dispatch(const Spec& spec) {
  std::ostringstream out;
  out << kBanner
      << "#include \"shim/syscalls/dispatch.h\"\n#include \"shim/table/handlers.h\"\n\nnamespace litebox::syscalls {\n\n"
      << "Handler find_handler(int64_t number) {\n  switch (number) {\n";
  for (const EntrySpec& entry : spec.entries) {
    if (entry.handler.empty() || entry.pending) continue;
    out << "    case " << entry.number << ":\n      return " << entry.handler << ";\n";
  }
  out << "    default:\n      return nullptr;\n  }\n}\n\n}  // namespace litebox::syscalls\n";
  return out.str();
}

std::string content_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// A file that says the same already stays as it is: what includes it is not compiled again.
bool write(const std::string& path, const std::string& content) {
  if (content_of(path) == content) return true;
  std::ofstream file(path, std::ios::trunc);
  file << content;
  file.close();
  if (!file) std::cerr << path << ": cannot be written\n";
  return file.good();
}

}  // namespace
}  // namespace litebox::table::generator

int main(int argc, char** argv) {
  namespace generator = litebox::table::generator;
  if (argc != 5) {
    std::cerr << "usage: generate_table syscalls.yaml table_data.cc handlers.h dispatch.cc\n";
    return 2;
  }
  const generator::Reading reading = generator::read_spec(argv[1]);
  for (const std::string& problem : reading.problems) std::cerr << problem << '\n';
  if (!reading.problems.empty()) return 1;
  const bool written = generator::write(argv[2], generator::table_data(reading.spec)) &&
                       generator::write(argv[3], generator::handlers(reading.spec)) &&
                       generator::write(argv[4], generator::dispatch(reading.spec));
  return written ? 0 : 1;
}
