// Addresses of the host: path and abstract AF_UNIX names, loopback ports, System V and POSIX IPC.
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "hostile.h"

static char buffer[256];

static socklen_t path_address(struct sockaddr_un* address, const char* path) {
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  strncpy(address->sun_path, path, sizeof address->sun_path - 1);
  return sizeof *address;
}

static socklen_t abstract_address(struct sockaddr_un* address, const char* name) {
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  strncpy(address->sun_path + 1, name, sizeof address->sun_path - 2);
  return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
}

static int connect_to(int type, const struct sockaddr_un* address, socklen_t length, const char* what) {
  const long fd = raw(SYS_socket, AF_UNIX, type, 0);
  const int claims = claimed(what, raw(SYS_connect, fd, address, length));
  raw(SYS_close, fd);
  return claims;
}

// Every way to name an address besides connect.
static int send_to(const struct sockaddr_un* address, socklen_t length, const char* what) {
  const long fd = raw(SYS_socket, AF_UNIX, SOCK_DGRAM, 0);
  struct iovec vector = {"owned", 5};
  struct msghdr header = {.msg_name = (void*)address, .msg_namelen = length, .msg_iov = &vector, .msg_iovlen = 1};
  struct {
    struct msghdr header;
    unsigned sent;
  } several = {header, 0};
  int claims = claimed(what, raw(SYS_sendto, fd, "owned", 5, 0, address, length));
  claims += claimed(what, raw(SYS_sendmsg, fd, &header, 0));
  claims += claimed(what, raw(SYS_sendmmsg, fd, &several, 1, 0));
  raw(SYS_close, fd);
  return claims;
}

static int try_path_sockets(const struct target* t) {
  struct sockaddr_un address;
  socklen_t length = path_address(&address, t->socket);
  int claims = connect_to(SOCK_STREAM, &address, length, "connect to a path");
  length = path_address(&address, t->datagram);
  claims += connect_to(SOCK_DGRAM, &address, length, "connect a datagram socket to a path");
  return claims + send_to(&address, length, "send to a path");
}

static int try_abstract_sockets(const struct target* t) {
  struct sockaddr_un address;
  const socklen_t length = abstract_address(&address, t->abstract);
  int claims = connect_to(SOCK_STREAM, &address, length, "connect to an abstract name");
  claims += connect_to(SOCK_SEQPACKET, &address, length, "connect to an abstract name");
  return claims + send_to(&address, length, "send to an abstract name");
}

static int try_bind_outside(const struct target* t) {
  char path[4096];
  snprintf(path, sizeof path, "%s/s", t->directory);
  struct sockaddr_un address;
  const socklen_t length = path_address(&address, path);
  return claimed("bind outside", raw(SYS_bind, raw(SYS_socket, AF_UNIX, SOCK_STREAM, 0), &address, length));
}

// The driver gives the container no network.
static int try_loopback(const struct target* t) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)t->port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const long fd = raw(SYS_socket, AF_INET, SOCK_STREAM, 0);
  if (fd < 0) return 0;
  int claims = claimed("connect to 127.0.0.1", raw(SYS_connect, fd, &address, sizeof address));
  claims += claimed("TCP fast open", raw(SYS_sendto, fd, "owned", 5, 0x20000000, &address, sizeof address));
  const long datagram = raw(SYS_socket, AF_INET, SOCK_DGRAM, 0);
  struct iovec vector = {"owned", 5};
  struct msghdr header = {.msg_name = &address, .msg_namelen = sizeof address, .msg_iov = &vector, .msg_iovlen = 1};
  // In a network of the container's own these work and reach nobody: the canary says.
  raw(SYS_sendto, datagram, "owned", 5, 0, &address, sizeof address);
  raw(SYS_sendmsg, datagram, &header, 0);
  return claims;
}

static int try_other_families(const struct target* t) {
  (void)t;
  static const int families[] = {AF_PACKET,        38 /* AF_ALG */, 40 /* AF_VSOCK */,     29 /* AF_CAN */,
                                 30 /* AF_TIPC */, 44 /* AF_XDP */, 31 /* AF_BLUETOOTH */, 21 /* AF_RDS */};
  int claims = 0;
  for (size_t i = 0; i < sizeof families / sizeof families[0]; ++i) {
    for (int type = 1; type <= 5; ++type) {
      claims += claimed("socket of an unusual family", raw(SYS_socket, families[i], type, 0));
    }
  }
  return claims;
}

static int try_shared_memory(const struct target* t) {
  int claims = claimed("shmat of the host's segment", raw(SYS_shmat, t->shared_memory, 0, 0));
  claims += claimed("shmctl of the host's segment", raw(SYS_shmctl, t->shared_memory, 2, buffer));
  claims += claimed("shmctl(IPC_RMID)", raw(SYS_shmctl, t->shared_memory, 0, 0));
  return claims;
}

static int try_message_queue(const struct target* t) {
  (void)t;
  return claimed("mq_open of the host's queue", raw(SYS_mq_open, "litebox-canary", 2, 0, 0));
}

#define ENTRY(name) \
  { #name, try_##name }
const struct attempt socket_attempts[] = {ENTRY(path_sockets),   ENTRY(abstract_sockets), ENTRY(bind_outside),  ENTRY(loopback),
                                          ENTRY(other_families), ENTRY(shared_memory),    ENTRY(message_queue), {NULL, NULL}};
