#include "shim/kernel/exec.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstring>
#include <optional>

#include "shim/kernel/exec_credentials.h"

namespace litebox::kernel {
namespace {

constexpr size_t kHeaderSize = 256;             // BINPRM_BUF_SIZE
constexpr int kScriptDepth = 5;                 // exec_binprm(): "depth > 5" is ELOOP
constexpr size_t kProgramHeadersLimit = 65536;  // load_elf_phdrs(): ELF_MIN_ALIGN and 64 KiB bound the table

// Whoever executes a file need not be able to read it, but the loader must.
rootfs::Subject reader(const rootfs::Subject& subject) {
  static const auto all_powerful = [] {
    auto identity = std::make_shared<rootfs::Identity>();
    identity->capabilities = ~0ULL;
    return identity;
  }();
  return {all_powerful, subject.thread_group, subject.thread, subject.umask};
}

// Whether somebody has the file open for writing (deny_write_access()): then it takes no read lease. Where leases are not to be
// had, nobody is known to.
bool is_open_for_writing(int fd) {
  if (::fcntl(fd, F_SETLEASE, F_RDLCK) != 0) return errno == EAGAIN;
  (void)::fcntl(fd, F_SETLEASE, F_UNLCK);
  return false;
}

// A file that may be executed: regular, executable for the subject, not on a noexec mount, written by nobody; opened for
// reading.
Result<Fd> open_executable(const rootfs::Subject& subject, const rootfs::Location& location) {
  if (!S_ISREG(location.node->type())) return Error(EACCES);
  if (location.mount->flags.no_exec) return Error(EACCES);
  LITEBOX_TRY(location.node->check_access(subject, X_OK));
  LITEBOX_ASSIGN(Fd file, location.node->open(reader(subject), O_RDONLY | O_CLOEXEC));
  if (is_open_for_writing(file.get())) return Error(ETXTBSY);
  return file;
}

Result<std::string> read_header(int fd) {
  std::string header(kHeaderSize, '\0');
  size_t got = 0;
  while (got < header.size()) {
    const ssize_t n = ::pread(fd, header.data() + got, header.size() - got, static_cast<off_t>(got));
    if (n < 0) return last_error();
    if (n == 0) break;
    got += static_cast<size_t>(n);
  }
  header.resize(got);
  return header;
}

struct Shebang {
  std::string interpreter;
  std::string argument;
};

// binfmt_script.c load_script(): the line may be cut at the buffer's end, but then the interpreter's name must be whole.
Result<Shebang> parse_shebang(const std::string& header) {
  const size_t newline = header.find('\n');
  // A full buffer without a newline: the line goes on in the file.
  const bool cut = newline == std::string::npos && header.size() == kHeaderSize;
  std::string line = header.substr(2, newline == std::string::npos ? kHeaderSize - 1 - 2 : newline - 2);
  if (const size_t nul = line.find('\0'); nul != std::string::npos) line.resize(nul);
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  size_t at = 0;
  while (at < line.size() && is_blank(line[at])) ++at;
  if (at == line.size()) return Error(ENOEXEC);
  size_t end = at;
  while (end < line.size() && !is_blank(line[end])) ++end;
  if (cut && end == line.size()) return Error(ENOEXEC);
  while (is_blank(line.back())) line.pop_back();
  Shebang shebang{line.substr(at, end - at), {}};
  while (end < line.size() && is_blank(line[end])) ++end;
  shebang.argument = line.substr(end);
  return shebang;
}

bool is_native(const Elf64_Ehdr& elf) {
  return std::memcmp(elf.e_ident, ELFMAG, SELFMAG) == 0 && elf.e_machine == EM_X86_64 && elf.e_ident[EI_CLASS] == ELFCLASS64;
}

// load_elf_phdrs()
std::optional<std::vector<Elf64_Phdr>> program_headers(int fd, const Elf64_Ehdr& elf) {
  const size_t table_size = static_cast<size_t>(elf.e_phnum) * sizeof(Elf64_Phdr);
  if (elf.e_phentsize != sizeof(Elf64_Phdr) || table_size == 0 || table_size > kProgramHeadersLimit) return std::nullopt;
  std::vector<Elf64_Phdr> headers(elf.e_phnum);
  if (elf.e_phoff > LONG_MAX ||
      ::pread(fd, headers.data(), table_size, static_cast<off_t>(elf.e_phoff)) != static_cast<ssize_t>(table_size)) {
    return std::nullopt;
  }
  return headers;
}

// The path in PT_INTERP, if there is one. Only what the kernel itself looks at before its point of no return.
Result<std::optional<std::string>> elf_interpreter(int fd, const std::string& header) {
  if (header.size() < sizeof(Elf64_Ehdr)) return Error(ENOEXEC);
  Elf64_Ehdr elf{};
  std::memcpy(&elf, header.data(), sizeof elf);
  if (!is_native(elf) || (elf.e_type != ET_EXEC && elf.e_type != ET_DYN)) return Error(ENOEXEC);
  const auto headers = program_headers(fd, elf);
  if (!headers) return Error(ENOEXEC);
  for (const Elf64_Phdr& segment : *headers) {
    if (segment.p_type != PT_INTERP) continue;
    if (segment.p_filesz > PATH_MAX || segment.p_filesz < 2 || segment.p_offset > LONG_MAX) return Error(ENOEXEC);
    std::string path(segment.p_filesz, '\0');
    const ssize_t got = ::pread(fd, path.data(), path.size(), static_cast<off_t>(segment.p_offset));
    if (got != static_cast<ssize_t>(path.size())) return Error(got < 0 ? errno : EIO);
    if (path.back() != '\0') return Error(ENOEXEC);
    path.resize(std::strlen(path.c_str()));
    return std::optional(path);
  }
  return std::optional<std::string>();
}

Result<Fd> open_interpreter(rootfs::Tree& tree, const ProcessState& state, const rootfs::Subject& subject,
                            const std::string& path) {
  if (path.empty()) return Error(EACCES);  // open_exec() takes it for the working directory
  LITEBOX_ASSIGN(const rootfs::Resolved resolved, tree.resolve(subject, state.root, state.cwd, path));
  LITEBOX_ASSIGN(Fd fd, open_executable(subject, resolved.target));
  LITEBOX_ASSIGN(const std::string header, read_header(fd.get()));
  if (header.size() < sizeof(Elf64_Ehdr)) return Error(EIO);
  Elf64_Ehdr elf{};
  std::memcpy(&elf, header.data(), sizeof elf);
  if (!is_native(elf) || !program_headers(fd.get(), elf)) return Error(ELIBBAD);
  return fd;
}

// What the program file may grant; nothing on a nosuid mount.
Result<ExecCredentials> exec_credentials(const ProcessState& state, const rootfs::Subject& subject,
                                         const rootfs::Location& program) {
  ProgramPrivileges privileges;
  if (!program.mount->flags.no_suid) {
    LITEBOX_ASSIGN(const struct statx status, program.node->status(subject));
    privileges.mode = program.node->grants_set_id() ? status.stx_mode : status.stx_mode & ~(S_ISUID | S_ISGID);
    privileges.owner = status.stx_uid;
    privileges.group = status.stx_gid;
    if (const auto value = program.node->get_xattr(reader(subject), "security.capability"); value.ok()) {
      LITEBOX_ASSIGN(privileges.capabilities, parse_file_capabilities(*value));
    }
  }
  return credentials_after_exec(*state.credentials, privileges);
}

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

Result<std::unique_ptr<ExecPlan>> plan_exec(rootfs::Tree& tree, const ProcessState& state, const rootfs::Subject& subject,
                                            const rootfs::Location& location, const std::string& name) {
  auto plan = std::make_unique<ExecPlan>();
  plan->execfn = name;
  plan->comm = base_name(name).substr(0, 15);
  rootfs::Location current = location;
  std::string current_name = name;
  for (int depth = 0;; ++depth) {
    LITEBOX_ASSIGN(Fd file, open_executable(subject, current));
    LITEBOX_ASSIGN(const std::string header, read_header(file.get()));
    if (header.size() >= 2 && header[0] == '#' && header[1] == '!') {
      if (depth >= kScriptDepth) return Error(ELOOP);
      LITEBOX_ASSIGN(const Shebang shebang, parse_shebang(header));
      std::vector<std::string> prefix{shebang.interpreter};
      if (!shebang.argument.empty()) prefix.push_back(shebang.argument);
      prefix.push_back(current_name);
      // An outer script's path stays; what stood in argv[0]'s place becomes the arguments after it.
      if (!plan->prefix.empty()) prefix.insert(prefix.end(), plan->prefix.begin() + 1, plan->prefix.end());
      plan->prefix = std::move(prefix);
      LITEBOX_ASSIGN(const rootfs::Resolved interpreter, tree.resolve(subject, state.root, state.cwd, shebang.interpreter));
      current = interpreter.target;
      current_name = shebang.interpreter;
      continue;
    }
    LITEBOX_ASSIGN(const std::optional<std::string> interpreter, elf_interpreter(file.get(), header));
    if (interpreter) {
      LITEBOX_ASSIGN(plan->interpreter, open_interpreter(tree, state, subject, *interpreter));
    }
    plan->program = std::move(file);
    break;
  }
  LITEBOX_ASSIGN(ExecCredentials after, exec_credentials(state, subject, current));
  plan->credentials = std::make_shared<const Credentials>(std::move(after.credentials));
  plan->secure = after.secure;
  plan->executable = current;
  auto path = tree.path_of(subject, tree.root(), current);
  plan->executable_path = path.ok() ? *path : current_name;
  return plan;
}

}  // namespace litebox::kernel
