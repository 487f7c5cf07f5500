// A config.json that sets nearly every field, for tests to read and to break.
#pragma once

#include <nlohmann/json.hpp>

namespace litebox::oci::testing {

// Well-formed: parse_config() accepts its dump.
inline nlohmann::json sample() {
  return nlohmann::json::parse(R"json({
    "ociVersion": "1.2.1",
    "root": {"path": "rootfs", "readonly": true},
    "hostname": "box",
    "domainname": "example.org",
    "mounts": [
      {"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev"]},
      {"destination": "dev", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755", "size=64k"]},
      {"destination": "/data", "type": "none", "source": "data", "options": ["rbind", "ro"]},
      {"destination": "/mapped", "type": "bind", "source": "/srv", "options": ["idmap"],
       "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 10}],
       "gidMappings": [{"containerID": 0, "hostID": 1000, "size": 10}]}
    ],
    "process": {
      "terminal": true,
      "consoleSize": {"height": 25, "width": 80},
      "user": {"uid": 1000, "gid": 1001, "umask": 23, "additionalGids": [4, 5]},
      "args": ["sh", "-c", "exit 3"],
      "env": ["PATH=/bin", "EMPTY="],
      "cwd": "/root",
      "rlimits": [
        {"type": "RLIMIT_NOFILE", "soft": 1024, "hard": 4096},
        {"type": "RLIMIT_CORE", "soft": 0, "hard": 18446744073709551615}
      ],
      "capabilities": {
        "bounding": ["CAP_CHOWN", "CAP_KILL"], "effective": ["CAP_KILL"], "permitted": ["CAP_KILL"],
        "inheritable": [], "ambient": []
      },
      "noNewPrivileges": true,
      "oomScoreAdj": -100,
      "apparmorProfile": "unconfined",
      "selinuxLabel": "",
      "scheduler": {"policy": "SCHED_DEADLINE", "flags": ["SCHED_FLAG_RESET_ON_FORK"], "nice": -5,
                    "runtime": 1000000, "deadline": 2000000, "period": 3000000},
      "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 7},
      "execCPUAffinity": {"initial": "0", "final": "0-3,7"}
    },
    "hooks": {
      "prestart": [{"path": "/bin/true", "args": ["true", "1"], "env": ["A=b"], "timeout": 5}],
      "createRuntime": [{"path": "/bin/true"}],
      "createContainer": [{"path": "/bin/true"}],
      "startContainer": [{"path": "/bin/true"}],
      "poststart": [{"path": "/bin/true"}],
      "poststop": [{"path": "/bin/true", "env": []}]
    },
    "annotations": {"org.example.key": "value", "empty": ""},
    "linux": {
      "namespaces": [
        {"type": "pid"}, {"type": "network", "path": "/run/netns/a"}, {"type": "mount"}, {"type": "ipc", "path": ""},
        {"type": "uts"}, {"type": "user"}, {"type": "cgroup"}, {"type": "time"}
      ],
      "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}, {"containerID": 1, "hostID": 100000, "size": 65535}],
      "gidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}],
      "timeOffsets": {"monotonic": {"secs": -5, "nanosecs": 10}, "boottime": {}},
      "devices": [
        {"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 8630, "uid": 1, "gid": 2},
        {"path": "/run/pipe", "type": "p"}
      ],
      "netDevices": {"eth0": {"name": "inside%d"}, "eth1": {}},
      "cgroupsPath": "/litebox/box",
      "resources": {
        "devices": [{"allow": false, "access": "rwm"},
                    {"allow": true, "type": "c", "major": 10, "minor": -1, "access": "rw"}],
        "memory": {"limit": 1000000, "reservation": 500000, "swap": 2000000, "kernel": -1, "kernelTCP": -1,
                   "swappiness": 60, "disableOOMKiller": false, "useHierarchy": true, "checkBeforeUpdate": true},
        "cpu": {"shares": 1024, "quota": 50000, "burst": 1000, "period": 100000, "realtimeRuntime": 950000,
                "realtimePeriod": 1000000, "cpus": "0-1", "mems": "0", "idle": 0},
        "pids": {"limit": 0},
        "blockIO": {"weight": 10, "leafWeight": 0,
                    "weightDevice": [{"major": 8, "minor": 0, "weight": 500, "leafWeight": 300}],
                    "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 600}],
                    "throttleWriteBpsDevice": [{"major": 8, "minor": 1, "rate": 601}],
                    "throttleReadIOPSDevice": [{"major": 8, "minor": 2, "rate": 602}],
                    "throttleWriteIOPSDevice": [{"major": 8, "minor": 3, "rate": 603}]},
        "hugepageLimits": [{"pageSize": "2MB", "limit": 209715200}, {"pageSize": "64KB", "limit": 0}],
        "network": {"classID": 1048577, "priorities": [{"name": "eth0", "priority": 500}]},
        "rdma": {"mlx5_1": {"hcaHandles": 3}},
        "unified": {"memory.high": "1000"}
      },
      "sysctl": {"net.ipv4.ip_forward": "1", "net/ipv4/conf/eth0.1/forwarding": "1"},
      "seccomp": {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": 38,
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X32"],
        "flags": ["SECCOMP_FILTER_FLAG_LOG"],
        "listenerPath": "/run/agent",
        "listenerMetadata": "data",
        "syscalls": [
          {"names": ["read", "write"], "action": "SCMP_ACT_ALLOW"},
          {"names": ["clone"], "action": "SCMP_ACT_ALLOW",
           "args": [{"index": 0, "value": 2114060288, "valueTwo": 18446744073709551615, "op": "SCMP_CMP_MASKED_EQ"}]},
          {"names": ["bpf"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}
        ]
      },
      "rootfsPropagation": "slave",
      "maskedPaths": ["/proc/kcore"],
      "readonlyPaths": ["/proc/sys"],
      "mountLabel": "system_u:object_r:container_file_t:s0",
      "intelRdt": {"closID": "group", "schemata": ["L3:0=f"], "l3CacheSchema": "L3:0=f", "memBwSchema": "MB:0=20",
                   "enableCMT": true, "enableMBM": false, "enableMonitoring": true},
      "personality": {"domain": "LINUX32"},
      "memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0-1", "flags": ["MPOL_F_STATIC_NODES"]}
    },
    "windows": {},
    "unknown": {"nested": [1, 2.5, null]}
  })json");
}

}  // namespace litebox::oci::testing
