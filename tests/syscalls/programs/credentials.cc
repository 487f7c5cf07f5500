// User and group ids, groups, capabilities, securebits, no_new_privs, umask, dumpable: credentials(7), capabilities(7).
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>

#include <initializer_list>

#include "report.h"

namespace {

constexpr int kNoMembersPid = 3999999;
constexpr uid_t kNone = static_cast<uid_t>(-1);

// Raw: libc would set the ids of every thread.
long setuid_raw(uid_t id) { return syscall(SYS_setuid, id); }
long setgid_raw(gid_t id) { return syscall(SYS_setgid, id); }
long setreuid_raw(uid_t real, uid_t effective) { return syscall(SYS_setreuid, real, effective); }
long setregid_raw(gid_t real, gid_t effective) { return syscall(SYS_setregid, real, effective); }
long setresuid_raw(uid_t real, uid_t effective, uid_t saved) { return syscall(SYS_setresuid, real, effective, saved); }
long setresgid_raw(gid_t real, gid_t effective, gid_t saved) { return syscall(SYS_setresgid, real, effective, saved); }
long setgroups_raw(size_t size, const gid_t* groups) { return syscall(SYS_setgroups, size, groups); }

struct Sets {
  uint64_t effective, permitted, inheritable;
};

long capget_raw(uint32_t version, pid_t pid, struct __user_cap_data_struct* data) {
  struct __user_cap_header_struct header = {version, pid};
  const long result = syscall(SYS_capget, &header, data);
  if (header.version != version) say("  version %x", header.version);
  return result;
}

long set_sets(const Sets& sets) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  for (unsigned i = 0; i < 2; ++i) {
    data[i].effective = static_cast<uint32_t>(sets.effective >> (32 * i));
    data[i].permitted = static_cast<uint32_t>(sets.permitted >> (32 * i));
    data[i].inheritable = static_cast<uint32_t>(sets.inheritable >> (32 * i));
  }
  return syscall(SYS_capset, &header, data);
}

Sets sets_of(pid_t pid = 0) {
  struct __user_cap_data_struct data[2] = {};
  capget_raw(_LINUX_CAPABILITY_VERSION_3, pid, data);
  return {data[0].effective | uint64_t{data[1].effective} << 32, data[0].permitted | uint64_t{data[1].permitted} << 32,
          data[0].inheritable | uint64_t{data[1].inheritable} << 32};
}

constexpr uint64_t bit(int capability) { return uint64_t{1} << capability; }

// What the calls say and what /proc/self/status says.
void show_ids(const char* when) {
  uid_t uids[3];
  gid_t gids[3];
  syscall(SYS_getresuid, &uids[0], &uids[1], &uids[2]);
  syscall(SYS_getresgid, &gids[0], &gids[1], &gids[2]);
  const Sets sets = sets_of();
  say("%s: uid %u %u %u fs %ld gid %u %u %u fs %ld, capabilities %lx %lx %lx", when, uids[0], uids[1], uids[2],
      syscall(SYS_setfsuid, -1), gids[0], gids[1], gids[2], syscall(SYS_setfsgid, -1), sets.effective, sets.permitted,
      sets.inheritable);
  FILE* const status = fopen("/proc/self/status", "re");
  char line[512];
  while (status != nullptr && fgets(line, sizeof line, status) != nullptr) {
    for (const char* name : {"Uid:", "Gid:", "Groups:", "CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:", "NoNewPrivs:"}) {
      if (strncmp(line, name, strlen(name)) == 0) printf("  %s", line);
    }
  }
  if (status != nullptr) fclose(status);
}

