// chmod(2), fchmod, fchmodat, fchmodat2(2); chown(2), fchown, lchown, fchownat(2).
#include <initializer_list>

#include "report.h"

namespace {

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

void modes() {
  TRY(chmod("file", 0600));
  show("file");
  TRY(chmod("file", 07777));
  show("file");
  TRY(chmod("file", 0200644));
  show("file");
  TRY(chmod("link", 0640));
  show("file");
  TRY(chmod("dir", 01770));
  show("dir");
  TRY(chmod("dir/", 0755));
  TRY(chmod("file/", 0755));
  TRY(chmod("dangling", 0755));
  TRY(chmod("missing", 0755));
  TRY(chmod("", 0755));
  TRY(syscall(SYS_chmod, null_pointer, 0755));
  TRY(chmod("fifo", 0622));
  show("fifo");
  const int fd = open("file", O_RDONLY);
  TRY(fchmod(fd, 0604));
  show("file");
  TRY(fchmod(99, 0604));
  TRY(syscall(SYS_fchmodat2, fd, "", 0644, AT_EMPTY_PATH));
  show("file");
  TRY(syscall(SYS_fchmodat2, AT_FDCWD, "link", 0644, AT_SYMLINK_NOFOLLOW));
  TRY(syscall(SYS_fchmodat2, AT_FDCWD, "file", 0645, AT_SYMLINK_NOFOLLOW));
  TRY(syscall(SYS_fchmodat2, AT_FDCWD, "file", 0644, 0x40000));
  TRY(syscall(SYS_fchmodat, AT_FDCWD, "link", 0644));
  const int path = open("file", O_PATH);
  TRY(fchmod(path, 0644));
  TRY(syscall(SYS_fchmodat2, path, "", 0646, AT_EMPTY_PATH));
  show("file");
  close(path);
  unlink("file");
  TRY(fchmod(fd, 0600));
  close(fd);
  put_file("file", "x");
}

void owners() {
  TRY(chown("file", 1, 2));
  show("file");
  TRY(chown("file", -1, 3));
  show("file");
  TRY(chown("file", 4, -1));
  show("file");
  TRY(chown("file", -1, -1));
  show("file");
  TRY(chown("link", 5, 6));
  show("file");
  show("link");
  TRY(lchown("link", 7, 8));
  show("link");
  show("file");
  TRY(lchown("dangling", 7, 8));
  show("dangling");
  TRY(chown("dangling", 7, 8));
  TRY(chown("missing", 7, 8));
  TRY(chown("", 7, 8));
  TRY(syscall(SYS_chown, null_pointer, 7, 8));
  TRY(chown("dir", 9, 10));
  show("dir");
  TRY(chown("fifo", 11, 12));
  show("fifo");
  const int fd = open("file", O_RDONLY);
  TRY(fchown(fd, 13, 14));
  show("file");
  TRY(fchown(99, 13, 14));
  TRY(fchownat(fd, "", 15, 16, AT_EMPTY_PATH));
  show("file");
  TRY(fchownat(AT_FDCWD, "link", 17, 18, AT_SYMLINK_NOFOLLOW));
  show("link");
  TRY(fchownat(AT_FDCWD, "file", 17, 18, 0x40000));
  TRY(fchownat(99, "file", 17, 18, 0));
  close(fd);
  chmod("file", 06755);
  TRY(chown("file", 0, 0));
  show("file");
  chmod("file", 02644);
  TRY(chown("file", 0, 0));
  show("file");
  TRY(chown("file", 70000, 4000000000U));
  show("file");
  TRY(chown("file", 0, 0));
}

void as_user() {
  mkdir("open", 0755);
  chmod("open", 0777);
  put_file("roots", "x");
  in_child(
      [] {
        TRY(chmod("roots", 0777));
        TRY(chown("roots", 1000, 1000));
        TRY(chown("roots", -1, -1));
        put_file("open/mine", "x");
        TRY(chmod("open/mine", 06755));
        show("open/mine");
        TRY(chown("open/mine", 1000, 1000));
        show("open/mine");
        TRY(chown("open/mine", 0, 1000));
        TRY(chown("open/mine", 1000, 0));
        TRY(chown("open/mine", 1001, -1));
        TRY(chown("open/mine", -1, 1000));
        const int fd = open("open/mine", O_RDONLY);
        TRY(fchmod(fd, 0400));
        TRY(fchown(fd, 1000, 1000));
        TRY(fchown(fd, 0, 0));
        close(fd);
        const int others = open("roots", O_RDONLY);
        TRY(fchmod(others, 0400));
        TRY(fchown(others, 1000, 1000));
        close(others);
      },
      1000, 1000);
  chown("open/mine", 1000, 50);
  in_child(
      [] {
        TRY(chmod("open/mine", 02755));
        show("open/mine");
      },
      1000, 1000);
  show("open/mine");
}

void written_set_id_file() {
  put_file("setid", "x");
  chmod("setid", 06777);
  show("setid");
  in_child(
      [] {
        const int fd = open("setid", O_WRONLY | O_APPEND);
        TRY(write(fd, "y", 1));
        close(fd);
      },
      1000, 1000);
  show("setid");
}

// What an outsider asks for in a directory that gives its group to new files.
void new_set_group_id_files() {
  mkdir("groups", 0755);
  chown("groups", 0, 50);
  chmod("groups", 02777);
  in_child(
      [] {
        for (const mode_t mask : {0, 0077, 0010}) {
          umask(mask);
          say("umask %o", mask);
          TRY_OPEN(open("groups/executable", O_CREAT | O_EXCL | O_WRONLY, 02777));
          TRY_OPEN(open("groups/other", O_CREAT | O_EXCL | O_WRONLY, 02767));
          TRY(mknod("groups/node", S_IFREG | 02777, 0));
          for (const char* name : {"groups/executable", "groups/other", "groups/node"}) {
            show(name);
            unlink(name);
          }
        }
      },
      1000, 1000);
}

}  // namespace

int main() {
  enter_work_directory("mode");
  put_file("file", "x");
  mkdir("dir", 0755);
  symlink("file", "link");
  symlink("missing", "dangling");
  mkfifo("fifo", 0644);
  modes();
  owners();
  as_user();
  written_set_id_file();
  new_set_group_id_files();
  return 0;
}
