#include "rootfs/message_queues.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>

namespace litebox::rootfs {
namespace {

// include/linux/ipc_namespace.h: HARD_MSGMAX, HARD_MSGSIZEMAX; fs/mqueue.c: what a queue of n messages costs besides them.
constexpr long kMostMessages = 65536;
constexpr long kMostBytes = 16L * 1024 * 1024;
constexpr uint64_t kMessageHeader = 48;  // struct msg_msg
constexpr uint64_t kPriorityNode = 48;   // struct posix_msg_tree_node
constexpr uint64_t kMostPriorities = 32768;

constexpr mode_t kDirectoryMode = S_IFDIR | S_ISVTX | 0777;

uint64_t cost_of(const mq_attr& attributes) {
  const auto messages = static_cast<uint64_t>(attributes.mq_maxmsg);
  return messages * kMessageHeader + std::min(messages, kMostPriorities) * kPriorityNode +
         messages * static_cast<uint64_t>(attributes.mq_msgsize);
}

// A queue that has no name any more.
Result<Fd> nameless_queue(mq_attr attributes) {
  uint64_t random[2] = {};
  if (::getrandom(random, sizeof random, 0) != sizeof random) return last_error();
  char name[48];
  (void)std::snprintf(name, sizeof name, "/litebox-%016lx%016lx", random[0], random[1]);
  Fd queue(::mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &attributes));
  if (!queue) return last_error();
  if (::mq_unlink(name) != 0) return last_error();
  return queue;
}

int mask_of(int flags) {
  switch (flags & O_ACCMODE) {
    case O_RDONLY:
      return R_OK;
    case O_WRONLY:
      return W_OK;
    default:
      return R_OK | W_OK;
  }
}

// lookup_noperm_common(): one component of a path, and not a special one.
Status check_name(const std::string& name) {
  if (name.empty()) return Error(ENOENT);
  if (name == "." || name == ".." || name.find('/') != std::string::npos) return Error(EACCES);
  constexpr size_t kNameMax = 255;
  return name.size() > kNameMax ? Status(Error(ENAMETOOLONG)) : Status();
}

}  // namespace

Result<MessageQueueLimits> read_message_queue_limits(const std::map<std::string, std::string>& settings) {
  MessageQueueLimits limits;
  const struct {
    const char* path;
    long least;
    long most;
    long* place;
  } known[] = {
      {"fs/mqueue/queues_max", 0, INT32_MAX, &limits.queues},
      {"fs/mqueue/msg_max", 1, kMostMessages, &limits.messages},
      {"fs/mqueue/msgsize_max", 128, kMostBytes, &limits.message_bytes},
      {"fs/mqueue/msg_default", 1, kMostMessages, &limits.default_messages},
      {"fs/mqueue/msgsize_default", 128, kMostBytes, &limits.default_bytes},
  };
  for (const auto& setting : known) {
    const auto found = settings.find(setting.path);
    if (found == settings.end()) continue;
    const std::string& text = found->second;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *setting.place);
    if (error != std::errc() || end != text.data() + text.size() || *setting.place < setting.least ||
        *setting.place > setting.most) {
      return Error(EINVAL, found->first + "=" + text);
    }
  }
  return limits;
}

MessageQueues& MessageQueues::of_this_container() {
  static auto* queues = new MessageQueues;  // never destroyed: threads use it until the process ends
  return *queues;
}

uint64_t MessageQueues::bytes_of(uid_t owner) const {
  uint64_t bytes = 0;
  for (const auto& [name, queue] : queues_) {
    mq_attr attributes{};
    const std::scoped_lock lock(queue->mutex);
    if (queue->owner.uid == owner && ::mq_getattr(queue->descriptor.get(), &attributes) == 0) bytes += cost_of(attributes);
  }
  return bytes;
}

