// What the nodes below /proc/<pid> have in common: they belong to the process's user and show one member process.
#pragma once

#include <string>
#include <utility>

#include "rootfs/proc/host_process.h"
#include "rootfs/proc/visible_ids.h"
#include "rootfs/synthetic.h"
#include "rootfs/view.h"

namespace litebox::rootfs::proc {

// The process or thread that a node shows. `view` outlives every node.
struct ProcessContext {
  const ContainerView* view = nullptr;
  HostProcessPtr host;

  HostPid process() const { return host->process(); }
  HostPid task() const { return host->task(); }
  bool may_inspect(const Subject& subject) const { return proc::may_inspect(*view, subject, process(), task()); }
};

// A synthetic node of class `Base`, owned by the process's effective ids (fs/proc/base.c, task_dump_owner).
template <typename Base>
class OfProcess : public Base {
 public:
  template <typename... Arguments>
  explicit OfProcess(ProcessContext context, Arguments&&... arguments)
      : Base(std::forward<Arguments>(arguments)...), context_(std::move(context)) {}

 protected:
  FileOwnership ownership(const Subject& /*subject*/) const override {
    const auto ids = context_.view->ids(context_.task());
    const mode_t mode = this->attributes().mode;
    return ids ? FileOwnership{ids->uid[1], ids->gid[1], mode} : FileOwnership{0, 0, mode};
  }
  const ProcessContext& context() const { return context_; }

 private:
  ProcessContext context_;
};

// A file of the host's /proc/<pid> that may be handed out as it is: nothing in it is translated, its content stays fresh, and
// what is written to it the kernel judges by the guest's own rights.
class ProcessHostFile final : public OfProcess<SyntheticNode> {
 public:
  // Opening it needs the right to inspect the process when `guarded`; EACCES.
  ProcessHostFile(const ProcessContext& context, SyntheticAttributes attributes, std::string name, bool guarded)
      : OfProcess(context, std::move(attributes)), name_(std::move(name)), guarded_(guarded) {}

  Result<Fd> open(const Subject& subject, int flags) override;
  Result<struct statx> status(const Subject& subject) override;
  // EACCES for writing where the mode lets nobody write: the monitor's own right to do so is not lent.
  Status check_access(const Subject& subject, int mask) override;
  Status truncate(const Subject& subject, int64_t length) override;

 private:
  std::string name_;
  bool guarded_;
};

// A symlink that leads to a file rather than to a path: fd/<n>, exe, cwd, root, ns/<type>.
class MagicLink : public OfProcess<SyntheticNode> {
 public:
  using OfProcess::OfProcess;

  Result<std::string> read_link(const Subject& subject) final;
  Result<std::optional<Location>> magic_target(const Subject& subject) final;
  Result<Fd> open(const Subject& subject, int flags) override;  // O_PATH; ELOOP otherwise

 protected:
  virtual Result<std::string> text(const Subject& subject) = 0;
  virtual Result<Location> target(const Subject& subject) = 0;
};

// The path of `location` as `subject` sees it.
Result<std::string> visible_path(const ContainerView& view, const Subject& subject, const Location& location);

// A copy of `from` with the numbers of a host file: stat(2) by path and fstat(2) of an opened host file must agree.
struct statx with_numbers_of(struct statx from, const struct stat& host);

}  // namespace litebox::rootfs::proc