void uids() {
  in_child([] {
    TRY(setuid_raw(kNone));
    TRY(setreuid_raw(kNone, kNone));
    TRY(setresuid_raw(kNone, kNone, kNone));
    show_ids("root");
    TRY(setresuid_raw(kNone, 1000, kNone));
    show_ids("effective 1000");
    TRY(setuid_raw(2000));
    TRY(setresuid_raw(2000, kNone, kNone));
    TRY(setreuid_raw(1000, kNone));
    show_ids("real 1000");
    TRY(setreuid_raw(kNone, 0));
    show_ids("back to root by the saved id");
    TRY(setuid_raw(1000));
    show_ids("setuid(1000)");
    TRY(setuid_raw(0));
    TRY(setreuid_raw(0, kNone));
    TRY(setreuid_raw(kNone, 0));
    TRY(setresuid_raw(0, kNone, kNone));
    TRY(setresuid_raw(kNone, kNone, 0));
    TRY(setuid_raw(1000));
  });
  in_child([] {
    TRY(setreuid_raw(1000, 2000));
    show_ids("setreuid(1000, 2000)");
    TRY(setreuid_raw(2000, 1000));
    show_ids("swapped");
    TRY(setreuid_raw(kNone, 2000));
    TRY(setuid_raw(1000));
    TRY(setuid_raw(2000));
    show_ids("at last");
  });
  in_child([] {
    TRY(setresuid_raw(1, 2, 3));
    show_ids("1 2 3");
    TRY(setresuid_raw(3, 1, 2));
    show_ids("3 1 2");
    TRY(setresuid_raw(4, kNone, kNone));
    TRY(setuid_raw(2));
    show_ids("setuid(2)");
    TRY(setuid_raw(1));
    TRY(syscall(SYS_setfsuid, 3));
    TRY(syscall(SYS_setfsuid, 9));
    show_ids("setfsuid(3)");
    TRY(setresuid_raw(kNone, 3, kNone));
    show_ids("fsuid follows");
  });
  in_child([] {
    TRY(syscall(SYS_setfsuid, 1000));
    show_ids("fsuid 1000");
    TRY(open("/root_only", O_RDONLY));
    TRY(syscall(SYS_setfsuid, 0));
    show_ids("fsuid 0");
    TRY(syscall(SYS_setfsgid, 1000));
    TRY(syscall(SYS_setfsgid, -1));
  });
  TRY(syscall(SYS_getresuid, bad_pointer, nullptr, nullptr));
}

void gids() {
  in_child([] {
    TRY(setgid_raw(kNone));
    TRY(setresgid_raw(1, 2, 3));
    show_ids("1 2 3");
    TRY(setregid_raw(5, kNone));
    TRY(setregid_raw(kNone, 6));
    show_ids("setregid");
    TRY(setresuid_raw(1000, 1000, 1000));
    TRY(setgid_raw(7));
    TRY(setgid_raw(3));
    TRY(setgid_raw(5));
    TRY(setregid_raw(kNone, 6));
    TRY(setregid_raw(6, 5));
    TRY(setresgid_raw(9, kNone, kNone));
    TRY(setresgid_raw(kNone, 5, kNone));
    show_ids("unprivileged");
  });
}

void groups() {
  in_child([] {
    gid_t list[4] = {30, 10, 20, 10};
    gid_t read[8] = {};
    TRY(setgroups_raw(4, list));
    TRY(syscall(SYS_getgroups, 0, nullptr));
    TRY(syscall(SYS_getgroups, 3, read));
    TRY(syscall(SYS_getgroups, -1, read));
    TRY(syscall(SYS_getgroups, 4, bad_pointer));
    TRY(syscall(SYS_getgroups, 8, read));
    say("  %u %u %u %u", read[0], read[1], read[2], read[3]);
    TRY(setgroups_raw(65537, list));
    TRY(setgroups_raw(2, reinterpret_cast<gid_t*>(bad_pointer)));
    list[1] = kNone;
    TRY(setgroups_raw(2, list));
    show_ids("groups");
    TRY(setgroups_raw(0, nullptr));
    show_ids("no groups");
    TRY(setresuid_raw(1000, 1000, 1000));
    TRY(setgroups_raw(0, nullptr));
    TRY(setgroups_raw(65537, list));
  });
}

