// Calls that are wrong in more than one argument: which of them is found first.
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <initializer_list>

#include "report.h"

namespace {

// Newer than the C library's headers.
constexpr long kListxattrat = 465;
constexpr long kRemovexattrat = 466;

char* const kernel_pointer = reinterpret_cast<char*>(-1L);

void sockets() {
  const int file = open("/", O_RDONLY | O_DIRECTORY);
  const int made = socket(AF_UNIX, SOCK_DGRAM, 0);
  for (const int socket : {-1, file, made}) {
    for (const unsigned flags : {0U, 0x80000000U}) {
      TRY(syscall(SYS_sendmsg, socket, bad_pointer, flags));
      TRY(syscall(SYS_sendmmsg, socket, bad_pointer, 1, flags));
      TRY(syscall(SYS_sendmmsg, socket, bad_pointer, 0, flags));
    }
    TRY(syscall(SYS_sendto, socket, kernel_pointer, 1, 0, bad_pointer, 16));
    TRY(syscall(SYS_sendto, socket, kernel_pointer, 0, 0, bad_pointer, 16));
    TRY(syscall(SYS_sendto, socket, "x", 1, 0, bad_pointer, -1));
    TRY(syscall(SYS_accept4, socket, bad_pointer, bad_pointer, -1));
    TRY(syscall(SYS_accept4, socket, bad_pointer, bad_pointer, 0));
  }
  close(file);
  close(made);
}

void files() {
  for (const int flags : {-1, -1 & ~AT_EMPTY_PATH, AT_EMPTY_PATH, 0}) {
    for (const char* path : {static_cast<const char*>(bad_pointer), "", "missing"}) {
      say("flags %x, path %s", flags, path == bad_pointer ? "unreadable" : path);
      TRY(syscall(SYS_newfstatat, -1, path, bad_pointer, flags));
      TRY(syscall(SYS_statx, -1, path, flags, 0, bad_pointer));
      TRY(syscall(SYS_execveat, -1, path, bad_pointer, bad_pointer, flags));
      TRY(syscall(kRemovexattrat, -1, path, flags, bad_pointer));
      TRY(syscall(kListxattrat, -1, path, flags, bad_pointer, 1));
    }
  }
  TRY(syscall(SYS_statx, -1, bad_pointer, AT_STATX_SYNC_TYPE, -1, bad_pointer));
}

void others() {
  sembuf operation = {};
  TRY(syscall(SYS_semop, -1, bad_pointer, -1));
  TRY(syscall(SYS_semop, -1, bad_pointer, 0));
  TRY(syscall(SYS_semop, -1, bad_pointer, 1));
  TRY(syscall(SYS_semop, -1, &operation, 1));
  TRY(syscall(SYS_process_vm_readv, 0, bad_pointer, 0, bad_pointer, 1, 0));
  TRY(syscall(SYS_process_vm_readv, 0, bad_pointer, 0, bad_pointer, 1, 1));
}

}  // namespace

int main() {
  enter_work_directory("/tmp/argument_order");
  sockets();
  files();
  others();
  return 0;
}
