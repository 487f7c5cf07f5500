#include "shim/monitor/notification_loop.h"

#include <csignal>
#include <string>

#include "base/log.h"
#include "shim/kernel/caller_tag.h"
#include "shim/kernel/pending_signals.h"
#include "shim/kernel/pidfd.h"
#include "shim/monitor/interruption.h"
#include "shim/monitor/trace.h"
#include "shim/syscalls/dispatch.h"

namespace litebox::monitor {
NotificationLoop::NotificationLoop(kernel::World& world, const Listener& listener, ExecService& execs, Tracer& tracer)
    : world_(world), listener_(listener), execs_(execs), tracer_(tracer), role_(listener.get(), [this] { run(); }) {}

void NotificationLoop::run() {
  while (role_.take()) {
    const auto notification = listener_.receive();
    if (!notification.ok()) {
      if (notification.error().number() == ENODEV) return;  // no guest is left, and none can come
      continue;
    }
    role_.received();
    handle(*notification);
  }
}

void NotificationLoop::while_blocking(const std::function<void()>& work) {
  kernel::CallerTag::forget();
  kernel::allow_blocking(role_.give_up());
  work();
}

void NotificationLoop::add_direct_child(HostPid process) {
  const std::lock_guard<std::mutex> guard(children_mutex_);
  direct_children_.insert(process);
}

void NotificationLoop::remove_direct_child(HostPid process) {
  const std::lock_guard<std::mutex> guard(children_mutex_);
  direct_children_.erase(process);
}

bool NotificationLoop::is_direct_child(HostPid process) {
  const std::lock_guard<std::mutex> guard(children_mutex_);
  return direct_children_.count(process) != 0;
}

void NotificationLoop::handle(const seccomp_notif& notification) {
  const HostPid thread(static_cast<pid_t>(notification.pid));
  const auto entry = threads_.find(thread);
  if (!entry.ok()) {
    (void)listener_.answer(notification.id, -entry.error().number());
    return;
  }
  const HostPid process = (*entry)->process();
  const kernel::CallerTag caller_tag(thread, process);
  const bool direct_child = is_direct_child(thread);
  if (execs_.handle(notification, {process, (*entry)->pidfd(), direct_child, *this})) return;

  auto state = (*entry)->state(world_);
  if (!state.ok()) {
    // Under the filter but without a state: nothing that this monitor made. It gets nothing.
    (void)kernel::send_signal((*entry)->pidfd(), SIGKILL);
    return;
  }
  syscalls::Call call{world_,
                      *this,
                      thread,
                      process,
                      (*entry)->pidfd(),
                      notification.id,
                      notification.data.nr,
                      {notification.data.args[0], notification.data.args[1], notification.data.args[2],
                       notification.data.args[3], notification.data.args[4], notification.data.args[5]},
                      notification.data.instruction_pointer,
                      std::move(state).value(),
                      kernel::GuestMemory(thread)};
  const std::string traced = log::debugging() ? trace_call(call) : std::string();
  const syscalls::Handler handler = syscalls::find_handler(call.number);
  syscalls::Reply reply = handler != nullptr ? handler(call) : syscalls::Reply::error(ENOSYS);
  if (log::debugging()) log::debug(traced + trace_result(reply));
  if (std::holds_alternative<syscalls::Reply::ByTracer>(reply.kind())) {
    tracer_.submit(call);
    return;
  }
  apply(reply, {thread, direct_child, notification.id, notification.data.instruction_pointer}, process);
}

void NotificationLoop::apply(syscalls::Reply& reply, const WaitingCall& call, HostPid process) {
  using syscalls::Reply;
  // A failing answer means that the task has died, which needs none.
  if (const auto* value = std::get_if<Reply::Value>(&reply.kind())) {
    answer(call, value->value);
  } else if (auto* install = std::get_if<Reply::InstallFd>(&reply.kind())) {
    // Our own copy goes before the guest goes on: it would keep a pipe's end open, or a lock held, a moment too long.
    const auto installed = listener_.install(call.notification_id, install->fd.get(), install->close_on_exec);
    install->fd.reset();
    if (installed.ok() && install->controlling) {
      execs_.begin_taking_terminal(call, *installed);
      return;
    }
    (void)listener_.answer(call.notification_id, installed.ok() ? *installed : -installed.error().number());
  } else if (std::holds_alternative<Reply::Proceed>(reply.kind())) {
    (void)listener_.proceed(call.notification_id);
  } else if (auto* in_guest = std::get_if<Reply::InGuest>(&reply.kind())) {
    execs_.begin_call(call, std::move(*in_guest));
  } else if (auto* exec = std::get_if<Reply::Exec>(&reply.kind())) {
    execs_.begin_exec(call, process, std::move(*exec));
  }
}

void NotificationLoop::answer(const WaitingCall& call, int64_t value) {
  if (!is_restart_code(value)) {
    (void)listener_.answer(call.notification_id, value);
    return;
  }
  const Status interrupted = interrupt_call(listener_, call, value);
  if (!interrupted.ok() && interrupted.error().number() == EPERM) tracer_.interrupt(call, value);
}

}  // namespace litebox::monitor
