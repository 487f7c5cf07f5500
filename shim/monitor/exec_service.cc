#include "shim/monitor/exec_service.h"

#include <elf.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

#include "base/log.h"
#include "shim/guest/abi.h"
#include "shim/kernel/credentials.h"
#include "shim/kernel/exec_credentials.h"
#include "shim/kernel/guest_memory.h"
#include "shim/kernel/native_paths.h"
#include "shim/kernel/pidfd.h"
#include "shim/kernel/sysv_shared_memory.h"
#include "shim/syscalls/native_paths.h"

namespace litebox::monitor {
namespace {

constexpr std::ptrdiff_t kNestedNudgesLimit = 64;
constexpr size_t kBirthsLimit = 1024;
constexpr uint64_t kSecretNudge = 1ULL << 63U;
constexpr uint64_t kAfterNudgeSyscall = abi::kNudgeEntry + 2;  // where the instruction pointer is during the nudged call

void kill_guest(HostPid process) {
  const auto pidfd = kernel::open_pidfd(process);
  if (pidfd.ok()) (void)kernel::send_signal(pidfd->get(), SIGKILL);
}

uint64_t random_seed() {
  uint64_t seed = 0;
  while (seed == 0 && ::getrandom(&seed, sizeof seed, 0) == sizeof seed) continue;
  return seed;
}

// Completes `launch` by what the plan says.
std::string launch_message(const kernel::ExecPlan& plan, abi::Launch launch) {
  std::string strings = plan.execfn;
  strings += '\0';
  for (const std::string& text : plan.prefix) {
    strings += text;
    strings += '\0';
  }
  launch.version = abi::kAbiVersion;
  launch.uid = plan.credentials->uid;
  launch.euid = plan.credentials->euid;
  launch.gid = plan.credentials->gid;
  launch.egid = plan.credentials->egid;
  launch.secure = plan.secure ? 1 : 0;
  launch.prefix_count = static_cast<uint32_t>(plan.prefix.size());
  launch.strings_size = static_cast<uint32_t>(strings.size());
  launch.random_seed = random_seed();
  std::memcpy(launch.comm, plan.comm.data(), std::min(plan.comm.size(), sizeof launch.comm - 1));
  std::string message(reinterpret_cast<const char*>(&launch), sizeof launch);
  message += strings;
  return message;
}

// The descriptor in the name "/dev/fd/<number>" that the kernel gave to what a process has executed (fs/exec.c alloc_bprm()).
std::optional<int> executed_descriptor(HostPid process) {
  std::ifstream file("/proc/" + std::to_string(process.value()) + "/auxv", std::ios::binary);
  Elf64_auxv_t entry{};
  while (file.read(reinterpret_cast<char*>(&entry), sizeof entry) && entry.a_type != AT_NULL) {
    if (entry.a_type != AT_EXECFN) continue;
    const auto name = kernel::GuestMemory(process).read_path(GuestAddress(entry.a_un.a_val));
    constexpr std::string_view kPrefix = "/dev/fd/";
    if (!name.ok() || !name->starts_with(kPrefix)) break;
    return std::atoi(name->c_str() + kPrefix.size());
  }
  return std::nullopt;
}

}  // namespace

ExecService::ExecService(kernel::World& world, const Listener& listener, Tracer& tracer, Loader loader,
                         std::unique_ptr<rewrite::Cache> texts, const rewrite::Shortcuts& shortcuts)
    : world_(world),
      listener_(listener),
      tracer_(tracer),
      loader_(std::move(loader)),
      texts_(std::move(texts)),
      shortcuts_(shortcuts) {}

Status ExecService::seal_loader() {
  const auto id = [](pid_t pid) { return static_cast<uint32_t>(pid); };
  return loader_.seal({id(world_.init().value()), id(::getpid()), id(::getppid())});
}

void ExecService::expect(HostPid process, std::unique_ptr<kernel::ExecPlan> plan, std::function<void()> done) {
  tracer_.expect(process);
  const std::lock_guard<std::mutex> guard(mutex_);
  expected_[process] = Expected{std::move(plan), std::move(done)};
}

void ExecService::forget(HostPid process) {
  tracer_.forget_expected(process);
  const std::lock_guard<std::mutex> guard(mutex_);
  expected_.erase(process);
}

void ExecService::begin_exec(const WaitingCall& call, HostPid process, syscalls::Reply::Exec request) {
  // A tracer is to see no more than the call.
  if (call.instruction_pointer == abi::kAfterExecCall && !world_.traces().tracer_of(call.thread)) {
    answer_exec(call, process, std::move(request));
    return;
  }
  const auto loader_fd = listener_.install(call.notification_id, loader_.descriptor(), true);
  if (!loader_fd.ok()) {
    (void)listener_.answer(call.notification_id, -loader_fd.error().number());
    return;
  }
  Nudged nudged;
  nudged.stage = Stage::executing;
  nudged.process = process;
  nudged.guest_fd = *loader_fd;
  nudged.plan = std::move(request.plan);
  nudged.argv = request.argv;
  nudged.envp = request.envp;
  send(call, std::move(nudged), SYS_execveat,
       {static_cast<uint64_t>(*loader_fd), abi::kEmptyString, request.argv.value(), request.envp.value(), AT_EMPTY_PATH, 0});
}

// The blob goes on by itself: it executes the loader, whose descriptor is the answer.
void ExecService::answer_exec(const WaitingCall& call, HostPid process, syscalls::Reply::Exec request) {
  Nudged executing;
  executing.stage = Stage::executing;
  executing.process = process;
  executing.plan = std::move(request.plan);
  NudgeKey key;
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    executing.nudge = ++last_nudge_;
    key = {call.thread.value(), executing.nudge};
    remember_locked(call.thread, std::move(executing));
  }
  const auto answered = listener_.answer_with(call.notification_id, loader_.descriptor());
  const std::lock_guard<std::mutex> guard(mutex_);
  const auto found = nudged_.find(key);
  if (answered.ok()) {
    if (found != nudged_.end()) found->second.guest_fd = *answered;
    return;
  }
  if (found != nudged_.end()) nudged_.erase(found);
  (void)listener_.answer(call.notification_id, -answered.error().number());
}

