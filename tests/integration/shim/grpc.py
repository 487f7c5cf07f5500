"""A gRPC client of a page: unary calls over HTTP/2 on a Unix socket, one at a time, without starting a process for each."""
import socket
import struct

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1
WINDOW = 1 << 20


class CallFailed(Exception):
    pass


def literal(name, value):
    """A header field that is neither indexed nor compressed (RFC 7541, 6.2.2)."""
    out = b"\0"
    for text in (name.encode(), value.encode()):
        assert len(text) < 127
        out += bytes([len(text)]) + text
    return out


class Client:
    def __init__(self, path, metadata):
        self.metadata, self.stream = metadata, -1
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(120)
        self.socket.connect(path)
        self.socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        self.send(SETTINGS, 0, 0, b"")
        self.send(WINDOW_UPDATE, 0, 0, struct.pack(">I", WINDOW))

    def close(self):
        self.socket.close()

    def send(self, kind, flags, stream, payload):
        self.socket.sendall(struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload)

    def receive_exactly(self, size):
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise CallFailed("the connection has ended")
            data += part
        return data

    def receive(self):
        head = self.receive_exactly(9)
        return head[3], head[4], struct.unpack(">I", head[5:])[0], self.receive_exactly(int.from_bytes(head[:3], "big"))

    def call(self, method, message):
        """The answer's message. Trailers are not understood: a call that fails is one that has no message."""
        self.stream += 2
        fields = [(":method", "POST"), (":scheme", "http"), (":path", method), (":authority", "localhost"),
                  ("content-type", "application/grpc"), ("te", "trailers"), *self.metadata]
        self.send(HEADERS, END_HEADERS, self.stream, b"".join(literal(*field) for field in fields))
        self.send(DATA, END_STREAM, self.stream, struct.pack(">BI", 0, len(message)) + message)
        body = b""
        while True:
            kind, flags, stream, payload = self.receive()
            if kind == SETTINGS and not flags & ACK:
                self.send(SETTINGS, ACK, 0, b"")
            elif kind == PING and not flags & ACK:
                self.send(PING, ACK, 0, payload)
            elif kind in (RST_STREAM, GOAWAY):
                raise CallFailed(f"{method}: reset")
            elif kind == DATA:
                body += payload
                self.send(WINDOW_UPDATE, 0, 0, struct.pack(">I", max(len(payload), 1)))
            if kind in (DATA, HEADERS) and stream == self.stream and flags & END_STREAM:
                break
        if len(body) < 5:
            raise CallFailed(f"{method}: {payload!r}")
        return body[5:]
