#!/usr/bin/env python3
"""Runs programs of a Debian tree natively (a chroot, the oracle) and in a container, and compares what they print and return.

    userland.py --litebox BUILD/litebox --make-rootfs packaging/make-rootfs --variant debian --as root|user

The container of --as user belongs to an ordinary user who is uid 0 inside, on a host that allows no user namespace
(user.max_user_namespaces is 0: see without_user_namespaces). Needs root: for the chroot, and to become that user.
"""
import argparse
import ctypes
import json
import os
import pathlib
import pwd
import shutil
import subprocess
import sys
import tempfile

CAPABILITIES = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID",
                "CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL",
                "CAP_AUDIT_WRITE"]
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

PYTHON_SUBPROCESS = """
import subprocess, os
done = subprocess.run(["sh", "-c", "echo out; echo err >&2; exit 3"], capture_output=True, text=True)
print(done.returncode, done.stdout, done.stderr)
print(subprocess.check_output("seq 1 5 | tac | tr '\\n' ' '", shell=True, text=True))
child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
print(child.communicate(b"through a pipe")[0])
print(os.WEXITSTATUS(os.system("exit 9")), os.popen("echo popen").read())
"""
PYTHON_THREADS = """
import threading, queue
results = queue.Queue()
threads = [threading.Thread(target=lambda n=n: results.put(n * n)) for n in range(50)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(sorted(results.get() for _ in threads))
lock, count = threading.Lock(), 0
def add():
    global count
    for _ in range(2000):
        with lock: count += 1
threads = [threading.Thread(target=add) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(count)
"""
PYTHON_MULTIPROCESSING = """
import multiprocessing, sys
def work(n): return n * n
if __name__ == "__main__":
    for method in ("fork", "spawn"):
        with multiprocessing.get_context(method).Pool(2) as pool:
            print(method, pool.map(work, range(10)))
"""
PYTHON_MODULES = """
import ssl, sqlite3, tempfile, hashlib, os, socket, json, select, signal, time
print(ssl.OPENSSL_VERSION.split()[0], hashlib.sha256(b"litebox").hexdigest())
with tempfile.TemporaryDirectory() as directory:
    path = os.path.join(directory, "x.db")
    db = sqlite3.connect(path)
    db.execute("create table t (a int, b text)")
    db.executemany("insert into t values (?, ?)", [(n, str(n)) for n in range(1000)])
    db.commit()
    print(db.execute("select sum(a), count(*) from t").fetchone())
    db.close()
    print(sorted(os.listdir(directory)))
with tempfile.NamedTemporaryFile("w+") as f:
    f.write("temporary"); f.flush(); f.seek(0); print(f.read())
a, b = socket.socketpair()
a.send(b"pair"); print(b.recv(10))
signal.signal(signal.SIGALRM, lambda *_: print("alarm"))
signal.setitimer(signal.ITIMER_REAL, 0.05); time.sleep(0.2)
print(os.stat("/").st_mode, os.getcwd(), os.umask(0o22))
"""
PYTHON_TERMINAL = """
import fcntl, os, time
child = os.fork()
if child == 0:
    master = os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY)
    fcntl.ioctl(master, 0x40045431, bytes(4))  # TIOCSPTLCK
    slave = fcntl.ioctl(master, 0x5441, os.O_RDWR)  # TIOCGPTPEER
    print(os.isatty(slave), flush=True)
    os.close(slave)
    os.close(master)  # hangs up
    os._exit(0)
print(os.waitpid(child, 0)[1])
time.sleep(0.2)
print(os.path.exists("/etc/passwd"))
"""
BASH_LOOPS = """
for i in $(seq 1 20); do echo $i | sed s/1/one/ | tr a-z A-Z; done
cat <<HERE | sort -r
banana
apple
HERE
cat <<< "a here string"
(sleep 0.1; exit 4) & wait $!; echo waited $?
f() { local x=$1; echo f $x; return 5; }; f y; echo $?
diff <(echo a) <(echo b); echo $?
exec 5> /tmp/fd5; echo into five >&5; exec 5>&-; cat /tmp/fd5; rm /tmp/fd5
trap 'echo got usr1' USR1; kill -USR1 $$; echo after
true | false | true; echo ${PIPESTATUS[*]}
echo *.nothing /etc/pass*; set -o pipefail; false | true; echo $?
for i in 1 2 3; do { sleep 0.$i; echo $i; } & done; wait
ulimit -n 100; ulimit -n; type -t cd; printf '%s\\n' {a..e}
"""
FILES = """
set -e
d=/tmp/files; mkdir $d; cd $d
mkdir -p a/b/c; touch a/b/c/f; ln -s a/b link; ln a/b/c/f hard; mkfifo fifo
stat -c '%n %F %a %h %s' a a/b/c/f link hard fifo
cd link; pwd; pwd -P; cd ..; pwd
chmod 640 hard; stat -c %a a/b/c/f; chmod u+s,g+s hard; stat -c %a hard
chown 5:6 hard; stat -c %u:%g a/b/c/f; cp -a a copy; stat -c %u:%g copy/b/c/f
mv a moved; ls -R; rm -r moved; ls -l link | cut -d' ' -f1; readlink -f copy/../copy/b
echo data > file; cat < file; echo more >> file; wc -c file; truncate -s 100 file; stat -c %s file; dd if=file bs=10 count=1 2>/dev/null | head -c 4
cat fifo & echo through > fifo; wait
rmdir copy 2>&1 | sed 's/.*: //' || true; mkdir ro; chmod 555 ro; touch ro/x; ls ro
tar cf t.tar copy; mkdir out; tar xf t.tar -C out; find out | sort; cmp copy/b/c/f out/copy/b/c/f && echo same
umask 077; touch private; stat -c %a private; touch -d 2001-02-03 private; stat -c %y private
cd /; rm -rf $d; ls $d 2>&1
"""
GCC = """
cd /tmp && cat > t.c <<'C'
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
static void* f(void* p) { return (char*)p + 1; }
int main(int argc, char** argv) {
  pthread_t t; void* r;
  pthread_create(&t, 0, f, argv); pthread_join(t, &r);
  printf("%d %s %d\\n", argc, argv[1], r == (char*)argv + 1); return 42; }
C
gcc -O2 t.c -o t && ./t argument; echo $?; gcc -static t.c -o ts && ./ts static; echo $?; rm t t.c ts
"""
PERL = r"""
$SIG{CHLD} = sub { }; my $pid = fork; if (!$pid) { exec "sh", "-c", "exit 6" } waitpid $pid, 0; print $? >> 8, "\n";
open my $f, "-|", "ls /etc/passwd" or die; print <$f>; close $f;
opendir my $d, "/usr/bin"; my @n = grep { /^perl$/ } readdir $d; print "@n\n";
print join(",", map { $_ * 2 } 1 .. 5), "\n"; local $| = 1; print `echo back`; pipe my $r, my $w; print $w "x\n"; close $w; print <$r>;
"""

