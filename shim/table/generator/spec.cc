#include "shim/table/generator/spec.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <regex>
#include <set>

#include "shim/table/table.h"

namespace litebox::table::generator {
namespace {

constexpr size_t kRegisters = 6;  // that have arguments

const std::set<std::string> kRoutes = {"native", "argument", "monitor", "refused"};

const std::set<std::string> kConditions = {
#define LITEBOX_CONDITION(name) #name,
    LITEBOX_TABLE_CONDITIONS(LITEBOX_CONDITION)
#undef LITEBOX_CONDITION
};

// The bits that the kernel looks at for a kind's name, or 0 for an unknown kind.
int width_of_kind(const std::string& kind) {
#define LITEBOX_KIND(name, bits) \
  if (kind == #name) return bits;
  LITEBOX_ARGUMENT_KINDS(LITEBOX_KIND)
#undef LITEBOX_KIND
  return 0;
}

class Reader {
 public:
  explicit Reader(std::string path) : path_(std::move(path)) {}

  Reading read() {
    Reading reading;
    YAML::Node root;
    try {
      root = YAML::LoadFile(path_);
    } catch (const YAML::Exception& exception) {
      reading.problems.push_back(path_ + ":" + std::to_string(exception.mark.line + 1) + ": " + exception.msg);
      return reading;
    }
    if (keys(root, {"constants", "hypercalls", "syscalls"})) {
      read_constants(root["constants"], reading.spec);
      for (const YAML::Node& node : root["hypercalls"]) reading.spec.hypercalls.push_back(hypercall(node));
      for (const YAML::Node& node : root["syscalls"]) add_entry(node, reading.spec);
      check_constants_used(root["constants"]);
    }
    reading.problems = std::move(problems_);
    return reading;
  }

 private:
  void problem(const YAML::Node& node, const std::string& text) {
    problems_.push_back(path_ + ":" + std::to_string(node.Mark().line + 1) + ": " + text);
  }

  // Whether `node` is a map with no key but `allowed`, each at most once.
  bool keys(const YAML::Node& node, const std::set<std::string>& allowed) {
    if (!node.IsMap()) {
      problem(node, "a map is expected here");
      return false;
    }
    std::set<std::string> seen;
    for (const auto& pair : node) {
      const std::string key = pair.first.Scalar();
      if (!allowed.contains(key)) problem(pair.first, "unknown key '" + key + "'");
      if (!seen.insert(key).second) problem(pair.first, "key '" + key + "' stands here twice");
    }
    return true;
  }

  std::string text(const YAML::Node& node, const std::string& key, const std::regex& shape) {
    const YAML::Node value = node[key];
    if (!value || !value.IsScalar()) {
      problem(node, "'" + key + "' is missing");
      return {};
    }
    if (!std::regex_match(value.Scalar(), shape)) problem(value, "'" + value.Scalar() + "' is no valid " + key);
    return value.Scalar();
  }

  std::string expression(const YAML::Node& node) {
    static const std::regex shape("~?\\(?(0x[0-9a-f]+|[0-9]+|abi::k[A-Za-z]+|[A-Z][A-Za-z0-9_]*)(\\|[A-Z][A-Za-z0-9_]*)*\\)?");
    if (!node.IsScalar() || !std::regex_match(node.Scalar(), shape)) {
      problem(node, "a number, or names joined by |, is expected here");
      return "0";
    }
    static const std::regex identifier("[A-Z][A-Za-z0-9_]*");
    const std::string& value = node.Scalar();
    for (std::sregex_iterator it(value.begin(), value.end(), identifier), end; it != end; ++it) used_names_.insert(it->str());
    return value;
  }

  void read_constants(const YAML::Node& node, Spec& spec) {
    static const std::regex name("[A-Z][A-Z0-9_]*");
    static const std::regex number("0x[0-9a-f]+|[0-9]+");
    for (const auto& pair : node) {
      if (!std::regex_match(pair.first.Scalar(), name)) problem(pair.first, "no valid name of a constant");
      if (!std::regex_match(pair.second.Scalar(), number)) problem(pair.second, "no valid number");
      spec.constants.emplace_back(pair.first.Scalar(), pair.second.Scalar());
    }
  }

  void check_constants_used(const YAML::Node& node) {
    for (const auto& pair : node) {
      if (!used_names_.contains(pair.first.Scalar())) problem(pair.first, "nothing uses '" + pair.first.Scalar() + "'");
    }
  }

  std::vector<std::string> arguments(const YAML::Node& node) {
    std::vector<std::string> result;
    const YAML::Node list = node["arguments"];
    if (!list || !list.IsSequence() || list.size() > 6) {
      problem(node, "'arguments' must be a list of at most six kinds");
      return result;
    }
    for (const YAML::Node& kind : list) {
      if (width_of_kind(kind.Scalar()) == 0) problem(kind, "unknown kind of argument '" + kind.Scalar() + "'");
      result.push_back(kind.Scalar());
    }
    return result;
  }

  HypercallSpec hypercall(const YAML::Node& node) {
    static const std::regex name("[a-z]+");
    static const std::regex number("abi::k[A-Za-z]+");
    HypercallSpec result;
    if (!keys(node, {"name", "number", "arguments"})) return result;
    result.name = text(node, "name", name);
    result.number = text(node, "number", number);
    result.arguments = arguments(node);
    return result;
  }

  // route and errno of a map.
  DecisionSpec decision(const YAML::Node& node) {
    static const std::regex any(".*");
    static const std::regex error_name("E[A-Z0-9]+");
    DecisionSpec result;
    result.route = text(node, "route", any);
    if (!kRoutes.contains(result.route)) problem(node, "unknown route '" + result.route + "'");
    if (result.route == "refused") {
      result.error = text(node, "errno", error_name);
    } else if (node["errno"]) {
      problem(node["errno"], "only what is refused has an errno");
    }
    return result;
  }

  DecisionSpec final_decision(const YAML::Node& node) {
    DecisionSpec result = decision(node);
    if (result.route == "argument") problem(node, "the route by argument is not possible here");
    return result;
  }

  WhenSpec when(const YAML::Node& node) {
    WhenSpec result;
    const YAML::Node list = node["if"];
    if (!list) return result;
    if (!list.IsSequence() || list.size() == 0) {
      problem(list, "'if' must be a list of conditions");
      return result;
    }
    std::set<std::string> seen;
    for (const YAML::Node& condition : list) {
      std::string name = condition.Scalar();
      const bool negative = name.starts_with('!');
      if (negative) name.erase(0, 1);
      if (!kConditions.contains(name)) problem(condition, "unknown condition '" + name + "'");
      if (!seen.insert(name).second) problem(condition, "condition '" + name + "' stands here twice");
      (negative ? result.forbidden : result.required).push_back(name);
    }
    return result;
  }

  MatchSpec match(const YAML::Node& node, const std::vector<std::string>& kinds) {
    static const std::set<std::string> operations = {"equals", "not_equals", "any_bits", "no_bits"};
    MatchSpec result;
    const YAML::Node argument = node["argument"];
    if (!argument || !argument.IsScalar() || argument.Scalar().size() != 1 || argument.Scalar()[0] < '0' ||
        static_cast<size_t>(argument.Scalar()[0] - '0') >= kRegisters) {
      problem(node, "'argument' must be the index of one of the call's arguments, or of a register behind them");
      return result;
    }
    result.argument = static_cast<unsigned>(argument.Scalar()[0] - '0');
    result.width = result.argument < kinds.size() ? width_of_kind(kinds[result.argument]) : 64;
    if (const YAML::Node width = node["width"]) {
      if (width.Scalar() != "32" && width.Scalar() != "64") problem(width, "'width' must be 32 or 64");
      const int explicit_width = width.Scalar() == "32" ? 32 : 64;
      if (explicit_width == result.width) problem(width, "'width' says what the argument's kind says already");
      result.width = explicit_width;
    }

    std::string operation;
    for (const std::string& candidate : operations) {
      if (!node[candidate]) continue;
      if (!operation.empty()) problem(node, "more than one comparison of one argument");
      operation = candidate;
    }
    if (operation.empty()) {
      problem(node, "no comparison");
      return result;
    }
    const YAML::Node operand = node[operation];
    if (operation == "any_bits" || operation == "no_bits") {
      if (node["mask"]) problem(node["mask"], "'mask' goes with equals and not_equals only");
      result.mask = expression(operand);
      result.values = {"0"};
      result.negated = operation == "any_bits";
      return result;
    }
    if (node["mask"]) result.mask = expression(node["mask"]);
    if (operand.IsSequence()) {
      for (const YAML::Node& value : operand) result.values.push_back(expression(value));
    } else {
      result.values.push_back(expression(operand));
    }
    if (result.values.empty()) problem(operand, "no value to compare with");
    if (std::set<std::string>(result.values.begin(), result.values.end()).size() != result.values.size()) {
      problem(operand, "a value stands here twice");
    }
    result.negated = operation == "not_equals";
    return result;
  }

  RuleSpec rule(const YAML::Node& node, const std::vector<std::string>& kinds) {
    static const std::set<std::string> comparison = {"argument",   "width",    "mask",   "equals",
                                                     "not_equals", "any_bits", "no_bits"};
    RuleSpec result;
    std::set<std::string> allowed = {"route", "errno", "if", "reason", "match"};
    allowed.insert(comparison.begin(), comparison.end());
    if (!keys(node, allowed)) return result;
    result.decision = final_decision(node);
    result.when = when(node);
    result.reason = reason(node);
    if (const YAML::Node list = node["match"]) {
      for (const std::string& key : comparison) {
        if (node[key]) problem(node[key], "'" + key + "' beside 'match'");
      }
      for (const YAML::Node& one : list) {
        if (keys(one, comparison)) result.matches.push_back(match(one, kinds));
      }
      if (result.matches.empty()) problem(list, "'match' must be a list of comparisons");
    } else if (node["argument"]) {
      result.matches.push_back(match(node, kinds));
    } else {
      problem(node, "a rule needs 'argument' or 'match'");
    }
    return result;
  }

  std::string reason(const YAML::Node& node) {
    const YAML::Node value = node["reason"];
    if (!value) return {};
    if (!value.IsScalar() || value.Scalar().empty() || !value.Scalar().ends_with('.')) {
      problem(value, "a reason is a sentence");
    }
    return value.Scalar();
  }

  void add_entry(const YAML::Node& node, Spec& spec) {
    static const std::regex number("[0-9]+");
    static const std::regex name("[a-z_][a-z0-9_]*");
    static const std::regex handler("sys_[a-z0-9_]+");
    if (!keys(node, {"number", "name", "handler", "arguments", "route", "errno", "rules", "otherwise", "when", "pending",
                     "reason"})) {
      return;
    }
    EntrySpec entry;
    const std::string digits = text(node, "number", number);
    if (std::regex_match(digits, number) && digits.size() < 10) entry.number = std::stoll(digits);
    entry.name = text(node, "name", name);
    entry.arguments = arguments(node);
    entry.decision = decision(node);
    entry.reason = reason(node);
    for (const YAML::Node& one : node["rules"]) entry.rules.push_back(rule(one, entry.arguments));
    for (const YAML::Node& one : node["when"]) {
      if (!keys(one, {"if", "route", "errno"})) continue;
      if (!one["if"]) problem(one, "'if' is missing");
      entry.overrides.push_back({when(one), final_decision(one)});
    }
    if (const YAML::Node otherwise = node["otherwise"]) {
      if (otherwise.IsScalar()) {
        YAML::Node map;
        map["route"] = otherwise;
        entry.otherwise = final_decision(map);
      } else if (keys(otherwise, {"route", "errno"})) {
        entry.otherwise = final_decision(otherwise);
      }
    }
    if (entry.uses("monitor")) entry.handler = node["handler"] ? text(node, "handler", handler) : "sys_" + entry.name;
    if (node["pending"]) {
      entry.pending = node["pending"].Scalar() == "true";
      if (!entry.pending) problem(node["pending"], "'pending' is true or not there");
    }
    check(node, entry, spec);
    spec.entries.push_back(std::move(entry));
  }

  void check(const YAML::Node& node, const EntrySpec& entry, const Spec& spec) {
    const bool by_argument = entry.decision.route == "argument";
    if (by_argument != !entry.rules.empty()) problem(node, "the route by argument, and no other, has rules");
    if (by_argument != !entry.otherwise.route.empty()) problem(node, "the route by argument, and no other, has 'otherwise'");
    if (!entry.uses("monitor") && (entry.pending || node["handler"])) {
      problem(node, "'pending' and 'handler' are only for calls that the monitor answers");
    }
    if (entry.reason.empty() && (by_argument || entry.uses("native") || entry.uses("refused"))) {
      problem(node, "'" + entry.name + "' needs a reason");
    }
    if (entry.number >= 0 && !spec.entries.empty() && entry.number <= spec.entries.back().number) {
      problem(node, "number " + std::to_string(entry.number) + " is not above the one before");
    }
    if (std::any_of(spec.entries.begin(), spec.entries.end(),
                    [&](const EntrySpec& other) { return other.name == entry.name; })) {
      problem(node, "the name '" + entry.name + "' stands here twice");
    }
  }

  std::string path_;
  std::vector<std::string> problems_;
  std::set<std::string> used_names_;
};

}  // namespace

bool EntrySpec::uses(const std::string& route) const {
  return decision.route == route || otherwise.route == route ||
         std::any_of(rules.begin(), rules.end(), [&](const RuleSpec& rule) { return rule.decision.route == route; }) ||
         std::any_of(overrides.begin(), overrides.end(),
                     [&](const OverrideSpec& other) { return other.decision.route == route; });
}

Reading read_spec(const std::string& path) { return Reader(path).read(); }

}  // namespace litebox::table::generator
