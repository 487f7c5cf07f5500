// A config.json that sets nearly every field, broken in every place: whatever comes, it is accepted, or refused with one line
// that names the place.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

#include "oci/config.h"
#include "oci/process_json.h"
#include "oci/supported.h"
#include "tests/unit/oci_sample.h"

namespace litebox::oci {
namespace {

using nlohmann::json;

const json& odd_values() {
  static const json values = json::array(
      {nullptr, -1, 18446744073709551615ULL, "", std::string("a\0\xc3\xa9", 4), json::array({nullptr}), {{"", ""}}});
  return values;
}

// The error of a document, empty when it is accepted and supported.
std::string refusal(const std::string& text) {
  const auto config = parse_config(text);
  if (!config.ok()) return config.error().message();
  std::vector<std::string> warnings;
  const Status supported = check_supported(*config, warnings);
  if (!supported.ok()) return supported.error().message();
  if (config->process) {
    const std::string written = process_to_json(*config->process);
    const auto again = parse_process(written);
    EXPECT_TRUE(again.ok()) << again.error().message();
    if (again.ok()) {
      EXPECT_EQ(process_to_json(*again), written);
    }
  }
  return {};
}

void expect_one_line(const std::string& message) {
  EXPECT_LT(message.size(), 4096U);
  EXPECT_TRUE(std::all_of(message.begin(), message.end(), [](char c) { return c >= ' ' && c <= '~'; })) << message;
}

// One line that says where the document is wrong.
void expect_to_be_named(const std::string& message, const json& document) {
  expect_one_line(message);
  if (message.empty()) return;
  const auto named = [&message](const auto& member) { return message.find(member.key()) != std::string::npos; };
  const auto members = document.items();
  EXPECT_TRUE(std::any_of(members.begin(), members.end(), named)) << message;
}

TEST(OciMutations, EveryValueMayBeAnything) {
  const json original = testing::sample();
  const json leaves = original.flatten();
  for (const auto& [pointer, value] : leaves.items()) {
    for (const json& odd : odd_values()) {
      json broken = original;
      broken[json::json_pointer(pointer)] = odd;
      expect_to_be_named(refusal(broken.dump(-1, ' ', false, json::error_handler_t::replace)), original);
    }
  }
}

TEST(OciMutations, EveryObjectMayBeAnything) {
  const json original = testing::sample();
  std::vector<std::string> pointers;
  const json leaves = original.flatten();
  for (const auto& [pointer, value] : leaves.items()) {
    for (size_t end = pointer.find('/', 1); end != std::string::npos; end = pointer.find('/', end + 1)) {
      pointers.push_back(pointer.substr(0, end));
    }
  }
  std::sort(pointers.begin(), pointers.end());
  pointers.erase(std::unique(pointers.begin(), pointers.end()), pointers.end());
  for (const std::string& pointer : pointers) {
    for (const json& odd : odd_values()) {
      json broken = original;
      broken[json::json_pointer(pointer)] = odd;
      expect_to_be_named(refusal(broken.dump(-1, ' ', false, json::error_handler_t::replace)), original);
    }
  }
}

TEST(OciMutations, BytesMayBeAnything) {
  const std::string original = testing::sample().dump();
  std::mt19937 random(20221130);  // the same ones in each run
  for (size_t size = 0; size < original.size(); size += 97) expect_one_line(refusal(original.substr(0, size)));
  for (int round = 0; round < 500; ++round) {
    std::string broken = original;
    for (unsigned changes = random() % 4 + 1; changes > 0; --changes) {
      const size_t at = random() % broken.size();
      switch (random() % 3) {
        case 0:
          broken[at] = static_cast<char>(random());
          break;
        case 1:
          broken.erase(at, random() % 20);
          break;
        default:
          broken.insert(at, broken.substr(random() % broken.size(), random() % 40));
      }
    }
    expect_one_line(refusal(broken));
  }
}

}  // namespace
}  // namespace litebox::oci
