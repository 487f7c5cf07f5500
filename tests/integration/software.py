#!/usr/bin/env python3
"""Real software inside, natively in a chroot and in a container: what it prints, leaves and remembers must be the same.

    software.py --litebox BUILD/litebox --make-rootfs packaging/make-rootfs --as root|user [--full] [--only ROW ...] [--in DIRECTORY]

Without --full: what a Debian tree has, in small amounts; a matter of seconds, and part of ctest. With --full, every row of
software_rows.py in trees with servers, compilers and package managers: fifty packages installed from a local repository, accounts
with sudo, git, PostgreSQL through a crash, redis, nginx, sqlite, cmake, npm, pip, rsync, tar, cpio, a copy of /. That takes half an
hour, and a Debian mirror the first time: run by hand, or in ctest with -DLITEBOX_SOFTWARE_TESTS=ON. The last lines tell each row's
times. --in keeps the trees in a directory, to run a row again.

Needs root: for the chroot, and to become the user.
"""
import argparse
import difflib
import hashlib
import json
import os
import pathlib
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
import time

import software_rows

CAPABILITIES = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_SETGID", "CAP_SETUID",
                "CAP_SETFCAP", "CAP_SETPCAP", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE"]
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DEVICES = "null 3", "zero 5", "full 7", "random 8", "urandom 9"
PATIENCE = 1800


class Failure(Exception):
    pass


def check(condition, text):
    if not condition:
        raise Failure(text)


def run(command, environment, **options):
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               errors="backslashreplace", env=environment, **options)
    try:
        return process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.terminate()  # unshare and litebox take what they started with them
        return process.communicate()[0] + "\ntoo slow\n", ""


class Native:
    """A chroot in namespaces of its own: nothing of the host is ever mounted where files are removed later."""

    def __init__(self, directory):
        self.root, self.owner = directory / "rootfs", 0

    def run(self, script, environment):
        nodes = " && ".join(f'mknod -m 666 "$0/dev/{device.split()[0]}" c 1 {device.split()[1]}' for device in DEVICES)
        bounds = "-all," + ",".join("+" + name[4:].lower() for name in CAPABILITIES)
        enter = (f'hostname software && mount -t proc proc "$0/proc" && mount -t tmpfs -o mode=755 tmpfs "$0/dev" && '
                 f'mkdir "$0/dev/shm" "$0/dev/pts" && mount -t tmpfs -o mode=1777 shm "$0/dev/shm" && '
                 f'mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$0/dev/pts" && '
                 f'ln -s pts/ptmx "$0/dev/ptmx" && mknod -m 666 "$0/dev/tty" c 5 0 && {nodes} && ln -s /proc/self/fd "$0/dev/fd" && '
                 f'exec setpriv --bounding-set={bounds} setsid chroot --groups= "$0" /bin/bash -c "$1"')
        return run(["unshare", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child", "/bin/bash", "-c", enter, str(self.root),
                    script], {"PATH": PATH, "HOME": "/root", **environment})


class Contained:
    def __init__(self, directory, litebox, user):
        self.directory, self.litebox, self.root = directory, litebox, directory / "rootfs"
        self.owner = user.pw_uid if user else 0
        self.become = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}

    def run(self, script, environment):
        config = {
            "ociVersion": "1.0.2",
            "hostname": "software",
            "process": {"user": {"uid": 0, "gid": 0}, "args": ["/bin/bash", "-c", script], "cwd": "/",
                        "env": [f"{name}={value}" for name, value in {"PATH": PATH, "HOME": "/root", **environment}.items()],
                        "capabilities": {kind: CAPABILITIES for kind in ("bounding", "effective", "permitted")}},
            "root": {"path": "rootfs"},
            "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
                       {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
                       {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["mode=0620", "gid=5"]},
                       {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["mode=1777"]}],
            "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts")]},
        }
        (self.directory / "config.json").write_text(json.dumps(config))
        os.chown(self.directory, self.owner, self.owner)
        name = f"software-{os.getpid()}-{time.monotonic_ns()}"
        command = [str(self.litebox), "--root", str(self.directory / "state")]
        host = {**os.environ, "XDG_RUNTIME_DIR": str(self.directory), "HOME": str(self.directory)}
        try:
            return run([*command, "run", "--bundle", str(self.directory), name], host, **self.become)
        finally:
            subprocess.run([*command, "delete", "--force", name], env=host, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                           timeout=120, check=False, **self.become)


