#!/usr/bin/env python3
"""Runs strace and gdb natively (a chroot, the oracle) and in a container, and compares what they show and return.

    debuggers.py --litebox BUILD/litebox --make-rootfs packaging/make-rootfs --as root|user

What may differ between two runs on Linux is taken out of both outputs: addresses, ids, and the calls whose number depends on
the scheduler. Needs root: for the chroot, and to become the user.
"""
import argparse
import os
import pathlib
import pwd
import re
import shutil
import subprocess
import sys
import tempfile

import userland

# The calls of each process in order, without those that depend on who runs first.
NAMES = r"""
import re, sys
calls, order = {}, []
for line in open("/tmp/trace"):
    pid, rest = re.match(r"(\d+) +(.*)", line).groups()
    if pid not in calls:
        calls[pid] = []
        order.append(pid)
    name = re.match(r"(\w+)\(", rest)
    if name and name.group(1) not in ("wait4", "rt_sigreturn"):
        calls[pid].append(name.group(1))
    elif rest.startswith("+++"):
        calls[pid].append(rest)
for pid in sorted(order, key=lambda pid: (len(calls[pid]), calls[pid])):
    print(len(calls[pid]), " ".join(calls[pid]))
"""
PROGRAM = r"""
#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
int value;
void in_child(int number) { value = number; }
void* in_thread(void* argument) {
  value = 7;
  return argument;
}
int main(void) {
  const pid_t child = fork();
  if (child == 0) {
    in_child(5);
    _exit(value);
  }
  int status;
  waitpid(child, &status, 0);
  pthread_t thread;
  pthread_create(&thread, 0, in_thread, 0);
  pthread_join(thread, 0);
  printf("child %d value %d\n", WEXITSTATUS(status), value);
  return 0;
}
"""
LOOP = r"""
#include <unistd.h>
volatile int counter;
void spin(void) {
  while (1) {
    ++counter;
    usleep(1000);
  }
}
int main(void) { spin(); }
"""
GDB = "gdb -nx -q -batch -iex 'set debuginfod enabled off' -ex 'set confirm off'"
PREPARE = (f"cd /tmp; cat > program.c <<'C'\n{PROGRAM}\nC\ncat > loop.c <<'C'\n{LOOP}\nC\n"
           "gcc -g -O0 program.c -o program -pthread; gcc -g -O0 loop.c -o loop\n")

