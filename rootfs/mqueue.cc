// The file system "mqueue": every queue is a file of its name, which tells how full it is (mq_overview(7)).
#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "rootfs/message_queues.h"
#include "rootfs/synthetic.h"

namespace litebox::rootfs {
namespace {

constexpr long kMqueueMagic = 0x19800202;
constexpr uint64_t kFileSize = 80;  // FILENT_SIZE

MessageQueues& queues() { return MessageQueues::of_this_container(); }

// The caller's RLIMIT_MSGQUEUE.
uint64_t room_of(const Subject& subject) {
  struct rlimit64 limit {};
  return ::prlimit64(subject.thread_group.value(), RLIMIT_MSGQUEUE, nullptr, &limit) == 0 ? limit.rlim_cur : 0;
}

class QueueNode final : public SyntheticNode {
 public:
  QueueNode(SyntheticAttributes attributes, MessageQueuePtr queue)
      : SyntheticNode(std::move(attributes)), queue_(std::move(queue)) {}

  Result<struct statx> status(const Subject& subject) override {
    LITEBOX_ASSIGN(struct statx status, SyntheticNode::status(subject));
    struct stat of_queue {};
    if (::fstat(queue_->descriptor.get(), &of_queue) != 0) return last_error();
    const auto take = [](statx_timestamp& to, const timespec& from) {
      to.tv_sec = from.tv_sec;
      to.tv_nsec = static_cast<uint32_t>(from.tv_nsec);
    };
    take(status.stx_atime, of_queue.st_atim);
    take(status.stx_mtime, of_queue.st_mtim);
    take(status.stx_ctime, of_queue.st_ctim);
    return status;
  }

  Result<Fd> open(const Subject& subject, int flags) override {
    if ((flags & O_DIRECTORY) != 0) return Error(ENOTDIR);
    LITEBOX_TRY(check_open(subject, flags));
    return MessageQueues::reopen(subject, *queue_, flags);
  }
  Status truncate(const Subject& subject, int64_t /*length*/) override { return check_access(subject, W_OK); }

  Status change_mode(const Subject& subject, mode_t mode) override {
    const std::scoped_lock lock(queue_->mutex);
    LITEBOX_ASSIGN(queue_->owner, after_chmod(*subject.identity, queue_->owner, mode));
    (void)::fchmod(queue_->descriptor.get(), queue_->owner.mode & 07777U);
    return {};
  }
  Status change_owner(const Subject& subject, uid_t uid, gid_t gid) override {
    const std::scoped_lock lock(queue_->mutex);
    LITEBOX_ASSIGN(queue_->owner, after_chown(*subject.identity, queue_->owner, uid, gid));
    (void)::fchown(queue_->descriptor.get(), queue_->owner.uid, queue_->owner.gid);
    return {};
  }

 protected:
  FileOwnership ownership(const Subject& /*subject*/) const override {
    const std::scoped_lock lock(queue_->mutex);
    return queue_->owner;
  }
  uint64_t size(const Subject& /*subject*/) const override { return kFileSize; }

 private:
  MessageQueuePtr queue_;
};

class MqueueRoot final : public SyntheticDirectory {
 public:
  using SyntheticDirectory::SyntheticDirectory;

  Result<NodePtr> create(const Subject& subject, const std::string& name, mode_t mode) override {
    LITEBOX_ASSIGN(const Fd made,
                   queues().open(subject, name, O_CREAT | O_EXCL | O_RDWR, mode, std::nullopt, room_of(subject)));
    return find_dynamic(subject, name);
  }
  Result<Fd> create_open(const Subject& subject, const std::string& name, int flags, mode_t mode) override {
    return queues().open(subject, name, flags | O_CREAT | O_EXCL, mode, std::nullopt, room_of(subject));
  }
  Status unlink(const Subject& subject, const std::string& name) override { return queues().unlink(subject, name); }

  NodePtr find_handed_out(int fd, const std::string& /*host_path*/) override {
    struct stat status {};
    if (::fstat(fd, &status) != 0) return nullptr;
    const MessageQueuePtr queue = queues().find(NodeKey{status.st_dev, status.st_ino});
    return queue == nullptr ? nullptr : node_of(queue);
  }

 protected:
  Result<NodePtr> find_dynamic(const Subject& /*subject*/, const std::string& name) override {
    const MessageQueuePtr queue = queues().find(name);
    return queue == nullptr ? NodePtr() : node_of(queue);
  }
  Result<std::vector<DirectoryEntry>> list_dynamic(const Subject& /*subject*/) override {
    std::vector<DirectoryEntry> entries;
    int64_t next = kFirstDynamicOffset;
    for (std::string& name : queues().names()) entries.push_back({0, next++, DT_REG, std::move(name)});
    return entries;
  }

 private:
  NodePtr node_of(const MessageQueuePtr& queue) {
    return std::make_shared<QueueNode>(child_attributes(queue->name, S_IFREG | 0600), queue);
  }
};

}  // namespace

NodePtr make_mqueue(const std::shared_ptr<DescriptorRegistry>& registry) {
  auto file_system = std::make_shared<SyntheticFileSystem>("mqueue", kMqueueMagic, registry);
  return std::make_shared<MqueueRoot>(SyntheticAttributes{std::move(file_system), nullptr, 1, S_IFDIR | S_ISVTX | 0777});
}

}  // namespace litebox::rootfs
