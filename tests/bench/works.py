"""What bench.py has done by every peer: operations of a static program in a tree of its own, and whole commands."""
import dataclasses
import os
import pathlib
import shutil
import subprocess

MICRO = ["getpid", "gettid", "getppid", "uname", "stat", "missing", "open_close", "open_read_close", "readlink", "create_unlink", "walk", "read", "pipe",
         "unix_ping", "tcp_ping", "futex_ping", "mmap_touch", "signal", "thread", "fork_exit", "fork_exec", "vfork_exec", "posix_spawn"]
# Of these, what a process costs that is not the first of its container.
AS_CHILD = ["signal", "thread", "fork_exit", "vfork_exec"]
# What Debian's tree is asked for.
COMMANDS = {
    "300 execs": "i=0; while [ $i -lt 300 ]; do /bin/true; i=$((i+1)); done",
    "perl": "perl -e 'use POSIX; use File::Find; use Data::Dumper; print 1'",
    "find": "find /usr -type f -name '*.so*' | wc -l",
    "ls": "ls -R /usr | wc -l",
    "grep": "grep -rl litebox /usr/share/doc; true",
    "tar": "tar c /usr/share | wc -c",
    "cp": "cp -a /usr/share/doc /tmp/doc; rm -r /tmp/doc",
}
# What a tree with compilers, interpreters and servers is asked for, and how it is made ready, once, for all peers. A command that
# says itself when it begins and ends has its work timed without what comes before and after.
SOFTWARE = {
    "python3": "python3 -c pass",
    "500 imports": "cd /srv/bench/modules; python3 -B -c 'import every'",
    "node": "node -e 0",
    "npm ci": "cd /srv/bench/npm; cp -r app again; cd again; begin; npm ci --offline --cache /tmp/npm; end; rm -rf ../again /tmp/npm; [ $ok = 1 ]",
    "git status": "cd /srv/bench/repository; git status --short | wc -l",
    "gcc": "cd /srv/bench/sources; for i in $(seq 20); do gcc -O1 -c f$i.c -o /dev/null; done",
    "sqlite": "rm -f /tmp/bench.db; sqlite3 /tmp/bench.db < /srv/bench/transactions.sql",
    # Without fsync: what is compared is not the disk. 1000 transactions.
    "postgres": """cd /srv/bench/postgres; runuser -u postgres -- $PG/pg_ctl -D data -l /srv/bench/postgres/log -w start
        begin; runuser -u postgres -- $PG/pgbench -h /srv/bench/postgres -n -c 4 -t 250 bench; end
        runuser -u postgres -- $PG/pg_ctl -D data -m fast -w stop; [ $ok = 1 ]""",
    # 3000 requests, each with a connection of its own; then as many on ten connections.
    "nginx": "serve; begin; ab -q -n 3000 -c 10 http://127.0.0.1:18181/small; end; leave; [ $ok = 1 ]",
    "nginx, kept": "serve; begin; ab -q -k -n 3000 -c 10 http://127.0.0.1:18181/small; end; leave; [ $ok = 1 ]",
}
FOR_USERS = ["python3", "500 imports", "node", "git status", "gcc"]  # in a tree that is not theirs
# Prints the nanoseconds of the command's own work. bash has a clock.
TIMED = r"""
exec 3>&1 > /dev/null
PATH=$PATH:/usr/sbin; ok=0; took=; PG=$(echo /usr/lib/postgresql/*/bin)
begin() { from=${EPOCHREALTIME/./}; }
end() { [ $? = 0 ] && ok=1; took=$((${EPOCHREALTIME/./} - from))000; }
serve() { nginx -c /srv/bench/nginx/conf; for i in $(seq 500); do curl -s -o /dev/null http://127.0.0.1:18181/small && return; sleep 0.01; done; exit 1; }
leave() { nginx -c /srv/bench/nginx/conf -s quit; for i in $(seq 500); do [ -e /srv/bench/nginx/pid ] || return; sleep 0.01; done; exit 1; }
begin
"""
MAKE_READY = r"""
set -e; rm -rf /srv/bench; mkdir -p /srv/bench/modules /srv/bench/sources /srv/bench/repository; cd /srv/bench
for i in $(seq 500); do echo "value = $i" > modules/module$i.py; echo "import module$i"; done > modules/every.py
for i in $(seq 20); do printf '#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\nint f%d(int n) { return printf("%%d", n); }\n' $i; done > all
split -l 4 --numeric-suffixes=1 -a 2 all part; for i in $(seq 20); do mv part$(printf %02d $i) sources/f$i.c; done
cd repository; export HOME=/srv/bench; git init -q; for d in $(seq 100); do mkdir $d; (cd $d; touch $(seq 200)); done
git add -A; git -c user.name=x -c user.email=x commit -q -m x; git config --system --replace-all safe.directory '*'; git config core.checkStat minimal; sleep 1.1; git status > /dev/null
cd ..; (for i in $(seq 200); do if [ $i = 1 ]; then echo 'create table t(a, b);'; fi; echo "insert into t values($i, 'x');"; done) > transactions.sql

mkdir -p npm/app npm/archives; cd npm
for i in $(seq 20); do
  mkdir -p package/lib; echo "{\"name\": \"m$i\", \"version\": \"1.0.0\"}" > package/package.json
  for n in $(seq 30); do echo "module.exports = $n;" > package/lib/$n.js; done
  tar czf archives/m$i.tgz package; rm -r package
done
cd app; echo '{"name": "app", "version": "1.0.0"}' > package.json
npm install --silent --offline --cache /tmp/npm ../archives/*.tgz; rm -r node_modules /tmp/npm
cd /srv/bench

mkdir nginx; echo small > nginx/small
cat > nginx/conf <<C
worker_processes 2; pid /srv/bench/nginx/pid; error_log /srv/bench/nginx/errors;
events { worker_connections 512; }
http { access_log off; server { listen 127.0.0.1:18181; root /srv/bench/nginx; } }
C

install -d -o postgres -g postgres postgres; cd postgres
PG=$(echo /usr/lib/postgresql/*/bin); as() { runuser -u postgres -- "$@" > /dev/null; }
as $PG/initdb --auth=trust -D data
printf "unix_socket_directories = '/srv/bench/postgres'\nlisten_addresses = ''\nfsync = off\nautovacuum = off\ndynamic_shared_memory_type = mmap\n" >> data/postgresql.conf
as $PG/pg_ctl -D data -l log -w start; as $PG/createdb -h /srv/bench/postgres bench; as $PG/pgbench -h /srv/bench/postgres -q -i bench 2>/dev/null
as $PG/pg_ctl -D data -m fast -w stop
"""
WALK_DIRECTORIES, WALK_FILES = 100, 100


