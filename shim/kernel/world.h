// The world of one container: who belongs to it, what each process is, and the names they share.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/ids.h"
#include "base/result.h"
#include "oci/config.h"
#include "rootfs/id_maps.h"
#include "rootfs/tree.h"
#include "rootfs/view.h"
#include "shim/kernel/loopback.h"
#include "shim/kernel/process_state.h"
#include "shim/kernel/shared_names.h"
#include "shim/kernel/shared_processes.h"
#include "shim/kernel/state_table.h"
#include "shim/kernel/trace_table.h"

namespace litebox::kernel {

// What this container's host lets it do; decides between routes of the table and between implementations.
struct Mode {
  bool recorded_ownership = false;  // an ordinary user: ids are not the host's
  bool mapped_ids = false;          // of a user namespace, or of idmapped mounts (rootfs/id_maps.h)
  bool own_network = false;         // the subtree has a network namespace of its own
  bool host_network = false;        // AF_INET and the like are the host's
  bool own_loopback = false;        // neither, but loopback addresses of its own (loopback.h)
  bool confined_root = false;       // guests are chroot'ed into an empty directory: native path lookups find nothing
  bool speaks_for_guests = false;   // the monitor may give the host's kernel the ids of any guest in place of its own
  bool signal_scope = false;        // Landlock keeps signals and abstract sockets inside the container
  bool confined_tree = false;       // guests are chroot'ed into the container's own tree (rootfs/native_tree.h)
};

class World final : public rootfs::ContainerView {
 public:
  World(const oci::Config& config, Mode mode);

  const oci::Config& config() const { return config_; }
  const Mode& mode() const { return mode_; }
  // Decided when the tree is there; before guests run.
  void confine_to_tree() { mode_.confined_tree = true; }
  // Where there is no network otherwise; before guests run.
  void set_loopback(std::unique_ptr<Loopback> loopback) {
    loopback_ = std::move(loopback);
    mode_.own_loopback = loopback_ != nullptr;
  }
  Loopback* loopback() const { return loopback_.get(); }  // null for none
  void set_tree(std::shared_ptr<rootfs::Tree> tree) { tree_ = std::move(tree); }

  // The maps of the container's user namespace, where the files' ids are the host's.
  void set_id_maps(std::shared_ptr<const rootfs::IdMaps> maps) { id_maps_ = std::move(maps); }
  // Whether all ids of a process are the container's: those of a user namespace without a mapping are nobody's.
  bool has_ids(const Credentials& credentials) const;

  // --- states (see process_state.h)
  // The state that a process or thread carries; ESRCH for one that is not a member.
  Result<ProcessStatePtr> state_of(HostPid process) const;
  uint64_t states_version() const { return states_.version(); }  // state_table.h
  // Gives a process a first state. Only for processes that the monitor has just made.
  Status adopt(HostPid process, ProcessState state);
  // Replaces a process's state by change(copy of the current one). Changes of one process are serialised.
  // `change` may refuse with an error, which is returned; nothing changes then.
  Status update(HostPid process, const std::function<Status(ProcessState&)>& change);
  // The same for a change of credentials, which are a thread's own (thread_credentials.h).
  Status update_credentials(HostPid process, HostPid thread, const std::function<Status(ProcessState&)>& change);
  // Only one thread of the process is left: it has executed a program.
  void forget_threads(HostPid process) { states_.forget_threads(process); }

  // --- membership
  // The process that is 1 inside: this container's own init, unless it has joined the processes of another container.
  HostPid init() const { return init_; }
  HostPid own_init() const { return own_init_; }
  void set_own_init(HostPid init);
  // The processes that this container's monitor made, without those of containers that share their processes with it.
  std::vector<HostPid> own_members() const;
  bool is_own(HostPid process_or_thread) const { return states_.tag_of(process_or_thread).has_value(); }
  // The thread group of a member thread; ESRCH for outsiders.
  Result<HostPid> thread_group_of(HostPid thread) const;

  // --- tracing
  TraceTable& traces() { return traces_; }
  const TraceTable& traces() const { return traces_; }

  // The upper half of every RLIMIT_LOCKS tag of this container: how a runtime that lost its monitor finds leftover guests.
  uint32_t tag_prefix() const { return states_.prefix(); }

  // --- what containers share (shared_names.h, shared_processes.h); to be called before there is a process
  // `joined`: they are another container's; what config.json says of them is put into them all the same.
  void share_names(SharedNames names, bool joined);
  // `directory`: where this container's monitor can be asked for a state. EEXIST: the other container has ended.
  Status share_processes(SharedProcesses processes, const std::string& directory, bool joined);
  // How to ask another container's monitor, by its directory, for the state of one of its processes.
  using AskNeighbour = std::function<Result<ProcessState>(const std::string& directory, HostPid process)>;
  void set_neighbours(AskNeighbour ask) { ask_neighbour_ = std::move(ask); }

  // --- names
  void set_host_name(std::string name);
  void set_domain_name(std::string name);

  // The container's cgroup in each hierarchy, as rootfs::ContainerView wants it.
  void set_control_groups(std::map<std::string, std::string> groups) { control_groups_ = std::move(groups); }

  // rootfs::ContainerView
  std::vector<HostPid> members() const override;
  bool is_member(HostPid process_or_thread) const override;
  VirtualPid to_virtual(HostPid pid) const override;
  HostPid to_host(VirtualPid pid) const override;
  Result<rootfs::ProcessIds> ids(HostPid process) const override;
  Result<rootfs::Location> working_directory(HostPid process) const override;
  Result<rootfs::Location> root_directory(HostPid process) const override;
  Result<rootfs::Location> executable(HostPid process) const override;
  std::string executable_path(HostPid process) const override;
  mode_t umask_of(HostPid process) const override;
  VirtualPid tracer_of(HostPid thread) const override;
  Result<Fd> file_of(HostPid process, int fd) const override;
  std::string host_name() const override;
  std::string domain_name() const override;
  std::optional<std::string> sysctl(const std::string& path) const override;
  std::optional<std::string> id_map(const std::string& name) const override;
  std::optional<uint64_t> memory_limit() const override;
  std::optional<double> cpu_limit() const override;
  std::map<std::string, std::string> control_groups() const override { return control_groups_; }
  std::string unix_address(std::string_view outside) const override;
  bool has_loopback() const override { return loopback_ != nullptr; }
  std::optional<std::string> socket_ends(std::string_view table, std::string_view local,
                                         std::string_view remote) const override;
  bool has_network() const override { return mode_.own_network || mode_.host_network; }
  std::string system_v_table(const std::string& name) const override;
  rootfs::Tree& tree() const override { return *tree_; }

 private:
  // The container, other than this one, that a process belongs to: its monitor's directory.
  std::optional<std::string> neighbour_of(HostPid process_or_thread) const;

  std::shared_ptr<const rootfs::IdMaps> id_maps_;
  const oci::Config& config_;
  Mode mode_;
  std::unique_ptr<Loopback> loopback_;
  std::shared_ptr<rootfs::Tree> tree_;
  std::atomic<HostPid> init_{};
  std::atomic<HostPid> own_init_{};
  mutable StateTable states_;
  TraceTable traces_;
  mutable std::mutex names_mutex_;
  std::string host_name_;
  std::string domain_name_;
  std::optional<SharedNames> names_;  // in place of the two above
  std::optional<SharedProcesses> processes_;
  AskNeighbour ask_neighbour_;
  std::map<std::string, std::string> control_groups_;
};

}  // namespace litebox::kernel
