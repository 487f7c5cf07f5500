#!/usr/bin/env python3
"""Debian's podman with litebox and with runc as its runtime, side by side: what a user sees must be the same.

    podman.py --litebox BUILD/litebox --make-rootfs packaging/make-rootfs --as root|user [--only TEXT...]

Needs root: also the ordinary user's podman runs in mount and network namespaces that this makes.
"""
import argparse
import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import sys

import engine_rows
import podman_rows

USER = "litebox-podman"


class Podman:
    """podman with a store of its own, whose runtime is `runtime`."""

    def __init__(self, runtime, program, directory, user):
        self.runtime = runtime
        self.directory = directory / runtime
        self.directory.mkdir()
        self.user = user
        self.namespace = engine_rows.Namespace()
        (self.directory / "volume").mkdir()
        self.volume = self.directory / "volume"
        (self.volume / "file").write_text("x")
        (self.directory / "run").mkdir(mode=0o700)
        (self.directory / "home").mkdir()
        configuration = self.directory / "containers.conf"
        configuration.write_text(f"""
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "under-test"
runtime_supports_json = ["under-test"]
infra_image = "{podman_rows.IMAGE}"
infra_command = "sleep 1000"
[engine.runtimes]
under-test = ["{program}"]
[containers]
default_ulimits = ["nofile=1024:20000", "nproc=4096:4096"]

[network]
network_backend = "cni"
""")
        policy = self.directory / "home/.config/containers"
        policy.mkdir(parents=True)
        (policy / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
        self.environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "CONTAINERS_CONF": str(configuration),
                            "HOME": str(self.directory / "home"), "TMPDIR": str(self.directory)}
        if user is not None:
            self.environment["XDG_RUNTIME_DIR"] = str(self.directory / "run")
            subprocess.run(["chown", "-R", f"{user.pw_uid}:{user.pw_gid}", self.directory], check=True)

    def command(self, *args):
        words = ["env", "-i", "--chdir=/", *(f"{name}={value}" for name, value in self.environment.items())]
        if self.user is not None:
            words = ["setpriv", "--reuid", str(self.user.pw_uid), "--regid", str(self.user.pw_gid), "--init-groups", *words]
        store = ["--root", f"{self.directory}/store", "--runroot", f"{self.directory}/run/store",
                 "--tmpdir", f"{self.directory}/run/tmp", "--storage-driver", "overlay" if self.user is None else "vfs"]
        return self.namespace.enter(*words, "podman", *store, *map(str, args))

    def podman(self, *args, **options):
        return engine_rows.run(self.command(*args), **options)

    def inside(self, *command, **options):
        """A command in podman's network."""
        return engine_rows.run(self.namespace.enter(*command), **options)

    def import_image(self, tree):
        archive = self.directory / "busybox.tar"
        subprocess.run(["tar", "-C", tree, "-cf", archive, "."], check=True)
        archive.chmod(0o644)
        imported = self.podman("import", "-c", 'CMD ["/bin/sh"]', "-c", "ENV PATH=/usr/sbin:/usr/bin:/sbin:/bin", archive,
                               podman_rows.IMAGE)
        if imported.returncode != 0:
            raise engine_rows.Different("podman import: " + imported.stderr)
        archive.unlink()

    def close(self):
        self.podman("pod", "rm", "-f", "-a", "-t", "0")
        self.podman("rm", "-f", "-a", "-t", "0")
        # What keeps an ordinary user's namespace alive between two commands.
        for pause in self.directory.glob("run/**/pause.pid"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pause.read_text()), signal.SIGKILL)
        self.namespace.close()


def ordinary_user():
    try:
        return pwd.getpwnam(USER)
    except KeyError:
        subprocess.run(["useradd", "--system", "--add-subids-for-system", USER], check=True)
        return pwd.getpwnam(USER)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--litebox", required=True, type=pathlib.Path)
    parser.add_argument("--make-rootfs", required=True, type=pathlib.Path)
    parser.add_argument("--as", dest="who", choices=("root", "user"), required=True)
    parser.add_argument("--only", nargs="*", help="the rows whose title contains one of these")
    options = parser.parse_args()
    engine_rows.end_in_order()
    if os.geteuid() != 0:
        sys.exit("podman.py: namespaces for podman need root")
    user = None if options.who == "root" else ordinary_user()
    name = "podman as root" if user is None else "podman rootless"
    rows = podman_rows.AS_ROOT if user is None else podman_rows.ROOTLESS
    engines = []
    with engine_rows.Directory("litebox-podman-") as directory:
        directory.chmod(0o755)
        # The build tree may be where an ordinary user cannot look.
        shutil.copy(options.litebox, directory / "litebox-under-test")
        try:
            subprocess.run([options.make_rootfs, "busybox", directory / "busybox"], check=True)
            subprocess.run(["chmod", "-R", "a+rX", directory / "busybox"], check=True)
            for runtime, program in (("runc", shutil.which("runc")), ("litebox", directory / "litebox-under-test")):
                engines.append(Podman(runtime, program, directory, user))
                engines[-1].import_image(directory / "busybox")
            failures = engine_rows.compare(name, rows, *engines, only=options.only)
        finally:
            for engine in engines:
                engine.close()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