class Test:
    def __init__(self, options, directory, user):
        self.options, self.directory, self.user, self.trees = options, directory, user, {}
        litebox = directory / "litebox"  # the build may lie where only root may look
        litebox.unlink(missing_ok=True)
        shutil.copy(options.litebox, litebox)
        self.litebox = litebox

    def sides(self, variant):
        if variant not in self.trees:
            sides = []
            for side in ("native", "root" if self.user is None else "user"):
                directory = self.directory / f"{variant}-{side}"
                directory.mkdir(exist_ok=True)
                directory.chmod(0o755)
                sides.append(Native(directory) if side == "native" else Contained(directory, self.litebox, self.user))
                subprocess.run([str(self.options.make_rootfs), variant, str(sides[-1].root), str(sides[-1].owner)], check=True,
                               timeout=PATIENCE)
            self.trees[variant] = sides
        return self.trees[variant]

    def compare(self, name, row):
        environment = row.environment(self.options.full)
        outputs, times = [], []
        for side in self.sides(row.trees[1 if self.options.full else 0]):
            seen = self.seen(name, side, row.script, environment)
            outputs.append(seen["output"].splitlines())
            times.append(seen["time"])
            print(f"{name}: {'natively' if len(times) == 1 else 'in litebox'} {times[-1]:.1f} s, {len(outputs[-1])} lines"
                  f" {seen['errors'].strip()[-600:]}", flush=True)
        native, inside = outputs
        check(native == inside, f"{name}: natively (-) and in litebox (+):\n" +
              "\n".join(line for line in list(difflib.unified_diff(native, inside, n=1, lineterm=""))[2:60]))
        check(native, f"{name}: nothing was done")
        check(not any(line.startswith(("FAILED: ", "in vain: ")) for line in native), f"{name}: fails natively, too")
        return times

    def seen(self, name, side, script, environment):
        """What a row prints on a side, and its time. What a kept directory knows of the native side is not done again."""
        kept = side.root.parent / f"{re.sub('[^a-z]+', '-', name)}.json"
        asked = [script, environment]
        if self.options.keep and isinstance(side, Native) and kept.exists():
            known = json.loads(kept.read_text())
            if known["asked"] == asked:
                return known
        if name == "packages":
            repository(side)
        begin = time.monotonic()
        output, errors = side.run(script, environment)
        found = {"asked": asked, "output": output, "errors": errors, "time": time.monotonic() - begin}
        if self.options.keep:
            kept.write_text(json.dumps(found))
        return found


def repository(side):
    """A local repository, in the tree: the packages and what they need, downloaded once, with their index."""
    cache = pathlib.Path(os.environ.get("LITEBOX_CACHE", pathlib.Path.home() / ".cache/litebox")) / "software-repository"
    if not cache.exists():
        partial = cache.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        (partial / "archives/partial").mkdir(parents=True)
        (partial / "lists").mkdir()
        options = ["-o", f"Dir={side.root}", "-o", f"Dir::State::status={side.root}/var/lib/dpkg/status",
                   "-o", f"Dir::State::Lists={partial}/lists", "-o", f"Dir::Cache::Archives={partial}/archives",
                   "-o", "APT::Sandbox::User=root", "-o", "Dir::Etc::Trusted=/etc/apt/trusted.gpg",
                   "-o", "Dir::Etc::TrustedParts=/etc/apt/trusted.gpg.d"]
        for command in (["update"], ["install", "-y", "--download-only", "--no-install-recommends", *software_rows.PACKAGES]):
            subprocess.run(["apt-get", "-q", *options, *command], check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE)
        shutil.rmtree(partial / "archives/partial")
        shutil.rmtree(partial / "lists")
        with open(partial / "archives/Packages", "w") as index:
            for archive in sorted((partial / "archives").glob("*.deb")):
                fields = subprocess.run(["dpkg-deb", "-f", archive], stdout=subprocess.PIPE, check=True, text=True).stdout.strip()
                data = archive.read_bytes()
                index.write(f"{fields}\nFilename: ./{archive.name}\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n\n")
        partial.rename(cache)
    place = side.root / "srv/repository"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(cache / "archives", place)
    subprocess.run(["chown", "-R", f"{side.owner}:{side.owner}", str(place)], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--litebox", required=True, type=pathlib.Path)
    parser.add_argument("--make-rootfs", required=True, type=pathlib.Path)
    parser.add_argument("--as", dest="who", choices=["root", "user"], required=True)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--only", nargs="*", choices=list(software_rows.ROWS), metavar="ROW")
    parser.add_argument("--in", dest="keep", type=pathlib.Path, metavar="DIRECTORY")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("software.py: needs root, for the chroot and to become another user")
    directory = options.keep or pathlib.Path(tempfile.mkdtemp(prefix="litebox-software-"))
    directory.mkdir(exist_ok=True)
    directory.chmod(0o755)
    failures, times = [], {}
    try:
        test = Test(options, directory, pwd.getpwnam("nobody") if options.who == "user" else None)
        for name, row in software_rows.ROWS.items():
            if row.trees[1 if options.full else 0] is None or (options.only and name not in options.only):
                continue
            try:
                times[name] = test.compare(name, row)
            except Failure as failure:
                failures.append(name)
                print(f"FAILED: {failure}", file=sys.stderr, flush=True)
        for name, (native, inside) in times.items():
            print(f"same: {name}: natively {native:.1f} s, in litebox as {options.who} {inside:.1f} s")
    finally:
        if not options.keep:
            subprocess.run(["rm", "-rf", "--one-file-system", directory], check=False)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
