#include "rootfs/override_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>
#include <string_view>

namespace litebox::rootfs {
namespace {

constexpr const char* kNewName = ".litebox.override_stat.new";
constexpr int64_t kLargestJournal = 256LL << 20;  // a larger one was not written here
constexpr size_t kFewLines = 64;                  // not worth rewriting

Status write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return last_error();
    text.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

// What happens to the journal's name does not show in the times of the directory that it lies in.
class KeptTimes {
 public:
  explicit KeptTimes(int directory) : directory_(directory), known_(::fstat(directory, &before_) == 0) {}
  ~KeptTimes() {
    const struct timespec times[2] = {{0, UTIME_OMIT}, before_.st_mtim};
    if (known_) (void)::utimensat(directory_, ".", times, 0);
  }
  KeptTimes(const KeptTimes&) = delete;
  KeptTimes& operator=(const KeptTimes&) = delete;

 private:
  int directory_;
  struct stat before_ {};
  bool known_;
};

// The directory may hold anything of that name: what is not a plain file is not opened for long, and never followed.
Result<Fd> open_journal(int directory, int flags) {
  Fd file(::openat(directory, kOverrideStoreName, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600));
  if (!file) return last_error();
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return last_error();
  if (!S_ISREG(status.st_mode) || status.st_size > kLargestJournal) return Error(EIO);
  return file;
}

// A last line that was cut off while it was written must neither count nor become the beginning of the next.
Status drop_unfinished_line(int fd, int64_t size) {
  std::array<char, 256> end;  // longer than any line
  const int64_t from = std::max<int64_t>(0, size - static_cast<int64_t>(end.size()));
  const ssize_t length = ::pread(fd, end.data(), end.size(), from);
  if (length < 0) return last_error();
  const std::string_view text(end.data(), static_cast<size_t>(length));
  if (text.empty() || text.back() == '\n') return {};
  const size_t last = text.rfind('\n');
  if (last == std::string_view::npos && from > 0) return write_all(fd, "\n");  // not written here
  const int64_t whole = last == std::string_view::npos ? 0 : from + static_cast<int64_t>(last) + 1;
  return ::ftruncate(fd, whole) == 0 ? Status() : Status(last_error());
}

}  // namespace

OverrideStore::OverrideStore(Fd directory) : directory_(std::move(directory)) {
  struct stat status {};
  if (::fstat(directory_.get(), &status) == 0) directory_key_ = {status.st_dev, status.st_ino};
}

OverrideStore::Key OverrideStore::key_of(const struct statx& file) {
  return {file.stx_ino, file.stx_btime.tv_sec, file.stx_btime.tv_nsec};
}

std::string OverrideStore::line_of(const Key& key, const std::string& text) {
  return std::to_string(key.inode) + " " + std::to_string(key.seconds) + " " + std::to_string(key.nanoseconds) + " " + text +
         "\n";
}

OverrideStore::Seen OverrideStore::seen_of(const struct stat& status) {
  return {status.st_ino, status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
}

bool OverrideStore::empty() {
  const std::lock_guard<std::mutex> guard(mutex_);
  refresh();
  return records_.empty();
}

bool OverrideStore::is_hidden(std::string_view name) { return name == kOverrideStoreName || name == kNewName; }

std::optional<OverrideRecord> OverrideStore::find(const struct statx& file) {
  const std::lock_guard<std::mutex> guard(mutex_);
  refresh();
  const auto found = records_.find(key_of(file));
  if (found == records_.end()) return std::nullopt;
  return found->second;
}

Status OverrideStore::set(const struct statx& file, const OverrideRecord& record) {
  const std::lock_guard<std::mutex> guard(mutex_);
  return append(key_of(file), record.format());
}

Status OverrideStore::erase(const struct statx& file) {
  const std::lock_guard<std::mutex> guard(mutex_);
  refresh();
  if (records_.count(key_of(file)) == 0) return {};
  return append(key_of(file), "-");
}

// Reads the journal again if it is not the one that was read.
void OverrideStore::refresh() {
  struct stat status {};
  if (::fstatat(directory_.get(), kOverrideStoreName, &status, AT_SYMLINK_NOFOLLOW) != 0) {
    records_.clear();
    seen_ = {};
    lines_ = 0;
    return;
  }
  if (seen_of(status) == seen_) return;
  auto file = open_journal(directory_.get(), O_RDONLY);
  if (!file || ::flock(file->get(), LOCK_SH) != 0) return;
  load(file->get());
}

void OverrideStore::load(int fd) {
  records_.clear();
  lines_ = 0;
  struct stat status {};
  if (::fstat(fd, &status) != 0) return;
  std::string text(static_cast<size_t>(status.st_size), '\0');
  size_t have = 0;
  while (have < text.size()) {
    const ssize_t size = ::pread(fd, text.data() + have, text.size() - have, static_cast<off_t>(have));
    if (size <= 0) break;
    have += static_cast<size_t>(size);
  }
  text.resize(have);
  seen_ = seen_of(status);
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    if (end == std::string::npos) break;  // cut off while it was written
    const std::string line = text.substr(at, end - at);
    at = end + 1;
    ++lines_;
    Key key;
    int used = 0;
    if (std::sscanf(line.c_str(), "%" SCNu64 " %" SCNd64 " %" SCNu32 " %n", &key.inode, &key.seconds, &key.nanoseconds,
                    &used) != 3 ||
        used == 0) {
      continue;
    }
    const auto record = OverrideRecord::parse(std::string_view(line).substr(static_cast<size_t>(used)));
    if (record) {
      records_[key] = *record;
    } else {
      records_.erase(key);
    }
  }
}

Status OverrideStore::append(const Key& key, const std::string& text) {
  while (true) {
    std::optional<KeptTimes> times;
    if (records_.empty()) times.emplace(directory_.get());  // the journal may be made now
    LITEBOX_ASSIGN(const Fd file, open_journal(directory_.get(), O_RDWR | O_CREAT | O_APPEND));
    if (::flock(file.get(), LOCK_EX) != 0) return last_error();
    // Another container may have put a new journal in its place while this one waited for the lock.
    struct stat locked {
    }, named{};
    if (::fstat(file.get(), &locked) != 0) return last_error();
    if (::fstatat(directory_.get(), kOverrideStoreName, &named, AT_SYMLINK_NOFOLLOW) != 0 || named.st_ino != locked.st_ino) {
      continue;
    }
    if (!(seen_of(locked) == seen_)) load(file.get());
    LITEBOX_TRY(drop_unfinished_line(file.get(), locked.st_size));
    LITEBOX_TRY(write_all(file.get(), line_of(key, text)));
    if (::fstat(file.get(), &locked) == 0) seen_ = seen_of(locked);
    ++lines_;
    const auto record = OverrideRecord::parse(text);
    if (record) {
      records_[key] = *record;
    } else {
      records_.erase(key);
    }
    if (lines_ > kFewLines && lines_ > 2 * records_.size()) compact();
    return {};
  }
}

// Puts a journal of the present records in the place of the one that the caller has locked. Failing to is no loss.
void OverrideStore::compact() {
  const KeptTimes times(directory_.get());
  std::string text;
  for (const auto& [key, record] : records_) text += line_of(key, record.format());
  (void)::unlinkat(directory_.get(), kNewName, 0);
  const Fd fresh(::openat(directory_.get(), kNewName, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fresh) return;
  struct stat status {};
  if (!write_all(fresh.get(), text).ok() || ::fstat(fresh.get(), &status) != 0 ||
      ::renameat(directory_.get(), kNewName, directory_.get(), kOverrideStoreName) != 0) {
    (void)::unlinkat(directory_.get(), kNewName, 0);
    return;
  }
  lines_ = records_.size();
  seen_ = seen_of(status);
}

}  // namespace litebox::rootfs
