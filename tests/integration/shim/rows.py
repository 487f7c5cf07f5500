"""What a person sees through ctr, one function a row. Each returns what must be the same whichever shim is used."""
import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import threading
import time

from engine import IMAGE, USER_IMAGE, RUNTIMES, wait_for
import ttrpc

ROWS = []   # each at the same time with both runtimes
ALONE = []  # those that stop containerd, or look at everything that is there


def row(function):
    ROWS.append(function)
    return function


def row_alone(function):
    ALONE.append(function)
    return function


class Case:
    """One row under one runtime."""

    def __init__(self, engine, runtime, name):
        self.engine, self.runtime, self.id = engine, runtime, f"{name.replace('_', '-')}-{runtime}"

    def run_arguments(self, *command, flags=(), image=IMAGE, container=None):
        return ["run", "--runtime", RUNTIMES[self.runtime], *flags, image, container or self.id, *command]

    def run(self, *command, flags=("--rm",), image=IMAGE, **options):
        done = self.engine.ctr(*self.run_arguments(*command, flags=flags, image=image), **options)
        return done.returncode, done.stdout

    def start(self, script="sleep 1000", flags=()):
        """In the background, until delete()."""
        done = self.engine.ctr(*self.run_arguments("sh", "-c", script, flags=["-d", *flags]))
        assert done.returncode == 0, done.stderr
        return self

    def exec(self, *command, name="e", flags=(), **options):
        done = self.engine.ctr("tasks", "exec", "--exec-id", name, *flags, self.id, *command, **options)
        return done.returncode, done.stdout

    def task(self, *arguments, **options):
        return self.engine.ctr("tasks", *arguments, self.id, **options)

    def status(self):
        for line in self.engine.ctr("tasks", "ls").stdout.splitlines():
            words = line.split()
            if words and words[0] == self.id:
                return words[2]
        return "none"

    def wait_status(self, status):
        wait_for(lambda: self.status() == status, f"{self.id} {status}", 30, self.status)

    def client(self):
        return ttrpc.Client(self.engine.shim_socket(self.id))

    def delete(self):
        """What `ctr tasks delete -f` and `containers delete` answer."""
        first = self.task("delete", "-f").returncode
        return first, self.engine.ctr("containers", "delete", self.id).returncode


