"""What people do with docker, row by row (engine_rows.py says how the rows are compared)."""
import contextlib
import json
import os
import pathlib
import pty
import select
import subprocess
import time

import engine_rows
from engine_rows import Different, wait_until

IMAGE = "busybox:test"
# Ends at once when asked to, in a way that can be seen.
WAITS = "trap 'echo ended; exit 9' TERM; echo started; while :; do sleep 0.1; done"


def once(*options, command=("true",), network="none", **kwargs):
    """docker run --rm: the exit status and what it printed."""
    def row(engine):
        done = engine.docker("run", "--rm", "--network", network, *options, IMAGE, *command, **kwargs)
        return done.returncode, done.stdout
    return row


def script(text, *options, **kwargs):
    return once(*options, command=("sh", "-c", text), **kwargs)


class Container:
    """docker run -d, removed in the end."""

    def __init__(self, engine, *options, command=("sleep", "1000"), network="none", image=IMAGE):
        self.engine = engine
        done = engine.docker("run", "-d", "--network", network, *options, image, *command)
        self.id = done.stdout.strip()
        if done.returncode != 0:
            if self.id:
                engine.docker("rm", "-f", self.id)
            raise Different(f"run -d: {done.stderr}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.engine.docker("rm", "-f", "-v", self.id)

    def docker(self, verb, *rest, **options):
        return self.engine.docker(verb, self.id, *rest, **options)

    def exec(self, *command, options=()):
        done = self.engine.docker("exec", *options, self.id, *command)
        return done.returncode, done.stdout

    def inspect(self, template):
        return self.engine.docker("inspect", "-f", template, self.id).stdout.strip()

    def logs(self):
        return self.docker("logs").stdout

    def await_text(self, text):
        wait_until(lambda: text in self.logs(), f"{text!r} in its log")

    def await_status(self, status):
        wait_until(lambda: self.inspect("{{.State.Status}}") == status, f"the status {status}")


# --- terminals and input

def typed(engine, command, keys):
    """A command of the docker client on a terminal: what appears after the keys have been typed, line by line, and its status."""
    pid, master = pty.fork()
    if pid == 0:
        os.execvp(command[0], command)
    seen = b""
    deadline = time.monotonic() + engine_rows.PATIENCE
    waiting = list(keys)
    while time.monotonic() < deadline:
        if waiting and waiting[0][0].encode() in seen:
            os.write(master, waiting.pop(0)[1].encode())
        if not select.select([master], [], [], 0.2)[0]:
            continue
        try:
            chunk = os.read(master, 4096)
        except OSError:
            break
        if not chunk:
            break
        seen += chunk
    else:
        os.kill(pid, 9)
    os.close(master)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen.decode(errors="replace")


def interactive(engine):
    command = engine.command("run", "--rm", "-it", "--network", "none", IMAGE, "sh", "-c", "echo ready; read x; tty | tr -d 0-9; echo got $x; exit 4")
    status, text = typed(engine, command, [("ready", "word\r")])
    return status, [line for line in text.split("\r\n") if line.startswith(("got", "/dev/pts"))]


def interactive_exec(engine):
    with Container(engine) as container:
        command = engine.command("exec", "-it", container.id, "sh", "-c", "echo ready; read x; test -t 0 && echo got $x; exit 5")
        status, text = typed(engine, command, [("ready", "word\r")])
        return status, [line for line in text.split("\r\n") if line.startswith("got")]


def attach(engine):
    with Container(engine, "-i", command=("sh", "-c", "read x; echo got $x; exit 3")) as container:
        done = engine.docker("attach", container.id, input="typed\n")
        return done.returncode, done.stdout, container.docker("wait").stdout


# --- the life of a container

def detached(engine):
    with Container(engine, command=("sh", "-c", WAITS)) as container:
        container.await_text("started")
        inside = container.exec("sh", "-c", "echo exec; exit 4")
        stopped = container.docker("stop").returncode
        return inside, stopped, container.inspect("{{.State.ExitCode}} {{.State.Status}}"), container.logs()


def killed(engine):
    with Container(engine, command=("sh", "-c", "trap 'echo hup' HUP; echo started; while :; do sleep 0.1; done")) as container:
        container.await_text("started")
        sent = engine.docker("kill", "-s", "HUP", container.id).returncode
        container.await_text("hup")
        return sent, container.docker("kill").returncode, container.docker("wait").stdout


def paused(engine):
    with Container(engine, command=("sh", "-c", "i=0; while :; do i=$((i+1)); echo $i; sleep 0.05; done")) as container:
        container.await_text("3")
        seen = [container.docker("pause").returncode, container.inspect("{{.State.Status}}")]
        before = container.logs()
        time.sleep(0.5)
        seen += [before == container.logs(), container.docker("unpause").returncode, container.inspect("{{.State.Status}}")]
        wait_until(lambda: container.logs() != before, "more output")
        return seen


def restarted(engine):
    with Container(engine, command=("sh", "-c", "echo x >>/count; wc -l </count; " + WAITS)) as container:
        container.await_text("started")
        done = container.docker("restart").returncode
        wait_until(lambda: container.logs().count("started") == 2, "the second start")
        return done, container.logs()


def restart_on_failure(engine):
    with Container(engine, "--restart", "on-failure:2", command=("sh", "-c", "echo run; exit 3")) as container:
        wait_until(lambda: container.inspect("{{.RestartCount}} {{.State.Status}}") == "2 exited", "the last restart")
        return container.inspect("{{.State.ExitCode}} {{.RestartCount}}"), container.logs()


def restart_always(engine):
    with Container(engine, "--restart", "always", command=("sh", "-c", "echo run; sleep 1; exit 0")) as container:
        wait_until(lambda: container.logs().count("run") >= 2, "a restart")
        return engine.docker("stop", "-t", "0", container.id).returncode


def created_then_started(engine):
    made = engine.docker("create", "--network", "none", "--name", "made", IMAGE, "sh", "-c", "echo body; exit 6")
    status = engine.docker("inspect", "-f", "{{.State.Status}}", "made").stdout
    started = engine.docker("start", "-a", "made")
    renamed = engine.docker("rename", "made", "other").returncode
    return made.returncode, status, started.returncode, started.stdout, renamed, engine.docker("rm", "other").returncode


def health(engine):
    seen = []
    for test, wanted in (("true", "healthy"), ("exit 1", "unhealthy")):
        with Container(engine, "--health-cmd", test, "--health-interval", "500ms", "--health-retries", "2") as container:
            wait_until(lambda c=container, w=wanted: c.inspect("{{.State.Health.Status}}") == w, wanted)
            seen.append(container.inspect("{{(index .State.Health.Log 0).ExitCode}}"))
    return seen


def survives_the_daemon(engine):
    """Ten containers under live-restore; then one is as it was before."""
    counting = ("sh", "-c", "i=0; while :; do i=$((i+1)); echo $i; sleep 0.1; done")
    with contextlib.ExitStack() as stack:
        containers = [stack.enter_context(Container(engine, command=counting)) for _ in range(10)]
        for container in containers:
            container.await_text("3")
        pids = [container.inspect("{{.State.Pid}}") for container in containers]
        engine.kill()
        alive = [pathlib.Path(f"/proc/{pid}").exists() for pid in pids]
        engine.start()
        seen = []
        for container, pid in zip(containers, pids):
            seen.append((container.inspect("{{.State.Status}}"), pid == container.inspect("{{.State.Pid}}"), container.exec("echo", "inside")))
            before = container.logs()
            wait_until(lambda c=container, b=before: c.logs() != b, "more output")
        stopped = engine.docker("stop", "-t", "0", *(container.id for container in containers)).returncode
        return alive, seen, stopped, [container.inspect("{{.State.ExitCode}}") for container in containers]


# --- exec

def exec_options(engine):
    with Container(engine, "-e", "A=1") as container:
        return [container.exec("sh", "-c", "echo $A $B; id -u; pwd", options=["-e", "B=2", "-u", "1000", "-w", "/tmp"]),
                container.exec("sh", "-c", "echo $A", options=["-e", "A=new"]),
                container.exec("missing")[0], container.exec("/etc/passwd")[0], container.exec("sh", "-c", "kill -9 $$")[0],
                container.exec("sh", "-c", "exit 8")[0]]


def exec_detached(engine):
    with Container(engine) as container:
        done = engine.docker("exec", "-d", container.id, "sh", "-c", "echo x >/made").returncode
        wait_until(lambda: container.exec("cat", "/made")[1] == "x\n", "the file")
        return done


def exec_privileged(engine):
    with Container(engine, "--cap-drop", "ALL") as container:
        return container.exec("grep", "CapEff", "/proc/self/status")


def exec_input(engine):
    with Container(engine) as container:
        done = engine.docker("exec", "-i", container.id, "wc", "-c", input="x" * 100000)
        return done.returncode, done.stdout


def top(engine):
    with Container(engine, command=("sh", "-c", "sleep 1001 & sleep 1002; wait")) as container:
        wait_until(lambda: container.docker("top").stdout.count("sleep") >= 3, "the processes")
        commands = [line.split(None, 1)[1] for line in container.docker("top", "-o", "pid,args").stdout.splitlines()]
        return sorted(commands)


def stats(engine):
    with Container(engine, "-m", "64m") as container:
        done = engine.docker("stats", "--no-stream", "--format", "{{json .}}", container.id)
        shown = json.loads(done.stdout)
        return done.returncode, shown["MemUsage"].split(" / ")[1], shown["PIDs"] != "0", shown["MemUsage"].split()[0] != "0B"


def inside_of_it(engine):
    """The number of processes that a container sees."""
    with Container(engine) as container:
        return container.exec("sh", "-c", "ps -o args | grep -c '^sleep 1000'")


# --- files

def copied(engine):
    source = engine.directory / "copied"
    source.write_text("text\n")
    with Container(engine, command=("sh", "-c", "echo inner >/inner; " + WAITS)) as container:
        container.await_text("started")
        seen = [engine.docker("cp", source, f"{container.id}:/tmp/in").returncode, container.exec("cat", "/tmp/in")]
        seen += [engine.docker("cp", f"{container.id}:/inner", engine.directory / "out").returncode]
        seen += [(engine.directory / "out").read_text(), sorted(container.docker("diff").stdout.split("\n"))]
        return seen


def committed(engine):
    with Container(engine, command=("sh", "-c", "echo made >/made")) as container:
        container.docker("wait")
        seen = [engine.docker("commit", "-c", 'CMD ["cat", "/made"]', container.id, "committed:test").returncode]
    done = engine.docker("run", "--rm", "--network", "none", "committed:test")
    return seen, done.returncode, done.stdout, engine.docker("rmi", "committed:test").returncode


def bind_mount(engine):
    done = engine.docker("run", "--rm", "--network", "none", "-v", f"{engine.volume}:/data", IMAGE, "sh", "-c",
                         "cat /data/file; echo made >/data/made; ls /data")
    return done.returncode, done.stdout, (engine.volume / "made").read_text()


def read_only_bind_mount(engine):
    done = engine.docker("run", "--rm", "--network", "none", "-v", f"{engine.volume}:/data:ro", IMAGE, "sh", "-c",
                         "cat /data/file; touch /data/x 2>&1; echo $?")
    return done.returncode, done.stdout


def named_volume(engine):
    run = ["run", "--rm", "--network", "none", "--mount", "type=volume,source=kept,target=/kept", IMAGE]
    first = engine.docker(*run, "sh", "-c", "echo kept >/kept/file")
    second = engine.docker(*run, "cat", "/kept/file")
    return first.returncode, second.stdout, engine.docker("volume", "rm", "kept").returncode


def volumes_from(engine):
    with Container(engine, "-v", "/shared", command=("sh", "-c", "echo x >/shared/file; " + WAITS)) as container:
        container.await_text("started")
        done = engine.docker("run", "--rm", "--network", "none", "--volumes-from", container.id, IMAGE, "cat", "/shared/file")
        return done.returncode, done.stdout


def exported(engine):
    with Container(engine) as container:
        done = subprocess.run(["sh", "-c", f"{' '.join(engine.command('export', container.id))} | tar -t | grep -c '^bin/'"],
                              stdout=subprocess.PIPE, timeout=engine_rows.PATIENCE, check=False)
        return done.returncode, done.stdout


# --- limits

def memory_limit(engine):
    done = engine.docker("run", "--rm", "--network", "none", "-m", "64m", IMAGE, "cat",
                         "/sys/fs/cgroup/memory/memory.limit_in_bytes")
    return done.returncode, done.stdout


def out_of_memory(engine):
    with Container(engine, "-m", "24m", "--memory-swap", "24m", command=("sh", "-c", "tail /dev/zero; echo $?; exec tail /dev/zero")
                   ) as container:
        status = container.docker("wait").stdout
        return status, container.inspect("{{.State.OOMKilled}}"), container.logs()


def process_limit(engine):
    script_text = "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 5 & done 2>/dev/null; jobs -p | wc -l"
    done = engine.docker("run", "--rm", "--network", "none", "--pids-limit", "6", IMAGE, "sh", "-c", script_text)
    return done.returncode != 0 or int(done.stdout) < 12


def updated(engine):
    with Container(engine, "-m", "64m", "--memory-swap", "64m") as container:
        done = engine.docker("update", "-m", "96m", "--memory-swap", "96m", "--cpus", "0.5", container.id).returncode
        return done, [container.exec("cat", "/sys/fs/cgroup/" + file) for file in ("memory/memory.limit_in_bytes", "cpu/cpu.cfs_quota_us")]


# --- networks

def published(engine):
    port = 20000 + os.getpid() % 10000
    serve = "echo content >/index; while :; do nc -l -p 80 -e cat /index; done"
    with Container(engine, "-p", f"{port}:80", command=("sh", "-c", serve), network="bridge") as container:
        address = container.inspect("{{.NetworkSettings.IPAddress}}")
        seen = []
        for host, where in ((address, 80), ("127.0.0.1", port)):
            probe = f"exec 3<>/dev/tcp/{host}/{where} && cat <&3"
            seen.append(wait_until(lambda p=probe: engine.inside("timeout", "5", "bash", "-c", p).stdout, f"an answer of {host}"))
        return seen


def bridge(engine):
    done = engine.docker("run", "--rm", "--network", "bridge", IMAGE, "sh", "-c",
                         "ip route | sed 's/[0-9.]* *$//' | cut -d' ' -f1-2; ping -c1 -W5 $(ip route | awk '/default/{print $3}') | grep -c 'bytes from'")
    return done.returncode, done.stdout


def network_by_name(engine):
    engine.docker("network", "create", "named")
    try:
        with Container(engine, "--name", "server", network="named"):
            done = engine.docker("run", "--rm", "--network", "named", IMAGE, "sh", "-c",
                                 "ping -c1 -W5 server | grep -c 'bytes from'; nslookup server | grep -c ^Name")
            return done.returncode, done.stdout
    finally:
        engine.docker("network", "rm", "named")


def network_of_another(engine):
    with Container(engine, "--hostname", "first", network="bridge") as container:
        done = engine.docker("run", "--rm", "--network", f"container:{container.id}", IMAGE, "sh", "-c",
                             "ip -4 addr show eth0 | awk '/inet /{print $2}'; hostname")
        return done.returncode, done.stdout.split()[0] == container.exec("sh", "-c", "ip -4 addr show eth0 | awk '/inet /{print $2}'")[1].strip(), \
            done.stdout.split()[1]


def connected_later(engine):
    engine.docker("network", "create", "later")
    try:
        with Container(engine, network="bridge") as container:
            joined = engine.docker("network", "connect", "later", container.id).returncode
            seen = container.exec("sh", "-c", "ip -o link | grep -c eth")
            return joined, seen, engine.docker("network", "disconnect", "later", container.id).returncode
    finally:
        engine.docker("network", "rm", "later")


# --- what containers share

def processes_of_another(engine):
    with Container(engine, "--hostname", "first") as container:
        look = "hostname; ps -o args | grep -c 'sleep [1]000'; test $$ -ne 1 && echo second; cat /proc/1/comm; readlink /proc/self/cwd"
        seen = engine.docker("run", "--rm", "--network", "none", "--hostname", "second", "--pid", f"container:{container.id}",
                             IMAGE, "sh", "-c", look)
        ended = engine.docker("run", "--rm", "--network", "none", "--pid", f"container:{container.id}", IMAGE, "sh", "-c",
                              "sleep 1003 & kill $!; wait $!; echo $?; kill -0 1 && echo there; kill -TERM 1; sleep 0.2; kill -0 1 && echo immune")
        return seen.returncode, seen.stdout, ended.returncode, ended.stdout, container.inspect("{{.State.Status}}")


def processes_end_with_the_other(engine):
    with Container(engine) as first, Container(engine, "--pid", f"container:{first.id}") as second:
        both = first.exec("sh", "-c", "ps -o args | grep -c 'sleep [1]000'")
        engine.docker("kill", first.id)
        second.await_status("exited")
        return both, second.inspect("{{.State.ExitCode}}")


def ipc_of_another(engine):
    with Container(engine, "--ipc", "shareable", command=("sh", "-c", "echo x >/dev/shm/file; " + WAITS)) as container:
        container.await_text("started")
        done = engine.docker("run", "--rm", "--network", "none", "--ipc", f"container:{container.id}", IMAGE, "cat", "/dev/shm/file")
        return done.returncode, done.stdout


# --- images

def built(engine):
    context = engine.directory / "context"
    context.mkdir(exist_ok=True)
    (context / "added").write_text("added\n")
    (context / "Dockerfile").write_text(f"""FROM {IMAGE}
COPY added /added
RUN echo made >/made && id -u >>/made && chown 1000:1000 /made
ENV A=b
USER 1000
WORKDIR /work
RUN id -u >/tmp/user; pwd >>/tmp/user
CMD ["sh", "-c", "cat /added /made /tmp/user; echo $A; stat -c %u /made"]
""")
    try:
        made = engine.docker("build", "-q", "--network", "none", "-t", "built:test", context, env={**os.environ, "DOCKER_BUILDKIT": "0"})
        done = engine.docker("run", "--rm", "--network", "none", "built:test")
        return made.returncode, done.returncode, done.stdout
    finally:
        engine.docker("rmi", "-f", "built:test")


def failing_build(engine):
    context = engine.directory / "failing"
    context.mkdir(exist_ok=True)
    (context / "Dockerfile").write_text(f"FROM {IMAGE}\nRUN exit 7\n")
    made = engine.docker("build", "--network", "none", context, env={**os.environ, "DOCKER_BUILDKIT": "0"})
    return made.returncode, "returned a non-zero code: 7" in made.stderr


def built_by_buildkit(engine):
    context = engine.directory / "buildkit"
    context.mkdir(exist_ok=True)
    (context / "Dockerfile").write_text(f"FROM {IMAGE}\nRUN echo made >/made; id -u >>/made; exit 0\nCMD cat /made\n")
    made = engine.docker("build", "-q", "--network", "none", "-t", "kit:test", context, env={**os.environ, "DOCKER_BUILDKIT": "1"})
    done = engine.docker("run", "--rm", "--network", "none", "kit:test")
    engine.docker("rmi", "-f", "kit:test")
    return made.returncode, done.returncode, done.stdout


CAPABILITIES = "grep -E 'Cap(Inh|Prm|Eff|Bnd)' /proc/self/status"

ROWS = {
    "echo": once(command=("echo", "hello")),
    "exit status": script("exit 7"),
    "missing file": once(command=("/missing",)),
    "missing program": once(command=("missing",)),
    "not executable": once(command=("/etc/passwd",)),
    "input": once("-i", command=("cat",), input="typed\n"),
    "much output": script("yes | head -c 3000000 | md5sum; yes | head -n 20000"),
    "terminal": once("-t", command=("sh", "-c", "test -t 1 && tty | tr -d 0-9; ls -l /dev/console | cut -c1")),
    "interactive": interactive,
    "attach": attach,
    "user": script("id; touch /x 2>&1", "--user", "1000:1000"),
    "user by name": script("id", "--user", "nobody"),
    "additional group": script("id -G", "--group-add", "777", "-u", "5:6"),
    "environment": script("echo $A $HOME; env | grep -c PATH", "-e", "A=b"),
    "directory that is made": script("pwd; stat -c %u .", "-w", "/made/here"),
    "host name": script("hostname; cat /etc/hostname; grep -c chosen /etc/hosts", "--hostname", "chosen"),
    "domain name": script("cat /proc/sys/kernel/domainname", "--domainname", "example.org"),
    "read-only root": script("touch /x; echo $?; touch /dev/shm/x; echo $?", "--read-only"),
    "tmpfs": script("grep ' /scratch ' /proc/mounts | cut -d' ' -f3; stat -c %a /scratch; touch /scratch/x; df -k /scratch | tail -n1 | awk '{print $2}'",
                    "--tmpfs", "/scratch:size=1m,mode=1770"),
    "bind mount": bind_mount,
    "read-only bind mount": read_only_bind_mount,
    "named volume": named_volume,
    "volumes from another": volumes_from,
    "default capabilities": script(CAPABILITIES),
    "no capabilities": script(CAPABILITIES + "; chown 5 /etc/passwd 2>&1", "--cap-drop", "ALL"),
    "added capability": script(CAPABILITIES, "--cap-add", "NET_ADMIN"),
    "privileged": script("echo inside; test -e /dev/full && echo devices", "--privileged"),
    "no new privileges": script("grep NoNewPrivs /proc/self/status", "--security-opt", "no-new-privileges"),
    "default profile": script("unshare -m true 2>&1; echo $?; mount -t tmpfs x /tmp 2>&1; echo $?"),
    "process limits": script("ulimit -n; ulimit -c", "--ulimit", "nofile=123:456", "--ulimit", "core=0"),
    "sysctl of the network": script("cat /proc/sys/net/ipv4/ip_default_ttl", "--sysctl", "net.ipv4.ip_default_ttl=77"),
    "sysctl of IPC": script("cat /proc/sys/kernel/msgmax", "--sysctl", "kernel.msgmax=65530"),
    "device": script("ls -l /dev/other | cut -c1-10; echo x >/dev/other; echo $?", "--device", "/dev/null:/dev/other"),
    "devices that are there": script("ls /dev | sort"),
    "init": script("cat /proc/1/comm; exit 3", "--init"),
    "first process": script("echo $$; cat /proc/1/comm; ls -d /proc/[0-9]* | wc -l"),
    "added host": script("grep added /etc/hosts", "--add-host", "added:10.1.2.3"),
    "name server": script("cat /etc/resolv.conf", "--dns", "10.9.9.9", network="bridge"),
    "size of shm": script("df -k /dev/shm | tail -n1 | awk '{print $2}'", "--shm-size", "8m"),
    "masked paths": script("cat /proc/kcore 2>&1 | wc -c; cat /proc/timer_list | wc -c; ls /proc/scsi 2>&1; echo x >/proc/sysrq-trigger; echo $?"),
    "own cgroup": script("cat /sys/fs/cgroup/memory/cgroup.procs | head -n1; ls /sys/fs/cgroup/pids | grep -c pids"),
    "memory limit": memory_limit,
    "out of memory": out_of_memory,
    "limit of processes": process_limit,
    "update": updated,
    "shares of processor": script("cat /sys/fs/cgroup/cpu/cpu.shares /sys/fs/cgroup/cpu/cpu.cfs_quota_us", "--cpu-shares", "512", "--cpus", "0.75"),
    "detached": detached,
    "kill": killed,
    "pause": paused,
    "restart": restarted,
    "restart on failure": restart_on_failure,
    "restart always": restart_always,
    "create, start, rename": created_then_started,
    "health": health,
    "exec": exec_options,
    "exec, interactive": interactive_exec,
    "exec, detached": exec_detached,
    "exec with capabilities dropped": exec_privileged,
    "exec with input": exec_input,
    "top": top,
    "stats": stats,
    "processes inside": inside_of_it,
    "copy": copied,
    "commit": committed,
    "export": exported,
    "network of the host": script("ip -o link show lo | grep -c LOOPBACK; test -e /sys/class/net/lo && echo lo", network="host"),
    "no network": script("ip -o link | awk '{print $2}'; ping -c1 -W2 127.0.0.1 | grep -c 'bytes from'"),
    "bridge": bridge,
    "published port": published,
    "network by name": network_by_name,
    "network of another container": network_of_another,
    "network joined later": connected_later,
    "processes of another container": processes_of_another,
    "end of the other container": processes_end_with_the_other,
    "IPC of another container": ipc_of_another,
    "names of the host": script("test $(hostname) = $(cat /proc/sys/kernel/hostname) && echo same", "--uts", "host"),
    "build": built,
    "failing build": failing_build,
    "build by BuildKit": built_by_buildkit,
    "killed daemon": survives_the_daemon,
}


# --- with a user namespace (docker.py --userns-remap)

def owner_outside(engine):
    """Of what is made in a volume, by root and by another user."""
    done = engine.docker("run", "--rm", "--network", "none", "-v", f"{engine.volume}:/volume", IMAGE, "sh", "-c",
                         "touch /volume/made; mkdir /volume/below; chown 5:6 /volume/below; stat -c %u:%g /volume/made /volume/below")
    status = [os.stat(engine.volume / name) for name in ("made", "below")]
    (engine.volume / "made").unlink()
    (engine.volume / "below").rmdir()
    return done.returncode, done.stdout, [(found.st_uid, found.st_gid) for found in status]


def foreign_file(engine):
    """One of the host's root, which has no id inside."""
    path = engine.volume / "foreign"
    path.write_text("foreign\n")
    path.chmod(0o600)
    done = engine.docker("run", "--rm", "--network", "none", "-v", f"{engine.volume}:/volume", IMAGE, "sh", "-c",
                         "stat -c %u /volume/foreign; cat /volume/foreign; chown 0 /volume/foreign; id -u")
    path.unlink()
    return done.returncode, done.stdout, "denied" in done.stderr, "not permitted" in done.stderr


REMAPPED_ROWS = {
    "ids": script("id; cat /proc/self/uid_map /proc/self/gid_map | tr -s ' '; touch /x; stat -c %u /x /bin /etc/passwd"),
    "owner outside": owner_outside,
    "foreign file": foreign_file,
    "device nodes": script("mknod /null c 1 3 2>&1; echo $?; echo x >/dev/null; echo $?"),
    **{title: ROWS[title] for title in (
        "echo", "exit status", "user", "additional group", "directory that is made", "read-only root", "tmpfs", "named volume",
        "default capabilities", "no capabilities", "default profile", "process limits", "devices that are there", "init",
        "memory limit", "limit of processes", "detached", "kill", "pause", "restart", "exec", "exec, detached", "exec with input",
        "copy", "commit", "no network", "bridge", "build", "killed daemon")},
}
