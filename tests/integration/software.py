#!/usr/bin/env python3
"""Real software inside, natively in a chroot and in a container: installs fifty Debian packages, and runs a database through a
crash. Takes minutes, and a Debian mirror the first time: run by hand, or in ctest with -DLITEBOX_SOFTWARE_TESTS=ON.

    software.py --litebox BUILD/litebox --make-rootfs packaging/make-rootfs --as root|user

Needs root: for the chroot, and to become the user.
"""
import argparse
import json
import os
import pathlib
import pwd
import shutil
import subprocess
import sys
import tempfile
import time

CAPABILITIES = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_SETGID", "CAP_SETUID",
                "CAP_SETFCAP", "CAP_SETPCAP", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE"]
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# With maintainer scripts that make users, run triggers, write alternatives and caches.
PACKAGES = """adduser apt-utils bc bind9-host bsdextrautils bzip2 cpio cron curl debconf-utils dialog dnsutils ed file
fonts-dejavu-core gettext-base git gnupg groff-base iputils-ping jq less lsb-release lsof man-db mc mime-support nano
netcat-openbsd nginx-light openssl patch perl psmisc python3-pip redis-server rsync screen sqlite3 ssl-cert strace sudo
tcpdump time tmux tree unzip vim-tiny wget whois xz-utils zip zsh""".split()

INSTALL = f"""
export DEBIAN_FRONTEND=noninteractive
apt-get install -y --no-download --no-install-recommends {' '.join(PACKAGES)} > /tmp/install.log 2>&1 || tail -40 /tmp/install.log
dpkg --audit; dpkg --verify 2>&1 | grep -v '/usr/share/\\(man\\|doc\\|locale\\|info\\)' | sort
dpkg-query --show --showformat '${{Package}} ${{Version}} ${{db:Status-Status}}\\n' | sort
getent passwd | sort; getent group | cut -d: -f1,3 | sort
find / -xdev \\( -path /proc -o -path /sys -o -path /dev -o -path /tmp \\) -prune -o -printf '%p %y %m %U %G %l\\n' |
  grep -v '^/var/\\(cache\\|log\\)\\|^/etc/ssl\\|__pycache__\\|\\.pyc' | sort | md5sum
"""

DATABASE = """
cd /tmp
export PATH=$PATH:$(echo /usr/lib/postgresql/*/bin) PGDATA=/tmp/data LC_ALL=C
initdb --auth=trust > /tmp/initdb.log 2>&1 || tail -20 /tmp/initdb.log
echo "unix_socket_directories = '/tmp'" >> $PGDATA/postgresql.conf
echo "listen_addresses = ''" >> $PGDATA/postgresql.conf
export PGHOST=/tmp
pg_ctl -w -t 120 -l /tmp/log start > /dev/null || tail /tmp/log
createdb bench
pgbench -q -i -s 2 bench > /dev/null 2>&1; echo initialised $?
pgbench -n -c 4 -j 2 -T 8 bench > /tmp/pgbench.log 2>&1; echo ran $?
grep tps /tmp/pgbench.log >&2
grep -c 'could not open shared memory\\|FATAL' /tmp/log
(pgbench -n -c 4 -T 20 bench > /dev/null 2>&1; true) &
sleep 2
kill -9 $(head -1 $PGDATA/postmaster.pid)
wait
for i in $(seq 100); do pgrep -x postgres > /dev/null || break; sleep 0.2; done
pg_ctl -w -t 120 -l /tmp/log start > /dev/null || tail /tmp/log
grep -c 'database system was not properly shut down; automatic recovery in progress' /tmp/log
psql -At bench -c 'select count(*) from pgbench_accounts'
psql -At bench -c 'select (select sum(abalance) from pgbench_accounts) = (select sum(tbalance) from pgbench_tellers),
  (select sum(abalance) from pgbench_accounts) = (select sum(bbalance) from pgbench_branches),
  (select sum(abalance) from pgbench_accounts) = (select coalesce(sum(delta), 0) from pgbench_history)'
psql -At bench -c 'select mode from (select 1 as mode) as t'
pg_ctl -m fast stop > /dev/null; echo stopped $?
"""


class Failure(Exception):
    pass


def check(condition, text):
    if not condition:
        raise Failure(text)


def user_of(root, name):
    for line in (root / "etc/passwd").read_text().splitlines():
        fields = line.split(":")
        if fields[0] == name:
            return int(fields[2])
    raise Failure(f"the tree has no user {name}")


def natively(root, user, script):
    # In a mount namespace: nothing of the host is ever mounted where files are removed later.
    enter = ('mount -t proc proc "$0/proc" && mount -t tmpfs tmpfs "$0/dev" && mkdir "$0/dev/shm" && chmod 1777 "$0/dev/shm" && '
             'for d in "null 3" "zero 5" "full 7" "random 8" "urandom 9"; do mknod -m 666 "$0/dev/${d% *}" c 1 "${d#* }"; done && '
             'ln -s /proc/self/fd "$0/dev/fd" && exec chroot --userspec="$1:$1" --groups= "$0" /bin/bash -c "$2"')
    return subprocess.run(["unshare", "--mount", "--pid", "--ipc", "--fork", "/bin/bash", "-c", enter, str(root), str(user), script],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env={"PATH": PATH, "HOME": "/tmp"}, text=True, timeout=1800, check=False)