void ExecService::begin_call(const WaitingCall& call, syscalls::Reply::InGuest request) {
  Nudged nudged;
  if (request.descriptor) {
    const auto installed = listener_.install(call.notification_id, request.descriptor.get(), true);
    request.descriptor.reset();
    if (!installed.ok()) {
      const int64_t failed = -installed.error().number();
      (void)listener_.answer(call.notification_id, request.finish ? request.finish(failed) : failed);
      return;
    }
    nudged.guest_fd = *installed;
    for (auto& each : request.arguments) each.at(request.descriptor_argument) = static_cast<uint64_t>(*installed);
  }
  nudged.calls = std::move(request);
  send_next(call, std::move(nudged));
}

void ExecService::send_next(const WaitingCall& call, Nudged nudged) {
  const auto arguments = nudged.calls.arguments.front();
  nudged.calls.arguments.erase(nudged.calls.arguments.begin());
  const int64_t number = nudged.calls.number;
  send(call, std::move(nudged), number, arguments);
}

void ExecService::begin_taking_terminal(const WaitingCall& call, int terminal) {
  Nudged nudged;
  nudged.stage = Stage::taking_terminal;
  nudged.result = terminal;
  send(call, std::move(nudged), SYS_ioctl, {static_cast<uint64_t>(terminal), TIOCSCTTY, 0, 0, 0, 0});
}

