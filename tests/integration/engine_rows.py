"""Rows of everyday use that an engine does with runc and with litebox: what a user sees must be the same.

A row is a function that takes an engine (docker.py, podman.py, containerd.py) and returns what a user saw. Both engines go
through the rows at the same time, unless they are one daemon that the rows restart. Daemons are noisy: a row that differs is done again, alone, up to twice, before it counts.
"""
import ctypes
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

PATIENCE = 120  # seconds for one command: the machine may be busy

PODMAN_TOP = "podman lists every process of the container's pid namespace, which without namespaces is the host's"

# Rows that are known to differ, by engine, each with its reason. They are done and printed all the same.
NOT_YET = {
    "docker": {"privileged": "where the host lacks a capability, runc fails; here it is left out, as the specification wants"},
    "podman as root": {"top": PODMAN_TOP},
    "podman rootless": {"top": PODMAN_TOP},
    "containerd": {},
    "CRI": {"processes of the host": "those of the pod are seen instead: no container sees the host's"},
}


class Different(Exception):
    """A row found something that no runtime should show."""


def wait_until(condition, what, patience=60):
    """The first value of condition() that is neither None nor False."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        value = condition()
        if value is not None and value is not False:
            return value
        time.sleep(0.1)
    raise Different(f"waited in vain for {what}")


def run(command, **options):
    """A command with its text output; never one that waits for a terminal or for ever."""
    options.setdefault("stdin", subprocess.DEVNULL)
    if "input" in options:
        del options["stdin"]
    return subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=options.pop("timeout", PATIENCE), check=False, text=True, errors="replace", **options)


def outcome(row, engine):
    try:
        return row(engine)
    except Exception as failure:  # whatever a row cannot get over is what this runtime did to it
        where = traceback.extract_tb(failure.__traceback__)[1].lineno
        return f"{type(failure).__name__} in line {where}: {failure}"


def compare(name, rows, native, ours, only=(), together=True):
    """Does every row with both engines; the number of rows that differ and should not."""
    rows = {title: row for title, row in rows.items() if not only or any(text in title for text in only)}
    seen = {native: {}, ours: {}}

    def go_through(engine):
        for title, row in rows.items():
            seen[engine][title] = outcome(row, engine)

    threads = [threading.Thread(target=go_through, args=(engine,), daemon=True) for engine in (native, ours)]
    for thread in threads:
        thread.start()
        while not together and thread.is_alive():
            thread.join(1)
    for thread in threads:
        while thread.is_alive():
            thread.join(1)

    failures = 0
    known = NOT_YET[name]
    for title, row in rows.items():
        results = (seen[native][title], seen[ours][title])
        for _ in range(2):
            if results[0] == results[1] or title in known:
                break
            print(f"again: {name}, {title}: runc {results[0]!r}, litebox {results[1]!r}", flush=True)
            results = (outcome(row, native), outcome(row, ours))
        if results[0] == results[1]:
            print(f"same: {name}, {title}: {results[1]!r:.150}", flush=True)
        elif title in known:
            print(f"not yet: {name}, {title}: {known[title]}\n    runc {results[0]!r}\n    litebox {results[1]!r}", flush=True)
        else:
            failures += 1
            print(f"DIFFERS: {name}, {title}: runc {results[0]!r}, litebox {results[1]!r}", flush=True)
    differing = len([title for title in known.keys() & rows.keys() if seen[native][title] != seen[ours][title]])
    print(f"{name}: {len(rows)} rows, {len(rows) - failures - differing} the same, {differing} not yet, {failures} differ", flush=True)
    return failures


def end_in_order():
    """What is left behind is cleaned up when the test is stopped, too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


class Directory:
    """A temporary directory that may hold mounts of an engine's own mount namespace when it is removed."""

    def __init__(self, prefix):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix=prefix))

    def __enter__(self):
        return self.path

    def __exit__(self, *_):
        subprocess.run(["rm", "-rf", "--one-file-system", self.path], check=False)


def end_namespace_of(process):
    """Kills what is left in the mount namespace of `process`, a child with a mount namespace of its own, and the child."""
    try:
        namespace = os.readlink(f"/proc/{process.pid}/ns/mnt")
    except OSError:
        return
    if namespace == os.readlink("/proc/self/ns/mnt"):
        return
    for _ in range(50):
        left = 0
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == process.pid:
                continue
            try:
                if os.readlink(entry / "ns/mnt") == namespace:
                    os.kill(int(entry.name), 9)
                    left += 1
            except OSError:
                pass
        if left == 0:
            break
        time.sleep(0.1)


def remove_cgroups(name):
    """Removes the cgroups `name` that an engine leaves in every hierarchy, with what is left of containers that it lost."""
    groups = list(pathlib.Path("/sys/fs/cgroup").glob(f"*/{name}"))
    for _ in range(50):
        left = {int(pid) for group in groups for procs in group.rglob("cgroup.procs") for pid in procs.read_text().split()}
        if not left:
            break
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.1)
    for group in groups:
        for directory, _, _ in os.walk(group, topdown=False):
            try:
                os.rmdir(directory)
            except OSError:
                pass


class Namespace:
    """Mount and network namespaces in which an engine lives, held by a sleeping process."""

    def __init__(self):
        read_end, write_end = os.pipe()
        self.process = subprocess.Popen(
            ["unshare", "-m", "-n", "--propagation", "private", "sh", "-c",
             f"ip link set lo up; echo >&{write_end}; exec {write_end}>&- sleep infinity"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=[write_end], start_new_session=True)
        os.close(write_end)
        with os.fdopen(read_end) as ready:
            ready.readline()

    def enter(self, *command):
        return ["nsenter", "-t", str(self.process.pid), "-m", "-n", "--wd=/", "--", *command]

    def connect(self, address):
        """A connection made in the network: a socket belongs to the network that its thread was in."""
        with open("/proc/thread-self/ns/net", "rb") as own, open(f"/proc/{self.process.pid}/ns/net", "rb") as theirs:
            self._set_network(theirs)
            try:
                return socket.create_connection(address)
            finally:
                self._set_network(own)

    @staticmethod
    def _set_network(namespace):
        if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), 0x40000000) != 0:  # CLONE_NEWNET
            raise OSError(ctypes.get_errno(), "setns")

    def close(self):
        end_namespace_of(self.process)
        self.process.kill()
        self.process.wait()
