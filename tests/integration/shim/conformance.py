#!/usr/bin/env python3
"""Our ttrpc server beside two of the Go implementation: containerd's own, and that of runc's shim. Whatever bytes a client sends,
ours must answer as one of them; what it answers otherwise is said in OTHERWISE.

    conformance.py --shim BUILD/containerd-shim-litebox-v2 --make-rootfs packaging/make-rootfs [CASE...]

That our client speaks to theirs is seen by every event (ctr.py). Starts a containerd of its own. Needs root.
"""
import argparse
import os
import pathlib
import socket
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import ttrpc  # noqa: E402
from engine import IMAGE, RUNTIMES, Containerd, wait_for  # noqa: E402

# Where ours is not as Debian 12's, each with what it answers and why.
OTHERWISE = {
    "id_used_again": ([(5, 0), (5, 3), (3, 3), (7, 0)], "as the protocol has it, and later Go"),
    "no_more_to_say": ([(1, 0)], "Go forgets the call"),
    "data_without_a_stream": ([(1, 3), (3, 0)], "as later Go, which has streams"),
}
CASES = []
LIMIT = 4 << 20  # bytes of a payload
PATIENCE = 2     # seconds without an answer


def case(function):
    CASES.append(function)
    return function


class Peer:
    """A server, and a call that it answers with success."""

    def __init__(self, path, service, method, payload):
        self.path, self.service, self.method, self.payload = path, service, method, payload

    def request(self, **changes):
        values = {"service": self.service, "method": self.method, "payload": self.payload, **changes}
        extra = values.pop("extra", [])
        return ttrpc.message((1, values["service"]), (2, values["method"]), (3, values["payload"]), *extra)

    def client(self):
        client = ttrpc.Client(self.path)
        client.socket.settimeout(PATIENCE)
        return client

    def answers(self, count, *frames, after=lambda client: None):
        """(stream, code) of `count` answers, in whichever order, to (stream, body[, kind[, flags]]); "end" is the connection's."""
        client = self.client()
        try:
            for stream, body, *rest in frames:
                client.send_frame(stream, body, *rest)
            after(client)
            return sorted(self.receive(client, count), key=str)
        finally:
            client.close()

    @staticmethod
    def receive(client, count):
        seen = []
        for _ in range(count):
            try:
                answer = client.receive()
            except TimeoutError:
                return seen + ["silence"]
            if answer is None:
                return seen + ["end"]
            seen.append(answer[:2])
        return seen


@case
def good(peer):
    return peer.answers(1, (1, peer.request()))


@case
def later_ids(peer):
    return peer.answers(3, (3, peer.request()), (101, peer.request()), (0x7FFFFFFF, peer.request()))


@case
def even_id(peer):
    return peer.answers(2, (2, peer.request()), (3, peer.request()))


@case
def id_zero(peer):
    return peer.answers(2, (0, peer.request()), (1, peer.request()))


@case
def id_used_again(peer):
    client = peer.client()
    client.send_frame(5, peer.request())
    seen = peer.receive(client, 1)
    client.send_frame(5, peer.request())
    seen += peer.receive(client, 1)
    client.send_frame(3, peer.request())
    seen += peer.receive(client, 1)
    client.send_frame(7, peer.request())
    seen += peer.receive(client, 1)
    client.close()
    return seen


@case
def unheard_service(peer):
    return peer.answers(2, (1, peer.request(service="unheard.of")), (3, peer.request(service="")))


@case
def unheard_method(peer):
    return peer.answers(2, (1, peer.request(method="Unheard")), (3, peer.request(method="")))


@case
def broken_request(peer):
    return peer.answers(2, (1, b"\xff\xff\xff\xff"), (3, peer.request()))


@case
def empty_request(peer):
    return peer.answers(2, (1, b""), (3, peer.request()))


@case
def broken_payload(peer):
    return len(peer.answers(1, (1, peer.request(payload=b"\x0a\xff\xff")))[0])


@case
def unknown_fields(peer):
    return peer.answers(1, (1, peer.request(extra=[(99, "x"), (100, 7)])))


@case
def metadata(peer):
    return peer.answers(1, (1, peer.request(extra=[(5, [(1, "key"), (2, "value")]), (5, [(1, "key"), (2, "other")])])))


@case
def timeouts(peer):
    return peer.answers(2, (1, peer.request(extra=[(4, 60 * 10**9)])), (3, peer.request(extra=[(4, (1 << 63) - 1)])))


