#include "shim/kernel/world.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <initializer_list>

#include "shim/kernel/pidfd.h"
#include "shim/kernel/sysv_table.h"
#include "shim/kernel/unix_names.h"

namespace litebox::kernel {

World::World(const oci::Config& config, Mode mode) : config_(config), mode_(mode) {
  host_name_ = config.hostname;
  domain_name_ = config.domainname;
  char name[256];
  if (host_name_.empty() && ::gethostname(name, sizeof name) == 0) host_name_ = name;
  if (domain_name_.empty()) domain_name_ = "(none)";
}

Result<ProcessStatePtr> World::state_of(HostPid process) const {
  auto own = states_.find(process);
  if (own.ok() || !processes_) return own;
  const auto neighbour = neighbour_of(process);
  if (!neighbour) return own;
  LITEBOX_ASSIGN(ProcessState state, ask_neighbour_(*neighbour, process));
  state.identity = identity_of(*state.credentials);
  // Its files are in another tree, which nothing here can name.
  state.root = state.cwd = tree_->root();
  return std::make_shared<const ProcessState>(std::move(state));
}

Status World::adopt(HostPid process, ProcessState state) {
  return states_.assign(process, std::make_shared<const ProcessState>(std::move(state)));
}

Status World::update(HostPid process, const std::function<Status(ProcessState&)>& change) {
  return states_.update(process, change);
}

Status World::update_credentials(HostPid process, HostPid thread, const std::function<Status(ProcessState&)>& change) {
  return states_.update_credentials(process, thread, change);
}

Result<HostPid> World::thread_group_of(HostPid thread) const {
  LITEBOX_ASSIGN(const Fd pidfd, open_thread_pidfd(thread));
  if (!is_member(thread)) return Error(ESRCH);
  return thread_group(pidfd.get(), thread);
}

void World::set_own_init(HostPid init) {
  own_init_ = init;
  if (!processes_) {
    init_ = init;
    return;
  }
  if (processes_->first() == HostPid()) processes_->set_first(init);
  init_ = processes_->first();
}

void World::share_names(SharedNames names, bool joined) {
  names_.emplace(std::move(names));
  if (!joined || !config_.hostname.empty()) names_->set_host_name(host_name_);
  if (!joined || !config_.domainname.empty()) names_->set_domain_name(domain_name_);
}

Status World::share_processes(SharedProcesses processes, const std::string& directory, bool joined) {
  if (joined) {
    // A first process that has ended took all the others with it.
    if (processes.first() == HostPid() || !open_pidfd(processes.first()).ok())
      return Error(ESRCH, "the container to join has ended");
    init_ = processes.first();
  }
  LITEBOX_TRY(processes.add(states_.prefix(), directory));
  processes_.emplace(std::move(processes));
  return {};
}

std::optional<std::string> World::neighbour_of(HostPid process_or_thread) const {
  if (!processes_ || !processes_->has_others(states_.prefix())) return std::nullopt;
  const auto prefix = StateTable::prefix_of(process_or_thread);
  if (!prefix || *prefix == states_.prefix()) return std::nullopt;
  return processes_->directory_of(*prefix);
}

std::vector<HostPid> World::own_members() const {
  std::vector<HostPid> members;
  for (const HostPid process : host_processes()) {
    if (is_own(process)) members.push_back(process);
  }
  return members;
}

std::vector<HostPid> World::members() const {
  std::vector<HostPid> members;
  for (const HostPid process : host_processes()) {
    if (is_member(process)) members.push_back(process);
  }
  return members;
}

bool World::is_member(HostPid process_or_thread) const {
  return is_own(process_or_thread) || neighbour_of(process_or_thread).has_value();
}

VirtualPid World::to_virtual(HostPid pid) const {
  if (pid == init()) return VirtualPid(1);
  return is_member(pid) ? VirtualPid(pid.value()) : VirtualPid(0);
}

HostPid World::to_host(VirtualPid pid) const { return pid.value() == 1 ? init() : HostPid(pid.value()); }

Result<rootfs::ProcessIds> World::ids(HostPid process) const {
  LITEBOX_ASSIGN(const ProcessStatePtr state, state_of(process));
  const Credentials& from = *state->credentials;
  rootfs::ProcessIds ids;
  ids.uid[0] = from.uid;
  ids.uid[1] = from.euid;
  ids.uid[2] = from.suid;
  ids.uid[3] = from.fsuid;
  ids.gid[0] = from.gid;
  ids.gid[1] = from.egid;
  ids.gid[2] = from.sgid;
  ids.gid[3] = from.fsgid;
  ids.groups = from.groups;
  ids.inheritable = from.inheritable;
  ids.permitted = from.permitted;
  ids.effective = from.effective;
  ids.bounding = from.bounding;
  ids.ambient = from.ambient;
  ids.no_new_privileges = from.no_new_privileges;
  return ids;
}

Result<rootfs::Location> World::working_directory(HostPid process) const {
  if (!is_own(process)) return Error(EACCES);
  LITEBOX_ASSIGN(const ProcessStatePtr state, state_of(process));
  return state->cwd;
}

Result<rootfs::Location> World::root_directory(HostPid process) const {
  if (!is_own(process)) return Error(EACCES);
  LITEBOX_ASSIGN(const ProcessStatePtr state, state_of(process));
  return state->root;
}

Result<rootfs::Location> World::executable(HostPid process) const {
  LITEBOX_ASSIGN(const ProcessStatePtr state, state_of(process));
  if (state->executable.node == nullptr) return Error(ENOENT);
  return state->executable;
}

std::string World::executable_path(HostPid process) const {
  const auto state = state_of(process);
  return state.ok() ? (*state)->executable_path : std::string();
}

mode_t World::umask_of(HostPid process) const {
  const auto state = state_of(process);
  return state.ok() ? (*state)->umask : 022;
}

VirtualPid World::tracer_of(HostPid thread) const {
  const auto tracer = traces_.tracer_of(thread);
  return tracer ? to_virtual(tracer->thread) : VirtualPid(0);
}

Result<Fd> World::file_of(HostPid process, int fd) const {
  LITEBOX_ASSIGN(const Fd pidfd, open_thread_pidfd(process));
  if (!is_member(process)) return Error(ESRCH);
  Fd copy(static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd.get(), fd, 0)));
  if (!copy) return last_error();
  return copy;
}

