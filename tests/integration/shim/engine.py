"""A containerd of a test's own: its directories, its process, its client."""
import errno
import glob
import hashlib
import io
import json
import os
import pathlib
import signal
import subprocess
import tarfile
import tempfile
import time

IMAGE = "localhost/busybox:test"
USER_IMAGE = "localhost/busybox:user"
RUNTIMES = {"runc": "io.containerd.runc.v2", "litebox": "io.containerd.litebox.v2"}


def remove_when_empty(directory):
    """A control group is busy until those that were killed in it are reaped."""
    for _ in range(100):
        try:
            os.rmdir(directory)
            return
        except OSError as failure:
            if failure.errno != errno.EBUSY:
                raise
            time.sleep(0.05)
    print(f"{directory}: still busy", flush=True)


class Containerd:
    def __init__(self, shim, cri=None):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="litebox-shim-"))
        self.socket = f"{self.directory}/c.sock"
        self.namespace = f"litebox-test-{os.getpid()}"
        self.shim = pathlib.Path(shim).resolve()
        self.cri = cri
        (self.directory / "config.toml").write_text(self.configuration())
        self.log = open(self.directory / "log", "ab")
        self.process = None
        self.holder = subprocess.Popen(
            ["unshare", "-m", "-n", "--propagation", "private", "sh", "-c", "ip link set lo up; exec sleep infinity"],
            stdin=subprocess.DEVNULL, start_new_session=True)
        wait_for(lambda: pathlib.Path(f"/proc/{self.holder.pid}/comm").read_text() == "sleep\n", "a mount namespace")
        self.start()

    def configuration(self):
        text = f"""version = 2
root = "{self.directory}/root"
state = "{self.directory}/state"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.devmapper"{'' if self.cri else ', "io.containerd.grpc.v1.cri"'}]
[grpc]
  address = "{self.socket}"
[ttrpc]
  address = "{self.socket}.ttrpc"
"""
        return text + (self.cri or "")

    def enter(self, *command):
        return ["nsenter", "-t", str(self.holder.pid), "-m", "-n", "--", *command]

    def start(self):
        environment = dict(os.environ, PATH=f"{self.shim.parent}:{os.environ['PATH']}:/usr/sbin:/sbin")
        self.process = subprocess.Popen(
            self.enter("containerd", "--config", f"{self.directory}/config.toml"), env=environment,
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True)
        wait_for(lambda: self.ctr("version").returncode == 0, "containerd", 60, lambda: self.log_text()[-3000:])

    def log_text(self):
        return (self.directory / "log").read_text(errors="replace")

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        self.process.wait(timeout=60)

    def restart(self, number=signal.SIGTERM):
        self.stop(number)
        self.start()

    def command(self, *args):
        return self.enter("ctr", "-a", self.socket, "-n", self.namespace, *args)

    def ctr(self, *args, timeout=60, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run(self.command(*args), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout,
                              check=False, text=True, **options)

    def import_image(self, rootfs, name, user="", command=("/bin/sh",)):
        archive = self.directory / "image.tar"
        write_image(rootfs, name, archive, user, command)
        done = self.ctr("images", "import", str(archive), timeout=120)
        if done.returncode != 0:
            raise SystemExit(f"ctr images import: {done.stderr}")
        archive.unlink()

    def bundle(self, container):
        return self.directory / "state/io.containerd.runtime.v2.task" / self.namespace / container

    def shim_socket(self, container):
        return (self.bundle(container) / "address").read_text().removeprefix("unix://")

    def shim_pid(self, container):
        """The process that listens on the shim's socket, found by its command line."""
        for entry in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = entry.read_bytes().split(b"\0")
            except OSError:
                continue
            if b"containerd-shim" in words[0] and self.namespace.encode() in words and container.encode() in words:
                return int(entry.parent.name)
        return None

    def close(self):
        """Ends every container, containerd, and everything that the test has made."""
        try:
            if self.process.poll() is not None:
                self.start()
            for line in self.ctr("tasks", "ls", "-q").stdout.split():
                self.ctr("tasks", "delete", "-f", line)
            for line in self.ctr("containers", "ls", "-q").stdout.split():
                self.ctr("containers", "delete", line)
            self.stop()
        finally:
            if self.process.poll() is None:
                self.process.kill()
            for pid in self.leftovers():
                os.kill(pid, signal.SIGKILL)
            self.holder.kill()
            self.holder.wait()
            self.log.close()
            for pattern in (f"/sys/fs/cgroup/*/{self.namespace}", f"/run/containerd/*/{self.namespace}"):
                for directory in glob.glob(pattern):
                    remove_when_empty(directory)
            subprocess.run(["rm", "-rf", "--one-file-system", self.directory], check=False)

    def leak_shim(self, name):
        """A shim as a containerd leaves it that is killed between the shim's start and the creation of its task."""
        bundle = self.directory / name
        bundle.mkdir()
        (bundle / "config.json").write_text("{}")
        subprocess.run(self.enter("sh", "-c", f'cd {bundle} && exec "$@"', "sh", self.shim, "-namespace", self.namespace, "-address",
                                  self.socket, "-id", name, "start"),
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True, timeout=60)
        assert self.shim_pid(name) is not None

    def leftovers(self):
        """Processes of this containerd's shims that are still there."""
        found = []
        for entry in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = entry.read_bytes().split(b"\0")
            except OSError:
                continue
            if b"containerd-shim" in words[0] and self.namespace.encode() in words:
                found.append(int(entry.parent.name))
        return found

    def mounts(self):
        text = pathlib.Path(f"/proc/{self.holder.pid}/mountinfo").read_text()
        return [line.split()[4] for line in text.splitlines() if str(self.directory) in line.split()[4]]


def wait_for(condition, what, seconds=20, details=lambda: ""):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except OSError:
            pass
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {seconds} s. {details()}")


def write_image(rootfs, name, archive, user="", command=("/bin/sh",)):
    """One layer as a docker archive."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        tar.add(rootfs, arcname=".")
    layer = layer.getvalue()
    config = json.dumps({
        "architecture": "amd64", "os": "linux",
        "config": {"Cmd": list(command), "User": user, "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]},
    }).encode()
    manifest = json.dumps([{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]).encode()
    with tarfile.open(archive, "w") as tar:
        for member, data in (("config.json", config), ("layer.tar", layer), ("manifest.json", manifest)):
            entry = tarfile.TarInfo(member)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
