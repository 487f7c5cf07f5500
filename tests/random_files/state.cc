#include "tests/random_files/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

namespace random_files {
namespace {

constexpr const char* kNames[] = {"a", "b", "c", "d", "e", "link", "dir", "file"};
constexpr unsigned kLongName = 256;

}  // namespace

const std::array<const char*, 4> kRoots = {"/work", "/mnt/tmp/work", "/mnt/nodev/work", "/mnt/noexec/work"};

uint64_t Random::next() {
  uint64_t z = (state_ += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111eb;
  return z ^ (z >> 31U);
}

std::string State::name() {
  if (random.one_in(300)) return std::string(kLongName, 'n');
  return random.pick(kNames);
}

std::string State::path() {
  if (random.one_in(200)) return "";
  if (random.one_in(100)) return random.one_in(2) ? "/" : ".";
  std::string path;
  if (random.one_in(2)) path = std::string(kRoots[random.below(kRoots.size())]) + "/";
  const unsigned components = 1 + random.below(random.one_in(8) ? 5 : 3);
  for (unsigned i = 0; i < components; ++i) {
    if (i != 0) path += random.one_in(30) ? "//" : "/";
    const unsigned special = random.below(14);
    path += special == 0 ? ".." : special == 1 ? "." : name();
  }
  if (random.one_in(12)) path += "/";
  return path;
}

int State::directory() {
  const unsigned choice = random.below(8);
  if (choice == 0) return descriptor();
  return choice == 1 ? descriptors[0] : AT_FDCWD;
}

int State::content_descriptor() {
  const unsigned at = random.below(kDescriptors);
  return path_only[at] ? -1 : descriptors[at];
}

int State::written_descriptor() {
  const int fd = content_descriptor();
  struct stat status;
  return fd >= 0 && fstat(fd, &status) == 0 && (status.st_mode & (S_ISUID | S_ISGID)) != 0 ? -1 : fd;
}

void State::keep(int fd, bool opened_for_path) {
  const unsigned at = random.below(kDescriptors);
  if (fd < 0) return;
  // Of a file that is no directory it is a stand-in, of which fstat(2) tells.
  struct stat status;
  if (opened_for_path && (fstat(fd, &status) != 0 || !S_ISDIR(status.st_mode))) {
    close(fd);
    return;
  }
  if (descriptors[at] >= 0) close(descriptors[at]);
  descriptors[at] = fd;
  path_only[at] = opened_for_path;
}

void State::close_all() {
  for (int& fd : descriptors) {
    if (fd >= 0) close(fd);
    fd = -1;
  }
  path_only.fill(false);
}

void State::say(std::string_view call, long result) {
  const int error = errno;
  if (result >= 0) {
    printf("\n%.*s = %ld", static_cast<int>(call.size()), call.data(), result);
  } else {
    printf("\n%.*s = -%s", static_cast<int>(call.size()), call.data(), strerrorname_np(error));
  }
}

void State::add(std::string_view text) { printf(" %.*s", static_cast<int>(text.size()), text.data()); }

std::string octal(unsigned value) {
  char text[16];
  snprintf(text, sizeof text, "0%o", value);
  return text;
}

std::string hexadecimal(unsigned long value) {
  char text[24];
  snprintf(text, sizeof text, "0x%lx", value);
  return text;
}

std::string quoted(const std::string& text) {
  if (text.size() > 200) return "\"" + text.substr(0, 20) + "...\"";
  return "\"" + text + "\"";
}

std::string of_bytes(const std::string& value) {
  const auto printable = [](char byte) { return byte >= ' ' && byte <= '~'; };
  if (std::all_of(value.begin(), value.end(), printable)) return value;
  std::string text = "0x";
  for (const char byte : value) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    text += kDigits[static_cast<unsigned char>(byte) >> 4U];
    text += kDigits[static_cast<unsigned char>(byte) & 15U];
  }
  return text;
}

std::string directory_text(const State& state, int fd) {
  if (fd == AT_FDCWD) return "cwd";
  for (unsigned i = 0; i < State::kDescriptors; ++i) {
    if (fd >= 0 && state.descriptors[i] == fd) return "#" + std::to_string(i);
  }
  return "none";
}

}  // namespace random_files
