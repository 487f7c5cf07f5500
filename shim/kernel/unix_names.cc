#include "shim/kernel/unix_names.h"

#include <sys/random.h>

#include <array>
#include <cstdio>
#include <functional>

namespace litebox::kernel {
namespace {

// Leads from a directory to itself in as many ways as there are numbers: "." followed by "/" or "/." for each binary digit.
std::string decoration(uint64_t number) {
  std::string path = ".";
  for (; number != 0; number >>= 1U) path += (number & 1U) != 0 ? "/." : "/";
  return path + "/";
}

std::string hexadecimal(uint64_t value) {
  std::array<char, 17> text = {};
  (void)std::snprintf(text.data(), text.size(), "%016lx", static_cast<unsigned long>(value));
  return text.data();
}

std::string random_token() {
  uint64_t value = 0;
  if (getrandom(&value, sizeof value, 0) != sizeof value) value = reinterpret_cast<uintptr_t>(&value);
  return hexadecimal(value).substr(0, 12) + ":";
}

}  // namespace

UnixNames& UnixNames::of_this_container() {
  static auto* names = new UnixNames(random_token());  // never destroyed: threads use it until the process ends
  return *names;
}

std::string UnixNames::abstract_outside(std::string_view name) {
  std::string outside = '\0' + token_ + std::string(name.substr(1));
  if (outside.size() <= kLongestUnixAddress) return outside;
  // Too long for both: a digest stands for the name. What two names share it cannot tell apart.
  const uint64_t first = std::hash<std::string_view>()(name);
  const uint64_t second = std::hash<std::string>()(std::string(name) + token_);
  outside = '\0' + token_ + '\0' + hexadecimal(first) + hexadecimal(second);
  const std::scoped_lock lock(mutex_);
  inside_.insert_or_assign(outside, std::string(name));
  return outside;
}

std::string UnixNames::path_outside(const std::string& address, const std::string& name) {
  const std::scoped_lock lock(mutex_);
  std::string outside = decoration(++last_number_) + name;
  if (outside.size() > kLongestUnixAddress - 1) outside = name;
  inside_.insert_or_assign(outside, address);
  return outside;
}

void UnixNames::forget(const std::string& outside) {
  const std::scoped_lock lock(mutex_);
  inside_.erase(outside);
}

std::string UnixNames::inside(std::string_view outside) const {
  {
    const std::scoped_lock lock(mutex_);
    const auto found = inside_.find(std::string(outside));
    if (found != inside_.end()) return found->second;
  }
  const std::string prefix = '\0' + token_;
  if (outside.starts_with(prefix)) return '\0' + std::string(outside.substr(prefix.size()));
  return std::string(outside);
}

bool UnixNames::knows(const std::string& outside) const {
  const std::scoped_lock lock(mutex_);
  return inside_.count(outside) != 0;
}

}  // namespace litebox::kernel
