#include "rootfs/override_record.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <charconv>
#include <cstdint>
#include <cstdio>

namespace litebox::rootfs {
namespace {

std::string type_text(mode_t type, dev_t device) {
  const std::string numbers = "-" + std::to_string(gnu_dev_major(device)) + "-" + std::to_string(gnu_dev_minor(device));
  switch (type & S_IFMT) {
    case S_IFDIR:
      return "dir";
    case S_IFLNK:
      return "symlink";
    case S_IFIFO:
      return "pipe";
    case S_IFSOCK:
      return "socket";
    case S_IFBLK:
      return "block" + numbers;
    case S_IFCHR:
      return "char" + numbers;
    default:
      return "file";
  }
}

template <typename T>
std::optional<T> parse_number(std::string_view text, int base) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The text up to `separator`, which is removed with it; all of it when there is none.
std::string_view take(std::string_view& text, char separator) {
  const size_t end = text.find(separator);
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return part;
}

bool parse_type(std::string_view text, OverrideRecord& record) {
  const std::string_view kind = take(text, '-');
  if (kind == "file") record.type = S_IFREG;
  if (kind == "dir") record.type = S_IFDIR;
  if (kind == "symlink") record.type = S_IFLNK;
  if (kind == "pipe") record.type = S_IFIFO;
  if (kind == "socket") record.type = S_IFSOCK;
  if (kind == "block") record.type = S_IFBLK;
  if (kind == "char") record.type = S_IFCHR;
  if (record.type != S_IFBLK && record.type != S_IFCHR) return record.type != 0;
  const auto major = parse_number<unsigned>(take(text, '-'), 10);
  const auto minor = parse_number<unsigned>(take(text, '-'), 10);
  if (!major || !minor) return false;
  record.device = gnu_dev_makedev(*major, *minor);
  return true;
}

constexpr std::string_view kAccess = "acl";
constexpr std::string_view kDefault = "default";

std::string acl_text(std::string_view name, const std::string& value) {
  std::string text(name);
  if (!value.empty()) text += '=';
  for (const char byte : value) {
    char digits[3];
    (void)std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned char>(byte));
    text += digits;
  }
  return text;
}

std::optional<std::string> parse_bytes(std::string_view digits) {
  std::string bytes;
  if (digits.size() % 2 != 0) return std::nullopt;
  for (; !digits.empty(); digits.remove_prefix(2)) {
    const auto byte = parse_number<uint8_t>(digits.substr(0, 2), 16);
    if (!byte) return std::nullopt;
    bytes.push_back(static_cast<char>(*byte));
  }
  return bytes;
}

void parse_acls(std::string_view text, OverrideRecord& record) {
  while (!text.empty()) {
    std::string_view digits = take(text, ',');
    const std::string_view name = take(digits, '=');
    if (name == kAccess) record.access_acl = parse_bytes(digits);
    if (name == kDefault) record.default_acl = parse_bytes(digits);
  }
}

}  // namespace

std::string OverrideRecord::format() const {
  char mode[16];
  (void)std::snprintf(mode, sizeof mode, "%04o", permissions & 07777U);
  std::string text = std::to_string(uid) + ":" + std::to_string(gid) + ":" + mode + ":" + type_text(type, device);
  if (access_acl) text += ":" + acl_text(kAccess, *access_acl);
  if (default_acl) text += (access_acl ? "," : ":") + acl_text(kDefault, *default_acl);
  return text;
}

std::optional<OverrideRecord> OverrideRecord::parse(std::string_view text) {
  const auto uid = parse_number<uint32_t>(take(text, ':'), 10);
  const auto gid = parse_number<uint32_t>(take(text, ':'), 10);
  const auto mode = parse_number<uint32_t>(take(text, ':'), 8);
  if (!uid || !gid || !mode) return std::nullopt;
  OverrideRecord record;
  record.uid = *uid;
  record.gid = *gid;
  record.permissions = *mode & 07777U;
  if (!text.empty() && !parse_type(take(text, ':'), record)) return std::nullopt;
  parse_acls(take(text, ':'), record);
  return record;
}

}  // namespace litebox::rootfs
