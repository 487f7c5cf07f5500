#!/usr/bin/env python3
"""How many of a program's system calls come from rewritten sites: of those whose sites are worth a trampoline (has_trampoline in
shim/rewrite/trampoline.cc), as the kernel sees them return.

    tests/bench/sites.py [--build BUILD] [--only PROGRAM ...] TREE

Runs in a container what the tree has of PROGRAMS, under perf, and prints for each program and each module of it the calls, and
which are from rewritten sites: from their trampolines, from the blob (execve), or from their own `syscall` where the kernel
could not say. The rest is named by module and call. What a trampoline answers without a call (clone3 of a thread) and what the
blob maps for ld.so is not counted. Needs root and perf.
"""
import argparse
import collections
import os
import pathlib
import re
import subprocess
import sys
import tempfile

from peers import Peer

CALLS = {2: "open", 4: "stat", 6: "lstat", 9: "mmap", 21: "access", 39: "getpid", 59: "execve", 89: "readlink", 102: "getuid", 104: "getgid",
         107: "geteuid", 108: "getegid", 110: "getppid", 186: "gettid", 217: "getdents64", 257: "openat", 262: "newfstatat", 267: "readlinkat",
         269: "faccessat", 332: "statx", 435: "clone3", 439: "faccessat2"}
FSTAT, READLINK, MMAP, EXECVE = 5, 89, 9, 59
MARK = 0x6c625e71 << 32  # shim/guest/abi.h
BLOB = 0x7ea000000000
AFTER_EXEC_CALL = BLOB + 0xe0
LONGEST_GAP = 16  # between a site's mov and its syscall (shim/rewrite/site.h)
# What the C library's syscall() and Go's two have before theirs, whose number is only known when it is made.
OF_ANY_NUMBER = (b"\x4c\x8b\x4c\x24\x08", b"\x48\x89\xce\x48\x89\xdf", b"\x48\x8b\x44\x24\x08")

JAVA = """public class Hello { public static void main(String[] a) throws Exception {
  var t = new Thread(() -> System.out.println("hello")); t.start(); t.join();
  try (var files = java.nio.file.Files.walk(java.nio.file.Path.of("/usr/lib/jvm"))) { System.out.println(files.count()); }
  System.out.println(new java.io.File("/etc/passwd").length() + " " + ProcessHandle.current().pid());
  System.out.println(new ProcessBuilder("/bin/true").start().waitFor()); } }"""
GO = """package main
import ("fmt"; "os"; "os/exec"; "path/filepath")
func main() { n := 0; filepath.Walk("/etc", func(string, os.FileInfo, error) error { n++; return nil })
  b, _ := os.ReadFile("/etc/passwd"); fmt.Println(n, len(b), os.Getpid(), os.Getuid(), exec.Command("/bin/true").Run()) }"""
# What must be there, and the smoke test.
PROGRAMS = {
    "coreutils": ("bin/ls", "ls -lR /etc; cp -r /etc/apt /tmp/sites; find /tmp/sites -type f | xargs cat; rm -r /tmp/sites; id; test -r /etc/passwd"),
    "busybox": ("bin/busybox", "busybox sh -c 'ls -lR /etc; find /etc -type f; cat /etc/passwd; id; stat /etc; busybox true'"),
    "Python": ("usr/bin/python3", "python3 -c 'import os, json, subprocess; list(os.walk(\"/etc\")); os.getpid(); subprocess.run([\"/bin/true\"])'"),
    "Node": ("usr/bin/node", "node -e 'const fs = require(\"fs\"); fs.readdirSync(\"/etc\"); fs.statSync(\"/etc/passwd\"); fs.readFileSync(\"/etc/passwd\"); "
             "fs.promises.stat(\"/etc\"); require(\"child_process\").spawnSync(\"/bin/true\")'"),
    "go": ("usr/bin/go", "go version; go env"),
    "Go program": ("usr/bin/go", "/tmp/sites-go"),
    "java -version": ("usr/bin/java", "java -version"),
    "Java program": ("usr/bin/javac", "java -cp /tmp/sites-java Hello"),
    "javac": ("usr/bin/javac", "javac -d /tmp /tmp/sites-java/Hello.java; rm /tmp/Hello.class"),
}
MAKE_READY = {
    "Go program": f"mkdir -p /tmp/sites-source; cd /tmp/sites-source; echo '{GO}' > main.go; HOME=/tmp CGO_ENABLED=0 go build -o /tmp/sites-go main.go",
    "Java program": f"mkdir -p /tmp/sites-java; cd /tmp/sites-java; echo '{JAVA}' > Hello.java; javac Hello.java",
}
MADE = "/tmp/sites /tmp/sites-source /tmp/sites-go /tmp/sites-java"

