// execveat(2): programs and scripts by descriptor, kept open and closed by the exec.
#include "report.h"

namespace {

void execute(int dirfd, const char* path, int flags) {
  in_child([=] {
    char first[] = "first";
    char second[] = "shown";
    char* arguments[] = {first, second, nullptr};
    char* environment[] = {nullptr};
    TRY(syscall(SYS_execveat, dirfd, path, arguments, environment, flags));
  });
}

void in_all_forms(const char* directory, const char* name, int close_on_exec) {
  say("%s, close-on-exec %d", name, close_on_exec != 0);
  char path[64];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  const int file = open(path, O_RDONLY | close_on_exec);
  const int above = open(directory, O_RDONLY | O_DIRECTORY | close_on_exec);
  execute(file, "", AT_EMPTY_PATH);
  execute(file, "", 0);
  execute(above, name, 0);
  execute(above, path, 0);
  execute(AT_FDCWD, path, 0);
  close(file);
  close(above);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) {
    for (int i = 0; i < argc; ++i) say("  argument %d: %s", i, argv[i]);
    return 0;
  }
  enter_work_directory("/tmp/execveat");
  put_file("script", "#!/program of a script\n", 0755);
  in_all_forms("/", "program", 0);
  in_all_forms("/", "program", O_CLOEXEC);
  in_all_forms("/tmp/execveat", "script", 0);
  in_all_forms("/tmp/execveat", "script", O_CLOEXEC);
  return 0;
}
