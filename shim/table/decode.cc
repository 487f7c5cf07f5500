#include "shim/table/decode.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include <algorithm>
#include <sstream>
#include <string_view>

#include "shim/table/flag_names.h"
#include "shim/table/table.h"

namespace litebox::table {
namespace {

constexpr size_t kShownBytes = 32;    // of a buffer
constexpr size_t kShownString = 256;  // of a path or another string
constexpr size_t kShownElements = 8;  // of an array of strings
constexpr int kErrorNumbers = 4095;   // results of -4095 to -1 are errors

std::string hexadecimal(uint64_t value) {
  std::ostringstream out;
  out << "0x" << std::hex << value;
  return out.str();
}

std::string pointer(uint64_t value) { return value == 0 ? "NULL" : hexadecimal(value); }

std::string octal(uint64_t value) {
  std::ostringstream out;
  out << '0' << std::oct << value;
  return out.str();
}

std::string quoted(std::string_view text, bool cut) {
  std::ostringstream out;
  out << '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out << '\\' << c;
    } else if (c == '\n') {
      out << "\\n";
    } else if (c == '\t') {
      out << "\\t";
    } else if (byte < 0x20 || byte >= 0x7f) {
      constexpr std::string_view kDigits = "0123456789abcdef";
      out << "\\x" << kDigits[byte >> 4U] << kDigits[byte & 0xfU];
    } else {
      out << c;
    }
  }
  out << (cut ? "\"..." : "\"");
  return out.str();
}

// The value that is `size` bytes at `address`.
template <typename T>
std::optional<T> read(const MemoryReader& memory, uint64_t address) {
  const std::optional<std::string> bytes = memory.bytes(address, sizeof(T));
  if (!bytes.has_value() || bytes->size() != sizeof(T)) return std::nullopt;
  T value{};
  memcpy(&value, bytes->data(), sizeof value);
  return value;
}

std::string string_at(const MemoryReader& memory, uint64_t address) {
  if (address == 0) return "NULL";
  const std::optional<std::string> text = memory.string(address, kShownString);
  if (!text.has_value()) return hexadecimal(address);
  return quoted(*text, text->size() >= kShownString);
}

std::string buffer_at(const MemoryReader& memory, uint64_t address, uint64_t size) {
  if (address == 0) return "NULL";
  const std::optional<std::string> bytes = memory.bytes(address, std::min<uint64_t>(size, kShownBytes));
  if (!bytes.has_value()) return hexadecimal(address);
  return quoted(*bytes, size > kShownBytes);
}

std::string strings_at(const MemoryReader& memory, uint64_t address) {
  if (address == 0) return "NULL";
  std::string text = "[";
  for (size_t i = 0;; ++i) {
    const std::optional<uint64_t> element = read<uint64_t>(memory, address + i * sizeof(uint64_t));
    if (!element.has_value()) return i == 0 ? hexadecimal(address) : text + ", ...]";
    if (*element == 0) return text + "]";
    if (i == kShownElements) return text + ", ...]";
    text += (i == 0 ? "" : ", ") + string_at(memory, *element);
  }
}

std::string timespec_at(const MemoryReader& memory, uint64_t address) {
  if (address == 0) return "NULL";
  const std::optional<timespec> time = read<timespec>(memory, address);
  if (!time.has_value()) return hexadecimal(address);
  return "{" + std::to_string(time->tv_sec) + ", " + std::to_string(time->tv_nsec) + "}";
}

std::string unix_address(std::string_view bytes) {
  std::string_view name = bytes.substr(offsetof(sockaddr_un, sun_path));
  if (name.empty()) return "{AF_UNIX}";
  if (name.front() == '\0') return "{AF_UNIX, @" + quoted(name.substr(1), false) + "}";
  return "{AF_UNIX, " + quoted(name.substr(0, name.find('\0')), false) + "}";
}

