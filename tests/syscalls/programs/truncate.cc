// truncate(2), and ftruncate(2) on what open(2) gave.
#include "report.h"

int main() {
  enter_work_directory("truncate");
  put_file("file", "0123456789");
  mkdir("dir", 0755);
  symlink("file", "link");
  symlink("missing", "dangling");
  mkfifo("fifo", 0644);
  TRY(truncate("file", 4));
  show_file("file");
  TRY(truncate("link", 6));
  show("file");
  TRY(truncate("file", 1L << 40U));
  show("file");
  TRY(truncate("file", 0));
  TRY(truncate("file", -1));
  TRY(truncate("missing", -1));
  TRY(truncate("dir", 0));
  TRY(truncate("dir/", 0));
  TRY(truncate("fifo", 0));
  TRY(truncate("file/", 0));
  TRY(truncate("dangling", 0));
  TRY(truncate("", 0));
  TRY(syscall(SYS_truncate, null_pointer, 0));
  TRY(truncate("/dev/null", 0));
  put_file("readonly", "text", 0444);
  const int readable = open("file", O_RDONLY);
  TRY(ftruncate(readable, 0));
  close(readable);
  in_child(
      [] {
        TRY(truncate("readonly", 0));
        TRY(truncate("file", 0));
        TRY(truncate("dir", 0));
      },
      1000, 1000);
  chmod("file", 0666);
  in_child([] { TRY(truncate("file", 3)); }, 1000, 1000);
  show("file");
  return 0;
}
