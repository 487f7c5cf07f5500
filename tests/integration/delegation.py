#!/usr/bin/env python3
"""Limits for an ordinary user: where root has given them some hierarchies of cgroup v1 or a subtree of v2, those limits hold; where
not, asking for one is an error of one line, and asking for none is fine.

    delegation.py --litebox BUILD/litebox --make-rootfs packaging/make-rootfs
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

PATIENCE = 60
MEGABYTE = 1 << 20
CGROUPS = pathlib.Path("/sys/fs/cgroup")
# Ends with the number of processes that could be made, and with how a program with too much memory ended.
SCRIPT = """i=0; while [ $i -lt 60 ] && sleep 3 & do i=$((i+1)); done 2>/dev/null; echo started all"""
MEMORY = "dd if=/dev/zero of=/dev/null bs=200M count=1 2>/dev/null; echo ended with $?"


class Failure(Exception):
    pass


def check(condition, text):
    if not condition:
        raise Failure(text)


class Test:
    def __init__(self, directory, litebox, user):
        self.directory, self.litebox, self.user = directory, litebox, user
        self.group = f"litebox-delegation-{os.getpid()}"
        self.count = 0

    def run(self, script, resources, path):
        """As the user: exit status, output."""
        self.count += 1
        bundle = self.directory / "bundle"
        (bundle / "config.json").write_text(json.dumps({
            "ociVersion": "1.0.2",
            "process": {"user": {"uid": 0, "gid": 0}, "args": ["sh", "-c", script], "env": ["PATH=/bin"], "cwd": "/"},
            "root": {"path": "rootfs"},
            "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
                       {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"}],
            "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts")],
                      **({"cgroupsPath": path} if path else {}), **({"resources": resources} if resources else {})}}))
        done = subprocess.run([self.litebox, "--root", self.directory / "state", "run", "--bundle", bundle, f"one-{self.count}"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE,
                              check=False, user=self.user.pw_uid, group=self.user.pw_gid, extra_groups=[],
                              env={"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(self.directory)})
        return done.returncode, done.stdout

    def give(self, *controllers):
        """Directories that are the user's: of the hierarchies of these controllers, or one in that of cgroup v2."""
        if (CGROUPS / "cgroup.controllers").exists():
            (CGROUPS / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in controllers))
            places = [CGROUPS / self.group]
        else:
            places = [CGROUPS / name / self.group for name in controllers]
        for place in places:
            place.mkdir()
            for path in (place, place / "cgroup.procs", place / "cgroup.subtree_control"):
                if path.exists():
                    os.chown(path, self.user.pw_uid, self.user.pw_gid)
        return places

    def take_back(self, places):
        for place in places:
            deadline = time.monotonic() + 10
            while place.exists() and time.monotonic() < deadline:
                left = [path for path, _, _ in os.walk(place, topdown=False)]
                check(left == [str(place)], f"left over: {left}")
                subprocess.run(["rmdir", place], stderr=subprocess.DEVNULL, check=False)

    def given(self):
        places = self.give("memory", "pids")
        try:
            path = f"/{self.group}/container"
            limits = {"pids": {"limit": 20}, "memory": {"limit": 64 * MEGABYTE}}
            status, text = self.run("echo all", limits, path)
            check((status, text) == (0, "all\n"), f"nothing exceeded: {status}, {text}")
            status, text = self.run(SCRIPT, limits, path)
            check(status != 0 and "started" not in text, f"more processes than 20: {status}, {text}")
            status, text = self.run(MEMORY, limits, path)
            check((status, text.splitlines()[-1:]) == (0, ["ended with 137"]), f"more memory than 64 MiB: {status}, {text}")
            status, text = self.run("true", {"cpu": {"shares": 512}}, path)
            check(status == 1 and text.count("level=error") == 1 and "cpu" in text, f"a limit that was not given: {status}, {text}")
        finally:
            self.take_back(places)

    def not_given(self):
        status, text = self.run("echo all", None, None)
        check((status, text) == (0, "all\n"), f"no limit: {status}, {text}")
        for resources in ({"pids": {"limit": 20}}, {"memory": {"limit": 64 * MEGABYTE}}):
            status, text = self.run("true", resources, None)
            check(status == 1 and text.count("level=error") == 1 and "linux.resources" in text, f"{resources}: {status}, {text}")
        left = [str(path) for path in CGROUPS.glob("*/litebox/one-*")] + list(os.listdir(self.directory / "state"))
        check(not left, f"left over: {left}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--litebox", required=True, type=pathlib.Path)
    parser.add_argument("--make-rootfs", required=True, type=pathlib.Path)
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("delegation.py: needs root, to give cgroups to another user")
    user = pwd.getpwnam("nobody")
    directory = pathlib.Path(tempfile.mkdtemp(prefix="litebox-delegation-"))
    failures = 0
    try:
        directory.chmod(0o755)
        bundle = directory / "bundle"
        bundle.mkdir()
        shutil.copy(options.litebox, directory / "litebox")
        subprocess.run([options.make_rootfs, "busybox", bundle / "rootfs", user.pw_name], check=True)
        for path in (directory, bundle):
            os.chown(path, user.pw_uid, user.pw_gid)
        test = Test(directory, directory / "litebox", user)
        for case in (test.given, test.not_given):
            try:
                case()
                print(f"passed: {case.__name__}", flush=True)
            except (Failure, subprocess.TimeoutExpired) as failure:
                failures += 1
                print(f"FAILED: {case.__name__}: {failure}", file=sys.stderr, flush=True)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
