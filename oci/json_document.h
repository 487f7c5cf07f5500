// JSON text to a JSON tree, under limits: what every document of litebox goes through first.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace litebox::oci {

// Parses `text`. Refused: what is not JSON or not UTF-8, a name given twice in one object, more than kConfigSizeLimit bytes,
// nesting deeper than kConfigDepthLimit. The error is one line, "NAME: line 3, column 7: ..." or "NAME: FIELD: ...", and quotes
// nothing of the document but names of fields.
Result<nlohmann::json> parse_document(std::string_view text, std::string_view name);

// The whole content of the file `path`, or an error when it cannot be read or is larger than kConfigSizeLimit.
Result<std::string> read_document(const std::string& path);

// The path of the member `name` below `parent`: "a.b", or "a[\"b/c\"]" for a name that is no identifier.
std::string member_path(std::string_view parent, std::string_view name);

// `text` in quotes, fit for a line of a log: at most 64 bytes of it, what is not printable ASCII as \xNN.
std::string quoted(std::string_view text);

}  // namespace litebox::oci
