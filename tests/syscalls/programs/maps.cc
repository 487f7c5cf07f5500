// How /proc/<pid>/maps names the files of mappings: of the root, of the mounts, and those that are gone.
#include <sys/mman.h>

#include <initializer_list>

#include "report.h"

namespace {

// The name in the line of the mapping at `at`.
void show_name(const char* what, const void* at) {
  FILE* const maps = fopen("/proc/self/maps", "r");
  char line[4096];
  while (maps != nullptr && fgets(line, sizeof line, maps) != nullptr) {
    int name = 0;
    if (strtoull(line, nullptr, 16) != reinterpret_cast<uintptr_t>(at)) continue;
    sscanf(line, "%*s %*s %*s %*s %*s %n", &name);
    line[strcspn(line, "\n")] = 0;
    say("%s is mapped as %s", what, line + name);
  }
  if (maps != nullptr) fclose(maps);
}

void* map(const char* path) {
  const int fd = open(path, O_RDONLY);
  void* const at = mmap(nullptr, 1, PROT_READ, MAP_PRIVATE, fd, 0);
  close(fd);
  return at;
}

void show_mapped(const char* path) {
  void* const at = map(path);
  show_name(path, at);
  munmap(at, 1);
}

}  // namespace

int main() {
  enter_work_directory("maps");
  put_file("file", "content");
  mkdir("directory", 0755);
  put_file("directory/a b", "content");
  for (const char* path : {"file", "directory/a b", "/program", "/mnt/ro/file", "/mnt/ro/private", "/mnt/noexec/program"}) {
    show_mapped(path);
  }
  put_file("/mnt/tmp/file", "content");
  show_mapped("/mnt/tmp/file");
  link("file", "other");
  show_mapped("other");

  void* const renamed = map("file");
  rename("file", "directory/renamed");
  show_name("a renamed file", renamed);
  void* const removed = map("directory/renamed");
  unlink("directory/renamed");
  unlink("other");
  show_name("a removed file", removed);
  return 0;
}
