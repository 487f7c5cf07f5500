#!/usr/bin/env python3
"""Root file systems that belong to more than one container, or to another tool.

    shared_trees.py --litebox BUILD/litebox --make-rootfs packaging/make-rootfs --as root|user

Two containers on one root file system at once see each other's files, owners, locks, pipes and events as two chroots do. And (as
user) a tree that podman's unprivileged storage made has in a container the owners and modes that podman shows, and podman shows
those that a container gives (user.containers.override_stat). That part needs podman with fuse-overlayfs, and is left out without.

Needs root: for the chroot, and to become the user.
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

# Each of the two runs this with its name in $0. Where both have come, both go on.
PROGRAM = r"""
import fcntl, os, sys, time
me, other = sys.argv[1], "ab".replace(sys.argv[1], "")
os.chdir("/shared")
def meet(step):
    open(f"{step}-{me}", "w").close()
    while not os.path.exists(f"{step}-{other}"): time.sleep(0.005)
meet("begin")
for _ in range(150):  # a counter under a lock
    with open("counter", "a+") as f:
        fcntl.flock(f, fcntl.LOCK_EX); f.seek(0); n = int(f.read() or 0); f.truncate(0); f.write(str(n + 1)); f.flush()
for i in range(150):  # one by fcntl, one by O_EXCL, one by rename, one by link
    with open("records", "a+") as f:
        fcntl.lockf(f, fcntl.LOCK_EX); f.write(f"{me}\n"); f.flush(); fcntl.lockf(f, fcntl.LOCK_UN)
    while True:
        try: os.close(os.open("exclusive", os.O_CREAT | os.O_EXCL)); break
        except FileExistsError: pass
    os.mkdir("only-one"); os.rmdir("only-one"); os.unlink("exclusive")
    with open(f"new-{me}", "w") as f: f.write(f"{me} {i}")
    os.rename(f"new-{me}", "replaced")
    assert open("replaced").read().split()[0] in "ab"
meet("counted")
print(me, open("counter").read(), len(open("records").readlines()))
if me == "a":
    os.mkfifo("fifo"); os.chown("fifo", 5, 6); os.symlink("counter", "link"); os.chown("link", 7, 8, follow_symlinks=False)
    open("file", "w").close(); os.chown("file", 1000, 1001); os.chmod("file", 0o4755); os.mkdir("dir", 0o1700); os.chown("dir", 9, 9)
meet("owned")
def show():
    for name in ("fifo", "link", "file", "dir"):
        try: s = os.lstat(name); print(me, name, oct(s.st_mode), s.st_uid, s.st_gid)
        except OSError as error: print(me, name, error)
show()
meet("seen")
if me == "b":
    os.chown("file", 2000, 2000); os.chown("fifo", 0, 0); os.chmod("dir", 0o755); os.unlink("link"); os.rename("dir", "moved"); os.chown("moved", 3, 3)
    os.mkdir("dir")
meet("changed")
show()
if me == "a":
    with open("fifo", "w") as f: f.write("through the pipe")
    try: open("locked", "x").close()
    except FileExistsError: pass
else:
    print(open("fifo").read())
meet("piped")
with open("locked", "a") as f:
    if me == "a": fcntl.flock(f, fcntl.LOCK_EX)
    meet("locking")
    if me == "b":
        try: fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB); print("no lock was there")
        except BlockingIOError: print("the lock is held")
    meet("looked")
