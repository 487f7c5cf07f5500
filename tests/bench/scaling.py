#!/usr/bin/env python3
"""What one more costs: a container beside 1, 10, 30 and 100 others, a guest beside 1 to 31 others of its container, a process or an
open directory in the monitor's memory.

    tests/bench/scaling.py [containers] [guests] [memory] [--build BUILD] [--rounds N] [--json FILE]

containers: milliseconds to start one more, to execute a command in one and to stop one while so many run, with litebox, runc and
crun, one after the other; in round brackets beside the same with one running, in square ones the shortest.
guests: operations a second of so many processes of one container together, each doing nothing else, and in brackets beside as many
natively. "user" is litebox as an ordinary user.
memory: the proportional set size of keeper and monitor, and what it grows by.

Without a name, all of them. Figures are medians. States and trees are on a tmpfs. Needs root.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from many import Runtime, proportional
from peers import CRUN, Peer, leave_mounts, leave_native, make_native, peers
from works import make_small_tree

CONTAINERS = [1, 10, 30, 100]
SAMPLES = 12
GUESTS = [1, 2, 4, 8, 16, 32]
# What a guest does: held things, native paths, the monitor's calls, programs.
WORKS = ["read", "pipe", "stat", "open_read_close", "create_unlink", "kill", "bind", "fork_exec"]
MILLISECONDS = 300
# What guests.c keeps, and how many.
HELD = {"sleeping": 200, "directories /tmp": 500, "directories /proc": 500}


def timed(work, *args):
    begin = time.monotonic()
    work(*args)
    return (time.monotonic() - begin) * 1e3


def print_table(title, columns, rows):
    print(f"| {title} | " + " | ".join(str(column) for column in columns) + " |")
    print("|---|" + "---|" * len(columns))
    for name, cells in rows.items():
        print(f"| {name} | " + " | ".join(cells) + " |")
    print(flush=True)


def medians(seen):
    return {what: {count: statistics.median(values) for count, values in by_count.items()} for what, by_count in seen.items()}


def containers_of(runtime):
    """Milliseconds by what is done, by how many run."""
    *names, extra = runtime.names
    running, seen = 0, {}
    for count in CONTAINERS:
        for name in names[running:count]:
            runtime.run(name)
        running = count
        for i in range(SAMPLES):
            for what, work, args in (("exec", runtime.execute, (names[i % count], ["/bin/true"])), ("start", runtime.run, (extra,)),
                                     ("stop", runtime.stop, (extra,))):
                seen.setdefault(what, {}).setdefault(count, []).append(timed(work, *args))
    for name in names:
        runtime.stop(name)
    return seen


def containers(build, directory, small, rounds):
    tree = directory / "tree"
    shutil.copytree(small, tree / "rootfs", symlinks=True, ignore=shutil.ignore_patterns("zero"))
    seen, runtimes = {}, []
    try:
        for name, program in (("litebox", [build / "litebox"]), ("runc", ["runc"]), ("crun", CRUN)):
            runtimes.append(Runtime(name, program, directory, tree))
            runtimes[-1].prepare(CONTAINERS[-1] + 1, ["/bin/sleep", "100000"])
        for _ in range(rounds):
            for runtime in runtimes:
                for what, by_count in containers_of(runtime).items():
                    for count, values in by_count.items():
                        seen.setdefault(f"{what}, {runtime.name}", {}).setdefault(count, []).extend(values)
    finally:
        for runtime in runtimes:
            runtime.close()
    result = medians(seen)
    print_table("ms (beside one) [least] while so many run", CONTAINERS, {
        what: [f"{value:.1f} ({value / by_count[CONTAINERS[0]]:.2f}) [{min(seen[what][count]):.1f}]" for count, value in by_count.items()]
        for what, by_count in sorted(result.items())})
    return result


def run(peer, bundle, small, args):
    return subprocess.run(peer.command(bundle, small, args), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=peer.environment,
                          timeout=120, check=True, text=True).stdout


def guests(build, directory, small, rounds):
    compared = [peer for peer in peers(build, directory / "state") if peer.name in ("native", "litebox", "user")]
    mounted = make_native(directory / "native", small)
    rates = {}
    for peer in compared:
        peer.roots = {small: mounted}
    try:
        for _ in range(rounds):
            for work in WORKS:
                for count in GUESTS:
                    for peer in compared:
                        text = run(peer, directory / f"bundle-{peer.name}", small, ["/bin/guests", "at-once", str(count), work, str(MILLISECONDS)])
                        rates.setdefault(peer.name, {}).setdefault(work, {}).setdefault(count, []).append(float(text))
    finally:
        leave_native(mounted)
    result = {name: medians(by_work) for name, by_work in rates.items()}
    print(f"This machine has {os.cpu_count()} processors: more guests than these, and the monitor beside any, share them.\n")
    for name, by_work in result.items():
        print_table(f"{name}: operations a second" + ("" if name == "native" else " (of native)"), GUESTS, {
            work: [f"{value:.0f}" + ("" if name == "native" else f" ({value / result['native'][work][count]:.2f})")
                   for count, value in by_count.items()] for work, by_count in by_work.items()})
    return result


def helpers_with(peer, state, bundle, small, args):
    """KiB of keeper and monitor, each, of a container in which this runs."""
    argv = peer.command(bundle, small, args)
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=peer.environment, text=True) as process:
        try:
            if process.stdout.readline() != "ready\n":
                raise RuntimeError(f"{argv}: not ready")
            time.sleep(1)  # what was used for the start is given back
            record = json.loads((state / argv[-1] / "state.json").read_text())
            return proportional(record["keeper"]["pid"]), proportional(record["monitor"]["pid"])
        finally:
            subprocess.run([*peer.become(), *peer.runtime, "delete", "--force", argv[-1]], env=peer.environment, check=False)


def memory(build, directory, small, rounds):
    result = {}
    for peer in peers(build, directory / "state"):
        if peer.name not in ("litebox", "asking", "user"):
            continue
        state = directory / f"state-{peer.name}"
        state.mkdir()
        if peer.user is not None:
            os.chown(state, peer.user.pw_uid, peer.user.pw_gid)
        measured = Peer(peer.name, [str(build / "litebox"), "--root", str(state)], user=peer.user)
        measured.environment = peer.environment

        def helpers(what, count):
            name, *path = what.split()
            values = [helpers_with(measured, state, directory / f"bundle-{peer.name}", small, ["/bin/guests", name, str(count), *path])
                      for _ in range(rounds)]
            return [statistics.median(column) for column in zip(*values)]

        keeper, monitor = helpers("directories /tmp", 1)
        growth = {what: (sum(helpers(what, many)) - sum(helpers(what, 1))) * 1024 / (many - 1) for what, many in HELD.items()}
        result[peer.name] = {"keeper, KiB": keeper, "monitor, KiB": monitor, **{f"{what}, bytes each": bytes_ for what, bytes_ in growth.items()}}
    print_table("memory", next(iter(result.values())), {name: [f"{value:.0f}" for value in values.values()] for name, values in result.items()})
    return result


PARTS = {"containers": containers, "guests": guests, "memory": memory}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--build", default="build", type=pathlib.Path)
    parser.add_argument("--rounds", default=3, type=int)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("scaling.py: chroot and the other runtimes need root")
    if not set(options.parts) <= set(PARTS):
        parser.error(f"parts are {', '.join(PARTS)}")
    leave_mounts()
    build, result = options.build.resolve(), {}
    with tempfile.TemporaryDirectory(prefix="litebox-scaling-") as temporary:
        directory = pathlib.Path(temporary)
        directory.chmod(0o755)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", directory], check=True)
        small = directory / "small"
        make_small_tree(small, [build / "tests/bench/guests"])
        for name in options.parts or PARTS:
            (directory / name / "state").mkdir(parents=True)
            result[name] = PARTS[name](build, directory / name, small, options.rounds)
        subprocess.run(["umount", "--lazy", directory], check=True)
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
