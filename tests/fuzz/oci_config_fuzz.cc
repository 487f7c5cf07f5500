// Any bytes as config.json and as a process document: an answer or one line of error, never more.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "oci/config.h"
#include "oci/process_json.h"
#include "oci/supported.h"

namespace {

void require_one_line(const litebox::Error& error) {
  const std::string message = error.message();
  if (message.empty()) std::abort();
  for (const char c : message) {
    if (c < ' ' || c > '~') std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto config = litebox::oci::parse_config(text); config.ok()) {
    std::vector<std::string> warnings;
    if (const auto status = check_supported(*config, warnings); !status.ok()) require_one_line(status.error());
  } else {
    require_one_line(config.error());
  }
  if (const auto process = litebox::oci::parse_process(text); process.ok()) {
    // What was accepted once is accepted again after a round trip, which changes nothing.
    const std::string written = process_to_json(*process);
    const auto again = litebox::oci::parse_process(written);
    if (!again.ok() || process_to_json(*again) != written) std::abort();
  } else {
    require_one_line(process.error());
  }
  return 0;
}
