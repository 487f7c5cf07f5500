#!/usr/bin/env python3
"""Side-by-side figures of container runtimes on the same work, in one run.

Every peer that is installed runs the same work in the same trees, interleaved round by round; figures are medians with their
spread, and the ratio to native. "native" is a chroot; "asking" is litebox with every path asked of its monitor
(LITEBOX_REWRITE=off), "user" litebox as an ordinary user. Needs root (chroot, runc, crun).

The first lines are a static program in a tree of its own, each figure one operation. The others are whole commands, in that
tree, in Debian's (--tree, as packaging/make-rootfs makes it) or in one with compilers and interpreters (--software, its tree of
that name). "NAME, child" is NAME in a process that is not the first of its container.

    tests/bench/bench.py [--build BUILD] [--tree TREE] [--software TREE] [--rounds N] [--only WORK ...] [--json FILE]
"""
import argparse
import ctypes
import json
import os
import pathlib
import pwd
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

MICRO = ["getpid", "gettid", "getppid", "uname", "stat", "missing", "open_close", "open_read_close", "readlink", "create_unlink", "walk", "read", "pipe",
         "unix_ping", "tcp_ping", "futex_ping", "mmap_touch", "signal", "thread", "fork_exit", "fork_exec", "vfork_exec", "posix_spawn"]
# What Debian's tree is asked for.
COMMANDS = {
    "300 execs": "i=0; while [ $i -lt 300 ]; do /bin/true; i=$((i+1)); done",
    "perl": "perl -e 'use POSIX; use File::Find; use Data::Dumper; print 1'",
    "find": "find /usr -type f -name '*.so*' | wc -l",
    "ls": "ls -R /usr | wc -l",
    "grep": "grep -rl litebox /usr/share/doc; true",
    "tar": "tar c /usr/share | wc -c",
    "cp": "cp -a /usr/share/doc /tmp/doc; rm -r /tmp/doc",
}
# Of these, what a process costs that is not the first of its container.
AS_CHILD = ["signal", "thread", "fork_exit", "vfork_exec"]
# What a tree with compilers and interpreters is asked for, and how it is made ready, once, for all peers.
SOFTWARE = {
    "python3": "python3 -c pass",
    "500 imports": "cd /srv/bench/modules; python3 -B -c 'import every'",
    "git status": "cd /srv/bench/repository; git status --short | wc -l",
    "gcc": "cd /srv/bench/sources; for i in $(seq 20); do gcc -O1 -c f$i.c -o /dev/null; done",
    "sqlite": "rm -f /tmp/bench.db; sqlite3 /tmp/bench.db < /srv/bench/transactions.sql",
}
FOR_USERS = ["python3", "500 imports", "git status", "gcc"]  # in a tree that is not theirs
MAKE_READY = r"""
set -e; rm -rf /srv/bench; mkdir -p /srv/bench/modules /srv/bench/sources /srv/bench/repository; cd /srv/bench
for i in $(seq 500); do echo "value = $i" > modules/module$i.py; echo "import module$i"; done > modules/every.py
for i in $(seq 20); do printf '#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\nint f%d(int n) { return printf("%%d", n); }\n' $i; done > all
split -l 4 --numeric-suffixes=1 -a 2 all part; for i in $(seq 20); do mv part$(printf %02d $i) sources/f$i.c; done
cd repository; export HOME=/srv/bench; git init -q; for d in $(seq 100); do mkdir $d; (cd $d; touch $(seq 200)); done
git add -A; git -c user.name=x -c user.email=x commit -q -m x; git config --system --replace-all safe.directory '*'; git config core.checkStat minimal; sleep 1.1; git status > /dev/null
cd ..; (for i in $(seq 200); do if [ $i = 1 ]; then echo 'create table t(a, b);'; fi; echo "insert into t values($i, 'x');"; done) > transactions.sql
"""
CAPABILITIES = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_SETGID", "CAP_SETUID",
                "CAP_SETFCAP", "CAP_SETPCAP", "CAP_SYS_CHROOT", "CAP_KILL"]
WALK_DIRECTORIES, WALK_FILES = 100, 100


def make_small_tree(root, micro):
    for name in ["bin", "etc", "dev", "proc", "sys", "tmp"]:
        (root / name).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    shutil.copy("/bin/busybox", root / "bin/busybox")
    for applet in ["sh", "true", "cat", "sleep"]:
        os.symlink("busybox", root / "bin" / applet)
    shutil.copy(micro, root / "bin/micro")
    (root / "etc/hostname").write_text("bench\n")
    os.symlink("/bin/true", root / "link")
    for i in range(WALK_DIRECTORIES):
        (root / f"walk/{i}").mkdir(parents=True)
        for j in range(WALK_FILES):
            (root / f"walk/{i}/{j}").touch()
    os.mknod(root / "dev/zero", 0o666 | 0o020000, os.makedev(1, 5))


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
            return ["proot", "-r", str(root), "-w", "/", *args] if self.name == "proot" else ["chroot", str(root), *args]
        write_config(bundle, root, args)
        self.count += 1
        argv = [*self.runtime, "run", "--bundle", str(bundle), f"bench-{os.getpid()}-{self.name}-{self.count}"]
        if self.user is None:
            return argv
        return ["setpriv", f"--reuid={self.user.pw_uid}", f"--regid={self.user.pw_gid}", "--clear-groups", "--inh-caps=-all",
                "--bounding-set=-all", *argv]


