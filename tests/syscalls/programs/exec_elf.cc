// execve(2) of ELF files that cannot run: what is refused, and what ends the process since the old program is gone already.
#include <elf.h>
#include <signal.h>
#include <sys/prctl.h>

#include <initializer_list>
#include <string>

#include "report.h"

namespace {

constexpr uint64_t kPage = 4096;

constexpr uint64_t kEntry = 512;
constexpr char kCode[] = "\xb8\x3c\0\0\0\xbf\x07\0\0\0\x0f\x05";  // _exit(7)

// A program of one segment, and either an interpreter or a second segment.
struct Program {
  Elf64_Ehdr header = {};
  Elf64_Phdr load = {};
  Elf64_Phdr interpreter = {};
  std::string name;
};

Program sound() {
  Program program;
  const unsigned char identity[EI_NIDENT] = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT};
  memcpy(program.header.e_ident, identity, sizeof identity);
  program.header.e_type = ET_DYN;
  program.header.e_machine = EM_X86_64;
  program.header.e_version = EV_CURRENT;
  program.header.e_entry = kEntry;
  program.header.e_phoff = sizeof(Elf64_Ehdr);
  program.header.e_ehsize = sizeof(Elf64_Ehdr);
  program.header.e_phentsize = sizeof(Elf64_Phdr);
  program.header.e_phnum = 1;
  program.load.p_type = PT_LOAD;
  program.load.p_flags = PF_R | PF_X;
  program.load.p_filesz = program.load.p_memsz = kPage;
  program.load.p_align = kPage;
  program.interpreter.p_type = PT_INTERP;
  program.interpreter.p_offset = sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr);
  return program;
}

void put(const char* path, Program program) {
  if (!program.name.empty()) {
    program.header.e_phnum = 2;
    program.interpreter.p_filesz = program.interpreter.p_memsz = program.name.size();
  }
  std::string file(reinterpret_cast<const char*>(&program.header), sizeof program.header);
  file.append(reinterpret_cast<const char*>(&program.load), sizeof program.load);
  file.append(reinterpret_cast<const char*>(&program.interpreter), sizeof program.interpreter);
  file += program.name;
  file.resize(kEntry, '\0');
  file.append(kCode, sizeof kCode - 1);
  file.resize(kPage, '\0');
  const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755);
  (void)!write(fd, file.data(), file.size());
  close(fd);
}

void show_run(const char* what) {
  const pid_t pid = child([what] {
    char name[] = "file";
    char* arguments[] = {name, nullptr};
    signal(SIGSEGV, SIG_IGN);
    execve("file", arguments, nullptr);
    say("%s: %s", what, strerrorname_np(errno));
  });
  int status = 0;
  waitpid(pid, &status, 0);
  if (WIFSIGNALED(status)) say("%s: ended by signal %d", what, WTERMSIG(status));
  if (WIFEXITED(status)) say("%s: ended with %d", what, WEXITSTATUS(status));
}

void with_interpreter(const char* what, const std::string& name) {
  Program program = sound();
  program.name = name;
  put("file", program);
  show_run(what);
}

void interpreters() {
  using namespace std::string_literals;
  with_interpreter("no file", "/missing\0"s);
  with_interpreter("a path without an end", "/missing");
  with_interpreter("a path of one byte", "\0"s);
  with_interpreter("an empty path", "\0\0"s);
  with_interpreter("a directory", "/tmp\0"s);

  put_file("interpreter", "\177ELF", 0755);
  with_interpreter("a short file", "interpreter\0"s);
  put_file("interpreter", std::string(kPage, 'x').c_str(), 0755);
  with_interpreter("no ELF file", "interpreter\0"s);

  Program interpreter = sound();
  interpreter.header.e_machine = EM_PPC64;
  put("interpreter", interpreter);
  with_interpreter("of another machine", "interpreter\0"s);
  interpreter = sound();
  interpreter.header.e_phentsize = 1;
  put("interpreter", interpreter);
  with_interpreter("with headers of another size", "interpreter\0"s);
  interpreter = sound();
  interpreter.header.e_phnum = 0;
  put("interpreter", interpreter);
  with_interpreter("without headers", "interpreter\0"s);
}

void segments() {
  Program program = sound();
  program.load.p_vaddr = 0xfffffffffffff000ULL - kPage;
  put("file", program);
  show_run("a segment at the end of the address space");
  program = sound();
  program.load.p_filesz = 2 * kPage;
  put("file", program);
  show_run("a segment with more in the file than in memory");
  program = sound();
  program.header.e_phnum = 2;
  program.interpreter = program.load;
  program.interpreter.p_flags = PF_R | PF_W;
  program.interpreter.p_vaddr = 2 * kPage;
  program.interpreter.p_offset = 1;
  program.interpreter.p_filesz = 0;
  put("file", program);
  show_run("a segment without anything in the file");
  program.interpreter.p_filesz = 1;
  put("file", program);
  show_run("a segment at another place in its page than in the file");
}

}  // namespace

int main() {
  enter_work_directory("exec_elf");
  prctl(PR_SET_DUMPABLE, 0);
  interpreters();
  segments();
  return 0;
}
