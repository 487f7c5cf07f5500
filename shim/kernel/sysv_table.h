// The rows of /proc/sysvipc's tables (proc_sysvipc(5); sysvipc_shm_proc_show() and the like).
#pragma once

#include <string>

namespace litebox::kernel {

class World;

// `name`: "msg", "sem" or "shm". Empty when there is no object of that kind.
std::string system_v_table(const World& world, const std::string& name);

}  // namespace litebox::kernel
