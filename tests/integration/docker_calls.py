#!/usr/bin/env python3
"""Every system call, with docker's default seccomp profile, under runc and under litebox: the same errno, except where litebox's
table refuses the call and says why.

    docker_calls.py --litebox BUILD/litebox --make-rootfs packaging/make-rootfs --program BUILD/tests/programs/all_calls

Starts two dockerds, as docker.py does. Needs root.
"""
import argparse
import errno
import json
import os
import pathlib
import shutil
import subprocess
import sys

import engine_rows
from docker import Docker


def refusals(entry, reason=""):
    """The errnos with which a call's entry in the table refuses it, whole or for some arguments, and the reasons."""
    found = {}
    if isinstance(entry, dict):
        reason = entry.get("reason", reason)
        if entry.get("route") == "refused":
            found[getattr(errno, entry["errno"])] = reason
        entry = list(entry.values())
    for value in entry if isinstance(entry, list) else []:
        found.update(refusals(value, reason))
    return found


def outcomes(engine, program):
    """Number of a call -> what came of it with zeros and with ones."""
    done = engine.docker("run", "--rm", "--network", "none", "-v", f"{program}:/all_calls:ro", "busybox:test", "/all_calls")
    if done.returncode != 0:
        raise engine_rows.Different(f"{engine.runtime}: {done.stderr}")
    lines = [line.split(" ", 1) for line in done.stdout.splitlines()]
    return {int(number): tuple(text.split(", ")) for number, text in lines}


def compare(table, native, ours):
    """The number of calls that differ without a reason."""
    same, explained, failures = 0, 0, 0
    for number, expected in native.items():
        entry = table.get(number, {"name": "no call"})
        reasons = {f"errno {code}": reason for code, reason in refusals(entry).items()}
        different = [got for want, got in zip(expected, ours[number]) if want != got]
        if not different:
            same += 1
        elif all(got in reasons for got in different):
            explained += 1
            print(f"refused: {number} {entry['name']}: runc {expected}, litebox {ours[number]}: {reasons[different[0]]}", flush=True)
        else:
            failures += 1
            print(f"DIFFERS: {number} {entry['name']}: runc {expected}, litebox {ours[number]}", flush=True)
    print(f"{len(native)} calls: {same} the same, {explained} refused by the table, {failures} differ", flush=True)
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--litebox", required=True, type=pathlib.Path)
    parser.add_argument("--make-rootfs", required=True, type=pathlib.Path)
    parser.add_argument("--program", required=True, type=pathlib.Path)
    options = parser.parse_args()
    engine_rows.end_in_order()
    if os.geteuid() != 0:
        sys.exit("docker_calls.py: dockerd needs root")
    listed = subprocess.run([options.litebox, "syscalls", "--format", "json"], stdout=subprocess.PIPE, check=True).stdout
    table = {entry["number"]: entry for entry in json.loads(listed)["syscalls"]}
    engines = []
    with engine_rows.Directory("litebox-docker-calls-") as directory:
        try:
            subprocess.run([options.make_rootfs, "busybox", directory / "busybox"], check=True)
            for runtime, program in (("runc", shutil.which("runc")), ("litebox", options.litebox.resolve())):
                engines.append(Docker(runtime, program, directory))
                engines[-1].start()
                engines[-1].import_image("busybox:test", directory / "busybox", ["ENV PATH=/bin"])
            failures = compare(table, *(outcomes(engine, options.program.resolve()) for engine in engines))
        finally:
            for engine in engines:
                engine.close()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
