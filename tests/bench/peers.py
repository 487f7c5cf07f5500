"""What the benchmarks compare: ways to run a command in a tree."""
import ctypes
import json
import os
import pwd
import shutil
import subprocess
import sys

CAPABILITIES = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_SETGID", "CAP_SETUID",
                "CAP_SETFCAP", "CAP_SETPCAP", "CAP_SYS_CHROOT", "CAP_KILL"]
CRUN = ["crun", "--cgroup-manager=disabled"]


def write_config(bundle, root, args):
    config = {
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": 0, "gid": 0}, "args": args, "env": ["PATH=/usr/bin:/bin", "HOME=/tmp"], "cwd": "/",
            "capabilities": {name: CAPABILITIES for name in ["bounding", "effective", "permitted"]},
        },
        "root": {"path": str(root)},
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
             "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
        ],
        "linux": {"namespaces": [{"type": kind} for kind in ["pid", "mount", "ipc", "uts"]]},
    }
    bundle.mkdir(exist_ok=True)
    (bundle / "config.json").write_text(json.dumps(config))


class Peer:
    """One way to run a command in a tree."""

    def __init__(self, name, runtime=None, environment=None, user=None):
        self.roots = {}  # where it has the trees, without a runtime
        self.name, self.runtime, self.user = name, runtime, user
        self.environment = {**os.environ, **(environment or {})}
        self.count = 0

    def command(self, bundle, root, args):
        if self.runtime is None:
            root = self.roots[root]
            return self.become() + (["proot", "-r", str(root), "-w", "/", *args] if self.name == "proot" else ["chroot", str(root), *args])
        write_config(bundle, root, args)
        self.count += 1
        return [*self.become(), *self.runtime, "run", "--bundle", str(bundle), f"bench-{os.getpid()}-{self.name}-{self.count}"]

    def become(self):
        if self.user is None:
            return []
        return ["setpriv", f"--reuid={self.user.pw_uid}", f"--regid={self.user.pw_gid}", "--clear-groups", "--inh-caps=-all",
                "--bounding-set=-all"]


def peers(build, state):
    """All that are installed, native first. `state` is where the ordinary user's containers are kept."""
    user = pwd.getpwnam("nobody")
    found = [Peer("native")]
    if shutil.which("crun"):
        found.append(Peer("crun", CRUN))
    if shutil.which("runc"):
        found.append(Peer("runc", ["runc"]))
    if shutil.which("runsc"):
        found.append(Peer("runsc", ["runsc", "--network=none", "--ignore-cgroups"]))
    litebox = str(build / "litebox")
    found.append(Peer("litebox", [litebox]))
    found.append(Peer("asking", [litebox], {"LITEBOX_REWRITE": "off"}))
    os.chown(state, user.pw_uid, user.pw_gid)
    found.append(Peer("user", [litebox, "--root", str(state)], user=user))
    if shutil.which("proot"):
        found.append(Peer("proot", user=user))
    return found


def leave_mounts():
    """From here on mounts are this run's own. crun refuses a host with both cgroup v1 and an empty v2 hierarchy beside it: for
    this run, and all peers, it goes."""
    if ctypes.CDLL(None).unshare(0x00020000) != 0:  # CLONE_NEWNS
        sys.exit("unshare(CLONE_NEWNS) failed")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    if os.path.ismount("/sys/fs/cgroup/unified"):
        subprocess.run(["umount", "/sys/fs/cgroup/unified"], check=True)


def make_native(directory, tree):
    """The tree as a chroot needs it: with /proc and /dev."""
    directory.mkdir()
    for command in (["mount", "--bind", tree, directory], ["mount", "-t", "proc", "proc", directory / "proc"],
                    ["mount", "--bind", "/dev", directory / "dev"]):
        subprocess.run(command, check=True)
    return directory


def leave_native(directory):
    for place in (directory / "dev", directory / "proc", directory):
        subprocess.run(["umount", place], check=True)