held = open("file", "a+")
meet("held")
if me == "a": os.unlink("file")
meet("unlinked")
held.write(me); held.flush(); print(me, os.fstat(held.fileno()).st_nlink, os.path.exists("file"))
meet("end")
"""


class Failure(Exception):
    pass


def check(condition, text):
    if not condition:
        raise Failure(text)


def configuration(root, args):
    return json.dumps({
        "ociVersion": "1.0.2",
        "process": {"user": {"uid": 0, "gid": 0}, "args": args, "env": [f"PATH={PATH}"], "cwd": "/",
                    "capabilities": {kind: CAPABILITIES for kind in ("bounding", "effective", "permitted")}},
        "root": {"path": str(root)},
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
                   {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"}],
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts")]},
    })


class Test:
    def __init__(self, directory, options, user):
        self.directory, self.make_rootfs, self.user = directory, str(options.make_rootfs), user
        self.litebox = directory / "litebox"  # the build may lie where only root may look
        shutil.copy(options.litebox, self.litebox)
        self.owner = user.pw_uid if user else 0
        self.become = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
        self.count = 0

    def start(self, root, args):
        self.count += 1
        bundle = self.directory / f"bundle-{self.count}"
        bundle.mkdir()
        (bundle / "config.json").write_text(configuration(root, args))
        if self.user:
            os.chown(bundle, self.user.pw_uid, self.user.pw_gid)
        return subprocess.Popen([self.litebox, "--root", bundle / "state", "run", "--bundle", bundle, f"shared-{os.getpid()}-{self.count}"],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                env={"PATH": PATH, "XDG_RUNTIME_DIR": str(bundle)}, **self.become)

    @staticmethod
    def output(process):
        try:
            return process.communicate(timeout=PATIENCE)[0]
        except subprocess.TimeoutExpired:
            process.terminate()
            return process.communicate()[0] + "\ntoo slow\n"

    def two_at_once(self):
        seen = []
        for side in ("native", "litebox"):
            root = self.directory / f"tree-{side}"
            subprocess.run([self.make_rootfs, "debian", root, str(0 if side == "native" else self.owner)], check=True)
            (root / "shared").mkdir()
            os.chown(root / "shared", *((0, 0) if side == "native" or not self.user else (self.user.pw_uid, self.user.pw_gid)))
            begin = time.monotonic()
            if side == "native":
                both = [subprocess.Popen(["chroot", root, "/usr/bin/python3", "-c", PROGRAM, name], stdin=subprocess.DEVNULL,
                                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for name in "ab"]
            else:
                both = [self.start(root, ["/usr/bin/python3", "-c", PROGRAM, name]) for name in "ab"]
            seen.append([self.output(process) for process in both])
            print(f"two at once, {side}: {time.monotonic() - begin:.1f} s", flush=True)
        check(seen[0] == seen[1], f"two at once: natively {seen[0]}, in litebox {seen[1]}")

    def podman_storage(self):
        if self.user is None or not shutil.which("fuse-overlayfs") or not shutil.which("podman") or not os.path.exists("/dev/fuse"):
            print("podman's storage: left out, without podman, fuse-overlayfs or /dev/fuse")
            return
        storage = PodmanStorage(self.directory / "podman", self.user, self.make_rootfs)
        try:
            tree = storage.tree()
            look = "cd {}; for f in owned dir dir/in list tmp bin/busybox root etc/passwd; do stat -c '%n %a %u %g' $f; done"
            shown = storage.show(look)
            inside = self.output(self.start(tree, ["/bin/sh", "-c", look.format("/")]))
            check(shown == inside, f"podman shows {shown!r}, the container {inside!r}")
            change = ("cd /dir; echo > new; chown 3:4 new; chmod 6755 new; mkdir sub; chown 11:12 sub; mv in moved; chmod 600 moved; "
                      "chown 0:0 /owned; chmod 755 /owned; rm /list")
            check(self.output(self.start(tree, ["/bin/sh", "-c", change])) == "", "the container cannot change podman's tree")
            look = "cd {}; for f in dir/new dir/sub dir/moved owned; do stat -c '%n %a %u %g' $f; done; ls list 2>/dev/null"
            shown = storage.show(look)
            check(shown == "dir/new 6755 3 4\ndir/sub 755 11 12\ndir/moved 600 1000 1000\nowned 755 0 0\n",
                  f"podman shows of what the container did: {shown!r}")
            print("podman's storage: the same", flush=True)
        finally:
            storage.close()


class PodmanStorage:
    """A store that keeps owners in attributes (force_mask), with one image."""

    def __init__(self, directory, user, make_rootfs):
        self.directory, self.user = directory, user
        for name in ("home/.config/containers", "run", "store"):
            (directory / name).mkdir(parents=True)
        (directory / "home/.config/containers/policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
        (directory / "home/.config/containers/storage.conf").write_text(f"""[storage]
