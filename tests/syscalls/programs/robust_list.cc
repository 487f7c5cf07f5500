// get_robust_list(2) of the caller, of another thread, of a child, and of nobody.
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>

#include "report.h"

namespace {

long robust_list_of(pid_t thread, robust_list_head** head) {
  size_t size = 0;
  const long result = syscall(SYS_get_robust_list, thread, head, &size);
  if (result == 0) say("  size %zu", size);
  return result;
}

void* ask_for_leader(void* leaders) {
  robust_list_head* own = nullptr;
  robust_list_head* leader = nullptr;
  TRY(robust_list_of(0, &own));
  TRY(robust_list_of(getpid(), &leader));
  say("the leader's: %d, mine: %d", leader == leaders, own == leaders);
  return nullptr;
}

}  // namespace

int main() {
  enter_work_directory("/tmp/robust_list");
  robust_list_head list = {};
  robust_list_head* found = nullptr;
  TRY(syscall(SYS_set_robust_list, &list, sizeof list));
  TRY(robust_list_of(0, &found));
  say("mine: %d", found == &list);
  TRY(robust_list_of(getpid(), &found));
  say("mine: %d", found == &list);
  pthread_t thread;
  pthread_create(&thread, nullptr, ask_for_leader, &list);
  pthread_join(thread, nullptr);
  const pid_t child = fork();
  if (child == 0) {
    syscall(SYS_set_robust_list, &list, sizeof list);
    raise(SIGSTOP);
    _exit(0);
  }
  waitpid(child, nullptr, WUNTRACED);
  TRY(robust_list_of(child, &found));
  say("the child's: %d", found == &list);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  TRY(robust_list_of(child, &found));
  TRY(robust_list_of(-1, &found));
  TRY(syscall(SYS_get_robust_list, 0, bad_pointer, bad_pointer));
  return 0;
}
