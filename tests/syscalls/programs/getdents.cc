// getdents(2), getdents64(2) and the position of a directory.
#include <dirent.h>
#include <sys/mman.h>

#include <algorithm>
#include <string>
#include <vector>

#include "report.h"

namespace {

struct Entry64 {
  uint64_t inode;
  int64_t next;
  uint16_t length;
  uint8_t type;
  char name[];
};

struct EntryOld {
  uint64_t inode;
  uint64_t next;
  uint16_t length;
  char name[];
};

std::vector<std::string> read_all(int fd, size_t capacity, bool old) {
  std::vector<std::string> names;
  alignas(8) static char buffer[65536];
  while (true) {
    const long size = syscall(old ? SYS_getdents : SYS_getdents64, fd, buffer, capacity);
    if (size < 0) say("  getdents: %s", strerrorname_np(errno));
    if (size <= 0) return names;
    for (long at = 0; at < size;) {
      if (old) {
        const auto* entry = reinterpret_cast<const EntryOld*>(buffer + at);
        names.push_back(std::string(entry->name) + " " + std::to_string(buffer[at + entry->length - 1]));
        at += entry->length;
      } else {
        const auto* entry = reinterpret_cast<const Entry64*>(buffer + at);
        names.push_back(std::string(entry->name) + " " + std::to_string(entry->type));
        at += entry->length;
      }
    }
  }
}

void show_all(int fd, size_t capacity, bool old = false) {
  std::vector<std::string> names = read_all(fd, capacity, old);
  std::sort(names.begin(), names.end());
  say("%zu entries", names.size());
  for (const std::string& name : names) say("  %s", name.c_str());
}

void errors() {
  char buffer[1024];
  TRY(syscall(SYS_getdents64, 99, buffer, sizeof buffer));
  const int file = open("file", O_RDONLY);
  TRY(syscall(SYS_getdents64, file, buffer, sizeof buffer));
  close(file);
  const int path = open(".", O_PATH);
  TRY(syscall(SYS_getdents64, path, buffer, sizeof buffer));
  close(path);
  const int dir = open(".", O_RDONLY);
  TRY(syscall(SYS_getdents64, dir, buffer, 0));
  TRY(syscall(SYS_getdents64, dir, buffer, 0x80000000U));
  TRY(syscall(SYS_getdents, dir, buffer, -1));
  TRY(syscall(SYS_getdents64, dir, buffer, 20));
  TRY(syscall(SYS_getdents, dir, buffer, 20));
  TRY(syscall(SYS_getdents64, dir, null_pointer, 1024));
  show_all(dir, sizeof buffer);
  TRY(syscall(SYS_getdents64, dir, buffer, 0));
  close(dir);
  mkdir("gone", 0755);
  const int gone = open("gone", O_RDONLY);
  rmdir("gone");
  TRY(syscall(SYS_getdents64, gone, buffer, sizeof buffer));
  close(gone);
}

void positions() {
  const int dir = open(".", O_RDONLY);
  show_all(dir, 65536);
  show_all(dir, 65536);
  TRY(lseek(dir, 0, SEEK_SET));
  show_all(dir, 48);
  TRY(lseek(dir, 0, SEEK_SET));
  show_all(dir, 65536, true);
  TRY(lseek(dir, 0, SEEK_SET));
  const int copy = dup(dir);
  alignas(8) char buffer[48];
  const long first = syscall(SYS_getdents64, dir, buffer, sizeof buffer);
  size_t count = 0;
  for (long at = 0; at < first; at += reinterpret_cast<Entry64*>(buffer + at)->length) ++count;
  say("%zu entries in all", count + read_all(copy, 1024, false).size());
  close(copy);
  close(dir);
}

void large_directory() {
  mkdir("large", 0755);
  char name[300];
  for (int i = 0; i < 2000; ++i) {
    snprintf(name, sizeof name, "large/file-with-a-longer-name-%d", i);
    close(open(name, O_WRONLY | O_CREAT, 0644));
  }
  const int dir = open("large", O_RDONLY);
  std::vector<std::string> names = read_all(dir, 32768, false);
  say("%zu entries", names.size());
  std::sort(names.begin(), names.end());
  say("%d duplicates", std::adjacent_find(names.begin(), names.end()) != names.end());
  // Removing while reading, as rm -r does.
  lseek(dir, 0, SEEK_SET);
  alignas(8) char buffer[4096];
  int removed = 0;
  for (long size = 0; (size = syscall(SYS_getdents64, dir, buffer, sizeof buffer)) > 0;) {
    for (long at = 0; at < size;) {
      const auto* entry = reinterpret_cast<const Entry64*>(buffer + at);
      if (entry->type == DT_REG && unlinkat(dir, entry->name, 0) == 0) ++removed;
      at += entry->length;
    }
  }
  say("%d removed", removed);
  close(dir);
  TRY(rmdir("large"));
}

void through_the_library() {
  DIR* dir = opendir("sub");
  std::vector<std::string> names;
  while (const struct dirent* entry = readdir(dir)) names.emplace_back(entry->d_name);
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) say("  %s", name.c_str());
  rewinddir(dir);
  int again = 0;
  while (readdir(dir) != nullptr) ++again;
  say("%d again", again);
  rewinddir(dir);
  (void)readdir(dir);
  const long at = telldir(dir);
  std::vector<std::string> rest;
  while (const struct dirent* entry = readdir(dir)) rest.emplace_back(entry->d_name);
  seekdir(dir, at);
  bool same = true;
  size_t index = 0;
  while (const struct dirent* entry = readdir(dir)) same = same && index < rest.size() && rest[index++] == entry->d_name;
  say("same after seekdir %d", same && index == rest.size());
  closedir(dir);
}

// A buffer that is said to be larger than what is mapped: what fits is read, and nothing is lost.
void beyond_the_mapping() {
  constexpr size_t kPage = 4096;
  constexpr size_t kRoom = 160;
  char* const pages = static_cast<char*>(mmap(nullptr, 2 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  munmap(pages + kPage, kPage);
  char* const buffer = pages + kPage - kRoom;
  const int fd = open(".", O_RDONLY | O_DIRECTORY);
  int entries = 0;
  long size = 0;
  while ((size = syscall(SYS_getdents64, fd, buffer, 32768)) > 0) {
    for (long at = 0; at < size; at += reinterpret_cast<const Entry64*>(buffer + at)->length) ++entries;
    if (size > static_cast<long>(kRoom)) say("more than there is room for");
  }
  say("%d entries, then %ld", entries, size);
  lseek(fd, 0, SEEK_SET);
  TRY(syscall(SYS_getdents64, fd, pages + kPage - 8, 32768));
  TRY(syscall(SYS_getdents64, fd, pages + kPage, 32768));
  close(fd);
}

}  // namespace

int main() {
  enter_work_directory("getdents");
  put_file("file", "x");
  put_file("a-name-of-twenty-four-ch", "x");
  put_file(".hidden", "x");
  mkdir("sub", 0755);
  put_file("sub/one", "x");
  put_file("sub/two", "x");
  symlink("file", "link");
  mkfifo("fifo", 0644);
  errors();
  positions();
  large_directory();
  through_the_library();
  beyond_the_mapping();
  return 0;
}
