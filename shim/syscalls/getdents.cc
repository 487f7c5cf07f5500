// getdents, getdents64 (fs/readdir.c).
//
// The position of a directory is where the kernel keeps it, in the open file description that the caller's descriptors share
// with each other and, for a moment, with the monitor's copy.
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

#include "rootfs/descriptor_registry.h"
#include "shim/syscalls/lookup.h"
#include "shim/syscalls/path_descriptor.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

// Holds at least one entry with the longest name: a buffer too small for the next entry is EINVAL, the end of the directory is
// 0 for any buffer.
constexpr size_t kSmallestBatch = 512;

// More than any C library asks for at once; a larger buffer is filled by further calls.
constexpr size_t kLargestBatch = 1U << 20U;

// Both layouts begin with the inode, the offset of the next entry and the entry's own length.
struct EntryHeader {
  uint64_t inode;
  int64_t next;
  uint16_t length;
};
constexpr size_t kHeaderSize = 18;
constexpr size_t kAlignment = sizeof(uint64_t);

enum class Layout {
  old,     // struct linux_dirent: the name, and the type in the last byte
  modern,  // struct linux_dirent64: the type, then the name
};

size_t packed_size(const rootfs::DirectoryEntry& entry) {
  // Header, type, name and its NUL, whatever the order.
  const size_t size = kHeaderSize + 1 + entry.name.size() + 1;
  return (size + kAlignment - 1) / kAlignment * kAlignment;
}

void pack(const rootfs::DirectoryEntry& entry, Layout layout, char* into, size_t size) {
  std::memset(into, 0, size);
  const EntryHeader header = {entry.inode, entry.next, static_cast<uint16_t>(size)};
  std::memcpy(into, &header, kHeaderSize);
  if (layout == Layout::modern) {
    into[kHeaderSize] = static_cast<char>(entry.type);
    std::copy(entry.name.begin(), entry.name.end(), into + kHeaderSize + 1);
  } else {
    std::copy(entry.name.begin(), entry.name.end(), into + kHeaderSize);
    into[size - 1] = static_cast<char>(entry.type);
  }
}

// Moves the shared position on, unless another thread has moved it meanwhile: as in the kernel, whose readers take turns, no
// reader may set back what another has read.
Status advance(int fd, int64_t from, int64_t to) {
  const off_t now = ::lseek(fd, 0, SEEK_CUR);
  if (now != from) return {};
  if (::lseek(fd, to, SEEK_SET) < 0) return last_error();
  return {};
}

// Where an entry ends in the caller's buffer, and the offset of the next one.
struct Packed {
  size_t end;
  int64_t next;
};

// Writes as many entries as the caller's memory takes: a buffer may be said to be larger than it is. EFAULT for none.
Result<Packed> write_entries(const Call& call, const std::string& packed, const std::vector<Packed>& ends) {
  if (call.memory.write(call.address(1), packed.data(), packed.size()).ok()) return ends.back();
  Packed written{0, 0};
  for (const Packed& each : ends) {
    const GuestAddress at = call.address(1) + written.end;
    if (!call.memory.write(at, packed.data() + written.end, each.end - written.end).ok()) break;
    written = each;
  }
  if (written.end == 0) return Error(EFAULT);
  return written;
}

// Reads the caller's own open file description, so that its position, and what others are told of it (inotify(7)), are what
// they are without litebox. Nothing when the caller's memory does not take it all: then nothing is read either.
std::optional<Reply> read_description(const Call& call, int directory, size_t capacity) {
  const off_t position = ::lseek(directory, 0, SEEK_CUR);
  std::vector<char> entries(capacity);
  const long size = ::syscall(SYS_getdents64, directory, entries.data(), capacity);
  if (size < 0) return Reply::error(errno);
  if (call.memory.write(call.address(1), entries.data(), static_cast<size_t>(size)).ok()) return Reply::value(size);
  (void)::lseek(directory, position, SEEK_SET);
  return std::nullopt;
}

Reply get_entries(const Call& call, Layout layout) {
  // A size that is negative for the kernel has room for nothing (filldir64()).
  const size_t capacity = std::min<size_t>(static_cast<size_t>(std::max(call.integer(2), 0)), kLargestBatch);
  LITEBOX_OR_REPLY(const Fd copy, call.file(call.integer(0)));
  if (is_path_descriptor(copy.get())) return Reply::error(EBADF);
  struct stat status {};
  if (::fstat(copy.get(), &status) != 0) return Reply::error(last_error());
  if (!S_ISDIR(status.st_mode)) return Reply::error(ENOTDIR);
  const bool plain = is_host_file(call, {status.st_dev, status.st_ino});  // without a look at the tree
  rootfs::Location location;
  if (!plain) {
    LITEBOX_OR_REPLY(location, call.world.tree().locate(copy.get()));
  }
  if (layout == Layout::modern && (plain || location.node->is_listed_by_host())) {
    if (auto read = read_description(call, copy.get(), capacity)) return std::move(*read);
  }
  if (plain) {
    LITEBOX_OR_REPLY(location, call.world.tree().locate(copy.get()));
  }

  const off_t position = ::lseek(copy.get(), 0, SEEK_CUR);
  if (position < 0) return Reply::error(last_error());
  LITEBOX_OR_REPLY(const std::vector<rootfs::DirectoryEntry> entries,
                   location.node->read_directory(call.subject(), position, std::max(capacity, kSmallestBatch)));
  if (entries.empty()) return Reply::value(0);

  std::string packed;
  std::vector<Packed> ends;
  for (const rootfs::DirectoryEntry& entry : entries) {
    const size_t size = packed_size(entry);
    if (packed.size() + size > capacity) break;
    const size_t at = packed.size();
    packed.resize(at + size);
    pack(entry, layout, packed.data() + at, size);
    ends.push_back({packed.size(), entry.next});
  }
  if (packed.empty()) return Reply::error(EINVAL);
  LITEBOX_OR_REPLY(const Packed written, write_entries(call, packed, ends));
  LITEBOX_CHECK_REPLY(advance(copy.get(), position, written.next));
  return Reply::value(static_cast<int64_t>(written.end));
}

}  // namespace

Reply sys_getdents(Call& call) { return get_entries(call, Layout::old); }

Reply sys_getdents64(Call& call) { return get_entries(call, Layout::modern); }

}  // namespace litebox::syscalls
