#!/usr/bin/env python3
"""Many of everything: forks, execs, threads, sessions, calls with paths, open files, watches, a fork bomb. Nothing of
it stays in the monitor, and a container with thousands of processes dies quickly.

    stress.py --litebox BUILD/litebox --program BUILD/tests/programs/stress --as root|user [--full]

With --full: 100,000 forks, 10,000 execs, 2,000 threads at a time, 1,000 sessions, 1,000,000 calls with paths,
100,000 files open at a time, 10,000 inotify watches.
"""
import argparse
import json
import os
import pathlib
import pwd
import shutil
import subprocess
import sys
import tempfile
import time

SMALL = {"forks": 1500, "execs": 150, "threads": 300, "sessions": 100, "paths": 20_000, "files": 5_000, "watches": 500}
FULL = {"forks": 100_000, "execs": 10_000, "threads": 2_000, "sessions": 1_000, "paths": 1_000_000, "files": 100_000,
        "watches": 10_000}
BOMB = 400  # processes at a time
# What the monitor may have more of after each workload: what it keeps is bounded, and not by how much was done.
EXTRA_DESCRIPTORS = 600  # its caches
EXTRA_MEMORY_KB = 8 * 1024
EXTRA_THREADS = 16
# In which the container is to be dead. It is a matter of tenths of a second where nothing else runs.
PATIENCE = 10


class Failure(Exception):
    pass


def check(condition, text):
    if not condition:
        raise Failure(text)


def parent_of(pid):
    return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def children_of(parent):
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and parent_of(entry.name) == parent:
                found.append(int(entry.name))
        except OSError:
            pass
    return found


class Usage:
    """What a process holds."""

    def __init__(self, pid):
        status = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
        self.descriptors = len(os.listdir(f"/proc/{pid}/fd"))
        self.memory = int(status["VmRSS"].split()[0])
        self.threads = int(status["Threads"])

    def __str__(self):
        return f"{self.descriptors} descriptors, {self.memory} kB, {self.threads} threads"


class Test:
    def __init__(self, directory, litebox, user):
        self.directory, self.litebox, self.root = directory, str(litebox), str(directory / "state")
        self.become = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}

    def call(self, *args, timeout=60, output=subprocess.PIPE):
        done = subprocess.run([self.litebox, "--root", self.root, *args], stdin=subprocess.DEVNULL, stdout=output,
                              stderr=subprocess.STDOUT, timeout=timeout, check=False, text=True, **self.become)
        check(done.returncode == 0, f"litebox {args}: exit {done.returncode}: {done.stdout}")
        return done.stdout

    def start(self, name):
        config = {"ociVersion": "1.0.2",
                  "process": {"user": {"uid": 0, "gid": 0}, "args": ["/stress", "wait"], "cwd": "/"},
                  "root": {"path": "rootfs"},
                  "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
                  "linux": {}}
        (self.directory / "bundle/config.json").write_text(json.dumps(config))
        pid_file = self.directory / "pid"
        self.call("run", "-d", "--bundle", str(self.directory / "bundle"), "--pid-file", str(pid_file), name,
                  output=subprocess.DEVNULL)
        keeper = int(pid_file.read_text())
        return keeper, children_of(keeper)[0]

    def nothing_stays(self, counts):
        _, monitor = self.start("stress")
        self.call("exec", "stress", "/stress", "forks", "10")
        before = Usage(monitor)
        print(f"the monitor at first: {before}", flush=True)
        for what, count in counts.items():
            begin = time.monotonic()
            said = self.call("exec", "stress", "/stress", what, str(count), timeout=3000)
            took = time.monotonic() - begin
            check(said == f"done {count}\n", f"{what}: {said}")
            after = Usage(monitor)
            print(f"{count} {what}: {took:.1f} s ({took / count * 1e6:.0f} us each); then {after}", flush=True)
            check(after.descriptors <= before.descriptors + EXTRA_DESCRIPTORS, "descriptors stay")
            check(after.memory <= before.memory + EXTRA_MEMORY_KB, "memory stays")
            check(after.threads <= before.threads + EXTRA_THREADS, "threads stay")
        self.call("delete", "--force", "stress")

    def dies_quickly(self):
        keeper, monitor = self.start("bomb")
        self.call("exec", "-d", "bomb", "/stress", "bomb", str(BOMB), output=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and len(json.loads(self.call("ps", "--format", "json", "bomb"))) < BOMB * 3 // 4:
            time.sleep(0.05)
        members = json.loads(self.call("ps", "--format", "json", "bomb"))
        check(len(members) >= BOMB // 2, f"the bomb has {len(members)} processes only")
        begin = time.monotonic()
        self.call("kill", "bomb", "KILL")
        while self.alive(members + [keeper, monitor]) and time.monotonic() < begin + 3 * PATIENCE:
            time.sleep(0.005)
        took = time.monotonic() - begin
        print(f"a fork bomb of {len(members)} processes: dead after {took:.2f} s", flush=True)
        check(took < PATIENCE, "the container lives too long")
        self.call("delete", "--force", "bomb")

    @staticmethod
    def alive(pids):
        for pid in pids:
            try:
                if pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX":
                    return True
            except OSError:
                pass
        return False


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--litebox", required=True, type=pathlib.Path)
    parser.add_argument("--program", required=True, type=pathlib.Path)
    parser.add_argument("--as", dest="who", choices=["root", "user"], required=True)
    parser.add_argument("--full", action="store_true")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("stress.py: needs root, to be root and to become another user")
    directory = pathlib.Path(tempfile.mkdtemp(prefix="litebox-stress-"))
    directory.chmod(0o755)
    failures = 0
    try:
        litebox = directory / "litebox"
        shutil.copy(options.litebox, litebox)
        for name in ("proc", "dev"):
            (directory / "bundle/rootfs" / name).mkdir(parents=True)
        shutil.copy(options.program, directory / "bundle/rootfs/stress")
        user = pwd.getpwnam("nobody") if options.who == "user" else None
        if user:
            subprocess.run(["chown", "-R", f"{user.pw_uid}:{user.pw_gid}", str(directory)], check=True)
            os.environ["XDG_RUNTIME_DIR"] = str(directory)
        test = Test(directory, litebox, user)
        for case in (lambda: test.nothing_stays(FULL if options.full else SMALL), test.dies_quickly):
            try:
                case()
            except (Failure, subprocess.SubprocessError) as failure:
                failures += 1
                print(f"FAILED: {failure}", file=sys.stderr, flush=True)
        for name in ("stress", "bomb"):
            test.call("delete", "--force", name)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
