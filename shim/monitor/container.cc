#include "shim/monitor/container.h"

#include <fcntl.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string_view>

#include "base/log.h"
#include "rootfs/container_tree.h"
#include "rootfs/message_queues.h"
#include "rootfs/native_tree.h"
#include "shim/filter/filter.h"
#include "shim/filter/profile.h"
#include "shim/kernel/ipc_limits.h"
#include "shim/kernel/pidfd.h"
#include "shim/kernel/signals.h"
#include "shim/kernel/sysv_shared_memory.h"
#include "shim/kernel/unix_names.h"
#include "shim/kernel/world.h"
#include "shim/monitor/conditions.h"
#include "shim/monitor/confinement.h"
#include "shim/monitor/control_protocol.h"
#include "shim/monitor/control_server.h"
#include "shim/monitor/exec_service.h"
#include "shim/monitor/forker.h"
#include "shim/monitor/launcher.h"
#include "shim/monitor/listener.h"
#include "shim/monitor/loader.h"
#include "shim/monitor/neighbours.h"
#include "shim/monitor/notification_loop.h"
#include "shim/monitor/shortcuts.h"
#include "shim/monitor/thread_inheritance.h"
#include "shim/monitor/tracer.h"
#include "shim/rewrite/cache.h"
#include "shim/rewrite/scanner_process.h"

namespace litebox::monitor {
namespace {

constexpr int kEndTimeoutMs = 10000;

bool has_capability(cap_value_t capability) {
  const std::unique_ptr<std::remove_pointer_t<cap_t>, int (*)(void*)> set(::cap_get_proc(), ::cap_free);
  cap_flag_value_t value = CAP_CLEAR;
  return set != nullptr && ::cap_get_flag(set.get(), capability, CAP_EFFECTIVE, &value) == 0 && value == CAP_SET;
}

bool may_change_owners() {
  return ::geteuid() == 0 && has_capability(CAP_CHOWN) && has_capability(CAP_SETUID) && has_capability(CAP_SETGID) &&
         has_capability(CAP_DAC_OVERRIDE) && has_capability(CAP_FOWNER);
}

// Whether a file's ids differ inside and outside anywhere.
bool maps_ids(const oci::Config& config) {
  const bool mounts =
      std::any_of(config.mounts.begin(), config.mounts.end(), [](const oci::Mount& mount) { return mount.is_id_mapped(); });
  return mounts || rootfs::maps_of(config.linux) != nullptr;
}

kernel::Mode choose_mode(const oci::Config& config) {
  kernel::Mode mode;
  mode.recorded_ownership = !may_change_owners();
  mode.mapped_ids = !mode.recorded_ownership && maps_ids(config);
  const oci::Namespace* network = config.linux.find_namespace(oci::NamespaceType::network);
  mode.host_network = network == nullptr;
  // The keeper has joined or made the namespace before the monitor was forked.
  mode.own_network = network != nullptr && (!network->path.empty() || has_capability(CAP_SYS_ADMIN));
  mode.speaks_for_guests = !mode.recorded_ownership && !mode.mapped_ids && has_capability(CAP_SYS_ADMIN);
  mode.confined_root = has_capability(CAP_SYS_CHROOT);
  mode.signal_scope = landlock_scopes_signals();
  return mode;
}

bool may_rewrite() {
  const char* rewriting = std::getenv("LITEBOX_REWRITE");
  return rewriting == nullptr || std::string_view(rewriting) != "off";
}

// What NativeTree and confine_this_thread() need, and no ids that differ inside and outside.
Status may_confine_to_tree(const kernel::Mode& mode) {
  if (!may_rewrite()) return Error(ECANCELED, "LITEBOX_REWRITE is off");
  if (mode.recorded_ownership || mode.mapped_ids) return Error(ENOTSUP, "ids are not the host's");
  if (::geteuid() != 0 || ::getegid() != 0 || !mode.confined_root || !has_capability(CAP_SYS_ADMIN) ||
      !has_capability(CAP_SETGID)) {
    return Error(EPERM, "not root");
  }
  if (landlock_abi() <= 0) return Error(ENOTSUP, "no Landlock");
  std::string groups;
  std::ifstream("/proc/self/setgroups") >> groups;
  return groups == "deny" ? Status(Error(EPERM, "setgroups")) : Status();
}

Status make_directory(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) return last_error("mkdir " + path);
  return {};
}

Status link_file(const std::string& from, const std::string& to) {
  if (::link(from.c_str(), to.c_str()) != 0) return last_error("join " + from);
  return {};
}

// The monitor with all its parts, in the order in which they depend on each other.
class Container {
 public:
  explicit Container(ContainerSetup setup)
      : setup_(std::move(setup)), mode_(choose_mode(setup_.config)), world_(setup_.config, mode_) {}

