// Any bytes as config.json and as a process document: an answer or one line of error that names the place, never more.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "oci/config.h"
#include "oci/process_json.h"
#include "oci/supported.h"

namespace {

constexpr std::string_view kNameCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";

// What follows one element of a path (`.name`, `[3]`, `["any name"]`), or the same text where there is none.
std::string_view after_element(std::string_view text) {
  if (!text.starts_with('[')) {
    const std::string_view name = text.substr(text.starts_with('.') ? 1 : 0);
    const size_t end = name.find_first_not_of(kNameCharacters);
    return end == 0 || end == std::string_view::npos ? text : name.substr(end);
  }
  size_t end = 1;
  if (text.substr(1).starts_with('"')) {
    for (end = 2; end < text.size() && text[end] != '"'; ++end) {
      if (text[end] == '\\') ++end;
    }
    if (text.substr(std::min(end + 1, text.size())).starts_with("...")) end += 3;
  }
  end = text.find(']', end);
  return end == std::string_view::npos ? text : text.substr(end + 1);
}

bool names_a_place(std::string_view message) {
  if (message.starts_with("line ") || message == "must be an object") return true;
  std::string_view rest = message;
  for (std::string_view next = after_element(rest); next.size() < rest.size(); next = after_element(rest)) rest = next;
  return rest.size() < message.size() && rest.starts_with(": ");
}

void require_one_line(const litebox::Error& error, std::string_view document) {
  const std::string message = error.message();
  if (message.empty()) std::abort();
  for (const char c : message) {
    if (c < ' ' || c > '~') std::abort();
  }
  std::string_view rest = message;
  if (rest.starts_with(document)) rest.remove_prefix(document.size());
  if (!names_a_place(rest)) {
    std::fprintf(stderr, "no place is named: %s\n", message.c_str());
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto config = litebox::oci::parse_config(text); config.ok()) {
    std::vector<std::string> warnings;
    if (const auto status = check_supported(*config, warnings); !status.ok()) require_one_line(status.error(), "");
  } else {
    require_one_line(config.error(), "config.json: ");
  }
  if (const auto process = litebox::oci::parse_process(text); process.ok()) {
    // What was accepted once is accepted again after a round trip, which changes nothing.
    const std::string written = process_to_json(*process);
    const auto again = litebox::oci::parse_process(written);
    if (!again.ok() || process_to_json(*again) != written) std::abort();
  } else {
    require_one_line(process.error(), "process.json: ");
  }
  return 0;
}
