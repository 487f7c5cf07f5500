#!/usr/bin/env python3
"""Every form of exec with litebox and with runc, row by row: what comes out must be the same. Then many of each with litebox,
one after the other and at once: none may fail.

    exec_options.py --litebox BUILD/litebox --make-rootfs packaging/make-rootfs [--execs N]

Needs root, for runc's sake.
"""
import argparse
import array
import concurrent.futures
import ctypes
import fcntl
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

PATH = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"
PATIENCE = 60  # seconds: the machine may be busy
CAPABILITIES = ["CAP_CHOWN", "CAP_KILL", "CAP_SETUID", "CAP_SETGID"]


def wait_until(condition, what):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        value = condition()
        if value is not None and value is not False:
            return value
        time.sleep(0.02)
    raise TimeoutError(what)


def receive_descriptor(listener):
    """The payload and the descriptor that a runtime sends to a console socket or a pidfd socket."""
    listener.settimeout(PATIENCE)
    connection = listener.accept()[0]
    text, ancillary, _, _ = connection.recvmsg(4096, socket.CMSG_SPACE(4))
    connection.close()
    descriptors = array.array("i")
    descriptors.frombytes(ancillary[0][2][:4])
    return text, descriptors[0]


def exit_status_of(pid):
    """As an engine sees it: orphans come to this process."""
    def ended():
        found, status = os.waitpid(pid, os.WNOHANG)
        return (status,) if found == pid else None
    return os.waitstatus_to_exitcode(wait_until(ended, "the end")[0])


class Runtime:
    """One runtime with a running container, `box`; the rows may make others."""

    def __init__(self, name, program, directory, rootfs):
        self.name, self.program = name, str(program)
        self.directory = directory / name
        self.bundle = self.directory / "bundle"
        self.bundle.mkdir(parents=True)
        subprocess.run(["cp", "-a", str(rootfs), str(self.bundle / "rootfs")], check=True)
        (self.bundle / "rootfs").chmod(0o755)
        passwd = self.bundle / "rootfs/etc/passwd"
        passwd.write_text(passwd.read_text() + "someone:x:1234:1234::/home/someone:/bin/sh\n")
        (self.bundle / "rootfs/plain").write_text("no program\n")
        self.group = f"/litebox-exec-test-{os.getpid()}-{name}"
        self.containers = []

    def call(self, *args, **options):
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        return subprocess.run([self.program, "--root", str(self.directory / "state"), *map(str, args)], timeout=PATIENCE,
                              check=False, **options)

    def detach(self, *args):
        """exec --detach: what it starts inherits its output, and would keep a pipe of ours open."""
        return self.call("exec", "--detach", *args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def configure(self, container, args, **process):
        config = {
            "ociVersion": "1.0.2",
            "process": {"user": {"uid": 0, "gid": 0}, "args": args, "env": [PATH, "FIRST=1", "SECOND=2"], "cwd": "/",
                        "capabilities": {kind: CAPABILITIES for kind in ("bounding", "effective", "permitted")}, **process},
            "root": {"path": "rootfs"},
            "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
                       {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755"]},
                       {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["newinstance", "ptmxmode=0666"]}],
            "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts", "network")],
                      "cgroupsPath": f"{self.group}/{container}"},
        }
        (self.bundle / "config.json").write_text(json.dumps(config))
        self.containers.append(container)

    def create(self, container, args, options=(), environment=None, **process):
        self.configure(container, args, **process)
        # The container inherits these and keeps them open: no pipe of ours.
        with open(self.directory / "log", "w") as log:
            done = subprocess.run([self.program, "--root", str(self.directory / "state"), "create", "--bundle", str(self.bundle),
                                   *options, container], stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=PATIENCE,
                                  check=False, env=environment)
        if done.returncode != 0:
            raise RuntimeError(f"{self.name} create: {(self.directory / 'log').read_text()}")

    def run_container(self, container, args=("sleep", "1000"), **process):
        self.create(container, list(args), **process)
        done = self.call("start", container)
        if done.returncode != 0:
            raise RuntimeError(f"{self.name} start: {done.stderr.decode()}")

    def exec(self, *args, **options):
        done = self.call("exec", *args, **options)
        return done.returncode, done.stdout.decode()

    def close(self):
        for container in self.containers:
            self.call("delete", "--force", container)
        for hierarchy in pathlib.Path("/sys/fs/cgroup").iterdir():
            for path in (*(hierarchy / self.group[1:]).glob("*/*/"), *(hierarchy / self.group[1:]).glob("*/"),
                         hierarchy / self.group[1:]):
                try:
                    path.rmdir()
                except OSError:
                    pass

    def process_file(self, **members):
        process = {"args": ["true"], "cwd": "/", "user": {"uid": 0, "gid": 0}, "env": [PATH], **members}
        path = self.directory / "process.json"
        path.write_text(json.dumps(process))
        return str(path)


