// A value or an error: how every fallible function of litebox reports failure.
//
// An Error carries an errno value (0 when the failure has none) and a text that says what was being done and where.
// System call handlers use the number alone, so an Error without text never allocates; commands turn the text into one line,
// once, at the edge.
#pragma once

#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace litebox {

class [[nodiscard]] Error {
 public:
  explicit Error(int number) : number_(number) {}
  Error(int number, std::string context) : number_(number), context_(std::move(context)) {}
  explicit Error(std::string message) : context_(std::move(message)) {}

  // The errno value, or 0 when the failure is not a system call's.
  int number() const { return number_; }

  // "context: No such file or directory", "context" alone without an errno, or the errno's text alone.
  std::string message() const {
    if (number_ == 0) return context_;
    std::string text = std::strerror(number_);
    return context_.empty() ? text : context_ + ": " + text;
  }

  // The same error, seen from one level further up: "outer: inner: No such file or directory".
  Error within(std::string_view outer) && {
    context_ = context_.empty() ? std::string(outer) : std::string(outer) + ": " + context_;
    return std::move(*this);
  }

 private:
  int number_ = 0;
  std::string context_;
};

// The error of the system call that has just failed.
inline Error last_error() { return Error(errno); }
inline Error last_error(std::string context) {
  const int number = errno;  // the string's construction came first, but its destruction may not touch errno later
  return Error(number, std::move(context));
}

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const& { return std::get<1>(state_); }
  Error error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Error& error() const& { return *error_; }
  Error error() && { return *std::move(error_); }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;

}  // namespace litebox

// Leaves the enclosing function with the error of `expression` (a Result), if it has one.
#define LITEBOX_TRY(expression)                                 \
  do {                                                          \
    if (auto litebox_try_ = (expression); !litebox_try_.ok()) { \
      return std::move(litebox_try_).error();                   \
    }                                                           \
  } while (false)

#define LITEBOX_CONCAT_(a, b) a##b
#define LITEBOX_CONCAT(a, b) LITEBOX_CONCAT_(a, b)

// NOLINTBEGIN(bugprone-macro-parentheses): `target` may be a declaration
// LITEBOX_ASSIGN(auto fd, open_file(path)): declares or assigns the value, or leaves the function with the error.
#define LITEBOX_ASSIGN(target, expression) LITEBOX_ASSIGN_(LITEBOX_CONCAT(litebox_assign_, __LINE__), target, expression)
#define LITEBOX_ASSIGN_(temporary, target, expression)      \
  auto temporary = (expression);                            \
  if (!temporary.ok()) return std::move(temporary).error(); \
  target = std::move(temporary).value()
// NOLINTEND(bugprone-macro-parentheses)