std::string socket_address_at(const MemoryReader& memory, uint64_t address, uint64_t length) {
  if (address == 0) return "NULL";
  const std::optional<std::string> bytes = memory.bytes(address, std::min<uint64_t>(length, sizeof(sockaddr_storage)));
  sa_family_t family = AF_UNSPEC;
  if (!bytes.has_value() || bytes->size() < sizeof family) return hexadecimal(address);
  memcpy(&family, bytes->data(), sizeof family);
  if (family == AF_UNIX) return unix_address(*bytes);
  char text[INET6_ADDRSTRLEN] = "";
  if (family == AF_INET && bytes->size() >= sizeof(sockaddr_in)) {
    sockaddr_in inet{};
    memcpy(&inet, bytes->data(), sizeof inet);
    inet_ntop(AF_INET, &inet.sin_addr, text, sizeof text);
    return std::string("{AF_INET, ") + text + ":" + std::to_string(ntohs(inet.sin_port)) + "}";
  }
  if (family == AF_INET6 && bytes->size() >= sizeof(sockaddr_in6)) {
    sockaddr_in6 inet{};
    memcpy(&inet, bytes->data(), sizeof inet);
    inet_ntop(AF_INET6, &inet.sin6_addr, text, sizeof text);
    return std::string("{AF_INET6, [") + text + "]:" + std::to_string(ntohs(inet.sin6_port)) + "}";
  }
  return "{" + named_value(Kind::socket_family, family).value_or(std::to_string(family)) + "}";
}

// Requests, commands and options have the names that the table's own rules use.
std::string name_from_rules(const Entry* entry, size_t argument, uint64_t value) {
  if (entry != nullptr) {
    for (const Rule& rule : entry->rules) {
      for (const Match& match : rule.matches) {
        if (match.argument != argument || !match.mask.text.empty()) continue;
        for (const Constant& constant : match.values) {
          if (constant.value == value) return std::string(constant.text);
        }
      }
    }
  }
  return hexadecimal(value);
}

std::string argument_text(const Entry* entry, size_t index, Kind kind, const std::array<uint64_t, 6>& arguments,
                          const MemoryReader& memory) {
  const uint64_t raw = arguments[index];
  const uint64_t value = width_of(kind) == 32 ? raw & 0xffffffffU : raw;
  const uint64_t next = index + 1 < arguments.size() ? arguments[index + 1] : 0;
  if (std::optional<std::string> name = named_value(kind, value); name.has_value()) return *std::move(name);
  switch (kind) {
    case Kind::fd:
    case Kind::dirfd:
    case Kind::signed_int:
    case Kind::pid:
    case Kind::signal:
    case Kind::whence:
    case Kind::clock:
    case Kind::resource:
    case Kind::socket_family:
      return std::to_string(static_cast<int32_t>(value));
    case Kind::uid:
    case Kind::gid:
      return value == 0xffffffffU ? "-1" : std::to_string(value);
    case Kind::unsigned_int:
    case Kind::unsigned_long:
    case Kind::size:
      return std::to_string(value);
    case Kind::signed_long:
    case Kind::offset:
      return std::to_string(static_cast<int64_t>(value));
    case Kind::mode:
      return octal(value);
    case Kind::fcntl_command:
    case Kind::ioctl_request:
    case Kind::prctl_option:
      return name_from_rules(entry, index, value);
    case Kind::path:
    case Kind::string:
      return string_at(memory, value);
    case Kind::string_array:
      return strings_at(memory, value);
    case Kind::in_buffer:
      return buffer_at(memory, value, next);
    case Kind::socket_address:
      return socket_address_at(memory, value, next & 0xffffffffU);
    case Kind::timespec:
      return timespec_at(memory, value);
    case Kind::pointer:
    case Kind::out_buffer:
      return pointer(value);
    default:
      return hexadecimal(value);
  }
}

}  // namespace

std::string decode_call(int64_t number, const std::array<uint64_t, 6>& arguments, const MemoryReader& memory) {
  const Entry* entry = find(number);
  std::span<const Kind> kinds;
  std::string text;
  if (entry != nullptr) {
    kinds = entry->arguments;
    text = entry->name;
  } else {
    const std::span<const Hypercall> all = hypercalls();
    const auto hypercall = std::find_if(all.begin(), all.end(), [&](const Hypercall& one) { return one.number == number; });
    if (hypercall == all.end()) {
      text = "syscall_" + std::to_string(number) + "(";
      for (size_t i = 0; i < arguments.size(); ++i) text += (i == 0 ? "" : ", ") + hexadecimal(arguments[i]);
      return text + ")";
    }
    kinds = hypercall->arguments;
    text = hypercall->name;
  }
  text += '(';
  for (size_t i = 0; i < kinds.size(); ++i) {
    text += (i == 0 ? "" : ", ") + argument_text(entry, i, kinds[i], arguments, memory);
  }
  return text + ")";
}

std::string decode_result(int64_t result) {
  if (result >= 0 || result < -kErrorNumbers) return std::to_string(result);
  const int error = static_cast<int>(-result);
  const std::string_view name = errno_name(error);
  if (name.empty()) return "-1 " + std::to_string(error);
  return "-1 " + std::string(name) + " (" + strerrordesc_np(error) + ")";
}

}  // namespace litebox::table
