#!/usr/bin/env python3
"""Hostile threads against the resolver: no call leads out of the container, while the same calls outside do find the canary.

    resolver_races.py --litebox BUILD/litebox --guest BUILD/tests/security/resolver_races --as root|user [--seconds N]
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

from harness import arguments, attack, check

CANARY = "the canary of the resolver's races\n"


def numbers_of(text):
    match = re.search(r"calls (\d+) found (\d+)", text)
    check(match, f"the program did not come to its end: {text[-1000:]}")
    return int(match[1]), int(match[2])


def run(directory, options):
    def canary_in(name):
        outside = directory / name
        outside.mkdir()
        (outside / "canary").write_text(CANARY)
        return outside / "canary"

    # The control has a canary of its own: it renames and makes files beside it, too.
    control = directory / "control"
    control.mkdir()
    text = subprocess.run([options.guest, control, canary_in("open"), str(options.control_seconds)], stdout=subprocess.PIPE, text=True,
                          timeout=options.control_seconds + 60, check=True).stdout
    calls, found = numbers_of(text)
    print(f"outside: {calls} calls, {found} found the canary")
    check(found > 0, "the control has not found the canary: these calls prove nothing")

    canary = canary_in("outside")
    root = directory / "bundle/rootfs"
    for name in ("race", "race/bound", "tmp"):
        (root / name).mkdir(parents=True)
    (directory / "bound").mkdir()
    shutil.copy(options.guest, root / "program")
    config = {
        "ociVersion": "1.0.2",
        "process": {"user": {"uid": 0, "gid": 0}, "args": ["/program", "/race", str(canary), str(options.seconds)],
                    "env": ["PATH=/bin"], "cwd": "/"},
        "root": {"path": "rootfs"},
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
                   {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"},
                   {"destination": "/race/bound", "type": "bind", "source": str(directory / "bound"), "options": ["bind"]}],
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts")]},
    }
    (directory / "bundle/config.json").write_text(json.dumps(config))
    state, name = str(directory / "state"), f"races-{os.getpid()}"
    try:
        text = subprocess.run([options.litebox, "--root", state, "run", "--bundle", str(directory / "bundle"), name],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=options.seconds + 120, check=False).stdout
    finally:
        subprocess.run([options.litebox, "--root", state, "delete", "--force", name], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=60, check=False)
    calls, found = numbers_of(text)
    print(f"inside: {calls} calls, {found} found the canary")
    check(found == 0, "a call has left the container")
    check(calls > 100, "too few calls to say anything")
    check(os.listdir(canary.parent) == ["canary"] and canary.read_text() == CANARY, "the canary's directory was changed")


def main():
    parser = arguments(__doc__)
    parser.add_argument("--guest", required=True, type=pathlib.Path)
    parser.add_argument("--seconds", type=int, default=int(os.environ.get("LITEBOX_RACE_SECONDS", "10")))
    parser.add_argument("--control-seconds", type=int, default=3)
    return attack(parser.parse_args(), ["litebox", "guest"], run, "nothing escaped")


if __name__ == "__main__":
    sys.exit(main())
