// personality(2): what a process may ask for, and what its children and programs keep of it.
#include <sys/personality.h>

#include "report.h"

namespace {

void set_and_ask(unsigned long wanted) {
  say("%lx", wanted);
  in_child([wanted] {
    TRY(personality(wanted));
    TRY(personality(0xffffffff));
    in_child([] { TRY(personality(0xffffffff)); });
    TRY(personality(PER_LINUX));
    TRY(personality(0xffffffff));
  });
}

}  // namespace

int main() {
  enter_work_directory("/tmp/personality");
  TRY(personality(0xffffffff));
  set_and_ask(PER_LINUX);
  set_and_ask(PER_LINUX32);
  set_and_ask(PER_BSD);
  set_and_ask(PER_HPUX);
  set_and_ask(ADDR_NO_RANDOMIZE);
  set_and_ask(UNAME26);
  set_and_ask(SHORT_INODE);
  set_and_ask(WHOLE_SECONDS);
  set_and_ask(0UL | PER_BSD | SHORT_INODE | WHOLE_SECONDS);
  set_and_ask(0UL | STICKY_TIMEOUTS | ADDR_NO_RANDOMIZE);
  return 0;
}
