#include "runtime/wait_status.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace litebox::runtime {

int exit_code_of(int wait_status) { return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status); }

void end_with(int wait_status) {
  if (!WIFSIGNALED(wait_status)) _exit(WEXITSTATUS(wait_status));
  const int number = WTERMSIG(wait_status);
  const rlimit none{0, 0};
  (void)setrlimit(RLIMIT_CORE, &none);
  (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);  // a core_pattern that is a pipe does not heed the limit
  struct sigaction plain {};
  plain.sa_handler = SIG_DFL;
  (void)sigaction(number, &plain, nullptr);
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, number);
  (void)kill(getpid(), number);
  (void)sigprocmask(SIG_UNBLOCK, &only, nullptr);
  _exit(128 + number);
}

}  // namespace litebox::runtime