void ExecService::send(const WaitingCall& call, Nudged nudged_thread, int64_t number,
                       const std::array<uint64_t, 6>& arguments) {
  auto held = std::make_shared<Nudged>(std::move(nudged_thread));  // a std::function's captures can be copied
  const auto change = [this, held = std::move(held), thread = call.thread, number, arguments](user_regs_struct& registers) {
    // One that comes back from a call is to have the registers that it had before that.
    if (held->nudge == 0) held->original = registers;
    const std::lock_guard<std::mutex> guard(mutex_);
    // Only its child is to be able to say a clone's, or another process would be given its maker's registers.
    held->nudge = number == SYS_clone ? random_seed() | kSecretNudge : ++last_nudge_;
    registers = nudged(held->original, number, arguments, held->nudge);
    // The execveat that is notified next says by it whose it is; the call does not look at a sixth argument.
    if (number == SYS_execveat) registers.r9 = held->nudge;
    if (number == SYS_clone) expect_child_locked(held->nudge, *held, arguments);
    remember_locked(thread, std::move(*held));
  };
  exchange(call, change, ExchangeEnd::goes_on);
}

void ExecService::expect_child_locked(uint64_t nudge, const Nudged& maker, const std::array<uint64_t, 6>& arguments) {
  // Children that were killed before they came have left theirs.
  while (births_.size() >= kBirthsLimit) births_.erase(births_.begin());
  births_[nudge] = {maker.original, arguments[1] != 0, (arguments[0] & CLONE_SETTLS) != 0};
}

void ExecService::exchange(const WaitingCall& call, const std::function<void(user_regs_struct&)>& change, ExchangeEnd end) {
  const Status exchanged = exchange_registers(listener_, call, change);
  if (exchanged.ok()) return;
  if (exchanged.error().number() == EPERM) {
    tracer_.exchange(call, change, end);
  } else {
    (void)listener_.answer(call.notification_id, -EPERM);
  }
}

void ExecService::remember_locked(HostPid thread, Nudged nudged_thread) {
  // A handler that is left by longjmp never comes back for what its thread was sent for.
  const auto oldest = nudged_.lower_bound({thread.value(), 0});
  const auto end = nudged_.upper_bound({thread.value(), UINT64_MAX});
  if (std::distance(oldest, end) >= kNestedNudgesLimit) nudged_.erase(oldest);
  if (nudged_.size() >= prune_at_) {
    std::erase_if(nudged_, [](const auto& entry) { return ::syscall(SYS_tkill, entry.first.first, 0) != 0 && errno == ESRCH; });
    prune_at_ = std::max<size_t>(1024, 2 * nudged_.size());
  }
  const NudgeKey key{thread.value(), nudged_thread.nudge};
  nudged_.insert_or_assign(key, std::move(nudged_thread));
}

bool ExecService::handle(const seccomp_notif& notification, const Caller& caller) {
  switch (static_cast<uint32_t>(notification.data.nr)) {
    case abi::kHypercallHello:
      hello(notification, caller);
      return true;
    case abi::kHypercallText:
      text(notification, caller);
      return true;
    case abi::kHypercallDone:
      done(notification, caller.direct_child);
      return true;
    case abi::kHypercallReady:
      ready(notification);
      return true;
    case abi::kHypercallFailed:
      log::debug("the loader gave up: " + Error(static_cast<int>(notification.data.args[0])).message());
      (void)listener_.answer(notification.id, 0);
      return true;
    case abi::kHypercallExecFailed:
      exec_failed(notification);
      return true;
    case SYS_execveat:
      if (!may_execute(notification, caller.process)) return false;
      tracer_.let_execute(caller.process, HostPid(static_cast<pid_t>(notification.pid)), notification.id);
      return true;
    default:
      return false;
  }
}