driver = "overlay"
graphroot = "{directory}/store"
runroot = "{directory}/run/store"
[storage.options.overlay]
mount_program = "{shutil.which('fuse-overlayfs')}"
force_mask = "700"
""")
        subprocess.run(["chown", "-R", f"{user.pw_uid}:{user.pw_gid}", directory], check=True)
        image = directory.parent / "image"
        subprocess.run([make_rootfs, "busybox", image, "0"], check=True)
        (image / "dir").mkdir()
        for name, owner, mode in (("owned", (5, 6), 0o750), ("dir/in", (1000, 1000), 0o644), ("list", (0, 7), 0o640)):
            (image / name).write_text(name)
            os.chown(image / name, *owner)
            (image / name).chmod(mode)
        os.chown(image / "dir", 7, 8)
        (image / "dir").chmod(0o770)
        subprocess.run(["tar", "-C", image, "-cf", directory / "image.tar", "."], check=True)
        (directory / "image.tar").chmod(0o644)

    def podman(self, *args):
        become = ["setpriv", "--reuid", str(self.user.pw_uid), "--regid", str(self.user.pw_gid), "--init-groups", "env", "-i", "--chdir=/",
                  f"PATH={PATH}", f"HOME={self.directory}/home", f"XDG_RUNTIME_DIR={self.directory}/run", f"TMPDIR={self.directory}/run"]
        enter = 'mount -t tmpfs tmpfs "$0" && mknod -m 666 "$0/fuse" c 10 229 && mount --bind "$0/fuse" /dev/fuse && exec "$@"'
        (self.directory / "nodes").mkdir(exist_ok=True)
        done = subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c", enter, self.directory / "nodes", *become, "podman",
                               "--log-level", "fatal", "--cgroup-manager", "cgroupfs", *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=PATIENCE, check=False)
        check(done.returncode == 0, f"podman {args}: {done.stderr}")
        return done.stdout

    def tree(self):
        self.podman("import", str(self.directory / "image.tar"), "image")
        return next((self.directory / "store/overlay").glob("*/diff"))

    def show(self, script):
        return self.podman("unshare", "sh", "-c", "m=$(podman image mount image); (" + script.format("$m") + "); podman image umount -f image > /dev/null")

    def close(self):
        pause = self.directory / "run/libpod/tmp/pause.pid"  # podman's process that keeps its namespaces
        if pause.exists():
            os.kill(int(pause.read_text()), 9)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--litebox", required=True, type=pathlib.Path)
    parser.add_argument("--make-rootfs", required=True, type=pathlib.Path)
    parser.add_argument("--as", dest="who", choices=["root", "user"], required=True)
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("shared_trees.py: needs root, for the chroot and to become another user")
    user = None
    if options.who == "user":
        try:
            user = pwd.getpwnam("litebox-podman")
        except KeyError:
            subprocess.run(["useradd", "--system", "--add-subids-for-system", "litebox-podman"], check=True)
            user = pwd.getpwnam("litebox-podman")
    directory = pathlib.Path(tempfile.mkdtemp(prefix="litebox-shared-"))
    directory.chmod(0o755)
    failures = 0
    try:
        test = Test(directory, options, user)
        for case in (test.two_at_once, test.podman_storage):
            try:
                case()
            except Failure as failure:
                failures += 1
                print(f"FAILED: {failure}", file=sys.stderr, flush=True)
    finally:
        subprocess.run(["rm", "-rf", "--one-file-system", directory], check=False)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
