// What System V semaphores, message queues and shared memory have in common: keys, identifiers, permissions (sysvipc(7),
// ipc/util.c). The objects are the container's own; the host's kernel knows nothing of them.
#pragma once

#include <linux/ipc.h>
#include <sys/types.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "base/ids.h"
#include "base/result.h"
#include "shim/kernel/process_state.h"

namespace litebox::kernel {

// Who makes a call on a System V object.
struct IpcCaller {
  const Credentials& credentials;
  HostPid process;
  HostPid thread;
};

// Runs something that blocks (Monitor::while_blocking).
using Blocking = std::function<void(const std::function<void()>&)>;

// struct kern_ipc_perm. `mode` has the nine permission bits only.
struct IpcPermissions {
  key_t key = IPC_PRIVATE;
  int id = 0;
  uid_t uid = 0;
  gid_t gid = 0;
  uid_t creator_uid = 0;
  gid_t creator_gid = 0;
  unsigned mode = 0;
  unsigned short sequence = 0;
};

// Those of a new object that `creator` makes with the flags of a get call.
IpcPermissions new_ipc_permissions(const Credentials& creator, key_t key, int flags);

// Whether `subject` has the access that `wanted` asks for, in permission bits of any of the three classes (ipcperms): EACCES.
Status check_ipc_access(const IpcPermissions& permissions, const Credentials& subject, unsigned wanted);
// Whether it may change or remove the object (ipcctl_obtain_check): EPERM.
Status check_ipc_owner(const IpcPermissions& permissions, const Credentials& subject);
// IPC_SET: ids and the nine bits of `wanted`.
void set_ipc_permissions(IpcPermissions& permissions, const struct ipc64_perm& wanted);
// For IPC_STAT.
struct ipc64_perm describe_ipc_permissions(const IpcPermissions& permissions);

// The objects of one kind. Not thread-safe: the owner locks. Object has a member `IpcPermissions permissions`.
template <typename Object>
class IpcTable {
 public:
  using Pointer = std::shared_ptr<Object>;

  // `limit`: how many objects there may be (msgmni and the like).
  explicit IpcTable(size_t limit) : limit_(limit) {}

  // What a get call finds or makes (ipcget). `check` refuses an object that is there, `make` makes one (or an error).
  template <typename Check, typename Make>
  Result<int> get(const Credentials& caller, key_t key, int flags, const Check& check, const Make& make) {
    if (key != IPC_PRIVATE) {
      const auto found = std::find_if(objects_.begin(), objects_.end(),
                                      [key](const auto& entry) { return entry.second->permissions.key == key; });
      if (found != objects_.end()) {
        if ((flags & IPC_CREAT) != 0 && (flags & IPC_EXCL) != 0) return Error(EEXIST);
        LITEBOX_TRY(check(*found->second));
        LITEBOX_TRY(check_ipc_access(found->second->permissions, caller, static_cast<unsigned>(flags)));
        return found->second->permissions.id;
      }
      if ((flags & IPC_CREAT) == 0) return Error(ENOENT);
    }
    if (objects_.size() >= limit_) return Error(ENOSPC);
    Result<Pointer> made = make();
    if (!made.ok()) return std::move(made).error();
    const Pointer object = std::move(made).value();
    object->permissions = new_ipc_permissions(caller, key, flags);
    assign_id(object->permissions);
    objects_.emplace(index_of(object->permissions.id), object);
    return object->permissions.id;
  }

  // EINVAL for an identifier that no object has.
  Result<Pointer> find(int id) const {
    const auto found = id < 0 ? objects_.end() : objects_.find(index_of(id));
    if (found == objects_.end() || found->second->permissions.id != id) return Error(EINVAL);
    return found->second;
  }

  // By its place in the kernel's array (SEM_STAT and the like): EINVAL.
  Result<Pointer> at(int index) const {
    const auto found = objects_.find(index);
    if (found == objects_.end()) return Error(EINVAL);
    return found->second;
  }

  void remove(const Object& object) { objects_.erase(index_of(object.permissions.id)); }

  // The highest place in use, 0 when none is.
  int highest_index() const { return objects_.empty() ? 0 : objects_.rbegin()->first; }
  const std::map<int, Pointer>& objects() const { return objects_; }

 private:
  static constexpr int kIndexBits = 15;  // IPCMNI_SHIFT
  static constexpr int kShortestCycle = 64;

  static int index_of(int id) { return id & ((1 << kIndexBits) - 1); }

  // Indices go round, so that an identifier does not come back soon (ipc_idr_alloc).
  void assign_id(IpcPermissions& permissions) {
    const int cycle = std::max(static_cast<int>(objects_.size() + 1) * 3 / 2, kShortestCycle);
    int index = last_index_ + 1 < cycle ? last_index_ + 1 : 0;
    while (objects_.count(index) != 0) index = index + 1 < cycle ? index + 1 : 0;
    if (index <= last_index_) ++sequence_;
    last_index_ = index;
    permissions.sequence = sequence_;
    permissions.id = (static_cast<int>(sequence_) << kIndexBits) + index;
  }

  const size_t limit_;
  std::map<int, Pointer> objects_;
  int last_index_ = -1;
  unsigned short sequence_ = 0;
};

}  // namespace litebox::kernel