// The one state in which a native execveat goes on: this thread was sent to do it by begin_exec, or its process was forked by
// the monitor for it. Every argument is harmless then: Landlock lets nothing but memfds be executed, and what ran without
// being the loader gets no program (runs_the_loader).
bool ExecService::may_execute(const seccomp_notif& notification, HostPid process) {
  const HostPid thread(static_cast<pid_t>(notification.pid));
  const std::lock_guard<std::mutex> guard(mutex_);
  if (expected_.count(process) != 0) return true;
  if (notification.data.instruction_pointer == abi::kAfterExecLoader) {
    const auto found = executing_locked(thread, static_cast<int>(notification.data.args[0]));
    if (found == nudged_.end()) return false;
    found->second.guest_fd = static_cast<int>(notification.data.args[0]);
    executing_[process].insert(found->first);
    return true;
  }
  const NudgeKey key{thread.value(), notification.data.args[5]};
  const auto found = nudged_.find(key);
  if (found == nudged_.end() || found->second.stage != Stage::executing ||
      notification.data.instruction_pointer != kAfterNudgeSyscall) {
    return false;
  }
  executing_[process].insert(key);
  return true;
}

// The exec for which `thread` has been given the loader as `guest_fd`; or one that has just been, whose number the blob knows
// before answer_exec() does.
std::map<ExecService::NudgeKey, ExecService::Nudged>::iterator ExecService::executing_locked(HostPid thread, int guest_fd) {
  auto answered = nudged_.end();
  const auto end = nudged_.upper_bound({thread.value(), UINT64_MAX});
  for (auto each = nudged_.lower_bound({thread.value(), 0}); each != end; ++each) {
    if (each->second.stage != Stage::executing) continue;
    if (each->second.guest_fd == guest_fd) return each;
    if (each->second.guest_fd < 0) answered = each;
  }
  return answered;
}

// A failed execve: the blob closes the loader's descriptor and goes back to the site.
void ExecService::exec_failed(const seccomp_notif& notification) {
  const HostPid thread(static_cast<pid_t>(notification.pid));
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    const auto found = executing_locked(thread, static_cast<int>(notification.data.args[0]));
    if (found != nudged_.end()) {
      forget_executing_locked(found->second.process, found->first);
      nudged_.erase(found);
    }
  }
  tracer_.exec_failed(thread);
  (void)listener_.answer(notification.id, 0);
}

void ExecService::forget_executing_locked(HostPid process, const NudgeKey& key) {
  const auto executing = executing_.find(process);
  if (executing == executing_.end()) return;
  executing->second.erase(key);
  if (executing->second.empty()) executing_.erase(executing);
}

bool ExecService::runs_the_loader(HostPid process) const {
  struct stat running {};
  const std::string link = "/proc/" + std::to_string(process.value()) + "/exe";
  return ::stat(link.c_str(), &running) == 0 && running.st_dev == loader_.device() && running.st_ino == loader_.inode();
}

void ExecService::hello(const seccomp_notif& notification, const Caller& caller) {
  const HostPid process = caller.process;
  tracer_.executed(process);
  std::unique_ptr<kernel::ExecPlan> plan;
  std::function<void()> done;
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    if (const auto expected = expected_.find(process); expected != expected_.end()) {
      plan = std::move(expected->second.plan);
      done = std::move(expected->second.done);
      expected_.erase(expected);
    } else {
      plan = take_executed_locked(process);
    }
  }
  if (plan == nullptr || !runs_the_loader(process)) {
    kill_guest(process);
    return;
  }
  std::future<Status> guarded;
  if (done && process == world_.init()) guarded = tracer_.guard_signals_of_init();
  Status handed = hand_over(notification, caller, *plan, done != nullptr);
  if (guarded.valid()) {
    if (Status guard = guarded.get(); handed.ok()) handed = std::move(guard);
  }
  // Before the answer: a short program would have ended, and the container with it, before it is known to have begun.
  if (done) done();
  if (handed.ok()) {
    const auto answered = listener_.answer_with(notification.id, plan->program.get());
    if (answered.ok()) return;
    handed = answered.error();
  }
  (void)listener_.answer(notification.id, -handed.error().number());
}