# Every column that does not tell the time; ids by the order of their appearance, since inside they are the host's. ps
# writes into a file: which programs of a pipeline it sees beside itself is chance.
PS = r"""
sleep 30 & sleep 31 | sleep 32 & setsid sleep 33 &
cd /; while [ "$(pgrep -c sleep)" -lt 4 ]; do sleep 0.05; done
ps -ef > /tmp/processes
sed 1d /tmp/processes | grep -v 'sleep 0.05' | awk '{ print $1, $6, $8, $9, $10 }' | sort
ps -e -o pid,ppid,pgid,sid,tty,stat,user,nlwp,comm,args > /tmp/processes
sed 1d /tmp/processes | grep 'sleep 3' |
  awk 'function id(p) { if (!(p in seen)) seen[p] = ++n; return seen[p] }
       { print id($2), id($1), id($3), id($4), $5, $6, $7, $8, $9, $10, $11 }'
ps -p 1 -o pid=,pgid=,sid=,comm= | awk '{ print $1, $2, $3, $4 }'
kill $(pgrep sleep); wait; rm /tmp/processes
"""
NODE = """
const fs = require('fs'), { execSync, spawnSync, fork } = require('child_process'), net = require('net'), os = require('os');
const { Worker, isMainThread, parentPort } = require('worker_threads');
if (process.argv[2] === 'child') { process.on('message', m => { process.send(m * 2); process.disconnect(); }); return; }
if (!isMainThread) { parentPort.postMessage('worker ' + 6 * 7); return; }
console.log(execSync('echo sub; id -u').toString(), spawnSync('sh', ['-c', 'exit 3']).status);
fs.mkdirSync('/tmp/n/a', { recursive: true }); fs.writeFileSync('/tmp/n/a/f', 'text'); fs.renameSync('/tmp/n/a/f', '/tmp/n/g');
console.log(fs.readFileSync('/tmp/n/g', 'utf8'), fs.readdirSync('/tmp/n'), fs.statSync('/tmp/n/g').size, os.hostname().length > 0);
new Worker(__filename).on('message', m => { console.log(m);
  const child = fork(__filename, ['child']); child.on('message', m => { console.log('child', m);
    const server = net.createServer(c => c.pipe(c)).listen('/tmp/n/s', () => {
      const c = net.connect('/tmp/n/s', () => c.end('echoed')); c.on('data', d => console.log(String(d)));
      c.on('close', () => server.close(() => { fs.rmSync('/tmp/n', { recursive: true }); process.kill(process.pid, 'SIGTERM'); }));
    }); }); child.send(21); });
process.on('SIGTERM', () => { console.log('terminated'); process.exit(9); });
"""

