"""A client of the Kubernetes Container Runtime Interface (runtime.v1), as small as the tests need it: protocol buffers by hand,
HTTP/2 by curl, and the streaming calls by web socket."""
import base64
import os
import pathlib
import socket
import struct
import subprocess
import tempfile
import urllib.parse

PATIENCE = 120

# Field numbers of api.proto (k8s.io/cri-api, runtime/v1). A type that is the name of another message is nested; "map" is
# map<string, string>.
MESSAGES = {
    "Metadata": {"name": 1, "uid": 2, "namespace": 3, "attempt": 4},
    "Namespaces": {"network": 1, "pid": 2, "ipc": 3, "target_id": 4},
    "Number": {"value": 1},
    "Profile": {"profile_type": 1, "localhost_ref": 2},
    "SandboxSecurity": {"namespace_options": (1, "Namespaces"), "run_as_user": (3, "Number"), "privileged": 6,
                        "seccomp": (9, "Profile")},
    "SandboxLinux": {"cgroup_parent": 1, "security_context": (2, "SandboxSecurity"), "sysctls": (3, "map")},
    "Port": {"protocol": 1, "container_port": 2, "host_port": 3},
    "Sandbox": {"metadata": (1, "Metadata"), "hostname": 2, "log_directory": 3, "port_mappings": (5, "Port"), "labels": (6, "map"),
                "linux": (8, "SandboxLinux")},
    "Image": {"image": 1},
    "Pair": {"key": 1, "value": 2},
    "Mount": {"container_path": 1, "host_path": 2, "readonly": 3},
    "Resources": {"cpu_period": 1, "cpu_quota": 2, "cpu_shares": 3, "memory_limit_in_bytes": 4, "oom_score_adj": 5},
    "Capability": {"add_capabilities": 1, "drop_capabilities": 2},
    "Security": {"capabilities": (1, "Capability"), "privileged": 2, "namespace_options": (3, "Namespaces"),
                 "run_as_user": (5, "Number"), "run_as_group": (12, "Number"), "run_as_username": 6, "readonly_rootfs": 7,
                 "supplemental_groups": 8, "no_new_privs": 11, "seccomp": (15, "Profile")},
    "Linux": {"resources": (1, "Resources"), "security_context": (2, "Security")},
    "ContainerMetadata": {"name": 1, "attempt": 2},
    "Container": {"metadata": (1, "ContainerMetadata"), "image": (2, "Image"), "command": 3, "args": 4, "working_dir": 5,
                  "envs": (6, "Pair"), "mounts": (7, "Mount"), "log_path": 11, "stdin": 12, "stdin_once": 13, "tty": 14,
                  "linux": (15, "Linux")},
    "Version": {"version": 1},
    "RunPodSandbox": {"config": (1, "Sandbox"), "runtime_handler": 2},
    "StopPodSandbox": {"pod_sandbox_id": 1},
    "RemovePodSandbox": {"pod_sandbox_id": 1},
    "PodSandboxStatus": {"pod_sandbox_id": 1},
    "CreateContainer": {"pod_sandbox_id": 1, "config": (2, "Container"), "sandbox_config": (3, "Sandbox")},
    "StartContainer": {"container_id": 1},
    "StopContainer": {"container_id": 1, "timeout": 2},
    "RemoveContainer": {"container_id": 1},
    "ContainerStatus": {"container_id": 1},
    "ContainerStats": {"container_id": 1},
    "PodSandboxStats": {"pod_sandbox_id": 1},
    "ContainerFilter": {"pod_sandbox_id": 3},
    "ListContainers": {"filter": (1, "ContainerFilter")},
    "ReopenContainerLog": {"container_id": 1},
    "PortForward": {"pod_sandbox_id": 1, "port": 2},
    "UpdateContainerResources": {"container_id": 1, "linux": (2, "Resources")},
    "ExecSync": {"container_id": 1, "cmd": 2, "timeout": 3},
    "Exec": {"container_id": 1, "cmd": 2, "tty": 3, "stdin": 4, "stdout": 5, "stderr": 6},
    "Attach": {"container_id": 1, "stdin": 2, "tty": 3, "stdout": 4, "stderr": 5},
}


class RpcError(Exception):
    pass


# --- protocol buffers

def varint(number):
    number &= (1 << 64) - 1
    out = bytearray()
    while True:
        byte = number & 0x7f
        number >>= 7
        out.append(byte | (0x80 if number else 0))
        if not number:
            return bytes(out)


def encode_value(field, kind, value):
    if isinstance(value, (bool, int)):
        return varint(field << 3) + varint(int(value))
    if kind is not None:
        value = encode(kind, value)
    elif isinstance(value, str):
        value = value.encode()
    return varint(field << 3 | 2) + varint(len(value)) + value


