#include "rootfs/container_tree.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/stat.h>

#include <algorithm>

#include "rootfs/host_node.h"
#include "rootfs/override_store.h"
#include "rootfs/tree_builder.h"

namespace litebox::rootfs {

std::shared_ptr<const IdMaps> maps_of(const oci::Linux& linux) {
  const auto changes = [](const std::vector<oci::IdMapping>& mappings) {
    return std::any_of(mappings.begin(), mappings.end(), [](const auto& item) { return item.container_id != item.host_id; });
  };
  if (linux.find_namespace(oci::NamespaceType::user) == nullptr) return nullptr;
  if (!changes(linux.uid_mappings) && !changes(linux.gid_mappings)) return nullptr;
  return std::make_shared<const IdMaps>(IdMaps{IdMap(linux.uid_mappings, {}), IdMap(linux.gid_mappings, {})});
}

bool is_detached(const Node& root) {
  const auto* host = dynamic_cast<const HostNode*>(&root);
  return host != nullptr && host->file_system()->private_mount();
}

TreeBuilder::TreeBuilder(const oci::Config& config, const TreeOptions& options)
    : config_(config),
      options_(options),
      subject_(runtime_subject(0)),
      devices_(std::make_shared<const DevicePolicy>(config.linux, options.ownership == Ownership::native)) {}

std::string TreeBuilder::absolute(const std::string& path) const {
  return path.starts_with('/') ? path : options_.bundle + "/" + path;
}

Status TreeBuilder::make_root() {
  const std::string path = absolute(config_.root.path);
  auto opened = bind_source(path, true, options_.may_mount);
  if (!opened.ok()) return std::move(opened).error().within("root.path: " + path);
  HostMountInfo info = host_mount_info(Fd(::open(path.c_str(), O_PATH | O_CLOEXEC)).get());
  auto node = maker_->root_node(std::move(*opened));
  if (!node.ok()) return std::move(node).error().within("root.path: " + path);
  if (!(*node)->is_directory()) return Error(ENOTDIR, "root.path: " + path);
  auto mount = std::make_shared<Mount>();
  mount->type = info.type;
  mount->source = info.source;
  mount->root_path = info.root;
  mount->options = info.options;
  tree_ = std::make_shared<Tree>(Location{mount, std::move(*node)});
  tree_->set_registry(registry_);
  tree_->set_maker(maker_);
  if (config_.root.readonly) {
    oci::Mount read_only;
    read_only.options = {"ro"};
    unfinished_.push_back({mount, parse_mount_options(read_only)});
  }
  return {};
}

Result<Resolved> TreeBuilder::resolve(const std::string& path, bool want_parent, bool follow) const {
  ResolveOptions options;
  options.want_parent = want_parent;
  options.follow_final = follow;
  const Location root = tree_->root();
  return tree_->resolve(subject_, root, root, path, options);
}

Result<Resolved> TreeBuilder::entry_of(const Location& directory, const std::string& name) const {
  ResolveOptions options;
  options.want_parent = true;
  options.follow_final = false;
  return tree_->resolve(subject_, tree_->root(), directory, name, options);
}

Result<Location> TreeBuilder::make_place(const std::string& path, bool directory) {
  size_t end = 0;
  while (true) {
    const size_t start = path.find_first_not_of('/', end);
    if (start == std::string::npos) return tree_->root();
    end = std::min(path.find('/', start), path.size());
    const bool last = path.find_first_not_of('/', end) == std::string::npos;
    const std::string part = "/" + path.substr(0, end);
    LITEBOX_ASSIGN(Resolved place, resolve(part, true));
    if (!place.target.node) {
      if (!last || directory) {
        LITEBOX_TRY(place.parent.node->make_directory(subject_, place.name, 0755));
      } else {
        LITEBOX_ASSIGN(const NodePtr made, place.parent.node->create(subject_, place.name, 0755));
      }
      LITEBOX_ASSIGN(place, resolve(part));
    }
    if (!last) continue;
    if (place.target.node->is_directory() != directory) return Error(directory ? ENOTDIR : EISDIR);
    return place.target;
  }
}

Status TreeBuilder::make_symlink(const Location& directory, const std::string& name, const std::string& target) {
  LITEBOX_ASSIGN(const Resolved place, entry_of(directory, name));
  if (place.target.node) return {};
  return place.parent.node->make_symlink(subject_, place.name, target);
}

void TreeBuilder::finish_mounts() {
  for (const Unfinished& item : unfinished_) {
    tree_->remount(item.mount, item.options.flags);
    item.mount->locked = item.options.flags;
    if (is_detached(*item.mount->root)) set_attributes(item.mount->root->host_fd(), item.options, true);
  }
}

Result<std::shared_ptr<Tree>> TreeBuilder::build() {
  LITEBOX_ASSIGN(registry_, DescriptorRegistry::make(options_.scratch));
  maker_ = std::make_shared<const FileSystemMaker>(options_, devices_, registry_);
  LITEBOX_TRY(make_root());
  LITEBOX_TRY(add_mounts());
  if (needs_devices()) LITEBOX_TRY(add_devices());
  LITEBOX_TRY(add_readonly_paths());
  LITEBOX_TRY(add_masked_paths());
  // As runc does, whether or not the root will be for reading only; what cannot be made is missing when it is to be entered.
  if (config_.process) (void)make_place(config_.process->cwd, true);
  finish_mounts();
  return tree_;
}

Result<std::shared_ptr<Tree>> build_tree(const oci::Config& config, const TreeOptions& options) {
  return TreeBuilder(config, options).build();
}

}  // namespace litebox::rootfs
