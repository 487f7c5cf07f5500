#include "runtime/containerd/stream_uri.h"

#include <algorithm>
#include <charconv>

namespace litebox::containerd {
namespace {

// RFC 3986; in a query "+" is a space, as forms write it.
Result<std::string> decode(std::string_view text, bool form) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && form) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      unsigned value = 0;
      const char* begin = text.data() + i + 1;
      const char* end = begin + std::min<size_t>(2, text.size() - i - 1);
      const auto [stop, failure] = std::from_chars(begin, end, value, 16);
      if (failure != std::errc() || stop != begin + 2) return Error(EINVAL, "stream URI " + std::string(text));
      out += static_cast<char>(value);
      i += 2;
    }
  }
  return out;
}

}  // namespace

Result<StreamUri> parse_stream_uri(std::string_view text) {
  StreamUri uri;
  const size_t colon = text.find("://");
  if (colon == std::string_view::npos) {
    uri.scheme = "fifo";
    uri.path = text;
    return uri;
  }
  uri.scheme = text.substr(0, colon);
  std::string_view rest = text.substr(colon + 3);
  const size_t question = rest.find('?');
  LITEBOX_ASSIGN(uri.path, decode(rest.substr(0, question), false));
  if (question == std::string_view::npos) return uri;
  rest.remove_prefix(question + 1);
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('&'), rest.size());
    const std::string_view pair = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (pair.empty()) continue;
    const size_t equals = std::min(pair.find('='), pair.size());
    LITEBOX_ASSIGN(std::string name, decode(pair.substr(0, equals), true));
    LITEBOX_ASSIGN(std::string value, decode(pair.substr(std::min(equals + 1, pair.size())), true));
    const auto known = std::find_if(uri.query.begin(), uri.query.end(), [&](const auto& entry) { return entry.first == name; });
    if (known == uri.query.end()) uri.query.emplace_back(std::move(name), std::move(value));
  }
  return uri;
}

}  // namespace litebox::containerd
