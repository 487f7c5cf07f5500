// linux.maskedPaths and linux.readonlyPaths (runtime-spec, config-linux.md): mounts over what is there; what is missing is
// nothing to protect.
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "rootfs/tree_builder.h"

namespace litebox::rootfs {
namespace {

// What covers a file: a null device, as other runtimes do it.
class NullDevice final : public SyntheticNode {
 public:
  using SyntheticNode::SyntheticNode;

  Result<Fd> open(const Subject& subject, int flags) override {
    if ((flags & O_DIRECTORY) != 0) return Error(ENOTDIR);
    LITEBOX_TRY(check_open(subject, flags));
    Fd device(::open("/dev/null", (flags & (O_ACCMODE | O_PATH | O_APPEND | O_NONBLOCK)) | O_CLOEXEC));
    if (!device) return last_error();
    return device;
  }

 protected:
  dev_t represented_device() const override { return gnu_dev_makedev(1, 3); }
};

bool is_missing(const Error& error) { return error.number() == ENOENT || error.number() == ENOTDIR; }

}  // namespace

Status TreeBuilder::add_readonly_paths() {
  for (size_t i = 0; i < config_.linux.readonly_paths.size(); ++i) {
    const std::string& path = config_.linux.readonly_paths[i];
    const auto field = [&](Error error) {
      return std::move(error).within("linux.readonlyPaths[" + std::to_string(i) + "] (" + path + ")");
    };
    auto place = resolve(path);
    if (!place.ok()) {
      if (is_missing(place.error())) continue;
      return field(std::move(place).error());
    }
    const Mount& under = *place->target.mount;
    MountOptions options;
    options.flags = under.flags;
    options.flags.read_only = true;
    auto mounted =
        tree_->mount(place->target, place->target.node, options.flags, under.type, under.source, path, under.options);
    if (!mounted.ok()) return field(std::move(mounted).error());
    (*mounted)->locked = options.flags;
  }
  return {};
}

Status TreeBuilder::add_masked_paths() {
  const auto empty = std::make_shared<SyntheticFileSystem>("tmpfs", TMPFS_MAGIC, registry_);
  MountFlags read_only;
  read_only.read_only = true;
  for (size_t i = 0; i < config_.linux.masked_paths.size(); ++i) {
    const std::string& path = config_.linux.masked_paths[i];
    const auto field = [&](Error error) {
      return std::move(error).within("linux.maskedPaths[" + std::to_string(i) + "] (" + path + ")");
    };
    auto place = resolve(path);
    if (!place.ok()) {
      if (is_missing(place.error())) continue;
      return field(std::move(place).error());
    }
    NodePtr cover;
    if (place->target.node->is_directory()) {
      cover = std::make_shared<SyntheticDirectory>(SyntheticAttributes{empty, nullptr, i + 1, S_IFDIR | 0755, 0, 0, ""});
    } else {
      cover = std::make_shared<NullDevice>(SyntheticAttributes{empty, nullptr, i + 1, S_IFCHR | 0666, 0, 0, ""});
    }
    auto mounted = tree_->mount(place->target, cover, read_only, "tmpfs", "tmpfs", "/", "ro");
    if (!mounted.ok()) return field(std::move(mounted).error());
    (*mounted)->locked = read_only;
  }
  return {};
}

}  // namespace litebox::rootfs
