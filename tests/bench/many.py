#!/usr/bin/env python3
"""Many containers at once, each a shell loop, with runc and with litebox: how long it takes to start all, to execute a command in
all and to stop all, and what each container costs in memory beside its own processes.

    tests/bench/many.py [--build BUILD] [--count N] [--rounds N] [--jobs N] [--make-rootfs packaging/make-rootfs]

Commands are given by `jobs` callers at once. Rounds alternate between the runtimes, and figures are medians. Memory is the sum
of proportional set sizes: of litebox's keeper and monitor, where runc leaves nothing; and of init, for both. Needs root.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

LOOP = ["sh", "-c", "i=0; while :; do i=$((i+1)); echo $i >/tmp/count; sleep 1; done"]


def proportional(pid):
    """KiB"""
    try:
        lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


class Runtime:
    def __init__(self, name, program, directory, tree):
        """`program`: with the options that it always has."""
        self.name, self.directory, self.tree = name, directory / name, tree
        self.directory.mkdir()
        self.program = [*program, "--root", f"{self.directory}/state"]
        self.names = []

    def call(self, *args):
        command = [*self.program, "--log", f"{self.directory}/log", *args]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            raise SystemExit(f"{command}: exit {done.returncode}: {(self.directory / 'log').read_text()[-1000:]}")

    def prepare(self, count, args=None):
        self.names = [f"many-{os.getpid()}-{self.name}-{i}" for i in range(count)]
        for name in self.names:
            bundle = self.directory / name
            subprocess.run(["cp", "-a", "--reflink=auto", self.tree, bundle], check=True)
            (bundle / "config.json").write_text(json.dumps({
                "ociVersion": "1.0.2",
                "process": {"user": {"uid": 0, "gid": 0}, "args": args or LOOP, "env": ["PATH=/bin"], "cwd": "/"},
                "root": {"path": "rootfs"},
                "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
                           {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"},
                           {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"}],
                "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts", "network")]}}))

    def run(self, name):
        self.call("run", "--detach", "--bundle", f"{self.directory}/{name}", "--pid-file", f"{self.directory}/{name}/pid", name)

    def execute(self, name, args=("sh", "-c", "test $(cat /tmp/count) -gt 0")):
        self.call("exec", name, *args)

    def stop(self, name):
        self.call("delete", "--force", name)

    def helpers(self, name):
        if self.name != "litebox":
            return []
        record = json.loads((self.directory / "state" / name / "state.json").read_text())
        return [record["keeper"]["pid"], record["monitor"]["pid"]]

    def init(self, name):
        if self.name != "litebox":  # there the pid file names the keeper
            return int((self.directory / name / "pid").read_text())
        command = [*self.program, "ps", "--format", "json", name]
        return min(json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout))

    def memory(self):
        """KiB for each container: of the helpers, and of its first process."""
        helpers = [proportional(pid) for name in self.names for pid in self.helpers(name)]
        inits = [self.init(name) for name in self.names]
        return sum(helpers) / len(self.names), sum(map(proportional, inits)) / len(self.names)

    def close(self):
        for name in self.names:
            subprocess.run([*self.program, "delete", "--force", name], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, check=False)


def all_at_once(jobs, work, names):
    """Seconds for the whole, and the median of one."""
    def timed(name):
        begin = time.monotonic()
        work(name)
        return time.monotonic() - begin

    begin = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        each = list(pool.map(timed, names))
    return time.monotonic() - begin, statistics.median(each)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build", type=pathlib.Path)
    parser.add_argument("--make-rootfs", default="packaging/make-rootfs", type=pathlib.Path)
    parser.add_argument("--count", default=100, type=int)
    parser.add_argument("--rounds", default=3, type=int)
    parser.add_argument("--jobs", default=100, type=int)
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("many.py: runc needs root")
    directory = pathlib.Path(tempfile.mkdtemp(prefix="litebox-many-"))
    runtimes, seen = [], {}
    try:
        tree = directory / "tree"
        subprocess.run([options.make_rootfs.resolve(), "busybox", tree / "rootfs"], check=True)
        for name, program in (("runc", ["runc"]), ("litebox", [(options.build / "litebox").resolve()])):
            runtimes.append(Runtime(name, program, directory, tree))
            runtimes[-1].prepare(options.count)
        for _ in range(options.rounds):
            for runtime in runtimes:
                figures = {"start all": all_at_once(options.jobs, runtime.run, runtime.names)}
                time.sleep(2)  # what was used for the start is given back
                figures["exec in all"] = all_at_once(options.jobs, runtime.execute, runtime.names)
                time.sleep(2)
                figures["memory"] = runtime.memory()
                figures["stop all"] = all_at_once(options.jobs, runtime.stop, runtime.names)
                for what, values in figures.items():
                    seen.setdefault(what, {}).setdefault(runtime.name, []).append(values)
    finally:
        for runtime in runtimes:
            runtime.close()
        subprocess.run(["rm", "-rf", "--one-file-system", directory], check=False)
    for what, by_runtime in seen.items():
        cells = []
        for name, values in by_runtime.items():
            first, second = (statistics.median(column) for column in zip(*values))
            cells.append(f"{name} {first:.0f} KiB of helpers, {second:.0f} KiB of init" if what == "memory" else
                         f"{name} {first:.2f} s, {second * 1000:.0f} ms each")
        print(f"{what:12} {options.count} containers: " + "; ".join(cells), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
