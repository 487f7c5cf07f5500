"""A ttrpc client of a page, to say to a shim what containerd would not."""
import socket
import struct

HEADER = struct.Struct(">IIBB")
REQUEST, RESPONSE, DATA = 1, 2, 3


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def message(*fields):
    """A protobuf message of (number, value): int, str, bytes, or a list of fields."""
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
            continue
        if isinstance(value, list):
            value = message(*value)
        if isinstance(value, str):
            value = value.encode()
        out += varint(number << 3 | 2) + varint(len(value)) + value
    return out


def read_varint(data, at):
    number = shift = 0
    while True:
        number |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if not data[at - 1] & 0x80:
            return number, at


def fields(data):
    """{number: [value, ...]} of a message without fixed-size fields."""
    out, at = {}, 0
    while at < len(data):
        key, at = read_varint(data, at)
        if key & 7 == 0:
            value, at = read_varint(data, at)
        elif key & 7 == 2:
            length, at = read_varint(data, at)
            value, at = data[at:at + length], at + length
        else:
            raise ValueError(f"wire type {key & 7}")
        out.setdefault(key >> 3, []).append(value)
    return out


def request(method, payload, service="containerd.task.v2.Task", timeout=0):
    body = [(1, service), (2, method), (3, payload)]
    if timeout:
        body.append((4, timeout))
    return message(*body)


class Client:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        self.socket.connect(path)
        self.stream = -1

    def close(self):
        self.socket.close()

    def send_frame(self, stream, body, kind=REQUEST, flags=0, length=None):
        self.socket.sendall(HEADER.pack(len(body) if length is None else length, stream, kind, flags) + body)

    def receive_exactly(self, size):
        data = b""
        while len(data) < size:
            part = self.socket.recv(min(size - len(data), 1 << 20))
            if not part:
                return None
            data += part
        return data

    def receive(self):
        """(stream, code, payload) of the next response; None at the end of the connection."""
        try:
            header = self.receive_exactly(HEADER.size)
            if header is None:
                return None
            length, stream, kind, _ = HEADER.unpack(header)
            response = fields(self.receive_exactly(length))
        except ConnectionError:
            return None
        assert kind == RESPONSE
        status = fields(response.get(1, [b""])[0])
        return stream, status.get(1, [0])[0], response.get(2, [b""])[0]

    def send(self, method, payload, **options):
        self.stream += 2
        self.send_frame(self.stream, request(method, payload, **options))

    def call(self, method, *arguments, **options):
        """(code, payload)"""
        self.send(method, message(*arguments), **options)
        answer = self.receive()
        return None if answer is None else answer[1:]
