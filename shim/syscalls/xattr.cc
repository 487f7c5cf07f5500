// The twelve calls of xattr(7) (fs/xattr.c).
#include <fcntl.h>
#include <linux/limits.h>
#include <sys/xattr.h>

#include "shim/syscalls/handlers.h"
#include "shim/syscalls/lookup.h"

namespace litebox::syscalls {
namespace {

// Which file a call of the family means; the path or the descriptor is always its first argument.
enum class Target { path, link, descriptor };

Result<rootfs::Location> locate_target(const Call& call, Target target) {
  if (target == Target::descriptor) return locate_descriptor(call, call.integer(0), PathDescriptors::refused);
  LITEBOX_ASSIGN(const std::string path, call.path(0));
  return locate_at(call, AT_FDCWD, path, target == Target::link ? AT_SYMLINK_NOFOLLOW : 0);
}

Result<std::string> attribute_name(const Call& call, int index) {
  Result<std::string> name = call.memory.read_string(call.address(index), XATTR_NAME_MAX + 1);
  if (!name.ok()) return Error(name.error().number() == ENAMETOOLONG ? ERANGE : name.error().number());
  if (name->empty()) return Error(ERANGE);
  return name;
}

// Copies `data` out as getxattr(2) and listxattr(2) do: a size of 0 asks for the length alone.
Reply copy_out(const Call& call, GuestAddress buffer, size_t size, const std::string& data) {
  if (size != 0) {
    if (data.size() > size) return Reply::error(size >= XATTR_SIZE_MAX ? E2BIG : ERANGE);
    LITEBOX_CHECK_REPLY(call.memory.write(buffer, data.data(), data.size()));
  }
  return Reply::value(static_cast<int64_t>(data.size()));
}

Reply set_attribute(const Call& call, Target target) {
  const int flags = call.integer(4);
  if ((flags & ~(XATTR_CREATE | XATTR_REPLACE)) != 0) return Reply::error(EINVAL);
  LITEBOX_OR_REPLY(const std::string name, attribute_name(call, 1));
  const uint64_t size = call.raw(3);
  if (size > XATTR_SIZE_MAX) return Reply::error(E2BIG);
  std::string value(size, '\0');
  if (size != 0) LITEBOX_CHECK_REPLY(call.memory.read(call.address(2), value.data(), value.size()));
  LITEBOX_OR_REPLY(const rootfs::Location location, locate_target(call, target));
  LITEBOX_CHECK_REPLY(want_write(location));
  const rootfs::XattrFlags how = {.create_only = (flags & XATTR_CREATE) != 0, .replace_only = (flags & XATTR_REPLACE) != 0};
  return Reply::from(location.node->set_xattr(call.subject(), name, value, how));
}

Reply get_attribute(const Call& call, Target target) {
  LITEBOX_OR_REPLY(const std::string name, attribute_name(call, 1));
  LITEBOX_OR_REPLY(const rootfs::Location location, locate_target(call, target));
  LITEBOX_OR_REPLY(const std::string value, location.node->get_xattr(call.subject(), name));
  return copy_out(call, call.address(2), call.raw(3), value);
}

Reply list_attributes(const Call& call, Target target) {
  LITEBOX_OR_REPLY(const rootfs::Location location, locate_target(call, target));
  LITEBOX_OR_REPLY(const std::vector<std::string> names, location.node->list_xattrs(call.subject()));
  std::string list;
  for (const std::string& name : names) list.append(name).push_back('\0');
  return copy_out(call, call.address(1), call.raw(2), list);
}

Reply remove_attribute(const Call& call, Target target) {
  LITEBOX_OR_REPLY(const std::string name, attribute_name(call, 1));
  LITEBOX_OR_REPLY(const rootfs::Location location, locate_target(call, target));
  LITEBOX_CHECK_REPLY(want_write(location));
  return Reply::from(location.node->remove_xattr(call.subject(), name));
}

}  // namespace

Reply sys_setxattr(Call& call) { return set_attribute(call, Target::path); }
Reply sys_lsetxattr(Call& call) { return set_attribute(call, Target::link); }
Reply sys_fsetxattr(Call& call) { return set_attribute(call, Target::descriptor); }

Reply sys_getxattr(Call& call) { return get_attribute(call, Target::path); }
Reply sys_lgetxattr(Call& call) { return get_attribute(call, Target::link); }
Reply sys_fgetxattr(Call& call) { return get_attribute(call, Target::descriptor); }

Reply sys_listxattr(Call& call) { return list_attributes(call, Target::path); }
Reply sys_llistxattr(Call& call) { return list_attributes(call, Target::link); }
Reply sys_flistxattr(Call& call) { return list_attributes(call, Target::descriptor); }

Reply sys_removexattr(Call& call) { return remove_attribute(call, Target::path); }
Reply sys_lremovexattr(Call& call) { return remove_attribute(call, Target::link); }
Reply sys_fremovexattr(Call& call) { return remove_attribute(call, Target::descriptor); }

}  // namespace litebox::syscalls