def confined(options, bundle, user, script, host_user):
    config = {
        "ociVersion": "1.0.2",
        "process": {"user": {"uid": user, "gid": user}, "args": ["/bin/bash", "-c", script],
                    "env": [f"PATH={PATH}", "HOME=/tmp"], "cwd": "/",
                    "capabilities": {kind: CAPABILITIES if user == 0 else [] for kind in ("bounding", "effective", "permitted")}},
        "root": {"path": "rootfs"},
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
                   {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
                   {"destination": "/dev/pts", "type": "devpts", "source": "devpts"},
                   {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["mode=1777"]}],
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts")]},
    }
    (bundle / "config.json").write_text(json.dumps(config))

    def become():
        if host_user != 0:
            os.setgroups([])
            os.setgid(host_user)
            os.setuid(host_user)

    name = f"software-{os.getpid()}-{time.monotonic_ns()}"
    command = [str(options.litebox), "--root", str(bundle / "state")]
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(bundle), "HOME": str(bundle)}
    try:
        return subprocess.run([*command, "run", "--bundle", str(bundle), name], preexec_fn=become, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, timeout=1800,
                              check=False)
    finally:
        subprocess.run([*command, "delete", "--force", name], preexec_fn=become, env=environment, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=120, check=False)


def compare(options, directory, variant, user_name, script, prepare=None):
    host_user = 0 if options.who == "root" else pwd.getpwnam("nobody").pw_uid
    results = {}
    for side, owner in (("native", 0), ("litebox", host_user)):
        bundle = directory / f"{variant}-{side}"
        bundle.mkdir()
        bundle.chmod(0o755)
        root = bundle / "rootfs"
        subprocess.run([str(options.make_rootfs), variant, str(root), str(owner)], check=True, timeout=1800)
        if prepare is not None:
            prepare(root, owner)
        os.chown(bundle, owner, owner)
        user = user_of(root, user_name)
        begin = time.monotonic()
        done = natively(root, user, script) if side == "native" else confined(options, bundle, user, script, owner)
        results[side] = (done.stdout, time.monotonic() - begin)
        print(f"{variant} {side}: {results[side][1]:.1f} s {done.stderr.strip()[-300:]}", flush=True)
    native, inside = results["native"][0].splitlines(), results["litebox"][0].splitlines()
    different = [f"- {line}" for line in native if line not in inside] + [f"+ {line}" for line in inside if line not in native]
    check(native == inside, f"{variant}: native and litebox differ:\n" + "\n".join(different[:40]))
    check(native, f"{variant}: nothing was done")


def download(cache):
    """The packages and what they need, once, as apt has them: the archives and the lists."""
    def prepare(root, owner):
        if not cache.exists():
            partial = cache.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            (partial / "archives/partial").mkdir(parents=True)
            (partial / "lists").mkdir()
            options = ["-o", f"Dir={root}", "-o", f"Dir::State::status={root}/var/lib/dpkg/status",
                       "-o", f"Dir::State::Lists={partial}/lists", "-o", f"Dir::Cache::Archives={partial}/archives",
                       "-o", "APT::Sandbox::User=root", "-o", "Dir::Etc::Trusted=/etc/apt/trusted.gpg",
                       "-o", "Dir::Etc::TrustedParts=/etc/apt/trusted.gpg.d"]
            for command in (["update"], ["install", "-y", "--download-only", "--no-install-recommends", *PACKAGES]):
                subprocess.run(["apt-get", "-q", *options, *command], check=True, stdout=subprocess.DEVNULL, timeout=1800)
            partial.rename(cache)
        for name, place in (("archives", "var/cache/apt/archives"), ("lists", "var/lib/apt/lists")):
            subprocess.run(["cp", "-r", f"{cache}/{name}/.", str(root / place)], check=True)
            subprocess.run(["chown", "-R", f"{owner}:{owner}", str(root / place)], check=True)
    return prepare


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--litebox", required=True, type=pathlib.Path)
    parser.add_argument("--make-rootfs", required=True, type=pathlib.Path)
    parser.add_argument("--as", dest="who", choices=["root", "user"], required=True)
    parser.add_argument("--only", choices=["packages", "database"])
    options = parser.parse_args()
    check(os.geteuid() == 0, "needs root")
    cache = pathlib.Path(os.environ.get("LITEBOX_CACHE", pathlib.Path.home() / ".cache/litebox"))
    directory = pathlib.Path(tempfile.mkdtemp(prefix="litebox-software-"))
    directory.chmod(0o755)
    try:
        shutil.copy(options.litebox, directory / "litebox")  # the build may lie where only root may look
        options.litebox = directory / "litebox"
        if options.only != "packages":
            compare(options, directory, "database", "postgres", DATABASE)
        if options.only != "database":
            compare(options, directory, "debian", "root", INSTALL, download(cache / "software-packages"))
    except Failure as failure:
        print(f"FAILED: {failure}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