void capability_calls() {
  struct __user_cap_data_struct data[2];
  TRY(capget_raw(0, 0, data));
  TRY(capget_raw(0, 0, nullptr));
  TRY(capget_raw(_LINUX_CAPABILITY_VERSION_1, 0, data));
  TRY(capget_raw(_LINUX_CAPABILITY_VERSION_2, 0, data));
  TRY(capget_raw(_LINUX_CAPABILITY_VERSION_3, -1, data));
  TRY(capget_raw(_LINUX_CAPABILITY_VERSION_3, kNoMembersPid, data));
  TRY(capget_raw(_LINUX_CAPABILITY_VERSION_3, 1, data));
  say("  %x %x", data[0].effective, data[0].permitted);
  TRY(syscall(SYS_capget, bad_pointer, data));
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 1};
  TRY(syscall(SYS_capset, &header, bad_pointer));
  in_child([&] {
    header.pid = 1;
    TRY(syscall(SYS_capset, &header, data));
    header.pid = kNoMembersPid;
    TRY(syscall(SYS_capset, &header, data));
    header.version = 1;
    TRY(syscall(SYS_capset, &header, data));
    const Sets all = sets_of();
    TRY(set_sets({all.effective, all.permitted | bit(CAP_SYS_ADMIN), 0}));
    TRY(set_sets({all.effective | bit(CAP_SYS_ADMIN), all.permitted, 0}));
    TRY(set_sets({0, all.permitted, all.permitted}));
    show_ids("no effective capabilities");
    TRY(setuid_raw(5));
    TRY(set_sets({bit(CAP_SETUID), bit(CAP_SETUID) | bit(CAP_SETPCAP), 0}));
    TRY(setresuid_raw(5, 5, 0));
    show_ids("CAP_SETUID alone");
    TRY(set_sets({bit(CAP_CHOWN), bit(CAP_SETUID), 0}));
    TRY(set_sets({0, bit(CAP_SETUID), bit(CAP_CHOWN)}));
    TRY(set_sets({0, 0, 0}));
    TRY(set_sets({0, bit(CAP_SETUID), 0}));
    show_ids("none");
  });
}

void bounding_and_ambient() {
  in_child([] {
    TRY(prctl(PR_CAPBSET_READ, CAP_CHOWN, 0, 0, 0));
    TRY(prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0));
    TRY(prctl(PR_CAPBSET_READ, 63, 0, 0, 0));
    TRY(prctl(PR_CAPBSET_DROP, 63, 0, 0, 0));
    TRY(prctl(PR_CAPBSET_DROP, CAP_CHOWN, 0, 0, 0));
    TRY(prctl(PR_CAPBSET_READ, CAP_CHOWN, 0, 0, 0));
    const Sets all = sets_of();
    TRY(set_sets({all.effective, all.permitted, bit(CAP_CHOWN)}));
    TRY(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
    TRY(set_sets({all.effective, all.permitted, bit(CAP_KILL) | bit(CAP_FOWNER)}));
    TRY(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
    TRY(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_FOWNER, 0, 0));
    TRY(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0));
    TRY(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN, 0, 0));
    TRY(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 63, 0, 0));
    TRY(prctl(PR_CAP_AMBIENT, 9, CAP_KILL, 0, 0));
    TRY(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 1, 0));
    show_ids("ambient");
    TRY(set_sets({all.effective, all.permitted, bit(CAP_KILL)}));
    show_ids("ambient follows inheritable");
    TRY(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, CAP_KILL, 0, 0));
    TRY(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 1, 0, 0));
    TRY(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
    show_ids("none ambient");
    setresuid_raw(1000, 1000, 1000);
    TRY(prctl(PR_CAPBSET_DROP, CAP_KILL, 0, 0, 0));
    TRY(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
  });
}

