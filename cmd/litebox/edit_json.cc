#include "cmd/litebox/edit_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

namespace litebox::command {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";
constexpr const char* kIndent = "    ";

// A member of an object: where its name begins, and its value.
struct Member {
  size_t begin = 0;
  size_t value_begin = 0;
  size_t end = 0;
};

size_t skip_blanks(const std::string& text, size_t at) { return std::min(text.find_first_not_of(kBlanks, at), text.size()); }

// The document is known to be JSON, so only nesting and strings have to be heeded.
size_t end_of_string(const std::string& text, size_t at) {
  for (++at; at < text.size() && text[at] != '"'; ++at) {
    if (text[at] == '\\') ++at;
  }
  return at + 1;
}

size_t end_of_value(const std::string& text, size_t at) {
  int depth = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"') {
      at = end_of_string(text, at);
      if (depth == 0) return at;
      continue;
    }
    if (c == '{' || c == '[') ++depth;
    if (depth == 0 && (c == ',' || c == '}' || c == ']' || kBlanks.find(c) != std::string_view::npos)) return at;
    if (c == '}' || c == ']') {
      if (--depth == 0) return at + 1;
    }
    ++at;
  }
  return at;
}

// The member `name` of the object that begins at `brace`.
std::optional<Member> find_member(const std::string& text, size_t brace, const std::string& name) {
  size_t at = skip_blanks(text, brace + 1);
  while (at < text.size() && text[at] == '"') {
    Member member;
    member.begin = at;
    const size_t name_end = end_of_string(text, at);
    member.value_begin = skip_blanks(text, skip_blanks(text, name_end) + 1);
    member.end = end_of_value(text, member.value_begin);
    if (nlohmann::json::parse(text.substr(at, name_end - at)) == name) return member;
    at = skip_blanks(text, member.end);
    if (at < text.size() && text[at] == ',') at = skip_blanks(text, at + 1);
  }
  return std::nullopt;
}

bool is_empty_object(const std::string& text, size_t brace) {
  const size_t at = skip_blanks(text, brace + 1);
  return at < text.size() && text[at] == '}';
}

// As the first member of the object at `brace`.
std::string inserted(const std::string& text, size_t brace, const std::string& member, const std::string& indent) {
  std::string addition = "\n" + indent + member;
  if (!is_empty_object(text, brace)) addition += ',';
  // A closing brace on the same line gets a line of its own.
  std::string tail = text.substr(brace + 1);
  if (!tail.empty() && tail.front() == '}') addition += "\n" + indent.substr(std::string(kIndent).size());
  return text.substr(0, brace + 1) + addition + tail;
}

// The text without the member, and without the comma that it needed.
std::string without(const std::string& text, const Member& member) {
  const size_t before = text.find_last_not_of(kBlanks, member.begin - 1);
  const size_t next = skip_blanks(text, member.end);
  if (next < text.size() && text[next] == ',') return text.substr(0, before + 1) + text.substr(next + 1);
  if (text[before] == ',') return text.substr(0, before) + text.substr(member.end);
  return text.substr(0, before + 1) + text.substr(member.end);
}

Status check_object(const std::string& text) {
  const auto document = nlohmann::json::parse(text, nullptr, false);
  if (document.is_discarded()) return Error("not JSON");
  if (!document.is_object()) return Error("not a JSON object");
  return {};
}

}  // namespace

Result<std::string> add_json_member(const std::string& text, const std::string& object, const std::string& name,
                                    const std::string& value) {
  const std::string quoted = nlohmann::json(name).dump();
  if (skip_blanks(text, 0) == text.size()) {
    return "{\n" + std::string(kIndent) + nlohmann::json(object).dump() + ": {\n" + kIndent + kIndent + quoted + ": " + value +
           "\n" + kIndent + "}\n}\n";
  }
  LITEBOX_TRY(check_object(text));
  const size_t brace = skip_blanks(text, 0);
  const auto outer = find_member(text, brace, object);
  if (!outer) {
    const std::string made =
        nlohmann::json(object).dump() + ": {\n" + kIndent + kIndent + quoted + ": " + value + "\n" + kIndent + "}";
    return inserted(text, brace, made, kIndent);
  }
  if (text[outer->value_begin] != '{') return Error("\"" + object + "\" is not an object");
  const auto present = find_member(text, outer->value_begin, name);
  if (!present) return inserted(text, outer->value_begin, quoted + ": " + value, std::string(kIndent) + kIndent);
  const std::string old = text.substr(present->value_begin, present->end - present->value_begin);
  if (nlohmann::json::parse(old) == nlohmann::json::parse(value)) return text;
  return Error(EEXIST, "\"" + object + "." + name + "\" is " + old);
}

Result<std::string> remove_json_member(const std::string& text, const std::string& object, const std::string& name) {
  if (skip_blanks(text, 0) == text.size()) return text;
  LITEBOX_TRY(check_object(text));
  const size_t brace = skip_blanks(text, 0);
  const auto outer = find_member(text, brace, object);
  if (!outer || text[outer->value_begin] != '{') return text;
  const auto member = find_member(text, outer->value_begin, name);
  if (!member) return text;
  std::string result = without(text, *member);
  const auto left = find_member(result, brace, object);
  if (is_empty_object(result, left->value_begin)) result = without(result, *left);
  return result;
}

}  // namespace litebox::command
