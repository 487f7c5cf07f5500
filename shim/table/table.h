// The system call table: what shim/table/syscalls.yaml says, as constant data.
//
// The filter, the dispatch and the decoder are all made from it, so that they cannot disagree.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "shim/table/kinds.h"

namespace litebox::table {

// What a container's host lets it do; the same facts as kernel::Mode, which this library must not know.
struct Conditions {
  bool translated_ids = false;
  bool own_network = false;
  bool host_network = false;
  bool own_loopback = false;
  bool confined_root = false;
  bool signal_scope = false;
  bool confined_tree = false;
};

// X(name): every condition, in the order of its bit.
#define LITEBOX_TABLE_CONDITIONS(X) \
  X(translated_ids) X(own_network) X(host_network) X(own_loopback) X(confined_root) X(signal_scope) X(confined_tree)

constexpr size_t kConditionCount = 7;

// A set of conditions as bits, for the generated data.
using ConditionBits = uint8_t;
ConditionBits bits_of(const Conditions& conditions);
Conditions conditions_of(ConditionBits bits);

enum class Route : uint8_t { native, argument, monitor, refused };

enum class Kind : uint8_t {
#define LITEBOX_KIND(name, bits) name,
  LITEBOX_ARGUMENT_KINDS(LITEBOX_KIND)
#undef LITEBOX_KIND
};

// How many low bits of the register the kernel looks at: 32 or 64.
int width_of(Kind kind);

struct Constant {
  std::string_view text;  // as the table spells it
  uint64_t value;         // cut to the comparison's width
};

// One comparison: (argument & mask) is one of `values`, or none of them when `negated`; only the low `width` bits count.
struct Match {
  uint8_t argument;
  uint8_t width;  // 32 or 64
  bool negated;
  Constant mask;  // text empty: all of `width`
  std::span<const Constant> values;

  bool holds(uint64_t register_value) const;
};

// Conditions under which a rule or an override counts.
struct When {
  ConditionBits required = 0;
  ConditionBits forbidden = 0;

  bool holds(const Conditions& conditions) const;
};

// A route that is not `argument`: its errno is set where it is `refused`.
struct Decision {
  Route route;
  int error = 0;

  bool operator==(const Decision&) const = default;
};

// The first rule whose conditions and comparisons all hold decides.
struct Rule {
  When when;
  std::span<const Match> matches;  // empty: the conditions alone
  Decision decision;
  std::string_view reason;  // may be empty: the entry's

  bool matches_arguments(const std::array<uint64_t, 6>& arguments) const;
};

struct Override {
  When when;
  Decision decision;
};

struct Entry {
  int64_t number;
  std::string_view name;
  std::string_view handler;  // the C++ function in litebox::syscalls; empty where no route is the monitor's
  std::span<const Kind> arguments;
  Decision decision;   // `argument`: see `rules`, then `otherwise`
  Decision otherwise;  // only for `argument`
  bool pending;        // its handler does not exist yet: what would be the monitor's is refused with ENOSYS
  std::span<const Rule> rules;
  std::span<const Override> overrides;
  std::string_view reason;

  // The route of the number under `conditions`, before any look at arguments. Pending calls of the monitor are refused.
  Decision route(const Conditions& conditions) const;
  // What becomes of one call.
  Decision decide(const Conditions& conditions, const std::array<uint64_t, 6>& arguments) const;
  // `wanted`, or the refusal that stands in for it while the handler is pending.
  Decision effective(Decision wanted) const;
};

// A call of the blob to the monitor (shim/guest/abi.h); always the monitor's.
struct Hypercall {
  int64_t number;
  std::string_view name;
  std::span<const Kind> arguments;
};

// All entries, by ascending number.
std::span<const Entry> entries();
// The entry of a number, or null for a number that Linux does not have (answered with ENOSYS).
const Entry* find(int64_t number);
// The entry of a name ("openat"), or null.
const Entry* find(std::string_view name);
std::span<const Hypercall> hypercalls();
// "openat", "hello", or empty for an unknown number.
std::string_view name(int64_t number);

// "native", "argument", "monitor", "refused".
std::string_view name(Route route);
// "EPERM" for an errno of the table; empty for others.
std::string_view errno_name(int error);

}  // namespace litebox::table