@case
def payload_at_the_limit(peer):
    body = peer.request()
    filler = LIMIT - len(body) - 6
    full = body + ttrpc.message((99, b"x" * filler))
    assert len(full) == LIMIT, len(full)
    return peer.answers(2, (1, full), (3, peer.request()))


@case
def payload_over_the_limit(peer):
    return peer.answers(2, (1, b"x" * (LIMIT + 1)), (3, peer.request()))


@case
def response_from_a_client(peer):
    return peer.answers(1, (1, b"", ttrpc.RESPONSE), (3, peer.request()))


@case
def unheard_type(peer):
    return peer.answers(1, (1, b"body", 77), (3, peer.request()))


@case
def data_without_a_stream(peer):
    return peer.answers(2, (1, b"body", ttrpc.DATA), (3, peer.request()))


@case
def flags(peer):
    return peer.answers(1, (1, peer.request(), ttrpc.REQUEST, 1))


@case
def byte_by_byte(peer):
    client = peer.client()
    body = peer.request()
    for byte in ttrpc.HEADER.pack(len(body), 1, ttrpc.REQUEST, 0) + body:
        client.socket.sendall(bytes([byte]))
    seen = peer.receive(client, 1)
    client.close()
    return seen


@case
def many_at_once(peer):
    return peer.answers(200, *((2 * i + 1, peer.request()) for i in range(200)))


@case
def half_a_frame(peer):
    client = peer.client()
    client.socket.sendall(b"\0\0\1")
    other = peer.answers(1, (1, peer.request()))
    client.close()
    return other


@case
def no_more_to_say(peer):
    """The client's writing side is shut once it has asked."""
    return peer.answers(1, (1, peer.request()), after=lambda client: client.socket.shutdown(socket.SHUT_WR))


@case
def gone_before_the_answer(peer):
    for _ in range(20):
        client = peer.client()
        for i in range(50):
            client.send_frame(2 * i + 1, peer.request())
        client.close()
    return peer.answers(1, (1, peer.request()))


@case
def hundred_connections(peer):
    clients = [peer.client() for _ in range(60)]
    for client in clients:
        client.send_frame(1, peer.request())
    seen = [peer.receive(client, 1) for client in clients]
    for client in clients:
        client.close()
    return seen


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shim", required=True, type=pathlib.Path)
    parser.add_argument("--make-rootfs", required=True, type=pathlib.Path)
    parser.add_argument("cases", nargs="*")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("conformance.py: containerd needs root")
    engine = Containerd(options.shim)
    failures = []
    try:
        root = engine.directory / "busybox"
        subprocess.run([options.make_rootfs, "busybox", root], check=True)
        engine.import_image(root, IMAGE)
        event = [(2, engine.namespace), (3, "/test/conformance"), (4, [(1, "containerd.events.TaskPaused"), (2, [(1, "nobody")])])]
        peers = {"containerd": Peer(f"{engine.socket}.ttrpc", "containerd.services.events.ttrpc.v1.Events", "Forward",
                                    ttrpc.message((1, [(1, [(1, 1700000000)]), *event])))}
        for name, runtime in RUNTIMES.items():
            done = engine.ctr("run", "-d", "--runtime", runtime, IMAGE, name, "sleep", "100000")
            assert done.returncode == 0, done.stderr
            peers[name] = Peer(engine.shim_socket(name), "containerd.task.v2.Task", "State", ttrpc.message((1, name)))
        for function in CASES:
            if options.cases and function.__name__ not in options.cases:
                continue
            seen = {name: function(peer) for name, peer in peers.items()}
            ours = seen["litebox"]
            if ours in (seen["containerd"], seen["runc"]):
                print(f"same: {function.__name__}: {ours!r:.100}", flush=True)
            elif function.__name__ in OTHERWISE and ours == OTHERWISE[function.__name__][0]:
                print(f"otherwise: {function.__name__}: {OTHERWISE[function.__name__][1]}: {seen['containerd']!r:.100}, {ours!r:.100}", flush=True)
            else:
                failures.append(function.__name__)
                print("\n".join([f"DIFFERS: {function.__name__}", *(f"  {name:10} {value!r:.300}" for name, value in seen.items())]), flush=True)
        for name in RUNTIMES:
            engine.ctr("tasks", "delete", "-f", name)
            engine.ctr("containers", "delete", name)
        wait_for(lambda: not engine.leftovers(), "every shim to end", 30, engine.leftovers)
    finally:
        engine.close()
    print(f"{len(failures)} differ")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
