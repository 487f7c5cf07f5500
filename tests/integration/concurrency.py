#!/usr/bin/env python3
"""Two commands at once on one container, and commands killed between any two of their steps: no state that needs hand work,
nothing left, no container lost that should live.

    concurrency.py --litebox BUILD/litebox --make-rootfs packaging/make-rootfs --as root|user [--full] [--only pairs|kills]

A step is a system call: the command is traced, and killed where it enters or leaves its n-th one; n goes over the whole of it.
--full: 2,000 rounds of pairs, 1,000 of kills.
"""
import argparse
import ctypes
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import lifecycle
from lifecycle import Failure, check

PATIENCE = 60
PTRACE_TRACEME, PTRACE_SYSCALL, PTRACE_SETOPTIONS = 0, 24, 0x4200
PTRACE_O_TRACESYSGOOD, SYSCALL_STOP = 1, signal.SIGTRAP | 0x80

GUEST = ["sh", "-c", "while :; do (: storm-guest); sleep 0.02; done"]
CREATE, RUN = ["create", "--bundle", "BUNDLE", "NAME"], ["run", "--bundle", "BUNDLE", "NAME"]
START, STATE, LIST, MEMBERS = ["start", "NAME"], ["state", "NAME"], ["list"], ["ps", "NAME"]
EXEC, DETACHED = ["exec", "NAME", "sh", "-c", "sleep 0.02"], ["exec", "--detach", "NAME", "sleep", "100"]
KILL, TERM, KILL_ALL = ["kill", "NAME", "KILL"], ["kill", "NAME", "TERM"], ["kill", "--all", "NAME", "KILL"]
DELETE, FORCED = ["delete", "NAME"], ["delete", "--force", "NAME"]
PAUSE, RESUME = ["pause", "NAME"], ["resume", "NAME"]
UPDATE, EVENTS = ["update", "--pids-limit", "500", "NAME"], ["events", "--stats", "NAME"]

# What there is before, and the two commands. The container has to live through what neither kills nor deletes it.
PAIRS = [
    ("nothing", CREATE, CREATE), ("nothing", CREATE, DELETE), ("nothing", CREATE, FORCED), ("nothing", CREATE, START),
    ("nothing", CREATE, KILL), ("nothing", CREATE, STATE), ("nothing", CREATE, LIST), ("nothing", RUN, FORCED),
    ("created", START, START), ("created", START, KILL), ("created", START, DELETE), ("created", START, FORCED),
    ("created", START, PAUSE), ("created", START, EXEC), ("created", DELETE, DELETE), ("created", KILL, DELETE),
    ("running", FORCED, EXEC), ("running", FORCED, DETACHED), ("running", FORCED, FORCED), ("running", FORCED, KILL),
    ("running", FORCED, PAUSE), ("running", FORCED, UPDATE), ("running", FORCED, STATE), ("running", FORCED, MEMBERS),
    ("running", FORCED, EVENTS), ("running", FORCED, LIST), ("running", FORCED, CREATE), ("running", KILL, KILL),
    ("running", KILL, DELETE), ("running", KILL, EXEC), ("running", KILL, DETACHED), ("running", KILL, PAUSE),
    ("running", KILL, STATE), ("running", KILL, UPDATE), ("running", KILL_ALL, EXEC), ("running", PAUSE, RESUME),
    ("running", PAUSE, PAUSE), ("running", PAUSE, EXEC), ("running", PAUSE, UPDATE), ("running", EXEC, EXEC),
    ("running", EXEC, DETACHED), ("running", EXEC, TERM), ("running", UPDATE, UPDATE), ("running", UPDATE, STATE),
    ("paused", RESUME, RESUME), ("paused", RESUME, KILL), ("paused", RESUME, FORCED), ("paused", KILL, EXEC),
    ("paused", FORCED, EXEC), ("paused", KILL, DELETE),
]

# What there is before a command that is killed.
KILLS = [("nothing", CREATE), ("created", START), ("running", EXEC), ("running", DETACHED), ("running", TERM), ("running", KILL),
         ("created", DELETE), ("stopped", DELETE), ("running", FORCED), ("running", PAUSE), ("paused", RESUME),
         ("running", UPDATE), ("nothing", RUN)]

ENDS = (KILL, KILL_ALL, DELETE, FORCED)


def label(words):
    return " ".join(word for word in words if word not in ("NAME", "--bundle", "BUNDLE"))


def trace_me():
    ctypes.CDLL(None).ptrace(PTRACE_TRACEME, 0, None, None)


