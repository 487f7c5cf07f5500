#!/usr/bin/env python3
"""One small test for each class of escape that container runtimes are known for, with canaries of the host.

    known_escapes.py --litebox BUILD/litebox --make-rootfs packaging/make-rootfs --as root|user
"""
import ctypes
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from harness import Failure, arguments, become_nobody, check

RENAME_EXCHANGE = 2
AT_FDCWD = -100
SECRET = "text that only the host has\n"


class Bundle:
    """A busybox container beside a directory of the host that it must not reach."""

    def __init__(self, directory, options):
        self.litebox = str(options.litebox)
        self.directory = directory
        self.state = directory / "state"
        self.bundle = directory / "bundle"
        self.root = self.bundle / "rootfs"
        shutil.copytree(options.rootfs, self.root, symlinks=True)
        self.outside = directory / "outside"
        self.outside.mkdir()
        self.canary = self.outside / "canary"
        self.canary.write_text(SECRET)
        self.before = self.look()
        self.config = {
            "ociVersion": "1.0.2",
            "process": {"user": {"uid": 0, "gid": 0}, "args": ["/bin/true"], "env": ["PATH=/bin"], "cwd": "/"},
            "root": {"path": "rootfs"},
            "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
                       {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"}],
            "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts")]},
        }

    def look(self):
        return {str(path): path.read_text() if path.is_file() else "" for path in sorted(self.outside.rglob("*"))}

    def run(self, script=None, command="run", extra=(), timeout=60, **options):
        """Runs the container to its end; what it wrote, or what litebox said of an impossible one."""
        if script is not None:
            self.config["process"]["args"] = ["/bin/sh", "-c", script]
        (self.bundle / "config.json").write_text(json.dumps(self.config))
        name = f"escape-{os.getpid()}-{time.monotonic_ns()}"
        done = subprocess.run([self.litebox, "--root", str(self.state), command, *extra, "--bundle", str(self.bundle), name],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", timeout=timeout, check=False, **options)
        subprocess.run([self.litebox, "--root", str(self.state), "delete", "--force", name], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=60, check=False)
        return done.stdout

    def verify(self, output=""):
        check(SECRET.strip() not in output, f"the container has seen the canary: {output[-500:]}")
        after = self.look()
        check(after == self.before, f"the host's files have changed: {self.before} became {after}")


def swapping(one, other):
    """Exchanges two names for ever, in a thread; the function that ends it."""
    libc = ctypes.CDLL(None, use_errno=True)
    running = [True]

    def swap():
        while running[0]:
            libc.renameat2(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE)

    thread = threading.Thread(target=swap, daemon=True)
    thread.start()

    def stop():
        running[0] = False
        thread.join()

    return stop


def proc_is_a_volume(bundle):
    """CVE-2019-16884: what the image puts in the place of /proc must not be taken for it."""
    volume = bundle.directory / "volume"
    (volume / "self/attr").mkdir(parents=True)
    (volume / "self/attr/exec").write_text("untouched")
    (volume / "self/oom_score_adj").write_text("untouched")
    bundle.config["mounts"] = [{"destination": "/proc", "type": "bind", "source": str(volume), "options": ["bind"]}]
    if os.geteuid() == 0:
        bundle.config["process"]["oomScoreAdj"] = 500
    text = bundle.run("echo ran; cat /proc/self/oom_score_adj; id -u")
    check("ran" in text, f"the container did not run: {text}")
    check((volume / "self/attr/exec").read_text() == "untouched", "a label was written into the volume")
    check((volume / "self/oom_score_adj").read_text() == "untouched", "a setting was written into the volume")
    bundle.verify(text)


def proc_is_a_symlink(bundle):
    """CVE-2019-19921: /proc of the image leads elsewhere when the runtime mounts there."""
    shutil.rmtree(bundle.root / "proc", ignore_errors=True)
    (bundle.root / "proc").symlink_to(f"../../../../../../../..{bundle.outside}")
    bundle.config["mounts"].append({"destination": "/proc/sub", "type": "tmpfs", "source": "tmpfs"})
    text = bundle.run("ls /proc; cat /proc/canary; echo ran > /proc/made")
    bundle.verify(text)


def mountpoints_raced(bundle):
    """CVE-2021-30465: a mountpoint becomes a symlink to the outside between the look at it and the mount."""
    (bundle.root / "volume/place").mkdir(parents=True)
    (bundle.root / "volume/away").symlink_to(bundle.outside)
    source = bundle.directory / "source"
    source.mkdir()
    bundle.config["mounts"] += [
        {"destination": "/volume/place/new", "type": "tmpfs", "source": "tmpfs"},
        {"destination": "/volume/place/deep/er", "type": "bind", "source": str(source), "options": ["bind"]}]
    stop = swapping(bundle.root / "volume/place", bundle.root / "volume/away")
    try:
        for _ in range(40):
            bundle.verify(bundle.run("cat /volume/place/canary /volume/away/canary; touch /volume/place/made"))
    finally:
        stop()
    bundle.verify()


def leaked_descriptors(bundle):
    """CVE-2024-21626: a working directory by way of a descriptor of the runtime's own."""
    inherited = os.open(bundle.outside, os.O_RDONLY | os.O_DIRECTORY)
    os.set_inheritable(inherited, True)
    try:
        for number in sorted({*range(3, 16), inherited}):
            bundle.config["process"]["cwd"] = f"/proc/self/fd/{number}"
            text = bundle.run("pwd; cat canary; cat ../../../outside/canary; echo > made-by-a-guest", close_fds=False)
            bundle.verify(text)
        bundle.config["process"]["cwd"] = "/"
        text = bundle.run("for f in /proc/self/fd/* /proc/1/fd/*; do cat $f/canary; readlink $f; done", close_fds=False)
        check(str(bundle.directory) not in text, f"a descriptor of the host is inside: {text}")
        bundle.verify(text)
    finally:
        os.close(inherited)


def files_made_outside(bundle):
    """CVE-2024-45310: files and directories that the runtime makes as mountpoints must be inside."""
    (bundle.root / "shared/place").mkdir(parents=True)
    (bundle.root / "shared/away").symlink_to(bundle.outside)
    source = bundle.directory / "file"
    source.write_text("a file to mount")
    bundle.config["mounts"].append(
        {"destination": "/shared/place/made-by-the-runtime", "type": "bind", "source": str(source), "options": ["bind"]})
    stop = swapping(bundle.root / "shared/place", bundle.root / "shared/away")
    try:
        for _ in range(40):
            bundle.run("true")
            bundle.verify()
    finally:
        stop()


def masks_replaced(bundle):
    """CVE-2025-31133: what masks a path is /dev/null itself, not what the image has there."""
    bundle.config["mounts"] = [bundle.config["mounts"][0]]
    shutil.rmtree(bundle.root / "dev", ignore_errors=True)
    (bundle.root / "dev").mkdir()
    for target in (bundle.canary, "/proc/sys/kernel/core_pattern"):
        null = bundle.root / "dev/null"
        if null.is_symlink() or null.exists():
            null.unlink()
        null.symlink_to(target)
        (bundle.root / "masked").write_text("masked text")
        bundle.config["linux"]["maskedPaths"] = ["/masked", "/proc/uptime"]
        text = bundle.run("cat /masked /proc/uptime; echo overwritten > /masked; echo overwritten > /proc/uptime; echo ran")
        check("ran" in text or "dev/null" in text, f"the container did not run: {text}")
        check("masked text" not in text, f"the mask masks nothing: {text}")
        check((bundle.root / "masked").read_text() == "masked text", "the masked file was written")
        bundle.verify(text)


def console_replaced(bundle):
    """CVE-2025-52565: the console is put in the place of what the image has at /dev/console."""
    bundle.config["mounts"] = [bundle.config["mounts"][0]]
    shutil.rmtree(bundle.root / "dev", ignore_errors=True)
    (bundle.root / "dev").mkdir()
    (bundle.root / "dev/console").symlink_to(bundle.canary)
    (bundle.root / "dev/pts").symlink_to(bundle.outside)
    bundle.config["process"]["terminal"] = True
    master, slave = os.openpty()
    try:
        bundle.config["process"]["args"] = ["/bin/sh", "-c", "echo from-inside > /dev/console; cat /dev/console < /dev/null"]
        (bundle.bundle / "config.json").write_text(json.dumps(bundle.config))
        name = f"escape-{os.getpid()}-console"
        process = subprocess.Popen([bundle.litebox, "--root", str(bundle.state), "run", "--bundle", str(bundle.bundle), name],
                                   stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
        deadline = time.monotonic() + 30
        os.set_blocking(master, False)
        while process.poll() is None and time.monotonic() < deadline:
            try:
                os.read(master, 4096)
            except OSError:
                time.sleep(0.05)
        process.kill()
        process.wait()
        subprocess.run([bundle.litebox, "--root", str(bundle.state), "delete", "--force", name], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=60, check=False)
    finally:
        os.close(master)
        os.close(slave)
    bundle.verify()


def writes_redirected(bundle):
    """CVE-2025-52881: what the runtime writes for the container goes to no file that the image chooses."""
    fake = bundle.root / "fake"
    for name in ("sys/kernel/shmmax", "sys/kernel/domainname", "self/attr/exec", "self/oom_score_adj", "sysrq-trigger"):
        (fake / name).parent.mkdir(parents=True, exist_ok=True)
        (fake / name).write_text("untouched")
    shutil.rmtree(bundle.root / "proc", ignore_errors=True)
    (bundle.root / "proc").symlink_to("fake")
    bundle.config["mounts"] = [bundle.config["mounts"][1]]
    bundle.config["linux"]["sysctl"] = {"kernel.shmmax": "12345", "kernel.domainname": "example"}
    if os.geteuid() == 0:
        bundle.config["process"]["oomScoreAdj"] = 500
    text = bundle.run("echo ran")
    check("ran" in text, f"the container did not run: {text}")
    for path in fake.rglob("*"):
        check(path.is_dir() or path.read_text() == "untouched", f"{path} was written")
    bundle.verify(text)


TESTS = [proc_is_a_volume, proc_is_a_symlink, mountpoints_raced, leaked_descriptors, files_made_outside, masks_replaced,
         console_replaced, writes_redirected]


def main():
    parser = arguments(__doc__)
    parser.add_argument("--make-rootfs", required=True, type=pathlib.Path)
    options = parser.parse_args()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="litebox-escapes-"))
    failed = 0
    try:
        directory.chmod(0o755)
        options.rootfs = directory / "busybox"
        subprocess.run([str(options.make_rootfs), "busybox", str(options.rootfs)], check=True, timeout=120)
        if options.who == "user" and os.geteuid() == 0:
            become_nobody(directory, options, ["litebox"])
        for test in TESTS:
            place = directory / test.__name__
            place.mkdir()
            try:
                test(Bundle(place, options))
                print(f"ok: {test.__doc__}")
            except Failure as failure:
                failed += 1
                print(f"FAILED: {test.__doc__}\n    {failure}")
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
