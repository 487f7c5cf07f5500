// Chosen parts of the host's /proc and /sys, shown as they are, for reading only.
//
// What is shown is what a filter lets through and what everybody may read on the host. Files are handed out as the host's own
// descriptors, so their content stays fresh; nothing can be written through them. Symlinks keep their text, which the
// container's tree resolves.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "rootfs/synthetic.h"

namespace litebox::rootfs {

// A directory of the host below which things are shown. Shared by the nodes that show it.
class HostSource {
 public:
  // Whether the file at `path`, relative to the source, is shown; asked for every step of the way down to it.
  using Filter = std::function<bool(const std::string& path)>;

  // Shows nothing when `directory` cannot be opened.
  HostSource(const std::string& directory, Filter filter);
  HostSource(Fd directory, Filter filter) : directory_(std::move(directory)), filter_(std::move(filter)) {}

  bool shows(const std::string& path) const;  // it passes the filter and exists
  Result<struct statx> status(const std::string& path) const;
  Result<std::string> read_link(const std::string& path) const;
  Result<Fd> open(const std::string& path, int flags) const;  // never follows a symlink, never leaves the source
  Result<std::vector<std::string>> list(const std::string& path) const;

 private:
  Fd directory_;
  Filter filter_;
};

using HostSourcePtr = std::shared_ptr<const HostSource>;

// A regular file of the host; `path` relative to the source.
class PassThroughFile final : public SyntheticNode {
 public:
  PassThroughFile(SyntheticAttributes attributes, HostSourcePtr source, std::string path)
      : SyntheticNode(std::move(attributes)), source_(std::move(source)), path_(std::move(path)) {}

  // EACCES for anything but reading.
  Result<Fd> open(const Subject& subject, int flags) override;
  // With the device and inode of the host's file, which fstat(2) on an opened one shows as well.
  Result<struct statx> status(const Subject& subject) override;
  Status check_access(const Subject& subject, int mask) override;

 private:
  HostSourcePtr source_;
  std::string path_;
};

// A directory of the host. Children added by add() take the place of the host's.
class PassThroughDirectory : public SyntheticDirectory {
 public:
  PassThroughDirectory(SyntheticAttributes attributes, HostSourcePtr source, std::string path)
      : SyntheticDirectory(std::move(attributes)), source_(std::move(source)), path_(std::move(path)) {}

  // Adds `path` of `source` to `directory` as `name`, if the source shows it.
  static void add_to(SyntheticDirectory& directory, const std::string& name, const HostSourcePtr& source,
                     const std::string& path);

 protected:
  Result<NodePtr> find_dynamic(const Subject& subject, const std::string& name) override;
  Result<std::vector<DirectoryEntry>> list_dynamic(const Subject& subject) override;

 private:
  static NodePtr show(SyntheticAttributes attributes, const HostSourcePtr& source, const std::string& path);
  std::string path_below(const std::string& name) const { return path_.empty() ? name : path_ + '/' + name; }

  HostSourcePtr source_;
  std::string path_;
};

// The node at `path` ("a/b/c") below `from`, whoever may look it up; null where there is none.
NodePtr descend(NodePtr from, std::string_view path);

// The root of a file system that shows parts of the host's at `host_root` ("/sys"), of the type `magic`, under the same names.
class PassThroughRoot : public SyntheticDirectory {
 public:
  PassThroughRoot(SyntheticAttributes attributes, std::string host_root, long magic)
      : SyntheticDirectory(std::move(attributes)), host_root_(std::move(host_root)), magic_(magic) {}

  NodePtr find_handed_out(int fd, const std::string& host_path) override;

 protected:
  // The path inside of what is at `host_path` below the host's root.
  virtual std::string path_inside(std::string_view host_path) const { return std::string(host_path); }

 private:
  std::string host_root_;
  long magic_;
};

}  // namespace litebox::rootfs
