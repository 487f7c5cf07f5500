// The base of the file systems that exist only in litebox: /proc, /sys, /dev/pts.
//
// A node holds the directory above it, never the other way round: a directory knows its children by name and makes a node at
// each lookup. A child's inode number follows from its parent's and its name, so that it is the same at every lookup.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "rootfs/access.h"
#include "rootfs/descriptor_registry.h"
#include "rootfs/node.h"

namespace litebox::rootfs {

// What the nodes of one synthetic file system share.
class SyntheticFileSystem {
 public:
  // `magic`: statfs's f_type (linux/magic.h). Takes a device number of its own, above those the kernel gives.
  SyntheticFileSystem(std::string name, long magic, std::shared_ptr<DescriptorRegistry> registry);

  const std::string& name() const { return name_; }
  long magic() const { return magic_; }
  uint64_t device() const { return device_; }
  DescriptorRegistry& registry() const { return *registry_; }

 private:
  std::string name_;
  long magic_;
  uint64_t device_;
  std::shared_ptr<DescriptorRegistry> registry_;
};

using SyntheticFileSystemPtr = std::shared_ptr<SyntheticFileSystem>;

class SyntheticDirectory;

// What every synthetic node is made of.
struct SyntheticAttributes {
  SyntheticFileSystemPtr file_system;
  std::shared_ptr<Node> parent;  // null for the root
  uint64_t inode = 1;
  mode_t mode = 0;  // with S_IFMT
  uid_t uid = 0;
  gid_t gid = 0;
  std::string name;  // in the parent; empty for the root
};

class SyntheticNode : public Node {
 public:
  explicit SyntheticNode(SyntheticAttributes attributes);

  NodeKey key() const override { return {attributes_.file_system->device(), attributes_.inode}; }
  mode_t type() const override { return attributes_.mode & S_IFMT; }
  Result<struct statx> status(const Subject& subject) override;
  Result<struct statfs> file_system_status() override;
  Status check_access(const Subject& subject, int mask) override;
  Result<NodePtr> parent(const Subject& subject) override;
  Result<std::string> path_in_file_system() override;

  const SyntheticAttributes& attributes() const { return attributes_; }

 protected:
  // Owner and mode at this moment; the attributes unless overridden (/proc/<pid> belongs to the process's user).
  virtual FileOwnership ownership(const Subject& subject) const;
  // What status() shows besides ids, mode and numbers.
  virtual uint64_t size(const Subject& subject) const;
  virtual uint32_t link_count(const Subject& subject) const;
  virtual dev_t represented_device() const { return 0; }

  // Permission for open(2) with `flags`: EACCES, EISDIR (fs/namei.c, may_open).
  Status check_open(const Subject& subject, int flags);

 private:
  SyntheticAttributes attributes_;
  struct timespec made_ {};  // shown as every time stamp
};

// A file whose content is made when it is opened: the guest reads that snapshot (a sealed memfd). Writing answers EPERM;
// what can be written overrides open().
class SyntheticFile : public SyntheticNode {
 public:
  using Content = std::function<Result<std::string>(const Subject&)>;
  SyntheticFile(SyntheticAttributes attributes, Content content);

  Result<Fd> open(const Subject& subject, int flags) override;
  Status truncate(const Subject& subject, int64_t length) override;

 private:
  Content content_;
};

class SyntheticSymlink : public SyntheticNode {
 public:
  using Target = std::function<Result<std::string>(const Subject&)>;
  SyntheticSymlink(SyntheticAttributes attributes, Target target);

  Result<std::string> read_link(const Subject& subject) override;
  Result<Fd> open(const Subject& subject, int flags) override;  // O_PATH; ELOOP otherwise

 private:
  Target target_;
};

// A directory of fixed children (add_*) and of children that come and go (find_dynamic, list_dynamic).
class SyntheticDirectory : public SyntheticNode {
 public:
  using Maker = std::function<NodePtr(SyntheticAttributes)>;
  explicit SyntheticDirectory(SyntheticAttributes attributes);

  // `make` gets attributes that are complete: numbers, parent, type and `mode`, this directory's owner. Before the
  // directory is first looked into only; a name is added once.
  void add(const std::string& name, mode_t mode_with_type, Maker make);
  void add_file(const std::string& name, mode_t permissions, SyntheticFile::Content content);
  void add_symlink(const std::string& name, SyntheticSymlink::Target target);
  // A child of class SyntheticDirectory; `fill` adds its own children.
  void add_directory(const std::string& name, mode_t permissions, std::function<void(SyntheticDirectory&)> fill);

  Result<NodePtr> lookup(const Subject& subject, const std::string& name) override;
  Result<std::vector<DirectoryEntry>> read_directory(const Subject& subject, int64_t offset, size_t budget) override;
  Result<Fd> open(const Subject& subject, int flags) override;

  // Attributes for a child that is not fixed.
  SyntheticAttributes child_attributes(const std::string& name, mode_t mode_with_type);

 protected:
  // A child that is not fixed; null when there is none of that name.
  virtual Result<NodePtr> find_dynamic(const Subject& subject, const std::string& name);
  // The children that are not fixed, in order of `next`, each `next` unique and at least kFirstDynamicOffset; `inode` may be
  // left 0 (it follows from the name).
  virtual Result<std::vector<DirectoryEntry>> list_dynamic(const Subject& subject);

  static constexpr int64_t kFirstDynamicOffset = 1 << 16;

  uint32_t link_count(const Subject& subject) const override;
  bool has_fixed(const std::string& name) const { return by_name_.count(name) != 0; }

 private:
  struct Child {
    std::string name;
    mode_t mode;
    Maker make;
  };
  uint64_t child_inode(const std::string& name) const;

  std::vector<Child> children_;  // in order of adding, which is the order of listing
  std::map<std::string, size_t> by_name_;
};

// The space that an entry takes in getdents64(2)'s buffer.
size_t directory_entry_size(const std::string& name);

}  // namespace litebox::rootfs
