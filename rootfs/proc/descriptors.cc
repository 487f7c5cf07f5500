#include "rootfs/proc/descriptors.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <string_view>

#include "rootfs/proc/host_paths.h"
#include "rootfs/proc/process_text.h"
#include "rootfs/proc/text.h"
#include "rootfs/tree.h"

namespace litebox::rootfs::proc {
namespace {

// "123", and nothing else that from_chars would take.
std::optional<int> descriptor_number(const std::string& name) {
  const auto number = parse_number<int>(name);
  if (!number || *number < 0 || std::to_string(*number) != name) return std::nullopt;
  return number;
}

Result<Location> locate_descriptor(const ProcessContext& context, const std::string& name) {
  LITEBOX_ASSIGN(const Fd file, context.view->file_of(context.process(), *descriptor_number(name)));
  return context.view->tree().locate(file.get());
}

// The name of a file that lies in no mount of the tree: of one that came from outside no more than its last component is
// shown, but for a device, which is nobody's (/dev/null); what only looks like a path, a memfd, has a name of its own.
std::string name_outside(const std::string& host_path, mode_t type) {
  if (is_anonymous_name(host_path) || (S_ISCHR(type) && host_path.rfind("/dev/", 0) == 0)) return host_path;
  return "(unreachable)" + host_path.substr(host_path.rfind('/'));
}

// fs/proc/fd.c, proc_fd_link.
class DescriptorLink final : public MagicLink {
 public:
  DescriptorLink(const ProcessContext& context, SyntheticAttributes attributes, std::string name)
      : MagicLink(context, std::move(attributes)), name_(std::move(name)) {}

 protected:
  Result<std::string> text(const Subject& subject) override {
    auto host = context().host->read_link("fd/" + name_);
    if (!host || host->empty() || host->front() != '/') return host;
    LITEBOX_ASSIGN(const Location location, locate_descriptor(context(), name_));
    if (location.mount->id == 0) return name_outside(*host, location.node->type());
    return visible_path(*context().view, subject, location);
  }

  Result<Location> target(const Subject& /*subject*/) override { return locate_descriptor(context(), name_); }

  uint64_t size(const Subject& /*subject*/) const override { return 64; }

 private:
  std::string name_;
};

class DescriptorDirectory : public OfProcess<SyntheticDirectory> {
 public:
  DescriptorDirectory(const ProcessContext& context, SyntheticAttributes attributes, unsigned char entry_type)
      : OfProcess(context, std::move(attributes)), entry_type_(entry_type) {}

 protected:
  Result<NodePtr> find_dynamic(const Subject& subject, const std::string& name) override {
    if (!descriptor_number(name)) return NodePtr();
    const auto link = context().host->read_link("fd/" + name);
    if (!link) return link.error().number() == ESRCH ? Error(ENOENT) : link.error();
    return make_entry(subject, name);
  }

  Result<std::vector<DirectoryEntry>> list_dynamic(const Subject& /*subject*/) override {
    LITEBOX_ASSIGN(const std::vector<std::string> names, context().host->list("fd"));
    std::vector<DirectoryEntry> entries;
    for (const std::string& name : names) {
      if (const auto number = descriptor_number(name)) entries.push_back({0, kFirstDynamicOffset + *number, entry_type_, name});
    }
    std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.next < b.next; });
    return entries;
  }

  virtual Result<NodePtr> make_entry(const Subject& subject, const std::string& name) = 0;

 private:
  unsigned char entry_type_;
};

class FdDirectory final : public DescriptorDirectory {
 public:
  FdDirectory(const ProcessContext& context, SyntheticAttributes attributes)
      : DescriptorDirectory(context, std::move(attributes), DT_LNK) {}

  // One's own is open to every thread whatever ids it has taken (fs/proc/fd.c, proc_fd_permission).
  Status check_access(const Subject& subject, int mask) override {
    if (subject.thread_group == context().process() && (mask & W_OK) == 0) return {};
    return DescriptorDirectory::check_access(subject, mask);
  }

 protected:
  Result<NodePtr> make_entry(const Subject& /*subject*/, const std::string& name) override {
    struct stat host;
    mode_t mode = S_IFLNK | 0700;
    // The link's mode says how the file is open.
    const auto directory = context().host->open_file("fd", O_PATH | O_DIRECTORY);
    if (directory && ::fstatat(directory->get(), name.c_str(), &host, AT_SYMLINK_NOFOLLOW) == 0) mode = host.st_mode;
    return NodePtr(std::make_shared<DescriptorLink>(context(), child_attributes(name, mode), name));
  }
};

class FdinfoDirectory final : public DescriptorDirectory {
 public:
  FdinfoDirectory(const ProcessContext& context, SyntheticAttributes attributes)
      : DescriptorDirectory(context, std::move(attributes), DT_REG) {}

  // fs/proc/fd.c, proc_fdinfo_permission.
  Status check_access(const Subject& subject, int mask) override {
    if (!context().may_inspect(subject)) return Error(EACCES);
    return DescriptorDirectory::check_access(subject, mask);
  }

 protected:
  Result<NodePtr> make_entry(const Subject& /*subject*/, const std::string& name) override {
    auto content = [context = context(), name](const Subject& subject) -> Result<std::string> {
      if (!context.may_inspect(subject)) return Error(EACCES);
      LITEBOX_ASSIGN(const std::string host, context.host->read("fdinfo/" + name));
      int mount = 0;
      const auto link = context.host->read_link("fd/" + name);
      if (link && !link->empty() && link->front() == '/' && !is_anonymous_name(*link)) {
        const auto location = locate_descriptor(context, name);
        if (location && location->mount) mount = location->mount->id;
      }
      return translate_fdinfo(*context.view, host, mount);
    };
    return NodePtr(
        std::make_shared<OfProcess<SyntheticFile>>(context(), child_attributes(name, S_IFREG | 0444), std::move(content)));
  }
};

}  // namespace

NodePtr make_fd_directory(const ProcessContext& context, SyntheticAttributes attributes) {
  return std::make_shared<FdDirectory>(context, std::move(attributes));
}

NodePtr make_fdinfo_directory(const ProcessContext& context, SyntheticAttributes attributes) {
  return std::make_shared<FdinfoDirectory>(context, std::move(attributes));
}

}  // namespace litebox::rootfs::proc
