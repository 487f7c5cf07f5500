#!/usr/bin/env python3
"""The command line with litebox and with runc, row by row: exit statuses, what callers match in errors, formats, sockets.

    command_line.py --litebox BUILD/litebox --make-rootfs packaging/make-rootfs --notify-program BUILD/tests/programs/notify

Needs root, for runc's sake.
"""
import argparse
import ctypes
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading

from exec_options import PATIENCE, Runtime, exit_status_of, receive_descriptor, wait_until


def status(runtime, container):
    return json.loads(runtime.call("state", container).stdout)["status"]


def said(done, *texts):
    """The exit status, and which of the texts that callers match are in the error."""
    return done.returncode, [text for text in texts if text in done.stderr.decode()]


def shape(value):
    """The structure of a JSON document: its keys and the types of its values, lists by their first item."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in sorted(value.items())}
    return [shape(value[0])] if isinstance(value, list) and value else type(value).__name__


# --- errors and what callers match in them

def wrong_order(runtime):
    runtime.create("order", ["sleep", "1000"])
    seen = [said(runtime.call("delete", "nobody"), "does not exist"), runtime.call("delete", "--force", "nobody").returncode,
            said(runtime.call("start", "nobody"), "does not exist"), said(runtime.call("kill", "nobody", "9"), "does not exist"),
            said(runtime.call("state", "nobody"), "does not exist"), said(runtime.call("pause", "nobody"), "does not exist"),
            said(runtime.call("ps", "nobody"), "does not exist"), said(runtime.call("events", "--stats", "nobody"), "does not exist")]
    seen += [runtime.call("start", "order").returncode, said(runtime.call("start", "order"), "cannot start an already running container")]
    seen += [said(runtime.call("delete", "order"), "that is not stopped: running"), runtime.call("kill", "order", "NOSUCH").returncode]
    seen += [runtime.call("resume", "order").returncode, runtime.call("kill", "order", "KILL").returncode]
    wait_until(lambda: status(runtime, "order") == "stopped", "the end")
    seen += [said(runtime.call("kill", "order", "TERM"), "container not running"), said(runtime.call("exec", "order", "true"), "stopped"),
             said(runtime.call("start", "order"), "cannot start a container that has stopped"), runtime.call("delete", "order").returncode,
             said(runtime.call("delete", "order"), "does not exist")]
    return seen


def id_is_taken(runtime):
    try:
        runtime.create("box", ["true"])
        return "created"
    except RuntimeError as failure:
        return "exists" in str(failure)
    finally:
        runtime.containers.pop()


def bad_ids(runtime):
    return [runtime.call("create", "--bundle", runtime.bundle, name).returncode for name in ("..", "a/b", "", "a b")]


def numbers_of_words(runtime):
    return [runtime.call(*words).returncode for words in (["start"], ["start", "a", "b"], ["state"], ["kill"], ["exec"], ["delete", "a", "b"])]


def signals_by_name(runtime):
    runtime.run_container("names", ["sh", "-c", "trap 'echo x >>/caught' USR1; touch /ready; while :; do sleep 0.05; done"])
    wait_until(lambda: runtime.exec("names", "test", "-e", "/ready")[0] == 0, "the trap")
    seen = [runtime.call("kill", "names", "0").returncode]
    for count, name in enumerate(("USR1", "SIGUSR1", "10", "sigusr1"), 1):
        seen.append(runtime.call("kill", "names", name).returncode)
        wait_until(lambda c=count: runtime.exec("names", "sh", "-c", "wc -l </caught 2>/dev/null")[1].strip() == str(c), "the signal")
    return seen


def log_of_a_failure(runtime):
    """What an engine reads as JSON; the text on standard error too."""
    runtime.configure("failing", ["missing"])
    log = runtime.directory / "log.json"
    log.unlink(missing_ok=True)
    done = runtime.call("--log", log, "--log-format", "json", "create", "--bundle", runtime.bundle, "failing")
    last = [json.loads(line) for line in log.read_text().splitlines()][-1]
    text = "executable file not found in $PATH"
    return done.returncode, last["level"], text in last["msg"], text in done.stderr.decode(), runtime.call("state", "failing").returncode


# --- formats

def states(runtime):
    state = json.loads(runtime.call("state", "box").stdout)
    state.pop("annotations", None)
    return shape(state), state["status"], state["id"]


def lists(runtime):
    table = runtime.call("list").stdout.decode().splitlines()
    containers = json.loads(runtime.call("list", "--format", "json").stdout)
    return (table[0].split(), any(line.split()[0] == "box" for line in table[1:]),
            b"box\n" in runtime.call("list", "-q").stdout, sorted(shape(containers[0])), runtime.call("list", "-f", "x").returncode)


def processes(runtime):
    pids = json.loads(runtime.call("ps", "--format", "json", "box").stdout)
    table = runtime.call("ps", "box").stdout.decode().splitlines()
    chosen = runtime.call("ps", "box", "-o", "pid,args").stdout.decode().splitlines()
    return len(pids), table[0].split(), len(table), [line.split()[1:] for line in chosen]


def statistics(runtime):
    event = json.loads(runtime.call("events", "--stats", "box").stdout)
    data = event["data"]
    return (event["type"], event["id"], data["pids"]["current"] > 0, sorted(data["memory"]["usage"]), data["memory"]["usage"]["usage"] > 0,
            data["cpu"]["usage"]["total"] > 0)


def specs(runtime):
    directory = runtime.directory / "spec"
    directory.mkdir()
    first = runtime.call("spec", "--bundle", directory)
    document = json.loads((directory / "config.json").read_text())
    return first.returncode, runtime.call("spec", "--bundle", directory).returncode, sorted(document), document["process"]["args"], \
        document["root"], document["process"]["terminal"], [mount["destination"] for mount in document["mounts"]]


def features(runtime):
    document = json.loads(runtime.call("features").stdout)
    known = {"apparmor", "capabilities", "cgroup", "namespaces", "seccomp", "selinux"}
    return known <= set(document["linux"]), {"bind", "ro", "nosuid"} <= set(document["mountOptions"]), sorted(document["hooks"])


def updates(runtime):
    runtime.run_container("updated")
    seen = [runtime.call("update", "--memory", "64M", "--pids-limit", "50", "updated").returncode]
    file = pathlib.Path(f"/sys/fs/cgroup/memory{runtime.group}/updated/memory.limit_in_bytes")
    seen.append(file.read_text())
    document = json.dumps({"memory": {"limit": 96 << 20}}).encode()
    seen.append(runtime.call("update", "--resources", "-", "updated", stdin=None, input=document).returncode)
    seen += [file.read_text(), pathlib.Path(f"/sys/fs/cgroup/pids{runtime.group}/updated/pids.max").read_text()]
    return seen, runtime.call("update", "--memory", "nonsense", "updated").returncode


# --- sockets and descriptors

def on_a_terminal(runtime):
    path = str(runtime.directory / "create-console")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(1)
    runtime.create("terminal", ["sh", "-c", "read x; echo got $x; stty size"], terminal=True,
                   consoleSize={"height": 20, "width": 70}, options=["--console-socket", path])
    master = receive_descriptor(listener)[1]
    started = runtime.call("start", "terminal").returncode
    os.write(master, b"word\n")
    text = b""
    try:
        while chunk := os.read(master, 4096):
            text += chunk
    except OSError:  # EIO: the last one has closed it
        pass
    os.close(master)
    return started, text.decode().split()


def listening(runtime):
    """LISTEN_FDS (sd_listen_fds(3)) reaches the program, which is process 1."""
    runtime.configure("listening", ["sh", "-c", "echo $LISTEN_FDS $LISTEN_PID; cat <&3"])
    read_end, write_end = os.pipe()
    os.write(write_end, b"given\n")
    os.close(write_end)
    script = 'export LISTEN_FDS=1 LISTEN_PID=$$; exec "$@" 3<&%d' % read_end
    command = [runtime.program, "--root", str(runtime.directory / "state"), "run", "--bundle", str(runtime.bundle), "listening"]
    done = subprocess.run(["bash", "-c", script, "bash", *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, pass_fds=[read_end], timeout=PATIENCE, check=False)
    os.close(read_end)
    return done.returncode, done.stdout


def pid_file(runtime):
    file = runtime.directory / "create.pid"
    runtime.create("piddy", ["sh", "-c", "exit 3"], options=["--pid-file", str(file)])
    text = file.read_text()
    same = json.loads(runtime.call("state", "piddy").stdout)["pid"] == int(text)
    return same, runtime.call("start", "piddy").returncode, exit_status_of(int(text))


def foreground(runtime):
    runtime.configure("front", ["sh", "-c", "cat; exit 6"])
    done = runtime.call("run", "--bundle", runtime.bundle, "front", stdin=None, input=b"typed\n")
    return done.returncode, done.stdout, runtime.call("state", "front").returncode


def short_programs(runtime):
    """On one processor, where a program can be through before those who started it have been told that it has begun."""
    runtime.configure("short", ["true"])
    processors = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(processors)})
    try:
        done = [runtime.call("run", "--bundle", runtime.bundle, "short") for _ in range(150)]
    finally:
        os.sched_setaffinity(0, processors)
    return [(one.returncode, one.stderr) for one in done if one.returncode != 0]


ROWS = {row.__name__.replace("_", " "): row for row in (
    wrong_order, id_is_taken, bad_ids, numbers_of_words, signals_by_name, log_of_a_failure, states, lists, processes, statistics,
    specs, features, updates, on_a_terminal, listening, pid_file, foreground,
    short_programs)}


def notified(runtime):
    """NOTIFY_SOCKET (sd_notify(3)): start returns when the program is ready, and the manager knows which process it is."""
    path = str(runtime.directory / "manager")
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(path)
    manager.settimeout(PATIENCE)
    received = []

    def listen():
        while len(received) < 3:
            text, ancillary, _, _ = manager.recvmsg(4096, socket.CMSG_SPACE(4))
            received.append(text.decode().strip())
            for _, _, data in ancillary:
                os.close(int.from_bytes(data[:4], sys.byteorder))
    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    environment = {**os.environ, "NOTIFY_SOCKET": path}
    shutil.copy(runtime.directory.parent / "notify", runtime.bundle / "rootfs/bin/notify")
    runtime.create("notified", ["notify"], environment=environment)
    started = runtime.call("start", "notified", env=environment).returncode
    thread.join(PATIENCE)
    pid = json.loads(runtime.call("state", "notified").stdout)["pid"]
    return started, [line.replace(str(pid), "PID") for line in received]


def completed(runtime, *words):
    """What bash offers for the last of the words."""
    script = pathlib.Path(__file__).resolve().parents[2] / "packaging/completions/litebox.bash"
    return subprocess.run(["bash", "-c", f'source {script}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _litebox; echo ${{COMPREPLY[@]}}',
                           "bash", runtime.program, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                          timeout=PATIENCE, check=False).stdout.split()


def litebox_only(runtime):
    """What Debian's runc does not have, or does in another way."""
    failures = []

    def expect(condition, text):
        if not condition:
            failures.append(text)

    path = str(runtime.directory / "pidfd")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(1)
    runtime.create("pidfd", ["sleep", "1000"], options=["--pidfd-socket", path])
    pidfd = receive_descriptor(listener)[1]
    expect(signal.pidfd_send_signal(pidfd, 0) is None, "--pidfd-socket")
    os.close(pidfd)
    done = runtime.call("exec", "-d", "--pidfd-socket", path, "box", "true")
    expect(done.returncode == 0, f"exec --pidfd-socket: {done.stderr}")
    os.close(receive_descriptor(listener)[1])
    expect(notified(runtime) == (0, ["READY=1", "MAINPID=PID", "BARRIER=1"]), "NOTIFY_SOCKET")
    log = runtime.directory / "log.json"
    expect(len(log.read_text().splitlines()) == 1, f"not one line in the log of a failure: {log.read_text()}")
    root = ["--root", str(runtime.directory / "state")]
    for words, wanted in ((["cre"], ["create"]), (["exec", "--pid"], ["--pid-file", "--pidfd-socket"]), (["--log-format", "j"], ["json"]),
                          (["list", "-f", ""], ["table", "json"]), ([*root, "exec", "bo"], ["box"])):
        expect(completed(runtime, *words) == wanted, f"completion of {words}: {completed(runtime, *words)}")
    for command in (["checkpoint", "--help"], ["checkpoint", "box"], ["restore", "box"]):
        expect(runtime.call(*command).returncode == 1, f"{command} does not say that it is not supported")
    for command in ("create", "start", "state", "kill", "delete", "run", "exec", "list", "ps", "pause", "resume", "events", "update",
                    "spec", "features"):
        done = runtime.call(command, "--help")
        expect(done.returncode == 0 and b"Usage: " in done.stdout, f"{command} --help")
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--litebox", required=True, type=pathlib.Path)
    parser.add_argument("--make-rootfs", required=True, type=pathlib.Path)
    parser.add_argument("--notify-program", required=True, type=pathlib.Path, help="tests/programs/notify.c, linked statically")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if os.geteuid() != 0:
        sys.exit("command_line.py: runc needs root here")
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
    directory = pathlib.Path(tempfile.mkdtemp(prefix="litebox-command-line-"))
    failures = ["not everything was done"]
    runtimes = []
    try:
        subprocess.run([options.make_rootfs, "busybox", directory / "rootfs"], check=True)
        shutil.copy(options.notify_program, directory / "notify")
        for name, program in (("runc", shutil.which("runc")), ("litebox", options.litebox.resolve())):
            runtimes.append(Runtime(name, program, directory, directory / "rootfs"))
            runtimes[-1].run_container("box")
        failures = []
        for title, row in ROWS.items():
            seen = []
            for runtime in runtimes:
                try:
                    seen.append(row(runtime))
                except Exception as failure:  # whatever a row cannot get over is what this runtime did to it
                    seen.append(f"{type(failure).__name__}: {failure}")
            if seen[0] == seen[1]:
                print(f"same: {title}: {seen[1]!r:.150}", flush=True)
            else:
                failures.append(f"DIFFERS: {title}: runc {seen[0]!r}, litebox {seen[1]!r}")
        failures += litebox_only(runtimes[1])
    finally:
        for runtime in runtimes:
            runtime.close()
        subprocess.run(["rm", "-rf", "--one-file-system", directory], check=False)
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