DEBIAN = {
    "pid": ["sh", "-c", "echo hello; exit 7"],
    "bash": ["bash", "-c", BASH_LOOPS],
    "python_subprocess": ["python3", "-c", PYTHON_SUBPROCESS],
    "python_threads": ["python3", "-c", PYTHON_THREADS],
    "python_multiprocessing": ["sh", "-c", f"cat > /tmp/m.py <<'P'\n{PYTHON_MULTIPROCESSING}\nP\npython3 /tmp/m.py; rm /tmp/m.py"],
    "python_modules": ["python3", "-c", PYTHON_MODULES],
    "terminal_hangs_up": ["python3", "-c", PYTHON_TERMINAL],
    "perl": ["perl", "-e", PERL],
    "files": ["bash", "-c", FILES],
    "gcc": ["bash", "-c", GCC],
    "tar_of_usr": ["bash", "-c", "tar -C / -cf - --sort=name usr/bin usr/lib/python3 2>/dev/null | sha256sum"],
    "find": ["bash", "-c", "find / -xdev -path /proc -prune -o -path /sys -prune -o -path /dev -prune -o -path /tmp -prune "
                           "-o -printf '%p %y %m %U:%G\\n' | sort | sha256sum"],
    "sort_100MB": ["bash", "-c", "seq 1 13000000 | head -c 100000000 | sort -S 40M -T /tmp | md5sum"],
    "scripts": ["bash", "-c", "cd /tmp; printf '#!/bin/bash -e\\necho $0 $1\\n' > s; chmod +x s; ./s x; printf '#!/tmp/s\\n' > n; "
                              "chmod +x n; ./n 2>&1; echo $?; printf '#!/nope\\n' > m; chmod +x m; ./m 2>/dev/null; echo $?; "
                              "printf 'echo plain $0' > p; chmod +x p; ./p; rm s n m p"],
    "signals": ["bash", "-c", "sleep 100 & p=$!; kill -STOP $p; kill -CONT $p; kill -TERM $p; wait $p; echo $?; "
                              "timeout -s KILL 0.2 sleep 5; echo $?; sh -c 'kill -SEGV $$' 2>/dev/null; echo $?"],
    "ps": ["bash", "-c", PS],
    "sqlite": ["bash", "-c", "sqlite3 /tmp/s.db 'create table t(a); insert into t values(1),(2); select sum(a) from t'; rm /tmp/s.db"],
}
BUSYBOX = {
    "sh": ["sh", "-c", "for i in 1 2 3; do echo $i | sed s/1/one/; done; (exit 3) & wait $!; echo $?; cat <<X\nhere\nX"],
    "files": ["sh", "-c", "cd /tmp; mkdir d; touch d/f; ln -s f d/l; chown 5:6 d/f; ls -ln d | awk '{print $1,$3,$4,$9}'; rm -r d"],
    "find": ["sh", "-c", "find / -xdev -path /proc -prune -o -path /sys -prune -o -path /dev -prune -o -print | sort | md5sum"],
    "sort": ["sh", "-c", "seq 1 100000 | sort -r | md5sum"],
    "awk": ["sh", "-c", "awk 'BEGIN { \"date +%Y\" | getline y; print (y > 2000) }'; exit 5"],
}
NODE_JS = {
    "node": ["sh", "-c", f"cat > /tmp/n.js <<'N'\n{NODE}\nN\nnode /tmp/n.js; echo $?; rm /tmp/n.js"],
    "modules": ["node", "-e", "console.log(require('zlib').gzipSync('x'.repeat(1e6)).length, "
                              "require('crypto').createHash('sha256').update('litebox').digest('hex'), process.pid > 0)"],
}
GO = {  # the program of tests/programs/userland.go, a static executable in the busybox tree
    "go": ["/bin/userland-go"],
}
CASES = {"debian": DEBIAN, "busybox": BUSYBOX, "node": NODE_JS, "go": GO}