SAMPLE = re.compile(r"(\d+)/(\d+)\s+[\d.]+: raw_syscalls:sys_exit: NR (\d+) = \S+ ABI:2 +DX:0x([0-9a-f]+) +IP:0x([0-9a-f]+)")
MAPPED = re.compile(r"PERF_RECORD_MMAP2 (\d+)/\d+: \[0x([0-9a-f]+)\(0x([0-9a-f]+)\) @ (\S+) (\S+) (\d+) \d+\]: \S+ (.*)")
FORKED = re.compile(r"PERF_RECORD_FORK\((\d+):\d+\):\((\d+):\d+\)")

Mapping = collections.namedtuple("Mapping", "begin end offset inode path")


class Calls:
    """What perf has seen of the guests, in order."""

    def __init__(self, tree):
        self.tree, self.maps, self.last, self.texts = tree, {}, {}, {}
        self.rewritten, self.asked, self.rest = (collections.Counter() for _ in range(3))  # by module and number

    def line(self, text):
        if found := MAPPED.search(text):
            pid, begin, size, offset, device, inode, path = found.groups()
            mapping = Mapping(int(begin, 16), int(begin, 16) + int(size, 16), int(offset, 16), f"{device}:{inode}", path)
            if mapping.begin == BLOB:  # a guest executes a program
                self.maps[pid] = []
            if pid in self.maps:
                self.maps[pid].insert(0, mapping)
        elif found := FORKED.search(text):
            if found[1] != found[2] and found[2] in self.maps:
                self.maps[found[1]] = list(self.maps[found[2]])
        elif (found := SAMPLE.search(text)) and found[1] in self.maps:
            self.call(found[1], found[2], int(found[3]), int(found[4], 16), int(found[5], 16))

    def call(self, pid, thread, number, third, address):
        mapping = next((m for m in self.maps[pid] if m.begin < address <= m.end), None)
        before, self.last[thread] = self.last.get(thread), None
        if mapping is None or mapping.begin == BLOB:
            if number == EXECVE and address == AFTER_EXEC_CALL:
                self.rewritten["blob", number] += 1
            return
        if mapping.path.startswith("/memfd:litebox-text:"):
            device_and_inode, trampolines = mapping.path.split(" ")[0].split(":", 2)[2].rsplit(":", 1)
            original = next((m for m in self.maps[pid] if m.inode == device_and_inode), mapping)
            module = pathlib.Path(original.path).name
            if mapping.offset == int(trampolines, 16):
                if number == READLINK and third == MARK:
                    number = 102  # or another of the ids
                elif number == FSTAT:
                    number = 262
                self.rewritten[module, number] += 1
                self.last[thread] = number
                return
            if self.is_worth_it(module, number) and self.is_site(original, address - mapping.begin + mapping.offset, number):
                asked_again = before is not None and (before == number or {before, number} <= {4, 6, 262} or {before, number} <= {102, 104, 107, 108})
                if number != MMAP:
                    self.asked[module, number] += 1
                if not asked_again:
                    self.rewritten[module, number] += 1
                return
        else:
            module = pathlib.Path(mapping.path).name
        if self.is_worth_it(module, number):
            self.rest[module, number] += 1

    @staticmethod
    def is_worth_it(module, number):
        return module.startswith("ld-") if number == MMAP else number != FSTAT

    def is_site(self, original, end, number):
        """Whether a rewritten page's `syscall` that ends here belongs to a site: behind a mov of its number, or of any."""
        if original.path not in self.texts:
            self.texts[original.path] = (self.tree / original.path.lstrip("/")).read_bytes()
        text = self.texts[original.path][max(end - 2 - LONGEST_GAP - 5, 0):end - 2]
        return b"\xb8" + number.to_bytes(4, "little") in text or text.endswith(OF_ANY_NUMBER)


