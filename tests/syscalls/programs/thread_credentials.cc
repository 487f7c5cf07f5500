// Credentials are a thread's own: what a raw call changes in one of several threads, what it forks and executes, and that the C
// library changes all of them.
#include <grp.h>
#include <linux/capability.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/prctl.h>

#include <functional>
#include <string>

#include "report.h"

namespace {

// Runs `work` in a thread of its own, to its end.
void in_thread(std::function<void()> work) {
  pthread_t thread;
  pthread_create(
      &thread, nullptr,
      [](void* function) -> void* {
        (*static_cast<std::function<void()>*>(function))();
        return nullptr;
      },
      &work);
  pthread_join(thread, nullptr);
}

std::string status_line(const char* file, const char* name) {
  FILE* const status = fopen(file, "r");
  char line[256];
  std::string found;
  while (status != nullptr && fgets(line, sizeof line, status) != nullptr) {
    if (strncmp(line, name, strlen(name)) == 0) found = line;
  }
  if (status != nullptr) fclose(status);
  while (!found.empty() && found.back() == '\n') found.pop_back();
  for (char& c : found) c = c == '\t' ? ' ' : c;
  return found;
}

void show_ids(const char* who) {
  uid_t real, effective, saved;
  gid_t groups[8];
  getresuid(&real, &effective, &saved);
  const int count = getgroups(8, groups);
  say("%s: %u %u %u gid %u, %d groups, no new privileges %d", who, real, effective, saved, getegid(), count,
      prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
  say("  of the thread: %s, %s", status_line("/proc/thread-self/status", "Uid:").c_str(),
      status_line("/proc/thread-self/status", "CapEff:").c_str());
}

void give_up() { TRY(syscall(SYS_setresuid, 1000, 1000, 1000)); }

void drop_effective() {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {};
  TRY(syscall(SYS_capget, &header, data));
  data[0].effective = 0;
  TRY(syscall(SYS_capset, &header, data));
}

void changes() {
  in_thread([] {
    give_up();
    show_ids("a thread that has changed its user");
    TRY_OPEN(open("private", O_RDONLY));
    TRY(chown("private", 1, 1));
  });
  show_ids("the process");
  say("  of the process: %s", status_line("/proc/self/status", "Uid:").c_str());
  TRY_OPEN(open("private", O_RDONLY));

  in_thread([] {
    drop_effective();
    show_ids("without effective capabilities");
    TRY(chown("private", 1, 1));
  });
  in_thread([] {
    TRY(syscall(SYS_setgroups, 0UL, nullptr));
    TRY(syscall(SYS_setresgid, 5, 5, 5));
    TRY(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    show_ids("with other groups");
    TRY(umask(027));
    show_ids("after a change of what threads share");
  });
  show_ids("the process");
  TRY(umask(022));
}

void forks() {
  in_thread([] {
    give_up();
    in_child([] {
      show_ids("the thread's child");
      in_child([] { show_ids("its child"); });
      TRY(syscall(SYS_setresuid, 0, 0, 0));
    });
    // Without a call of its own between the two forks.
    const pid_t between = child([] {
      const pid_t last = child([] { show_ids("a grandchild"); });
      waitpid(last, nullptr, 0);
    });
    waitpid(between, nullptr, 0);
    in_child([] {
      char program[] = "/program";
      char word[] = "ids";
      char* arguments[] = {program, word, nullptr};
      execv(program, arguments);
    });
  });
  in_child([] { show_ids("the process's child"); });
}

sem_t changed, seen;

void at_once() {
  sem_init(&changed, 0, 0);
  sem_init(&seen, 0, 0);
  pthread_t thread;
  pthread_create(
      &thread, nullptr,
      [](void*) -> void* {
        give_up();
        sem_post(&changed);
        sem_wait(&seen);
        show_ids("the thread");
        return nullptr;
      },
      nullptr);
  sem_wait(&changed);
  show_ids("the other");
  in_child([] { show_ids("the other's child"); });
  sem_post(&seen);
  pthread_join(thread, nullptr);
}

void library() {
  in_child([] {
    sem_init(&changed, 0, 0);
    sem_init(&seen, 0, 0);
    pthread_t thread;
    pthread_create(
        &thread, nullptr,
        [](void*) -> void* {
          sem_wait(&changed);
          show_ids("a thread of a process that has changed");
          sem_post(&seen);
          return nullptr;
        },
        nullptr);
    TRY(setresuid(1000, 1000, 1000));
    sem_post(&changed);
    sem_wait(&seen);
    pthread_join(thread, nullptr);
    show_ids("the process");
    in_child([] { show_ids("its child"); });
  });
}

// An exec of another user's set-user-ID program may not be dumped (begin_new_exec()).
void set_user_id() {
  const int from = open("/program", O_RDONLY);
  const int to = open("privileged", O_WRONLY | O_CREAT, 0755);
  while (copy_file_range(from, nullptr, to, nullptr, 1U << 20U, 0) > 0) {
  }
  close(from);
  close(to);
  TRY(chmod("privileged", 04755));
  in_thread([] {
    give_up();
    TRY(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
    in_child([] {
      char program[] = "privileged";
      char word[] = "ids";
      char* arguments[] = {program, word, nullptr};
      execv(program, arguments);
    });
  });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && strcmp(argv[1], "ids") == 0) {
    setvbuf(stdout, nullptr, _IOFBF, 1U << 16U);
    show_ids("an executed program");
    TRY(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
    return 0;
  }
  enter_work_directory("thread_credentials");
  put_file("private", "content", 0600);
  changes();
  forks();
  at_once();
  library();
  set_user_id();
  return 0;
}