def set_size(terminal, rows, columns):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def in_terminal(command, typed=b"", until=b"", size=None, seconds=30):
    """Runs a client under a terminal of 100 columns: exit status and output. Types, or gives the terminal another size, once
    `until` has been printed."""
    pid, master = pty.fork()
    if pid == 0:
        set_size(0, 33, 100)
        os.execvp(command[0], command)
    output, deadline, done = b"", time.monotonic() + seconds, False
    while time.monotonic() < deadline:
        if not done and until in output:
            if size is not None:
                set_size(master, *size)
            os.write(master, typed)
            done = True
        if not select.select([master], [], [], 0.1)[0]:
            continue
        try:
            part = os.read(master, 65536)
        except OSError:
            break
        if not part:
            break
        output += part
    else:
        os.kill(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
    os.close(master)
    return os.waitstatus_to_exitcode(status), output


@row
def output(case):
    return case.run("sh", "-c", "echo out; echo err >&2")


@row
def error_stream(case):
    return case.engine.ctr(*case.run_arguments("sh", "-c", "echo out; echo err >&2", flags=["--rm"])).stderr


@row
def exit_code(case):
    return case.run("sh", "-c", "exit 7")


@row
def missing_program(case):
    done = case.engine.ctr(*case.run_arguments("missing", flags=["--rm"]))
    return done.returncode, "executable file not found" in done.stderr, case.status()


@row
def missing_file(case):
    done = case.engine.ctr(*case.run_arguments("/missing", flags=["--rm"]))
    return done.returncode, "no such file or directory" in done.stderr


@row
def not_executable(case):
    done = case.engine.ctr(*case.run_arguments("/etc/passwd", flags=["--rm"]))
    return done.returncode, "permission denied" in done.stderr


@row
def large_output(case):
    code, text = case.run("sh", "-c", "head -c 5000000 /dev/zero | tr '\\0' x")
    return code, len(text), set(text)


@row
def input_arrives(case):
    return case.run("head", "-c", "5000", input="typed" * 1000, stdin=None)


@row
def no_output_at_all(case):
    return case.run("true")


@row
def user_opens_dev_stderr(case):
    return case.run("sh", "-c", "id -u; echo x >/dev/stderr && echo y >/dev/stdout", image=USER_IMAGE)


@row
def environment_and_directory(case):
    return case.run("sh", "-c", "echo $A $PWD", flags=["--rm", "--env", "A=b", "--cwd", "/tmp"])


@row
def read_only_root(case):
    return case.run("sh", "-c", "touch /x; echo $?", flags=["--rm", "--read-only"])


@row
def bind_mount(case):
    mount = f"type=bind,src={case.engine.directory},dst=/data,options=rbind:ro"
    return case.run("sh", "-c", "test -f /data/config.toml; echo $?; touch /data/x 2>/dev/null; echo $?", flags=["--rm", "--mount", mount])


@row
def memory_limit(case):
    code, _ = case.run("sh", "-c", "head -c 200m /dev/zero | tail", flags=["--memory-limit", str(32 << 20)])
    return code != 0, case.delete()


@row
def out_of_memory_event(case):
    return "/tasks/oom" in topics(case, flags=["--memory-limit", str(32 << 20)], command=["sh", "-c", "exec tail /dev/zero"])


@row
def cpu_limit(case):
    return case.run("echo", "limited", flags=["--rm", "--cpus", "0.5"])


@row
def host_network(case):
    return case.run("cat", "/proc/net/dev", flags=["--rm", "--net-host"])[1].count(":") > 0


@row
def pid_file(case):
    path = case.engine.directory / f"{case.id}.pid"
    case.start(flags=["--pid-file", str(path)])
    pid = int(path.read_text())
    listed = [line.split()[1] for line in case.engine.ctr("tasks", "ls").stdout.splitlines() if line.startswith(case.id)]
    return listed == [str(pid)], case.delete()


@row
def terminal(case):
    # ctr tells the size after the start.
    script = "tty | tr -d 0-9; while [ \"$(stty size 2>/dev/null)\" != '33 100' ]; do sleep 0.1; done; echo sized"
    return in_terminal(case.engine.command(*case.run_arguments("sh", "-c", script, flags=["--rm", "-t"])))


@row
def terminal_typed(case):
    command = case.engine.command(*case.run_arguments("sh", "-c", "echo ready; read a; echo got $a; exit 5", flags=["--rm", "-t"]))
    code, text = in_terminal(command, b"word\r", b"ready")
    return code, b"got word" in text


@row
def terminal_resized(case):
    # ctr tells the first size after the start, and later ones from then on.
    script = """exec 2>/dev/null; while [ "$(stty size)" != '33 100' ]; do sleep 0.1; done; trap 'told=WINCH' WINCH; sleep 0.3; echo ready
        while [ "$(stty size)" != '44 111' ]; do sleep 0.1; done; echo $told; exit 4"""
    command = case.engine.command(*case.run_arguments("sh", "-c", script, flags=["--rm", "-t"]))
    return in_terminal(command, until=b"ready", size=(44, 111))


@row
def terminal_resized_while_exec_starts(case):
    """The size waits for the terminal."""
    case.start()
    path = case.engine.directory / f"{case.id}.fifo"
    os.mkfifo(path)
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as output:
        client = case.client()
        spec = json.dumps({"terminal": True, "user": {"uid": 0, "gid": 0}, "args": ["sh", "-c", "sleep 0.3; stty size"], "cwd": "/",
                           "env": ["PATH=/bin"]}).encode()
        added = client.call("Exec", (1, case.id), (2, "e"), (3, 1), (5, str(path)),
                            (7, [(1, "types.containerd.io/opencontainers/runtime-spec/1/Process"), (2, spec)]))[0]
        process = ttrpc.message((1, case.id), (2, "e"))
        client.send("Start", process)
        time.sleep(0.01)
        client.send("ResizePty", process + ttrpc.message((3, 99), (4, 22)))
        answers = sorted(client.receive()[:2] for _ in range(2))
        ended = client.call("Wait", (1, case.id), (2, "e"))[0]
        text = output.read()
        client.close()
    return added, answers, ended, text, case.delete()


@row
def terminal_exec(case):
    case.start()
    code, text = in_terminal(case.engine.command("tasks", "exec", "-t", "--exec-id", "e", case.id, "sh", "-c", "tty | tr -d 0-9; exit 3"))
    # ctr may complain that it cannot tell the size to a process that has ended.
    return code, text.split()[0], case.delete()


@row
def detached(case):
    case.start("echo started; sleep 1000")
    return case.status(), case.delete(), case.status()


@row
def exec_code_and_output(case):
    case.start()
    return case.exec("sh", "-c", "echo inside; exit 4"), case.exec("sh", "-c", "echo again"), case.delete()


@row
def exec_input(case):
    case.start()
    return case.exec("head", "-c", "5", input="typed", stdin=None), case.delete()


@row
def exec_missing_program(case):
    case.start()
    return case.exec("missing")[0], case.exec("true"), case.delete()


@row
def exec_in_the_background_of_another(case):
    case.start()
    with subprocess.Popen(case.engine.command("tasks", "exec", "--exec-id", "slow", case.id, "sh", "-c", "sleep 1; exit 6"),
                          stdin=subprocess.DEVNULL) as slow:
        quick = case.exec("echo", "quick")
        return quick, slow.wait(timeout=30), case.delete()


@row
def exec_killed(case):
    case.start()
    with subprocess.Popen(case.engine.command("tasks", "exec", "--exec-id", "victim", case.id, "sleep", "77777"),
                          stdin=subprocess.DEVNULL) as victim:
        wait_for(lambda: "sleep 77777" in case.exec("ps", name="look")[1], "the process")
        killed = case.engine.ctr("tasks", "kill", "-s", "SIGKILL", "--exec-id", "victim", case.id).returncode
        code = victim.wait(timeout=30)
        wait_for(lambda: "sleep 77777" not in case.exec("ps", name="look")[1], "the end of the process")
        return killed, code, case.delete()


@row
def exec_leaves_a_child_with_its_output(case):
    case.start()
    begin = time.monotonic()
    done = case.exec("sh", "-c", "(sleep 2; echo late) & echo early")
    return done, time.monotonic() - begin > 1.5, case.delete()


@row
def exec_in_a_stopped_container(case):
    case.start("exit 0")
    case.wait_status("STOPPED")
    return case.exec("true")[0], case.delete()


@row
def twenty_execs(case):
    case.start()
    codes = [case.exec("sh", "-c", f"exit {i % 7}", name=f"e{i}")[0] for i in range(20)]
    return codes, case.delete()


@row
def pause_and_resume(case):
    case.start()
    seen = [case.task("pause").returncode, case.status(), case.task("resume").returncode, case.status()]
    return seen, case.exec("echo", "x"), case.delete()


@row
def kill_paused(case):
    case.start()
    seen = [case.task("pause").returncode, case.task("kill", "-s", "SIGKILL").returncode]
    case.wait_status("STOPPED")
    return seen, case.delete()


@row
def resume_running(case):
    case.start()
    return case.task("resume").returncode != 0, case.delete()


@row
def processes(case):
    case.start("sleep 1000 & wait")
    wait_for(lambda: len(case.task("ps").stdout.splitlines()) == 3, "two processes")
    return case.delete()


@row
def metrics_by_name(case):
    case.start()
    done = case.task("metrics")
    names = [line.split()[0] for line in done.stdout.splitlines() if line and case.id not in line]
    return done.returncode, names, case.delete()


@row
def term_with_a_handler(case):
    case.start("trap 'exit 9' TERM; echo ready; while :; do sleep 0.1; done")
    time.sleep(0.5)
    killed = case.task("kill").returncode
    case.wait_status("STOPPED")
    done = case.task("delete")
    return killed, done.returncode, case.delete()[1]


@row
def kill_twice(case):
    case.start()
    first = case.task("kill", "-s", "SIGKILL").returncode
    case.wait_status("STOPPED")
    done = case.task("kill", "-s", "SIGKILL")
    return first, done.returncode, "process already finished" in done.stderr, case.delete()


@row
def kill_all(case):
    case.start("sleep 1000 & sleep 1000")
    killed = case.task("kill", "-a", "-s", "SIGKILL").returncode
    case.wait_status("STOPPED")
    return killed, case.delete()


@row
def delete_running(case):
    case.start()
    done = case.task("delete")
    return done.returncode, "running" in done.stderr or done.stderr, case.delete()


@row
def same_id_twice(case):
    case.start()
    done = case.engine.ctr(*case.run_arguments("true", flags=["-d"]))
    return done.returncode, "already exists" in done.stderr, case.delete()


@row
def log_file(case):
    path = case.engine.directory / f"{case.id}.log"
    code, _ = case.run("sh", "-c", "echo out; echo err >&2; exit 2", flags=["--log-uri", f"file://{path}"])
    return code, sorted(path.read_text().split()), case.delete()


@row
def log_program(case):
    path = case.engine.directory / f"{case.id}.log"
    program = case.engine.directory / "logger"
    program.write_text('#!/bin/sh\nexec 6>"$2"\necho "$CONTAINER_NAMESPACE" >&6\nexec 5>&-\ncat <&3 >&6 &\ncat <&4 >&6\nwait\n')
    program.chmod(0o700)
    code, _ = case.run("sh", "-c", "echo out; echo err >&2", flags=["--log-uri", f"binary://{program}?file={path}"])
    deleted = case.delete()
    wait_for(lambda: path.read_text().count("\n") == 3, "the log")
    return code, sorted(path.read_text().split()), deleted


def topics(case, flags=(), command=("true",)):
    """The topics of a run's events, in order."""
    lines, failures, heard = [], [], threading.Event()

    def probe():
        while not failures and not heard.wait(0.1):
            made = case.engine.ctr("containers", "create", IMAGE, f"{case.id}-probe")
            case.engine.ctr("containers", "delete", f"{case.id}-probe")
            if made.returncode != 0:
                failures.append(made.stderr)
                events.kill()

    with subprocess.Popen(case.engine.command("events"), stdout=subprocess.PIPE, text=True) as events:
        # Known to listen once it has shown something.
        prober = threading.Thread(target=probe)
        prober.start()
        for line in events.stdout:
            if f"{case.id}-probe" in line:
                break
        heard.set()
        prober.join()
        assert not failures, failures
        case.run(*command, flags=["--rm", *flags])
        for line in events.stdout:
            if f'"{case.id}"' in line:
                lines.append(next((word for word in line.split() if word.startswith("/")), line))
            if "/containers/delete" in line and f'"{case.id}"' in line:
                break
        events.kill()
    return [topic for topic in lines if topic.startswith("/tasks/")]


@row
def events_in_order(case):
    return topics(case)


@row
def checkpoint_refused(case):
    case.start()
    return case.task("checkpoint").returncode != 0, case.status(), case.delete()


@row_alone
def containerd_restarted(case):
    case.start("i=0; while :; do echo $i; i=$((i+1)); sleep 0.05; done", flags=["--log-uri", f"file://{case.engine.directory}/{case.id}.log"])
    path = case.engine.directory / f"{case.id}.log"
    wait_for(lambda: path.stat().st_size > 4, "output")
    seen = []
    for number in (signal.SIGTERM, signal.SIGKILL):
        case.engine.restart(number)
        before = path.stat().st_size
        wait_for(lambda: path.stat().st_size > before, "more output")
        seen += [case.status(), case.exec("echo", "x")]
    numbers = path.read_text().split()
    seen += [[int(n) for n in numbers[:-1]] == list(range(len(numbers) - 1)), case.task("kill", "-s", "SIGKILL").returncode]
    case.wait_status("STOPPED")
    return seen, case.delete()


@row_alone
def ended_while_containerd_was_away(case):
    case.start("sleep 1; exit 11")
    case.engine.stop(signal.SIGKILL)
    time.sleep(1.5)
    case.engine.start()
    case.wait_status("STOPPED")
    return case.task("delete").returncode, case.engine.ctr("containers", "delete", case.id).returncode


@row
def shim_killed(case):
    case.start("sleep 88888")
    wait_for(lambda: case.engine.shim_pid(case.id), "the shim")
    pid = int([line.split()[1] for line in case.engine.ctr("tasks", "ls").stdout.splitlines() if line.startswith(case.id)][0])
    os.kill(case.engine.shim_pid(case.id), signal.SIGKILL)
    wait_for(lambda: not os.path.exists(f"/proc/{pid}"), "the container's end", 60)
    wait_for(lambda: case.status() in ("none", "STOPPED", "UNKNOWN"), "containerd to notice", 60, case.status)
    wait_for(lambda: not [m for m in case.engine.mounts() if f"/{case.id}/" in m], "the mounts to go", 60)
    case.task("delete", "-f")
    return case.engine.ctr("containers", "delete", case.id).returncode, case.run("echo", "again")


@row
def ctr_killed_and_attached_again(case):
    client = subprocess.Popen(case.engine.command(*case.run_arguments("sh", "-c", "while :; do echo tick; sleep 0.1; done")),
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    first = client.stdout.readline()
    client.kill()
    client.wait()
    client.stdout.close()
    with subprocess.Popen(case.engine.command("tasks", "attach", case.id), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as again:
        second = again.stdout.readline()
        again.kill()
    return first, second, case.status(), case.delete()


@row
def protocol_broken(case):
    """Clients that misbehave get an answer or are left, and the others do not notice."""
    case.start()
    seen = []
    state = ttrpc.message((1, case.id))
    client = case.client()
    client.send_frame(2, ttrpc.request("State", state))
    seen.append(client.receive()[:2])
    client.send_frame(5, ttrpc.request("State", state))
    seen.append(client.receive()[:2])
    client.send_frame(7, b"x" * ((4 << 20) + 1))
    seen.append(client.receive()[:2])
    client.send_frame(9, ttrpc.request("Unheard", state))
    seen.append(client.receive()[:2])
    client.send_frame(11, ttrpc.request("State", state, service="unheard.of"))
    seen.append(client.receive()[:2])
    client.close()
    half = case.client()
    half.socket.sendall(b"\0\0\1")
    waiting = case.client()
    waiting.send_frame(1, ttrpc.request("Wait", state))
    other = case.client()
    seen.append(other.call("State", (1, case.id))[0])
    seen.append(other.call("State", (1, "nobody"))[0])
    seen.append(other.call("Wait", (1, case.id), (2, "nobody"))[0])
    seen.append(other.call("Shutdown", (1, case.id))[0])
    seen.append(other.call("Pids", (1, case.id))[0])
    killed = case.task("kill", "-s", "SIGKILL").returncode
    seen.append(ttrpc.fields(waiting.receive()[2])[1])
    for open_client in (half, waiting, other):
        open_client.close()
    return seen, killed, case.delete()


SPEC_TYPE = "types.containerd.io/opencontainers/runtime-spec/1/Process"
SPEC = {"user": {"uid": 0, "gid": 0}, "args": ["sleep", "1000"], "cwd": "/", "env": ["PATH=/bin"]}


def exec_fields(case, name, **changes):
    return (1, case.id), (2, name), (7, [(1, SPEC_TYPE), (2, json.dumps({**SPEC, **changes}).encode())])


@row
def calls_out_of_order(case):
    """Which calls fail that are not for the state that a process is in; with what code, runc's shim does not care much."""
    case.start()
    client = case.client()
    me, ghost = (1, case.id), (2, "ghost")
    seen = {}

    def call(name, method, *fields):
        seen[name] = client.call(method, *fields)[0] == 0

    call("start again", "Start", me)
    call("create again", "Create", me, (2, str(case.engine.bundle(case.id))))
    for method in ("Start", "State", "Delete", "Kill", "ResizePty", "CloseIO", "Wait"):
        call(f"{method} of no exec", method, me, ghost)
    call("exec", "Exec", *exec_fields(case, "e"))
    call("exec again", "Exec", *exec_fields(case, "e"))
    call("state of an added exec", "State", me, (2, "e"))
    call("resize of an added exec", "ResizePty", me, (2, "e"), (3, 80), (4, 25))
    call("delete of an added exec", "Delete", me, (2, "e"))
    call("exec after that", "Exec", *exec_fields(case, "e"))
    call("start of it", "Start", me, (2, "e"))
    call("start of it again", "Start", me, (2, "e"))
    call("delete of a running exec", "Delete", me, (2, "e"))
    call("signal 0", "Kill", me, (2, "e"))
    call("resize without a terminal", "ResizePty", me, (2, "e"), (3, 80), (4, 25))
    call("kill of an exec", "Kill", me, (2, "e"), (3, 9))
    call("wait for an exec", "Wait", me, (2, "e"))
    call("kill of an ended exec", "Kill", me, (2, "e"), (3, 9))
    call("start of an ended exec", "Start", me, (2, "e"))
    call("resize of an ended exec", "ResizePty", me, (2, "e"), (3, 80), (4, 25))
    call("close of an ended exec", "CloseIO", me, (2, "e"), (3, 1))
    call("delete of an ended exec", "Delete", me, (2, "e"))
    call("delete of a deleted exec", "Delete", me, (2, "e"))
    call("missing program", "Exec", *exec_fields(case, "m", args=["missing"]))
    call("start of a missing program", "Start", me, (2, "m"))
    call("state after a failed start", "State", me, (2, "m"))
    call("delete after a failed start", "Delete", me, (2, "m"))
    call("broken spec", "Exec", (1, case.id), (2, "b"), (7, [(1, SPEC_TYPE), (2, b"{broken")]))
    call("delete of a running task", "Delete", me)
    call("broken resources", "Update", me, (2, [(1, "x"), (2, b"{broken")]))
    call("pause", "Pause", me)
    call("exec when paused", "Exec", *exec_fields(case, "p"))
    call("resume", "Resume", me)
    call("signal that is none", "Kill", me, (3, 99))
    call("kill", "Kill", me, (3, 9))
    call("wait", "Wait", me)
    case.wait_status("STOPPED")
    for method in ("State", "Pause", "Resume", "Start", "Pids", "Stats", "Connect", "Kill", "Update", "Checkpoint", "CloseIO", "ResizePty"):
        call(f"{method} of a stopped task", method, me)
    call("exec in a stopped task", "Exec", *exec_fields(case, "s"))
    client.close()
    return seen, case.delete()


@row
def update_by_protocol(case):
    case.start()
    client = case.client()
    resources = b'{"memory":{"limit":67108864},"cpu":{"shares":512}}'
    any_of = [(1, "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources"), (2, resources)]
    seen = [client.call("Update", (1, case.id), (2, any_of))[0]]
    stats = ttrpc.fields(client.call("Stats", (1, case.id))[1])
    any_stats = ttrpc.fields(stats[1][0])
    memory = ttrpc.fields(ttrpc.fields(any_stats[2][0])[4][0])
    client.close()
    return seen, any_stats[1], ttrpc.fields(memory[33][0])[1], case.delete()


@row
def connect_by_protocol(case):
    case.start()
    client = case.client()
    code, payload = client.call("Connect", (1, case.id), service="containerd.task.v2.Task")
    pids = ttrpc.fields(payload)
    listed = [int(line.split()[1]) for line in case.engine.ctr("tasks", "ls").stdout.splitlines() if line.startswith(case.id)]
    shim = case.engine.shim_pid(case.id)
    client.close()
    return code, pids[1] == [shim], pids[2] == listed, case.delete()


@row_alone
def nothing_left(case):
    before = set(case.engine.mounts())
    code = case.run("true")
    wait_for(lambda: set(case.engine.mounts()) <= before, "the mounts to go")
    wait_for(lambda: case.engine.shim_pid(case.id) is None, "the shim to end")
    wait_for(lambda: not case.engine.bundle(case.id).exists(), "the bundle to go")
    return code