@dataclasses.dataclass
class Work:
    root: pathlib.Path
    args: list
    prints: bool = True    # nanoseconds, of each batch
    whole: bool = False    # what is measured from outside counts, too
    for_users: bool = False


def make_small_tree(root, programs):
    for name in ["bin", "etc", "dev", "proc", "sys", "tmp"]:
        (root / name).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    shutil.copy("/bin/busybox", root / "bin/busybox")
    for applet in ["sh", "true", "cat", "sleep"]:
        os.symlink("busybox", root / "bin" / applet)
    for program in programs:
        shutil.copy(program, root / "bin")
    (root / "etc/hostname").write_text("bench\n")
    os.symlink("/bin/true", root / "link")
    os.mknod(root / "dev/zero", 0o666 | 0o020000, os.makedev(1, 5))


def make_walk(root):
    for i in range(WALK_DIRECTORIES):
        (root / f"walk/{i}").mkdir(parents=True)
        for j in range(WALK_FILES):
            (root / f"walk/{i}/{j}").touch()


def make_ready(software):
    """With /proc and /dev."""
    subprocess.run(["chroot", software, "/bin/bash", "-c", MAKE_READY], check=True)


def works_of(small, software, tree, only):
    """By name: all, or only these. What needs a tree that is None is left out."""
    def timed(root, commands):
        return {name: Work(root, ["/bin/bash", "-c", f"{TIMED}{{ {text}\n}} || exit 1; [ $took ] || end; echo $took >&3"], whole=True,
                           for_users=name in FOR_USERS) for name, text in commands.items()}

    works = {"run true": Work(small, ["/bin/true"], prints=False, whole=True, for_users=True)}
    works.update({name: Work(small, ["/bin/micro", name, "3"], for_users=True) for name in MICRO})
    works.update({f"{name}, child": Work(small, ["/bin/sh", "-c", f"/bin/micro {name} 3; :"], for_users=True) for name in AS_CHILD})
    if software is not None:
        works.update(timed(software, SOFTWARE))
    if tree is not None:
        works.update(timed(tree, COMMANDS))
    return {name: work for name, work in works.items() if not only or name in only}
