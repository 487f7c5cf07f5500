#!/usr/bin/env python3
"""An ordinary user's container without a network has a loopback of its own, which works as that of a network namespace does.

    loopback.py --litebox BUILD/litebox --make-rootfs packaging/make-rootfs

One program runs in the container and in an empty network namespace, and has to print the same. Then two containers listen on the same
ports at once, and neither reaches the other or the host, nor the host's programs them by what they are called inside.
"""
import argparse
import difflib
import json
import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

PATIENCE = 120

SOCKETS = r"""
import array, errno, fcntl, os, socket, struct
from socket import AF_INET, AF_INET6, SOCK_STREAM, SOCK_DGRAM, SOL_SOCKET, SO_REUSEADDR, SO_REUSEPORT, IPPROTO_IPV6, IPV6_V6ONLY

def attempt(what, *arguments):
    try: return what(*arguments)
    except OSError as error: return errno.errorcode[error.errno]

def bound(family, address, kind=SOCK_STREAM, options=(), listening=True):
    made = socket.socket(family, kind)
    made.settimeout(20)
    for level, name in options: made.setsockopt(level, name, 1)
    result = attempt(made.bind, address)
    if result is None and listening and kind == SOCK_STREAM: result = attempt(made.listen)
    return result or made

def told(address, *known):
    # A port that the kernel has chosen is told by whose it is.
    for name, other in known:
        if address[1] == other: return address[0], name
    return address[0], address[1] if address[1] < 20000 else 'chosen'

def talk(name, server, family, address):
    client = socket.socket(family)
    client.settimeout(20)
    result = attempt(client.connect, address)
    if result: print(name, result); return
    connection, peer = server.accept()
    mine = client.getsockname()[1]
    print(name, told(client.getsockname()[:2]), told(client.getpeername()[:2]), told(connection.getsockname()[:2]),
          told(connection.getpeername()[:2], ('client', mine)), told(peer[:2], ('client', mine)))
    client.sendall(b'question'); print(connection.recv(100)); connection.sendall(b'answer'); print(client.recv(100))
    connection.close(); print(client.recv(10)); client.close()

RE, PORT, ONLY = (SOL_SOCKET, SO_REUSEADDR), (SOL_SOCKET, SO_REUSEPORT), (IPPROTO_IPV6, IPV6_V6ONLY)

print('unbound', [socket.socket(f, k).getsockname()[:2] for f in (AF_INET, AF_INET6) for k in (SOCK_STREAM, SOCK_DGRAM)])
for name, family, address, dialled in (
        ('loopback', AF_INET, ('127.0.0.1', 8080), ('127.0.0.1', 8080)), ('wildcard', AF_INET, ('', 8081), ('127.0.0.1', 8081)),
        ('low', AF_INET, ('', 80), ('127.0.0.1', 80)), ('another address', AF_INET, ('127.0.0.7', 8082), ('127.0.0.7', 8082)),
        ('dialled by another', AF_INET, ('', 8083), ('0.0.0.0', 8083)), ('IPv6', AF_INET6, ('::1', 8080), ('::1', 8080)),
        ('mapped', AF_INET6, ('::ffff:127.0.0.1', 8090), ('127.0.0.1', 8090)), ('low IPv6', AF_INET6, ('::', 443), ('::1', 443))):
    server = bound(family, address)
    print(name, server.getsockname()[:2])
    talk(name, server, AF_INET if '.' in dialled[0] else AF_INET6, dialled)
    server.close()
both = bound(AF_INET6, ('::', 8084))
talk('both families, IPv4', both, AF_INET, ('127.0.0.1', 8084))
talk('both families, IPv6', both, AF_INET6, ('::1', 8084))
talk('both families, mapped', both, AF_INET6, ('::ffff:127.0.0.1', 8084))
only, four = bound(AF_INET6, ('::', 8085), options=[ONLY]), bound(AF_INET, ('', 8085))
print('only', only.getsockopt(*ONLY), both.getsockopt(*ONLY), attempt(only.setsockopt, *ONLY, 0))
talk('each family, IPv4', four, AF_INET, ('127.0.0.1', 8085)); talk('each family, IPv6', only, AF_INET6, ('::1', 8085))
for port in (0, None):
    server = bound(AF_INET, ('127.0.0.1', 0)) if port == 0 else socket.socket()
    server.settimeout(20); server.listen()
    print('chosen', told(server.getsockname(), ('own', server.getsockname()[1])), server.getsockname()[1] != 0)
    talk('chosen', server, AF_INET, ('127.0.0.1', server.getsockname()[1])); server.close()
six = socket.socket(AF_INET6); six.settimeout(20); six.listen()
talk('chosen IPv6', six, AF_INET6, ('::1', six.getsockname()[1])); talk('chosen, by IPv4', six, AF_INET, ('127.0.0.1', six.getsockname()[1]))

def pair(name, first, second):
    one = bound(*first); other = bound(*second) if not isinstance(one, str) else '-'
    print('pair', name, *(x if isinstance(x, str) else 'bound' for x in (one, other)))
    for each in (one, other):
        if not isinstance(each, str): each.close()
I4, I6 = AF_INET, AF_INET6
pair('same', (I4, ('127.0.0.1', 9001)), (I4, ('127.0.0.1', 9001)))
pair('wildcard first', (I4, ('', 9002)), (I4, ('127.0.0.1', 9002)))
pair('wildcard second', (I4, ('127.0.0.1', 9003)), (I4, ('', 9003)))
pair('families', (I4, ('127.0.0.1', 9004)), (I6, ('::1', 9004)))
pair('both first', (I6, ('::', 9005)), (I4, ('', 9005)))
pair('both second', (I4, ('127.0.0.1', 9006)), (I6, ('::', 9006)))
pair('both, mapped', (I6, ('::', 9007)), (I6, ('::ffff:127.0.0.1', 9007)))
pair('only', (I6, ('::', 9008), SOCK_STREAM, [ONLY]), (I4, ('', 9008)))
pair('others', (I4, ('127.0.0.2', 9009)), (I4, ('127.0.0.1', 9009)))
pair('other and wildcard', (I4, ('127.0.0.2', 9010)), (I4, ('', 9010)))
pair('shared address', (I4, ('', 9011), SOCK_STREAM, [RE]), (I4, ('127.0.0.1', 9011), SOCK_STREAM, [RE]))
pair('shared, nobody listens', (I4, ('', 9012), SOCK_STREAM, [RE], False), (I4, ('127.0.0.1', 9012), SOCK_STREAM, [RE], False))
pair('shared port', (I4, ('', 9013), SOCK_STREAM, [PORT]), (I4, ('', 9013), SOCK_STREAM, [PORT]))
pair('shared port, both', (I6, ('::', 9014), SOCK_STREAM, [PORT]), (I4, ('', 9014), SOCK_STREAM, [PORT]))
pair('datagrams', (I4, ('', 9015), SOCK_DGRAM), (I4, ('127.0.0.1', 9015), SOCK_DGRAM))
pair('protocols', (I4, ('', 9016), SOCK_DGRAM), (I4, ('', 9016)))
pair('shared datagrams', (I4, ('', 9017), SOCK_DGRAM, [RE]), (I4, ('', 9017), SOCK_DGRAM, [RE]))
for turn in range(3): print('again', type(bound(AF_INET, ('', 9018), options=[RE])).__name__)

for name, family, kind, address in (
        ('nobody', I4, SOCK_STREAM, ('127.0.0.1', 9)), ('nobody chosen', I4, SOCK_STREAM, ('127.0.0.1', 45678)), ('nobody IPv6', I6, SOCK_STREAM, ('::1', 9)),
        ('port 0', I4, SOCK_STREAM, ('127.0.0.1', 0)), ('outside', I4, SOCK_STREAM, ('192.0.2.1', 80)), ('datagrams outside', I4, SOCK_DGRAM, ('192.0.2.1', 80))):
    print(name, attempt(socket.socket(family, kind).connect, address))
print('bind outside', attempt(socket.socket().bind, ('192.0.2.1', 80)), attempt(socket.socket(I6).bind, ('2001:db8::1', 80)))
print('only, mapped', attempt(bound, I6, ('::ffff:127.0.0.1', 9020), SOCK_STREAM, [ONLY]))
early = socket.socket(); early.setblocking(False)
print('at once', attempt(early.connect, ('127.0.0.1', 9)), errno.errorcode[early.getsockopt(SOL_SOCKET, socket.SO_ERROR)])
twice = bound(I4, ('', 9021)); print('twice', attempt(twice.bind, ('', 9022)))
talker = socket.socket(); talker.connect(('127.0.0.1', 9021)); print('connected', attempt(talker.connect, ('127.0.0.1', 9021)))

for name, family, here in (('datagrams', I4, '127.0.0.1'), ('IPv6 datagrams', I6, '::1')):
    server = bound(family, (here, 5300), SOCK_DGRAM); client = socket.socket(family, SOCK_DGRAM); client.settimeout(20)
    server.setsockopt(*((0, 8, 1) if family == I4 else (IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)))
    client.sendto(b'one', (here, 5300)); mine = client.getsockname()[1]
    data, sender = server.recvfrom(100); print(name, data, told(sender[:2], ('client', mine)), told(client.getsockname()[:2]))
    client.sendmsg([b'two', b'parts'], [], 0, (here, 5300))
    data, control, _, sender = server.recvmsg(100, 100); print(name, data, told(sender[:2], ('client', mine)))
    for level, kind, value in control:
        print(name, level, kind, socket.inet_ntop(family, value[8:12] if family == I4 else value[:16]))
    server.sendto(b'back', sender); print(name, client.recvfrom(100)[1][:2])
    client.connect((here, 5300)); print(name, told(client.getsockname()[:2]), client.getpeername()[:2]); client.send(b'three'); print(server.recv(10))
    client.close(); server.close()
lonely = socket.socket(I4, SOCK_DGRAM); lonely.settimeout(20); lonely.connect(('127.0.0.1', 5301)); lonely.send(b'x')
print('nobody receives', attempt(lonely.recv, 10), lonely.getpeername())
late = bound(I4, ('', 5301), SOCK_DGRAM); lonely.send(b'y'); print('somebody does', late.recv(10))
four = socket.socket(I4, SOCK_DGRAM); both = bound(I6, ('::', 5302), SOCK_DGRAM); four.sendto(b'z', ('127.0.0.1', 5302))
data, sender = both.recvfrom(10); print('both families', data, sender[0]); both.sendto(b'w', sender); print(four.recvfrom(10)[1])
for level, name, value in ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60), (0, socket.IP_TTL, 9)):
    some = socket.socket(); some.setsockopt(level, name, value); print('option', some.getsockopt(level, name))
for host in ('127.0.0.1', '::1'):
    print(host, sorted({a[4][0] for a in socket.getaddrinfo(host, 80)}))
interface = lambda request: struct.unpack('16s24s', fcntl.ioctl(socket.socket(I4, SOCK_DGRAM), request, struct.pack('16s24x', b'lo')))[1]
print('lo', hex(struct.unpack('H22x', interface(0x8913))[0]), socket.inet_ntoa(interface(0x8915)[4:8]), socket.inet_ntoa(interface(0x891b)[4:8]))
names = array.array('B', bytes(400))
length, _ = struct.unpack('iL', fcntl.ioctl(socket.socket(I4, SOCK_DGRAM), 0x8912, struct.pack('iL', 400, names.buffer_info()[0])))
print('interfaces', length, bytes(names[:2]), socket.if_nametoindex('lo'), [line.split()[0] for line in open('/proc/net/dev')][2:])
held = bound(I4, ('', 9040)), bound(I4, ('127.0.0.1', 9041)), bound(I6, ('::', 9042)), bound(I4, ('', 9043), SOCK_DGRAM)
link = socket.create_connection(('127.0.0.1', 9040)); end, _ = held[0].accept()
for table in ('tcp', 'tcp6', 'udp'):
    for line in sorted(open('/proc/net/' + table), key=lambda line: line.split()[1:]):
        local, remote, state = line.split()[1:4]
        if local[-4:] in ('2350', '2351', '2352', '2353'): print(table, local, remote if remote.endswith('0000') else remote[:-4], state)
packet = bound(I4, ('127.0.0.1', 9030)); holder = socket.create_connection(('127.0.0.1', 9030)); child, peer = packet.accept()
if os.fork() == 0: child.sendall(b'from a child'); os._exit(0)
os.wait(); print(holder.recv(100), child.getsockname() == holder.getpeername(), child.getpeername() == holder.getsockname() == peer)
"""

