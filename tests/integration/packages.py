#!/usr/bin/env python3
"""The Debian packages on fresh Debians, in mount, network and process namespaces of their own.

    packages.py --build BUILD --make-deb packaging/make-deb --make-rootfs packaging/make-rootfs

On a minimal one they are installed, run a container and are purged, and nothing stays. On one with engines `litebox install`
registers litebox, the documented lines of docker, podman and ctr run, and `litebox uninstall` gives back every configuration
file byte for byte. Takes minutes, and a Debian mirror the first time: run by hand, or in ctest with -DLITEBOX_SOFTWARE_TESTS=ON.
Needs root.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import engine_rows  # noqa: E402

# Makes the tree the root of everything: runc wants no chroot.
ENTER = """
set -e
mount --bind "$1" "$1"; cd "$1"
mount -t proc proc proc; mount --rbind /sys sys; mount --rbind /dev dev; mount -t tmpfs tmpfs run; mount -t tmpfs tmpfs tmp
umount sys/fs/cgroup/unified 2>/dev/null || true
mkdir -p .old; pivot_root . .old; cd /; umount -l .old; rmdir .old
ip link set lo up 2>/dev/null || true
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
exec bash -euo pipefail -c "$2"
"""

MINIMAL = r"""
everything() { find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /tmp -o -path /run -o -path /packages \) -prune -o \
  -printf '%p %y %m %s %l\n' | grep -v '^/var/\(cache\|log\|lib/dpkg\)\|^/etc/ld.so.cache\|^/root ' | sort; }
everything > /tmp/before
dpkg --install /packages/litebox_*.deb /packages/litebox-containerd-shim_*.deb > /tmp/log 2>&1 || { cat /tmp/log; exit 1; }
[[ -z $(dpkg --audit) ]]
litebox --version | head -1
containerd-shim-litebox-v2 -v
litebox doctor
mkdir -p /tmp/bundle/rootfs/usr && cd /tmp/bundle
cp -a /bin /sbin /lib /lib64 /etc rootfs
cp -a /usr/bin /usr/lib /usr/lib64 rootfs/usr
litebox spec
sed -i 's/"terminal": true/"terminal": false/; s/"sh"/"echo", "inside a package"/' config.json
litebox run --bundle . first
litebox list
cd / && rm -rf /tmp/bundle
dpkg --purge litebox litebox-containerd-shim > /tmp/log 2>&1 || { cat /tmp/log; exit 1; }
! dpkg-query --show 'litebox*' 2>/dev/null | grep .
everything > /tmp/after
diff /tmp/before /tmp/after && echo "nothing stays"
"""

ENGINES = r"""
dpkg --install /packages/litebox_*.deb /packages/litebox-containerd-shim_*.deb > /tmp/log 2>&1 || { cat /tmp/log; exit 1; }
configurations="/etc/docker/daemon.json /etc/containers/containers.conf /etc/containerd/config.toml"
mkdir -p /etc/docker /etc/containers /etc/containerd
case $1 in
  none) rm -f $configurations ;;
  hand-written)
    printf '{\n\t"storage-driver": "overlay2" , "runtimes": {"other": {"path": "/usr/bin/crun"}},\n  "debug": false}' > /etc/docker/daemon.json
    printf '# ours\n[containers]\nlog_driver = "k8s-file"\n\n[engine]\nevents_logger="file" # no journal\n' > /etc/containers/containers.conf
    printf 'version = 2\n\n[plugins]\n  [plugins."io.containerd.grpc.v1.cri"]\n    restrict_oom_score_adj = true # a comment\n' > /etc/containerd/config.toml ;;
  debian) ;;
esac
mkdir -p /tmp/before && cp -a --parents $configurations /tmp/before 2>/dev/null || true
litebox install --dry-run > /tmp/dry
for file in $configurations; do cmp "$file" "/tmp/before$file" 2>/dev/null || [[ ! -e $file && ! -e /tmp/before$file ]]; done
litebox install
mkdir /tmp/installed && cp -a --parents $configurations /tmp/installed
litebox install > /tmp/again
for file in $configurations; do cmp "$file" "/tmp/installed$file"; done

