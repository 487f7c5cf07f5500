"""What people do with podman, row by row (engine_rows.py says how the rows are compared)."""
import json
import pathlib
import time

from docker_rows import CAPABILITIES, WAITS, typed
from engine_rows import Different, wait_until

IMAGE = "localhost/busybox:test"


def once(*options, command=("true",), network="none", **kwargs):
    """podman run --rm: the exit status and what it printed."""
    def row(engine):
        done = engine.podman("run", "--rm", "--pull", "never", "--network", network, *options, IMAGE, *command, **kwargs)
        return done.returncode, done.stdout
    return row


def script(text, *options, **kwargs):
    return once(*options, command=("sh", "-c", text), **kwargs)


class Container:
    """podman run -d, removed in the end."""

    def __init__(self, engine, *options, command=("sleep", "1000"), network="none"):
        self.engine = engine
        networks = [] if network is None else ["--network", network]
        done = engine.podman("run", "-d", "--pull", "never", *networks, *options, IMAGE, *command)
        self.id = done.stdout.strip()
        if done.returncode != 0:
            raise Different(f"run -d: {done.stderr}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.engine.podman("rm", "-f", "-t", "0", "-v", self.id)

    def podman(self, verb, *rest, **options):
        return self.engine.podman(verb, *rest, self.id, **options)

    def exec(self, *command, options=()):
        done = self.engine.podman("exec", *options, self.id, *command)
        return done.returncode, done.stdout

    def inspect(self, template):
        return self.engine.podman("inspect", "-f", template, self.id).stdout.strip()

    def logs(self):
        return self.podman("logs").stdout

    def await_text(self, text):
        wait_until(lambda: text in self.logs(), f"{text!r} in its log")


def interactive(engine):
    command = engine.command("run", "--rm", "-it", "--pull", "never", "--network", "none", IMAGE, "sh", "-c",
                             "echo ready; read x; tty | tr -d 0-9; echo got $x; exit 4")
    status, text = typed(engine, command, [("ready", "word\r")])
    return status, [line for line in text.split("\r\n") if line.startswith(("got", "/dev/pts"))]


def interactive_exec(engine):
    with Container(engine) as container:
        command = engine.command("exec", "-it", container.id, "sh", "-c", "echo ready; read x; test -t 0 && echo got $x; exit 5")
        status, text = typed(engine, command, [("ready", "word\r")])
        return status, [line for line in text.split("\r\n") if line.startswith("got")]


def detached(engine):
    with Container(engine, command=("sh", "-c", WAITS)) as container:
        container.await_text("started")
        inside = container.exec("sh", "-c", "echo exec; exit 4")
        stopped = container.podman("stop").returncode
        return inside, stopped, container.inspect("{{.State.ExitCode}} {{.State.Status}}"), container.logs()


def killed(engine):
    with Container(engine, command=("sh", "-c", "trap 'echo hup' HUP; echo started; while :; do sleep 0.1; done")) as container:
        container.await_text("started")
        sent = container.podman("kill", "-s", "HUP").returncode
        container.await_text("hup")
        return sent, container.podman("kill").returncode, container.podman("wait").stdout


def paused(engine):
    with Container(engine, command=("sh", "-c", "i=0; while :; do i=$((i+1)); echo $i; sleep 0.05; done")) as container:
        container.await_text("3")
        seen = [container.podman("pause").returncode, container.inspect("{{.State.Status}}")]
        before = container.logs()
        time.sleep(0.5)
        seen += [before == container.logs(), container.podman("unpause").returncode]
        wait_until(lambda: container.logs() != before, "more output")
        return seen


def restarted(engine):
    with Container(engine, command=("sh", "-c", "echo x >>/count; wc -l </count; " + WAITS)) as container:
        container.await_text("started")
        done = container.podman("restart").returncode
        wait_until(lambda: container.logs().count("started") == 2, "the second start")
        return done, container.logs()


def restart_on_failure(engine):
    with Container(engine, "--restart", "on-failure:2", command=("sh", "-c", "echo run; exit 3")) as container:
        wait_until(lambda: container.logs().count("run") == 3, "the last restart")
        return container.logs()


def created_then_started(engine):
    made = engine.podman("create", "--pull", "never", "--network", "none", "--name", "made", IMAGE, "sh", "-c", "echo body; exit 6")
    started = engine.podman("start", "-a", "made")
    return made.returncode, started.returncode, started.stdout, engine.podman("rm", "made").returncode


def initialised(engine):
    """podman init: a container that is created by the runtime, but not started."""
    engine.podman("create", "--pull", "never", "--network", "none", "--name", "early", IMAGE, "sh", "-c", "echo body")
    try:
        seen = [engine.podman("init", "early").returncode, engine.podman("inspect", "-f", "{{.State.Status}}", "early").stdout]
        started = engine.podman("start", "-a", "early")
        return seen, started.returncode, started.stdout
    finally:
        engine.podman("rm", "-f", "early")


def health(engine):
    seen = []
    for test in ("true", "exit 1"):
        with Container(engine, "--health-cmd", test, "--health-interval", "disable", "--health-retries", "1") as container:
            seen.append(engine.podman("healthcheck", "run", container.id).returncode)
    return seen


def exec_options(engine):
    with Container(engine, "-e", "A=1") as container:
        return [container.exec("sh", "-c", "echo $A $B; id -u; pwd", options=["-e", "B=2", "-u", "1000", "-w", "/tmp"]),
                container.exec("sh", "-c", "echo $A", options=["-e", "A=new"]),
                container.exec("missing")[0], container.exec("/etc/passwd")[0], container.exec("sh", "-c", "exit 8")[0]]


def exec_detached(engine):
    with Container(engine) as container:
        done = engine.podman("exec", "-d", container.id, "sh", "-c", "echo x >/made").returncode
        wait_until(lambda: container.exec("cat", "/made")[1] == "x\n", "the file")
        return done


def top(engine):
    with Container(engine, command=("sh", "-c", "sleep 1001 & sleep 1002; wait")) as container:
        wait_until(lambda: container.podman("top").stdout.count("sleep") >= 2, "the processes")
        return sorted(line.split() for line in engine.podman("top", container.id, "user", "args").stdout.splitlines())


def stats(engine):
    with Container(engine, "-m", "64m") as container:
        done = engine.podman("stats", "--no-stream", "--format", "json", container.id)
        shown = json.loads(done.stdout)[0]
        return done.returncode, shown["mem_usage"].split(" / ")[1], shown["pids"] != "0"


def copied(engine):
    """Before the start and after the end: into a running container, podman copies by entering the mount namespace of its process,
    which is the host's where there are no namespaces (README). Never with a path that the host has."""
    source = engine.directory / "copied"
    source.write_text("text\n")
    source.chmod(0o644)
    engine.podman("create", "--pull", "never", "--network", "none", "--name", "copying", IMAGE, "sh", "-c", "cat /in >/out")
    try:
        seen = [engine.podman("cp", source, "copying:/in").returncode, engine.podman("start", "-a", "copying").returncode]
        seen += [engine.podman("cp", "copying:/out", engine.directory / "run/out").returncode]
        return seen, (engine.directory / "run/out").read_text()
    finally:
        engine.podman("rm", "-f", "copying")


def bind_mount(engine):
    done = engine.podman("run", "--rm", "--pull", "never", "--network", "none", "-v", f"{engine.volume}:/data", IMAGE, "sh", "-c",
                         "cat /data/file; echo made >/data/made; ls /data")
    return done.returncode, done.stdout, (engine.volume / "made").read_text()


def read_only_bind_mount(engine):
    done = engine.podman("run", "--rm", "--pull", "never", "--network", "none", "-v", f"{engine.volume}:/data:ro", IMAGE, "sh", "-c",
                         "cat /data/file; touch /data/x 2>&1; echo $?")
    return done.returncode, done.stdout


def named_volume(engine):
    run = ["run", "--rm", "--pull", "never", "--network", "none", "-v", "kept:/kept", IMAGE]
    first = engine.podman(*run, "sh", "-c", "echo kept >/kept/file")
    second = engine.podman(*run, "cat", "/kept/file")
    return first.returncode, second.stdout, engine.podman("volume", "rm", "kept").returncode


def out_of_memory(engine):
    with Container(engine, "-m", "24m", "--memory-swap", "24m", command=("sh", "-c", "exec tail /dev/zero")) as container:
        status = container.podman("wait").stdout
        return status, container.inspect("{{.State.OOMKilled}}")


def updated(engine):
    with Container(engine, "-m", "64m", "--memory-swap", "64m") as container:
        done = engine.podman("update", "-m", "96m", "--memory-swap", "96m", container.id).returncode
        return done, container.exec("cat", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


# --- pods

class Pod:
    def __init__(self, engine, *options, network="none"):
        self.engine = engine
        done = engine.podman("pod", "create", "--network", network, *options)
        self.id = done.stdout.strip()
        if done.returncode != 0:
            raise Different(f"pod create: {done.stderr}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.engine.podman("pod", "rm", "-f", "-t", "0", self.id)

    def once(self, *options, command):
        done = self.engine.podman("run", "--rm", "--pull", "never", "--pod", self.id, *options, IMAGE, *command)
        return done.returncode, done.stdout


def infra_image(engine):
    """Pods begin with a container that waits: of our own image, since none is fetched."""
    return ["--infra-image", IMAGE, "--infra-command", "sleep 1000"]


def pod(engine):
    with Pod(engine, *infra_image(engine), "--name", "together") as together:
        with Container(engine, "--pod", together.id, command=("sh", "-c", WAITS), network=None) as container:
            container.await_text("started")
            state = engine.podman("pod", "inspect", "-f", "{{.State}}", together.id).stdout
            stopped = engine.podman("pod", "stop", "-t", "3", together.id).returncode
            return state, stopped, container.inspect("{{.State.ExitCode}}")


def pod_names(engine):
    with Pod(engine, *infra_image(engine), "--hostname", "podname") as together:
        return together.once(command=("hostname",)), together.once(command=("cat", "/proc/sys/kernel/hostname"))


def pod_memory(engine):
    with Pod(engine, *infra_image(engine)) as together:
        with Container(engine, "--pod", together.id, command=("sh", "-c", "echo x >/dev/shm/file; " + WAITS), network=None) as first:
            first.await_text("started")
            return together.once(command=("cat", "/dev/shm/file"))


def pod_network(engine):
    with Pod(engine, *infra_image(engine)) as together:
        serve = "echo content >/index; while :; do nc -l -p 8080 -e cat /index; done"
        with Container(engine, "--pod", together.id, command=("sh", "-c", serve), network=None):
            return wait_until(lambda: together.once(command=("nc", "127.0.0.1", "8080"))[1], "an answer")


def pod_processes(engine):
    with Pod(engine, *infra_image(engine), "--share", "pid,net,ipc,uts") as together:
        look = "cat /proc/1/comm; ps -o args | grep -c 'sleep [1]000'; test $$ -ne 1 && echo second"
        return together.once(command=("sh", "-c", look))


def pod_restarted(engine):
    with Pod(engine, *infra_image(engine)) as together:
        with Container(engine, "--pod", together.id, command=("sh", "-c", WAITS), network=None) as container:
            container.await_text("started")
            done = engine.podman("pod", "restart", together.id).returncode
            wait_until(lambda: container.logs().count("started") == 2, "the second start")
            return done, container.exec("echo", "inside")


def described(engine):
    """podman generate kube."""
    with Pod(engine, *infra_image(engine), "--name", "kube") as together:
        with Container(engine, "--pod", together.id, "--name", "inner", command=("sh", "-c", WAITS), network=None) as container:
            container.await_text("started")
            done = engine.podman("generate", "kube", together.id)
    return done.returncode, done.stdout.count("image:"), "name: kube" in done.stdout


# --- networks

def bridge(engine):
    done = engine.podman("run", "--rm", "--pull", "never", "--network", "bridge", IMAGE, "sh", "-c",
                         "ping -c1 -W5 $(ip route | awk '/default/{print $3}') | grep -c 'bytes from'; ip -o link | grep -c eth0")
    return done.returncode, done.stdout


def network_of_another(engine):
    with Container(engine, network="bridge") as container:
        address = "ip -4 addr show eth0 | awk '/inet /{print $2}'"
        done = engine.podman("run", "--rm", "--pull", "never", "--network", f"container:{container.id}", IMAGE, "sh", "-c", address)
        return done.returncode, done.stdout == container.exec("sh", "-c", address)[1], done.stdout != ""


def published(engine):
    port = 21080
    serve = "echo content >/index; while :; do nc -l -p 80 -e cat /index; done"
    with Container(engine, "-p", f"{port}:80", command=("sh", "-c", serve), network="bridge") as container:
        address = container.inspect("{{.NetworkSettings.IPAddress}}")
        return [wait_until(lambda a=host, p=where: engine.inside("timeout", "5", "bash", "-c", f"exec 3<>/dev/tcp/{a}/{p} && cat <&3"
                                                                 ).stdout, f"an answer of {host}")
                for host, where in ((address, 80), ("127.0.0.1", port))]


def processes_of_another(engine):
    with Container(engine) as container:
        look = "ps -o args | grep -c 'sleep [1]000'; test $$ -ne 1 && echo second; cat /proc/1/comm"
        done = engine.podman("run", "--rm", "--pull", "never", "--network", "none", "--pid", f"container:{container.id}", IMAGE,
                             "sh", "-c", look)
        return done.returncode, done.stdout


def checkpointed(engine):
    with Container(engine) as container:
        return engine.podman("container", "checkpoint", container.id).returncode != 0, container.inspect("{{.State.Status}}")


COMMON = {
    "echo": once(command=("echo", "hello")),
    "exit status": script("exit 7"),
    "missing file": once(command=("/missing",)),
    "missing program": once(command=("missing",)),
    "not executable": once(command=("/etc/passwd",)),
    "input": once("-i", command=("cat",), input="typed\n"),
    "interactive": interactive,
    "user": script("id; touch /x 2>&1", "--user", "1000:1000"),
    "environment": script("echo $A $HOME $container", "-e", "A=b"),
    "directory that is made": script("pwd; stat -c %u .", "-w", "/made/here"),
    "host name": script("hostname; grep -c chosen /etc/hosts", "--hostname", "chosen"),
    "read-only root": script("touch /x; echo $?; touch /dev/shm/x; echo $?", "--read-only"),
    "tmpfs": script("grep ' /scratch ' /proc/mounts | cut -d' ' -f3; stat -c %a /scratch; touch /scratch/x && echo made",
                    "--tmpfs", "/scratch:size=1m,mode=1770"),
    "bind mount": bind_mount,
    "read-only bind mount": read_only_bind_mount,
    "named volume": named_volume,
    "default capabilities": script(CAPABILITIES),
    "no capabilities": script(CAPABILITIES, "--cap-drop", "ALL"),
    "no new privileges": script("grep NoNewPrivs /proc/self/status", "--security-opt", "no-new-privileges"),
    "default profile": script("unshare -m true 2>&1; echo $?; mount -t tmpfs x /tmp 2>&1; echo $?"),
    "process limits": script("ulimit -n; ulimit -c", "--ulimit", "nofile=123:456", "--ulimit", "core=0", "--ulimit", "nproc=999:999"),
    "first process": script("echo $$; cat /proc/1/comm; ls -d /proc/[0-9]* | wc -l"),
    "detached": detached,
    "kill": killed,
    "restart": restarted,
    "create, start": created_then_started,
    "init, start": initialised,
    "exec": exec_options,
    "exec, interactive": interactive_exec,
    "exec, detached": exec_detached,
    "top": top,
    "copy": copied,
    "network of the host": script("test -e /sys/class/net/lo && echo lo", network="host"),
    "no network": script("ip -o link | awk '{print $2}'; ping -c1 -W2 127.0.0.1 | grep -c 'bytes from'"),
    "pod": pod,
    "pod: names": pod_names,
    "pod: shared memory": pod_memory,
    "pod: network": pod_network,
    "processes of another container": processes_of_another,
    "checkpoint": checkpointed,
}

AS_ROOT = {
    **COMMON,
    "sysctl of the network": script("cat /proc/sys/net/ipv4/ip_default_ttl", "--sysctl", "net.ipv4.ip_default_ttl=77"),
    "device": script("ls -l /dev/other | cut -c1-10; echo x >/dev/other; echo $?", "--device", "/dev/null:/dev/other"),
    "memory limit": script("cat /sys/fs/cgroup/memory/memory.limit_in_bytes", "-m", "64m"),
    "out of memory": out_of_memory,
    "update": updated,
    "pause": paused,
    "restart on failure": restart_on_failure,
    "health": health,
    "stats": stats,
    "bridge": bridge,
    "published port": published,
    "network of another container": network_of_another,
    "pod: processes": pod_processes,
    "pod: restart": pod_restarted,
    "generate kube": described,
}

ROOTLESS = COMMON
