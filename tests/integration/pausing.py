#!/usr/bin/env python3
"""Pause and resume, with the freezer of a cgroup and without any: everything stands still, goes on, and has noticed nothing.

    pausing.py --litebox BUILD/litebox --make-rootfs packaging/make-rootfs --program BUILD/tests/programs/standstill
               --as root|user [--rounds N] [--only CASE]

What calls return that waited during a pause is compared with what they return on Linux without one.
"""
import argparse
import json
import mmap
import os
import pathlib
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

import lifecycle
from lifecycle import Failure, check, descendants

NUMBERS = 64
READY, RELEASE, STOPS_SEEN, FIRST_COUNTER = range(4)
COUNTERS = 20
PATIENCE = 30
# The freezer of cgroup v1 and v2 wakes these from their waits; without a cgroup they are repeated.
FREEZER_INTERRUPTS = {"epoll_wait", "epoll_wait, timed", "sigwaitinfo", "sigtimedwait", "recv, timed", "io_getevents"}


class Numbers:
    """The file that the guests count in."""

    def __init__(self, path):
        with open(path, "w+b") as file:
            file.truncate(NUMBERS * 8)
            self.map = mmap.mmap(file.fileno(), 0)

    def __getitem__(self, index):
        return struct.unpack_from("Q", self.map, index * 8)[0]

    def release(self):
        struct.pack_into("Q", self.map, RELEASE * 8, 1)

    def counters(self, count=COUNTERS):
        return [self[FIRST_COUNTER + at] for at in range(count)]

    def await_ready(self, value):
        deadline = time.monotonic() + PATIENCE
        while self[READY] < value:
            check(time.monotonic() < deadline, f"the guests are not ready: {self[READY]} of {value}")
            time.sleep(0.005)


def moving_threads(members):
    """Threads that run or could be about to: in user mode, or on their way out of the kernel."""
    found = []
    for member in members:
        for task in pathlib.Path(f"/proc/{member}/task").glob("*"):
            try:
                state = (task / "stat").read_text().rsplit(")", 1)[1].split()[0]
            except OSError:
                continue
            if state == "R":
                found.append(int(task.name))
    return found


