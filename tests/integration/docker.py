#!/usr/bin/env python3
"""Debian's dockerd with litebox and with runc as runtimes, side by side: what a user sees must be the same.

    docker.py --litebox BUILD/litebox --make-rootfs packaging/make-rootfs

Starts a dockerd of its own, in mount and network namespaces of its own, and ends it. Needs root.
"""
import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

TEXT_CASES = {
    "echo": ["run", "--rm", "IMAGE", "echo", "hello"],
    "exit status": ["run", "--rm", "IMAGE", "sh", "-c", "exit 7"],
    "missing file": ["run", "--rm", "IMAGE", "/missing"],
    "missing program": ["run", "--rm", "IMAGE", "missing"],
    "not executable": ["run", "--rm", "IMAGE", "/etc/passwd"],
    "input": ["run", "--rm", "-i", "IMAGE", "cat"],
    "user": ["run", "--rm", "--user", "1000:1000", "IMAGE", "sh", "-c", "id; touch /x 2>&1"],
    "read-only volume": ["run", "--rm", "-v", "VOLUME:/data:ro", "IMAGE", "sh", "-c", "ls /data; touch /data/x 2>&1 | wc -l"],
    "environment": ["run", "--rm", "-e", "A=b", "-w", "/tmp", "IMAGE", "sh", "-c", "echo $A $PWD $HOME"],
    "read-only root": ["run", "--rm", "--read-only", "IMAGE", "sh", "-c", "touch /x; echo $?"],
    "pid 1": ["run", "--rm", "IMAGE", "sh", "-c", "echo $$"],
}


class Engine:
    def __init__(self, directory, litebox):
        self.directory = directory
        self.socket = f"unix://{directory}/docker.sock"
        (directory / "daemon.json").write_text(json.dumps({
            "data-root": f"{directory}/data", "exec-root": f"{directory}/exec", "pidfile": f"{directory}/pid",
            "hosts": [self.socket], "storage-driver": "overlay2", "iptables": False, "bridge": "none",
            "runtimes": {"litebox": {"path": str(litebox)}},
        }))
        self.log = open(directory / "log", "wb")
        self.process = subprocess.Popen(
            ["unshare", "-m", "-n", "--propagation", "private", "sh", "-c",
             f"ip link set lo up; exec dockerd --config-file {directory}/daemon.json"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True)
        for _ in range(120):
            if self.docker("info").returncode == 0:
                return
            time.sleep(0.5)
        raise SystemExit("dockerd does not come up: " + (directory / "log").read_text(errors="replace")[-3000:])

    def docker(self, *args, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run(["/usr/bin/docker", "-H", self.socket, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=120, check=False, text=True, **options)

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.log.close()


def with_runtime(args, runtime, image, volume):
    replaced = [volume.join(arg.split("VOLUME")) if "VOLUME" in arg else arg for arg in args]
    replaced = [image if arg == "IMAGE" else arg for arg in replaced]
    return [replaced[0], "--runtime", runtime, "--network", "none", *replaced[1:]]


def outcome(engine, args, runtime, image, volume):
    if "-i" in args:
        read_end, write_end = os.pipe()
        os.write(write_end, b"typed\n")
        os.close(write_end)
        done = engine.docker(*with_runtime(args, runtime, image, volume), stdin=read_end)
        os.close(read_end)
    else:
        done = engine.docker(*with_runtime(args, runtime, image, volume))
    return done.returncode, done.stdout


def detached(engine, runtime, image):
    """run -d, logs, exec, stop with a handler, rm."""
    done = engine.docker("run", "-d", "--runtime", runtime, "--network", "none", image, "sh", "-c",
                         "trap 'echo ended; exit 9' TERM; echo started; while :; do sleep 0.1; done")
    identity = done.stdout.strip()
    seen = [done.returncode]
    for _ in range(50):
        if "started" in engine.docker("logs", identity).stdout:
            break
        time.sleep(0.1)
    inside = engine.docker("exec", identity, "sh", "-c", "echo exec; exit 4")
    seen += [inside.returncode, inside.stdout, engine.docker("stop", identity).returncode]
    seen.append(engine.docker("inspect", "-f", "{{.State.ExitCode}} {{.State.Status}}", identity).stdout)
    seen += [engine.docker("logs", identity).stdout, engine.docker("rm", identity).returncode]
    return seen


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--litebox", required=True, type=pathlib.Path)
    parser.add_argument("--make-rootfs", required=True, type=pathlib.Path)
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("docker.py: dockerd needs root")
    directory = pathlib.Path(tempfile.mkdtemp(prefix="litebox-docker-"))
    failures = []
    engine = None
    try:
        volume = directory / "volume"
        volume.mkdir()
        (volume / "file").write_text("x")
        engine = Engine(directory, options.litebox.resolve())
        for variant in ("busybox", "debian"):
            root = directory / variant
            subprocess.run([options.make_rootfs, variant, root], check=True)
            with subprocess.Popen(["tar", "-C", root, "-c", "."], stdout=subprocess.PIPE) as tar:
                imported = engine.docker("import", "-", f"{variant}:test", stdin=tar.stdout)
            if imported.returncode != 0:
                raise SystemExit("docker import: " + imported.stderr)
            for name, args in TEXT_CASES.items():
                native, ours = (outcome(engine, args, runtime, f"{variant}:test", str(volume)) for runtime in ("runc", "litebox"))
                if native != ours:
                    failures.append(f"{variant}, {name}: runc {native!r}, litebox {ours!r}")
                else:
                    print(f"same: {variant}, {name}: {ours!r}", flush=True)
            native, ours = (detached(engine, runtime, f"{variant}:test") for runtime in ("runc", "litebox"))
            if native != ours:
                failures.append(f"{variant}, detached: runc {native!r}, litebox {ours!r}")
            else:
                print(f"same: {variant}, run -d, logs, exec, stop, rm: {ours!r}", flush=True)
    finally:
        if engine is not None:
            engine.close()
        subprocess.run(["rm", "-rf", "--one-file-system", directory], check=False)
    for failure in failures:
        print("DIFFERS: " + failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
