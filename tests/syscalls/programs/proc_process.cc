// What /proc/<pid> says of a process that reads about itself, and of one that is gone.
#include <signal.h>

#include <string>

#include "report.h"

namespace {

std::string line_of(const char* path, const char* start) {
  FILE* const file = fopen(path, "r");
  char line[4096] = "";
  while (file != nullptr && fgets(line, sizeof line, file) != nullptr) {
    if (strncmp(line, start, strlen(start)) == 0) break;
  }
  if (file != nullptr) fclose(file);
  line[strcspn(line, "\n")] = 0;
  return line;
}

void show_state() {
  say("status: %s", line_of("/proc/self/status", "State:").c_str());
  const std::string stat = line_of("/proc/self/stat", "");
  say("stat: %s", stat.substr(stat.rfind(')') + 2, 1).c_str());
}

void show_another() {
  const pid_t child = fork();
  if (child == 0) {
    while (true) pause();
  }
  const std::string directory = "/proc/" + std::to_string(child);
  while (line_of((directory + "/status").c_str(), "State:") != "State:\tS (sleeping)") usleep(1000);
  const int tasks = open((directory + "/task").c_str(), O_RDONLY | O_DIRECTORY);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  char buffer[1024];
  TRY(syscall(SYS_getdents64, tasks, buffer, sizeof buffer));
}

void remove_things() {
  const std::string task = "/proc/self/task/" + std::to_string(getpid());
  in_child(
      [&] {
        TRY(rmdir(task.c_str()));
        TRY(unlink("/proc/self/status"));
      },
      1000, 1000);
}

}  // namespace

int main() {
  enter_work_directory("proc_process");
  show_state();
  show_another();
  remove_things();
  const int made = open("made", O_RDWR | O_CREAT | O_APPEND, 0644);
  say("flags: %#o", fcntl(made, F_GETFL));
  say("fdinfo: %s", line_of(("/proc/self/fdinfo/" + std::to_string(made)).c_str(), "flags:").c_str());
  return 0;
}
