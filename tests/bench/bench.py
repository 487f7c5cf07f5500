#!/usr/bin/env python3
"""Side-by-side figures of container runtimes on the same work, in one run.

Every peer that is installed runs the same static program in the same busybox tree, interleaved round by round; figures are
medians with their spread, and the ratio to native. "native" is a chroot. Needs root (chroot, runc, crun).

    tests/bench/bench.py [--build BUILD] [--rounds N] [--json FILE]
"""
import argparse
import ctypes
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

MICRO = ["getpid", "stat", "open_close", "read", "fork_exit", "fork_exec"]


def make_bundle(directory, micro):
    root = directory / "rootfs"
    for name in ["bin", "etc", "dev", "proc", "sys", "tmp"]:
        (root / name).mkdir(parents=True)
    shutil.copy("/bin/busybox", root / "bin/busybox")
    for applet in ["sh", "true", "cat"]:
        os.symlink("busybox", root / "bin" / applet)
    shutil.copy(micro, root / "bin/micro")
    (root / "etc/hostname").write_text("bench\n")
    os.mknod(root / "dev/zero", 0o666 | 0o020000, os.makedev(1, 5))
    return root


def write_config(bundle, args):
    config = {
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": 0, "gid": 0}, "args": args, "env": ["PATH=/bin"], "cwd": "/",
            "capabilities": {name: [] for name in ["bounding", "effective", "permitted"]},
        },
        "root": {"path": "rootfs"},
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
             "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
        ],
        "linux": {"namespaces": [{"type": kind} for kind in ["pid", "mount", "ipc", "uts"]]},
    }
    (bundle / "config.json").write_text(json.dumps(config))


def peers(build, bundle, root):
    found = {"native": lambda args: ["chroot", str(root), *args]}
    if shutil.which("proot"):
        found["proot"] = lambda args: ["proot", "-r", str(root), "-w", "/", *args]
    counter = [0]

    def oci(command):
        def make(args):
            write_config(bundle, args)
            counter[0] += 1
            return [*command, "run", "--bundle", str(bundle), f"bench-{os.getpid()}-{counter[0]}"]
        return make

    if shutil.which("crun"):
        found["crun"] = oci(["crun", "--cgroup-manager=disabled"])
    if shutil.which("runc"):
        found["runc"] = oci(["runc"])
    found["litebox"] = oci([str(build / "litebox")])
    return found


def hide_second_hierarchy():
    """crun refuses a host with both cgroup v1 and an empty v2 hierarchy beside it; for this run, and all peers, it goes."""
    unified = "/sys/fs/cgroup/unified"
    if not os.path.ismount(unified):
        return
    if ctypes.CDLL(None).unshare(0x00020000) != 0:  # CLONE_NEWNS
        sys.exit("bench.py: unshare(CLONE_NEWNS) failed")
    for command in (["mount", "--make-rprivate", "/"], ["umount", unified]):
        subprocess.run(command, check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build", type=pathlib.Path)
    parser.add_argument("--rounds", default=5, type=int)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("bench.py: chroot and the peers need root")
    hide_second_hierarchy()
    build = options.build.resolve()
    with tempfile.TemporaryDirectory(prefix="litebox-bench-") as temporary:
        bundle = pathlib.Path(temporary)
        root = make_bundle(bundle, build / "tests/bench/micro")
        commands = peers(build, bundle, root)
        samples = {}
        failed = set()
        for _ in range(options.rounds):
            for work in ["run_true", *MICRO]:
                for peer, command in commands.items():
                    if (work, peer) in failed:
                        continue
                    args = ["/bin/true"] if work == "run_true" else ["/bin/micro", work, "3"]
                    argv = command(args)
                    start = time.monotonic()
                    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=False)
                    elapsed = (time.monotonic() - start) * 1e9
                    if done.returncode != 0:
                        failed.add((work, peer))
                        print(f"{peer} {work}: exit {done.returncode}: {done.stderr.decode(errors='replace').strip()}",
                              file=sys.stderr)
                        continue
                    values = [elapsed] if work == "run_true" else [float(line) for line in done.stdout.split()]
                    samples.setdefault(work, {}).setdefault(peer, []).extend(values)
    print("| µs (ratio to native) [min-max] | " + " | ".join(commands) + " |")
    print("|---|" + "---|" * len(commands))
    result = {}
    for work, by_peer in samples.items():
        native = statistics.median(by_peer["native"])
        cells = []
        for peer in commands:
            values = by_peer.get(peer)
            if not values:
                cells.append("failed")
                continue
            median = statistics.median(values)
            result.setdefault(work, {})[peer] = {"median_ns": median, "min_ns": min(values), "max_ns": max(values),
                                                 "ratio": median / native}
            cells.append(f"{median / 1e3:.1f} ({median / native:.1f}x) [{min(values) / 1e3:.1f}-{max(values) / 1e3:.1f}]")
        print(f"| {work} | " + " | ".join(cells) + " |")
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
