#!/usr/bin/env python3
"""What processes of the host see of a container that root runs: who talks to their sockets, and that their devices stay as they are.

    host_sockets.py --litebox BUILD/litebox --make-rootfs packaging/make-rootfs

A directory of the host's with two sockets is mounted into a container. Whoever connects, or sends, is to the host the user that the
program has inside. A file that is masked is the host's null device, which no container changes.
"""
import argparse
import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading

CAPABILITIES = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_SETGID", "CAP_SETUID"]
PATIENCE = 60
CREDENTIALS = struct.Struct("3i")

TALK = r"""
import socket
stream = socket.socket(socket.AF_UNIX); stream.connect("/shared/stream"); print(stream.recv(100).decode())
sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); sender.sendto(b"x", "/shared/datagrams")
"""

CHANGE = r"""
import os
null = os.open("/etc/hostname", os.O_RDWR)
for what in (lambda: os.fchmod(null, 0), lambda: os.fchown(null, 5, 5), lambda: os.utime(null), lambda: os.chmod("/etc/hostname", 0)):
    try: what(); print("changed")
    except OSError as error: print(error.strerror)
"""


def run(litebox, directory, program, user):
    config = {
        "ociVersion": "1.0.2",
        "process": {"user": user, "args": ["/usr/bin/python3", "-c", program], "cwd": "/", "env": ["PATH=/usr/bin:/bin"],
                    "capabilities": {kind: CAPABILITIES for kind in ("bounding", "effective", "permitted")}},
        "root": {"path": "rootfs"},
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
                   {"destination": "/shared", "type": "bind", "source": str(directory / "shared"), "options": ["bind"]}],
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts")], "maskedPaths": ["/etc/hostname"]},
    }
    (directory / "config.json").write_text(json.dumps(config))
    command = [str(litebox), "--root", str(directory / "state"), "run", "--bundle", str(directory), f"host-{os.getpid()}"]
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE,
                           check=False)
    return ended.stdout.split("\n")[:-1]


class Listeners:
    """The host's sockets: what they have been told of the first who talks to them."""

    def __init__(self, directory):
        self.stream = socket.socket(socket.AF_UNIX)
        self.datagrams = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        for listener, name in ((self.stream, "stream"), (self.datagrams, "datagrams")):
            (directory / name).unlink(missing_ok=True)
            listener.bind(str(directory / name))
            (directory / name).chmod(0o777)
            listener.settimeout(PATIENCE)
        self.stream.listen(1)
        self.datagrams.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.told = []
        self.thread = threading.Thread(target=self.listen)
        self.thread.start()

    def listen(self):
        connection, _ = self.stream.accept()
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
        self.told.append(("connected", *CREDENTIALS.unpack(credentials)[1:]))
        connection.send(b"welcome")
        connection.close()
        _, control, _, _ = self.datagrams.recvmsg(10, 100)
        self.told += [("sent", *CREDENTIALS.unpack(data)[1:]) for _, _, data in control]

    def end(self):
        self.thread.join(PATIENCE)
        self.stream.close()
        self.datagrams.close()
        return self.told


def status_of_null():
    status = os.stat("/dev/null")
    return status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns


def check(condition, *what):
    if not condition:
        sys.exit(f"FAILED: {what}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--litebox", required=True, type=pathlib.Path)
    parser.add_argument("--make-rootfs", required=True, type=pathlib.Path)
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("host_sockets.py: needs root")
    directory = pathlib.Path(tempfile.mkdtemp(prefix="litebox-host-"))
    try:
        subprocess.run([str(options.make_rootfs), "debian", str(directory / "rootfs")], check=True, timeout=600)
        (directory / "shared").mkdir()
        for user in ({"uid": 0, "gid": 0}, {"uid": 1000, "gid": 1001}):
            listeners = Listeners(directory / "shared")
            output = run(options.litebox, directory, TALK, user)
            told = listeners.end()
            check(output == ["welcome"], output)
            check(told == [(what, user["uid"], user["gid"]) for what in ("connected", "sent")], told)
        before = status_of_null()
        output = run(options.litebox, directory, CHANGE, {"uid": 0, "gid": 0})
        after = status_of_null()
        os.chmod("/dev/null", before[0] & 0o7777)  # nobody is to suffer from a failure
        os.chown("/dev/null", before[1], before[2])
        check(output == ["Read-only file system"] * 4, output)
        check(after == before, before, after)
        print("same as with namespaces")
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