# --- rows: each takes a Runtime and returns what must be the same

def shell(*options, script="true"):
    return lambda runtime: runtime.exec(*options, "box", "sh", "-c", script)


def process(script=None, **members):
    def row(runtime):
        if script is not None:
            members["args"] = ["sh", "-c", script]
        return runtime.exec("--process", runtime.process_file(**members), "box")
    return row


def missing_container(runtime):
    return runtime.exec("nobody", "true")[0] != 0


def only_status(*args):
    """Whether it fails: the number is the same, the words are each runtime's own."""
    return lambda runtime: runtime.exec(*args)[0]


def chdir_failure(runtime, path):
    done = runtime.call("exec", "--cwd", path, "box", "true")
    return done.returncode, f'chdir to cwd (\\"{path}\\") set in config.json failed' in done.stderr.decode()


def piped(runtime):
    text = b"line\n" * 200000
    done = runtime.call("exec", "box", "cat", stdin=None, input=text)
    return done.returncode, done.stdout == text


def killed_by_signal(runtime):
    return runtime.exec("box", "sh", "-c", "kill -KILL $$")


def forwards_signals(runtime):
    # Not /bin/sh of Debian: it would wait for its child before the trap.
    script = "trap 'echo caught; exit 8' TERM; echo ready; while :; do sleep 0.05; done"
    caller = subprocess.Popen([runtime.program, "--root", str(runtime.directory / "state"), "exec", "box", "sh", "-c", script],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    first = caller.stdout.readline()
    caller.send_signal(signal.SIGTERM)
    rest = caller.communicate(timeout=PATIENCE)[0]
    return caller.returncode, first, rest


def detached(runtime):
    pid_file = runtime.directory / "detached.pid"
    pid_file.unlink(missing_ok=True)
    done = runtime.detach("--pid-file", pid_file, "box", "sh", "-c", "sleep 0.2; exit 5")
    pid = int(pid_file.read_text())
    return done.returncode, exit_status_of(pid)


def detached_then_killed(runtime):
    pid_file = runtime.directory / "killed.pid"
    pid_file.unlink(missing_ok=True)
    done = runtime.detach("--pid-file", pid_file, "box", "sleep", "1000")
    pid = int(pid_file.read_text())
    os.kill(pid, signal.SIGKILL)
    return done.returncode, exit_status_of(pid)


def on_terminal(runtime):
    path = str(runtime.directory / "console")
    listener = socket.socket(socket.AF_UNIX)
    pathlib.Path(path).unlink(missing_ok=True)
    listener.bind(path)
    listener.listen(1)
    file = runtime.process_file(args=["sh", "-c", "tty; stty size; exit 3"], terminal=True, consoleSize={"height": 33, "width": 77})
    pid_file = runtime.directory / "terminal.pid"
    pid_file.unlink(missing_ok=True)
    done = runtime.call("exec", "--detach", "--console-socket", path, "--pid-file", pid_file, "--process", file, "box")
    if done.returncode != 0:
        return done.returncode, done.stderr.decode()
    name, master = receive_descriptor(listener)
    text = b""
    try:
        while chunk := os.read(master, 4096):
            text += chunk
    except OSError:  # EIO: the last one has closed it
        pass
    os.close(master)
    pid = int(pid_file.read_text())
    lines = text.decode().split()
    return done.returncode, name != b"", lines[0].startswith("/dev/pts/"), lines[1:], exit_status_of(pid)


def preserved(runtime):
    # As 3 and 4 of the runtime, whatever they are here.
    read_end, write_end = os.pipe()
    os.write(write_end, b"given\n")
    os.close(write_end)
    high = fcntl.fcntl(read_end, fcntl.F_DUPFD, 100)
    os.close(read_end)
    command = [runtime.program, "--root", str(runtime.directory / "state"), "exec", "--preserve-fds", "2", "box", "sh", "-c",
               "cat <&4; ls /proc/self/fd | wc -l"]
    script = f"exec 3</dev/null 4<&{high} {high}<&-; exec \"$@\""
    done = subprocess.run(["bash", "-c", script, "bash", *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, pass_fds=[high], timeout=PATIENCE, check=False)
    os.close(high)
    return done.returncode, done.stdout


def into_created(runtime):
    runtime.create("created", ["sleep", "1000"])
    seen = runtime.exec("created", "echo", "inside")
    status = json.loads(runtime.call("state", "created").stdout)["status"]
    return seen, status, runtime.call("start", "created").returncode, runtime.exec("created", "echo", "running")


def into_paused(runtime):
    runtime.run_container("paused")
    seen = [runtime.call("pause", "paused").returncode]
    refused = runtime.call("exec", "paused", "true")
    seen += [refused.returncode, b"--ignore-paused" in refused.stderr]
    seen += [runtime.call("resume", "paused").returncode, runtime.exec("paused", "echo", "resumed")]
    return seen


def into_stopped(runtime):
    runtime.run_container("stopped", ["true"])
    wait_until(lambda: json.loads(runtime.call("state", "stopped").stdout)["status"] == "stopped", "the end of it")
    refused = runtime.call("exec", "stopped", "true")
    return refused.returncode, b"cannot exec in a stopped container" in refused.stderr


def memory_group_of(pid):
    for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "memory":
            return path
    return None


def in_sub_cgroup(runtime):
    """The group that the process of `exec --cgroup` is in, below the container's."""
    seen = []
    group = f"{runtime.group}/box"
    for options, sub in ((["--cgroup", "memory:below"], "below"), (["--cgroup", "/"], ""), ([], "")):
        path = pathlib.Path("/sys/fs/cgroup/memory" + group + "/below")
        if path.parent.is_dir():
            path.mkdir(exist_ok=True)
        marker = f"5{os.getpid()}{len(seen)}"
        done = runtime.detach(*options, "box", "sleep", marker)
        found = None
        if done.returncode == 0:
            pid = wait_until(lambda: find_process(["sleep", marker]), "the process")
            found = memory_group_of(pid)
            os.kill(pid, signal.SIGKILL)
        seen.append((done.returncode, found == group + ("/" + sub if sub else "")))
    seen.append(runtime.exec("--cgroup", "../elsewhere", "box", "true")[0])
    seen.append(runtime.exec("--cgroup", "nonesuch:x", "box", "true")[0])
    return seen


def find_process(command):
    wanted = "\0".join(command).encode() + b"\0"
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "cmdline").read_bytes() == wanted:
                    return int(entry.name)
            except OSError:
                pass
    return None


ROWS = {
    "echo": lambda runtime: runtime.exec("box", "echo", "hello", "--user", "-e"),
    "exit status": shell(script="exit 7"),
    "killed": killed_by_signal,
    "added variable": shell("--env", "ADDED=x", "--env", "OTHER=y z", script="echo $ADDED $OTHER $FIRST"),
    "replaced variable": shell("-e", "FIRST=new", script="echo $FIRST; env | grep -c FIRST"),
    "repeated variable": shell("-e", "A=1", "-e", "A=2", script="env | grep ^A="),
    "order of variables": lambda runtime: runtime.exec("-e", "FIRST=new", "-e", "LAST=1", "box", "env"),
    "replaced PATH": lambda runtime: runtime.exec("-e", "PATH=/nowhere", "box", "echo", "x")[0],
    "home of root": shell(script="echo $HOME"),
    "home of a user": shell("--user", "1234:1234", script="echo $HOME"),
    "home of nobody known": shell("--user", "4321", script="echo $HOME"),
    "home that is given": shell("-e", "HOME=/given", script="echo $HOME"),
    "empty home": shell("-e", "HOME=", script="echo $HOME"),
    "directory": shell("--cwd", "/etc", script="pwd"),
    "directory that is not there": lambda runtime: chdir_failure(runtime, "/nonexistent/directory"),
    "directory that is a file": lambda runtime: chdir_failure(runtime, "/plain"),
    "user": shell("--user", "1234:5678", script="id -u; id -g; id -G"),
    "user without a group": shell("-u", "1234", script="id -u; id -g; id -G"),
    "groups": shell("-u", "1:2", "-g", "30", "-g", "40", script="id -G"),
    "user by name": only_status("--user", "root", "box", "true"),
    "capability": shell("--cap", "CAP_NET_RAW", "--cap", "CAP_NET_BIND_SERVICE", script="grep -E 'Cap(Prm|Eff|Bnd)' /proc/self/status"),
    "no new privileges": shell("--no-new-privs", script="grep NoNewPrivs /proc/self/status"),
    "process: arguments and environment": process(args=["env"], env=[PATH, "ONLY=this", "HOME=/h"]),
    "process: repeated variable": process(args=["env"], env=["A=1", PATH, "HOME=/h", "A=2"]),
    "process: user and directory": process("id -u; id -G; pwd", cwd="/tmp",
                                           user={"uid": 5, "gid": 6, "additionalGids": [7]}),
    "process: limits": process("ulimit -n; ulimit -c",
                               rlimits=[{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 100},
                                        {"type": "RLIMIT_CORE", "soft": 0, "hard": 0}]),
    "process: capabilities": process("grep -E 'Cap(Prm|Eff|Bnd)' /proc/self/status", user={"uid": 0, "gid": 0},
                                     capabilities={kind: ["CAP_CHOWN"] for kind in ("bounding", "effective", "permitted")}),
    "process: no arguments": lambda runtime: runtime.exec("-p", runtime.process_file(args=[]), "box")[0],
    "process: relative directory": lambda runtime: runtime.exec("-p", runtime.process_file(cwd="tmp"), "box")[0],
    "process: no such file": only_status("-p", "/nonexistent/process.json", "box"),
    "no such program": only_status("box", "missing"),
    "no such path": only_status("box", "/bin/missing"),
    "not executable": only_status("box", "/plain"),
    "a directory": only_status("box", "/etc"),
    "no such container": missing_container,
    "no command": lambda runtime: runtime.exec("box")[0] != 0,
    "profile of AppArmor": lambda runtime: runtime.exec("--apparmor", "nonesuch", "box", "true")[0] != 0,
    "terminal without a socket": only_status("--tty", "--detach", "box", "true"),
    "socket without a terminal": only_status("--console-socket", "/nonexistent", "--detach", "box", "true"),
    "input and output": piped,
    "signals": forwards_signals,
    "detached": detached,
    "detached, killed": detached_then_killed,
    "terminal": on_terminal,
    "preserved descriptors": preserved,
    "created container": into_created,
    "paused container": into_paused,
    "stopped container": into_stopped,
    "cgroup": in_sub_cgroup,
}


def compare(native, ours):
    failures = []
    for name, row in ROWS.items():
        seen = []
        for runtime in (native, ours):
            try:
                seen.append(row(runtime))
            except (OSError, ValueError, RuntimeError, subprocess.SubprocessError) as failure:
                seen.append(f"{type(failure).__name__}: {failure}")
        if seen[0] == seen[1]:
            print(f"same: {name}: {seen[1]!r:.120}", flush=True)
        else:
            failures.append(f"{name}: runc {seen[0]!r}, litebox {seen[1]!r}")
    return failures


STRESSED = {
    "plain": lambda runtime: runtime.exec("box", "sh", "-c", "echo a; exit 6") == (6, "a\n"),
    "process": lambda runtime: runtime.exec("-p", str(runtime.directory / "stress.json"), "box") == (0, "x\n"),
    "user": lambda runtime: runtime.exec("-u", "1234:1234", "-e", "X=1", "--cwd", "/tmp", "box", "sh", "-c", "id -u") == (0, "1234\n"),
    "detached": lambda runtime: runtime.detach("box", "true").returncode == 0,
    "cgroup": lambda runtime: runtime.exec("--cgroup", "/", "box", "true") == (0, ""),
}


def stress(runtime, count):
    (runtime.directory / "stress.json").write_text(json.dumps(
        {"args": ["echo", "x"], "cwd": "/", "user": {"uid": 0, "gid": 0}, "env": [PATH]}))
    failures = []
    for name, form in STRESSED.items():
        for workers in (1, 8):
            with concurrent.futures.ThreadPoolExecutor(workers) as pool:
                good = sum(pool.map(lambda _, form=form: bool(form(runtime)), range(count)))
            if good != count:
                failures.append(f"{name}, {workers} at once: {count - good} of {count} failed")
            else:
                print(f"{count} of {count}: {name}, {workers} at once", flush=True)
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--litebox", required=True, type=pathlib.Path)
    parser.add_argument("--make-rootfs", required=True, type=pathlib.Path)
    parser.add_argument("--execs", type=int, default=25)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if os.geteuid() != 0:
        sys.exit("exec_options.py: runc needs root here")
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER, as containerd's shim and conmon do
    directory = pathlib.Path(tempfile.mkdtemp(prefix="litebox-exec-"))
    failures = ["not everything was done"]
    runtimes = []
    try:
        subprocess.run([options.make_rootfs, "busybox", directory / "rootfs"], check=True)
        for name, program in (("runc", shutil.which("runc")), ("litebox", options.litebox.resolve())):
            runtimes.append(Runtime(name, program, directory, directory / "rootfs"))
            runtimes[-1].run_container("box")
        failures = compare(*runtimes)
        failures += stress(runtimes[1], options.execs)
    finally:
        for runtime in runtimes:
            runtime.close()
        subprocess.run(["rm", "-rf", "--one-file-system", directory], check=False)
    for failure in failures:
        print("DIFFERS: " + failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
