#include "shim/monitor/confinement.h"

#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

namespace litebox::monitor {
namespace {

// struct landlock_ruleset_attr as of ABI 6; older headers lack the later fields.
struct RulesetAttributes {
  uint64_t handled_access_fs;
  uint64_t handled_access_net;
  uint64_t scoped;
};

constexpr int kNetworkAbi = 4;
constexpr int kScopeAbi = 6;
constexpr uint64_t kTruncate = 1ULL << 14U;  // LANDLOCK_ACCESS_FS_TRUNCATE: not in Debian 12's headers

// Every file system right that the ABI knows: bits 0 to 12, then REFER (2), TRUNCATE (3), IOCTL_DEV (5).
uint64_t file_rights(int abi) {
  uint64_t rights = (1ULL << 13U) - 1;
  if (abi >= 2) rights |= 1ULL << 13U;
  if (abi >= 3) rights |= kTruncate;
  if (abi >= 5) rights |= 1ULL << 15U;
  return rights;
}

// What guests do natively where the mount lets them: read, and make files (shim/table/syscalls.yaml, open).
uint64_t rights_in(const struct statvfs& mount, int abi) {
  uint64_t rights = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
  if ((mount.f_flag & ST_RDONLY) != 0) return rights;
  rights |= LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_WRITE_FILE;
  if (abi >= 3) rights |= kTruncate;
  return rights;
}

// Landlock knows a file by its inode: the rule for a mount's root counts for all that is below it there, however it is reached.
Status allow_native_use(int ruleset, const rootfs::NativeTree& tree, int abi) {
  for (const Fd& root : tree.readable()) {
    struct stat status {};
    if (::fstat(root.get(), &status) != 0) return last_error("a mount's root");
    struct statvfs mount {};
    if (::fstatvfs(root.get(), &mount) != 0) return last_error("a mount's root");
    landlock_path_beneath_attr rule{};
    rule.allowed_access = S_ISDIR(status.st_mode) ? rights_in(mount, abi) : LANDLOCK_ACCESS_FS_READ_FILE;
    rule.parent_fd = root.get();
    if (::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0) {
      return last_error("landlock_add_rule");
    }
  }
  return {};
}

Status apply_landlock(bool network, const rootfs::NativeTree* tree) {
  const int abi = landlock_abi();
  if (abi <= 0) return {};
  RulesetAttributes attributes{};
  attributes.handled_access_fs = file_rights(abi);
  size_t size = sizeof(uint64_t);
  if (abi >= kNetworkAbi) {
    if (!network) attributes.handled_access_net = 3;  // BIND_TCP, CONNECT_TCP
    size = 2 * sizeof(uint64_t);
  }
  if (abi >= kScopeAbi) {
    attributes.scoped = 3;  // ABSTRACT_UNIX_SOCKET, SIGNAL
    size = sizeof attributes;
  }
  const Fd ruleset(static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, size, 0)));
  if (!ruleset) return last_error("landlock_create_ruleset");
  if (tree != nullptr) LITEBOX_TRY(allow_native_use(ruleset.get(), *tree, abi));
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) return last_error("landlock_restrict_self");
  return {};
}

// A guest has no groups natively, which would let it into more than it may be let into inside.
Status enter(const rootfs::NativeTree& tree) {
  if (::fchdir(tree.root()) != 0) return last_error("chdir to the container's tree");
  if (::chroot(".") != 0) return last_error("chroot to the container's tree");
  if (::syscall(SYS_setgroups, 0, nullptr) != 0) return last_error("setgroups");  // of this thread alone
  return {};
}

Status drop_capabilities() {
  for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability) {
    // Without CAP_SETPCAP the bounding set stays, which no_new_privs and the empty sets below make harmless.
    (void)::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  }
  (void)::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  (void)::prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE, 0, 0, 0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> none{};
  if (::syscall(SYS_capset, &header, none.data()) != 0) return last_error("capset");
  return {};
}

Result<Fd> install_filter(const std::vector<sock_filter>& filter) {
  sock_fprog program{static_cast<unsigned short>(filter.size()), const_cast<sock_filter*>(filter.data())};
  Fd listener(static_cast<int>(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                                         SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &program)));
  if (!listener) return last_error("seccomp");
  return listener;
}

}  // namespace

int landlock_abi() {
  static const int abi = static_cast<int>(::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION));
  return abi < 0 ? 0 : abi;
}

Result<Fd> confine_this_thread(const Confinement& confinement) {
  if (::unshare(CLONE_FS) != 0) return last_error("unshare(CLONE_FS)");
  if (confinement.tree != nullptr) {
    LITEBOX_TRY(enter(*confinement.tree));
  } else if (!confinement.empty_directory.empty()) {
    if (::chroot(confinement.empty_directory.c_str()) != 0) return last_error("chroot " + confinement.empty_directory);
    if (::chdir("/") != 0) return last_error("chdir to the empty root");
  }
  LITEBOX_TRY(drop_capabilities());
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return last_error("prctl(PR_SET_NO_NEW_PRIVS)");
  LITEBOX_TRY(apply_landlock(confinement.network, confinement.tree));
  return install_filter(confinement.filter);
}

}  // namespace litebox::monitor