void World::set_host_name(std::string name) {
  const std::lock_guard<std::mutex> guard(names_mutex_);
  if (names_) names_->set_host_name(name);
  host_name_ = std::move(name);
}

void World::set_domain_name(std::string name) {
  const std::lock_guard<std::mutex> guard(names_mutex_);
  if (names_) names_->set_domain_name(name);
  domain_name_ = std::move(name);
}

std::string World::host_name() const {
  if (names_) return names_->host_name();
  const std::lock_guard<std::mutex> guard(names_mutex_);
  return host_name_;
}

std::string World::domain_name() const {
  if (names_) return names_->domain_name();
  const std::lock_guard<std::mutex> guard(names_mutex_);
  return domain_name_;
}

bool World::has_ids(const Credentials& credentials) const {
  if (!id_maps_) return true;
  const auto known = [](const rootfs::IdMap& map, std::initializer_list<uint32_t> ids) {
    return std::all_of(ids.begin(), ids.end(), [&map](uint32_t id) { return map.to_file(id).has_value(); });
  };
  return known(id_maps_->users, {credentials.uid, credentials.euid, credentials.suid, credentials.fsuid}) &&
         known(id_maps_->groups, {credentials.gid, credentials.egid, credentials.sgid, credentials.fsgid}) &&
         std::all_of(credentials.groups.begin(), credentials.groups.end(),
                     [this](gid_t group) { return id_maps_->groups.to_file(group).has_value(); });
}

// kernel/user_namespace.c uid_m_show()
std::optional<std::string> World::id_map(const std::string& name) const {
  if (!id_maps_) return std::nullopt;
  const auto& mappings = name == "uid_map" ? config_.linux.uid_mappings : config_.linux.gid_mappings;
  std::string text;
  for (const oci::IdMapping& mapping : mappings) {
    std::array<char, 40> line{};
    (void)std::snprintf(line.data(), line.size(), "%10u %10u %10u\n", mapping.container_id, mapping.host_id, mapping.size);
    text += line.data();
  }
  return text;
}

std::optional<std::string> World::sysctl(const std::string& path) const {
  const auto found = config_.linux.sysctl.find(path);
  if (found == config_.linux.sysctl.end()) return std::nullopt;
  return found->second;
}

std::optional<std::string> World::socket_ends(std::string_view table, std::string_view local, std::string_view remote) const {
  const auto local_end = listed_endpoint(local);
  const auto remote_end = listed_endpoint(remote);
  if (loopback_ == nullptr || !local_end || !remote_end) return std::nullopt;
  const int protocol = table.starts_with("tcp") ? IPPROTO_TCP : IPPROTO_UDP;
  const int domain = table.ends_with('6') ? AF_INET6 : AF_INET;
  const auto inside = loopback_->listed(protocol, domain, {*local_end, *remote_end});
  if (!inside) return std::nullopt;
  return listing_of(domain, inside->local) + ' ' + listing_of(domain, inside->remote);
}

std::string World::unix_address(std::string_view outside) const { return UnixNames::of_this_container().listed(outside); }

std::string World::system_v_table(const std::string& name) const { return kernel::system_v_table(*this, name); }

std::optional<uint64_t> World::memory_limit() const {
  const auto& resources = config_.linux.resources;
  if (!resources || !resources->memory || !resources->memory->limit || *resources->memory->limit <= 0) return std::nullopt;
  return static_cast<uint64_t>(*resources->memory->limit);
}

std::optional<double> World::cpu_limit() const {
  const auto& resources = config_.linux.resources;
  if (!resources || !resources->cpu || !resources->cpu->quota || *resources->cpu->quota <= 0) return std::nullopt;
  const uint64_t period = resources->cpu->period.value_or(0);
  return static_cast<double>(*resources->cpu->quota) / static_cast<double>(period != 0 ? period : 100000);
}

}  // namespace litebox::kernel
