#include "shim/kernel/unix_names.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <functional>

#include "shim/kernel/bound_unix_names.h"

namespace litebox::kernel {
namespace {

constexpr size_t kCollectionFloor = 512;
// The newest names are kept in any case: their sockets may not be bound yet.
constexpr uint64_t kNewNames = 128;

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
  remember(outside, std::string(name));
  return outside;
}

std::string UnixNames::path_outside(const std::string& address, const std::string& name) {
  const std::scoped_lock lock(mutex_);
  std::string outside = decoration(last_number_ + 1) + name;
  if (outside.size() > kLongestUnixAddress - 1) outside = name;
  remember(outside, address);
  return outside;
}

void UnixNames::forget(const std::string& outside) {
  const std::scoped_lock lock(mutex_);
  names_.erase(outside);
}

std::string UnixNames::inside(std::string_view outside) const {
  {
    const std::scoped_lock lock(mutex_);
    const auto found = names_.find(std::string(outside));
    if (found != names_.end()) return found->second.inside;
  }
  const std::string prefix = '\0' + token_;
  if (outside.starts_with(prefix)) return '\0' + std::string(outside.substr(prefix.size()));
  return std::string(outside);
}

// unix_seq_show() writes every NUL of an abstract name as '@'.
std::string UnixNames::listed(std::string_view outside) const {
  std::string address(outside);
  if (!address.starts_with('@')) return knows(address) ? inside(address) : std::string();
  address[0] = '\0';
  const size_t end_of_token = 1 + token_.size();
  if (address.size() > end_of_token && address[end_of_token] == '@') address[end_of_token] = '\0';
  address = inside(address);
  std::replace(address.begin(), address.end(), '\0', '@');
  return address;
}

bool UnixNames::knows(const std::string& outside) const {
  const std::scoped_lock lock(mutex_);
  return names_.count(outside) != 0;
}

size_t UnixNames::size() const {
  const std::scoped_lock lock(mutex_);
  return names_.size();
}

void UnixNames::remember(const std::string& outside, const std::string& inside) {
  if (names_.size() >= collect_at_) collect();
  names_.insert_or_assign(outside, Name{inside, ++last_number_});
}

void UnixNames::collect() {
  const auto bound = bound_unix_names();
  if (bound.ok()) {
    std::erase_if(names_, [&](const auto& entry) {
      return entry.second.number + kNewNames <= last_number_ && bound->count(entry.first) == 0;
    });
  }
  collect_at_ = std::max(kCollectionFloor, 2 * names_.size());
}

}  // namespace litebox::kernel