  Status create() {
    LITEBOX_TRY(prepare_ipc());
    LITEBOX_TRY(make_directory(scratch(), 0700));
    LITEBOX_TRY(enter_worlds());
    LITEBOX_TRY(build_tree());
    LITEBOX_TRY(start_confined());
    return prepare_init();
  }

  // Once created.
  pid_t init() const { return init_->process.value(); }

  // Serves until the end; the wait status of init.
  int run(int keeper_pidfd) {
    const int status = server_->serve(std::move(*init_), keeper_pidfd, first_pidfd_ ? first_pidfd_.get() : -1);
    const Status ended = kernel::kill_all(world_, kEndTimeoutMs);
    if (!ended.ok()) log::warning(ended.error().message());
    return status;
  }

  void report_ready(const std::string& text) {
    (void)::write(setup_.ready.get(), text.data(), text.size());
    setup_.ready.reset();
    for (Fd& fd : setup_.standard_io) fd.reset();
    setup_.terminal.reset();
    setup_.preserved.clear();
  }

  void report_exit(int status) { (void)::write(setup_.exit_status.get(), &status, sizeof status); }

 private:
  Status prepare_ipc() {
    auto limits = kernel::read_ipc_limits(setup_.config.linux.sysctl);
    if (!limits.ok()) return std::move(limits).error().within("linux.sysctl");
    kernel::set_ipc_limits(*limits);
    auto queue_limits = rootfs::read_message_queue_limits(setup_.config.linux.sysctl);
    if (!queue_limits.ok()) return std::move(queue_limits).error().within("linux.sysctl");
    rootfs::MessageQueues::of_this_container().set_limits(*queue_limits);
    kernel::SysvSharedMemory::of_this_container().set_members([this] { return world_.members(); });
    return {};
  }

  std::string scratch() const { return setup_.state_directory + "/scratch"; }

  // A joined container's file becomes this one's too, so that others can join through it when that container has been deleted.
  Status enter_worlds() {
    const bool joins_names = !setup_.joined_uts.empty();
    const bool joins_processes = !setup_.joined_pid.empty();
    const std::string names = setup_.state_directory + "/names";
    const std::string processes = setup_.state_directory + "/processes";
    if (joins_names) LITEBOX_TRY(link_file(setup_.joined_uts + "/names", names));
    if (joins_processes) LITEBOX_TRY(link_file(setup_.joined_pid + "/processes", processes));
    LITEBOX_ASSIGN(auto shared_names, joins_names ? kernel::SharedNames::open(names) : kernel::SharedNames::create(names));
    world_.share_names(std::move(shared_names), joins_names);
    LITEBOX_ASSIGN(auto shared_processes,
                   joins_processes ? kernel::SharedProcesses::open(processes) : kernel::SharedProcesses::create(processes));
    world_.set_neighbours(ask_for_state);
    LITEBOX_TRY(world_.share_processes(std::move(shared_processes), setup_.state_directory, joins_processes));
    if (joins_processes) {
      LITEBOX_ASSIGN(first_pidfd_, kernel::open_pidfd(world_.init()));
    }
    world_.set_control_groups(setup_.cgroup_of_controllers);
    claim_loopback();
    if (setup_.owns_abstract_names) kernel::UnixNames::of_this_container().share_abstract_names();
    return {};
  }

  // Without one the container has AF_UNIX alone.
  void claim_loopback() {
    if (mode_.own_network || mode_.host_network) return;
    auto loopback = kernel::Loopback::claim();
    if (loopback.ok()) {
      world_.set_loopback(std::move(loopback).value());
    } else {
      log::debug("network: no loopback: " + loopback.error().message());
    }
  }

  Status build_tree() {
    rootfs::TreeOptions options;
    options.ownership = mode_.recorded_ownership ? rootfs::Ownership::recorded : rootfs::Ownership::native;
    if (mode_.mapped_ids) options.ids = rootfs::maps_of(setup_.config.linux);
    world_.set_id_maps(options.ids);
    options.bundle = setup_.bundle;
    options.scratch = scratch();
    options.may_mount = has_capability(CAP_SYS_ADMIN);
    options.view = &world_;
    options.terminal = setup_.terminal.get();
    LITEBOX_ASSIGN(auto tree, rootfs::build_tree(setup_.config, options));
    world_.set_tree(std::move(tree));
    confine_to_tree();
    return {};
  }

