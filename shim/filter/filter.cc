#include "shim/filter/filter.h"

#include <linux/audit.h>
#include <linux/seccomp.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <limits>
#include <map>
#include <span>

#include "shim/filter/program.h"

namespace litebox::filter {
namespace {

using table::Decision;
using table::Entry;
using table::Match;
using table::Route;
using Label = Program::Label;

constexpr uint32_t kUnknown = SECCOMP_RET_ERRNO | ENOSYS;

uint32_t action_of(Decision decision) {
  switch (decision.route) {
    case Route::native:
      return SECCOMP_RET_ALLOW;
    case Route::monitor:
      return SECCOMP_RET_USER_NOTIF;
    case Route::argument:
    case Route::refused:
      break;
  }
  return SECCOMP_RET_ERRNO | static_cast<uint32_t>(decision.error);
}

// The numbers from `first` up to the next segment's: all with the same action, or one that its arguments decide.
struct Segment {
  uint32_t first;
  uint32_t action;
  const Entry* by_argument;  // null: `action` counts
};

class Compiler {
 public:
  explicit Compiler(const table::Conditions& conditions) : conditions_(conditions) {}

  std::vector<sock_filter> compile() {
    const std::vector<Segment> segments = segments_of_table();
    const Label wrong_architecture = program_.result(kUnknown);
    const Label tree = program_.load(offsetof(seccomp_data, nr), decide_number(segments));
    const Label check = program_.branch_equal(AUDIT_ARCH_X86_64, tree, wrong_architecture);
    return program_.finish(program_.load(offsetof(seccomp_data, arch), check));
  }

 private:
  std::vector<Segment> segments_of_table() const {
    std::vector<Segment> calls;
    calls.reserve(table::entries().size() + table::hypercalls().size());
    for (const Entry& entry : table::entries()) {
      const auto number = static_cast<uint32_t>(entry.number);
      const Decision decision = entry.route(conditions_);
      const bool by_argument = decision.route == Route::argument;
      calls.push_back({number, by_argument ? 0 : action_of(decision), by_argument ? &entry : nullptr});
    }
    for (const table::Hypercall& hypercall : table::hypercalls()) {
      calls.push_back({static_cast<uint32_t>(hypercall.number), SECCOMP_RET_USER_NOTIF, nullptr});
    }
    std::sort(calls.begin(), calls.end(), [](const Segment& one, const Segment& other) { return one.first < other.first; });

    std::vector<Segment> segments;
    const auto add = [&](const Segment& segment) {
      const bool same = !segments.empty() && segments.back().by_argument == nullptr && segment.by_argument == nullptr &&
                        segments.back().action == segment.action;
      if (!same) segments.push_back(segment);
    };
    uint32_t next = 0;
    for (const Segment& call : calls) {
      if (call.first != next) add({next, kUnknown, nullptr});
      add(call);
      next = call.first + 1;
    }
    add({next, kUnknown, nullptr});
    return segments;
  }

  // With the number loaded: goes to what belongs to it.
  Label decide_number(std::span<const Segment> segments) {
    if (segments.size() == 1) {
      const Segment& only = segments.front();
      return only.by_argument != nullptr ? decide_arguments(*only.by_argument) : program_.result(only.action);
    }
    const size_t middle = segments.size() / 2;
    const Label upper = decide_number(segments.subspan(middle));
    const Label lower = decide_number(segments.first(middle));
    return program_.branch_at_least(segments[middle].first, upper, lower);
  }

  Label decide_arguments(const Entry& entry) {
    Label next = program_.result(action_of(entry.effective(entry.otherwise)));
    for (auto rule = entry.rules.rbegin(); rule != entry.rules.rend(); ++rule) {
      if (!rule->when.holds(conditions_)) continue;
      Label matched = program_.result(action_of(entry.effective(rule->decision)));
      for (auto match = rule->matches.rbegin(); match != rule->matches.rend(); ++match) {
        matched = match->negated ? compare(*match, next, matched) : compare(*match, matched, next);
      }
      next = matched;
    }
    return next;
  }

  // Goes to `found` if the masked argument is one of the values.
  Label compare(const Match& match, Label found, Label other) {
    const size_t low = offsetof(seccomp_data, args) + match.argument * sizeof(uint64_t);
    const size_t high = low + sizeof(uint32_t);  // x86-64 is little-endian
    const auto low_mask = static_cast<uint32_t>(match.mask.value);
    const auto high_mask = match.width == 64 ? static_cast<uint32_t>(match.mask.value >> 32) : 0;

    std::map<uint32_t, std::vector<uint32_t>> low_by_high;
    for (const table::Constant& constant : match.values) {
      low_by_high[static_cast<uint32_t>(constant.value >> 32)].push_back(static_cast<uint32_t>(constant.value));
    }
    Label next = other;
    for (auto group = low_by_high.rbegin(); group != low_by_high.rend(); ++group) {
      Label words = other;
      for (auto value = group->second.rbegin(); value != group->second.rend(); ++value) {
        words = program_.branch_equal(*value, found, words);
      }
      words = load_masked(low, low_mask, words);
      // A high half that no bit of the mask looks at is not looked at.
      if (high_mask == 0) {
        next = words;
      } else {
        next = load_masked(high, high_mask, program_.branch_equal(group->first, words, next));
      }
    }
    return next;
  }

  Label load_masked(size_t offset, uint32_t bits, Label next) {
    if (bits != std::numeric_limits<uint32_t>::max()) next = program_.mask(bits, next);
    return program_.load(offset, next);
  }

  const table::Conditions& conditions_;
  Program program_;
};

}  // namespace

std::vector<sock_filter> compile(const table::Conditions& conditions) { return Compiler(conditions).compile(); }

}  // namespace litebox::filter
