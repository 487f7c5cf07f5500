#!/usr/bin/env python3
"""Runs hostile guests in a container, on a host that has a canary for each attempt, and looks at the canaries afterwards.

    hostile_guests.py --litebox BUILD/litebox --guest BUILD/tests/security/hostile --as root|user

As root the test can also play the ordinary user: it gives up its privileges for everything but the making of the user.
"""
import ctypes
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

from harness import Failure, arguments, attack, check

CAPABILITIES = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID",
                "CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL",
                "CAP_AUDIT_WRITE"]


class Canaries:
    """What a guest must not touch: a file, sockets, a process, a shared memory segment, this process itself."""

    def __init__(self, directory):
        self.signals = []
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            signal.signal(number, lambda got, frame: self.signals.append(got))
        self.directory = directory / "outside"
        self.directory.mkdir()
        self.file = self.directory / "canary"
        self.file.write_text("canary\n")
        self.file.chmod(0o640)
        os.setxattr(self.file, "user.canary", b"alive")
        os.utime(self.file, (1000000000, 1000000000))
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(self.directory / "stream"))
        self.listener.listen()
        self.datagram = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.datagram.bind(str(self.directory / "datagram"))
        self.abstract_name = f"litebox-canary-{os.getpid()}"
        self.abstract = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.abstract.bind("\0" + self.abstract_name)
        self.abstract.listen()
        self.tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.tcp.bind(("127.0.0.1", 0))
        self.tcp.listen()
        self.port = self.tcp.getsockname()[1]
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", self.port))
        for one in (self.listener, self.datagram, self.abstract, self.tcp, self.udp):
            one.setblocking(False)
        self.process = subprocess.Popen(["sleep", "1000"])
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.shared_memory = self.libc.shmget(0, 4096, 0o1600)
        check(self.shared_memory >= 0, "shmget failed: the canary cannot be made")
        self.host_name = socket.gethostname()
        self.before = self.look()

    def look(self):
        status = self.file.stat()
        limits = pathlib.Path(f"/proc/{self.process.pid}/limits").read_text()
        stat = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return {
            "entries": sorted(os.listdir(self.directory)),
            "file": (self.file.read_text(), status.st_mode, status.st_uid, status.st_gid, status.st_mtime, status.st_nlink,
                     status.st_ino),
            "xattrs": [(name, os.getxattr(self.file, name)) for name in sorted(os.listxattr(self.file))],
            "process": (self.process.poll(), limits, stat[0] in "TtZX", stat[2:4], stat[15:17],
                        os.sched_getaffinity(self.process.pid), os.sched_getscheduler(self.process.pid)),
            "host name": socket.gethostname(),
            "shared memory": self.segment_is_there(),
            "host mounts": pathlib.Path("/proc/self/mounts").read_text(),
            "signals": list(self.signals),
        }

    def segment_is_there(self):
        for line in pathlib.Path("/proc/sysvipc/shm").read_text().splitlines()[1:]:
            fields = line.split()
            if int(fields[1]) == self.shared_memory:
                return ("there", fields[6])  # the number of attachments
        return ("gone",)

    def verify(self):
        after = self.look()
        for name, value in self.before.items():
            check(after[name] == value, f"canary touched: {name}: {value!r} became {after[name]!r}")
        for name, one in (("path socket", self.listener), ("abstract socket", self.abstract), ("TCP port", self.tcp)):
            try:
                one.accept()
            except BlockingIOError:
                continue
            raise Failure(f"canary touched: somebody connected to the {name}")
        for name, one in (("datagram socket", self.datagram), ("UDP port", self.udp)):
            try:
                one.recv(100)
            except BlockingIOError:
                continue
            raise Failure(f"canary touched: somebody sent to the {name}")

    def close(self):
        self.process.kill()
        self.process.wait()
        self.libc.shmctl(self.shared_memory, 0, None)
        for one in (self.listener, self.datagram, self.abstract, self.tcp, self.udp):
            one.close()


def make_bundle(directory, guest, args):
    root = directory / "bundle/rootfs"
    for name in ("bin", "etc", "tmp", "dev", "proc", "sys"):
        (root / name).mkdir(parents=True, exist_ok=True)
    shutil.copy(guest, root / "bin/hostile")
    shutil.copy(guest, root / "bin/true")
    (root / "etc/passwd").write_text("root:x:0:0:root:/:/bin/sh\n")
    config = {
        "ociVersion": "1.0.2",
        "process": {"user": {"uid": 0, "gid": 0}, "args": args, "env": ["PATH=/bin"], "cwd": "/",
                    "capabilities": {kind: CAPABILITIES for kind in ("bounding", "effective", "permitted")}},
        "root": {"path": "rootfs"},
        "hostname": "hostile",
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=65536k"]},
            {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
             "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
            {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "nodev", "mode=1777"]},
            {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
        ],
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts", "network")]},
    }
    (directory / "bundle/config.json").write_text(json.dumps(config))
    return directory / "bundle"


def helpers_of(litebox, root, container):
    """The keeper's and the monitor's pids: the pid that state shows, and its child."""
    state = json.loads(subprocess.run([litebox, "--root", root, "state", container], stdout=subprocess.PIPE, check=True,
                                      timeout=30).stdout)
    keeper = state["pid"]
    monitor = 0
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == keeper:
            monitor = int(entry.name)
    check(monitor != 0, "the keeper has no child: which process is the monitor?")
    return keeper, monitor


def run_in(directory, options):
    litebox, root = str(options.litebox), str(directory / "state")
    canaries = Canaries(directory)
    container = f"hostile-{os.getpid()}"
    output = directory / "output"
    try:
        # Who the helpers are is known only once the container is created: the arguments come by a file.
        bundle = make_bundle(directory, options.guest, ["/bin/hostile", "@/etc/arguments"])
        with open(output, "wb") as sink:
            subprocess.run([litebox, "--root", root, "create", "--bundle", str(bundle), container], stdin=subprocess.DEVNULL,
                           stdout=sink, stderr=sink, check=True, timeout=60)
        keeper, monitor = helpers_of(litebox, root, container)
        arguments = [str(canaries.file), str(canaries.directory), str(canaries.directory / "stream"),
                     str(canaries.directory / "datagram"), canaries.abstract_name, str(canaries.port),
                     str(canaries.process.pid), str(monitor), str(keeper), str(os.getpid()), str(canaries.shared_memory)]
        (bundle / "rootfs/etc/arguments").write_text("\n".join(arguments) + "\n")
        subprocess.run([litebox, "--root", root, "start", container], check=True, timeout=60)
        deadline = time.monotonic() + 240
        while True:
            state = json.loads(subprocess.run([litebox, "--root", root, "state", container], stdout=subprocess.PIPE, check=True,
                                              timeout=30).stdout)
            if state["status"] == "stopped":
                break
            check(pathlib.Path(f"/proc/{monitor}").exists(), "the monitor has ended before its container")
            check(time.monotonic() < deadline, "the guest did not end: " + output.read_text(errors="replace")[-2000:])
            time.sleep(0.2)
        text = output.read_text(errors="replace")
        print(text)
        canaries.verify()
        check("attempts, 0 claims" in text, "an attempt claims to have worked, or the guest did not come to its end")
    finally:
        subprocess.run([litebox, "--root", root, "delete", "--force", container], check=False, timeout=60)
        canaries.close()


def main():
    parser = arguments(__doc__)
    parser.add_argument("--guest", required=True, type=pathlib.Path)
    return attack(parser.parse_args(), ["litebox", "guest"], run_in, "no canary was touched")


if __name__ == "__main__":
    sys.exit(main())
