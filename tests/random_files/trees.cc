// The trees that random calls work in: made anew, and printed.
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>

#include "tests/random_files/state.h"

namespace random_files {
namespace {

std::vector<std::string> entries_of(int directory) {
  std::vector<std::string> names;
  const int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* const stream = copy < 0 ? nullptr : fdopendir(copy);
  if (stream == nullptr) return names;
  while (const dirent* entry = readdir(stream)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  closedir(stream);
  std::sort(names.begin(), names.end());
  return names;
}

void empty(int directory) {
  for (const std::string& name : entries_of(directory)) {
    if (unlinkat(directory, name.c_str(), 0) == 0) continue;
    const int below = openat(directory, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (below >= 0) {
      empty(below);
      close(below);
    }
    unlinkat(directory, name.c_str(), AT_REMOVEDIR);
  }
}

void print_attributes(const std::string& path) {
  char names[1024];
  const ssize_t size = llistxattr(path.c_str(), names, sizeof names);
  std::vector<std::string> found;
  for (ssize_t at = 0; at < size; at += static_cast<ssize_t>(found.back().size()) + 1) found.emplace_back(names + at);
  std::sort(found.begin(), found.end());
  for (const std::string& name : found) {
    char value[256];
    const ssize_t length = lgetxattr(path.c_str(), name.c_str(), value, sizeof value);
    printf(" %s=%s", name.c_str(), of_bytes(std::string(value, static_cast<size_t>(std::max<ssize_t>(length, 0)))).c_str());
  }
}

void print_content(int directory, const char* name) {
  const int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  char text[200];
  const ssize_t size = read(fd, text, sizeof text);
  unsigned sum = 0;
  for (ssize_t i = 0; i < size; ++i) sum = sum * 31 + static_cast<unsigned char>(text[i]);
  printf(" sum %08x", sum);
  close(fd);
}

void print_below(int directory, const std::string& path) {
  for (const std::string& name : entries_of(directory)) {
    struct stat status;
    const std::string full = path + "/" + name;
    if (fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      printf("\n. %s cannot be looked at", full.c_str());
      continue;
    }
    const mode_t mode = status.st_mode;
    const bool sized = S_ISREG(mode) || S_ISLNK(mode);
    printf("\n. %s 0%o %u %u links %lu size %ld device %lx", full.c_str(), mode, status.st_uid, status.st_gid,
           S_ISDIR(mode) ? 0UL : static_cast<unsigned long>(status.st_nlink), sized ? static_cast<long>(status.st_size) : 0L,
           static_cast<unsigned long>(status.st_rdev));
    if (S_ISREG(mode)) print_content(directory, name.c_str());
    if (S_ISLNK(mode)) {
      char target[4096];
      const ssize_t size = readlinkat(directory, name.c_str(), target, sizeof target);
      printf(" -> %.*s", static_cast<int>(std::max<ssize_t>(size, 0)), target);
    }
    print_attributes(full);
    if (!S_ISDIR(mode)) continue;
    const int below = openat(directory, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (below >= 0) print_below(below, full);
    close(below);
  }
}

void put(int directory, const char* name, const char* text, mode_t mode) {
  const int fd = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0 || write(fd, text, 7) != 7) _exit(3);
  close(fd);
}

}  // namespace

void prepare_trees() {
  for (const char* root : kRoots) {
    if (mkdir(root, 0777) != 0 && chmod(root, 0777) != 0) _exit(3);
    const int directory = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0 || fchown(directory, 0, 0) != 0) _exit(3);
    empty(directory);
    chmod(root, 0777);
    mkdirat(directory, "dir", 0755);
    mkdirat(directory, "a", 0777);
    mkdirat(directory, "a/b", 0755);
    put(directory, "file", "content", 0644);
    put(directory, "a/file", "another", 0666);
    if (symlinkat("a/b", directory, "link") != 0) _exit(3);
    close(directory);
  }
}

void print_trees() {
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    // With all rights, whatever ids the calls have left.
    setresuid(0, 0, 0);
    syscall(SYS_setfsuid, 1);
    syscall(SYS_setfsuid, 0);
    setresgid(0, 0, 0);
    for (const char* root : kRoots) {
      struct stat status;
      const int directory = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      const bool there = directory >= 0 && fstat(directory, &status) == 0;
      printf("\n. %s", root);
      if (there) printf(" 0%o %u %u", status.st_mode, status.st_uid, status.st_gid);
      if (there) print_below(directory, root);
    }
    fflush(stdout);
    _exit(0);
  }
  waitpid(child, nullptr, 0);
}

}  // namespace random_files