def config(args):
    return {
        "ociVersion": "1.0.2",
        "process": {"user": {"uid": 0, "gid": 0}, "args": args, "env": [f"PATH={PATH}", "HOME=/root", "LC_ALL=C"], "cwd": "/",
                    "capabilities": {kind: CAPABILITIES for kind in ("bounding", "effective", "permitted")}},
        "root": {"path": "rootfs"},
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=65536k"]},
            {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
             "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
            {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "nodev", "mode=1777"]},
            {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
        ],
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts", "network")]},
    }


class Native:
    """A chroot with the file systems that programs expect, in a mount namespace of the test's own."""

    def __init__(self, root):
        self.root = root
        unshare(0x00020000)  # CLONE_NEWNS: the oracle's mounts must not be seen by the host
        for command in (["mount", "--make-rprivate", "/"], ["mount", "-t", "proc", "proc", root / "proc"],
                        ["mount", "--bind", "/dev", root / "dev"], ["mount", "--bind", "/dev/pts", root / "dev/pts"],
                        ["mount", "-t", "sysfs", "sysfs", root / "sys"],
                        ["mount", "-t", "tmpfs", "tmpfs", root / "dev/shm"]):
            subprocess.run(command, check=True)

    def run(self, args, own_pids=False):
        def enter():
            os.setsid()
            if own_pids:
                return
            os.chroot(self.root)
            os.chdir("/")
            os.umask(0o22)
        if own_pids:  # what ps shows is comparable only where nobody else is
            args = ["unshare", "--pid", "--fork", f"--mount-proc={self.root}/proc", "setsid", "chroot", self.root, *args]
        return subprocess.run(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=240,
                              check=False, preexec_fn=enter, env={"PATH": PATH, "HOME": "/root", "LC_ALL": "C"},
                              executable=None if own_pids else self.find(args[0]))

    def find(self, name):
        if "/" in name:
            return name
        for directory in PATH.split(":"):
            if os.path.lexists(str(self.root) + directory + "/" + name):
                return directory + "/" + name
        raise FileNotFoundError(name)


LIBC = ctypes.CDLL(None, use_errno=True)


def unshare(flags):
    if LIBC.unshare(flags) != 0:
        sys.exit("userland.py: unshare: " + os.strerror(ctypes.get_errno()))


