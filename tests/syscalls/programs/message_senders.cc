// Who has sent a message: SO_PASSCRED and SCM_CREDENTIALS of unix(7).
#include "senders.h"

namespace {

constexpr int kUser = 1000;
constexpr int kGroup = 1001;

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
  TRY(bind_to(bound, abstract("senders-test")));
  TRY(setsockopt(bound, SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
  TRY(connect_to(unbound, abstract("senders-test")));
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
