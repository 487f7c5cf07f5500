// What the host's /proc says about one member process or thread.
//
// The directory is opened first and membership is checked afterwards: a directory of a process that has ended answers nothing
// for ever, so whatever is read through it belongs to the process that was checked, however ids are reused meanwhile.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/ids.h"
#include "base/result.h"
#include "rootfs/view.h"

namespace litebox::rootfs::proc {

// The whole content of a file that the kernel makes while it is read.
Result<std::string> read_all(int fd);

// The host's /proc, kept open, for files that belong to no process.
class HostProc {
 public:
  // The one of this program, opened at the first use. -1 inside when there is no /proc: every call then fails with EBADF.
  static const HostProc& instance();

  int fd() const { return directory_.get(); }
  Result<std::string> read(const std::string& path) const;
  Result<Fd> open(const std::string& path, int flags) const;

 private:
  HostProc();
  Fd directory_;
};

class HostProcess {
 public:
  // The member thread group `process`; a thread's id opens as well, as /proc/<tid> does though no listing shows it. ENOENT for
  // one that does not exist or does not belong.
  static Result<std::shared_ptr<const HostProcess>> open(const ContainerView& view, HostPid process);
  // One of the group's threads, as /proc/<process>/task/<thread> shows it. ENOENT as above.
  Result<std::shared_ptr<const HostProcess>> open_thread(const ContainerView& view, HostPid thread) const;

  HostPid process() const { return process_; }               // the thread group
  HostPid task() const { return task_; }                     // the group itself or one of its threads
  bool is_thread_entry() const { return is_thread_entry_; }  // opened by open_thread()

  // All of these answer ESRCH once the process has ended. `name` is relative to the process's directory.
  Result<std::string> read(const std::string& name) const;
  Result<std::string> read_link(const std::string& name) const;
  Result<Fd> open_file(const std::string& name, int flags) const;
  Result<std::vector<std::string>> list(const std::string& name) const;
  Status exists(const std::string& name) const;  // ENOENT or ESRCH when it does not

 private:
  HostProcess(Fd directory, HostPid process, HostPid task, bool is_thread_entry)
      : directory_(std::move(directory)), process_(process), task_(task), is_thread_entry_(is_thread_entry) {}
  // ESRCH for what the kernel answers about files of a process that has ended.
  Error explain(int number) const;

  Fd directory_;
  HostPid process_;
  HostPid task_;
  bool is_thread_entry_;
};

using HostProcessPtr = std::shared_ptr<const HostProcess>;

}  // namespace litebox::rootfs::proc