# Says what it has, waits, and looks for the other ones.
NEIGHBOUR = r"""
import socket, sys
def reach(port):
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as stream: return stream.recv(100).decode()
    except OSError as error: return type(error).__name__
name, others = sys.argv[1], [int(port) for port in sys.argv[2].split(",")]
server = socket.socket(); server.bind(("", 8080)); server.listen()
print("ready", flush=True); sys.stdin.readline()
print(" ".join(reach(port) for port in others), flush=True)
peer = socket.create_connection(("127.0.0.1", 8080)); connection, _ = server.accept(); connection.send(name.encode())
print(peer.recv(100).decode(), flush=True); sys.stdin.readline()
"""


class Container:
    """One python program in a container of an ordinary user's without a network."""

    def __init__(self, arguments, directory, name, program, *words):
        self.bundle = directory / name
        self.bundle.mkdir()
        (self.bundle / "config.json").write_text(json.dumps({
            "ociVersion": "1.0.2",
            "process": {"user": {"uid": 0, "gid": 0}, "args": ["/usr/bin/python3", "-c", program, *words], "cwd": "/", "env": ["PATH=/usr/bin:/bin"],
                        "capabilities": {kind: ["CAP_NET_BIND_SERVICE"] for kind in ("bounding", "effective", "permitted")}},
            "root": {"path": str(directory / "rootfs"), "readonly": True},
            "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}, {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"}],
            "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts", "network")]},
        }))
        user = pwd.getpwnam("nobody")
        for path in (self.bundle, self.bundle / "config.json"):
            os.chown(path, user.pw_uid, user.pw_gid)
        command = [str(arguments.litebox), "--root", str(self.bundle / "state"), "run", "--bundle", str(self.bundle), f"loopback-{name}-{os.getpid()}"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        user=user.pw_uid, group=user.pw_gid, extra_groups=[])

    def line(self):
        return self.process.stdout.readline().strip()

    def go_on(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def output(self):
        return self.process.communicate("", timeout=PATIENCE)[0]


def in_namespace(rootfs):
    inside = "ip link set lo up && mount -t proc proc \"$1/proc\" && exec chroot \"$1\" /usr/bin/python3 -c \"$2\""
    ended = subprocess.run(["unshare", "--net", "--mount", "sh", "-c", inside, "sh", str(rootfs), SOCKETS], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, timeout=PATIENCE, check=False)
    return ended.stdout


def compare(arguments, directory):
    expected = in_namespace(directory / "rootfs")
    found = Container(arguments, directory, "compared", SOCKETS).output()
    if expected == found:
        print(f"same: {len(expected.splitlines())} lines")
        return len(expected.splitlines()) > 50
    print("DIFFERS:", *difflib.unified_diff(expected.splitlines(), found.splitlines(), "natively", "in litebox", "", "", 1, ""), sep="\n")
    return False


def answer(listener, text):
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        connection.send(text)
        connection.close()


def isolated(arguments, directory):
    host = socket.socket()
    host.bind(("", 0))
    host.listen()
    threading.Thread(target=answer, args=(host, b"host"), daemon=True).start()
    port = host.getsockname()[1]
    others = f"{port},9"
    first = Container(arguments, directory, "first", NEIGHBOUR, "first", others)
    second = Container(arguments, directory, "second", NEIGHBOUR, "second", others)
    problems = []
    for container in (first, second):
        said = container.line()
        if said != "ready":
            problems.append(f"a container does not listen: {said} {container.output()}")
    with socket.socket() as outside:
        if not problems and outside.connect_ex(("127.0.0.1", 8080)) == 0:
            problems.append("the host reaches a container's port by its name inside")
    for container, name in ((first, "first"), (second, "second")) if not problems else ():
        container.go_on()
        reached, own = container.line(), container.line()
        if reached != "ConnectionRefusedError ConnectionRefusedError" or own != name:
            problems.append(f"{name}: outside {reached!r}, inside {own!r}")
        container.go_on()
        container.output()
    host.close()
    for problem in problems:
        print(f"FAILED: {problem}")
    if not problems:
        print("two containers with the same port, the host beside them: nobody reaches another")
    return not problems


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--litebox", type=pathlib.Path, required=True)
    parser.add_argument("--make-rootfs", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="litebox-loopback-"))
    try:
        directory.chmod(0o755)
        subprocess.run([str(arguments.make_rootfs), "debian", str(directory / "rootfs")], check=True, stdout=subprocess.DEVNULL)
        good = [compare(arguments, directory), isolated(arguments, directory)]
        return 0 if all(good) else 1
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