// mqueue_create_attr(), mqueue_get_inode()
Result<MessageQueuePtr> MessageQueues::make(const Subject& subject, const std::string& name, mode_t mode,
                                            const std::optional<mq_attr>& attributes, uint64_t room) const {
  const bool privileged = subject.identity->has(CAP_SYS_RESOURCE);
  if (static_cast<long>(queues_.size()) >= limits_.queues && !privileged) return Error(ENOSPC);
  mq_attr wanted{};
  wanted.mq_maxmsg = std::min(limits_.messages, limits_.default_messages);
  wanted.mq_msgsize = std::min(limits_.message_bytes, limits_.default_bytes);
  if (attributes) {
    wanted.mq_maxmsg = attributes->mq_maxmsg;
    wanted.mq_msgsize = attributes->mq_msgsize;
    if (wanted.mq_maxmsg <= 0 || wanted.mq_msgsize <= 0) return Error(EINVAL);
    if (wanted.mq_maxmsg > (privileged ? kMostMessages : limits_.messages) ||
        wanted.mq_msgsize > (privileged ? kMostBytes : limits_.message_bytes)) {
      return Error(EINVAL);
    }
  }
  if (bytes_of(subject.identity->uid) + cost_of(wanted) > room) return Error(EMFILE);
  auto queue = std::make_shared<MessageQueue>();
  queue->name = name;
  LITEBOX_ASSIGN(queue->descriptor, nameless_queue(wanted));
  struct stat status {};
  if (::fstat(queue->descriptor.get(), &status) != 0) return last_error();
  queue->key = {status.st_dev, status.st_ino};
  queue->owner = of_new_file(*subject.identity, {0, 0, kDirectoryMode}, nullptr, S_IFREG | (mode & 07777U), subject.umask);
  // Where the ids inside are the host's, fstat(2) on the descriptor agrees.
  (void)::fchown(queue->descriptor.get(), queue->owner.uid, queue->owner.gid);
  (void)::fchmod(queue->descriptor.get(), queue->owner.mode & 07777U);
  return queue;
}

Result<Fd> MessageQueues::open(const Subject& subject, const std::string& name, int flags, mode_t mode,
                               const std::optional<mq_attr>& attributes, uint64_t room) {
  LITEBOX_TRY(check_name(name));
  const std::scoped_lock lock(mutex_);
  const auto found = queues_.find(name);
  if (found != queues_.end()) {
    if ((flags & O_CREAT) != 0 && (flags & O_EXCL) != 0) return Error(EEXIST);
    if ((flags & O_ACCMODE) == (O_WRONLY | O_RDWR)) return Error(EINVAL);
    return reopen(subject, *found->second, flags);
  }
  if ((flags & O_CREAT) == 0) return Error(ENOENT);
  LITEBOX_ASSIGN(const MessageQueuePtr queue, make(subject, name, mode, attributes, room));
  queues_[name] = queue;
  // Who makes a queue may use it, whatever its mode.
  Subject maker = subject;
  maker.identity = std::make_shared<const Identity>(Identity{0, 0, {}, ~0ULL});
  return reopen(maker, *queue, flags);
}

Status MessageQueues::unlink(const Subject& subject, const std::string& name) {
  LITEBOX_TRY(check_name(name));
  const std::scoped_lock lock(mutex_);
  const auto found = queues_.find(name);
  if (found == queues_.end()) return Error(ENOENT);
  FileOwnership owner;
  {
    const std::scoped_lock queue_lock(found->second->mutex);
    owner = found->second->owner;
  }
  LITEBOX_TRY(may_delete(*subject.identity, {0, 0, kDirectoryMode}, owner));
  queues_.erase(found);
  return {};
}

MessageQueuePtr MessageQueues::find(const std::string& name) const {
  const std::scoped_lock lock(mutex_);
  const auto found = queues_.find(name);
  return found == queues_.end() ? nullptr : found->second;
}

MessageQueuePtr MessageQueues::find(const NodeKey& key) const {
  const std::scoped_lock lock(mutex_);
  for (const auto& [name, queue] : queues_) {
    if (queue->key == key) return queue;
  }
  return nullptr;
}

std::vector<std::string> MessageQueues::names() const {
  const std::scoped_lock lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [name, queue] : queues_) names.push_back(name);
  return names;
}

Result<Fd> MessageQueues::reopen(const Subject& subject, MessageQueue& queue, int flags) {
  {
    const std::scoped_lock lock(queue.mutex);
    LITEBOX_TRY(may_access(*subject.identity, queue.owner, mask_of(flags)));
  }
  const std::string path = "/proc/self/fd/" + std::to_string(queue.descriptor.get());
  Fd opened(::open(path.c_str(), (flags & (O_ACCMODE | O_NONBLOCK | O_PATH)) | O_CLOEXEC));
  // For whom the mode that the queue has inside shuts out the monitor's own user: the mode is the container's affair.
  if (!opened && errno == EACCES) {
    const std::scoped_lock lock(queue.mutex);
    (void)::fchmod(queue.descriptor.get(), 0600);
    opened.reset(::open(path.c_str(), (flags & (O_ACCMODE | O_NONBLOCK | O_PATH)) | O_CLOEXEC));
    const int error = errno;
    (void)::fchmod(queue.descriptor.get(), queue.owner.mode & 07777U);
    if (!opened) return Error(error);
  }
  if (!opened) return last_error();
  return opened;
}

}  // namespace litebox::rootfs
