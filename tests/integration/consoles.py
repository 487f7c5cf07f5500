#!/usr/bin/env python3
"""Containers and the terminal of who starts them: `run` and `exec` with a terminal in the foreground, and --console-socket.

    consoles.py --litebox BUILD/litebox --make-rootfs packaging/make-rootfs --as root|user

Each case drives litebox through a pseudo terminal as a person would, and looks at that terminal's mode and size from outside.
"""
import argparse
import array
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import termios
import time
import traceback

import terminal
import userland

READY = "rea\"\"dy"  # the shell's echo of a command must not look like its answer
IDLE = ["sh", "-c", "trap exit TERM; while :; do sleep 1000 & wait; done"]


def check(condition, text):
    if not condition:
        raise AssertionError(text)


def expect(session, pattern, mark=0):
    check(session.wait_for(pattern, mark), f"{pattern!r} does not appear: {session.text()[mark:]!r}")


def until(condition, text):
    deadline = time.monotonic() + terminal.PATIENCE
    while not condition():
        check(time.monotonic() < deadline, text)
        time.sleep(0.05)


def mode(session):
    return termios.tcgetattr(session.master)


def is_raw(session):
    return mode(session)[3] & (termios.ICANON | termios.ECHO | termios.ISIG) == 0


class Engine:
    """Runs litebox's commands for one user and one bundle."""

    def __init__(self, workshop, who):
        self.contained = workshop.contained("busybox", who)
        self.bundle = self.contained.bundle
        self.count = 0

    def new_id(self):
        self.count += 1
        return f"consoles-{os.getpid()}-{self.count}"

    def configure(self, args, in_terminal, size=None):
        config = userland.config(args)
        config["process"]["terminal"] = in_terminal
        if size:
            config["process"]["consoleSize"] = {"height": size[0], "width": size[1]}
        (self.bundle / "config.json").write_text(json.dumps(config))

    def call(self, *args):
        """What a command says; to a file, since a container that it leaves behind goes on holding it."""
        path = self.bundle / "said"
        with open(path, "w", encoding="utf-8") as said:
            done = subprocess.run(self.contained.command(*args), stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT,
                                  check=False, timeout=120, env={"PATH": userland.PATH})
        check(done.returncode == 0, f"{args}: {path.read_text()}")
        return path.read_text()

    def on_terminal(self, *args):
        """Starts a command as the leader of a terminal's session."""
        command = self.contained.command(*args)

        def enter(slave):
            terminal.take_terminal(slave)
            os.execve(command[0], command, {"PATH": userland.PATH, "XDG_RUNTIME_DIR": str(self.bundle)})
        return terminal.Session(enter)

    def status(self, container):
        return json.loads(self.call("state", container))["status"]

    def remove(self, container):
        self.contained.remove(container)


