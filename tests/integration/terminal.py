"""Programs on a terminal, natively in a chroot and in a container: what shells.py and programs.py have in common."""
import fcntl
import json
import os
import pathlib
import pty
import pwd
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

import userland

PATIENCE = 60  # seconds until a step has failed: the machine may be busy
ROWS, COLUMNS = 24, 80


def set_size(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


class Session:
    """A program on a pseudo terminal: the child's `enter` runs it."""

    def __init__(self, enter):
        self.master, slave = os.openpty()
        set_size(self.master, ROWS, COLUMNS)
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.close(self.master)
                enter(slave)
            finally:
                os._exit(127)
        os.close(slave)
        self.received = b""
        self.notes = ""

    def text(self):
        return self.received.decode(errors="replace") + self.notes

    def note(self, text):
        self.notes += text

    def mark(self):
        return len(self.text())

    def send(self, keys):
        os.write(self.master, keys.encode())

    def resize(self, rows, columns):
        set_size(self.master, rows, columns)

    def _read(self, seconds):
        """False when there is nothing more."""
        if not select.select([self.master], [], [], seconds)[0]:
            return True
        try:
            chunk = os.read(self.master, 65536)
        except OSError:  # EIO: nobody has the terminal open any more
            return False
        self.received += chunk
        return chunk != b""

    def settle(self, seconds):
        """Reads until nothing has come for so long."""
        while True:
            before = len(self.received)
            if not self._read(seconds) or len(self.received) == before:
                return

    def wait_for(self, pattern, mark=0, patience=None):
        deadline = time.monotonic() + (patience or PATIENCE)
        wanted = pattern if isinstance(pattern, re.Pattern) else re.compile(re.escape(pattern))
        while not wanted.search(self.text()[mark:]):
            left = deadline - time.monotonic()
            if left <= 0 or not self._read(min(left, 1)):
                raise TimeoutError(f"{pattern!r} does not appear")

    def end(self, patience=None):
        """Its exit status, as a shell tells it; None when it had to be killed."""
        deadline = time.monotonic() + (patience or PATIENCE)
        while time.monotonic() < deadline:
            if not self._read(0.05):
                time.sleep(0.02)
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            if ended:
                os.close(self.master)
                code = os.waitstatus_to_exitcode(status)
                return 128 - code if code < 0 else code
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.master)
        return None


def take_terminal(slave):
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for fd in range(3):
        os.dup2(slave, fd)
    os.closerange(3, 256)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and an exec would pass that on
        signal.signal(number, signal.SIG_DFL)


class Native:
    """A program of the tree in a chroot, the first process of a pid namespace."""

    def __init__(self, root):
        self.root = root

    def start(self, args, environment):
        return Session(lambda slave: self._enter(slave, args, environment))

    def _enter(self, slave, args, environment):
        userland.unshare(0x20020000)  # CLONE_NEWPID | CLONE_NEWNS
        init = os.fork()
        if init != 0:
            os.close(slave)
            code = os.waitstatus_to_exitcode(os.waitpid(init, 0)[1])
            os._exit(128 - code if code < 0 else code)
        for command in (["mount", "--make-rprivate", "/"], ["mount", "-t", "proc", "proc", self.root / "proc"],
                        ["mount", "--rbind", "/dev", self.root / "dev"]):
            subprocess.run(command, check=True)
        take_terminal(slave)
        os.chroot(self.root)
        os.chdir("/")
        os.umask(0o22)
        os.execvpe(args[0], args, {"PATH": userland.PATH, "HOME": "/root", "LC_ALL": "C", **environment})


class Contained:
    """The same by `litebox run` on the caller's terminal."""

    def __init__(self, litebox, bundle, user):
        self.litebox, self.bundle, self.user, self.count = litebox, bundle, user, 0
        self.id = ""

    def start(self, args, environment, capabilities=()):
        self.count += 1
        self.id = f"terminal-{os.getpid()}-{self.bundle.name}-{self.count}"
        config = userland.config(args)
        config["process"]["terminal"] = True
        config["process"]["env"] += [f"{name}={value}" for name, value in environment.items()]
        for names in config["process"]["capabilities"].values():
            names += capabilities
        (self.bundle / "config.json").write_text(json.dumps(config))
        command = self.command("run", "--bundle", self.bundle, self.id)

        def enter(slave):
            take_terminal(slave)
            os.execve(command[0], command, {"PATH": userland.PATH, "XDG_RUNTIME_DIR": str(self.bundle)})
        return Session(enter)

    def command(self, *args):
        command = [str(arg) for arg in (self.litebox, "--root", self.bundle / "state", *args)]
        if self.user is not None:
            command = ["/usr/bin/setpriv", "--reuid", str(self.user.pw_uid), "--regid", str(self.user.pw_gid), "--clear-groups",
                       "--", *command]
        return command


class Workshop:
    """The trees, in a directory that goes away."""

    def __init__(self, name, options):
        if os.geteuid() != 0:
            sys.exit("the native half is a chroot and needs root")
        self.options = options
        self.user = pwd.getpwnam("nobody") if options.who == "user" else None
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix=f"litebox-{name}-"))
        self.directory.chmod(0o755)
        self.litebox = self.directory / "litebox"  # the build may lie where only root may look
        shutil.copy(options.litebox, self.litebox)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["rm", "-rf", "--one-file-system", self.directory], check=False)

    def native(self, tree):
        root = self.directory / f"{tree}-native"
        subprocess.run([self.options.make_rootfs, tree, root], check=True)
        return Native(root)

    def contained(self, tree):
        bundle = self.directory / f"{tree}-bundle"
        bundle.mkdir(exist_ok=True)
        if self.user:
            os.chown(bundle, self.user.pw_uid, self.user.pw_gid)
        subprocess.run([self.options.make_rootfs, tree, bundle / "rootfs", *([self.user.pw_name] if self.user else [])], check=True)
        return Contained(self.litebox, bundle, self.user)
