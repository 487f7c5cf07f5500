#!/usr/bin/env python3
"""What the shim of litebox costs beside runc's, through one containerd: memory of idle containers, and time of each step.

    cost.py --shim BUILD/containerd-shim-litebox-v2 --make-rootfs packaging/make-rootfs [--rounds N] [--execs N] [--check]

Memory is the sum of proportional set sizes: of the shim, and of what each runtime leaves beside a container (litebox's keeper
and monitor; runc leaves nothing). Time is a median, of rounds that alternate between both. --check fails when a goal is missed:
memory below a third of runc's, time not above 0.7 of its. In the end, many execs must leave nothing in the shim. Needs root.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import grpc  # noqa: E402
import ttrpc  # noqa: E402
from engine import IMAGE, RUNTIMES, Containerd, wait_for  # noqa: E402

MEMORY_GOAL, TIME_GOAL = 1 / 3, 0.7
POD = 5
EXECS = 3
GROWTH_LIMIT = 256  # KiB
SPEC = json.dumps({"user": {"uid": 0, "gid": 0}, "args": ["true"], "cwd": "/", "env": ["PATH=/bin"]}).encode()
SPEC_TYPE = "types.containerd.io/opencontainers/runtime-spec/1/Process"


def proportional(pid):
    """KiB"""
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def companions(engine, runtime, name):
    if runtime != "litebox":
        return []
    state = json.loads((pathlib.Path("/run/containerd/litebox") / engine.namespace / name / "state.json").read_text())
    return [state["keeper"]["pid"], state["monitor"]["pid"]]


def memory(engine, runtime, count):
    """KiB for each of `count` idle containers of one pod: of the shim alone, and with what stands beside them."""
    names = [f"{runtime}-memory-{i}" for i in range(count)]
    for name in names:
        done = engine.ctr("run", "-d", "--runtime", RUNTIMES[runtime], "--annotation", f"io.kubernetes.cri.sandbox-id={names[0]}",
                          IMAGE, name, "sleep", "100000")
        assert done.returncode == 0, done.stderr
    time.sleep(2)  # what was used for the start is given back
    shim = proportional(engine.shim_pid(names[0]))
    beside = sum(proportional(pid) for name in names for pid in companions(engine, runtime, name))
    for name in names:
        engine.ctr("tasks", "delete", "-f", name)
        engine.ctr("containers", "delete", name)
    return shim / count, (shim + beside) / count


class Tasks:
    """One container of one runtime, whose task is made and deleted again and again."""

    def __init__(self, engine, runtime):
        self.name = f"{runtime}-time"
        done = engine.ctr("containers", "create", "--runtime", RUNTIMES[runtime], IMAGE, self.name, "sleep", "100000")
        assert done.returncode == 0, done.stderr
        mount = engine.ctr("snapshots", "mounts", "/mnt", self.name).stdout.split()
        self.mount = [(1, mount[2]), (2, mount[3]), *((4, option) for option in mount[6].split(","))]
        self.client = grpc.Client(engine.socket, [("containerd-namespace", engine.namespace)])
        self.spent = {}

    def call(self, method, *fields):
        return self.client.call(f"/containerd.services.tasks.v1.Tasks/{method}", ttrpc.message((1, self.name), *fields))

    def timed(self, what, *calls):
        begin = time.monotonic()
        for call in calls:
            self.call(*call)
        self.spent.setdefault(what, []).append(time.monotonic() - begin)

    def start(self):
        self.timed("create and start", ("Create", (3, self.mount)), ("Start",))

    def exec(self, name):
        self.timed("exec", ("Exec", (6, [(1, SPEC_TYPE), (2, SPEC)]), (7, name)), ("Start", (2, name)), ("Wait", (2, name)),
                   ("DeleteProcess", (2, name)))

    def end(self):
        self.call("Kill", (3, 9))
        self.call("Wait")
        self.timed("delete", ("Delete",))

    def round(self):
        self.start()
        for i in range(EXECS):
            self.exec(f"e{i}")
        self.end()


def growth(engine, task, count):
    """What `count` execs add once the monitor's tables have their size: descriptors of the shim, KiB of the shim, and of keeper and monitor."""
    def look():
        time.sleep(2)
        shim = engine.shim_pid(task.name)
        beside = companions(engine, "litebox", task.name)
        return [len(os.listdir(f"/proc/{shim}/fd")), proportional(shim), sum(proportional(pid) for pid in beside)]

    warm_up = max(20, count // 5)
    task.start()
    for i in range(warm_up):
        task.exec(f"first{i}")
    before = look()
    for i in range(count):
        task.exec(f"then{i}")
    after = look()
    task.end()
    print(f"after {warm_up} execs and after {count} more: descriptors, KiB of the shim, KiB beside it: {before}, {after}", flush=True)
    return [now - then for then, now in zip(before, after)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shim", required=True, type=pathlib.Path)
    parser.add_argument("--make-rootfs", required=True, type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--execs", type=int, default=200)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("cost.py: containerd needs root")
    engine = Containerd(options.shim)
    missed = []

    def show(what, unit, values, goal):
        ratio = values["litebox"] / values["runc"]
        print(f"{what:42} runc {values['runc']:8.1f} {unit}  litebox {values['litebox']:8.1f} {unit}  ratio {ratio:.2f}", flush=True)
        if ratio > goal:
            missed.append(what)

    try:
        root = engine.directory / "busybox"
        subprocess.run([options.make_rootfs, "busybox", root], check=True)
        engine.import_image(root, IMAGE)
        for count in (1, POD):
            seen = {runtime: memory(engine, runtime, count) for runtime in RUNTIMES}
            show(f"shim, each of {count}", "KiB", {runtime: values[0] for runtime, values in seen.items()}, MEMORY_GOAL)
            show(f"with keeper and monitor, each of {count}", "KiB", {runtime: values[1] for runtime, values in seen.items()},
                 MEMORY_GOAL)
        tasks = {runtime: Tasks(engine, runtime) for runtime in RUNTIMES}
        for _ in range(options.rounds):
            for task in tasks.values():
                task.round()
        for what in tasks["runc"].spent:
            show(what, "ms", {runtime: 1000 * statistics.median(task.spent[what]) for runtime, task in tasks.items()}, TIME_GOAL)
        descriptors, shim, beside = growth(engine, tasks["litebox"], options.execs)
        if descriptors > 0 or shim > GROWTH_LIMIT or beside > GROWTH_LIMIT:
            missed.append("nothing stays of an exec")
        wait_for(lambda: not engine.leftovers(), "every shim to end", 30, engine.leftovers)
    finally:
        engine.close()
    for what in missed:
        print(f"missed: {what}")
    return 1 if missed and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