mkdir -p /tmp/tree/bin && cp /bin/busybox /tmp/tree/bin/ && ln -s busybox /tmp/tree/bin/sh && ln -s busybox /tmp/tree/bin/echo
tar -C /tmp/tree -cf /tmp/tree.tar .
containerd > /tmp/containerd.log 2>&1 & containerd=$!
for i in $(seq 100); do ctr version > /dev/null 2>&1 && break; sleep 0.2; done
dockerd --bridge none --iptables=false --containerd /run/containerd/containerd.sock > /tmp/dockerd.log 2>&1 & dockerd=$!
for i in $(seq 100); do docker info > /dev/null 2>&1 && break; sleep 0.2; done
docker import /tmp/tree.tar busybox:test > /dev/null || { cat /tmp/dockerd.log; exit 1; }
docker save busybox:test -o /tmp/image.tar
docker run --rm --network none --runtime litebox busybox:test echo docker runs
# From 23.0 on, docker knows containerd's shims.
[[ $(docker version --format '{{.Server.Version}}') == 20.* ]] ||
  docker run --rm --network none --runtime io.containerd.litebox.v2 busybox:test echo docker runs the shim
podman --events-backend file import -q /tmp/tree.tar busybox:test > /dev/null
podman --runtime litebox --cgroup-manager cgroupfs --events-backend file run --rm --network none --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 busybox:test echo podman runs
ctr images import /tmp/image.tar > /dev/null
ctr run --rm --runtime io.containerd.litebox.v2 docker.io/library/busybox:test first echo ctr runs
kill $dockerd $containerd; wait $dockerd $containerd || true

litebox uninstall
for file in $configurations; do
  if [[ -e /tmp/before$file ]]; then cmp "$file" "/tmp/before$file" && [[ $(stat -c %a "$file") == $(stat -c %a "/tmp/before$file") ]]
  else [[ ! -e $file ]]; fi
done
! ls /etc/docker/*.before-litebox /etc/containers/*.before-litebox /etc/containerd/*.before-litebox 2>/dev/null | grep .
litebox uninstall > /tmp/again
dpkg --purge litebox litebox-containerd-shim > /dev/null 2>&1
echo "given back byte for byte"
"""


def inside(tree, script, *arguments):
    words = " ".join(arguments)
    return subprocess.run(
        ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--propagation", "private", "bash", "-c", ENTER, "bash", tree,
         f"set -- {words}\n{script}"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=900,
        check=False, text=True, errors="replace")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True, type=pathlib.Path)
    parser.add_argument("--make-deb", required=True, type=pathlib.Path)
    parser.add_argument("--make-rootfs", required=True, type=pathlib.Path)
    parser.add_argument("--only", help="one case")
    options = parser.parse_args()
    engine_rows.end_in_order()
    if os.geteuid() != 0:
        sys.exit("packages.py: mounts need root")
    cases = {
        "minimal": ("minimal", MINIMAL, [], ["inside a package", "Containers run here.", "nothing stays"]),
        **{f"engines with {configuration} configuration": (
            "engines", ENGINES, [configuration], ["docker runs", "podman runs", "ctr runs", "given back byte for byte"])
           for configuration in ("debian", "hand-written", "none")},
        "newer engines": ("newer-engines", ENGINES, ["debian"],
                          ["docker runs", "docker runs the shim", "podman runs", "ctr runs", "given back byte for byte"]),
    }
    failures = []
    with engine_rows.Directory("litebox-packages-") as directory:
        packages = directory / "packages"
        subprocess.run([options.make_deb, options.build, packages], check=True)
        if shutil.which("lintian") and subprocess.run(["lintian", "--fail-on", "error", *packages.glob("*.deb")], check=False).returncode != 0:
            failures.append("lintian")
        for name, (variant, script, arguments, expected) in cases.items():
            if options.only not in (None, name):
                continue
            tree = directory / "tree"
            subprocess.run([options.make_rootfs, variant, tree], check=True)
            shutil.copytree(packages, tree / "packages")
            done = inside(tree, script, *arguments)
            good = done.returncode == 0 and all(line in done.stdout.splitlines() for line in expected)
            if not good:
                failures.append(name)
            print(f"{'good' if good else f'FAILED ({done.returncode})'}: {name}\n{done.stdout}", flush=True)
            subprocess.run(["rm", "-rf", "--one-file-system", tree, f"{tree}.made"], check=False)
    print(f"{len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
