// tmpcopyup: a tmpfs that begins with what the image has in its place.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "rootfs/tree_builder.h"

namespace litebox::rootfs {
namespace {

constexpr int kDeepest = 64;
constexpr size_t kBudget = 1U << 15U;

Status copy_content(int from, int to) {
  while (true) {
    const ssize_t copied = ::copy_file_range(from, nullptr, to, nullptr, 1U << 30U, 0);
    if (copied == 0) return {};
    if (copied < 0 && errno != EXDEV && errno != EINVAL && errno != EOPNOTSUPP) return last_error();
    if (copied < 0) break;
  }
  char buffer[1U << 16U];
  while (true) {
    const ssize_t size = ::read(from, buffer, sizeof buffer);
    if (size < 0) return last_error();
    if (size == 0) return {};
    for (ssize_t done = 0; done < size;) {
      const ssize_t written = ::write(to, buffer + done, static_cast<size_t>(size - done));
      if (written < 0) return last_error();
      done += written;
    }
  }
}

Status copy_attributes(const Subject& subject, const struct statx& status, Node& to) {
  LITEBOX_TRY(to.change_owner(subject, status.stx_uid, status.stx_gid));
  if (!to.is_symlink()) LITEBOX_TRY(to.change_mode(subject, status.stx_mode & 07777U));
  const auto time = [](const struct statx_timestamp& stamp) {
    return timespec{static_cast<time_t>(stamp.tv_sec), static_cast<long>(stamp.tv_nsec)};
  };
  const struct timespec times[2] = {time(status.stx_atime), time(status.stx_mtime)};
  return to.change_times(subject, times);
}

Status copy_directory(const Subject& subject, const NodePtr& from, const NodePtr& to, int depth);

Status copy_entry(const Subject& subject, const NodePtr& from, const std::string& name, const NodePtr& into, int depth) {
  LITEBOX_ASSIGN(const struct statx status, from->status(subject));
  switch (from->type()) {
    case S_IFDIR:
      LITEBOX_TRY(into->make_directory(subject, name, 0700));
      break;
    case S_IFLNK: {
      LITEBOX_ASSIGN(const std::string target, from->read_link(subject));
      LITEBOX_TRY(into->make_symlink(subject, name, target));
      break;
    }
    case S_IFREG: {
      LITEBOX_ASSIGN(const Fd source, from->open(subject, O_RDONLY));
      LITEBOX_ASSIGN(const Fd copy, into->create_open(subject, name, O_WRONLY, 0600));
      LITEBOX_TRY(copy_content(source.get(), copy.get()));
      break;
    }
    default:
      LITEBOX_TRY(
          into->make_node(subject, name, from->type() | 0600, gnu_dev_makedev(status.stx_rdev_major, status.stx_rdev_minor)));
  }
  LITEBOX_ASSIGN(const NodePtr copy, into->lookup(subject, name));
  if (from->is_directory()) LITEBOX_TRY(copy_directory(subject, from, copy, depth + 1));
  return copy_attributes(subject, status, *copy);
}

Status copy_directory(const Subject& subject, const NodePtr& from, const NodePtr& to, int depth) {
  if (depth > kDeepest) return Error(ELOOP);
  int64_t offset = 0;
  while (true) {
    LITEBOX_ASSIGN(const std::vector<DirectoryEntry> entries, from->read_directory(subject, offset, kBudget));
    if (entries.empty()) return {};
    for (const DirectoryEntry& entry : entries) {
      offset = entry.next;
      if (entry.name == "." || entry.name == "..") continue;
      LITEBOX_ASSIGN(const NodePtr child, from->lookup(subject, entry.name));
      LITEBOX_TRY(copy_entry(subject, child, entry.name, to, depth));
    }
  }
}

}  // namespace

Status copy_up(const Subject& subject, const NodePtr& from, const NodePtr& to) {
  LITEBOX_ASSIGN(const struct statx status, from->status(subject));
  LITEBOX_TRY(copy_directory(subject, from, to, 0));
  return copy_attributes(subject, status, *to);
}

}  // namespace litebox::rootfs
