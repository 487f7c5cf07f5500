#include "rootfs/proc/mounts.h"

#include <string_view>

#include "rootfs/proc/text.h"

namespace litebox::rootfs::proc {
namespace {

constexpr std::string_view kUnreachable = "(unreachable)";

// What mangle() of the kernel escapes, and a path's characters for seq_path().
std::string mangle(std::string_view text) { return escape(text, " \t\n\\#"); }
std::string mangle_path(std::string_view text) { return escape(text, " \t\n\\"); }

std::string mount_options(const MountFlags& flags) {
  std::string text = flags.read_only ? "ro" : "rw";
  if (flags.no_suid) text += ",nosuid";
  if (flags.no_dev) text += ",nodev";
  if (flags.no_exec) text += ",noexec";
  text += flags.no_atime ? ",noatime" : ",relatime";
  if (flags.no_symlink_follow) text += ",nosymfollow";
  return text;
}

// Super block options without their leading "ro" or "rw", and which of the two it was.
struct SuperOptions {
  bool read_only = false;
  std::string_view rest;  // empty, or beginning with a comma
};

SuperOptions super_options(std::string_view options) {
  SuperOptions super;
  const std::string_view first = options.substr(0, options.find(','));
  if (first == "ro" || first == "rw") {
    super.read_only = first == "ro";
    options.remove_prefix(first.size());
  }
  super.rest = options;
  return super;
}

std::string with_comma(std::string_view options) {
  if (options.empty() || options.front() == ',') return std::string(options);
  return ',' + std::string(options);
}

std::string source_of(const Mount& mount) { return mount.source.empty() ? "none" : mangle(mount.source); }

void append_mounts(std::string& text, const Mount& mount, const std::string& path) {
  const SuperOptions super = super_options(mount.options);
  MountFlags flags = mount.flags;
  flags.read_only = flags.read_only || super.read_only;
  text += source_of(mount) + ' ' + mangle_path(path) + ' ' + mangle(mount.type) + ' ' + mount_options(flags) +
          with_comma(super.rest) + " 0 0\n";
}

void append_mountinfo(std::string& text, const Subject& subject, const Mount& mount, int parent, const std::string& path) {
  const SuperOptions super = super_options(mount.options);
  std::string device = "0:0";
  if (const auto status = mount.root->status(subject)) {
    device = std::to_string(status->stx_dev_major) + ':' + std::to_string(status->stx_dev_minor);
  }
  text += std::to_string(mount.id) + ' ' + std::to_string(parent) + ' ' + device + ' ' +
          mangle_path(mount.root_path.empty() ? "/" : mount.root_path) + ' ' + mangle_path(path) + ' ' +
          mount_options(mount.flags) + " - " + mangle(mount.type) + ' ' + source_of(mount) + ' ' +
          (super.read_only ? "ro" : "rw") + with_comma(super.rest) + '\n';
}

void append_mountstats(std::string& text, const Mount& mount, const std::string& path) {
  text += mount.source.empty() ? "no device" : "device " + mangle(mount.source);
  text += " mounted on " + mangle_path(path) + " with fstype " + mangle(mount.type) + '\n';
}

}  // namespace

std::string mount_table(Tree& tree, const Subject& subject, const Location& root, MountFormat format) {
  std::string text;
  for (const MountPtr& mount : tree.mounts()) {
    const auto path = tree.path_of(subject, root, Location{mount, mount->root});
    if (!path || path->substr(0, kUnreachable.size()) == kUnreachable) continue;
    // The root of everything hangs on no other: the kernel shows it as its own parent's child.
    const MountPtr above = mount->parent();
    const int parent = above ? above->id : mount->id;
    switch (format) {
      case MountFormat::mounts:
        append_mounts(text, *mount, *path);
        break;
      case MountFormat::mountinfo:
        append_mountinfo(text, subject, *mount, parent, *path);
        break;
      case MountFormat::mountstats:
        append_mountstats(text, *mount, *path);
        break;
    }
  }
  return text;
}

}  // namespace litebox::rootfs::proc
