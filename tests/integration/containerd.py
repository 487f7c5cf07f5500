#!/usr/bin/env python3
"""Debian's containerd with litebox and with runc as its runtime, by ctr and by the Kubernetes runtime interface, side by side:
what a user sees must be the same.

    containerd.py --litebox BUILD/litebox --make-rootfs packaging/make-rootfs [--shim BUILD/containerd-shim-litebox-v2] [--only TEXT...]

With --shim, litebox's containers are those of its own shim, and only the rows of the Kubernetes interface are done: shim/ctr.py
has those of ctr.
Starts a daemon of its own, in mount and network namespaces of its own, and ends it. Needs root.
"""
import argparse
import io
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tarfile
import time

import containerd_rows
import cri_client
import cri_rows
import engine_rows


class Daemon:
    def __init__(self, directory, programs, shim):
        self.directory, self.shim = directory, shim
        self.address = directory / "containerd.sock"
        networks = directory / "networks"
        networks.mkdir()
        (networks / "bridge.conflist").write_text(json.dumps({
            "cniVersion": "0.4.0", "name": "test", "plugins": [
                {"type": "bridge", "bridge": "cni-test", "isGateway": True, "ipMasq": False,
                 "ipam": {"type": "host-local", "dataDir": str(directory / "addresses"),
                          "ranges": [[{"subnet": "10.77.0.0/16"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
                {"type": "portmap", "capabilities": {"portMappings": True}}]}))
        runtimes = "".join(self.runtime(name, program) for name, program in programs.items())
        (directory / "config.toml").write_text(f"""
version = 2
root = "{directory}/root"
state = "{directory}/state"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs",
                    "io.containerd.snapshotter.v1.devmapper"]
[grpc]
  address = "{self.address}"
[ttrpc]
  address = "{self.address}.ttrpc"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{containerd_rows.IMAGE}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  stream_server_address = "127.0.0.1"
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "{networks}"
{runtimes}""")
        self.namespace = engine_rows.Namespace()
        self.log = open(directory / "log", "wb")
        self.process = None
        self.cri = cri_client.Client(self.address, self.namespace.connect)
        self.start()

    def runtime(self, name, program):
        table = f'plugins."io.containerd.grpc.v1.cri".containerd.runtimes.{name}'
        if name == "litebox" and self.shim is not None:
            return f'[{table}]\n  runtime_type = "io.containerd.litebox.v2"\n'
        return f'[{table}]\n  runtime_type = "io.containerd.runc.v2"\n  [{table}.options]\n    BinaryName = "{program}"\n'

    def start(self):
        environment = dict(os.environ)
        if self.shim is not None:
            environment["PATH"] = f"{self.shim.resolve().parent}:{os.environ['PATH']}"
        self.process = subprocess.Popen(
            self.namespace.enter("containerd", "--config", f"{self.directory}/config.toml"), env=environment,
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True)
        for _ in range(240):
            if self.ctr("version").returncode == 0 and self.answers():
                return
            time.sleep(0.25)
        raise engine_rows.Different("containerd does not come up: " + (self.directory / "log").read_text(errors="replace")[-3000:])

    def answers(self):
        try:
            return self.cri.call("Version")
        except cri_client.RpcError:
            return False

    def ctr(self, *args, **options):
        return engine_rows.run(self.namespace.enter("ctr", "-a", self.address, *map(str, args)), **options)

    def kill(self):
        """Not its containers."""
        self.process.kill()
        self.process.wait()

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.namespace.close()
        self.log.close()
        engine_rows.remove_cgroups(f"litebox-containerd-{os.getpid()}-*")


class Containerd:
    """One of the daemon's runtimes."""

    def __init__(self, daemon, name, program):
        self.daemon, self.runtime, self.program = daemon, name, program
        self.directory = daemon.directory / name
        self.directory.mkdir()
        self.cri = daemon.cri
        self.group = f"/litebox-containerd-{os.getpid()}-{name}"

    def ctr(self, *args, **options):
        return self.daemon.ctr(*args, **options)

    def inside(self, *command, **options):
        return engine_rows.run(self.daemon.namespace.enter(*command), **options)


def save_image(tree, path):
    """The tree as an image in the format of `docker save`, which ctr reads."""
    layer = path.with_suffix(".layer")
    subprocess.run(["tar", "-C", tree, "-cf", layer, "."], check=True)
    digest = subprocess.run(["sha256sum", layer], stdout=subprocess.PIPE, check=True, text=True).stdout.split()[0]
    config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
              "config": {"Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"], "Cmd": ["sleep", "100000"]}}
    manifest = [{"Config": "config.json", "RepoTags": [containerd_rows.IMAGE], "Layers": ["layer.tar"]}]
    with tarfile.open(path, "w") as archive:
        archive.add(layer, "layer.tar")
        for name, content in (("config.json", config), ("manifest.json", manifest)):
            data = json.dumps(content).encode()
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    layer.unlink()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--litebox", required=True, type=pathlib.Path)
    parser.add_argument("--make-rootfs", required=True, type=pathlib.Path)
    parser.add_argument("--shim", type=pathlib.Path)
    parser.add_argument("--only", nargs="*", help="the rows whose title contains one of these")
    options = parser.parse_args()
    engine_rows.end_in_order()
    if os.geteuid() != 0:
        sys.exit("containerd.py: containerd needs root")
    programs = {"runc": shutil.which("runc"), "litebox": str(options.litebox.resolve())}
    daemon = None
    with engine_rows.Directory("litebox-containerd-") as directory:
        try:
            subprocess.run([options.make_rootfs, "busybox", directory / "busybox"], check=True)
            save_image(directory / "busybox", directory / "image.tar")
            daemon = Daemon(directory, programs, options.shim)
            for namespace in ("default", "k8s.io"):
                imported = daemon.ctr("-n", namespace, "images", "import", directory / "image.tar")
                if imported.returncode != 0:
                    raise engine_rows.Different("ctr images import: " + imported.stderr)
            engines = [Containerd(daemon, name, program) for name, program in programs.items()]
            failures = 0
            if options.shim is None:
                failures += engine_rows.compare("containerd", containerd_rows.ROWS, *engines, only=options.only)
            failures += engine_rows.compare("CRI", cri_rows.ROWS, *engines, only=options.only)
            failures += engine_rows.compare("CRI", cri_rows.ALONE, *engines, only=options.only, together=False)
        finally:
            if daemon is not None:
                daemon.close()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
