#!/usr/bin/env python3
"""A hostile container beside another one, on a host with a process of the same user and a terminal: nothing of them is reached.

    neighbours.py --litebox BUILD/litebox --guest BUILD/tests/security/hostile --as root|user
"""
import fcntl
import json
import os
import pathlib
import select
import shutil
import signal
import subprocess
import sys
import termios
import threading
import time

from harness import arguments, attack, check
from hostile_guests import CAPABILITIES, helpers_of

def be_the_canary(output):
    """Tells of every signal; has a second thread."""
    def tell(number, _):
        os.write(output, f"signal {number}\n".encode())

    for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
        signal.signal(number, tell)
    thread = threading.Thread(target=time.sleep, args=(1000,), daemon=True)
    thread.start()
    os.write(output, f"thread {thread.native_id}\n".encode())
    while True:
        time.sleep(1000)


class HostProcess:
    """Of the containers' own user, leading a session whose terminal is the one that the attacker gets."""

    def __init__(self, terminal):
        self.output, output = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
            be_the_canary(output)
        os.close(output)
        self.thread = int(os.read(self.output, 100).split()[1])
        self.before = self.look()

    def look(self):
        stat = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        readable, _, _ = select.select([self.output], [], [], 0)
        priority = subprocess.run(["ionice", "-p", str(self.pid)], stdout=subprocess.PIPE, check=False)
        return {
            "alive": stat[0] in "SR",
            "signals": os.read(self.output, 1000) if readable else b"",
            "group, session and terminal": stat[2:6],
            "nice": stat[16],
            "io priority": priority.stdout,
            "limits": pathlib.Path(f"/proc/{self.pid}/limits").read_text(),
            "affinity": [os.sched_getaffinity(pid) for pid in (self.pid, self.thread)],
            "scheduler": [os.sched_getscheduler(pid) for pid in (self.pid, self.thread)],
        }

    def verify(self):
        after = self.look()
        for name, value in self.before.items():
            check(after[name] == value, f"the host's process was touched: {name}: {value!r} became {after[name]!r}")

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


class Terminal:
    """What the attacker gets as its standard input and output; nobody types on it."""

    def __init__(self):
        self.master, self.slave = os.openpty()
        attributes = termios.tcgetattr(self.slave)
        attributes[3] &= ~(termios.ECHO | termios.ICANON)
        termios.tcsetattr(self.slave, termios.TCSANOW, attributes)
        self.text = bytearray()

    def start(self):
        threading.Thread(target=self.collect, daemon=True).start()

    def collect(self):
        while True:
            try:
                self.text += os.read(self.master, 65536)
            except OSError:
                return

    def verify(self, owner):
        waiting = fcntl.ioctl(self.slave, termios.FIONREAD, b"\0\0\0\0")
        check(waiting == b"\0\0\0\0", "somebody has typed on the caller's terminal")
        terminal = os.fstat(self.slave)
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) in (os.getpid(), owner):
                continue
            try:
                held = [os.stat(fd) for fd in (entry / "fd").iterdir()]
            except OSError:
                continue
            # Other instances of devpts have terminals of the same name.
            check(all((each.st_dev, each.st_ino) != (terminal.st_dev, terminal.st_ino) for each in held),
                  f"process {entry.name} still holds the caller's terminal")