// The plan of the thread whose exec has succeeded: several may have been at it, of which the others are gone. Each had a
// descriptor of its own for the loader.
std::unique_ptr<kernel::ExecPlan> ExecService::take_executed_locked(HostPid process) {
  const auto executing = executing_.find(process);
  if (executing == executing_.end()) return nullptr;
  std::unique_ptr<kernel::ExecPlan> plan;
  const auto descriptor = executing->second.size() > 1 ? executed_descriptor(process) : std::nullopt;
  for (const NudgeKey& key : executing->second) {
    const auto found = nudged_.find(key);
    if (found == nudged_.end()) continue;
    if (plan == nullptr && (!descriptor || found->second.guest_fd == *descriptor)) plan = std::move(found->second.plan);
    nudged_.erase(found);
  }
  executing_.erase(executing);
  return plan;
}

Status ExecService::hand_over(const seccomp_notif& notification, const Caller& caller, kernel::ExecPlan& plan, bool fresh) {
  const HostPid process = caller.process;
  int interpreter_fd = -1;
  if (plan.interpreter) {
    LITEBOX_ASSIGN(interpreter_fd, listener_.install(notification.id, plan.interpreter.get(), true));
  }
  LITEBOX_ASSIGN(const kernel::ProcessStatePtr before, world_.state_of(process));
  uint32_t clears = 0;
  if (plan.secure) clears |= abi::kClearsDeathSignal;
  if (kernel::clears_personality(*before, plan)) clears |= abi::kClearsPersonality;
  const bool traced = world_.traces().tracer_of(process).has_value();
  bool native = world_.mode().confined_tree && !before->asks_for_paths && !plan.credentials->asks_for_paths;
  const bool locked = native && (!kernel::may_use_native_paths(*plan.credentials) ||
                                 (fresh && !syscalls::is_natively_in(world_.tree(), process, before->cwd)));
  native = native && !locked;
  abi::Launch launch{};
  launch.interpreter_fd = interpreter_fd;
  launch.traced = traced ? 1 : 0;
  launch.clears = clears;
  launch.locked = locked ? 1 : 0;
  // A tracer is to see the calls that the program makes.
  if (!traced && texts_ != nullptr) {
    launch.program_text = text_of(notification, caller, plan.program.get(), rewrite::Role::object, native);
    if (plan.interpreter) {
      launch.interpreter_text = text_of(notification, caller, plan.interpreter.get(), rewrite::Role::interpreter, native);
    }
  }
  const std::string message = launch_message(plan, launch);
  if (message.size() > notification.data.args[1]) return Error(E2BIG);
  const kernel::GuestMemory memory(process);
  LITEBOX_TRY(memory.write(GuestAddress(notification.data.args[0]), message.data(), message.size()));
  kernel::SysvSharedMemory::of_this_container().executed(process);
  world_.forget_threads(process);
  return world_.update(process, [&plan, &before, locked](kernel::ProcessState& state) -> Status {
    if (locked) state.asks_for_paths = true;
    state.credentials = plan.credentials;
    state.identity = kernel::identity_of(*plan.credentials);
    state.executable = plan.executable;
    state.executable_path = plan.executable_path;
    // begin_new_exec(), then commit_creds(); natively nothing changes.
    const kernel::Credentials& former = *before->credentials;
    state.dumpable =
        former.uid == former.euid && former.gid == former.egid && !kernel::gives_up_dumpability(former, *plan.credentials);
    return {};
  });
}

// The child of a clone: it goes on where its maker was, with its own stack and thread area.
bool ExecService::newborn(const WaitingCall& call, uint64_t nudge) {
  Birth birth{};
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    const auto found = births_.find(nudge);
    if (found == births_.end()) return false;
    birth = found->second;
    births_.erase(found);
  }
  exchange(
      call,
      [birth](user_regs_struct& registers) {
        user_regs_struct mine = birth.registers;
        mine.rax = 0;
        if (birth.own_stack) mine.rsp = registers.rsp;
        if (birth.own_tls) mine.fs_base = registers.fs_base;
        registers = mine;
      },
      ExchangeEnd::returned);
  return true;
}

