// Sockets: names and peers of AF_UNIX, pairs, connections that were reset, loopback TCP and UDP (unix(7), ip(7)).
#include <arpa/inet.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <set>
#include <string>

#include "report.h"
#include "unix_addresses.h"

namespace {

constexpr int kUser = 1000;
constexpr int kGroup = 1001;

// Of /proc/net/unix, the states and names of this program's own sockets; the table has no order.
void show_table() {
  FILE* table = fopen("/proc/net/unix", "r");
  if (table == nullptr) return;
  std::set<std::string> lines;
  char line[512];
  while (fgets(line, sizeof line, table) != nullptr) {
    char type[8], state[8], name[256] = "";
    if (sscanf(line, "%*s %*s %*s %*s %7s %7s %*s %255[^\n]", type, state, name) < 3) continue;
    if (strstr(name, "sockets-test") != nullptr) lines.insert(std::string(type) + " " + state + " " + name);
  }
  fclose(table);
  for (const std::string& sorted : lines) say("  %s", sorted.c_str());
}

void names_in_the_table() {
  const int path = socket(AF_UNIX, SOCK_STREAM, 0);
  const int relative = socket(AF_UNIX, SOCK_DGRAM, 0);
  const int hidden = socket(AF_UNIX, SOCK_SEQPACKET, 0);
  TRY(bind_to(path, "/tmp/sockets-test.1"));
  TRY(listen(path, 1));
  TRY(chdir("/tmp"));
  TRY(bind_to(relative, "sockets-test.2"));
  std::string odd = abstract("sockets-test.3");
  odd += '\0';
  odd += "more";
  TRY(bind_to(hidden, odd));
  show_table();
  const mode_t mask = umask(027);
  const int closed = socket(AF_UNIX, SOCK_DGRAM, 0);
  TRY(fchmod(closed, 0666));
  TRY(bind_to(closed, "sockets-test.4"));
  umask(mask);
  show("sockets-test.1");
  show("sockets-test.4");
  // A name as long as can be.
  const int full = socket(AF_UNIX, SOCK_STREAM, 0);
  TRY(bind_to(full, abstract("sockets-test") + std::string(108 - 13, 'x')));
  show_table();
  for (const int fd : {path, relative, hidden, closed, full}) close(fd);
  unlink("sockets-test.1");
  unlink("sockets-test.2");
  unlink("sockets-test.4");
  show_table();
}

// SO_PEERCRED of both ends of a connection that another user has made.
void peers() {
  const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  TRY(bind_to(listener, abstract("sockets-test.peers")));
  TRY(listen(listener, 1));
  const pid_t other = child([] {
    syscall(SYS_setresgid, kGroup, kGroup, kGroup);
    syscall(SYS_setresuid, kUser, kUser, kUser);
    const int socket_fd = socket(AF_UNIX, SOCK_STREAM, 0);
    TRY(connect_to(socket_fd, abstract("sockets-test.peers")));
    char byte;
    TRY(read(socket_fd, &byte, 1));
    // Nothing of the other user is left.
    TRY(getuid());
    TRY(getegid());
  });
  const int connection = accept(listener, nullptr, nullptr);
  ucred peer = {};
  socklen_t length = sizeof peer;
  TRY(getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &length));
  say("  %s, user %u, group %u", peer.pid == other ? "the child" : "another", peer.uid, peer.gid);
  TRY(write(connection, "x", 1));
  waitpid(other, nullptr, 0);
  close(connection);
  close(listener);
}

// Whoever has listened and is gone is still told of.
void peer_that_has_ended() {
  const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  TRY(bind_to(listener, abstract("sockets-test.ended")));
  const pid_t other = child([&] { TRY(listen(listener, 1)); });
  waitpid(other, nullptr, 0);
  const int connection = socket(AF_UNIX, SOCK_STREAM, 0);
  TRY(connect_to(connection, abstract("sockets-test.ended")));
  ucred peer = {};
  socklen_t length = sizeof peer;
  TRY(getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &length));
  say("  %s", peer.pid == other ? "the child" : "another");
  close(connection);
  close(listener);
}

