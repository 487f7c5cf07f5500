#!/usr/bin/env python3
"""Where something runs out (space, inodes, descriptors, memory) or may not be written, programs inside see the errors that they see
in a chroot, or the caller gets one clear error; and nothing is lost that a program had synced.

    exhaustion.py --litebox BUILD/litebox --make-rootfs packaging/make-rootfs --program BUILD/tests/programs/stress --as root|user

Needs root: for file systems of its own (ext4 on a loop device, in a mount namespace of its own), memory groups and the chroot.
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

CAPABILITIES = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_SETGID", "CAP_SETUID", "CAP_KILL"]
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
PATIENCE = 120

# What the first error of each call is called, when it fails at last, and that all is well once there is room again.
FULL = r"""
cd /data
echo kept | dd of=kept conv=fsync 2> /dev/null; mkdir d; echo old > d/replaced
until_error() { for i in $(seq 3000); do said=$(eval "$1" 2>&1) || { echo "$said" | sed 's/.*: //' | head -1; return; }; done; echo never; }
mkdir many
FILL
echo "directories $(until_error 'mkdir many/directory$i')"
echo "files $(until_error 'dd if=/dev/zero of=many/file$i bs=4k count=1 2>&1 | grep ": " >&2; [ -s many/file$i ]')"
echo "links $(until_error "ln -s $(seq 100 | tr '\n' x) many/link\$i")"
mv d/replaced d/moved; cat d/moved; ls many | wc -l | sed 's/[1-9].*/some/'; cat kept; /bin/busybox true; echo "runs $?"
echo changed >> kept 2>/dev/null; head -1 kept
rm -rf many fill; mkdir again; echo again > again/file; cat again/file; mv again/file kept2; cat kept kept2 | head -1; chmod 4711 kept; stat -c %a kept
"""
FILL_SPACE = "dd if=/dev/zero of=fill bs=64k 2>&1 | grep -o 'No space.*'"

READ_ONLY = r"""
cd /data 2>/dev/null; for c in 'echo x > new' 'echo x >> kept' 'mkdir dir' 'rm kept' 'mv kept other' 'ln kept link' 'ln -s kept link' 'chmod 600 kept' 'chown 5 kept' 'touch kept' 'mkfifo fifo' 'truncate -s 0 kept'; do
  sh -c "$c" 2>&1 | sed 's/.*: //'; done; cat kept; ls /; echo x > /dev/null && echo device; exit 5
