#include "shim/table/table.h"

#include <string.h>
#include <algorithm>
#include <cerrno>

namespace litebox::table {
namespace {

constexpr uint64_t mask_of_width(int width) { return width == 64 ? ~uint64_t{0} : (uint64_t{1} << width) - 1; }

constexpr int kWidths[] = {
#define LITEBOX_KIND(name, bits) bits,
    LITEBOX_ARGUMENT_KINDS(LITEBOX_KIND)
#undef LITEBOX_KIND
};

}  // namespace

ConditionBits bits_of(const Conditions& conditions) {
  ConditionBits bits = 0;
  unsigned position = 0;
#define LITEBOX_CONDITION(name) bits |= static_cast<ConditionBits>((conditions.name ? 1U : 0U) << position++);
  LITEBOX_TABLE_CONDITIONS(LITEBOX_CONDITION)
#undef LITEBOX_CONDITION
  return bits;
}

Conditions conditions_of(ConditionBits bits) {
  Conditions conditions;
  unsigned position = 0;
#define LITEBOX_CONDITION(name) conditions.name = ((bits >> position++) & 1U) != 0;
  LITEBOX_TABLE_CONDITIONS(LITEBOX_CONDITION)
#undef LITEBOX_CONDITION
  return conditions;
}

int width_of(Kind kind) { return kWidths[static_cast<size_t>(kind)]; }

bool Match::holds(uint64_t register_value) const {
  const uint64_t masked = register_value & mask.value & mask_of_width(width);
  const bool found =
      std::any_of(values.begin(), values.end(), [&](const Constant& constant) { return constant.value == masked; });
  return found != negated;
}

bool When::holds(const Conditions& conditions) const {
  const ConditionBits bits = bits_of(conditions);
  return (bits & required) == required && (bits & forbidden) == 0;
}

bool Rule::matches_arguments(const std::array<uint64_t, 6>& arguments) const {
  return std::all_of(matches.begin(), matches.end(),
                     [&](const Match& match) { return match.holds(arguments[match.argument]); });
}

Decision Entry::effective(Decision wanted) const {
  if (wanted.route == Route::monitor && pending) return {Route::refused, ENOSYS};
  return wanted;
}

Decision Entry::route(const Conditions& conditions) const {
  for (const Override& other : overrides) {
    if (other.when.holds(conditions)) return effective(other.decision);
  }
  return effective(decision);
}

Decision Entry::decide(const Conditions& conditions, const std::array<uint64_t, 6>& arguments_of_call) const {
  const Decision decision_of_number = route(conditions);
  if (decision_of_number.route != Route::argument) return decision_of_number;
  for (const Rule& rule : rules) {
    if (rule.when.holds(conditions) && rule.matches_arguments(arguments_of_call)) return effective(rule.decision);
  }
  return effective(otherwise);
}

const Entry* find(int64_t number) {
  const std::span<const Entry> all = entries();
  const auto found = std::lower_bound(all.begin(), all.end(), number,
                                      [](const Entry& entry, int64_t wanted) { return entry.number < wanted; });
  return found != all.end() && found->number == number ? &*found : nullptr;
}

const Entry* find(std::string_view wanted) {
  const std::span<const Entry> all = entries();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Entry& entry) { return entry.name == wanted; });
  return found != all.end() ? &*found : nullptr;
}

std::string_view name(int64_t number) {
  if (const Entry* entry = find(number); entry != nullptr) return entry->name;
  for (const Hypercall& hypercall : hypercalls()) {
    if (hypercall.number == number) return hypercall.name;
  }
  return {};
}

std::string_view name(Route route) {
  switch (route) {
    case Route::native:
      return "native";
    case Route::argument:
      return "argument";
    case Route::monitor:
      return "monitor";
    case Route::refused:
      return "refused";
  }
  return {};
}

std::string_view errno_name(int error) {
  const char* text = strerrorname_np(error);
  return text != nullptr ? std::string_view(text) : std::string_view();
}

}  // namespace litebox::table
