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
    """A program on a pseudo terminal: the child's `enter` runs it. `clean_up` is for one that had to be killed."""

    def __init__(self, enter, clean_up=lambda: None):
        self.clean_up = clean_up
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

    def read(self, seconds):
        """Takes what comes within so many seconds; False when there can be nothing more."""
        if not select.select([self.master], [], [], seconds)[0]:
            return True
        try:
            chunk = os.read(self.master, 65536)
        except OSError:  # EIO: nobody has the terminal open any more
            return False
        self.received += chunk
        return chunk != b""

    def wait_for(self, pattern, mark=0):
        """False if it has not appeared when patience, or the session, ends."""
        deadline = time.monotonic() + PATIENCE
        wanted = pattern if isinstance(pattern, re.Pattern) else re.compile(re.escape(pattern))
        while not wanted.search(self.text()[mark:]):
            left = deadline - time.monotonic()
            if left <= 0 or not self.read(min(left, 1)):
                return False
        return True

    def end(self, patience=None):
        """Its exit status, as a shell tells it; None when it had to be killed."""
        deadline = time.monotonic() + (PATIENCE if patience is None else patience)
        while time.monotonic() < deadline:
            if not self.read(0.05):
                time.sleep(0.02)
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            if ended:
                while select.select([self.master], [], [], 0)[0] and self.read(0):
                    pass
                os.close(self.master)
                code = os.waitstatus_to_exitcode(status)
                return 128 - code if code < 0 else code
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.master)
        self.clean_up()
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
        userland.LIBC.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: with the one that waits
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

    def start(self, args, environment):
        self.count += 1
        container = f"terminal-{os.getpid()}-{self.bundle.name}-{self.count}"
        config = userland.config(args)
        config["process"]["terminal"] = True
        if self.user is not None:  # without privilege a network of its own has no loopback
            config["linux"]["namespaces"] = [space for space in config["linux"]["namespaces"] if space["type"] != "network"]
        config["process"]["env"] += [f"{name}={value}" for name, value in environment.items()]
        (self.bundle / "config.json").write_text(json.dumps(config))
        command = self.command("run", "--bundle", self.bundle, container)

        def enter(slave):
            take_terminal(slave)
            os.execve(command[0], command, {"PATH": userland.PATH, "XDG_RUNTIME_DIR": str(self.bundle)})
        return Session(enter, lambda: self.remove(container))

    def remove(self, container):
        subprocess.run(self.command("delete", "--force", container), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       check=False, timeout=PATIENCE)

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

    def contained(self, tree, who):
        user = pwd.getpwnam("nobody") if who == "user" else None
        bundle = self.directory / f"{tree}-{who}"
        bundle.mkdir(exist_ok=True)
        if user:
            os.chown(bundle, user.pw_uid, user.pw_gid)
        subprocess.run([self.options.make_rootfs, tree, bundle / "rootfs", *([user.pw_name] if user else [])], check=True)
        return Contained(self.litebox, bundle, user)
