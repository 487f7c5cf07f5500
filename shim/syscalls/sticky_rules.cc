#include "shim/syscalls/sticky_rules.h"

#include <sys/stat.h>

#include <fstream>

namespace litebox::syscalls {
namespace {

int read_setting(const char* path) {
  std::ifstream file(path);
  int value = 0;
  return file >> value ? value : 0;
}

// 0: off; 1: world-writable sticky directories; 2: group-writable ones too. Links, sockets and devices have no setting.
int protection_of(mode_t type) {
  static const int regular = read_setting("/proc/sys/fs/protected_regular");
  static const int fifos = read_setting("/proc/sys/fs/protected_fifos");
  if (S_ISREG(type)) return regular;
  return S_ISFIFO(type) ? fifos : 1;
}

}  // namespace

Status check_create_in_sticky(const Call& call, const rootfs::Location& directory, const rootfs::Location& file) {
  const int protection = protection_of(file.node->type());
  if (protection == 0 || directory.node == nullptr) return {};
  const rootfs::Subject subject = call.subject();
  LITEBOX_ASSIGN(const struct statx above, directory.node->status(subject));
  if ((above.stx_mode & S_ISVTX) == 0) return {};
  LITEBOX_ASSIGN(const struct statx status, file.node->status(subject));
  if (status.stx_uid == above.stx_uid || status.stx_uid == subject.identity->uid) return {};
  if ((above.stx_mode & S_IWOTH) != 0) return Error(EACCES);
  if ((above.stx_mode & S_IWGRP) != 0 && protection >= 2) return Error(EACCES);
  return {};
}

}  // namespace litebox::syscalls
