#!/usr/bin/env python3
"""containerd's ctr with the shim of litebox and with runc's, row by row: what a person sees must be the same.

    ctr.py --shim BUILD/containerd-shim-litebox-v2 --make-rootfs packaging/make-rootfs [ROW...]

Both go through the rows at the same time. A row that differs is done again, alone, up to twice, before it counts: runc's shim
is not always the same itself. Starts a containerd of its own, in mount and network namespaces of its own, and ends it. Needs root.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import threading
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from engine import IMAGE, USER_IMAGE, RUNTIMES, Containerd, wait_for  # noqa: E402
from rows import ALONE, ROWS, Case  # noqa: E402


def outcome(function, case):
    try:
        return function(case)
    except (AssertionError, OSError, LookupError, TypeError, ValueError, subprocess.TimeoutExpired) as failure:
        return f"{type(failure).__name__}: {failure}"


def same(seen):
    return seen["runc"] == seen["litebox"] and "Error: " not in str(seen["litebox"])


class Comparison:
    def __init__(self, engine, verbose):
        self.engine, self.verbose, self.failures = engine, verbose, []

    def alone(self, function):
        return {runtime: outcome(function, Case(self.engine, runtime, function.__name__)) for runtime in RUNTIMES}

    def report(self, function, seen):
        name = function.__name__
        for _ in range(2):
            if same(seen):
                break
            print(f"again: {name}\n  runc:    {seen['runc']!r:.4000}\n  litebox: {seen['litebox']!r:.4000}", flush=True)
            seen = self.alone(function)
        if same(seen):
            print(f"same: {name}{': ' + repr(seen['litebox'])[:500] if self.verbose else ''}", flush=True)
        else:
            self.failures.append(name)
            print(f"DIFFERS: {name}\n  runc:    {seen['runc']!r:.4000}\n  litebox: {seen['litebox']!r:.4000}", flush=True)

    def together(self, functions):
        seen = {function: {} for function in functions}

        def go_through(runtime):
            for function in functions:
                seen[function][runtime] = outcome(function, Case(self.engine, runtime, function.__name__))

        threads = [threading.Thread(target=go_through, args=(runtime,)) for runtime in RUNTIMES]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for function in functions:
            self.report(function, seen[function])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shim", required=True, type=pathlib.Path)
    parser.add_argument("--make-rootfs", required=True, type=pathlib.Path)
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("rows", nargs="*")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("ctr.py: containerd needs root")
    known = {function.__name__: function for function in ROWS + ALONE}
    chosen = [known[name] for name in options.rows] or ROWS + ALONE
    engine = Containerd(options.shim)
    comparison = Comparison(engine, options.verbose)
    try:
        root = engine.directory / "busybox"
        subprocess.run([options.make_rootfs, "busybox", root], check=True)
        engine.import_image(root, IMAGE)
        engine.import_image(root, USER_IMAGE, "1000:1000")
        engine.leak_shim("unused")
        begin = time.monotonic()
        comparison.together([function for function in chosen if function in ROWS])
        for function in chosen:
            if function in ALONE:
                comparison.report(function, comparison.alone(function))
        print(f"{time.monotonic() - begin:.0f} s")
        wait_for(lambda: not engine.leftovers(), "every shim to end, also the unused one", 60, engine.leftovers)
    except AssertionError:
        comparison.failures.append("the end")
        traceback.print_exc()
    finally:
        engine.close()
    print(f"{len(chosen) - len(comparison.failures)} of {len(chosen)} rows are the same")
    return 1 if comparison.failures else 0


if __name__ == "__main__":
    sys.exit(main())
