#include "shim/rewrite/store.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "base/fd.h"
#include "shim/rewrite/site_list.h"

namespace litebox::rewrite {
namespace {

constexpr size_t kMostFiles = 4096;

Status make_directories(const std::string& path) {
  for (size_t at = path.find('/', 1);; at = path.find('/', at + 1)) {
    const std::string part = path.substr(0, at);
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) return last_error("mkdir " + part);
    if (at == std::string::npos) return {};
  }
}

Result<std::string> read_file(const std::string& path, size_t limit) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file) return last_error();
  std::string bytes;
  std::array<char, 4096> chunk;
  ssize_t n = 0;
  while ((n = ::read(file.get(), chunk.data(), chunk.size())) > 0) {
    bytes.append(chunk.data(), static_cast<size_t>(n));
    if (bytes.size() > limit) return Error(EFBIG);
  }
  if (n < 0) return last_error();
  return bytes;
}

// Whole or not at all; `replace` or leave what is there.
Status write_file(const std::string& path, std::string_view bytes, bool replace) {
  std::string temporary = path + ".XXXXXX";
  const Fd file(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!file) return last_error(path);
  Status written;
  if (::write(file.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) {
    written = Error(EIO, path);
  } else if (replace ? ::rename(temporary.c_str(), path.c_str()) != 0
                     : ::link(temporary.c_str(), path.c_str()) != 0 && errno != EEXIST) {
    written = last_error(path);
  }
  (void)::unlink(temporary.c_str());
  return written;
}

Result<TextHash::Key> read_or_make_key(const std::string& path) {
  TextHash::Key key{};
  auto bytes = read_file(path, sizeof key);
  if (!bytes.ok()) {
    if (bytes.error().number() != ENOENT) return bytes.error();
    if (::getrandom(&key, sizeof key, 0) != sizeof key) return last_error("getrandom");
    LITEBOX_TRY(write_file(path, {reinterpret_cast<const char*>(&key), sizeof key}, false));
    bytes = read_file(path, sizeof key);  // somebody else's may have come first
    if (!bytes.ok()) return bytes.error();
  }
  if (bytes->size() != sizeof key) return Error(EINVAL, path);
  bytes->copy(reinterpret_cast<char*>(&key), sizeof key);
  return key;
}

}  // namespace

std::vector<std::string> Store::default_directories() {
  if (::geteuid() == 0) return {"/var/cache/litebox/sites"};
  std::vector<std::string> directories;
  const char* const cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && cache[0] == '/') directories.push_back(std::string(cache) + "/litebox/sites");
  const char* const home = std::getenv("HOME");
  if (home != nullptr && home[0] == '/') directories.push_back(std::string(home) + "/.cache/litebox/sites");
  directories.push_back("/tmp/litebox-sites-" + std::to_string(::geteuid()));
  return directories;
}

std::optional<Store> Store::open_default() {
  for (const std::string& directory : default_directories()) {
    if (auto store = open(directory); store.ok()) return *std::move(store);
  }
  return std::nullopt;
}

Result<Store> Store::open(const std::string& directory) {
  struct stat status {};
  if (::lstat(directory.c_str(), &status) != 0) {
    LITEBOX_TRY(make_directories(directory));
    if (::lstat(directory.c_str(), &status) != 0) return last_error(directory);
  }
  if (!S_ISDIR(status.st_mode) || status.st_uid != ::geteuid() || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return Error(EPERM, directory);
  }
  Store store;
  store.directory_ = directory;
  LITEBOX_ASSIGN(store.key_, read_or_make_key(directory + "/key"));
  return store;
}

std::string Store::path_of(const TextHash::Value& name) const {
  std::array<char, 40> text;
  std::snprintf(text.data(), text.size(), "/%016lx%016lx", name[0], name[1]);
  return directory_ + text.data();
}

std::optional<Store::Entry> Store::find(const TextHash::Value& name) const {
  Entry entry;
  auto bytes = read_file(path_of(name), kLargestSiteList + sizeof entry.pages);
  if (!bytes.ok() || bytes->size() < sizeof entry.pages) return std::nullopt;
  const std::string_view list = std::string_view(*bytes).substr(0, bytes->size() - sizeof entry.pages);
  std::memcpy(entry.pages.data(), bytes->data() + list.size(), sizeof entry.pages);
  auto sites = read_sites(list);
  if (!sites.ok()) return std::nullopt;
  entry.sites = *std::move(sites);
  return entry;
}

void Store::add(const TextHash::Value& name, const Entry& entry) const {
  make_room();
  std::string bytes = write_sites(entry.sites);
  bytes.append(reinterpret_cast<const char*>(entry.pages.data()), sizeof entry.pages);
  (void)write_file(path_of(name), bytes, true);
}

// A directory that has grown large is begun anew: what is used still comes back quickly.
void Store::make_room() const {
  std::error_code error;
  std::vector<std::filesystem::path> files;
  for (const auto& file : std::filesystem::directory_iterator(directory_, error)) files.push_back(file.path());
  if (files.size() < kMostFiles) return;
  for (const auto& file : files) {
    if (file.filename() != "key") std::filesystem::remove(file, error);
  }
}

}  // namespace litebox::rewrite
