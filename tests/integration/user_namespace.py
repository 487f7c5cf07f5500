#!/usr/bin/env python3
"""A container whose ids are not the host's: what litebox, which makes no user namespace, and runc, which does, show inside and
leave on the host's files must be the same.

    user_namespace.py --litebox BUILD/litebox --make-rootfs packaging/make-rootfs

Needs root, and a host where root may make user namespaces for runc.
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

FIRST = 100000
MAPPING = [{"containerID": 0, "hostID": FIRST, "size": 65536}]
CAPABILITIES = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_MKNOD", "CAP_SETUID", "CAP_SETGID", "CAP_SETFCAP",
                "CAP_KILL", "CAP_SYS_ADMIN"]
PATIENCE = 120  # seconds
AS_NOBODY = "su -s /bin/sh nobody -c"
# Each is a row; what it says, and its status, are compared.
ROWS = [
    "id",
    "cat /proc/self/uid_map /proc/self/gid_map",
    "touch /tmp/own && stat -c '%u %g %a' /tmp/own",
    "chown 5:6 /tmp/own && stat -c '%u %g' /tmp/own",
    "chown 70000:1 /tmp/own",
    "chown 1:70000 /tmp/own",
    "mkdir -m 700 /tmp/theirs && chown 7:7 /tmp/theirs && touch /tmp/theirs/x && stat -c '%u %g' /tmp/theirs /tmp/theirs/x",
    "stat -c '%u %g %a %n' /foreign /foreign/closed /foreign/open /tmpfs / /dev",
    "cat /foreign/closed",
    "chmod 644 /foreign/closed",
    "chown 0:0 /foreign/open",
    "touch -d @0 /foreign/open",
    "echo words >/foreign/open && cat /foreign/open",
    "rm -f /foreign/open",
    "touch /foreign/new",
    "mv /foreign/open /foreign/other",
    "ln /foreign/closed /tmp/linked",
    "mknod /tmp/null c 1 3",
    "mknod /tmp/fifo p && stat -c '%u %g %F' /tmp/fifo",
    "ln -s own /tmp/link && chown -h 3:3 /tmp/link && stat -c '%u %g' /tmp/link",
    f"{AS_NOBODY} 'id; touch /tmp/nobodys && stat -c \"%u %g\" /tmp/nobodys; touch /tmp/theirs/y'",
    "chmod 4755 /tmp/own && stat -c '%a' /tmp/own",
    # Set-user-ID programs are what they say where the owner is the container's, and nothing where it is not.
    f"cp /bin/busybox /tmp/id && chown 9:9 /tmp/id && chmod 6755 /tmp/id && {AS_NOBODY} '/tmp/id -u; /tmp/id -g'",
    "/foreign/id -u",
    f"{AS_NOBODY} '/foreign/id -u; /foreign/id -g'",
    "touch /tmpfs/x && stat -c '%u %g' /tmpfs/x",
    "touch /shared/x && stat -c '%u %g' /shared /shared/x",
    "echo text | tee /tmp/fd >/dev/null && exec 3</tmp/fd && stat -L -c '%u %g' /proc/self/fd/3",
]


def config(script):
    return {
        "ociVersion": "1.0.2",
        "process": {"user": {"uid": 0, "gid": 0}, "args": ["sh", "-c", script], "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
                    "cwd": "/", "capabilities": {each: CAPABILITIES for each in ("bounding", "effective", "permitted")}},
        "root": {"path": "rootfs"},
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=65536k"]},
            {"destination": "/foreign", "type": "bind", "source": "foreign", "options": ["rbind", "rw"]},
            {"destination": "/shared", "type": "bind", "source": "shared", "options": ["rbind", "rw"]},
            {"destination": "/tmpfs", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755", "size=1m", "uid=3", "gid=4"]},
        ],
        "linux": {
            "namespaces": [{"type": each} for each in ("pid", "ipc", "uts", "mount", "user")],
            "uidMappings": MAPPING, "gidMappings": MAPPING,
        },
    }


def make_bundle(directory, make_rootfs):
    directory.mkdir()
    root = directory / "rootfs"
    subprocess.run([make_rootfs, "busybox", root], check=True)
    for each in [root, *root.rglob("*")]:
        os.chown(each, FIRST, FIRST, follow_symlinks=False)
    for name, owner in (("foreign", 0), ("shared", FIRST + 20)):
        (directory / name).mkdir()
        (directory / name).chmod(0o755)
        os.chown(directory / name, owner, owner)
    for name, mode in (("closed", 0o600), ("open", 0o666)):
        (directory / "foreign" / name).write_text("the host's\n")
        (directory / "foreign" / name).chmod(mode)
    shutil.copy("/bin/busybox", directory / "foreign/id")
    (directory / "foreign/id").chmod(0o6755)
    directory.parent.chmod(0o755)
    script = "exec 2>&1\n" + "".join(f"echo '#{i}'; ({row}); echo status $?\n" for i, row in enumerate(ROWS))
    (directory / "config.json").write_text(json.dumps(config(script)))


def run(name, program, directory, make_rootfs):
    """What each row said, and who owns what on the host in the end."""
    make_bundle(directory, make_rootfs)
    try:
        done = subprocess.run([program, "--root", directory / "state", "run", "--bundle", directory, f"mapped-{name}-{os.getpid()}"],
                              cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=PATIENCE, check=False)
    finally:
        subprocess.run([program, "--root", directory / "state", "delete", "--force", f"mapped-{name}-{os.getpid()}"], check=False,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    said = [part.split("\n", 1)[1] for part in done.stdout.decode().split("#")[1:]]
    if done.returncode != 0 or len(said) != len(ROWS):
        sys.exit(f"user_namespace.py: {name} ended with {done.returncode} after {len(said)} rows: {done.stderr.decode()}")
    owners = {}
    for place in ("rootfs/tmp", "foreign", "shared"):
        for path in sorted((directory / place).rglob("*")):
            status = path.lstat()
            owners[str(path.relative_to(directory))] = (status.st_uid, status.st_gid, oct(status.st_mode))
    return said, owners


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--litebox", required=True, type=pathlib.Path)
    parser.add_argument("--make-rootfs", required=True, type=pathlib.Path)
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("user_namespace.py: needs root")
    workshop = pathlib.Path(tempfile.mkdtemp(prefix="litebox-user-namespace-"))
    try:
        expected, expected_owners = run("runc", shutil.which("runc"), workshop / "runc", options.make_rootfs)
        seen, owners = run("litebox", options.litebox.resolve(), workshop / "litebox", options.make_rootfs)
    finally:
        subprocess.run(["rm", "-rf", "--one-file-system", workshop], check=False)
    failures = 0
    for row, wanted, found in zip(ROWS, expected, seen):
        if wanted == found:
            print(f"same: {row}: {found!r}")
        else:
            failures += 1
            print(f"DIFFERS: {row}: runc {wanted!r}, litebox {found!r}")
    for path in sorted({*expected_owners, *owners}):
        if expected_owners.get(path) != owners.get(path):
            failures += 1
            print(f"DIFFERS: {path} on the host: runc {expected_owners.get(path)}, litebox {owners.get(path)}")
    print(f"{len(ROWS)} rows and {len(expected_owners)} files, {failures} differences")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