// An address is for datagrams; with a stream it is an error, whatever it says, and with packets it is not looked at.
void addresses_of_no_use() {
  for (const int type : {static_cast<int>(SOCK_STREAM), static_cast<int>(SOCK_SEQPACKET)}) {
    int ends[2];
    TRY(socketpair(AF_UNIX, type, 0, ends));
    const int lonely = socket(AF_UNIX, type, 0);
    for (const int fd : {ends[0], lonely}) {
      TRY(send_to(fd, "/nowhere"));
      TRY(send_to(fd, abstract("sockets-test.nobody")));
      TRY(sendto(fd, "x", 1, 0, reinterpret_cast<const sockaddr*>("abc"), 3));
    }
    for (const int fd : {ends[0], ends[1], lonely}) close(fd);
  }
}

void pairs() {
  int ends[2];
  for (const int domain : {AF_INET, AF_INET6}) {
    for (const int type : {0, static_cast<int>(SOCK_STREAM), static_cast<int>(SOCK_DGRAM), static_cast<int>(SOCK_RDM)}) {
      say("domain %d, type %d", domain, type);
      TRY(socketpair(domain, type, 0, ends));
    }
  }
  TRY(socketpair(AF_UNIX, 0, 0, ends));
  TRY(socketpair(AF_UNIX, SOCK_STREAM, 77, ends));
  TRY(socketpair(AF_UNIX, SOCK_STREAM, 0, nullptr));
}

sockaddr_in loopback() {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// A connection that was reset while it waited is accepted, with its peer's address.
void accept_after_reset() {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = loopback();
  socklen_t length = sizeof address;
  auto* const name = reinterpret_cast<sockaddr*>(&address);
  TRY(bind(listener, name, length));
  TRY(listen(listener, 1));
  TRY(getsockname(listener, name, &length));
  const int client = socket(AF_INET, SOCK_STREAM, 0);
  TRY(connect(client, name, length));
  const linger now = {1, 0};
  TRY(setsockopt(client, SOL_SOCKET, SO_LINGER, &now, sizeof now));
  TRY(close(client));
  sockaddr_in peer = {};
  length = sizeof peer;
  const int connection = accept(listener, reinterpret_cast<sockaddr*>(&peer), &length);
  say("accepted: %d, length %u, family %d, from loopback: %d", connection >= 0, length, peer.sin_family,
      peer.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
  char byte;
  TRY(read(connection, &byte, 1));
  TRY(getpeername(connection, reinterpret_cast<sockaddr*>(&peer), &length));
  close(connection);
  close(listener);
}

void time_of_the_last_packet() {
  const int receiver = socket(AF_INET, SOCK_DGRAM, 0);
  sockaddr_in address = loopback();
  socklen_t length = sizeof address;
  auto* const name = reinterpret_cast<sockaddr*>(&address);
  TRY(bind(receiver, name, length));
  TRY(getsockname(receiver, name, &length));
  timeval when = {};
  TRY(ioctl(receiver, SIOCGSTAMP_OLD, &when));
  const int sender = socket(AF_INET, SOCK_DGRAM, 0);
  TRY(sendto(sender, "x", 1, 0, name, length));
  char byte;
  TRY(recv(receiver, &byte, 1, 0));
  TRY(ioctl(receiver, SIOCGSTAMP_OLD, &when));
  timespec exactly = {};
  TRY(ioctl(receiver, SIOCGSTAMPNS_OLD, &exactly));
  TRY(ioctl(receiver, SIOCGSTAMP_OLD, bad_pointer));
  close(sender);
  close(receiver);
}

}  // namespace

int main() {
  names_in_the_table();
  peers();
  peer_that_has_ended();
  addresses_of_no_use();
  pairs();
  accept_after_reset();
  time_of_the_last_packet();
}