class Test(lifecycle.Test):
    def __init__(self, directory, litebox, bundle):
        super().__init__(directory, litebox, bundle)
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
        self.logs = 0
        self.configure(GUEST)

    def begin(self, words, name, **options):
        """A command that runs; and the file of its error line."""
        self.logs += 1
        log = self.directory / f"log-{self.logs}"
        places = {"BUNDLE": str(self.bundle), "NAME": name}
        command = [self.litebox, "--root", self.root, "--log", str(log), *(places.get(word, word) for word in words)]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                **options), log

    def finish(self, command, log, words):
        """Its exit status; it has to have one, and a line that says why where it failed."""
        status = command.wait(timeout=PATIENCE)
        text = log.read_text() if log.exists() else ""
        log.unlink(missing_ok=True)
        check(status >= 0, f"{label(words)} died of signal {-status}")
        errors = [line for line in text.splitlines() if "level=error" in line]
        check(len(errors) <= 1 and (status != 1 or errors), f"{label(words)}: exit {status}, {text!r}")
        return status

    def do(self, words, name):
        status = self.finish(*self.begin(words, name), words)
        check(status == 0, f"{label(words)}: exit {status}")

    def prepare(self, before, name):
        if before == "nothing":
            return
        self.do(CREATE, name)
        if before != "created":
            self.do(START, name)
        if before == "paused":
            self.do(PAUSE, name)
        if before == "stopped":
            self.do(KILL, name)
            self.await_status(name, ("stopped",))

    def status(self, name):
        """The container's, or "missing"."""
        done = self.call("state", name, check_status=False)
        if done.returncode == 0:
            return json.loads(done.stdout)["status"]
        check("does not exist" in done.stderr, f"state: exit {done.returncode}: {done.stderr}")
        return "missing"

    def await_status(self, name, wanted):
        deadline = time.monotonic() + 20
        while (status := self.status(name)) not in wanted:
            check(time.monotonic() < deadline, f"the container is {status}, not {' or '.join(wanted)}")
            time.sleep(0.01)

    def resume_if_paused(self, name):
        if self.status(name) == "paused":
            self.do(RESUME, name)

    def must_live(self, name):
        """Whatever it was stopped in the middle of, it can be brought to run a program."""
        status = self.status(name)
        check(status in ("created", "running", "paused"), f"the container is lost: {status}")
        self.resume_if_paused(name)
        if self.status(name) == "created":
            self.do(START, name)
        self.do(["exec", "NAME", "true"], name)

    def clean(self, name, before):
        self.do(FORCED, name)
        check(self.status(name) == "missing", "it is there after delete --force")
        deadline = time.monotonic() + 10
        while (left := self.left_over(before, name)) and time.monotonic() < deadline:
            time.sleep(0.05)
        check(not left, f"left over: {left}")
        while True:  # the orphans that came to us
            try:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    break
            except ChildProcessError:
                break

    # --- pairs

    def pair(self, name, before, pair, offset):
        self.prepare(before, name)
        running = [(*self.begin(pair[0], name), pair[0])]
        time.sleep(offset)
        running.append((*self.begin(pair[1], name), pair[1]))
        if PAUSE in pair and EXEC in pair:  # which waits with the others
            self.finish(*running.pop(pair.index(PAUSE)))
            self.resume_if_paused(name)
        statuses = [self.finish(*one) for one in running if one[2] != RUN]
        if pair[0] == pair[1] and pair[0] in (CREATE, START):
            check(sorted(statuses) == [0, 1], f"ends with {statuses}")
        if pair[0] == pair[1] == FORCED:
            check(statuses == [0, 0], f"ends with {statuses}")
        status = self.status(name)
        killed = any(words == end and not statuses[at] for end in ENDS for at, words in enumerate(pair) if at < len(statuses))
        if not killed and "run" not in pair[0] and (before != "nothing" or statuses[0] == 0):
            self.must_live(name)
        if KILL in pair and statuses[pair.index(KILL)] == 0:
            self.await_status(name, ("stopped", "missing"))
        deadline = time.monotonic() + PATIENCE
        while any(command.poll() is None for command, _, _ in running):  # `run` has perhaps not yet made its container
            self.do(FORCED, name)
            check(time.monotonic() < deadline, "run does not end")
        return status

    def pairs(self, rounds, chance):
        ends = {}
        for number in range(rounds):
            before, *pair = PAIRS[number % len(PAIRS)]
            if chance.random() < 0.5:
                pair.reverse()
            offset = chance.choice((0, 0, chance.uniform(0, 0.01), chance.uniform(0, 0.04)))
            name = f"storm-{os.getpid()}-pair-{number}-"
            processes = set(lifecycle.processes())
            try:
                status = self.pair(name, before, pair, offset)
                self.clean(name, processes)
            except (Failure, subprocess.TimeoutExpired) as error:
                raise Failure(f"round {number}, {label(pair[0])} and {offset * 1000:.1f} ms later {label(pair[1])} "
                              f"({before} before): {error}") from error
            ends[status] = ends.get(status, 0) + 1
        print(f"pairs: {rounds} rounds of {len(PAIRS)} pairs; then the container was {ends}", flush=True)

    # --- kills

    def step(self, pid, limit):
        """Lets a traced command go from step to step, to its end or to where it is killed; the number of steps."""
        steps, deliver = 0, 0
        os.waitpid(pid, 0)  # its exec
        self.libc.ptrace(PTRACE_SETOPTIONS, pid, None, PTRACE_O_TRACESYSGOOD)
        while True:
            if limit is not None and steps >= limit:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                return steps
            self.libc.ptrace(PTRACE_SYSCALL, pid, None, deliver)
            _, status = os.waitpid(pid, 0)
            if not os.WIFSTOPPED(status):
                return steps
            deliver = 0 if os.WSTOPSIG(status) == SYSCALL_STOP else os.WSTOPSIG(status)
            steps += deliver == 0

    def traced(self, words, name, limit):
        command, log = self.begin(words, name, preexec_fn=trace_me)
        # `run` lasts as long as its container.
        timer = threading.Timer(2 if words == RUN else PATIENCE, os.kill, (command.pid, signal.SIGKILL))
        timer.start()
        steps = self.step(command.pid, limit)
        timer.cancel()
        command.returncode = 0  # it was waited for
        log.unlink(missing_ok=True)
        return steps

    def killed(self, name, before, words, limit):
        self.prepare(before, name)
        self.traced(words, name, limit)
        status = self.status(name)
        if before != "nothing" and words not in ENDS:
            self.must_live(name)
        elif words == DELETE and status != "missing":
            self.do(DELETE, name)
        elif words == KILL:
            self.do(FORCED if status == "missing" else DELETE if status == "stopped" else FORCED, name)
        elif words == CREATE and status in ("creating", "stopped") and limit % 2:
            self.await_status(name, ("stopped",))
            self.do(DELETE, name)
        if words in (CREATE, DELETE, FORCED):  # the name is free again
            self.do(FORCED, name)
            self.do(CREATE, name)
        return status

    def kills(self, rounds, chance):
        counts = []
        for number, (before, words) in enumerate(KILLS):
            name = f"storm-{os.getpid()}-count-{number}-"
            processes = set(lifecycle.processes())
            self.prepare(before, name)
            counts.append(self.traced(words, name, None))
            self.clean(name, processes)
        each = max(1, rounds // len(KILLS))
        ends = {}
        for number in range(each * len(KILLS)):
            kind, turn = number % len(KILLS), number // len(KILLS)
            before, words = KILLS[kind]
            limit = int(counts[kind] * (turn + chance.random()) / each)
            name = f"storm-{os.getpid()}-kill-{number}-"
            processes = set(lifecycle.processes())
            try:
                status = self.killed(name, before, words, limit)
                self.clean(name, processes)
            except (Failure, subprocess.TimeoutExpired) as error:
                raise Failure(f"round {number}, {label(words)} ({before} before) killed after step {limit} of "
                              f"{counts[kind]}: {error}") from error
            ends[status] = ends.get(status, 0) + 1
        steps = ", ".join(f"{label(words)} {count}" for (_, words), count in zip(KILLS, counts))
        print(f"kills: {each * len(KILLS)} rounds; then the container was {ends}; steps: {steps}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--litebox", required=True, type=pathlib.Path)
    parser.add_argument("--make-rootfs", required=True, type=pathlib.Path)
    parser.add_argument("--as", dest="who", choices=["root", "user"], required=True)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--only", choices=["pairs", "kills"])
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("concurrency.py: needs root, to be root and to become another user")
    directory = pathlib.Path(tempfile.mkdtemp(prefix="litebox-concurrency-"))
    failures = 0
    try:
        litebox, bundle, user = lifecycle.make_bundle(options, directory)
        lifecycle.become(user, directory, bundle)
        test = Test(directory, litebox, bundle)
        print(f"seed {options.seed}", flush=True)
        for name, rounds in (("pairs", 2000 if options.full else len(PAIRS)), ("kills", 1000 if options.full else 3 * len(KILLS))):
            if options.only not in (None, name):
                continue
            try:
                getattr(test, name)(rounds, random.Random(options.seed))
                print(f"passed: {name}", flush=True)
            except (Failure, subprocess.TimeoutExpired) as failure:
                failures += 1
                print(f"FAILED: {name}: {failure}", file=sys.stderr, flush=True)
        for left in pathlib.Path(test.root).glob("*"):  # by a round that failed
            test.call("delete", "--force", left.name, check_status=False)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
