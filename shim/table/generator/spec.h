// shim/table/syscalls.yaml as structs: read and checked at build time, so that a mistake in it stops the build with its line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace litebox::table::generator {

struct DecisionSpec {
  std::string route;  // native, argument, monitor, refused
  std::string error;  // "EPERM" where refused
};

struct WhenSpec {
  std::vector<std::string> required;
  std::vector<std::string> forbidden;
};

struct MatchSpec {
  unsigned argument = 0;
  int width = 64;
  bool negated = false;
  std::string mask;  // an expression; empty: all bits
  std::vector<std::string> values;
};

struct RuleSpec {
  WhenSpec when;
  std::vector<MatchSpec> matches;
  DecisionSpec decision;
  std::string reason;
};

struct OverrideSpec {
  WhenSpec when;
  DecisionSpec decision;
};

struct EntrySpec {
  int64_t number = -1;
  std::string name;
  std::string handler;  // "sys_open"; empty where no route is the monitor's
  std::vector<std::string> arguments;
  DecisionSpec decision;
  DecisionSpec otherwise;
  bool pending = false;
  std::vector<RuleSpec> rules;
  std::vector<OverrideSpec> overrides;
  std::string reason;

  // Whether any of its routes is `route`.
  bool uses(const std::string& route) const;
};

struct HypercallSpec {
  std::string name;
  std::string number;  // an expression over shim/guest/abi.h
  std::vector<std::string> arguments;
};

struct Spec {
  std::vector<std::pair<std::string, std::string>> constants;  // name, value
  std::vector<HypercallSpec> hypercalls;
  std::vector<EntrySpec> entries;  // by ascending number
};

struct Reading {
  Spec spec;
  std::vector<std::string> problems;  // "file:line: what is wrong"; the spec counts only when there are none
};

Reading read_spec(const std::string& path);

}  // namespace litebox::table::generator
