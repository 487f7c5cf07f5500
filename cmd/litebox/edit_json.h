// A member put into a JSON document, or taken out, with every other byte left as it is: for configuration files of others.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace litebox::command {

// Puts `value` (JSON) at object.name; a missing `object` is made, as is the document when `text` has nothing but blanks. The
// text unchanged when the member has that very value; EEXIST when it has another.
Result<std::string> add_json_member(const std::string& text, const std::string& object, const std::string& name,
                                    const std::string& value);

// Takes the member out again, and `object` if it was the only one. The text unchanged when there is no such member.
Result<std::string> remove_json_member(const std::string& text, const std::string& object, const std::string& name);

}  // namespace litebox::command
