// A hostile guest: each attempt tries to reach something of the host by raw system calls, from wherever it can make them.
//
// An attempt returns 0 when it was refused and a positive number when the call claims to have worked. Whether it really
// touched the host is for the driver's canaries to say; a claim alone fails the test too.
#pragma once

#include <stddef.h>
#include <sys/types.h>

struct target {
  const char* file;       // a file of the host, absolute, outside the container
  const char* directory;  // its directory
  const char* socket;     // a listening stream socket of the host, by path
  const char* datagram;   // a datagram socket of the host, by path
  const char* abstract;   // a listening stream socket of the host, abstract name without the NUL
  int port;               // a listening TCP socket of the host on 127.0.0.1
  pid_t pids[4];          // a host process, the monitor, the keeper, the driver; 0 ends
  int shared_memory;      // a SysV shared memory id of the host
};

struct attempt {
  const char* name;
  int (*run)(const struct target* target);
};

// One system call by a `syscall` instruction of the program's own: the kernel's answer, -errno for an error.
long raw(long number, ...);
// Counts a claim: prints the call and returns 1 if `result` is not an error.
int claimed(const char* what, long result);

// Tables of attempts, each ended by a null name.
extern const struct attempt file_attempts[];
extern const struct attempt marked_attempts[];
extern const struct attempt process_attempts[];
extern const struct attempt kernel_attempts[];
extern const struct attempt hypercall_attempts[];
extern const struct attempt socket_attempts[];
extern const struct attempt race_attempts[];
extern const struct attempt neighbour_attempts[];

// neighbours.c: the container that is attacked, and the pids outside its own that the attacker knows.
int victim_main(void);
void set_neighbours(char** arguments, int count);
