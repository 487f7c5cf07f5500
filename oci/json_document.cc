#include "oci/json_document.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "oci/config.h"

namespace litebox::oci {
namespace {

using nlohmann::json;

constexpr size_t kQuotedLimit = 64;

bool is_identifier(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

// "line L, column C: " of the byte at `offset`.
std::string place(std::string_view text, size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const size_t newline = before.rfind('\n');
  const size_t column = newline == std::string_view::npos ? offset + 1 : offset - newline;
  return "line " + std::to_string(line) + ", column " + std::to_string(column) + ": ";
}

// Builds the tree from the parser's events and stops at the first breach of a limit.
class TreeBuilder final : public nlohmann::json_sax<json> {
 public:
  explicit TreeBuilder(std::string_view text) : text_(text) {}

  json take_tree() { return std::move(tree_); }
  const std::string& error() const { return error_; }

  bool null() override { return add(nullptr) != nullptr; }
  bool boolean(bool value) override { return add(value) != nullptr; }
  bool number_integer(number_integer_t value) override { return add(value) != nullptr; }
  bool number_unsigned(number_unsigned_t value) override { return add(value) != nullptr; }
  bool number_float(number_float_t value, const string_t& /*token*/) override { return add(value) != nullptr; }
  bool string(string_t& value) override { return add(std::move(value)) != nullptr; }
  bool binary(binary_t& /*value*/) override { return false; }

  bool start_object(std::size_t /*elements*/) override { return open(json::object()); }
  bool start_array(std::size_t /*elements*/) override { return open(json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    if (open_.back()->contains(name)) {
      error_ = member_path(path(), name) + ": given twice";
      return false;
    }
    key_ = std::move(name);
    return true;
  }

  bool parse_error(std::size_t position, const std::string& /*token*/, const json::exception& exception) override {
    // The exception's own text quotes the document, which may hold secrets; only its kind is kept.
    const std::string_view text = exception.what();
    const bool at_end = position > text_.size();
    const char* reason = "syntax error";
    if (text.find("UTF-8") != std::string_view::npos) {
      reason = "invalid UTF-8";
    } else if (text.find("out_of_range") != std::string_view::npos) {
      reason = "number out of range";
    } else if (at_end) {
      reason = "unexpected end of the document";
    }
    error_ = place(text_, at_end ? text_.size() : std::max<size_t>(position, 1) - 1) + reason;
    return false;
  }

 private:
  json* add(json value) {
    if (open_.empty()) {
      tree_ = std::move(value);
      return &tree_;
    }
    json& parent = *open_.back();
    if (parent.is_array()) {
      parent.push_back(std::move(value));
      return &parent.back();
    }
    json& place = parent[key_];
    place = std::move(value);
    return &place;
  }

  bool open(json container) {
    if (open_.size() >= static_cast<size_t>(kConfigDepthLimit)) {
      error_ = path() + ": nested deeper than " + std::to_string(kConfigDepthLimit) + " levels";
      return false;
    }
    names_.push_back(key_);
    open_.push_back(add(std::move(container)));
    return true;
  }

  bool close() {
    open_.pop_back();
    names_.pop_back();
    return true;
  }

  // The path of the innermost open object or array. Its parents are open too, so an array's last element is the one.
  std::string path() const {
    std::string result;
    for (size_t i = 1; i < open_.size(); ++i) {
      if (open_[i - 1]->is_array()) {
        result += "[" + std::to_string(open_[i - 1]->size() - 1) + "]";
      } else {
        result = member_path(result, names_[i]);
      }
    }
    return result;
  }

  std::string_view text_;
  json tree_;
  std::vector<json*> open_;         // containers that are open, outermost first; their addresses are stable while open
  std::vector<std::string> names_;  // the member name under which each was opened
  std::string key_;
  std::string error_;
};

}  // namespace

std::string quoted(std::string_view text) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string result = "\"";
  for (const char c : text.substr(0, kQuotedLimit)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (byte >= 0x20 && byte < 0x7f) {
      result += c;
    } else {
      result += "\\x";
      result += kDigits[byte >> 4U];
      result += kDigits[byte & 15U];
    }
  }
  if (text.size() > kQuotedLimit) result += "...";
  return result + "\"";
}

std::string member_path(std::string_view parent, std::string_view name) {
  std::string result(parent);
  if (!is_identifier(name) || name.size() > kQuotedLimit) return result + "[" + quoted(name) + "]";
  if (!result.empty()) result += '.';
  return result.append(name);
}

Result<json> parse_document(std::string_view text, std::string_view name) {
  const std::string prefix = std::string(name) + ": ";
  if (text.size() > kConfigSizeLimit) {
    return Error(prefix + "larger than " + std::to_string(kConfigSizeLimit >> 20U) + " MiB");
  }
  // The parser would take a NUL byte for the end of the text, and what follows would pass unseen.
  if (const size_t nul = text.find('\0'); nul != std::string_view::npos) {
    return Error(prefix + place(text, nul) + "a NUL byte");
  }
  TreeBuilder builder(text);
  if (!json::sax_parse(text.begin(), text.end(), &builder)) return Error(prefix + builder.error());
  return builder.take_tree();
}

Result<std::string> read_document(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!file) return last_error("open " + path);
  std::string content;
  std::array<char, 65536> buffer{};
  while (true) {
    const ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
    if (count == 0) return content;
    if (count < 0) {
      if (errno == EINTR) continue;
      return last_error("read " + path);
    }
    content.append(buffer.data(), static_cast<size_t>(count));
    if (content.size() > kConfigSizeLimit) {
      return Error(path + ": larger than " + std::to_string(kConfigSizeLimit >> 20U) + " MiB");
    }
  }
}

}  // namespace litebox::oci
