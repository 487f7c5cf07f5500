#include "runtime/containerd/child_work.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "oci/config.h"
#include "oci/process_json.h"
#include "runtime/create.h"
#include "runtime/destroy.h"
#include "runtime/exec.h"
#include "runtime/root_directory.h"
#include "wire/shim.pb.h"

namespace litebox::containerd {
namespace {

constexpr auto kReaderPatience = std::chrono::seconds(60);

std::string rootfs_of(const std::string& bundle) { return bundle + "/rootfs"; }

// The descriptors that the shim keeps, in the order of wire::Started.
void hand_over(Streams& streams, Fd master, wire::Started& started, Outcome& outcome) {
  const auto add = [&](Fd& fd) {
    const bool present = fd.valid();
    if (present) outcome.descriptors.push_back(std::move(fd));
    return present;
  };
  started.set_terminal_master(add(master));
  started.set_terminal_input(add(streams.terminal_input));
  started.set_terminal_output(add(streams.terminal_output));
  started.set_input_keeper(add(streams.input_keeper));
  started.set_output_keepers(static_cast<uint32_t>(streams.output_keepers.size()));
  for (Fd& keeper : streams.output_keepers) (void)add(keeper);
  started.set_logger(static_cast<uint32_t>(streams.logger));
  outcome.payload = started.SerializeAsString();
}

uid_t host_uid(const std::vector<oci::IdMapping>& mappings, uid_t uid) {
  for (const oci::IdMapping& mapping : mappings) {
    if (uid >= mapping.container_id && uid - mapping.container_id < mapping.size) {
      return mapping.host_id + (uid - mapping.container_id);
    }
  }
  return uid;
}

// The fifos that are this process's standard streams go to the user who is to have them, as runc gives its pipes: the program
// may open them again, as /dev/stdout.
void give_fifos_to(uid_t uid, const StreamPaths& paths, const TaskOptions& options) {
  // With a terminal, what is here is the shim's own.
  if (paths.terminal || options.io_uid) return;
  for (int i = 0; i < 3; ++i) {
    struct stat status {};
    if (fstat(i, &status) == 0 && S_ISFIFO(status.st_mode) && status.st_uid != uid) (void)fchown(i, uid, -1);
  }
}

// Those of the process become this one's, which hands them on.
Status take_standard_streams(Streams& streams) {
  for (int i = 0; i < 3; ++i) {
    Fd& stream = streams.process[static_cast<size_t>(i)];
    if (stream && dup2(stream.get(), i) < 0) return last_error("dup2");
    stream.reset();
  }
  return {};
}

Result<Outcome> create(const CreateWork& work) {
  LITEBOX_TRY(mount_rootfs(work.mounts, rootfs_of(work.bundle)));
  const StreamOwner owner{work.id, work.namespace_name, work.options.io_uid, work.options.io_gid};
  LITEBOX_ASSIGN(Streams streams, open_streams(work.paths, owner, kReaderPatience));
  LITEBOX_TRY(take_standard_streams(streams));
  if (const auto config = oci::load_config(work.bundle + "/config.json"); config.ok() && config->process) {
    give_fifos_to(host_uid(config->linux.uid_mappings, config->process->user.uid), work.paths, work.options);
  }
  LITEBOX_TRY(runtime::make_root({work.root, true, false}));
  runtime::CreateRequest request;
  request.id = work.id;
  request.bundle = work.bundle;
  request.systemd_cgroup = work.options.systemd_cgroup;
  request.detached = !work.paths.terminal;  // the terminal's master is the shim's
  LITEBOX_ASSIGN(runtime::CreatedContainer created,
                 runtime::create_container(work.root, std::move(request), work.monitor_main));
  created.directory.unlock();
  if (work.paths.terminal && !created.console) {
    (void)runtime::delete_container(work.root, work.id, true);
    return Error("a terminal is asked for, but not by config.json");
  }
  Outcome outcome;
  wire::Started started;
  started.set_pid(static_cast<uint32_t>(created.record.keeper.pid));
  for (const std::string& directory : created.record.container_cgroups) started.add_cgroups(directory);
  hand_over(streams, created.console ? std::move(created.console->master) : Fd(), started, outcome);
  return outcome;
}

Result<Outcome> execute(const ExecWork& work) {
  runtime::ExecRequest request;
  request.id = work.id;
  LITEBOX_ASSIGN(request.process, oci::parse_process(work.spec));
  request.process.terminal = work.paths.terminal;
  const StreamOwner owner{work.id, work.namespace_name, work.options.io_uid, work.options.io_gid};
  LITEBOX_ASSIGN(Streams streams, open_streams(work.paths, owner, kReaderPatience));
  LITEBOX_TRY(take_standard_streams(streams));
  give_fifos_to(request.process.user.uid, work.paths, work.options);
  LITEBOX_ASSIGN(runtime::DetachedProcess detached, runtime::exec_detached(work.root, request));
  LITEBOX_TRY(detached.keeper.commit());
  Outcome outcome;
  wire::Started started;
  started.set_pid(static_cast<uint32_t>(detached.keeper.pid()));
  started.set_inner_pid(static_cast<uint32_t>(detached.keeper.process()));
  hand_over(streams, detached.console ? std::move(detached.console->master) : Fd(), started, outcome);
  return outcome;
}

}  // namespace

Outcome create_in_child(const CreateWork& work) {
  // Standard error becomes the container's.
  (void)log::open(work.bundle + "/log.json", log::Format::json, false);
  auto created = create(work);
  if (created.ok()) return std::move(created).value();
  (void)unmount_rootfs(rootfs_of(work.bundle));
  return Outcome::failed(Code::unknown, "OCI runtime create failed: " + created.error().message());
}

Outcome exec_in_child(const ExecWork& work) {
  (void)log::open("/dev/null", log::Format::text, false);
  auto started = execute(work);
  if (started.ok()) return std::move(started).value();
  return Outcome::failed(Code::unknown, "OCI runtime exec failed: exec failed: " + started.error().message());
}

Outcome destroy_in_child(const std::string& root, const std::string& id, const std::string& bundle, bool force) {
  const Status deleted = runtime::delete_container(root, id, force);
  const bool missing = !runtime::StateDirectory::exists(root, id);
  if (!deleted.ok() && !missing) {
    return Outcome::failed(Code::unknown, "OCI runtime delete failed: " + deleted.error().message());
  }
  const Status unmounted = unmount_rootfs(rootfs_of(bundle));
  if (!unmounted.ok()) return Outcome::failed(Code::unknown, "failed rootfs umount: " + unmounted.error().message());
  return {};
}

}  // namespace litebox::containerd