class Host:
    def __init__(self, directory, options):
        self.directory, self.litebox, self.guest = directory, str(options.litebox), options.guest
        self.root = str(directory / "state")
        self.shared = directory / "shared"
        self.shared.mkdir()

    def call(self, *args, **options):
        return subprocess.run([self.litebox, "--root", self.root, *args], timeout=60, check=True, **options)

    def create(self, name, args, terminal=None, private=None):
        bundle = self.directory / name
        root = bundle / "rootfs"
        for directory in ("bin", "dev", "proc", "shared", "private"):
            (root / directory).mkdir(parents=True)
        shutil.copy(self.guest, root / "bin/hostile")
        (root / "secret").write_text("the victim's\n" if name == "victim" else "the attacker's own\n")
        mounts = [{"destination": "/proc", "type": "proc", "source": "proc"},
                  {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
                  {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
                   "options": ["newinstance", "ptmxmode=0666", "mode=0620"]},
                  {"destination": "/shared", "type": "bind", "source": str(self.shared), "options": ["bind", "rw"]}]
        if private:
            mounts.append({"destination": "/private", "type": "bind", "source": str(private), "options": ["bind", "rw"]})
        config = {
            "ociVersion": "1.0.2",
            "process": {"user": {"uid": 0, "gid": 0}, "args": ["/bin/hostile", *args], "env": ["PATH=/bin"], "cwd": "/",
                        "capabilities": {kind: CAPABILITIES for kind in ("bounding", "effective", "permitted")}},
            "root": {"path": "rootfs"}, "hostname": name, "mounts": mounts,
            "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts", "network")]},
        }
        (bundle / "config.json").write_text(json.dumps(config))
        sink = terminal if terminal is not None else open(self.directory / f"{name}.output", "wb")
        self.call("create", "--bundle", str(bundle), name, stdin=terminal if terminal is not None else subprocess.DEVNULL,
                  stdout=sink, stderr=sink)

    def status(self, name):
        return json.loads(self.call("state", name, stdout=subprocess.PIPE).stdout)["status"]

    def members(self, name):
        return json.loads(self.call("ps", "--format", "json", name, stdout=subprocess.PIPE).stdout)


def run_in(directory, options):
    host = Host(directory, options)
    terminal = Terminal()
    process = HostProcess(terminal.slave)
    terminal.start()
    private = directory / "private/inner-private"
    (private / "inner").mkdir(parents=True)
    (directory / "private/secret").write_text("outside\n")
    (private / "link").symlink_to("..")
    try:
        host.create("victim", ["victim"], private=private)
        host.call("start", "victim")
        deadline = time.monotonic() + 30
        while not (host.shared / "socket").exists():
            check(time.monotonic() < deadline and host.status("victim") == "running",
                  "the victim does not come up: " + (directory / "victim.output").read_text())
            time.sleep(0.05)
        victims = host.members("victim")
        check(len(victims) == 2, f"the victim's processes are {victims}")
        victim_keeper, victim_monitor = helpers_of(host.litebox, host.root, "victim")
        # The attacker's helpers have pids of their own only after its creation, so it learns its neighbours' first.
        outsiders = [process.pid, process.thread, *victims, victim_monitor, victim_keeper, os.getpid(), 2]
        host.create("attacker", ["attacker", *map(str, outsiders)], terminal=terminal.slave)
        _, monitor = helpers_of(host.litebox, host.root, "attacker")
        host.call("start", "attacker")
        deadline = time.monotonic() + 200
        while host.status("attacker") != "stopped":
            check(pathlib.Path(f"/proc/{monitor}").exists() or host.status("attacker") == "stopped",
                  "the attacker's monitor has ended before its container")
            check(time.monotonic() < deadline, "the attacker does not end: " + terminal.text.decode(errors="replace")[-2000:])
            time.sleep(0.2)
        host.call("delete", "--force", "attacker")
        time.sleep(0.2)
        text = terminal.text.decode(errors="replace")
        print(text)
        process.verify()
        terminal.verify(process.pid)
        check(host.status("victim") == "running", "the victim has ended")
        check(host.members("victim") == victims, f"the victim's processes {victims} became {host.members('victim')}")
        touched = host.shared / "touched"
        check(not touched.exists(), f"the victim got signals: {touched.read_text() if touched.exists() else ''}")
        check((directory / "private/secret").exists(), "a file above the directory that was given away is gone")
        check("attempts, 0 claims" in text and "claims:" not in text, "an attempt claims to have worked, or the attacker did not come to its end")
    finally:
        for name in ("attacker", "victim"):
            subprocess.run([host.litebox, "--root", host.root, "delete", "--force", name], check=False, timeout=60)
        process.close()


def main():
    parser = arguments(__doc__)
    parser.add_argument("--guest", required=True, type=pathlib.Path)
    return attack(parser.parse_args(), ["litebox", "guest"], run_in, "nothing was reached")


if __name__ == "__main__":
    sys.exit(main())