void securebits() {
  in_child([] {
    TRY(prctl(PR_GET_SECUREBITS, 0, 0, 0, 0));
    TRY(prctl(PR_SET_SECUREBITS, 1 << 20, 0, 0, 0));
    TRY(prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0));
    TRY(prctl(PR_SET_KEEPCAPS, 2, 0, 0, 0));
    TRY(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
    TRY(prctl(PR_GET_SECUREBITS, 0, 0, 0, 0));
    TRY(setresuid_raw(1000, 1000, 1000));
    show_ids("capabilities kept");
    const Sets kept = sets_of();
    TRY(set_sets({kept.permitted, kept.permitted, 0}));
    TRY(setresuid_raw(0, 0, 0));
    show_ids("root again");
    TRY(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED, 0, 0, 0));
    TRY(setresuid_raw(1000, 1000, 0));
    show_ids("without fixup");
    TRY(prctl(PR_SET_SECUREBITS, 0, 0, 0, 0));
    TRY(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED, 0, 0, 0));
    TRY(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
    TRY(prctl(PR_GET_SECUREBITS, 0, 0, 0, 0));
  });
  in_child([] { TRY(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT, 0, 0, 0)); }, 1000, 1000);
}

void no_new_privileges() {
  in_child([] {
    TRY(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    TRY(prctl(PR_GET_NO_NEW_PRIVS, 1, 0, 0, 0));
    TRY(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
    TRY(prctl(PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0));
    TRY(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    TRY(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    in_child([] { TRY(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)); });
    show_ids("no new privileges");
  });
}

void dumpable() {
  in_child([] {
    TRY(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
    TRY(prctl(PR_SET_DUMPABLE, 2, 0, 0, 0));
    TRY(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
    TRY(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
    TRY(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
    TRY(setresuid_raw(kNone, 1000, kNone));
    TRY(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
    TRY(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
    TRY(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
    TRY(setresuid_raw(1000, kNone, kNone));
    TRY(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
  });
  in_child([] {
    TRY(setresgid_raw(1000, 1000, 1000));
    TRY(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
  });
}

void masks_and_names() {
  TRY(umask(077));
  TRY(umask(0));
  TRY(umask(07777));
  TRY(umask(022));
  in_child([] {
    umask(0111);
    in_child([] { TRY(umask(0)); });
    TRY(umask(0));
  });
  char name[32] = {};
  TRY(prctl(PR_SET_NAME, "a name that is too long"));
  TRY(prctl(PR_GET_NAME, name));
  say("  %s", name);
  TRY(prctl(PR_SET_NAME, bad_pointer));
  int signal = 0;
  TRY(prctl(PR_SET_PDEATHSIG, 65));
  TRY(prctl(PR_SET_PDEATHSIG, 10));
  TRY(prctl(PR_GET_PDEATHSIG, &signal));
  say("  %d", signal);
  in_child([&] {
    TRY(prctl(PR_GET_PDEATHSIG, &signal));
    say("  %d", signal);
    TRY(prctl(PR_SET_PDEATHSIG, 10));
    setresuid_raw(1000, 1000, 1000);
    TRY(prctl(PR_GET_PDEATHSIG, &signal));
    say("  %d", signal);
  });
  TRY(prctl(PR_SET_PDEATHSIG, 0));
  TRY(prctl(12345, 0, 0, 0, 0));
}

// open(2) of a file that is made with a mode that would not let its maker in.
void unreadable_creation() {
  mkdir("shared", 0777);
  chmod("shared", 0777);
  in_child(
      [] {
        for (const mode_t mode : {0000U, 0444U, 0222U}) {
          char path[32];
          snprintf(path, sizeof path, "shared/%o", mode);
          const int fd = open(path, O_CREAT | O_RDWR, mode);
          say("%o: made %d, written %zd", mode, fd >= 0, fd >= 0 ? write(fd, "x", 1) : -1);
          if (fd >= 0) close(fd);
          show(path);
          TRY_OPEN(open(path, O_RDONLY));
          TRY_OPEN(open(path, O_WRONLY));
        }
      },
      1000, 1000);
}

}  // namespace

int main() {
  enter_work_directory("credentials");
  put_file("/root_only", "secret", 0600);
  show_ids("at first");
  uids();
  gids();
  groups();
  capability_calls();
  bounding_and_ambient();
  securebits();
  no_new_privileges();
  dumpable();
  masks_and_names();
  unreadable_creation();
  return 0;
}