"""

MEMORY = r"""
echo kept | dd of=/data/kept conv=fsync 2> /dev/null
for i in 1 2 3; do dd if=/dev/zero of=/dev/null bs=200M count=1 2> /dev/null; echo "ended with $?"; done
cat /data/kept; ls / > /dev/null; echo "goes on $?"
"""


class Failure(Exception):
    pass


def check(condition, text):
    if not condition:
        raise Failure(text)


class Test:
    def __init__(self, directory, options, user):
        self.directory, self.options, self.user = directory, options, user
        self.litebox = directory / "litebox"
        shutil.copy(options.litebox, self.litebox)
        self.owner = user.pw_uid if user else 0
        self.become = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
        self.count = 0

    def tree(self, root, owner):
        """A busybox tree in a directory that is there, with a directory /data."""
        made = self.directory / f"busybox-{owner}"
        subprocess.run([str(self.options.make_rootfs), "busybox", made, str(owner)], check=True)
        subprocess.run(["cp", "-a", f"{made}/.", root], check=True)
        shutil.copy(self.options.program, root / "stress")
        (root / "data").mkdir(exist_ok=True)
        for path in (root, root / "data", root / "stress"):
            os.chown(path, owner, owner)

    def natively(self, root, script, before=""):
        enter = f'{before} mount -t proc proc "$0/proc" && mount --bind /dev "$0/dev" && exec chroot "$0" /bin/sh -c "$1"'
        return subprocess.run(["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", enter, root, script],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE,
                              env={"PATH": PATH}, check=False)

    def inside(self, root, args, wrapper=(), cgroup=None):
        self.count += 1
        bundle = self.directory / f"bundle-{self.count}"
        bundle.mkdir()
        (bundle / "config.json").write_text(json.dumps({
            "ociVersion": "1.0.2",
            "process": {"user": {"uid": 0, "gid": 0}, "args": args, "env": [f"PATH={PATH}"], "cwd": "/",
                        "capabilities": {kind: CAPABILITIES for kind in ("bounding", "effective", "permitted")}},
            "root": {"path": str(root)},
            "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
                       {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"}],
            "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts")],
                      **({"cgroupsPath": cgroup} if cgroup else {})}}))
        os.chown(bundle, self.owner, self.owner)
        name = f"exhaustion-{os.getpid()}-{self.count}"
        command = [*wrapper, self.litebox, "--root", bundle / "state"]
        environment = {"PATH": PATH, "XDG_RUNTIME_DIR": str(bundle)}
        try:
            return subprocess.run([*command, "run", "--bundle", bundle, name], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, timeout=PATIENCE, env=environment, check=False, **self.become)
        finally:
            subprocess.run([self.litebox, "--root", bundle / "state", "delete", "--force", name], env=environment, stderr=subprocess.DEVNULL,
                           timeout=PATIENCE, check=False, **self.become)

    def small_file_system(self, name, *options):
        image, place = self.directory / f"{name}.ext4", self.directory / name
        place.mkdir()
        with open(image, "wb") as file:
            file.truncate(24 << 20)
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", *options, image], check=True)
        subprocess.run(["mount", "-o", "loop", image, place], check=True)
        return place

    def both(self, name, script, prepare, before=""):
        seen = []
        for side, owner in (("native", 0), ("litebox", self.owner)):
            root = prepare(f"{name}-{side}", owner)
            done = self.natively(root, script, before) if side == "native" else self.inside(root, ["/bin/sh", "-c", script])
            seen.append((done.returncode, done.stdout))
            subprocess.run(["umount", "-l", root], check=False, stderr=subprocess.DEVNULL)
        check(seen[0] == seen[1], f"{name}: natively {seen[0]}, in litebox {seen[1]}")
        print(f"same: {name}: {seen[1][1].splitlines()[:4]}", flush=True)

    def no_space(self):
        def prepare(name, owner):
            place = self.small_file_system(name)
            self.tree(place, owner)
            return place
        self.both("no-space", FULL.replace("FILL", FILL_SPACE), prepare)

    def no_inodes(self):
        def prepare(name, owner):
            place = self.small_file_system(name, "-N", "1024")
            self.tree(place, owner)
            return place
        self.both("no-inodes", FULL.replace("FILL", ""), prepare)

    def read_only(self):
        def prepare(name, owner):
            place = self.directory / name
            place.mkdir()
            self.tree(place, owner)
            (place / "data/kept").write_text("kept\n")
            os.chown(place / "data/kept", owner, owner)
            subprocess.run(["mount", "--bind", place, place], check=True)
            subprocess.run(["mount", "-o", "remount,bind,ro", place], check=True)
            return place
        self.both("read-only", READ_ONLY, prepare)

    def no_space_for_the_state(self):
        place = self.small_file_system("full-state")
        root = self.directory / "full-state-tree"
        root.mkdir()
        self.tree(root, self.owner)
        os.chown(place, self.owner, self.owner)
        with open(place / "fill", "wb") as file:
            try:
                while True:
                    file.write(bytes(1 << 16))
                    file.flush()
            except OSError:
                pass
        bundle = self.directory / "full-state-bundle"
        bundle.mkdir()
        (bundle / "config.json").write_text(json.dumps({"ociVersion": "1.0.2", "process": {"user": {"uid": 0, "gid": 0}, "args": ["/bin/true"],
                                                                                           "cwd": "/"}, "root": {"path": str(root)}}))
        done = subprocess.run([self.litebox, "--root", place / "state", "run", "--bundle", bundle, "full"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=PATIENCE, check=False,
                              env={"PATH": PATH, "XDG_RUNTIME_DIR": str(bundle)}, **self.become)
        lines = done.stderr.splitlines()
        check(done.returncode == 0 or (len(lines) == 1 and "o space left" in lines[0]), f"state: {done.returncode}, {done.stderr!r}")
        print(f"no space for the state: exit {done.returncode}, {done.stderr.strip()}", flush=True)
        subprocess.run(["umount", "-l", place], check=False)

    def descriptors(self):
        root = self.directory / "descriptors"
        root.mkdir()
        self.tree(root, self.owner)
        # More processes than the soft limit has descriptors: the monitor's need is not the guests' limit.
        many = 'ulimit -n; for i in $(seq 150); do (sleep 2; ls / > /dev/null || echo failed) & done; wait; echo all'
        done = self.inside(root, ["/bin/sh", "-c", many], ["prlimit", "--nofile=100:4096"])
        check((done.returncode, done.stdout) == (0, "100\nall\n"), f"soft limit 100: {done}")
        for work in ("forks 200", "execs 100", "threads 40", "paths 1000", "files 40"):
            done = self.inside(root, ["/stress", *work.split()], ["prlimit", "--nofile=64:64"])
            check((done.returncode, done.stdout) == (0, f"done {work.split()[1]}\n"), f"64 descriptors, {work}: {done}")
        # Fewer than are needed at all: one line that says so.
        for limit in (24, 16, 8):
            done = self.inside(root, ["/stress", "forks", "20"], ["prlimit", f"--nofile={limit}:{limit}"])
            lines = done.stdout.splitlines()
            check(done.returncode == 0 or (len(lines) == 1 and "level=error" in lines[0] and "oo many open files" in lines[0]),
                  f"{limit} descriptors: {done}")
            print(f"{limit} descriptors: {done.stdout.strip()}", flush=True)
        print("descriptors: the soft limit is the guests' only, 64 are enough", flush=True)

    def memory(self):
        controller = pathlib.Path("/sys/fs/cgroup/memory")
        limit = "memory.limit_in_bytes"
        if not controller.exists():
            controller, limit = pathlib.Path("/sys/fs/cgroup"), "memory.max"
        group = controller / f"litebox-exhaustion-{os.getpid()}"
        group.mkdir()
        try:
            (group / limit).write_text(str(64 << 20))
            enter = ["sh", "-c", 'echo $$ > "$0/cgroup.procs"; exec "$@"', str(group)]
            seen = []
            for side, owner in (("native", 0), ("litebox", self.owner)):
                root = self.directory / f"memory-{side}"
                root.mkdir()
                self.tree(root, owner)
                if side == "native":
                    done = self.natively(root, MEMORY, f"echo $$ > {group}/cgroup.procs;")
                else:
                    os.chown(group / "cgroup.procs", self.owner, self.owner)
                    done = self.inside(root, ["/bin/sh", "-c", MEMORY], enter, None if self.user else f"/{group.name}/container")
                seen.append((done.returncode, [line for line in done.stdout.splitlines() if line != "Killed"]))
                check((root / "data/kept").read_text() == "kept\n", "what was synced is lost")
            check(seen[0] == seen[1], f"memory: natively {seen[0]}, in litebox {seen[1]}")
            print(f"same: memory: {seen[1]}", flush=True)
        finally:
            for _ in range(50):
                left = [place for place in controller.parent.glob(f"*/{group.name}") if place.is_dir()] + [group]
                subprocess.run(["rmdir", *left], check=False, stderr=subprocess.DEVNULL)
                if not any(place.exists() for place in left):
                    break
                time.sleep(0.1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--litebox", required=True, type=pathlib.Path)
    parser.add_argument("--make-rootfs", required=True, type=pathlib.Path)
    parser.add_argument("--program", required=True, type=pathlib.Path)
    parser.add_argument("--as", dest="who", choices=["root", "user"], required=True)
    parser.add_argument("--only")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("exhaustion.py: needs root, for mounts and to become another user")
    directory = pathlib.Path(tempfile.mkdtemp(prefix="litebox-exhaustion-"))
    directory.chmod(0o755)
    failures = 0
    try:
        test = Test(directory, options, pwd.getpwnam("nobody") if options.who == "user" else None)
        for case in (test.no_space, test.no_inodes, test.read_only, test.no_space_for_the_state, test.descriptors, test.memory):
            if options.only not in (None, case.__name__):
                continue
            try:
                case()
            except (Failure, subprocess.SubprocessError) as failure:
                failures += 1
                print(f"FAILED: {failure}", file=sys.stderr, flush=True)
    finally:
        subprocess.run(["rm", "-rf", "--one-file-system", directory], check=False)
    return 1 if failures else 0


if __name__ == "__main__":
    if os.environ.get("LITEBOX_OWN_MOUNTS") != "1":
        os.environ["LITEBOX_OWN_MOUNTS"] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv])
    sys.exit(main())
