// /sys/fs/cgroup: the container's own control groups, which are the roots of what it sees; for reading only.
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <string_view>

#include "rootfs/filesystems.h"
#include "rootfs/pass_through.h"
#include "rootfs/proc/host_process.h"
#include "rootfs/proc/text.h"
#include "rootfs/proc/visible_ids.h"

namespace litebox::rootfs {
namespace {

constexpr uint64_t kRootInode = 1;

// Files that list processes or threads.
constexpr const char* kIdLists[] = {"cgroup.procs", "cgroup.threads", "tasks"};

// Directories are left out: what litebox made below the container's group is not the container's to see.
bool is_shown(const std::string& path) {
  if (path.find('/') != std::string::npos) return false;
  return path != "release_agent" && path != "cgroup.event_control" && path != "memory.kmem.slabinfo";
}

Result<std::string> visible_members(const ContainerView& view, const HostSource& source, const std::string& name) {
  LITEBOX_ASSIGN(const Fd file, source.open(name, O_RDONLY));
  LITEBOX_ASSIGN(const std::string host, proc::read_all(file.get()));
  std::vector<pid_t> ids;
  proc::for_each_line(host, [&](std::string_view line) {
    const pid_t inside = proc::visible_process(view, line);
    if (inside != 0) ids.push_back(inside);
  });
  std::sort(ids.begin(), ids.end());
  std::string text;
  for (const pid_t id : ids) text += std::to_string(id) + '\n';
  return text;
}

class FilesOnly final : public PassThroughDirectory {
 public:
  FilesOnly(SyntheticAttributes attributes, const ContainerView& view, const HostSourcePtr& source, std::string directory)
      : PassThroughDirectory(std::move(attributes), source, ""), directory_(std::move(directory)) {
    for (const char* name : kIdLists) {
      if (!source->shows(name)) continue;
      add_file(name, 0444, [&view, source, name](const Subject& /*subject*/) { return visible_members(view, *source, name); });
    }
  }

  NodePtr find_handed_out(int /*fd*/, const std::string& host_path) override {
    if (host_path.rfind(directory_ + '/', 0) != 0) return nullptr;
    return descend(shared_from_this(), host_path.substr(directory_.size() + 1));
  }

 private:
  std::string directory_;
};

NodePtr make_group(SyntheticAttributes attributes, const ContainerView& view, const std::string& host_directory) {
  const auto source = std::make_shared<const HostSource>(host_directory, [host_directory](const std::string& path) {
    struct stat status;
    return is_shown(path) && ::lstat((host_directory + '/' + path).c_str(), &status) == 0 && S_ISREG(status.st_mode);
  });
  return std::make_shared<FilesOnly>(std::move(attributes), view, source, host_directory);
}

// A hierarchy's directory is named after its controllers, or its name without "name=" (cgroups(7)).
std::string hierarchy_name(const std::string& controllers) {
  constexpr std::string_view kNamed = "name=";
  if (controllers.empty()) return "unified";
  return std::string_view(controllers).substr(0, kNamed.size()) == kNamed ? controllers.substr(kNamed.size()) : controllers;
}

// "cpu" and "cpuacct" lead to "cpu,cpuacct".
void add_controller_links(SyntheticDirectory& root, const std::string& name) {
  if (name.find(',') == std::string::npos) return;
  for (size_t start = 0; start < name.size();) {
    const size_t end = std::min(name.find(',', start), name.size());
    root.add_symlink(name.substr(start, end - start),
                     [name](const Subject& /*subject*/) -> Result<std::string> { return name; });
    start = end + 1;
  }
}

// Knows its groups by the host's directories.
class Hierarchies final : public SyntheticDirectory {
 public:
  Hierarchies(SyntheticAttributes attributes, const ContainerView& view, const std::map<std::string, std::string>& groups)
      : SyntheticDirectory(std::move(attributes)), groups_(groups) {
    for (const auto& [controllers, host_directory] : groups) {
      const std::string name = hierarchy_name(controllers);
      add(name, S_IFDIR | 0555, [&view, directory = host_directory](SyntheticAttributes of_group) {
        return make_group(std::move(of_group), view, directory);
      });
      add_controller_links(*this, name);
    }
  }

  NodePtr find_handed_out(int /*fd*/, const std::string& host_path) override {
    for (const auto& [controllers, host_directory] : groups_) {
      if (host_path.rfind(host_directory + '/', 0) != 0) continue;
      return descend(shared_from_this(), hierarchy_name(controllers) + host_path.substr(host_directory.size()));
    }
    return nullptr;
  }

 private:
  const std::map<std::string, std::string> groups_;
};

}  // namespace

NodePtr make_cgroup(const ContainerView& view, const std::shared_ptr<DescriptorRegistry>& registry) {
  const auto groups = view.control_groups();
  const bool only_unified = groups.size() == 1 && groups.begin()->first.empty();
  const long magic = only_unified ? CGROUP2_SUPER_MAGIC : TMPFS_MAGIC;
  auto file_system = std::make_shared<SyntheticFileSystem>(only_unified ? "cgroup2" : "cgroup", magic, registry);
  SyntheticAttributes of_root{std::move(file_system), nullptr, kRootInode, S_IFDIR | 0755};
  if (only_unified) return make_group(std::move(of_root), view, groups.begin()->second);
  return std::make_shared<Hierarchies>(std::move(of_root), view, groups);
}

}  // namespace litebox::rootfs