  // Guests resolve paths natively where the kernel can show them their own tree and no more.
  void confine_to_tree() {
    Status confined = may_confine_to_tree(world_.mode());
    if (!world_.tree().registry()->removes_placeholders()) confined = Error(EMFILE, "no inotify");
    if (confined.ok()) {
      auto native = rootfs::NativeTree::build(world_.tree());
      if (native.ok()) {
        world_.tree().set_native(std::move(native).value());
        world_.confine_to_tree();
        log::debug("paths: resolved by the kernel in the container's own tree");
        return;
      }
      confined = std::move(native).error();
    }
    log::debug("paths: resolved by the monitor: " + confined.error().message());
  }

  Status start_confined() {
    Confinement confinement;
    confinement.tree = world_.tree().native();
    if (confinement.tree == nullptr && mode_.confined_root) {
      confinement.empty_directory = setup_.state_directory + "/empty";
      LITEBOX_TRY(make_directory(confinement.empty_directory, 0555));
    }
    confinement.network = mode_.own_network || mode_.host_network;
    confinement.filter = filter::compile(conditions_of(world_.mode()));
    if (setup_.config.linux.seccomp) {
      auto profile = filter::compile_profile(*setup_.config.linux.seccomp);
      if (!profile.ok()) return std::move(profile).error().within("linux.seccomp");
      auto combined = filter::combine(std::move(*profile), confinement.filter);
      if (!combined.ok()) return std::move(combined).error().within("linux.seccomp");
      confinement.filter = std::move(*combined);
    }
    LITEBOX_ASSIGN(Fd listener,
                   forker_.start(std::move(confinement), [this] { return set_thread_inheritance(setup_.config.linux); }));
    listener_.emplace(std::move(listener));
    LITEBOX_ASSIGN(Loader loader, Loader::make());
    tracer_.emplace(world_, *listener_);
    std::unique_ptr<rewrite::Cache> texts;
    if (may_rewrite()) {
      texts = std::make_unique<rewrite::Cache>(rewrite::open_scanner, rewrite::Store::open_default());
    }
    execs_.emplace(world_, *listener_, *tracer_, std::move(loader), std::move(texts),
                   shortcuts_of(setup_.config.linux.seccomp));
    loop_.emplace(world_, *listener_, *execs_, *tracer_);
    loop_->start();
    return {};
  }

  Status prepare_init() {
    launcher_.emplace(world_, forker_, *execs_, *loop_, setup_.cgroups);
    server_.emplace(world_, *launcher_, *loop_, *execs_, *tracer_);
    LITEBOX_TRY(server_->listen(setup_.state_directory + "/" + kControlSocketName));
    if (!setup_.config.process) return Error("process: missing");
    LaunchRequest request;
    request.process = &*setup_.config.process;
    request.init = true;
    for (size_t i = 0; i < 3; ++i) {
      request.standard_io[i] = setup_.terminal ? setup_.terminal.get() : setup_.standard_io[i].get();
    }
    for (const Fd& fd : setup_.preserved) request.preserved.push_back(fd.get());
    LITEBOX_ASSIGN(init_, launcher_->prepare(request, [this] { server_->init_executed(); }));
    return {};
  }

  ContainerSetup setup_;
  kernel::Mode mode_;
  kernel::World world_;
  Forker forker_;
  std::optional<Listener> listener_;
  std::optional<Tracer> tracer_;
  std::optional<ExecService> execs_;
  std::optional<NotificationLoop> loop_;
  std::optional<Launcher> launcher_;
  std::optional<ControlServer> server_;
  std::optional<Launched> init_;
  Fd first_pidfd_;  // of the process that is pid 1 here when it is another container's
};

}  // namespace

int run_container(ContainerSetup setup) {
  (void)::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  (void)::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  ::umask(0);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGIO, SIG_IGN);  // somebody wants to write the file that a lease of kernel/exec.cc is on
  // Only the tracing thread wants it, by a signalfd; a thread that does not block it would take it away.
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  ::pthread_sigmask(SIG_BLOCK, &child, nullptr);
  const auto keeper = kernel::open_pidfd(HostPid(::getppid()));
  // Never destroyed: its threads use it until the process ends.
  auto* container = new Container(std::move(setup));
  if (!keeper.ok()) {
    container->report_ready("the keeper has died\n");
    ::_exit(1);
  }
  const Status created = container->create();
  if (!created.ok()) {
    container->report_ready(created.error().message() + "\n");
    ::_exit(1);
  }
  container->report_ready(kCreated + std::to_string(container->init()) + "\n");
  container->report_exit(container->run(keeper->get()));
  ::_exit(0);
}

}  // namespace litebox::monitor