def encode(message, members):
    out = b""
    for name, value in members.items():
        place = MESSAGES[message][name]
        field, kind = place if isinstance(place, tuple) else (place, None)
        if kind == "map":
            value, kind = [{"key": key, "value": text} for key, text in value.items()], "Pair"
        for item in value if isinstance(value, list) else [value]:
            out += encode_value(field, kind, item)
    return out


def read_varint(data, at):
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7f) << shift
        shift += 7
        if byte < 0x80:
            return number, at


def decode(data):
    """Field number -> values: integers, or bytes to be decoded further."""
    fields, at = {}, 0
    while at < len(data):
        key, at = read_varint(data, at)
        if key & 7 == 0:
            value, at = read_varint(data, at)
        elif key & 7 == 2:
            size, at = read_varint(data, at)
            value, at = data[at:at + size], at + size
        else:
            size = 8 if key & 7 == 1 else 4
            value, at = data[at:at + size], at + size
        fields.setdefault(key >> 3, []).append(value)
    return fields


def pick(fields, *path, default=0):
    """The value at a path of field numbers."""
    for number in path[:-1]:
        fields = decode(fields.get(number, [b""])[0])
    return fields.get(path[-1], [default])[0]


# --- calls

class Client:
    """`connect` makes the connections of streaming calls: (host, port) -> socket."""

    def __init__(self, address, connect=socket.create_connection):
        self.address, self.connect = str(address), connect

    def call(self, method, service="RuntimeService", **members):
        body = encode(method, members)
        with tempfile.TemporaryDirectory() as directory:
            request, headers, answer = (pathlib.Path(directory) / name for name in ("request", "headers", "answer"))
            request.write_bytes(struct.pack(">BI", 0, len(body)) + body)
            done = subprocess.run(
                ["curl", "--silent", "--show-error", "--http2-prior-knowledge", "--noproxy", "*", "--unix-socket", self.address,
                 "-H", "content-type: application/grpc", "-H", "te: trailers", "-D", headers, "-o", answer,
                 "--data-binary", f"@{request}", f"http://localhost/runtime.v1.{service}/{method}"],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE, check=False)
            if done.returncode != 0:
                raise RpcError(f"{method}: {done.stderr.decode()}")
            # curl writes trailers where it writes headers.
            seen = dict(line.split(": ", 1) for line in headers.read_text().splitlines() if ": " in line)
            if seen.get("grpc-status") != "0":
                raise RpcError(f"{method}: {urllib.parse.unquote(seen.get('grpc-message', str(seen)))}")
            return decode(answer.read_bytes()[5:])

    def stream(self, method, query="", **members):
        return WebSocket(self.call(method, **members)[1][0].decode() + query, self.connect)


class WebSocket:
    """RFC 6455, with the channels of Kubernetes: the first byte of a message says which stream it is of."""

    def __init__(self, url, connect):
        parts = urllib.parse.urlsplit(url)
        self.socket = connect((parts.hostname, parts.port))
        self.socket.settimeout(PATIENCE)
        path = parts.path + ("?" + parts.query if parts.query else "")
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall((f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
                             f"Sec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n").encode())
        self.pending = b""
        while b"\r\n\r\n" not in self.pending:
            chunk = self.socket.recv(4096)
            if not chunk:
                raise RpcError(f"no web socket: {self.pending!r}")
            self.pending += chunk
        head, self.pending = self.pending.split(b"\r\n\r\n", 1)
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise RpcError(f"no web socket: {head!r}")

    def _take(self, size):
        while len(self.pending) < size:
            chunk = self.socket.recv(65536)
            if not chunk:
                raise EOFError
            self.pending += chunk
        taken, self.pending = self.pending[:size], self.pending[size:]
        return taken

    def send(self, channel, data):
        payload = bytes([channel]) + data
        mask = os.urandom(4)
        size = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + struct.pack(">H", len(payload))
        self.socket.sendall(b"\x82" + size + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload)))

    def receive(self):
        """(channel, data), or None at the end."""
        try:
            while True:
                first, size = self._take(2)
                if size == 126:
                    size = struct.unpack(">H", self._take(2))[0]
                elif size == 127:
                    size = struct.unpack(">Q", self._take(8))[0]
                data = self._take(size)
                if first & 15 == 8:
                    return None
                if first & 15 in (0, 1, 2) and data:
                    return data[0], data[1:]
        except (EOFError, OSError):
            return None

    def read_all(self):
        """Channel -> everything that came on it."""
        streams = {}
        while (message := self.receive()) is not None:
            streams[message[0]] = streams.get(message[0], b"") + message[1]
        self.socket.close()
        return streams