class Test(lifecycle.Test):
    def __init__(self, directory, litebox, bundle, frozen, expected):
        super().__init__(directory, litebox, bundle)
        self.frozen, self.expected = frozen, expected  # by a freezer; what the calls return without a pause
        self.options = [] if frozen else ["--cgroup-manager", "disabled"]
        self.numbers = None

    def launch(self, name, *arguments):
        """A container with the program; its keeper, and the file of its output."""
        self.numbers = Numbers(self.bundle / "rootfs/numbers")
        self.configure(["/standstill", *arguments])
        log, pid_file = self.directory / "log", self.directory / "pid"
        log.unlink(missing_ok=True)
        with open(self.directory / "output", "wb") as output:
            done = subprocess.run([self.litebox, "--root", self.root, "--log", str(log), *self.options, "run", "-d", "--bundle",
                                   str(self.bundle), "--pid-file", str(pid_file), name], stdin=subprocess.DEVNULL, stdout=output,
                                  stderr=output, timeout=60, check=False)
        check(done.returncode == 0, f"run: exit {done.returncode}: {log.read_text() if log.exists() else ''}")
        return int(pid_file.read_text())

    def output(self):
        return (self.directory / "output").read_text()

    def members(self, name):
        return json.loads(self.call("ps", "--format", "json", name).stdout)

    def refused(self, text, *command):
        done = self.call(*command, check_status=False)
        check(done.returncode != 0 and text in done.stderr, f"{command}: exit {done.returncode}: {done.stderr}")

    def end(self, name, keeper):
        self.call("delete", "--force", name)
        self.await_end(keeper)
        check(not pathlib.Path(self.root, name).exists(), "the state directory stays")

    def stands_still(self, name, count=COUNTERS):
        members = self.members(name)
        check(members, "ps shows no process")
        before = self.numbers.counters(count)
        time.sleep(0.1)
        check(not moving_threads(members), f"threads run: {moving_threads(members)}")
        check(self.numbers.counters(count) == before, f"counted: {before}, then {self.numbers.counters(count)}")
        check(self.members(name) == members, "the processes have changed")

    def goes_on(self, count=COUNTERS):
        before = self.numbers.counters(count)
        deadline = time.monotonic() + PATIENCE
        while still := [at for at, value in enumerate(self.numbers.counters(count)) if value <= before[at]]:
            check(time.monotonic() < deadline, f"counters {still} stand still after the end of the pause")
            time.sleep(0.01)

    # --- cases

    def counting(self, rounds):
        keeper = self.launch("counting", "count", "/numbers")
        self.numbers.await_ready(4)
        self.goes_on()
        chance, longest = random.Random(1), 0
        for _ in range(rounds):
            begin = time.monotonic()
            self.call("pause", "counting")
            longest = max(longest, time.monotonic() - begin)
            check(self.state("counting")["status"] == "paused", "state does not say that it is paused")
            check("paused" in self.call("list").stdout, "list does not say that it is paused")
            self.stands_still("counting")
            self.call("resume", "counting")
            check(self.state("counting")["status"] == "running", "state after the end of the pause")
            self.goes_on()
            time.sleep(chance.uniform(0, 0.05))
        self.numbers.release()
        status = self.await_end(keeper)
        check((status, self.output()) == (0, "stops seen: 0\n"), f"ended with {status:x}, {self.output()!r}")
        self.call("delete", "counting")
        print(f"{rounds} pauses, the slowest after {longest * 1000:.0f} ms", flush=True)

    def calls(self):
        keeper = self.launch("calls", "calls", "/numbers")
        self.numbers.await_ready(1)
        time.sleep(0.1)
        self.call("pause", "calls")
        time.sleep(0.4)
        self.call("resume", "calls")
        self.numbers.release()
        status = self.await_end(keeper)
        self.call("delete", "calls")
        check(status == 0, f"ended with {status:x}: {self.output()}")
        differing = set(self.output().splitlines()) ^ set(self.expected.splitlines())
        if self.frozen:
            differing = {line for line in differing if line.split(":")[0] not in FREEZER_INTERRUPTS}
        check(not differing, f"differs from what Linux does without a pause: {sorted(differing)}")

    def chain(self, rounds):
        keeper = self.launch("chain", "chain", "/numbers")
        self.numbers.await_ready(1)
        for _ in range(rounds):
            self.goes_on(1)
            self.call("pause", "chain")
            self.stands_still("chain", 1)
            self.call("resume", "chain")
        self.goes_on(1)
        self.call("pause", "chain")
        self.end("chain", keeper)

    def errors(self):
        keeper = self.launch("errors", "count", "/numbers")
        self.numbers.await_ready(4)
        self.refused("container not paused", "resume", "errors")
        self.call("pause", "errors")
        self.refused("container not running: paused", "pause", "errors")
        self.refused("cannot start a paused container", "start", "errors")
        self.refused("cannot exec in a paused container", "exec", "errors", "/standstill", "quit")
        self.refused("not stopped: paused", "delete", "errors")
        waiting = subprocess.Popen([self.litebox, "--root", self.root, "exec", "--ignore-paused", "errors", "/standstill", "quit"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.2)
        check(waiting.poll() is None, "an exec in spite of the pause has not waited for its end")
        self.stands_still("errors")
        self.call("resume", "errors")
        check(waiting.wait(timeout=PATIENCE) == 0, "the exec that has waited")
        self.call("exec", "errors", "/standstill", "quit")
        self.end("errors", keeper)

    def created(self):
        self.configure(["sh", "-c", "exit 7"])
        pid_file = self.directory / "pid"
        done = subprocess.run([self.litebox, "--root", self.root, *self.options, "create", "--bundle", str(self.bundle), "--pid-file",
                               str(pid_file), "created"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, timeout=60, check=False)
        check(done.returncode == 0, f"create: exit {done.returncode}")
        self.call("pause", "created")
        self.refused("cannot start a paused container", "start", "created")
        self.call("resume", "created")
        check(self.state("created")["status"] == "created", "state after the end of the pause")
        self.call("start", "created")
        status = self.await_end(int(pid_file.read_text()))
        check(os.WIFEXITED(status) and os.WEXITSTATUS(status) == 7, f"ended with {status:x}")
        self.call("delete", "created")

    def signals(self):
        """What is sent during a pause is delivered after it; but SIGKILL."""
        self.configure(["sh", "-c", "trap 'exit 9' TERM; echo 1 > /tmp/ready; while :; do sleep 0.05; done"])
        for signal_name, ending in (("TERM", 9 << 8), ("KILL", signal.SIGKILL)):
            (self.bundle / "rootfs/tmp/ready").unlink(missing_ok=True)
            pid_file = self.directory / "pid"
            subprocess.run([self.litebox, "--root", self.root, *self.options, "run", "-d", "--bundle", str(self.bundle),
                            "--pid-file", str(pid_file), "signals"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, timeout=60, check=True)
            deadline = time.monotonic() + PATIENCE
            while not (self.bundle / "rootfs/tmp/ready").exists() and time.monotonic() < deadline:
                time.sleep(0.01)
            keeper = int(pid_file.read_text())
            self.call("pause", "signals")
            self.call("kill", "signals", signal_name)
            if signal_name == "TERM":
                time.sleep(0.2)
                check(self.state("signals")["status"] == "paused", "SIGTERM has ended the pause")
                self.call("resume", "signals")
            status = self.await_end(keeper)
            check(status == ending, f"SIG{signal_name}: ended with {status:x}")
            self.call("delete", "signals")

    def helpers_killed(self):
        for victim in ("keeper", "monitor"):
            before = set(lifecycle.processes())
            keeper = self.launch("storm-helpers", "count", "/numbers")
            self.numbers.await_ready(4)
            self.call("pause", "storm-helpers")
            members = self.members("storm-helpers")
            monitor = [pid for pid in descendants(keeper) if lifecycle.processes()[pid][0] == keeper][0]
            os.kill({"keeper": keeper, "monitor": monitor}[victim], signal.SIGKILL)
            self.await_end(keeper)
            deadline = time.monotonic() + PATIENCE
            while any(lifecycle.processes().get(pid, (0, "X"))[1] not in "ZX" for pid in [*members, monitor]):
                check(time.monotonic() < deadline, f"guests or helpers outlive the {victim}")
                time.sleep(0.01)
            self.call("delete", "--force", "storm-helpers")
            while left := self.left_over(before, "storm-helpers"):
                check(time.monotonic() < deadline, f"left over: {left}")
                time.sleep(0.01)


def expected_calls(bundle):
    """What the calls return on Linux, where nothing pauses them."""
    path = bundle / "rootfs/numbers"
    numbers = Numbers(path)
    with subprocess.Popen(["chroot", bundle / "rootfs", "/standstill", "calls", "/numbers"], stdout=subprocess.PIPE, text=True) as native:
        numbers.await_ready(1)
        numbers.release()
        text = native.communicate(timeout=PATIENCE)[0]
    for name in ("numbers", "fifo", "socket", "locked"):
        (bundle / "rootfs" / name).unlink()
    (bundle / "rootfs/watched").rmdir()
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--litebox", required=True, type=pathlib.Path)
    parser.add_argument("--make-rootfs", required=True, type=pathlib.Path)
    parser.add_argument("--program", required=True, type=pathlib.Path)
    parser.add_argument("--as", dest="who", choices=["root", "user"], required=True)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--only", help="one case")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("pausing.py: needs root, to be root and to become another user")
    directory = pathlib.Path(tempfile.mkdtemp(prefix="litebox-pausing-"))
    failures = 0
    try:
        litebox, bundle, user = lifecycle.make_bundle(options, directory)
        shutil.copy(options.program, bundle / "rootfs/standstill")
        expected = expected_calls(bundle)
        lifecycle.become(user, directory, bundle)
        for frozen in (False, True) if options.who == "root" else (False,):
            test = Test(directory, litebox, bundle, frozen, expected)
            cases = {"counting": lambda: test.counting(options.rounds), "calls": test.calls, "errors": test.errors,
                     "created": test.created, "signals": test.signals}
            # Not yet without a freezer (README): processes that fork and end faster than the monitor looks go on.
            if frozen or options.only == "chain":
                cases["chain"] = lambda: test.chain(options.rounds)
            if not frozen:  # the keeper would be frozen with the guests
                cases["helpers_killed"] = test.helpers_killed
            for name, case in cases.items():
                if options.only not in (None, name):
                    continue
                how = "by a freezer" if frozen else "without a cgroup"
                try:
                    case()
                    print(f"passed: {name}, {how}", flush=True)
                except (Failure, subprocess.SubprocessError) as failure:
                    failures += 1
                    print(f"FAILED: {name}, {how}: {failure}", file=sys.stderr, flush=True)
                for left in pathlib.Path(test.root).glob("*"):  # by a case that failed
                    test.call("delete", "--force", left.name, check_status=False)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