CASES = {
    "follow": f"strace -f -o /tmp/trace bash -c 'ls /etc | wc -l' > /dev/null; echo $?\npython3 - <<'P'\n{NAMES}\nP",
    "execute": f"strace -f -o /tmp/trace sh -c 'cd /; true; /bin/true; exec env -i /bin/false'; echo $?\npython3 - <<'P'\n{NAMES}\nP",
    "count": "strace -c -o /tmp/count cat /etc/passwd > /dev/null; echo $?; "
             "awk '$4 ~ /^[0-9]+$/ { print $NF, $4 }' /tmp/count | sort",
    "inject": "strace -o /dev/null -e trace=openat -e inject=openat:error=EACCES:when=3 cat /etc/passwd > /dev/null; echo $?; "
              "strace -o /tmp/trace -e inject=getuid:retval=77 id -u; grep INJECTED /tmp/trace | sort -u; "
              "strace -o /dev/null -e inject=write:signal=SIGUSR1:when=1 echo text; echo $?",
    "attach": "sleep 100 & p=$!; sleep 0.3; timeout 1 strace -p $p 2> /tmp/trace; grep -c nanosleep /tmp/trace; "
              "grep TracerPid /proc/$p/status; kill $p; wait $p; echo $?",
    "traced": "strace -o /dev/null sh -c 'grep TracerPid /proc/self/status' | awk '{ print $1, ($2 > 0) }'",
    "breakpoint": f"{GDB} -ex 'break in_child' -ex 'set follow-fork-mode child' -ex run -ex bt -ex 'print number' -ex finish "
                  "-ex 'print value' -ex continue ./program",
    "thread": f"{GDB} -ex 'break in_thread' -ex run -ex 'bt 1' -ex 'info threads' -ex 'print value' -ex next -ex 'print value' "
              "-ex continue ./program",
    "both": f"{GDB} -ex 'set detach-on-fork off' -ex 'set schedule-multiple on' -ex 'catch fork' -ex run -ex 'info inferiors' "
            "-ex 'kill inferiors 2' -ex kill ./program | sed 's/process [0-9]* */process N /'",
    "watch": f"{GDB} -ex 'break main' -ex run -ex 'watch value' -ex continue -ex 'bt 1' -ex kill ./program",
    "attach_gdb": f"./loop & p=$!; sleep 0.3; {GDB} -ex 'break spin' -ex bt -ex 'print counter > 0' -ex 'generate-core-file /tmp/core' "
                  "-ex detach -p $p | grep -E 'spin|main|Saved|[$]'; kill $p; wait $p; echo $?; "
                  f"{GDB} -ex bt -ex 'print counter > 0' ./loop /tmp/core | grep -E 'spin|main|[$]'; rm -f /tmp/core",
}
DIFFERS = [
    # Where another thread is just then: still in clone3(2), which litebox has the C library do by clone(2), or waiting.
    (re.compile(r'("program") 0x[0-9a-f]+ in .* from /lib\S+'), r"\1 in the C library"),
    (re.compile(r"0x[0-9a-f]+"), "ADDRESS"),
    (re.compile(r"(LWP|process|Thread|pid|inferior \d+ \(process) \d+"), r"\1 N"),
    (re.compile(r"\[(New|Detaching|Attaching|Inferior|Thread|Switching).*\n"), ""),
    (re.compile(r"^(warning: |Using host|\[Thread debugging|Download|__GI|\d+\s+\.\./).*\n", re.MULTILINE), ""),
]


def shown(done):
    text = done.stdout.decode(errors="replace")
    for pattern, replacement in DIFFERS:
        text = pattern.sub(replacement, text)
    return done.returncode, text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--litebox", required=True, type=pathlib.Path)
    parser.add_argument("--make-rootfs", required=True, type=pathlib.Path)
    parser.add_argument("--as", dest="who", choices=["root", "user"], required=True)
    parser.add_argument("--only", help="one case")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("debuggers.py: the native half is a chroot and needs root")
    user = pwd.getpwnam("nobody") if options.who == "user" else None
    directory = pathlib.Path(tempfile.mkdtemp(prefix="litebox-debuggers-"))
    failures = 0
    try:
        directory.chmod(0o755)
        litebox = directory / "litebox"  # the build may lie where only root may look
        shutil.copy(options.litebox, litebox)
        bundle = directory / "bundle"
        bundle.mkdir()
        subprocess.run([options.make_rootfs, "debuggers", directory / "native"], check=True)
        subprocess.run([options.make_rootfs, "debuggers", bundle / "rootfs", *([user.pw_name] if user else [])], check=True)
        if user:
            os.chown(bundle, user.pw_uid, user.pw_gid)
        native = userland.Native(directory / "native")
        contained = userland.Contained(litebox, bundle, user)
        for name, script in CASES.items():
            if options.only not in (None, name):
                continue
            command = ["bash", "-c", PREPARE + script]
            expected, actual = native.run(command), contained.run(command)
            if shown(expected) == shown(actual):
                print(f"{name}: same")
                continue
            failures += 1
            print(f"{name}: DIFFERENT\n--- native {shown(expected)[0]}\n{shown(expected)[1]}{expected.stderr.decode()}"
                  f"--- litebox {shown(actual)[0]}\n{shown(actual)[1]}{actual.stderr.decode()}", flush=True)
    finally:
        # The host's /dev is mounted there: never remove what lies on another file system.
        subprocess.run(["umount", "-R", directory / "native/proc", directory / "native/dev", directory / "native/sys"],
                       stderr=subprocess.DEVNULL, check=False)
        subprocess.run(["rm", "-rf", "--one-file-system", directory], check=False)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
