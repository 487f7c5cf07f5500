#include "rootfs/proc/process_links.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "rootfs/tree.h"

namespace litebox::rootfs::proc {
namespace {

class ExecutableLink final : public MagicLink {
 public:
  using MagicLink::MagicLink;

 protected:
  Result<std::string> text(const Subject& subject) override {
    auto location = target(subject);
    if (location && location->node) {
      auto path = visible_path(*context().view, subject, *location);
      if (path) return path;
    }
    return context().view->executable_path(context().task());
  }
  Result<Location> target(const Subject& /*subject*/) override { return context().view->executable(context().task()); }
};

class WorkingDirectoryLink final : public MagicLink {
 public:
  using MagicLink::MagicLink;

 protected:
  Result<std::string> text(const Subject& subject) override {
    LITEBOX_ASSIGN(const Location location, target(subject));
    return visible_path(*context().view, subject, location);
  }
  Result<Location> target(const Subject& /*subject*/) override { return context().view->working_directory(context().task()); }
};

class RootLink final : public MagicLink {
 public:
  using MagicLink::MagicLink;

 protected:
  Result<std::string> text(const Subject& subject) override {
    LITEBOX_ASSIGN(const Location location, target(subject));
    return visible_path(*context().view, subject, location);
  }
  Result<Location> target(const Subject& /*subject*/) override { return context().view->root_directory(context().task()); }
};

// The namespace itself: it can be compared by its numbers, but not opened. A descriptor of it would be a handle of something
// outside the container, and there is nothing that a container may do with it.
class NamespaceFile final : public OfProcess<SyntheticNode> {
 public:
  NamespaceFile(const ProcessContext& context, SyntheticAttributes attributes, const struct stat& host)
      : OfProcess(context, std::move(attributes)), host_(host) {}

  NodeKey key() const override { return {host_.st_dev, host_.st_ino}; }
  Result<struct statx> status(const Subject& subject) override {
    LITEBOX_ASSIGN(const struct statx status, SyntheticNode::status(subject));
    return with_numbers_of(status, host_);
  }
  Result<Fd> open(const Subject& /*subject*/, int /*flags*/) override { return Error(EACCES); }

 private:
  struct stat host_;
};

class NamespaceLink final : public MagicLink {
 public:
  NamespaceLink(const ProcessContext& context, SyntheticAttributes attributes, std::string name)
      : MagicLink(context, std::move(attributes)), name_(std::move(name)) {}

 protected:
  Result<std::string> text(const Subject& /*subject*/) override { return context().host->read_link("ns/" + name_); }

  Result<Location> target(const Subject& /*subject*/) override {
    LITEBOX_ASSIGN(const Fd directory, context().host->open_file("ns", O_PATH | O_DIRECTORY));
    struct stat host;
    if (::fstatat(directory.get(), name_.c_str(), &host, 0) != 0) return last_error();
    SyntheticAttributes of_file = attributes();
    of_file.mode = S_IFREG | 0444;
    // It lies in no mount of the container; the root mount's flags do not matter to what cannot be opened.
    return Location{context().view->tree().root().mount, std::make_shared<NamespaceFile>(context(), of_file, host)};
  }

 private:
  std::string name_;
};

class NamespaceDirectory final : public OfProcess<SyntheticDirectory> {
 public:
  using OfProcess::OfProcess;

 protected:
  Result<NodePtr> find_dynamic(const Subject& /*subject*/, const std::string& name) override {
    if (!context().host->exists("ns/" + name).ok()) return NodePtr();
    return NodePtr(std::make_shared<NamespaceLink>(context(), child_attributes(name, S_IFLNK | 0777), name));
  }

  Result<std::vector<DirectoryEntry>> list_dynamic(const Subject& subject) override {
    if (!context().may_inspect(subject)) return Error(EACCES);
    LITEBOX_ASSIGN(const std::vector<std::string> names, context().host->list("ns"));
    std::vector<DirectoryEntry> entries;
    int64_t next = kFirstDynamicOffset;
    for (const std::string& name : names) entries.push_back({0, next++, DT_LNK, name});
    return entries;
  }
};

}  // namespace

NodePtr make_executable_link(const ProcessContext& context, SyntheticAttributes attributes) {
  return std::make_shared<ExecutableLink>(context, std::move(attributes));
}

NodePtr make_working_directory_link(const ProcessContext& context, SyntheticAttributes attributes) {
  return std::make_shared<WorkingDirectoryLink>(context, std::move(attributes));
}

NodePtr make_root_link(const ProcessContext& context, SyntheticAttributes attributes) {
  return std::make_shared<RootLink>(context, std::move(attributes));
}

NodePtr make_namespace_directory(const ProcessContext& context, SyntheticAttributes attributes) {
  return std::make_shared<NamespaceDirectory>(context, std::move(attributes));
}

}  // namespace litebox::rootfs::proc
