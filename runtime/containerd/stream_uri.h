// The addresses of a task's standard streams: a plain path, fifo://, file:// or binary://, as containerd's clients write them.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace litebox::containerd {

struct StreamUri {
  std::string scheme;                                      // "fifo" for a plain path
  std::string path;                                        // percent-decoded; empty: the stream is /dev/null
  std::vector<std::pair<std::string, std::string>> query;  // percent-decoded, in order, the first value of each name
};

// EINVAL for a broken escape.
Result<StreamUri> parse_stream_uri(std::string_view text);

}  // namespace litebox::containerd
