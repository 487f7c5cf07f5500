#!/usr/bin/env python3
"""containerd's ctr with the shim of litebox and with runc's, row by row: what a person sees must be the same.

    ctr.py --shim BUILD/containerd-shim-litebox-v2 --make-rootfs packaging/make-rootfs [ROW...]

Starts a containerd of its own, in mount and network namespaces of its own, and ends it. Needs root.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from engine import IMAGE, USER_IMAGE, RUNTIMES, Containerd, wait_for  # noqa: E402
from rows import ROWS, Case  # noqa: E402


def outcome(function, case):
    try:
        return function(case)
    except (AssertionError, OSError, LookupError, TypeError, ValueError, subprocess.TimeoutExpired) as failure:
        return f"{type(failure).__name__}: {failure}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shim", required=True, type=pathlib.Path)
    parser.add_argument("--make-rootfs", required=True, type=pathlib.Path)
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("rows", nargs="*")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("ctr.py: containerd needs root")
    known = {function.__name__: function for function in ROWS}
    chosen = [known[name] for name in options.rows] or ROWS
    engine = Containerd(options.shim)
    failures = []
    try:
        root = engine.directory / "busybox"
        subprocess.run([options.make_rootfs, "busybox", root], check=True)
        engine.import_image(root, IMAGE)
        engine.import_image(root, USER_IMAGE, "1000:1000")
        for function in chosen:
            begin = time.monotonic()
            seen = {runtime: outcome(function, Case(engine, runtime, function.__name__)) for runtime in RUNTIMES}
            spent = time.monotonic() - begin
            text = str(seen["litebox"])
            if seen["runc"] == seen["litebox"] and "Error: " not in text:
                print(f"same: {function.__name__} ({spent:.1f} s){': ' + text[:500] if options.verbose else ''}", flush=True)
            else:
                failures.append(function.__name__)
                print(f"DIFFERS: {function.__name__}\n  runc:    {seen['runc']!r:.1500}\n  litebox: {seen['litebox']!r:.1500}", flush=True)
        wait_for(lambda: not engine.leftovers(), "every shim to end", 30, engine.leftovers)
    except AssertionError:
        failures.append("the end")
        traceback.print_exc()
    finally:
        engine.close()
    print(f"{len(chosen) - len(failures)} of {len(chosen)} rows are the same")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
