#include "shim/monitor/launcher.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

#include "rootfs/devpts.h"
#include "shim/kernel/exec.h"
#include "shim/kernel/pidfd.h"
#include "shim/kernel/process_state.h"
#include "shim/monitor/environment.h"
#include "shim/monitor/process_attributes.h"

namespace litebox::monitor {
namespace {

using kernel::Credentials;
using kernel::ProcessState;

// As a caller matches it: lower case, without errno numbers.
std::string describe(int number) {
  std::string text = Error(number).message();
  if (!text.empty()) text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

std::shared_ptr<const Credentials> credentials_of(const oci::Process& process) {
  auto credentials = std::make_shared<Credentials>();
  credentials->uid = credentials->euid = credentials->suid = credentials->fsuid = process.user.uid;
  credentials->gid = credentials->egid = credentials->sgid = credentials->fsgid = process.user.gid;
  credentials->groups = process.user.additional_gids;
  credentials->no_new_privileges = process.no_new_privileges;
  if (process.capabilities) {
    const auto mask = [](const std::optional<oci::CapabilitySet>& set) { return set ? set->mask : 0; };
    credentials->bounding = mask(process.capabilities->bounding);
    credentials->inheritable = mask(process.capabilities->inheritable);
    credentials->permitted = mask(process.capabilities->permitted);
    credentials->effective = mask(process.capabilities->effective) & credentials->permitted;
    credentials->ambient = mask(process.capabilities->ambient) & credentials->permitted & credentials->inheritable;
  }
  return credentials;
}

// Whoever sets a container up is root in it, whatever user the process will be.
// The home directory of `uid` in the container's own /etc/passwd, "/" when there is none: what runc puts into HOME.
std::string home_directory(rootfs::Tree& tree, const ProcessState& state, uid_t uid) {
  const rootfs::Subject subject = rootfs::runtime_subject();
  const auto resolved = tree.resolve(subject, state.root, state.root, "/etc/passwd");
  if (!resolved.ok() || !S_ISREG(resolved->target.node->type())) return "/";
  const auto file = resolved->target.node->open(subject, O_RDONLY | O_CLOEXEC);
  if (!file.ok()) return "/";
  std::string text;
  constexpr size_t kPasswdLimit = 1U << 20U;
  char chunk[4096];
  ssize_t got = 0;
  while (text.size() < kPasswdLimit && (got = ::read(file->get(), chunk, sizeof chunk)) > 0) {
    text.append(chunk, static_cast<size_t>(got));
  }
  return home_of(text, uid);
}

// Worded as callers know it from runc.
Result<rootfs::Location> working_directory(rootfs::Tree& tree, const rootfs::Location& root, const std::string& path) {
  const rootfs::Subject subject = rootfs::runtime_subject();
  const auto found = tree.resolve(subject, root, root, path);
  const bool usable = found.ok() && found->target.node->is_directory();
  if (usable) return found->target;
  const int number = found.ok() ? ENOTDIR : found.error().number();
  return Error("chdir to cwd (\"" + path + "\") set in config.json failed: " + describe(number));
}

struct Program {
  rootfs::Location location;
  std::string path;
};

Result<Program> find_program(rootfs::Tree& tree, const ProcessState& state, const rootfs::Subject& subject,
                             const std::string& name, const std::string& search) {
  const std::string quoted = "exec: \"" + name + "\": ";
  const auto try_path = [&](const std::string& path) -> Result<Program> {
    LITEBOX_ASSIGN(const rootfs::Resolved resolved, tree.resolve(subject, state.root, state.cwd, path));
    if (resolved.target.node->is_directory()) return Error(EACCES);
    LITEBOX_TRY(resolved.target.node->check_access(subject, X_OK));
    return Program{resolved.target, path};
  };
  if (name.find('/') != std::string::npos) {
    auto program = try_path(name);
    if (program.ok()) return program;
    const int number = program.error().number();
    if (number == EACCES) return Error(quoted + "permission denied");
    return Error(quoted + "stat " + name + ": " + describe(number));
  }
  std::istringstream directories(search);
  bool denied = false;
  for (std::string directory; std::getline(directories, directory, ':');) {
    auto program = try_path((directory.empty() ? "." : directory) + "/" + name);
    if (program.ok()) return program;
    denied = denied || program.error().number() == EACCES;
  }
  if (denied) return Error(quoted + "permission denied");
  return Error(quoted + "executable file not found in $PATH");
}

Status write_file(const std::string& path, const std::string& text) {
  const Fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file) return last_error("open " + path);
  if (::write(file.get(), text.data(), text.size()) < 0) return last_error("write " + path);
  return {};
}

// Where not every directory is one of cgroup v1, none.
std::vector<Fd> open_tasks(const std::vector<std::string>& cgroups) {
  std::vector<Fd> files;
  for (const std::string& cgroup : cgroups) {
    Fd file(::open((cgroup + "/tasks").c_str(), O_WRONLY | O_CLOEXEC));
    if (!file) return {};
    files.push_back(std::move(file));
  }
  return files;
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  result.reserve(strings.size() + 1);
  for (const std::string& text : strings) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

}  // namespace

Result<Launched> Launcher::prepare(const LaunchRequest& request, std::function<void()> executed) {
  const oci::Process& process = *request.process;
  rootfs::Tree& tree = world_.tree();
  ProcessState state;
  state.credentials = credentials_of(process);
  if (!world_.has_ids(*state.credentials)) return Error("process.user: an id that the user namespace does not map");
  state.identity = kernel::identity_of(*state.credentials);
  state.root = tree.root();
  state.umask = process.user.umask.value_or(022);
  LITEBOX_ASSIGN(state.cwd, working_directory(tree, state.root, process.cwd));

  std::vector<std::string> environment = merge_environment(process.env);
  const char* home = find_variable(environment, "HOME");
  if (home == nullptr || *home == '\0') {
    std::erase(environment, "HOME=");
    environment.push_back("HOME=" + home_directory(tree, state, process.user.uid));
  }
  const char* path = find_variable(environment, "PATH");
  const rootfs::Subject subject{state.identity, HostPid(), HostPid(), state.umask};
  LITEBOX_ASSIGN(const Program program, find_program(tree, state, subject, process.args.at(0), path != nullptr ? path : ""));
  auto plan = kernel::plan_exec(tree, state, subject, program.location, program.path);
  if (!plan.ok()) {
    return Error("exec: \"" + process.args[0] + "\": " + describe(plan.error().number()));
  }

  if (process.terminal) {
    // Its terminal is one of the container's from now on: under /dev/pts, and openable as /dev/tty.
    if (const auto devpts = rootfs::devpts_of(tree)) LITEBOX_TRY(devpts->add(request.standard_io[0]));
  }
  const std::vector<char*> argv = pointers(process.args);
  const std::vector<char*> envp = pointers(environment);
  SpawnRequest spawn;
  std::copy(std::begin(request.standard_io), std::end(request.standard_io), std::begin(spawn.standard_io));
  spawn.preserved = request.preserved;
  spawn.controlling_terminal = process.terminal;
  spawn.subreaper = request.init;
  spawn.umask = state.umask;
  spawn.argv = argv.data();
  spawn.envp = envp.data();
  spawn.loader = execs_.loader();
  std::string directory;
  if (world_.mode().confined_tree) {
    LITEBOX_ASSIGN(directory, tree.path_of(rootfs::runtime_subject(), state.root, state.cwd));
    spawn.directory = directory.c_str();
  }
  const std::vector<std::string>& cgroups = request.cgroups ? *request.cgroups : cgroups_;
  const auto& processors = process.exec_cpu_affinity;
  // Processors to move on come before the move.
  const bool moves_itself = request.init || !processors || !processors->initial;
  const std::vector<Fd> tasks = moves_itself ? open_tasks(cgroups) : std::vector<Fd>();
  for (const Fd& file : tasks) spawn.cgroups.push_back(file.get());
  LITEBOX_ASSIGN(Spawned spawned, forker_.spawn(spawn));
  // From here on an error closes the gate, which ends the child; whoever waits for children reaps it.
  const HostPid child = spawned.process;
  loop_.add_direct_child(child);
  LITEBOX_ASSIGN(Fd pidfd, kernel::open_pidfd(child));
  if (request.init) {
    world_.set_own_init(child);
    LITEBOX_TRY(execs_.seal_loader());
  }
  LITEBOX_TRY(world_.adopt(child, state));
  const std::string affinity = "process.execCPUAffinity.";
  if (!request.init && processors && processors->initial) {
    LITEBOX_TRY(set_processors(child, *processors->initial, affinity + "initial"));
  }
  if (tasks.empty()) {
    for (const std::string& cgroup : cgroups) {
      LITEBOX_TRY(write_file(cgroup + "/cgroup.procs", std::to_string(child.value())));
    }
  }
  if (!request.init && processors && processors->final) {
    LITEBOX_TRY(set_processors(child, *processors->final, affinity + "final"));
  }
  if (::prlimit(child.value(), RLIMIT_NOFILE, &descriptor_limit_, nullptr) != 0) return last_error("RLIMIT_NOFILE");
  LITEBOX_TRY(set_attributes(child, process));
  execs_.expect(child, std::move(*plan), std::move(executed));
  if (::write(spawned.gate.get(), "s", 1) != 1) return last_error("starting the process");
  return Launched{child, std::move(pidfd), std::move(spawned.gate)};
}

Status Launcher::release(const Launched& launched) {
  if (::write(launched.gate.get(), "x", 1) != 1) return last_error("starting the process");
  return {};
}

}  // namespace litebox::monitor