void ExecService::done(const seccomp_notif& notification, bool direct_child) {
  const HostPid thread(static_cast<pid_t>(notification.pid));
  const WaitingCall call{thread, direct_child, notification.id, notification.data.instruction_pointer};
  Nudged current;
  const uint64_t nudge = notification.data.args[1];
  bool known = false;
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    if (const auto found = nudged_.find({thread.value(), nudge}); found != nudged_.end()) {
      known = true;
      current = std::move(found->second);
      const NudgeKey key = found->first;
      nudged_.erase(found);
      if (current.stage == Stage::executing) forget_executing_locked(current.process, key);
    }
  }
  if (!known) {
    // A jump into the blob without a nudge has nowhere to be sent back to.
    if (!newborn(call, nudge)) kill_guest(thread);
    return;
  }
  const auto result = static_cast<int64_t>(notification.data.args[0]);
  if (current.stage == Stage::executing) tracer_.exec_failed(thread);
  if (current.stage == Stage::executing && result == -EINTR) {
    // A handler without SA_RESTART ran before the monitor had received the blob's execveat, which execve(2) knows nothing of.
    const auto loader_fd = static_cast<uint64_t>(current.guest_fd);
    const std::array<uint64_t, 6> arguments{
        loader_fd, abi::kEmptyString, current.argv.value(), current.envp.value(), AT_EMPTY_PATH, 0};
    send(call, std::move(current), SYS_execveat, arguments);
    return;
  }
  if (current.stage == Stage::executing) {
    current.result = result;
    current.plan.reset();
    close_in_guest(call, std::move(current));
    return;
  }
  if (current.stage == Stage::calling) {
    if (!current.succeeded) current.result = result;
    current.succeeded = current.succeeded || result >= 0;
    if (!current.calls.arguments.empty()) {
      send_next(call, std::move(current));
      return;
    }
    if (current.calls.number == SYS_clone && result < 0) {
      const std::lock_guard<std::mutex> guard(mutex_);
      births_.erase(nudge);
    }
    if (current.calls.then) {
      if (const auto next = current.calls.then(current.result)) {
        current.calls = std::move(*next);
        current.succeeded = false;
        send_next(call, std::move(current));
        return;
      }
    }
    if (current.calls.finish) current.result = current.calls.finish(current.result);
    if (current.guest_fd >= 0) {
      close_in_guest(call, std::move(current));
      return;
    }
  }
  exchange(
      call,
      [original = current.original, result = current.result](user_regs_struct& registers) {
        registers = original;
        registers.rax = static_cast<unsigned long long>(result);
      },
      ExchangeEnd::returned);
}

void ExecService::close_in_guest(const WaitingCall& call, Nudged nudged_thread) {
  nudged_thread.stage = Stage::closing;
  const auto descriptor = static_cast<uint64_t>(nudged_thread.guest_fd);
  send(call, std::move(nudged_thread), SYS_close, {descriptor, 0, 0, 0, 0, 0});
}

// A traced process's new program begins: from here on its tracer sees what it does. ELF_PLAT_INIT() and start_thread() of
// x86-64: every register is zero, and the flags are only the always-set one and IF.
void ExecService::ready(const seccomp_notif& notification) {
  const HostPid thread(static_cast<pid_t>(notification.pid));
  const uint64_t entry = notification.data.args[0];
  const uint64_t stack = notification.data.args[1];
  tracer_.exchange(
      {thread, false, notification.id, notification.data.instruction_pointer},
      [entry, stack](user_regs_struct& registers) {
        constexpr unsigned long long kFlags = 0x202;
        user_regs_struct fresh{};
        fresh.cs = registers.cs;
        fresh.ss = registers.ss;
        fresh.rip = entry;
        fresh.rsp = stack;
        fresh.eflags = kFlags;
        registers = fresh;
      },
      ExchangeEnd::executed);
}

}  // namespace litebox::monitor
