#!/usr/bin/env python3
"""The life of containers as a caller sees it, and what is left when a helper is killed at a random moment.

    lifecycle.py --litebox BUILD/litebox --make-rootfs packaging/make-rootfs --as root|user [--rounds N]

LITEBOX_STORM_ROUNDS overrides the number of kill -9 rounds.
"""
import argparse
import ctypes
import json
import os
import pathlib
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

NAMESPACES = ("pid", "mnt", "ipc", "uts", "user", "cgroup", "time")


class Failure(Exception):
    pass


def check(condition, text):
    if not condition:
        raise Failure(text)


def processes():
    """pid -> (parent, state) of every process."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        found[int(entry.name)] = (int(fields[1]), fields[0])
    return found


def descendants(ancestor):
    table, found = processes(), set()
    grown = True
    while grown:
        grown = False
        for pid, (parent, _) in table.items():
            if pid not in found and (parent == ancestor or parent in found):
                found.add(pid)
                grown = True
    return found


class Test:
    def __init__(self, directory, litebox, bundle):
        self.directory, self.litebox, self.bundle = directory, str(litebox), bundle
        self.root = str(directory / "state")
        self.kept = []  # descriptors
        # Whoever is orphaned here is reaped here: the pid file's process is re-parented to its caller's subreaper.
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)

    def call(self, *args, check_status=True, **options):
        done = subprocess.run([self.litebox, "--root", self.root, *map(str, args)], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False, text=True, **options)
        if check_status:
            check(done.returncode == 0, f"litebox {args}: exit {done.returncode}: {done.stderr}")
        return done

    def configure(self, args):
        config = {
            "ociVersion": "1.0.2",
            "process": {"user": {"uid": 0, "gid": 0}, "args": args, "env": ["PATH=/bin"], "cwd": "/"},
            "root": {"path": "rootfs"},
            "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
                       {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"}],
            "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts", "network")]},
        }
        (self.bundle / "config.json").write_text(json.dumps(config))

    def create(self, name, args):
        self.configure(args)
        # The container inherits these, and keeps them open: not a pipe of ours.
        log = self.directory / "log"
        log.unlink(missing_ok=True)
        done = subprocess.run([self.litebox, "--root", self.root, "--log", str(log), "create", "--bundle", str(self.bundle),
                               "--pid-file", str(self.directory / "pid"), name], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60, check=False)
        check(done.returncode == 0, f"create: exit {done.returncode}: {log.read_text() if log.exists() else ''}")
        return int((self.directory / "pid").read_text())

    def state(self, name):
        return json.loads(self.call("state", name).stdout)

    def await_end(self, pid):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done == pid:
                return status
            time.sleep(0.01)
        raise Failure(f"process {pid} does not end")

    # --- cases

    def states(self):
        pid = self.create("states", ["sh", "-c", "trap 'exit 9' TERM; while :; do sleep 0.05; done"])
        state = self.state("states")
        check((state["status"], state["pid"]) == ("created", pid), f"after create: {state}")
        self.call("start", "states")
        check(self.state("states")["status"] == "running", "after start")
        check("cannot start" in self.call("start", "states", check_status=False).stderr, "a second start")
        check(self.call("delete", "states", check_status=False).returncode == 1, "delete of a running container")
        time.sleep(0.3)
        self.call("kill", "states", "TERM")
        status = self.await_end(pid)
        check(os.WIFEXITED(status) and os.WEXITSTATUS(status) == 9, f"the pid file's process ended with {status:x}, not exit 9")
        state = self.state("states")
        check((state["status"], state["pid"]) == ("stopped", 0), f"after its end: {state}")
        check("not running" in self.call("kill", "states", "TERM", check_status=False).stderr, "kill of a stopped container")
        self.call("delete", "states")
        check("does not exist" in self.call("state", "states", check_status=False).stderr, "state of a deleted container")
        self.call("delete", "--force", "states")

    def killed(self):
        pid = self.create("killed", ["sleep", "100"])
        self.call("start", "killed")
        self.call("kill", "killed", "TERM")  # init has no handler: nothing happens
        time.sleep(0.2)
        check(self.state("killed")["status"] == "running", "init died of a signal that it does not handle")
        self.call("kill", "killed", "KILL")
        status = self.await_end(pid)
        check(os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, f"ended with {status:x}, not SIGKILL")
        self.call("delete", "killed")

    def run_and_exec(self):
        self.configure(["sh", "-c", "exit 7"])
        check(self.call("run", "--bundle", self.bundle, "run", check_status=False).returncode == 7, "run's status")
        self.configure(["sh", "-c", "kill -9 $$; exit 3"])
        check(self.call("run", "--bundle", self.bundle, "run", check_status=False).returncode == 3, "init's own SIGKILL")
        pid = self.create("exec", ["sleep", "100"])
        self.call("start", "exec")
        done = self.call("exec", "exec", "sh", "-c", "echo inside; exit 5", check_status=False)
        check((done.returncode, done.stdout) == (5, "inside\n"), f"exec: {done}")
        check(self.call("exec", "exec", "sh", "-c", "kill -15 $$", check_status=False).returncode == 143, "exec's signal")
        check(self.call("exec", "exec", "nothing", check_status=False).returncode == 255, "exec of a missing program")
        self.call("delete", "--force", "exec")
        self.await_end(pid)

    def two_containers(self):
        pids = [self.create(name, ["sh", "-c", f"echo {name} > /tmp/{name}; sleep 100"]) for name in ("one", "two")]
        for name in ("one", "two"):
            self.call("start", name)
        members = [json.loads(self.call("ps", "--format", "json", name).stdout) for name in ("one", "two")]
        check(members[0] and members[1] and not set(members[0]) & set(members[1]), f"members {members}")
        for other in members[1]:
            done = self.call("exec", "one", "sh", "-c", f"kill -0 {other} || ls /proc/{other}", check_status=False)
            check(done.returncode != 0, f"one sees process {other} of two")
        helpers = {member for pid in pids for member in descendants(pid) | {pid}}
        for pid in helpers:
            for kind in NAMESPACES:
                try:
                    link = os.readlink(f"/proc/{pid}/ns/{kind}")
                except OSError:
                    continue
                check(link == os.readlink(f"/proc/self/ns/{kind}"), f"process {pid} has a {kind} namespace of its own")
        for name, pid in zip(("one", "two"), pids):
            self.call("delete", "--force", name)
            self.await_end(pid)

    def malformed_requests(self):
        """What is no request is refused, and the container goes on."""
        pid = self.create("malformed", ["sleep", "100"])
        self.call("start", "malformed")
        # Short messages, as whoever runs this may have a small socket buffer; nested deeper than a stack.
        deep = '{"op":"exec","process":' + '{"a":' * 20000 + "1" + "}" * 20000 + "}"
        for text in ("", "{", "[]", "1", '{"op":1}', '{"op":"kill","signal":"x"}', '{"op":"kill","all":[]}', '{"op":"signal","pid":{}}',
                     '{"op":"describe","pid":"1"}', '{"op":"exec","process":3}', '{"op":"exec","cgroups":1}', "\udcff{", deep):
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as control:
                control.settimeout(10)
                control.connect(self.control_socket("malformed"))
                # Of a process, whose descriptors are three; they are looked at before anything else.
                socket.send_fds(control, [text.encode(errors="surrogateescape") or b" "], [0, 1, 2])
                answer = control.recv(65536)
            check(not answer or not json.loads(answer)["ok"], f"{text[:40]} is answered with {answer}")
            check(self.state("malformed")["status"] == "running", f"after {text[:40]}")
        self.call("delete", "--force", "malformed")
        self.await_end(pid)

    def control_socket(self, name):
        # A socket's address has little room.
        directory = os.open(f"{self.root}/{name}", os.O_PATH | os.O_CLOEXEC)
        self.kept.append(directory)
        return f"/proc/self/fd/{directory}/control.sock"

    def left_over(self, before, name):
        """What a container of this name has left; nothing, or a text."""
        now = {pid for pid, (_, state) in processes().items() if state not in "ZX"} - before
        left = [f"process {pid}" for pid in now if self.is_ours(pid)]
        if (pathlib.Path(self.root) / name).exists():
            left.append("its state directory")
        for path in pathlib.Path("/sys/fs/cgroup").glob(f"*/litebox/{name}*"):
            left.append(str(path))
        for line in pathlib.Path("/proc/self/mounts").read_text().splitlines():
            if str(self.directory) in line or "litebox" in line.split()[0]:
                left.append(f"mount {line}")
        for line in pathlib.Path("/proc/net/unix").read_text().splitlines():
            if str(self.directory) in line:
                left.append(f"socket {line.split()[-1]}")
        return ", ".join(left)

    def is_ours(self, pid):
        try:
            command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return False
        return str(self.directory).encode() in command or b"storm-guest" in command

    def start_command(self, *args):
        return subprocess.Popen([self.litebox, "--root", self.root, *args], stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill_helpers(self, name, victims, chance):
        """Kills the command, the keeper or the monitor of a running container at a random moment."""
        cli = self.start_command("run", "--bundle", str(self.bundle), name)
        time.sleep(chance.uniform(0, 0.5))
        chain = [cli.pid, *sorted(descendants(cli.pid))[:2]]  # forked in this order
        places = {"cli": 0, "keeper": 1, "monitor": 2}
        for target in {chain[min(places[victim], len(chain) - 1)] for victim in victims}:
            try:
                os.kill(target, signal.SIGKILL)
            except ProcessLookupError:
                pass
        return cli

    def kill_delete(self, name, how, chance):
        """Kills `delete` or `delete --force` at a random moment; of `delete twice` neither, but one waits for the other."""
        self.create(name, ["sh", "-c", "while :; do (sleep 0.01; : storm-guest) & sleep 0.005; done"])
        if how != "delete":
            self.call("start", name)
        arguments = ["delete", *([] if how == "delete" else ["--force"]), name]
        deletes = [self.start_command(*arguments) for _ in range(2 if how == "delete twice" else 1)]
        if how != "delete twice":
            time.sleep(chance.uniform(0, 0.06))
            deletes[0].kill()
        for one in deletes:
            check(one.wait(timeout=30) in (0, -signal.SIGKILL), f"{arguments} ends with {one.returncode}")
        return deletes[0]

    def storm(self, rounds):
        seed = random.randrange(1 << 32)
        chance = random.Random(seed)
        kinds = {"command": ["cli"], "keeper": ["keeper"], "monitor": ["monitor"], "keeper and monitor": ["keeper", "monitor"],
                 "everyone": ["cli", "keeper", "monitor"], "delete": None, "delete --force": None, "delete twice": None}
        counts = dict.fromkeys(kinds, 0)
        for number in range(rounds):
            name = f"storm{number}"
            before = set(processes())
            kind = list(kinds)[number % len(kinds)]
            counts[kind] += 1
            where = f"round {number} (seed {seed}), {kind} killed"
            self.configure(["sh", "-c", "while :; do (sleep 0.01; : storm-guest) & sleep 0.005; done"])
            try:
                cli = self.kill_helpers(name, kinds[kind], chance) if kinds[kind] else self.kill_delete(name, kind, chance)
                if chance.random() < 0.5:
                    time.sleep(0.05)
                self.call("delete", "--force", name)
                cli.wait(timeout=20)
            except (Failure, subprocess.TimeoutExpired) as error:
                raise Failure(f"{where}: {error}") from error
            deadline = time.monotonic() + 10
            while (left := self.left_over(before, name)) and time.monotonic() < deadline:
                time.sleep(0.05)
            check(not left, f"{where}: left over: {left}")
            while True:  # the orphans that came to us
                try:
                    if os.waitpid(-1, os.WNOHANG)[0] == 0:
                        break
                except ChildProcessError:
                    break
        print(f"kill -9 leaves nothing (seed {seed}): rounds {counts}")


def make_bundle(options, directory):
    """A copy of litebox and a bundle with a busybox root file system in `directory`, and the user of --as; None for root."""
    directory.chmod(0o755)
    bundle = directory / "bundle"
    bundle.mkdir()
    user = pwd.getpwnam("nobody") if options.who == "user" else None
    litebox = directory / "litebox"  # the build may lie where only root may look
    shutil.copy(options.litebox, litebox)
    subprocess.run([options.make_rootfs, "busybox", bundle / "rootfs", *([user.pw_name] if user else [])], check=True)
    return litebox, bundle, user


def become(user, directory, bundle):
    """Makes the rest of the test the user's, who owns both; nothing for None."""
    if user is None:
        return
    for path in (directory, bundle):
        os.chown(path, user.pw_uid, user.pw_gid)
    os.setgroups([])
    os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
    os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
    os.environ["XDG_RUNTIME_DIR"] = str(directory)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--litebox", required=True, type=pathlib.Path)
    parser.add_argument("--make-rootfs", required=True, type=pathlib.Path)
    parser.add_argument("--as", dest="who", choices=["root", "user"], required=True)
    parser.add_argument("--rounds", type=int, default=int(os.environ.get("LITEBOX_STORM_ROUNDS", "24")))
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("lifecycle.py: needs root, to be root and to become another user")
    directory = pathlib.Path(tempfile.mkdtemp(prefix="litebox-lifecycle-"))
    failures = 0
    try:
        litebox, bundle, user = make_bundle(options, directory)
        become(user, directory, bundle)
        test = Test(directory, litebox, bundle)

        def storm():
            test.storm(options.rounds)

        for case in (test.states, test.killed, test.run_and_exec, test.two_containers, test.malformed_requests, storm):
            try:
                case()
                print(f"passed: {case.__name__}", flush=True)
            except (Failure, subprocess.TimeoutExpired) as failure:
                failures += 1
                print(f"FAILED: {case.__name__}: {failure}", file=sys.stderr, flush=True)
        for pid in descendants(os.getpid()):
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
