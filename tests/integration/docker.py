#!/usr/bin/env python3
"""Debian's dockerd with litebox and with runc as its runtime, side by side: what a user sees must be the same.

    docker.py --litebox BUILD/litebox --make-rootfs packaging/make-rootfs [--shim BUILD/containerd-shim-litebox-v2]
              [--userns-remap] [--only TEXT...]

With --shim, litebox's containers are those of its own shim, which then goes by the name of runc's: Debian's dockerd knows no other.
With --userns-remap, the daemons give every container a user namespace, whose root is REMAPPED outside.
Starts two daemons of its own, in mount and network namespaces of their own, and ends them. Needs root.
"""
import argparse
import ctypes
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import docker_rows
import engine_rows


REMAPPED = 200000


class Docker:
    """A dockerd whose default runtime is `runtime`."""

    def __init__(self, runtime, program, directory, shim=None, remap=False):
        self.runtime = runtime
        self.directory = directory / runtime
        self.directory.mkdir()
        self.socket = f"unix://{self.directory}/docker.sock"
        self.group = f"litebox-docker-{os.getpid()}-{runtime}"
        self.volume = self.directory / "volume"
        self.volume.mkdir()
        (self.volume / "file").write_text("x")
        # BuildKit calls "runc", whatever the runtime.
        self.path = self.directory / "path"
        self.path.mkdir()
        (self.path / "runc").symlink_to(program)
        if shim is not None:
            (self.path / "containerd-shim-runc-v2").symlink_to(shim.resolve())
        (self.directory / "daemon.json").write_text(json.dumps({
            "data-root": f"{self.directory}/data", "exec-root": f"{self.directory}/exec", "pidfile": f"{self.directory}/pid",
            "hosts": [self.socket], "storage-driver": "overlay2", "live-restore": True, "default-runtime": "under-test",
            "runtimes": {"under-test": {"path": str(program)}}, "cgroup-parent": "/" + self.group,
            **({"userns-remap": "nobody:nogroup"} if remap else {}),
        }))
        self.namespace = engine_rows.Namespace()
        if remap:
            self.remap()
        self.log = open(self.directory / "log", "wb")
        self.daemon = None

    def remap(self):
        """Ids below those of the user in daemon.json, for this daemon only; and the way to its directories for them."""
        for path in (self.directory.parent, self.directory):
            path.chmod(0o711)
        os.chown(self.volume, REMAPPED, REMAPPED)
        for name in ("subuid", "subgid"):
            (self.directory / name).write_text(f"nobody:{REMAPPED}:65536\n")
            done = self.inside("sh", "-c", f"test -e /etc/{name} || touch /etc/{name}; mount --bind {self.directory}/{name} /etc/{name}")
            if done.returncode != 0:
                raise engine_rows.Different(f"/etc/{name}: {done.stderr}")

    def start(self):
        environment = {**os.environ, "PATH": f"{self.path}:{os.environ['PATH']}"}
        self.daemon = subprocess.Popen(
            self.namespace.enter("dockerd", "--config-file", f"{self.directory}/daemon.json"), env=environment,
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True)
        for _ in range(240):
            if self.docker("info").returncode == 0:
                return
            if self.daemon.poll() is not None:
                break
            time.sleep(0.25)
        raise engine_rows.Different("dockerd does not come up: " + (self.directory / "log").read_text(errors="replace")[-3000:])

    def kill(self):
        """Not its containers. Its containerd ends with it, and an ended one that nobody has waited for is alive to dockerd."""
        containerd = int((self.directory / "exec/containerd/containerd.pid").read_text())
        self.daemon.kill()
        self.daemon.wait()
        os.waitpid(containerd, 0)

    def command(self, *args):
        return ["/usr/bin/docker", "-H", self.socket, *map(str, args)]

    def docker(self, *args, **options):
        return engine_rows.run(self.command(*args), **options)

    def inside(self, *command, **options):
        """A command in the daemon's network."""
        return engine_rows.run(self.namespace.enter(*command), **options)

    def import_image(self, name, tree, changes=()):
        with subprocess.Popen(["tar", "-C", tree, "-c", "."], stdout=subprocess.PIPE) as tar:
            options = [word for change in changes for word in ("-c", change)]
            imported = self.docker("import", *options, "-", name, stdin=tar.stdout)
        if imported.returncode != 0:
            raise engine_rows.Different("docker import: " + imported.stderr)

    def close(self):
        if self.daemon is not None and self.daemon.poll() is None:
            containers = self.docker("ps", "-aq").stdout.split()
            if containers:
                self.docker("rm", "-f", *containers)
            self.daemon.send_signal(signal.SIGTERM)
            try:
                self.daemon.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.daemon.kill()
                self.daemon.wait()
        self.namespace.close()
        self.log.close()
        engine_rows.remove_cgroups(self.group)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--litebox", required=True, type=pathlib.Path)
    parser.add_argument("--make-rootfs", required=True, type=pathlib.Path)
    parser.add_argument("--shim", type=pathlib.Path)
    parser.add_argument("--userns-remap", action="store_true")
    parser.add_argument("--only", nargs="*", help="the rows whose title contains one of these")
    options = parser.parse_args()
    engine_rows.end_in_order()
    if os.geteuid() != 0:
        sys.exit("docker.py: dockerd needs root")
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: see Docker.kill
    engines = []
    with engine_rows.Directory("litebox-docker-") as directory:
        try:
            subprocess.run([options.make_rootfs, "busybox", directory / "busybox"], check=True)
            for runtime, program, shim in (("runc", shutil.which("runc"), None), ("litebox", options.litebox.resolve(), options.shim)):
                engines.append(Docker(runtime, program, directory, shim, options.userns_remap))
                engines[-1].start()
                engines[-1].import_image("busybox:test", directory / "busybox", ['CMD ["/bin/sh"]', "ENV PATH=/usr/sbin:/usr/bin:/sbin:/bin"])
            rows = docker_rows.REMAPPED_ROWS if options.userns_remap else docker_rows.ROWS
            failures = engine_rows.compare("docker", rows, *engines, only=options.only)
        finally:
            for engine in engines:
                engine.close()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