def peers(build, state):
    found = [Peer("native")]
    if shutil.which("proot"):
        found.append(Peer("proot"))
    if shutil.which("crun"):
        found.append(Peer("crun", ["crun", "--cgroup-manager=disabled"]))
    if shutil.which("runc"):
        found.append(Peer("runc", ["runc"]))
    if shutil.which("runsc"):
        found.append(Peer("runsc", ["runsc", "--network=none", "--ignore-cgroups"]))
    litebox = str(build / "litebox")
    found.append(Peer("litebox", [litebox]))
    found.append(Peer("asking", [litebox], {"LITEBOX_REWRITE": "off"}))
    user = pwd.getpwnam("nobody")
    os.chown(state, user.pw_uid, user.pw_gid)
    found.append(Peer("user", [litebox, "--root", str(state)], user=user))
    return found


def leave_mounts():
    """From here on mounts are this run's own. crun refuses a host with both cgroup v1 and an empty v2 hierarchy beside it: for
    this run, and all peers, it goes."""
    if ctypes.CDLL(None).unshare(0x00020000) != 0:  # CLONE_NEWNS
        sys.exit("bench.py: unshare(CLONE_NEWNS) failed")
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


def measure(peer, bundle, root, args, micro):
    """Nanoseconds: of each batch that the program reports, or of the whole command."""
    argv = peer.command(bundle, root, args)
    start = time.monotonic()
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=300,
                          env=peer.environment, check=False)
    elapsed = (time.monotonic() - start) * 1e9
    if done.returncode != 0:
        raise RuntimeError(f"exit {done.returncode}: {done.stderr.decode(errors='replace').strip()[-300:]}")
    return [float(line) for line in done.stdout.split()] if micro else [elapsed]


def print_table(samples, names):
    print("| µs (ratio to native) [min-max] | " + " | ".join(names) + " |")
    print("|---|" + "---|" * len(names))
    result = {}
    for work, by_peer in samples.items():
        if "native" not in by_peer:
            continue
        native = statistics.median(by_peer["native"])
        cells = []
        for name in names:
            values = by_peer.get(name)
            if not values:
                cells.append("failed")
                continue
            median = statistics.median(values)
            result.setdefault(work, {})[name] = {"median_ns": median, "min_ns": min(values), "max_ns": max(values),
                                                 "ratio": median / native}
            cells.append(f"{median / 1e3:.1f} ({median / native:.2f}x) [{min(values) / 1e3:.1f}-{max(values) / 1e3:.1f}]")
        print(f"| {work} | " + " | ".join(cells) + " |")
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build", type=pathlib.Path)
    parser.add_argument("--tree", type=pathlib.Path)
    parser.add_argument("--software", type=pathlib.Path)
    parser.add_argument("--rounds", default=5, type=int)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("bench.py: chroot and the peers need root")
    leave_mounts()
    build = options.build.resolve()
    with tempfile.TemporaryDirectory(prefix="litebox-bench-") as temporary:
        directory = pathlib.Path(temporary)
        directory.chmod(0o755)
        (directory / "state").mkdir()
        small = directory / "small"
        make_small_tree(small, build / "tests/bench/micro")
        works = {"run true": (small, ["/bin/true"], False)}
        works.update({name: (small, ["/bin/micro", name, "3"], True) for name in MICRO})
        works.update({f"{name}, child": (small, ["/bin/sh", "-c", f"/bin/micro {name} 3; :"], True) for name in AS_CHILD})
        if options.software is not None:
            software = options.software.resolve()
            subprocess.run(["chroot", software, "/bin/bash", "-c", MAKE_READY], check=True)
            works.update({name: (software, ["/bin/bash", "-c", text], False) for name, text in SOFTWARE.items()})
        if options.tree is not None:
            works.update({name: (options.tree.resolve(), ["/bin/sh", "-c", text], False) for name, text in COMMANDS.items()})
        all_peers = peers(build, directory / "state")
        roots = {root: make_native(directory / f"native-{root.name}", root) for root in {root for root, _, _ in works.values()}}
        for peer in all_peers:
            peer.roots = roots
        samples, failed = {}, set()
        for _ in range(options.rounds):
            for work, (root, args, micro) in works.items():
                if options.only and work not in options.only:
                    continue
                for peer in all_peers:
                    # A tree of root's is no ordinary user's to write to.
                    if (work, peer.name) in failed or (peer.name == "user" and not (root == small and work != "create_unlink" or work in FOR_USERS)):
                        continue
                    try:
                        values = measure(peer, directory / f"bundle-{peer.name}", root, args, micro)
                    except (RuntimeError, subprocess.TimeoutExpired, ValueError) as error:
                        failed.add((work, peer.name))
                        print(f"{peer.name}, {work}: {error}", file=sys.stderr)
                        continue
                    samples.setdefault(work, {}).setdefault(peer.name, []).extend(values)
        result = print_table(samples, [peer.name for peer in all_peers])
        for mounted in roots.values():
            for place in (mounted / "dev", mounted / "proc", mounted):
                subprocess.run(["umount", place], check=True)
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
