// Who has sent a message to an address: SO_PASSCRED and SCM_CREDENTIALS of unix(7).
#include "senders.h"

namespace {

void senders() {
  const int on = 1;
  const ucred self = {getpid(), getuid(), getgid()};
  const int unbound = socket(AF_UNIX, SOCK_DGRAM, 0);
  const int bound = socket(AF_UNIX, SOCK_DGRAM, 0);
  TRY(bind_to(bound, abstract("senders-by-address")));
  TRY(setsockopt(bound, SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
  TRY(send_as(unbound, self, abstract("senders-by-address")));
  show_with_ids("named, to an address", receive(bound));
  TRY(send_to(unbound, abstract("senders-by-address")));
  show_with_ids("not named, to an address", receive(bound));
  for (const int fd : {unbound, bound}) close(fd);
}

}  // namespace

int main() {
  in_child(senders);
  in_child(senders, 1000, 1001);
}
