// Who has sent a message: SO_PASSCRED and SCM_CREDENTIALS of unix(7).
#include "report.h"
#include "unix_addresses.h"

namespace {

constexpr int kUser = 1000;
constexpr int kGroup = 1001;

struct Told {
  long size = -1;
  ucred sender = {};
  bool has_sender = false;
};

Told receive(int socket) {
  Told told;
  char byte = 0;
  char control[CMSG_SPACE(sizeof(ucred))] = {};
  iovec vector = {&byte, 1};
  msghdr message = {};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  told.size = recvmsg(socket, &message, MSG_DONTWAIT);
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (told.size >= 0 && header != nullptr && header->cmsg_type == SCM_CREDENTIALS) {
    told.has_sender = true;
    memcpy(&told.sender, CMSG_DATA(header), sizeof told.sender);
  }
  return told;
}

void show(const char* what, const Told& told) {
  if (!told.has_sender) return say("  %s, user %u: %ld bytes of nobody", what, getuid(), told.size);
  say("  %s, user %u: %ld bytes of %s", what, getuid(), told.size, told.sender.pid == getpid() ? "this process" : "another");
}

void show_with_ids(const char* what, const Told& told) {
  show(what, told);
  say("    named: user %u, group %u", told.sender.uid, told.sender.gid);
}

long send_as(int socket, const ucred& sender, const std::string& to) {
  char byte = 'x';
  char control[CMSG_SPACE(sizeof sender)] = {};
  iovec vector = {&byte, 1};
  sockaddr_un address;
  msghdr message = {};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  if (!to.empty()) {
    message.msg_namelen = name_of(&address, to);
    message.msg_name = &address;
  }
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_CREDENTIALS;
  header->cmsg_len = CMSG_LEN(sizeof sender);
  memcpy(CMSG_DATA(header), &sender, sizeof sender);
  return sendmsg(socket, &message, 0);
}

// Without SO_PASSCRED nobody is told; nobody else may be named.
void senders() {
  const int on = 1;
  int ends[2];
  TRY(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends));
  const ucred self = {getpid(), getuid(), getgid()};
  TRY(send_as(ends[0], self, ""));
  show("to whom it may not concern", receive(ends[1]));
  TRY(setsockopt(ends[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
  TRY(send_as(ends[0], self, ""));
  show_with_ids("named, in a pair", receive(ends[1]));
  TRY(write(ends[0], "x", 1));
  show("written", receive(ends[1]));
  TRY(send_as(ends[0], {getppid(), getuid(), getgid()}, ""));
  const int unbound = socket(AF_UNIX, SOCK_DGRAM, 0);
  const int bound = socket(AF_UNIX, SOCK_DGRAM, 0);
  TRY(bind_to(bound, abstract("sockets-test.senders")));
  TRY(setsockopt(bound, SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
  TRY(send_as(unbound, self, abstract("sockets-test.senders")));
  show_with_ids("named, to an address", receive(bound));
  TRY(send_to(unbound, abstract("sockets-test.senders")));
  show_with_ids("not named, to an address", receive(bound));
  TRY(connect_to(unbound, abstract("sockets-test.senders")));
  TRY(send(unbound, "x", 1, 0));
  show("sent", receive(bound));
  for (const int fd : {ends[0], ends[1], unbound, bound}) close(fd);
}

void senders_of_other_users() {
  senders();
  int ends[2];
  TRY(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends));
  TRY(send_as(ends[0], {getpid(), 0, kGroup}, ""));
  TRY(send_as(ends[0], {getpid(), kUser, 0}, ""));
}

}  // namespace

int main() {
  in_child(senders);
  in_child(senders_of_other_users, kUser, kGroup);
}
