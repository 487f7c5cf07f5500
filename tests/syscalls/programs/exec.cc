// execve(2) and execveat(2): what may be executed, how scripts find their interpreters, what the new program keeps of the old
// one, and threads that execute at the same time.
#include <pthread.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/time.h>

#include <initializer_list>
#include <string>
#include <vector>

#include "report.h"

namespace {

extern "C" char** environ;

constexpr size_t kShown = 60;
constexpr size_t kStringLimit = 131072;  // MAX_ARG_STRLEN

void show_string(const char* what, int number, const char* text) {
  const size_t size = strlen(text);
  say("  %s %d: %.*s%s", what, number, static_cast<int>(kShown), text,
      size > kShown ? ("... " + std::to_string(size)).c_str() : "");
}

std::string comm() {
  char name[17] = "";
  prctl(PR_GET_NAME, name);
  return name;
}

// What the executed program says of itself.
int be_executed(int argc, char** argv) {
  setvbuf(stdout, nullptr, _IOFBF, 1U << 16U);
  int signal_at_death = -1;
  prctl(PR_GET_PDEATHSIG, &signal_at_death);
  char link[256] = "";
  (void)!readlink("/proc/self/exe", link, sizeof link - 1);
  int variables = 0;
  while (environ[variables] != nullptr) ++variables;
  const auto* const name = reinterpret_cast<const char*>(getauxval(AT_EXECFN));
  // What is executed by its descriptor alone is called after it on some kernels, and after the file since Linux 6.14.
  const bool nameless = strncmp(name, "/dev/fd/", 8) == 0 && strchr(name + 8, '/') == nullptr;
  say("  executed %s as %s, comm %s, %d arguments, %d variables", link, name, nameless ? "?" : comm().c_str(), argc, variables);
  for (int i = 0; i < argc && i < 12; ++i) show_string("argument", i, argv[i]);
  for (int i = 0; i < variables && i < 4; ++i) show_string("variable", i, environ[i]);
  say("  ids %d %d %d %d, vector %lu %lu %lu %lu secure %lu", getuid(), geteuid(), getgid(), getegid(), getauxval(AT_UID),
      getauxval(AT_EUID), getauxval(AT_GID), getauxval(AT_EGID), getauxval(AT_SECURE));
  say("  death signal %d personality %x", signal_at_death, static_cast<unsigned>(personality(0xffffffff)));
  return 0;
}

using Strings = std::vector<std::string>;

std::vector<char*> pointers(const Strings& strings) {
  std::vector<char*> result;
  for (const std::string& text : strings) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

// Executes in a child, and says why not where it fails.
void execute(const char* path, const Strings& arguments = {"zero", "shown"}, const Strings& environment = {"A=1"}) {
  say("%.*s", static_cast<int>(kShown), path);
  in_child([&] {
    execve(path, pointers(arguments).data(), pointers(environment).data());
    say("  %s", strerrorname_np(errno));
  });
}

void execute_at(const char* what, int dirfd, const char* path, int flags) {
  say("%s, flags %x", what, flags);
  in_child([&] {
    const Strings arguments = {"zero", "shown"};
    syscall(SYS_execveat, dirfd, path, pointers(arguments).data(), pointers({}).data(), flags);
    say("  %s", strerrorname_np(errno));
  });
}

int sendfile_all(int from, int to, off_t size) {
  off_t at = 0;
  while (at < size) {
    if (sendfile(to, from, &at, static_cast<size_t>(size - at)) <= 0) return -1;
  }
  return 0;
}

void copy_program(const char* path, mode_t mode) {
  const int from = open("/program", O_RDONLY);
  const int to = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
  struct stat status;
  fstat(from, &status);
  if (sendfile_all(from, to, status.st_size) != 0) say("cannot copy to %s", path);
  close(from);
  fchmod(to, mode);
  close(to);
}

void put_script(const char* path, const std::string& text) { put_file(path, text.c_str(), 0755); }

void refusals() {
  put_file("plain", "echo no\n", 0644);
  put_file("text", "echo no\n", 0755);
  put_file("empty", "", 0755);
  put_file("elf", "\177ELF", 0755);
  mkdir("directory", 0755);
  mkfifo("fifo", 0755);
  symlink("loop", "loop");
  symlink("/program", "link");
  copy_program("copy", 0755);
  for (const char* path : {"missing", "plain", "text", "empty", "elf", "directory", "fifo", "loop", "copy/below", "copy/",
                           "link", "", "/mnt/noexec/program", "/mnt/nodev", "./copy", "../exec/copy", "/program/"}) {
    execute(path);
  }
  execute(std::string(5000, 'x').c_str());
  execute(("./" + std::string(300, 'x')).c_str());
  in_child([] { TRY(syscall(SYS_execve, nullptr, nullptr, nullptr)); });
  in_child([] { TRY(syscall(SYS_execve, bad_pointer, nullptr, nullptr)); });
  in_child([] { TRY(execve("/program", reinterpret_cast<char**>(bad_pointer), nullptr)); });
  in_child([] {
    char* arguments[] = {bad_pointer, nullptr};
    TRY(execve("/program", arguments, nullptr));
  });
  in_child([] { TRY(execve("/program", pointers({"zero", "shown"}).data(), nullptr)); });
  in_child(
      [] {
        copy_program("unreadable", 0711);
        execute("unreadable");
        copy_program("owners", 0700);
        execute("owners");
      },
      1000, 1000);
  execute("owners");
}

// A file that is open for writing is not executed, and a program that runs is not written.
void busy_text() {
  int fd = open("copy", O_WRONLY);
  execute("copy");
  close(fd);
  execute("copy", {"zero", "after"});
  fd = open("link-script", O_WRONLY | O_CREAT, 0755);
  (void)!write(fd, "#!/program x\n", 13);
  execute("link-script");
  close(fd);
  execute("link-script");
  put_script("script-of-copy", "#!copy y\n");
  fd = open("copy", O_RDWR);
  execute("script-of-copy");
  close(fd);
  execute("script-of-copy");
}

void scripts() {
  const struct {
    const char* name;
    std::string text;
  } kScripts[] = {
      {"simple", "#!/program\n"},
      {"argument", "#!/program one\n"},
      {"two-arguments", "#!/program one two\n"},
      {"blanks", "#! \t /program \t one  two \t \n"},
      {"carriage", "#!/program\r\n"},
      {"carriage-argument", "#!/program one\r\n"},
      {"no-newline", "#!/program one"},
      {"nothing", "#!\n"},
      {"only-blanks", "#!   \t \n"},
      {"relative", "#!copy one\n"},
      {"relative-directory", "#!./copy one\n"},
      {"missing-interpreter", "#!/missing\n"},
      {"directory-interpreter", "#!/tmp\n"},
      {"plain-interpreter", "#!plain\n"},
      {"text-interpreter", "#!text\n"},
      {"noexec-interpreter", "#!/mnt/noexec/program\n"},
      {"loop-interpreter", "#!loop\n"},
      {"itself", "#!itself\n"},
      {"nul", std::string("#!/program\0one\n", 15)},
      {"long-argument", "#!/program " + std::string(200, 'y') + "\n"},
      {"long-line", "#!/program " + std::string(400, 'y') + "\n"},
      {"long-name", "#!/" + std::string(260, 'p') + "\n"},
      {"longest", "#!/program " + std::string(256 - 12, 'z') + "\n"},
      {"space-before", " #!/program\n"},
  };
  for (const auto& script : kScripts) {
    const int fd = open(script.name, O_WRONLY | O_CREAT | O_TRUNC, 0755);
    (void)!write(fd, script.text.data(), script.text.size());
    close(fd);
    execute(script.name);
  }
  execute("simple", {});
  execute("simple", {"only"});
  execute("argument", {"zero", "one", "two", "three"});
  std::string interpreter = "/program";
  for (int depth = 1; depth <= 7; ++depth) {
    const std::string name = "nested" + std::to_string(depth);
    put_script(name.c_str(), "#!" + interpreter + " level" + std::to_string(depth) + "\n");
    execute(name.c_str());
    interpreter = name;
  }
}

void by_descriptor() {
  const int directory = open(".", O_RDONLY | O_DIRECTORY);
  const int program = open("copy", O_RDONLY);
  const int path_only = open("copy", O_PATH);
  const int script = open("argument", O_RDONLY);
  const int closing_script = open("argument", O_RDONLY | O_CLOEXEC);
  const int plain = open("plain", O_RDONLY);
  execute_at("descriptor", program, "", AT_EMPTY_PATH);
  execute_at("O_PATH descriptor", path_only, "", AT_EMPTY_PATH);
  execute_at("script", script, "", AT_EMPTY_PATH);
  execute_at("script that closes", closing_script, "", AT_EMPTY_PATH);
  execute_at("plain file", plain, "", AT_EMPTY_PATH);
  execute_at("directory itself", directory, "", AT_EMPTY_PATH);
  execute_at("empty path", program, "", 0);
  execute_at("below a directory", directory, "copy", 0);
  execute_at("below a directory, whatever the flag", directory, "copy", AT_EMPTY_PATH);
  execute_at("missing", directory, "missing", 0);
  execute_at("link", directory, "link", 0);
  execute_at("link not followed", directory, "link", AT_SYMLINK_NOFOLLOW);
  execute_at("copy not followed", directory, "copy", AT_SYMLINK_NOFOLLOW);
  execute_at("loop not followed", directory, "loop", AT_SYMLINK_NOFOLLOW);
  execute_at("below a file", program, "copy", 0);
  execute_at("absolute", program, "/program", 0);
  execute_at("absolute, no descriptor", 999, "/program", 0);
  execute_at("no descriptor", 999, "copy", 0);
  execute_at("no descriptor, empty", 999, "", AT_EMPTY_PATH);
  execute_at("working directory", AT_FDCWD, "copy", 0);
  execute_at("working directory, empty", AT_FDCWD, "", AT_EMPTY_PATH);
  execute_at("flags", directory, "copy", 0x4);
  const int memory = memfd_create("memory", 0);
  execute_at("empty memfd", memory, "", AT_EMPTY_PATH);
  (void)!write(memory, "#!/program memory\n", 18);
  execute_at("script in a memfd", memory, "", AT_EMPTY_PATH);
  const int closing = memfd_create("closing", MFD_CLOEXEC);
  struct stat status;
  fstat(program, &status);
  lseek(program, 0, SEEK_SET);
  sendfile_all(program, closing, status.st_size);
  execute_at("memfd", closing, "", AT_EMPTY_PATH);
  fchmod(closing, 0600);
  execute_at("memfd without the bit", closing, "", AT_EMPTY_PATH);
  for (const int fd : {directory, program, path_only, script, closing_script, plain, memory, closing}) close(fd);
}

void sizes() {
  execute("/program", {});
  execute("/program", {""});
  execute("/program", {"zero", ""}, {});
  execute("/program", {"zero", std::string(kStringLimit - 1, 'a')});
  execute("/program", {"zero", std::string(kStringLimit, 'a')});
  execute("/program", {"zero", "one"}, {"V=" + std::string(kStringLimit - 3, 'e')});
  execute("/program", {"zero", "one"}, {"V=" + std::string(kStringLimit - 2, 'e')});
  const Strings megabyte(5, std::string(100000, 'm'));
  execute("/program", megabyte, megabyte);
  execute("argument", megabyte, megabyte);
  execute("/program", Strings(20000, "many"), Strings(20000, "V=many"));
  execute("/program", Strings(70, std::string(100000, 'b')), {});
  execute("/program", {"zero"}, Strings(70, std::string(100000, 'b')));
  in_child([] {
    const struct rlimit small = {1U << 20U, 1U << 20U};
    setrlimit(RLIMIT_STACK, &small);
    execute("/program", Strings(2, std::string(100000, 'c')), {});
    execute("/program", Strings(4, std::string(100000, 'c')), {});
  });
}

// Set-user-ID programs: what they gain, and what they do not inherit.
void privileges() {
  const struct {
    const char* name;
    mode_t mode;
    uid_t owner;
    gid_t group;
  } kPrograms[] = {
      {"suid-root", 04755, 0, 0},          {"suid-user", 04755, 1000, 1000}, {"sgid", 02755, 0, 3000},
      {"sgid-no-execute", 02745, 0, 3000}, {"suid-sgid", 06755, 1000, 3000},
  };
  for (const auto& program : kPrograms) {
    copy_program(program.name, 0755);
    if (chown(program.name, program.owner, program.group) != 0) say("cannot chown");
    chmod(program.name, program.mode);
  }
  for (const uid_t user : {0U, 1000U, 2000U}) {
    for (const auto& program : kPrograms) {
      for (const bool restrained : {false, true}) {
        say("as %u%s", user, restrained ? ", no_new_privs" : "");
        in_child(
            [&] {
              if (restrained) prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
              prctl(PR_SET_PDEATHSIG, SIGUSR1);
              personality(ADDR_NO_RANDOMIZE);
              execute(program.name, {"zero"}, {});
              execve(program.name, pointers({"zero", "shown"}).data(), pointers({}).data());
            },
            user, user);
      }
    }
  }
}

// Where a program's parts lie, as text.
int show_places() {
  static int data;
  int local = 0;
  void* const mapped = mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  printf("%p %p %p %p\n", sbrk(0), static_cast<void*>(&data), static_cast<void*>(&local), mapped);
  return 0;
}

std::string places(unsigned long persona) {
  int ends[2];
  if (pipe(ends) != 0) return {};
  const pid_t pid = child([&] {
    personality(persona);
    dup2(ends[1], 1);
    execve("/program", pointers({"zero", "places"}).data(), pointers({}).data());
  });
  close(ends[1]);
  char text[256] = "";
  (void)!read(ends[0], text, sizeof text - 1);
  close(ends[0]);
  waitpid(pid, nullptr, 0);
  return text;
}

void randomization() {
  say("randomized: %d", places(PER_LINUX) != places(PER_LINUX));
  const std::string first = places(ADDR_NO_RANDOMIZE);
  say("not randomized: %d", !first.empty() && first == places(ADDR_NO_RANDOMIZE));
}

void on_signal(int /*signal*/) {}

// What stays over an exec and what does not.
int show_attributes() {
  sigset_t mask, pending;
  sigprocmask(SIG_BLOCK, nullptr, &mask);
  sigpending(&pending);
  struct sigaction ignored, handled;
  sigaction(SIGUSR1, nullptr, &ignored);
  sigaction(SIGUSR2, nullptr, &handled);
  stack_t stack;
  sigaltstack(nullptr, &stack);
  struct itimerval timer;
  getitimer(ITIMER_REAL, &timer);
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  char cwd[256] = "";
  (void)!getcwd(cwd, sizeof cwd);
  say("  blocked %d pending %d ignored %d handled %d", sigismember(&mask, SIGTERM), sigismember(&pending, SIGTERM),
      ignored.sa_handler == SIG_IGN, handled.sa_handler == SIG_DFL);
  say("  alternate stack %d timer %d files %lu umask %o nice %d cwd %s", stack.ss_flags == SS_DISABLE,
      timer.it_value.tv_sec > 100, files.rlim_cur, umask(0), getpriority(PRIO_PROCESS, 0), cwd);
  for (int fd = 3; fd < 12; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) say("  descriptor %d at %ld", fd, static_cast<long>(lseek(fd, 0, SEEK_CUR)));
  }
  return 0;
}

void attributes() {
  in_child([] {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    raise(SIGTERM);
    signal(SIGUSR1, SIG_IGN);
    signal(SIGUSR2, on_signal);
    static char memory[1U << 16U];
    const stack_t stack = {memory, 0, sizeof memory};
    sigaltstack(&stack, nullptr);
    const struct itimerval timer = {{0, 0}, {1000, 0}};
    setitimer(ITIMER_REAL, &timer, nullptr);
    const struct rlimit files = {64, 64};
    setrlimit(RLIMIT_NOFILE, &files);
    umask(027);
    (void)!nice(3);
    const int kept = open("plain", O_RDONLY);
    lseek(kept, 3, SEEK_SET);
    dup2(kept, 9);
    close(open("plain", O_RDONLY | O_CLOEXEC));
    fcntl(dup2(kept, 10), F_SETFD, FD_CLOEXEC);
    execve("/program", pointers({"zero", "attributes"}).data(), pointers({}).data());
  });
}

void* execute_in_thread(void* argument) {
  const auto* name = static_cast<const char*>(argument);
  execve(name, pointers({name, "shown"}).data(), pointers({}).data());
  return nullptr;
}

void* wait_for_ever(void* /*argument*/) {
  while (true) pause();
}

void threads() {
  char path[] = "copy";
  in_child([&] {
    pthread_t others[3];
    for (pthread_t& thread : others) pthread_create(&thread, nullptr, wait_for_ever, nullptr);
    pthread_t thread;
    pthread_create(&thread, nullptr, execute_in_thread, path);
    wait_for_ever(nullptr);
  });
  // A failing one leaves everything as it was.
  in_child([] {
    pthread_t thread;
    char missing[] = "missing";
    pthread_create(&thread, nullptr, execute_in_thread, missing);
    pthread_join(thread, nullptr);
    say("still here");
  });
}

// Is what runs the program whose name it was given?
int check_name(char** argv) {
  char link[256] = "";
  (void)!readlink("/proc/self/exe", link, sizeof link - 1);
  const bool same = strcmp(strrchr(link, '/') + 1, argv[0]) == 0 && comm() == argv[0] &&
                    strcmp(reinterpret_cast<const char*>(getauxval(AT_EXECFN)), argv[0]) == 0;
  return same ? 0 : 1;
}

pthread_barrier_t barrier;
void* race(void* argument) {
  const auto* name = static_cast<const char*>(argument);
  pthread_barrier_wait(&barrier);
  execve(name, pointers({name, "check"}).data(), pointers({}).data());
  // The other thread has been quicker.
  return wait_for_ever(nullptr);
}

void races() {
  copy_program("racer1", 0755);
  copy_program("racer2", 0755);
  copy_program("racer3", 0755);
  char names[3][8] = {"racer1", "racer2", "racer3"};
  int right = 0;
  for (int i = 0; i < 40; ++i) {
    const pid_t pid = child([&] {
      pthread_barrier_init(&barrier, nullptr, 3);
      pthread_t thread;
      for (char* name : {names[0], names[1]}) pthread_create(&thread, nullptr, race, name);
      race(names[2]);
    });
    int status = 0;
    if (waitpid(pid, &status, 0) == pid && status == 0) ++right;
  }
  say("races: %d right", right);
}

// A failed execve leaves every register but those that a system call destroys, and no descriptor.
void fail_at_a_site(const char* what, const char* path, char* const* argv) {
  const auto word = [](const void* pointer) { return reinterpret_cast<unsigned long>(pointer); };
  char* const none[] = {nullptr};
  unsigned long result = 0;
  unsigned long rdi = word(path);
  unsigned long rsi = word(argv);
  unsigned long rdx = word(none);
  register unsigned long r8 asm("r8") = 0x1111;
  register unsigned long r9 asm("r9") = 0x2222;
  register unsigned long r10 asm("r10") = 0x3333;
  asm volatile(
      "mov %[number], %%eax\n"
      "syscall"
      : "=&a"(result), "+D"(rdi), "+S"(rsi), "+d"(rdx), "+r"(r8), "+r"(r9), "+r"(r10)
      : [number] "i"(SYS_execve)
      : "rcx", "r11", "memory");
  const unsigned long after[] = {r8, r9, r10};
  say("%s: %ld, registers %d %d %d %lx %lx %lx", what, static_cast<long>(result), rdi == word(path), rsi == word(argv),
      rdx == word(none), after[0], after[1], after[2]);
  const int next = dup(0);
  close(next);
  say("next descriptor %d", next);
}

void failures_at_a_site() {
  char name[] = "x";
  char* const argv[] = {name, nullptr};
  fail_at_a_site("missing", "/missing", argv);
  fail_at_a_site("no program", "/etc/passwd", argv);
  fail_at_a_site("bad address", bad_pointer, argv);
  fail_at_a_site("bad arguments", "/program", reinterpret_cast<char* const*>(bad_pointer));
  const std::string large(256UL * 1024UL, 'a');
  char* const too_large[] = {const_cast<char*>(large.c_str()), nullptr};
  fail_at_a_site("too large", "/program", too_large);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string word = argc > 1 ? argv[1] : "";
  if (word == "places") return show_places();
  if (word == "attributes") return show_attributes();
  if (word == "check") return check_name(argv);
  const bool first = argc == 1 && strcmp(argv[0], "/program") == 0 && getpid() == 1;
  if (!first) return be_executed(argc, argv);
  enter_work_directory("/tmp/exec");
  refusals();
  failures_at_a_site();
  scripts();
  busy_text();
  by_descriptor();
  sizes();
  privileges();
  randomization();
  attributes();
  threads();
  races();
  return 0;
}