def without_user_namespaces(user, command):
    """Runs a command as `user` where user.max_user_namespaces is 0, and returns its status. The limit of the machine itself is
    not the test's to change; that of a user namespace in which every id is itself, is."""
    ready, ready_write = os.pipe()
    mapped_read, mapped = os.pipe()
    child = os.fork()
    if child == 0:
        unshare(0x10000000)  # CLONE_NEWUSER
        os.write(ready_write, b"x")
        os.read(mapped_read, 1)
        pathlib.Path("/proc/sys/user/max_user_namespaces").write_text("0")
        os.setgroups([])
        os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
        os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
        if LIBC.unshare(0x10000000) == 0:
            sys.exit("userland.py: a user namespace could be made")
        for fd in (ready, ready_write, mapped_read, mapped):
            os.close(fd)
        os.execv(command[0], command)
    os.read(ready, 1)
    for ids in ("uid_map", "gid_map"):
        pathlib.Path(f"/proc/{child}/{ids}").write_text("0 0 4294967295")
    os.write(mapped, b"x")
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class Contained:
    def __init__(self, litebox, bundle, user):
        self.litebox, self.bundle, self.user, self.count = litebox, bundle, user, 0

    def run(self, args):
        self.count += 1
        (self.bundle / "config.json").write_text(json.dumps(config(args)))
        command = [self.litebox, "--root", self.bundle / "state", "run", "--bundle", self.bundle,
                   f"userland-{os.getpid()}-{self.count}"]
        if self.user is not None:
            command = [sys.executable, __file__, "--become", self.user.pw_name, *command]
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=240,
                              check=False, env={"PATH": PATH, "XDG_RUNTIME_DIR": str(self.bundle)})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--litebox", required=True, type=pathlib.Path)
    parser.add_argument("--make-rootfs", required=True, type=pathlib.Path)
    parser.add_argument("--variant", choices=list(CASES), required=True)
    parser.add_argument("--as", dest="who", choices=["root", "user"], required=True)
    parser.add_argument("--only", help="one case")
    parser.add_argument("--go-program", type=pathlib.Path, help="the executable of --variant go")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("userland.py: the native half is a chroot and needs root")
    user = pwd.getpwnam("nobody") if options.who == "user" else None
    directory = pathlib.Path(tempfile.mkdtemp(prefix="litebox-userland-"))
    failures = []
    try:
        directory.chmod(0o755)
        litebox = directory / "litebox"  # the build may lie where only root may look
        shutil.copy(options.litebox, litebox)
        native_root = directory / "native"
        bundle = directory / "bundle"
        bundle.mkdir()
        tree = "busybox" if options.variant == "go" else options.variant
        subprocess.run([options.make_rootfs, tree, native_root], check=True)
        subprocess.run([options.make_rootfs, tree, bundle / "rootfs", *([user.pw_name] if user else [])], check=True)
        if options.variant == "go":
            for root in (native_root, bundle / "rootfs"):
                shutil.copy(options.go_program, root / "bin/userland-go")
        if user:
            os.chown(bundle, user.pw_uid, user.pw_gid)
        contained = Contained(litebox, bundle, user)
        native = Native(native_root)
        for name, args in CASES[options.variant].items():
            if options.only not in (None, name):
                continue
            expected = native.run(args, own_pids=name == "ps")
            try:
                seen = contained.run(args)
            except subprocess.TimeoutExpired:
                failures.append(f"{name}: hangs")
                continue
            if expected.returncode < 0:  # subprocess's word for a signal; a container's status is the shell's
                expected.returncode = 128 - expected.returncode
            if (expected.returncode, expected.stdout) == (seen.returncode, seen.stdout):
                print(f"same: {name} (status {seen.returncode}, {len(seen.stdout)} bytes)", flush=True)
            else:
                failures.append(f"{name}: natively {expected.returncode}, {expected.stdout!r}, {expected.stderr!r}\n"
                                f"  in litebox {seen.returncode}, {seen.stdout!r}, {seen.stderr!r}")
        seen = contained.run(["sh", "-c", "echo $$"])
        if seen.stdout != b"1\n":
            failures.append(f"$$ is {seen.stdout!r}, not 1: {seen.stderr!r}")
        first = contained.run(["sh", "-c", "touch /f && chown 5:6 /f && stat -c %u:%g /f"])
        then = contained.run(["stat", "-c", "%u:%g", "/f"])
        if (first.stdout, then.stdout) != (b"5:6\n", b"5:6\n"):
            failures.append(f"chown 5:6: {first.stdout!r}, in the next container {then.stdout!r}")
    finally:
        subprocess.run(["umount", "-R", directory / "native/proc", directory / "native/dev", directory / "native/sys"],
                       stderr=subprocess.DEVNULL, check=False)
        subprocess.run(["rm", "-rf", "--one-file-system", directory], check=False)
    for failure in failures:
        print("DIFFERS: " + failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--become"]:
        sys.exit(without_user_namespaces(pwd.getpwnam(sys.argv[2]), sys.argv[3:]))
    sys.exit(main())
