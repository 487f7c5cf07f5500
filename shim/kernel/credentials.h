// What the calls that change user and group ids do to virtual credentials: credentials(7), capabilities(7), kernel/sys.c and
// cap_task_fix_setuid() of security/commoncap.c.
//
// Pure functions on a copy: on an error the credentials are unchanged. Errors are Linux's: EPERM, EINVAL. An id of -1 means
// "leave as it is" where the call says so.
#pragma once

#include <sys/types.h>

#include <vector>

#include "base/result.h"
#include "shim/kernel/process_state.h"

namespace litebox::kernel {

inline constexpr uid_t kNoUid = static_cast<uid_t>(-1);
inline constexpr gid_t kNoGid = static_cast<gid_t>(-1);

Status set_uid(Credentials& credentials, uid_t uid);
Status set_gid(Credentials& credentials, gid_t gid);
Status set_reuid(Credentials& credentials, uid_t real, uid_t effective);
Status set_regid(Credentials& credentials, gid_t real, gid_t effective);
Status set_resuid(Credentials& credentials, uid_t real, uid_t effective, uid_t saved);
Status set_resgid(Credentials& credentials, gid_t real, gid_t effective, gid_t saved);

// setfsuid(2), setfsgid(2): without permission nothing changes; the previous id is the answer either way.
uid_t set_fsuid(Credentials& credentials, uid_t uid);
gid_t set_fsgid(Credentials& credentials, gid_t gid);

// setgroups(2): the list is kept in ascending order, as the kernel returns it. The caller has checked its length.
Status set_groups(Credentials& credentials, std::vector<gid_t> groups);

// commit_creds(): a process whose identity changes could be read by whoever had the old one, and is to be dumped no more.
bool gives_up_dumpability(const Credentials& before, const Credentials& after);

}  // namespace litebox::kernel
