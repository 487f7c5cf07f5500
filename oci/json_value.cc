#include "oci/json_value.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "oci/json_document.h"

namespace litebox::oci {

using nlohmann::json;

Value Reader::root() { return {this, tree_.is_null() ? nullptr : &tree_, std::string()}; }

void Reader::complain(std::string_view path, std::string_view reason) {
  if (!error_.empty()) return;
  error_ = std::string(name_) + ": ";
  if (!path.empty()) error_.append(path).append(": ");
  error_.append(reason);
}

Status Reader::status() const {
  if (ok()) return {};
  return Error(error_);
}

Value Value::operator[](std::string_view name) const {
  const json* member = nullptr;
  if (present()) {
    if (!json_->is_object()) {
      complain("must be an object");
    } else if (const auto found = json_->find(name); found != json_->end() && !found->is_null()) {
      member = &*found;
    }
  }
  return {reader_, member, member_path(path_, name)};
}

std::vector<Value> Value::items() const {
  std::vector<Value> result;
  if (!present()) return result;
  if (!json_->is_array()) {
    complain("must be an array");
    return result;
  }
  result.reserve(json_->size());
  for (const json& item : *json_) result.emplace_back(reader_, &item, path_ + "[" + std::to_string(result.size()) + "]");
  return result;
}

std::vector<std::pair<std::string, Value>> Value::members() const {
  std::vector<std::pair<std::string, Value>> result;
  if (!present()) return result;
  if (!json_->is_object()) {
    complain("must be an object");
    return result;
  }
  for (const auto& [name, member] : json_->items()) {
    Value value(reader_, &member, member_path(path_, name));
    if (name.empty()) value.complain("the name must not be empty");
    if (name.find('\0') != std::string::npos) value.complain("the name contains a NUL byte");
    result.emplace_back(name, std::move(value));
  }
  return result;
}

std::optional<std::string> Value::optional_text() const {
  if (!present()) return std::nullopt;
  if (!json_->is_string()) {
    complain("must be a string");
    return std::nullopt;
  }
  const auto& text = json_->get_ref<const std::string&>();
  if (text.find('\0') != std::string::npos) {
    complain("contains a NUL byte");
    return std::nullopt;
  }
  return text;
}

std::vector<std::string> Value::texts() const {
  std::vector<std::string> result;
  for (const Value& item : items()) result.push_back(item.text());
  return result;
}

std::map<std::string, std::string> Value::text_map() const {
  std::map<std::string, std::string> result;
  for (const auto& [name, value] : members()) result.emplace(name, value.text());
  return result;
}

std::optional<bool> Value::optional_boolean() const {
  if (!present()) return std::nullopt;
  if (!json_->is_boolean()) {
    complain("must be true or false");
    return std::nullopt;
  }
  return json_->get<bool>();
}

// An integer too large for 64 bits arrives as a floating-point number and is refused with it.
std::optional<int64_t> Value::signed_number(int64_t minimum, int64_t maximum) const {
  if (!present()) return std::nullopt;
  if (json_->is_number_unsigned()) {
    const auto number = json_->get<uint64_t>();
    if (number <= static_cast<uint64_t>(std::max<int64_t>(maximum, 0)) && static_cast<int64_t>(number) >= minimum) {
      return static_cast<int64_t>(number);
    }
  } else if (json_->is_number_integer()) {
    const auto number = json_->get<int64_t>();
    if (number >= minimum && number <= maximum) return number;
  }
  complain("must be an integer from " + std::to_string(minimum) + " to " + std::to_string(maximum));
  return std::nullopt;
}

std::optional<uint64_t> Value::unsigned_number(uint64_t minimum, uint64_t maximum) const {
  if (!present()) return std::nullopt;
  if (json_->is_number_integer() && (json_->is_number_unsigned() || json_->get<int64_t>() >= 0)) {
    const auto number = json_->get<uint64_t>();
    if (number >= minimum && number <= maximum) return number;
  }
  complain("must be an integer from " + std::to_string(minimum) + " to " + std::to_string(maximum));
  return std::nullopt;
}

void complain_unknown(const Value& value, std::string_view what, std::string_view name) {
  value.complain("unknown " + std::string(what) + " " + quoted(name));
}

std::string absolute_path(const Value& value) {
  auto path = value.optional_text();
  if (!path) return {};
  if (path->empty() || path->front() != '/') value.complain("must be an absolute path");
  return *std::move(path);
}

std::string inner_path(const Value& value) {
  std::string path = absolute_path(value);
  if ((path + "/").find("/../") != std::string::npos) value.complain("must not contain \"..\"");
  return path;
}

std::string number_list(const Value& value) {
  auto list = value.optional_text();
  if (!list) return {};
  // One or more of N or N-M, M not below N, with commas between; numbers of at most five digits.
  size_t at = 0;
  const auto number = [&]() -> int {
    const size_t start = at;
    int result = 0;
    while (at < list->size() && at - start < 5 && (*list)[at] >= '0' && (*list)[at] <= '9') {
      result = result * 10 + ((*list)[at++] - '0');
    }
    return at == start ? -1 : result;
  };
  while (at < list->size()) {
    const int first = number();
    int last = first;
    if (at < list->size() && (*list)[at] == '-') {
      ++at;
      last = number();
    }
    const bool more = at < list->size() && (*list)[at] == ',' && at + 1 < list->size();
    if (first < 0 || last < first || (at < list->size() && !more)) {
      value.complain("must be a list of numbers and ranges, as in \"0-3,7\"");
      break;
    }
    if (more) ++at;
  }
  return *std::move(list);
}

std::vector<std::string> environment(const Value& value) {
  std::vector<std::string> result;
  for (const Value& item : value.items()) {
    result.push_back(item.text());
    const size_t equals = result.back().find('=');
    if (equals == std::string::npos) item.complain("must be of the form NAME=value");
    if (equals == 0) item.complain("the name must not be empty");
  }
  return result;
}

}  // namespace litebox::oci
