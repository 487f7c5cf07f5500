// Typed reading of a JSON tree, with the field's path in every complaint.
//
// Readers ask for what they want and get a default when it is absent or wrong; the first complaint is kept by the Reader and is
// asked for once, at the end. A null counts as absent, as it does for the Go programs that write these documents.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/result.h"

namespace litebox::oci {

class Value;

// Keeps the first complaint about one document.
class Reader {
 public:
  // `name` and `tree` must outlive the reader and its values.
  Reader(std::string_view name, const nlohmann::json& tree) : name_(name), tree_(tree) {}

  Value root();
  void complain(std::string_view path, std::string_view reason);
  bool ok() const { return error_.empty(); }
  // The complaint as an error, "NAME: PATH: REASON", if there is one.
  Status status() const;

 private:
  std::string_view name_;
  const nlohmann::json& tree_;
  std::string error_;
};

// A place in the document; cheap to copy.
class Value {
 public:
  Value(Reader* reader, const nlohmann::json* json, std::string path) : reader_(reader), json_(json), path_(std::move(path)) {}

  bool present() const { return json_ != nullptr; }
  const std::string& path() const { return path_; }
  void complain(std::string_view reason) const { reader_->complain(path_, reason); }

  // This value, after a complaint when it is absent.
  const Value& required() const {
    if (!present()) complain("missing");
    return *this;
  }

  // The member `name` of an object; absent when the object has none or is absent itself.
  Value operator[](std::string_view name) const;

  // The elements of an array; the members of an object in the order of their names.
  std::vector<Value> items() const;
  std::vector<std::pair<std::string, Value>> members() const;

  // Strings never hold a NUL byte.
  std::string text() const { return optional_text().value_or(std::string()); }
  std::optional<std::string> optional_text() const;
  std::vector<std::string> texts() const;
  std::map<std::string, std::string> text_map() const;

  bool boolean() const { return optional_boolean().value_or(false); }
  std::optional<bool> optional_boolean() const;

  template <typename T>
  std::optional<T> optional_integer(T minimum = std::numeric_limits<T>::min(),
                                    T maximum = std::numeric_limits<T>::max()) const {
    if constexpr (std::is_signed_v<T>) {
      const auto number = signed_number(minimum, maximum);
      return number ? std::optional<T>(static_cast<T>(*number)) : std::nullopt;
    } else {
      const auto number = unsigned_number(minimum, maximum);
      return number ? std::optional<T>(static_cast<T>(*number)) : std::nullopt;
    }
  }
  template <typename T>
  T integer(T minimum = std::numeric_limits<T>::min(), T maximum = std::numeric_limits<T>::max()) const {
    return optional_integer<T>(minimum, maximum).value_or(T{});
  }

 private:
  std::optional<int64_t> signed_number(int64_t minimum, int64_t maximum) const;
  std::optional<uint64_t> unsigned_number(uint64_t minimum, uint64_t maximum) const;

  Reader* reader_;
  const nlohmann::json* json_;  // null when absent
  std::string path_;
};

// Complains that `name` is no known `what`.
void complain_unknown(const Value& value, std::string_view what, std::string_view name);

// The entry of `table` (pairs of a name and a value) that `value` names; complains of an unknown `what` otherwise.
template <typename T, size_t N>
T one_of(const Value& value, const std::pair<std::string_view, T> (&table)[N], std::string_view what) {
  const auto name = value.optional_text();
  if (!name) return table[0].second;
  for (const auto& [candidate, result] : table) {
    if (candidate == *name) return result;
  }
  complain_unknown(value, what, *name);
  return table[0].second;
}

// An absolute path without "..": what names a place inside the container.
std::string inner_path(const Value& value);

// An absolute path on the host.
std::string absolute_path(const Value& value);

// A list as cpuset(7) writes them, "0-3,7"; may be empty.
std::string number_list(const Value& value);

// "NAME=value" strings.
std::vector<std::string> environment(const Value& value);

}  // namespace litebox::oci
