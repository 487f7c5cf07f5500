#include <cstdio>

#include "cmd/litebox/host_facts.h"

namespace litebox::command {
namespace {

Finding kernel(const HostFacts& facts) {
  Finding finding{"kernel", Verdict::good, facts.kernel + " on " + facts.machine, ""};
  if (facts.machine != "x86_64") {
    finding.verdict = Verdict::missing;
    finding.advice = "litebox runs on x86_64 only";
  } else if (facts.major < 5 || (facts.major == 5 && facts.minor < 19)) {
    finding.verdict = Verdict::missing;
    finding.advice = "Linux 5.19 or later is needed (SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)";
  }
  return finding;
}

Finding notifications(const HostFacts& facts) {
  if (!facts.notifications) {
    return {"seccomp", Verdict::missing, "no user notifications",
            "build the kernel with CONFIG_SECCOMP_FILTER, or permit seccomp(2) here"};
  }
  if (!facts.notification_microseconds) {
    return {"seccomp", Verdict::missing, "a filter with notifications cannot be installed",
            "an outer sandbox forbids it: allow seccomp(2), or end the listener that is already there"};
  }
  char text[96];
  std::snprintf(text, sizeof text, "user notifications; a system call that litebox answers costs about %.0f microseconds more",
                *facts.notification_microseconds);
  return {"seccomp", Verdict::good, text, ""};
}

Finding tracing(const HostFacts& facts) {
  const std::string text = "ptrace_scope is " + std::to_string(facts.yama);
  if (facts.yama == 3) return {"Yama", Verdict::missing, text, "set kernel.yama.ptrace_scope to 2 or less (needs a reboot)"};
  if (facts.yama == 2 && !facts.may_trace) {
    return {"Yama", Verdict::missing, text, "set kernel.yama.ptrace_scope to 1, or run as root"};
  }
  return {"Yama", Verdict::good, text + ", which lets a container's monitor reach its processes", ""};
}

Finding landlock(const HostFacts& facts) {
  if (facts.landlock_abi <= 0) {
    return {"Landlock", Verdict::reduced, "absent: the filter and the monitor are the only walls around files",
            "boot with lsm=landlock,... and CONFIG_SECURITY_LANDLOCK"};
  }
  const std::string text = "ABI " + std::to_string(facts.landlock_abi);
  if (facts.landlock_abi < 4)
    return {"Landlock", Verdict::reduced, text + ": files only", "Linux 6.7 adds TCP ports, 6.12 signals"};
  if (facts.landlock_abi < 6) {
    return {"Landlock", Verdict::reduced, text + ": files and TCP ports", "Linux 6.12 adds signals and abstract sockets"};
  }
  return {"Landlock", Verdict::good, text + ": files, TCP ports, signals and abstract sockets", ""};
}

Finding ownership(const HostFacts& facts) {
  if (facts.may_own) {
    return {"files", Verdict::good, "belong on the host to whom they belong in the container", ""};
  }
  return {"files", Verdict::reduced, "owner, mode and devices are kept in the attribute user.containers.override_stat",
          "none needed; as root, ownership is the host's, and calls on files cost less"};
}

Finding root_directory(const HostFacts& facts) {
  if (facts.may_chroot)
    return {"confinement", Verdict::good, "an empty root directory, Landlock, no capability, the filter", ""};
  return {"confinement", Verdict::reduced, "Landlock, no capability, the filter; no empty root directory",
          "CAP_SYS_CHROOT adds it"};
}

Finding paths(const HostFacts& facts) {
  const bool attaches = facts.major > 6 || (facts.major == 6 && facts.minor >= 15);
  if (facts.may_own && facts.may_make_network && facts.may_chroot && facts.landlock_abi > 0 && attaches) {
    return {"paths", Verdict::good, "resolved by the kernel, in a container's own tree, for those who are root in it", ""};
  }
  std::string advice = "as root, on Linux 6.15 or later with Landlock, the kernel resolves most of them";
  return {"paths", Verdict::reduced, "each is asked of a container's monitor", std::move(advice)};
}

Finding network(const HostFacts& facts) {
  if (facts.may_make_network) return {"network", Verdict::good, "host, none, an engine's, or one of the container's own", ""};
  return {"network", Verdict::reduced, "the host's, or none", "CAP_SYS_ADMIN lets engines give containers networks"};
}

Finding cgroups(const HostFacts& facts) {
  if (facts.may_limit) return {"cgroups", Verdict::good, facts.cgroups + ": limits, pause, statistics", ""};
  return {"cgroups", Verdict::reduced, facts.cgroups + ", not writable: no limits, no statistics",
          "run as root, or have a subtree of cgroup v2 delegated (systemd: Delegate=yes)"};
}

Finding namespaces(const HostFacts& facts) {
  std::string text = facts.user_namespaces_limit == 0 ? "user namespaces are switched off" : "user namespaces are possible";
  if (facts.user_namespace) text = "this is a user namespace";
  return {"namespaces", Verdict::good, text + "; litebox needs none", ""};
}

}  // namespace

std::vector<Finding> judge(const HostFacts& facts) {
  return {kernel(facts),         notifications(facts), tracing(facts), landlock(facts), ownership(facts),
          root_directory(facts), paths(facts),         network(facts), cgroups(facts),  namespaces(facts)};
}

}  // namespace litebox::command
