"""What ctr does with containerd, row by row (engine_rows.py says how the rows are compared)."""
import itertools
import json

from engine_rows import Different, wait_until

IMAGE = "docker.io/library/busybox:test"

numbers = itertools.count()


def options_of(engine):
    return ["--runtime", "io.containerd.runc.v2", "--runc-binary", engine.program]


def name_of(engine):
    return f"{engine.runtime}-{next(numbers)}"


def once(*options, command=("true",), **kwargs):
    """ctr run --rm: the exit status and what it printed."""
    def row(engine):
        done = engine.ctr("run", "--rm", *options_of(engine), *options, IMAGE, name_of(engine), *command, **kwargs)
        return done.returncode, done.stdout
    return row


def script(text, *options, **kwargs):
    return once(*options, command=("sh", "-c", text), **kwargs)


class Task:
    """ctr run -d, removed in the end."""

    def __init__(self, engine, *options, command=("sleep", "1000")):
        self.engine, self.name = engine, name_of(engine)
        done = engine.ctr("run", "-d", *options_of(engine), *options, IMAGE, self.name, *command)
        if done.returncode != 0:
            raise Different(f"run -d: {done.stderr}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.engine.ctr("task", "kill", "-s", "KILL", "-a", self.name)
        self.engine.ctr("task", "rm", "-f", self.name)
        self.engine.ctr("container", "rm", self.name)

    def status(self):
        for line in self.engine.ctr("task", "ls").stdout.splitlines():
            if line.split()[0] == self.name:
                return line.split()[2]
        return None

    def exec(self, *command, options=()):
        done = self.engine.ctr("task", "exec", "--exec-id", name_of(self.engine), *options, self.name, *command)
        return done.returncode, done.stdout


def killed(engine):
    with Task(engine) as task:
        wait_until(lambda: task.status() == "RUNNING", "the start")
        sent = engine.ctr("task", "kill", "-s", "KILL", task.name).returncode
        wait_until(lambda: task.status() == "STOPPED", "the end")
        return sent, engine.ctr("task", "rm", task.name).returncode


def paused(engine):
    with Task(engine) as task:
        seen = [engine.ctr("task", "pause", task.name).returncode, task.status()]
        seen += [engine.ctr("task", "resume", task.name).returncode, task.status()]
        return seen


def listed(engine):
    with Task(engine, command=("sh", "-c", "sleep 1001 & sleep 1002; wait")) as task:
        return wait_until(lambda: len(engine.ctr("task", "ps", task.name).stdout.splitlines()) == 4, "the processes")


def measured(engine):
    with Task(engine) as task:
        done = engine.ctr("task", "metrics", "--format", "json", task.name)
        shown = json.loads(done.stdout)
        return done.returncode, shown.get("pids", {}).get("current", 0) != 0, shown["memory"]["usage"]["usage"] > 0


def executed(engine):
    with Task(engine) as task:
        return [task.exec("sh", "-c", "echo inside; exit 4"), task.exec("sh", "-c", "id -u; pwd", options=["--user", "5", "--cwd", "/tmp"]),
                task.exec("missing")[0] != 0, task.exec("sh", "-c", "kill -9 $$")[0]]


def bind_mount(engine):
    volume = engine.directory / "volume"
    volume.mkdir(exist_ok=True)
    (volume / "file").write_text("x\n")
    mount = f"type=bind,src={volume},dst=/data,options=rbind:rw"
    done = script("cat /data/file; echo made >/data/made", "--mount", mount)(engine)
    return done, (volume / "made").read_text()


ROWS = {
    "echo": once(command=("echo", "hello")),
    "exit status": script("exit 7"),
    "missing program": once(command=("missing",)),
    "environment": script("echo $A $HOME", "--env", "A=b"),
    "directory": script("pwd", "--cwd", "/tmp"),
    "read-only root": script("touch /x; echo $?", "--read-only"),
    "bind mount": bind_mount,
    "default capabilities": script("grep -E 'Cap(Inh|Prm|Eff|Bnd)' /proc/self/status"),
    "limits": script("tail /dev/zero; echo $?", "--memory-limit", "25165824"),
    "network of the host": script("test -e /sys/class/net/lo && echo lo", "--net-host"),
    "default profile": script("unshare -m true 2>&1; echo $?", "--seccomp"),
    "first process": script("echo $$; cat /proc/1/comm"),
    "open files": script("ulimit -n"),
    "kill": killed,
    "pause": paused,
    "processes": listed,
    "metrics": measured,
    "exec": executed,
}
