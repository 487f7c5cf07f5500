#include "cmd/litebox/edit_toml.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <sstream>

namespace litebox::command {
namespace {

constexpr const char* kBegin = "# begin: written by litebox install\n";
constexpr const char* kEnd = "# end: written by litebox install\n";

std::string trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

// "[ a . b ] # comment" as "a.b", with quotes as they are; nothing for a line that is no header.
std::optional<std::string> header_of(const std::string& line) {
  const std::string text = trimmed(line);
  if (text.empty() || text.front() != '[' || text.rfind("[[", 0) == 0) return std::nullopt;
  std::string name;
  bool quoted = false;
  for (size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"' || text[i] == '\'') quoted = !quoted;
    if (text[i] == ']' && !quoted) return name;
    if (quoted || (text[i] != ' ' && text[i] != '\t')) name += text[i];
  }
  return std::nullopt;
}

// The name of "name = value", without quotes.
std::string name_of(const std::string& line) {
  std::string name = trimmed(line.substr(0, line.find('=')));
  if (name.size() > 1 && (name.front() == '"' || name.front() == '\'')) name = name.substr(1, name.size() - 2);
  return line.find('=') == std::string::npos ? "" : name;
}

struct Place {
  std::optional<size_t> after_header;  // where the lines of the table begin
  bool taken = false;                  // its entry is there
};

Place find_place(const std::string& text, const TomlEntry& entry) {
  Place place;
  bool inside = false;
  size_t at = 0;
  while (at < text.size()) {
    const size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
    const std::string line = text.substr(at, end - at);
    at = end;
    if (const auto header = header_of(line)) {
      inside = *header == entry.table;
      if (inside) place.after_header = at;
      if (inside && entry.name.empty()) place.taken = true;
    } else if (inside && !entry.name.empty() && name_of(line) == entry.name) {
      place.taken = true;
    }
  }
  return place;
}

}  // namespace

Result<std::string> add_toml_entry(const std::string& text, const TomlEntry& entry) {
  const std::string header = "[" + entry.table + "]\n";
  const std::string marked = kBegin + entry.lines + kEnd;
  const std::string marked_table = kBegin + header + entry.lines + kEnd;
  if (text.find(marked) != std::string::npos || text.find(marked_table) != std::string::npos) return text;
  const Place place = find_place(text, entry);
  if (place.taken) return Error(EEXIST, "[" + entry.table + "] " + entry.name);
  if (entry.shared && place.after_header) {
    const bool whole_line = text[*place.after_header - 1] == '\n';
    return text.substr(0, *place.after_header) + (whole_line ? "" : "\n") + marked + text.substr(*place.after_header);
  }
  const bool whole_line = text.empty() || text.back() == '\n';
  return text + (whole_line ? "" : "\n") + marked_table;
}

std::string remove_toml_entry(const std::string& text) {
  const size_t begin = text.find(kBegin);
  if (begin == std::string::npos) return text;
  const std::string end_mark = kEnd;
  const size_t end = text.find(end_mark, begin);
  if (end == std::string::npos) return text;
  return text.substr(0, begin) + text.substr(end + end_mark.size());
}

int toml_version(const std::string& text) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (header_of(line)) break;
    if (name_of(line) == "version") return std::atoi(trimmed(line.substr(line.find('=') + 1)).c_str());
  }
  return 1;
}

}  // namespace litebox::command
