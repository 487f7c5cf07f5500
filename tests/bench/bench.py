#!/usr/bin/env python3
"""Side-by-side figures of container runtimes on the same work, in one run.

Every peer that is installed runs the same work in the same trees, interleaved round by round; figures are medians with their
spread, and the ratio to native. "native" is a chroot; "asking" is litebox with every path asked of its monitor
(LITEBOX_REWRITE=off), "user" litebox as an ordinary user, as whom proot runs, too. Needs root (chroot, runc, crun).

The first lines are a static program in a tree of its own, each figure one operation. "NAME, child" is NAME in a process that is
not the first of its container. The others are whole commands, in that tree, in Debian's (--tree, as packaging/make-rootfs makes
it) or in one with compilers, interpreters and servers (--software, its tree of that name); "NAME, inside" is what of it remains
without the start and the end of the container, and of servers.

    tests/bench/bench.py [--build BUILD] [--tree TREE] [--software TREE] [--rounds N] [--only WORK ...] [--json FILE]
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from peers import leave_mounts, leave_native, make_native, peers
from works import make_ready, make_small_tree, make_walk, works_of


def measure(peer, bundle, work):
    """Nanoseconds: of the whole command, and of each batch that the program reports."""
    argv = peer.command(bundle, work.root, work.args)
    start = time.monotonic()
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=300,
                          env=peer.environment, check=False)
    elapsed = (time.monotonic() - start) * 1e9
    if done.returncode != 0:
        raise RuntimeError(f"exit {done.returncode}: {done.stderr.decode(errors='replace').strip()[-300:]}")
    return elapsed, [float(line) for line in done.stdout.split()] if work.prints else []


def print_table(samples, names):
    print("| µs (ratio to native) [min-max] | " + " | ".join(names) + " |")
    print("|---|" + "---|" * len(names))
    result = {}
    for work, by_peer in samples.items():
        if "native" not in by_peer:
            continue
        native = statistics.median(by_peer["native"])
        cells = []
        for name in names:
            values = by_peer.get(name)
            if not values:
                cells.append("")
                continue
            median = statistics.median(values)
            result.setdefault(work, {})[name] = {"median_ns": median, "min_ns": min(values), "max_ns": max(values),
                                                 "ratio": median / native}
            cells.append(f"{median / 1e3:.1f} ({median / native:.2f}x) [{min(values) / 1e3:.1f}-{max(values) / 1e3:.1f}]")
        print(f"| {work} | " + " | ".join(cells) + " |")
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build", type=pathlib.Path)
    parser.add_argument("--tree", type=pathlib.Path)
    parser.add_argument("--software", type=pathlib.Path)
    parser.add_argument("--rounds", default=5, type=int)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("bench.py: chroot and the peers need root")
    leave_mounts()
    build = options.build.resolve()
    with tempfile.TemporaryDirectory(prefix="litebox-bench-") as temporary:
        directory = pathlib.Path(temporary)
        directory.chmod(0o755)
        (directory / "state").mkdir()
        small = directory / "small"
        make_small_tree(small, [build / "tests/bench/micro"])
        make_walk(small)
        software, tree = (path and path.resolve() for path in (options.software, options.tree))
        works = works_of(small, software, tree, options.only)
        all_peers = peers(build, directory / "state")
        roots = {root: make_native(directory / f"native-{root.name}", root) for root in {work.root for work in works.values()}}
        for peer in all_peers:
            peer.roots = roots
        if software in roots:
            make_ready(roots[software])
        samples, failed = {}, set()
        for _ in range(options.rounds):
            for name, work in works.items():
                for peer in all_peers:
                    if (name, peer.name) in failed or (peer.user is not None and not work.for_users):
                        continue
                    try:
                        whole, printed = measure(peer, directory / f"bundle-{peer.name}", work)
                    except (RuntimeError, subprocess.TimeoutExpired, ValueError) as error:
                        failed.add((name, peer.name))
                        print(f"{peer.name}, {name}: {error}", file=sys.stderr)
                        continue
                    if work.whole:
                        samples.setdefault(name, {}).setdefault(peer.name, []).append(whole)
                    if work.prints:
                        samples.setdefault(f"{name}, inside" if work.whole else name, {}).setdefault(peer.name, []).extend(printed)
        result = print_table(samples, [peer.name for peer in all_peers])
        for mounted in roots.values():
            leave_native(mounted)
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
