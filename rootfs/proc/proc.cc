// The root directory of /proc.
#include <dirent.h>
#include <linux/magic.h>
#include <sys/stat.h>

#include <algorithm>

#include "rootfs/filesystems.h"
#include "rootfs/pass_through.h"
#include "rootfs/proc/global_files.h"
#include "rootfs/proc/process_directory.h"
#include "rootfs/proc/sysctl.h"
#include "rootfs/proc/text.h"
#include "rootfs/proc/visible_ids.h"

namespace litebox::rootfs {
namespace {

constexpr uint64_t kRootInode = 1;  // PROC_ROOT_INO

class ProcRoot final : public PassThroughRoot {
 public:
  ProcRoot(SyntheticAttributes attributes, const ContainerView& view)
      : PassThroughRoot(std::move(attributes), "/proc", PROC_SUPER_MAGIC), view_(view) {
    add_symlink("self", [&view](const Subject& subject) -> Result<std::string> {
      return std::to_string(proc::visible_process(view, subject.thread_group.value()));
    });
    add_symlink("thread-self", [&view](const Subject& subject) -> Result<std::string> {
      return std::to_string(proc::visible_process(view, subject.thread_group.value())) + "/task/" +
             std::to_string(proc::visible_process(view, subject.thread.value()));
    });
    add_symlink("mounts", [](const Subject& /*subject*/) -> Result<std::string> { return std::string("self/mounts"); });
    add_symlink("net", [](const Subject& /*subject*/) -> Result<std::string> { return std::string("self/net"); });
    add("sys", S_IFDIR | 0555,
        [&view](SyntheticAttributes of_sys) { return proc::make_sysctl_directory(view, std::move(of_sys)); });
    proc::add_global_files(*this, view);
  }

 protected:
  Result<NodePtr> find_dynamic(const Subject& /*subject*/, const std::string& name) override {
    const auto number = proc::parse_number<pid_t>(name);
    if (!number || *number <= 0 || std::to_string(*number) != name) return NodePtr();
    auto process = proc::HostProcess::open(view_, view_.to_host(VirtualPid(*number)));
    if (!process) return NodePtr();
    // Init is found by its host's id as well, and is the same directory then.
    const std::string canonical = std::to_string(proc::visible_process(view_, (*process)->task().value()));
    return proc::make_process_directory({&view_, *std::move(process)}, child_attributes(canonical, S_IFDIR | 0555));
  }

  Result<std::vector<DirectoryEntry>> list_dynamic(const Subject& /*subject*/) override {
    std::vector<DirectoryEntry> entries;
    for (const HostPid member : view_.members()) {
      const pid_t inside = proc::visible_process(view_, member.value());
      if (inside != 0) entries.push_back({0, kFirstDynamicOffset + inside, DT_DIR, std::to_string(inside)});
    }
    std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.next < b.next; });
    return entries;
  }

  std::string path_inside(std::string_view host_path) const override {
    const std::string_view first = host_path.substr(0, host_path.find('/'));
    const auto process = proc::parse_number<pid_t>(first);
    if (!process) return std::string(host_path);
    return std::to_string(proc::visible_process(view_, *process)).append(host_path.substr(first.size()));
  }

 private:
  const ContainerView& view_;
};

}  // namespace

NodePtr make_proc(const ContainerView& view, const std::shared_ptr<DescriptorRegistry>& registry) {
  auto file_system = std::make_shared<SyntheticFileSystem>("proc", PROC_SUPER_MAGIC, registry);
  return std::make_shared<ProcRoot>(SyntheticAttributes{std::move(file_system), nullptr, kRootInode, S_IFDIR | 0555}, view);
}

}  // namespace litebox::rootfs