class Console:
    """What an engine listens with for a container's terminal."""

    def __init__(self, engine):
        self.path = engine.bundle / "console.sock"
        self.path.unlink(missing_ok=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.bind(str(self.path))
        self.path.chmod(0o777)
        self.socket.listen()
        self.socket.settimeout(terminal.PATIENCE)

    def receive(self):
        """The name that was sent, and the terminal as a session without a child."""
        connection, _ = self.socket.accept()
        with connection:
            text, ancillary, _, _ = connection.recvmsg(4096, socket.CMSG_SPACE(4))
        received = array.array("i")
        received.frombytes(ancillary[0][2][:4])
        session = terminal.Session.__new__(terminal.Session)
        session.master, session.received, session.notes = received[0], b"", ""
        return text.decode(), session


def interact(session, size):
    """What every program on a terminal in the foreground can expect."""
    expect(session, "ready\r\n")
    check(is_raw(session), "the caller's terminal is not raw")
    mark = session.mark()
    session.send("stty size; tty; ls /dev/pts\n")
    expect(session, "ptmx\r\n", mark)
    check(f"{size[0]} {size[1]}\r\n" in session.text()[mark:], "the size is not the caller's")
    check("/dev/pts/" in session.text()[mark:], "the terminal has no name")
    mark = session.mark()
    session.send("trap 'stty size; echo resi\"\"zed' WINCH\n")
    session.send(f"echo {READY}; until read line; do :; done; echo \"<$line>\"\n")
    expect(session, "ready\r\n", mark)
    session.resize(31, 97)
    expect(session, "31 97\r\nresized\r\n", mark)
    session.send("typed\n")
    expect(session, "<typed>\r\n", mark)
    mark = session.mark()
    session.send(f"sh -c 'trap \"echo caught; exit 3\" INT; echo {READY}; while :; do sleep 0.1; done'; echo status $?\n")
    expect(session, "ready\r\n", mark)
    session.send("\x03")
    expect(session, "caught\r\nstatus 3\r\n", mark)


def run_in_foreground(engine):
    container = engine.new_id()
    engine.configure(["sh", "-c", f"echo {READY.replace(chr(34), '')}; exec sh"], True)
    session = engine.on_terminal("run", "--bundle", engine.bundle, container)
    before = mode(session)
    try:
        interact(session, (terminal.ROWS, terminal.COLUMNS))
        session.send("exit 7\n")
        # The master of the caller's terminal shows its mode for as long as it is open.
        watched = os.dup(session.master)
        status = session.end()
        check(status == 7, f"status {status}")
        check(termios.tcgetattr(watched) == before, "the terminal's mode has not been restored")
        os.close(watched)
    finally:
        engine.remove(container)


def run_ends_lines_once(engine):
    engine.configure(["echo", "one\ntwo"], True)
    session = engine.on_terminal("run", "--bundle", engine.bundle, engine.new_id())
    check(session.end() == 0 and session.text() == "one\r\ntwo\r\n", f"{session.text()!r}")


def run_is_killed(engine):
    container = engine.new_id()
    engine.configure(["sh", "-c", "echo ready; exec sh"], True)
    session = engine.on_terminal("run", "--bundle", engine.bundle, container)
    before = mode(session)
    try:
        expect(session, "ready\r\n")
        check(is_raw(session), "the caller's terminal is not raw")
        watched = os.dup(session.master)
        os.kill(session.pid, signal.SIGKILL)
        until(lambda: termios.tcgetattr(watched) == before, "the terminal's mode has not been restored")
        os.close(watched)
        check(session.end() == 128 + signal.SIGKILL, "status")
        until(lambda: engine.status(container) == "stopped", "the container has lost its terminal and goes on")
    finally:
        engine.remove(container)


def with_idle_container(case):
    def wrapped(engine):
        container = engine.new_id()
        engine.configure(IDLE, False)
        engine.call("create", "--bundle", engine.bundle, container)
        try:
            engine.call("start", container)
            case(engine, container)
        finally:
            engine.remove(container)
    wrapped.__name__ = case.__name__
    return wrapped


@with_idle_container
def exec_in_foreground(engine, container):
    session = engine.on_terminal("exec", "--tty", container, "sh", "-c", "echo ready; exec sh")
    before = mode(session)
    interact(session, (terminal.ROWS, terminal.COLUMNS))
    session.send("exit 9\n")
    watched = os.dup(session.master)
    status = session.end()
    check(status == 9, f"status {status}")
    check(termios.tcgetattr(watched) == before, "the terminal's mode has not been restored")
    os.close(watched)


@with_idle_container
def exec_ends_lines_once(engine, container):
    for _ in range(20):
        session = engine.on_terminal("exec", "--tty", container, "echo", "one\ntwo")
        check(session.end() == 0 and session.text() == "one\r\ntwo\r\n", f"{session.text()!r}")


@with_idle_container
def exec_fails(engine, container):
    session = engine.on_terminal("exec", "--tty", container, "/no/such/program")
    before = mode(session)
    watched = os.dup(session.master)
    status = session.end()
    check(status == 255 or status == 1, f"status {status}: {session.text()}")
    check(termios.tcgetattr(watched) == before, "the terminal's mode has not been restored")
    check("no such file or directory" in session.text(), session.text())
    os.close(watched)


@with_idle_container
def exec_is_killed(engine, container):
    session = engine.on_terminal("exec", "--tty", container, "sh", "-c", "echo ready; exec sh")
    before = mode(session)
    expect(session, "ready\r\n")
    watched = os.dup(session.master)
    os.kill(session.pid, signal.SIGKILL)
    until(lambda: termios.tcgetattr(watched) == before, "the terminal's mode has not been restored")
    os.close(watched)
    check(session.end() == 128 + signal.SIGKILL, "status")
    check(engine.status(container) == "running", "the container has ended with it")


def create_with_console_socket(engine):
    container = engine.new_id()
    engine.configure(["sh", "-c", "echo ready; exec sh"], True, (33, 99))
    console = Console(engine)
    try:
        engine.call("create", "--bundle", engine.bundle, "--console-socket", console.path, container)
        name, session = console.receive()
        engine.call("start", container)
        expect(session, "ready\r\n")
        mark = session.mark()
        session.send("stty size; tty; stat -L -c '%t:%T' /dev/console /proc/self/fd/0; echo en\"\"d\n")
        expect(session, "end\r\n", mark)
        answer = session.text()[mark:].splitlines()
        check("33 99" in answer and name in answer, f"{name}: {answer}")
        devices = [line for line in answer if line.startswith("88:")]
        check(len(devices) == 2 and devices[0] == devices[1], f"/dev/console is another: {answer}")
        os.close(session.master)
        until(lambda: engine.status(container) == "stopped", "the container has lost its terminal and goes on")
    finally:
        console.socket.close()
        engine.remove(container)


@with_idle_container
def exec_with_console_socket(engine, container):
    console = Console(engine)
    engine.call("exec", "--tty", "--detach", "--console-socket", console.path, container, "sh", "-c", "echo ready; exec sh")
    name, session = console.receive()
    console.socket.close()
    expect(session, "ready\r\n")
    mark = session.mark()
    session.send("tty; echo en\"\"d\n")
    expect(session, "end\r\n", mark)
    check(name in session.text()[mark:].splitlines(), f"{name}: {session.text()[mark:]}")
    session.send("exit\n")
    while session.read(terminal.PATIENCE):
        pass
    os.close(session.master)


CASES = [run_in_foreground, run_ends_lines_once, run_is_killed, exec_in_foreground, exec_ends_lines_once, exec_fails, exec_is_killed,
         create_with_console_socket, exec_with_console_socket]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--litebox", required=True, type=pathlib.Path)
    parser.add_argument("--make-rootfs", required=True, type=pathlib.Path)
    parser.add_argument("--as", dest="who", choices=["root", "user"], required=True)
    parser.add_argument("--only", choices=[case.__name__ for case in CASES])
    options = parser.parse_args()
    failures = 0
    with terminal.Workshop("consoles", options) as workshop:
        engine = Engine(workshop, options.who)
        for case in CASES:
            if options.only not in (None, case.__name__):
                continue
            try:
                case(engine)
                print(f"passed: {case.__name__}", flush=True)
            except (AssertionError, TimeoutError, OSError, subprocess.SubprocessError):
                failures += 1
                print(f"FAILED: {case.__name__}", flush=True)
                traceback.print_exc()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
