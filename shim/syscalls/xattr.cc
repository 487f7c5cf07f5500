// The twelve calls of xattr(7) and the four that came with Linux 6.13 (fs/xattr.c).
#include <fcntl.h>
#include <linux/limits.h>
#include <sys/xattr.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "shim/syscalls/lookup.h"
#include "shim/table/handlers.h"

namespace litebox::syscalls {
namespace {

// Which file a call of the first twelve means; the path or the descriptor is always their first argument.
enum class Target { path, link, descriptor };

Result<rootfs::Location> locate_target(const Call& call, Target target) {
  if (target == Target::descriptor) return locate_descriptor(call, call.integer(0), PathDescriptors::refused);
  LITEBOX_ASSIGN(const std::string path, call.path(0));
  return locate_at(call, AT_FDCWD, path, target == Target::link ? AT_SYMLINK_NOFOLLOW : 0);
}

// setxattrat(2) and its relatives look at their flags before anything that lies in memory.
bool knows_flags_at(const Call& call) {
  return (call.flags(2) & ~static_cast<unsigned>(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) == 0;
}

// Their file: descriptor, path, flags.
Result<rootfs::Location> locate_target_at(const Call& call) {
  const unsigned flags = call.flags(2);
  LITEBOX_ASSIGN(const std::string path, path_maybe_null(call, 1, flags));
  if (path.empty() && (flags & AT_EMPTY_PATH) != 0 && call.integer(0) != AT_FDCWD) {
    return locate_descriptor(call, call.integer(0), PathDescriptors::refused);
  }
  return locate_at(call, call.integer(0), path, flags);
}

using Locate = std::function<Result<rootfs::Location>()>;

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

// A value on its way in or out: struct xattr_args (linux/xattr.h).
struct ValueArguments {
  uint64_t value = 0;
  uint32_t size = 0;
  uint32_t flags = 0;
};

// The structure of setxattrat(2) and getxattrat(2), which may be longer than what is known here if the rest is zero.
Result<ValueArguments> read_arguments(const Call& call, GuestAddress address, uint64_t size) {
  constexpr uint64_t kPageSize = 4096;
  if (size < sizeof(ValueArguments)) return Error(EINVAL);
  if (size > kPageSize) return Error(E2BIG);
  std::vector<unsigned char> bytes(size);
  LITEBOX_TRY(call.memory.read(address, bytes.data(), bytes.size()));
  const auto rest = bytes.begin() + sizeof(ValueArguments);
  if (std::any_of(rest, bytes.end(), [](unsigned char byte) { return byte != 0; })) return Error(E2BIG);
  ValueArguments arguments;
  std::memcpy(&arguments, bytes.data(), sizeof arguments);
  return arguments;
}

Reply set_attribute(const Call& call, const Locate& locate, int name_index, GuestAddress buffer, uint64_t size,
                    unsigned flags) {
  if ((flags & ~static_cast<unsigned>(XATTR_CREATE | XATTR_REPLACE)) != 0) return Reply::error(EINVAL);
  LITEBOX_OR_REPLY(const std::string name, attribute_name(call, name_index));
  if (size > XATTR_SIZE_MAX) return Reply::error(E2BIG);
  std::string value(size, '\0');
  if (size != 0) LITEBOX_CHECK_REPLY(call.memory.read(buffer, value.data(), value.size()));
  LITEBOX_OR_REPLY(const rootfs::Location location, locate());
  LITEBOX_CHECK_REPLY(rootfs::Tree::want_write(location));
  const rootfs::XattrFlags how = {.create_only = (flags & XATTR_CREATE) != 0, .replace_only = (flags & XATTR_REPLACE) != 0};
  return Reply::from(location.node->set_xattr(call.subject(), name, value, how));
}

Reply get_attribute(const Call& call, const Locate& locate, int name_index, GuestAddress buffer, uint64_t size) {
  LITEBOX_OR_REPLY(const std::string name, attribute_name(call, name_index));
  LITEBOX_OR_REPLY(const rootfs::Location location, locate());
  LITEBOX_OR_REPLY(const std::string value, location.node->get_xattr(call.subject(), name));
  return copy_out(call, buffer, size, value);
}

Reply list_attributes(const Call& call, const Locate& locate, GuestAddress buffer, uint64_t size) {
  LITEBOX_OR_REPLY(const rootfs::Location location, locate());
  LITEBOX_OR_REPLY(const std::vector<std::string> names, location.node->list_xattrs(call.subject()));
  std::string list;
  for (const std::string& name : names) list.append(name).push_back('\0');
  return copy_out(call, buffer, size, list);
}

Reply remove_attribute(const Call& call, const Locate& locate, int name_index) {
  LITEBOX_OR_REPLY(const std::string name, attribute_name(call, name_index));
  LITEBOX_OR_REPLY(const rootfs::Location location, locate());
  LITEBOX_CHECK_REPLY(rootfs::Tree::want_write(location));
  return Reply::from(location.node->remove_xattr(call.subject(), name));
}

Reply set_of(const Call& call, Target target) {
  return set_attribute(
      call, [&] { return locate_target(call, target); }, 1, call.address(2), call.raw(3), call.flags(4));
}

Reply get_of(const Call& call, Target target) {
  return get_attribute(
      call, [&] { return locate_target(call, target); }, 1, call.address(2), call.raw(3));
}

Reply list_of(const Call& call, Target target) {
  return list_attributes(
      call, [&] { return locate_target(call, target); }, call.address(1), call.raw(2));
}

Reply remove_of(const Call& call, Target target) {
  return remove_attribute(
      call, [&] { return locate_target(call, target); }, 1);
}

}  // namespace

Reply sys_setxattr(Call& call) { return set_of(call, Target::path); }
Reply sys_lsetxattr(Call& call) { return set_of(call, Target::link); }
Reply sys_fsetxattr(Call& call) { return set_of(call, Target::descriptor); }

Reply sys_getxattr(Call& call) { return get_of(call, Target::path); }
Reply sys_lgetxattr(Call& call) { return get_of(call, Target::link); }
Reply sys_fgetxattr(Call& call) { return get_of(call, Target::descriptor); }

Reply sys_listxattr(Call& call) { return list_of(call, Target::path); }
Reply sys_llistxattr(Call& call) { return list_of(call, Target::link); }
Reply sys_flistxattr(Call& call) { return list_of(call, Target::descriptor); }

Reply sys_removexattr(Call& call) { return remove_of(call, Target::path); }
Reply sys_lremovexattr(Call& call) { return remove_of(call, Target::link); }
Reply sys_fremovexattr(Call& call) { return remove_of(call, Target::descriptor); }

Reply sys_setxattrat(Call& call) {
  LITEBOX_OR_REPLY(const ValueArguments arguments, read_arguments(call, call.address(4), call.raw(5)));
  if (!knows_flags_at(call)) return Reply::error(EINVAL);
  return set_attribute(
      call, [&] { return locate_target_at(call); }, 3, GuestAddress(arguments.value), arguments.size, arguments.flags);
}

Reply sys_getxattrat(Call& call) {
  LITEBOX_OR_REPLY(const ValueArguments arguments, read_arguments(call, call.address(4), call.raw(5)));
  if (arguments.flags != 0 || !knows_flags_at(call)) return Reply::error(EINVAL);
  return get_attribute(
      call, [&] { return locate_target_at(call); }, 3, GuestAddress(arguments.value), arguments.size);
}

Reply sys_listxattrat(Call& call) {
  if (!knows_flags_at(call)) return Reply::error(EINVAL);
  return list_attributes(
      call, [&] { return locate_target_at(call); }, call.address(3), call.raw(4));
}

Reply sys_removexattrat(Call& call) {
  if (!knows_flags_at(call)) return Reply::error(EINVAL);
  return remove_attribute(
      call, [&] { return locate_target_at(call); }, 3);
}

}  // namespace litebox::syscalls
