#!/usr/bin/env python3
"""Five containers, and something killed with SIGKILL at a random moment, again and again: containerd, a shim, a keeper or a monitor.
All the while, commands are executed in them, and other containers are made, ended and deleted.

    chaos.py --shim BUILD/containerd-shim-litebox-v2 --make-rootfs packaging/make-rootfs [--rounds N] [--seed N]

After each round: who was not hit still runs and prints on; who was hit has ended, with exactly one exit event; it can be deleted
and leaves no process, mount, cgroup or state; and a new container takes its place. In the end nothing is left of any other
container either. Needs root.
"""
import argparse
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from engine import IMAGE, RUNTIMES, Containerd, wait_for  # noqa: E402

CONTAINERS = 5
SCRIPT = "i=0; while :; do echo $i; i=$((i+1)); sleep 0.05; done"


class Exits(threading.Thread):
    """Counts the exit events of each container, over restarts of containerd."""

    def __init__(self, engine):
        super().__init__(daemon=True)
        self.engine, self.counts, self.ended = engine, {}, False
        self.process = None

    def run(self):
        while not self.ended:
            self.process = subprocess.Popen(self.engine.command("events"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            for line in self.process.stdout:
                if " /tasks/exit " in line:
                    event = json.loads(line[line.index("{"):])
                    if event.get("id") == event.get("container_id"):
                        self.counts[event["id"]] = self.counts.get(event["id"], 0) + 1
            self.process.wait()
            time.sleep(0.05)

    def stop(self):
        self.ended = True
        self.process.kill()
        self.join()


class Traffic(threading.Thread):
    """Commands in random containers, and containers that come and go. What meets a kill may fail; nothing may stay of it."""

    def __init__(self, engine, containers, dice):
        super().__init__(daemon=True)
        self.engine, self.containers, self.dice, self.ended = engine, containers, dice, False
        self.made, self.execs, self.failed, self.unread, self.wrong = [], 0, 0, 0, []

    def run(self):
        while not self.ended:
            if self.dice.random() < 0.7:
                self.execute(self.dice.choice(list(self.containers)).id)
            else:
                self.make()

    def execute(self, container):
        self.execs += 1
        done = self.engine.ctr("tasks", "exec", "--exec-id", f"e{self.execs}", container, "sh", "-c", "echo inside; exit 5")
        if done.returncode != 5:
            self.failed += 1
        elif done.stdout == "":
            self.unread += 1  # ctr had not begun to read when the command had ended; on a busy host it is so with runc's shim, too
        elif done.stdout != "inside\n":
            self.wrong.append((container, done))

    def make(self):
        name = f"passing-{len(self.made)}"
        self.made.append(name)
        done = self.engine.ctr("run", "--rm", "--runtime", RUNTIMES["litebox"], IMAGE, name, "sh", "-c", "sleep 0.2; exit 6")
        self.failed += done.returncode != 6

    def stop(self):
        self.ended = True
        self.join()
        assert not self.wrong, self.wrong
        assert self.unread <= 1 + self.execs // 100, f"{self.unread} of {self.execs} commands without output"
        for name in self.made:
            self.engine.ctr("tasks", "delete", "-f", name)
            self.engine.ctr("containers", "delete", name)
        root = pathlib.Path("/run/containerd/litebox") / self.engine.namespace
        names = [name for name in self.made if (root / name).exists()]
        assert not names, f"state of {names}"
        print(f"{self.execs} commands and {len(self.made)} other containers, of which {self.failed} met a kill; {self.unread} not read", flush=True)


class Container:
    def __init__(self, engine, name):
        self.engine, self.id = engine, name
        self.log = engine.directory / f"{name}.log"
        done = engine.ctr("run", "-d", "--runtime", RUNTIMES["litebox"], "--log-uri", f"file://{self.log}", IMAGE, name, "sh", "-c", SCRIPT)
        if done.returncode != 0:
            raise AssertionError(f"run {name}: {done.stderr}")
        state = json.loads((self.state_directory() / "state.json").read_text())
        self.keeper, self.monitor = state["keeper"]["pid"], state["monitor"]["pid"]
        self.cgroups = state["containerCgroups"] + state["monitorCgroups"]
        self.shim = engine.shim_pid(name)

    def state_directory(self):
        return pathlib.Path("/run/containerd/litebox") / self.engine.namespace / self.id

    def status(self):
        for line in self.engine.ctr("tasks", "ls").stdout.splitlines():
            words = line.split()
            if words and words[0] == self.id:
                return words[2]
        return "none"

    def check_alive(self):
        before = self.log.stat().st_size
        wait_for(lambda: self.log.stat().st_size > before, f"{self.id} to print on", 30, self.status)
        wait_for(lambda: self.status() == "RUNNING", f"{self.id} RUNNING", 30, self.status)

    def check_gone(self, exits):
        wait_for(lambda: self.status() in ("none", "STOPPED", "UNKNOWN"), f"{self.id} to end", 60, self.status)
        self.engine.ctr("tasks", "delete", "-f", self.id)
        wait_for(lambda: self.engine.ctr("containers", "delete", self.id).returncode == 0, f"{self.id} to be deleted", 60)
        for pid in (self.keeper, self.monitor, self.shim):
            wait_for(lambda: not running(pid), f"process {pid} of {self.id} to end", 30)
        wait_for(lambda: not self.state_directory().exists(), f"the state of {self.id} to go", 30)
        wait_for(lambda: not any(os.path.exists(c) for c in self.cgroups), f"the cgroups of {self.id} to go", 30)
        wait_for(lambda: not [m for m in self.engine.mounts() if f"/{self.id}/" in m], f"the mounts of {self.id} to go", 30)
        if exits is not None:
            wait_for(lambda: exits.counts.get(self.id, 0) == 1, f"one exit of {self.id}", 20, lambda: exits.counts.get(self.id, 0))


def running(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shim", required=True, type=pathlib.Path)
    parser.add_argument("--make-rootfs", required=True, type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("chaos.py: containerd needs root")
    dice = random.Random(options.seed)
    engine = Containerd(options.shim)
    exits = Exits(engine)
    traffic = None
    try:
        root = engine.directory / "busybox"
        subprocess.run([options.make_rootfs, "busybox", root], check=True)
        engine.import_image(root, IMAGE)
        exits.start()
        containers = [Container(engine, f"chaos-{i}") for i in range(CONTAINERS)]
        made = CONTAINERS
        traffic = Traffic(engine, containers, random.Random(options.seed + 1))
        traffic.start()
        for number in range(options.rounds):
            begin = time.monotonic()
            kind = ("containerd", "shim", "keeper", "monitor")[number % 4]
            victim = dice.choice(containers)
            time.sleep(dice.random() * 0.5)
            if kind == "containerd":
                engine.restart(signal.SIGKILL)
            else:
                os.kill(getattr(victim, kind), signal.SIGKILL)
            if dice.random() < 0.25 and kind != "containerd":
                engine.restart(signal.SIGKILL)
                counted = None  # an exit while containerd is away is no event
            else:
                counted = exits
            if kind != "containerd":
                containers.remove(victim)
                victim.check_gone(counted)
            for container in containers:
                container.check_alive()
            if kind != "containerd":
                containers.append(Container(engine, f"chaos-{made}"))
                made += 1
            print(f"round {number + 1}: {kind} of {victim.id} killed{'' if counted else ', and containerd'}: "
                  f"{time.monotonic() - begin:.1f} s", flush=True)
        traffic.stop()
        for container in containers:
            # Of the traffic, an exit may be told again: containerd was killed before it had answered, and the shim cannot know.
            twice = {name: count for name, count in exits.counts.items() if count > 1 and name.startswith("chaos-")}
            assert not twice, f"exits reported more than once: {twice}"
            engine.ctr("tasks", "kill", "-s", "SIGKILL", container.id)
            container.check_gone(exits)
        # One whose containerd was killed before it made a task waits for half a minute.
        wait_for(lambda: not engine.leftovers(), "every shim to end", 60, engine.leftovers)
        wait_for(lambda: not [m for m in engine.mounts() if "/rootfs" in m], "every mount to go", 30, engine.mounts)
    finally:
        if traffic is not None:
            traffic.ended = True
        if exits.is_alive():
            exits.stop()
        engine.close()
    print(f"{options.rounds} rounds: nothing lost, nothing left")
    return 0


if __name__ == "__main__":
    sys.exit(main())