def perf_of(litebox, tree, directory, name, script):
    peer = Peer("sites", [str(litebox)])
    filters = "||".join(f"id=={number}" for number in [FSTAT, *CALLS])
    data = directory / "perf.data"
    argv = peer.command(directory / "bundle", tree, ["/bin/bash", "-c", f"cd /tmp; {script}"])
    done = subprocess.run(["perf", "record", "-q", "-m", "16M", "-e", "raw_syscalls:sys_exit", "--filter", filters, "--user-regs=ip,dx", "-o", data, *argv],
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=300, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{name}: exit {done.returncode}: {done.stderr.decode(errors='replace')[-500:]}")
    calls = Calls(tree)
    with subprocess.Popen(["perf", "script", "-i", data, "--show-mmap-events", "--show-task-events", "-F", "comm,pid,tid,time,event,trace,uregs"],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, errors="replace") as printed:
        for line in printed.stdout:
            calls.line(line)
            if "LOST" in line:
                print(f"{name}: events were lost", file=sys.stderr)
    return calls


def named(counts):
    return ", ".join(f"{what} {count}" for what, count in counts.most_common(8))


def print_table(title, counts):
    print(f"| {title} | calls | from rewritten sites | share | of these the monitor was asked | the rest |")
    print("|---|---|---|---|---|---|")
    for name, (rewritten, asked, rest) in counts.items():
        total = sum(rewritten.values()) + sum(rest.values())
        if total == 0:
            continue
        print(f"| {name} | {total} | {sum(rewritten.values())} | {100 * sum(rewritten.values()) / total:.1f} % | {named(asked)} | {named(rest)} |")
    print()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tree", type=pathlib.Path)
    parser.add_argument("--build", default="build", type=pathlib.Path)
    parser.add_argument("--only", nargs="*", choices=list(PROGRAMS), metavar="PROGRAM")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("sites.py: perf and native paths need root")
    tree, programs, modules = options.tree.resolve(), {}, {}
    with tempfile.TemporaryDirectory(prefix="litebox-sites-") as temporary:
        for name, (needed, script) in PROGRAMS.items():
            if not (tree / needed).exists() or (options.only and name not in options.only):
                continue
            peer = Peer("sites", [str((options.build / "litebox").resolve())])
            if name in MAKE_READY:
                subprocess.run(peer.command(pathlib.Path(temporary) / "bundle", tree, ["/bin/bash", "-c", MAKE_READY[name]]),
                               stdin=subprocess.DEVNULL, timeout=300, check=True)
            calls = perf_of((options.build / "litebox").resolve(), tree, pathlib.Path(temporary), name, script)
            for index, seen in enumerate((calls.rewritten, calls.asked, calls.rest)):
                for (module, number), count in seen.items():
                    programs.setdefault(name, [collections.Counter() for _ in range(3)])[index][f"{module} {CALLS[number]}"] += count
                    modules.setdefault(module, [collections.Counter() for _ in range(3)])[index][CALLS[number]] += count
        subprocess.run(peer.command(pathlib.Path(temporary) / "bundle", tree, ["/bin/bash", "-c", f"rm -rf {MADE}"]),
                       stdin=subprocess.DEVNULL, timeout=300, check=True)
    print_table("program", programs)
    print_table("module, in all of them", modules)


if __name__ == "__main__":
    main()
