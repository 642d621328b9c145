"""A server whose answers can be known beforehand: each name has the address that its octets make. Run as a program, so that it can
be killed and stopped; it changes its mood when told to."""

import heapq
import os
import pathlib
import random
import selectors
import socket
import struct
import sys
import time
import zlib

LIE = socket.inet_aton("203.0.113.66")
KNOWN_TTL_S, SHORT_TTL_S = 300, 1
A, NOERROR = 1, 0


def address(name):
    """What `name` (octets of the wire, any case) leads to."""
    return b"\x0a" + struct.pack("!I", zlib.crc32(name.lower()))[1:]


def ttl(name):
    """Names that begin with s live for a second."""
    return SHORT_TTL_S if name[1:2].lower() == b"s" else KNOWN_TTL_S


def wire_name(text):
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".") if label) + b"\0"


def question_of(wire):
    """(name, type, where the question ends) of a message with one question."""
    at = 12
    while wire[at]:
        at += wire[at] + 1
    return wire[12:at + 1], struct.unpack_from("!H", wire, at + 1)[0], at + 5


def reply(wire, rdata=None, truncated=False):
    name, rdtype, end = question_of(wire)
    answers = 1 if rdtype == A and not truncated else 0
    head = wire[:2] + (b"\x87\x80" if truncated else b"\x85\x80") + struct.pack("!4H", 1, answers, 0, 0)
    record = b"\xc0\x0c" + struct.pack("!HHIH", A, 1, ttl(name), 4) + (rdata or address(name))
    return head + wire[12:end] + record * answers


class Server:
    """Its moods: each is a method that says what goes out for a question over UDP, as (delay in seconds, message) pairs."""

    def __init__(self, port):
        self.random, self.mood, self.late, self.buffers = random.Random(port), "honest", [], {}
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for sock in (self.udp, self.tcp):
            sock.setblocking(False)
            sock.bind(("127.0.0.1", port))
        self.tcp.listen(256)
        self.selector = selectors.DefaultSelector()
        for sock in (self.udp, self.tcp):
            self.selector.register(sock, selectors.EVENT_READ)

    def honest(self, wire):
        return [(0, reply(wire))]

    def silent(self, _wire):
        return []

    def servfail(self, wire):
        return [(0, wire[:2] + b"\x81\x82\0\1" + b"\0" * 6 + wire[12:question_of(wire)[2]])]

    def garbage(self, wire):
        """Over TCP as well."""
        return [(0, wire[:2] + self.random.randbytes(self.random.randrange(200)))]

    def lies(self, wire):
        """Forgeries by the dozen, and only then the truth."""
        lie, other = reply(wire, LIE), wire_name("x.lab")
        wrong_id = bytes([lie[0] ^ 1]) + lie[1:]
        wrong_name = lie[:12] + other + lie[12 + len(question_of(wire)[0]):]
        return [(0, wrong_id), (0, wrong_name), (0, lie[:2] + b"\x05" + lie[3:]), (0.02, reply(wire))]

    def lossy(self, wire):
        return [] if self.random.random() < 0.3 else self.honest(wire)

    def twice(self, wire):
        return [(0, reply(wire)), (0, reply(wire)), (0.03, reply(wire))]

    def shuffled(self, wire):
        return [(self.random.random() * 0.08, reply(wire))]

    def truncated(self, wire):
        return [(0, reply(wire, truncated=True))]

    half_open = truncated  # and over TCP it never says anything

    def hear(self):
        for _ in range(64):
            try:
                wire, source = self.udp.recvfrom(4096)
            except OSError:
                return
            if wire.startswith(b"mood "):
                self.mood = wire[5:].decode()
                self.udp.sendto(wire, source)
                continue
            for delay_s, out in getattr(self, self.mood)(wire):
                heapq.heappush(self.late, (time.monotonic() + delay_s, self.random.random(), out, source))

    def forget(self, stream):
        self.selector.unregister(stream)
        del self.buffers[stream]
        stream.close()

    def hear_stream(self, stream):
        try:
            octets = stream.recv(65536)
        except OSError:
            octets = b""
        if not octets:
            self.forget(stream)
            return
        got = self.buffers[stream] + octets
        while len(got) >= 2 and len(got) >= (size := 2 + struct.unpack_from("!H", got)[0]):
            if self.mood != "half_open":
                out = self.garbage(got[2:size])[0][1] if self.mood == "garbage" else reply(got[2:size])
                try:
                    stream.send(struct.pack("!H", len(out)) + out)
                except OSError:  # who asked has closed it
                    self.forget(stream)
                    return
            got = got[size:]
        self.buffers[stream] = got

    def run(self):
        while True:
            wait_s = self.late[0][0] - time.monotonic() if self.late else None
            for key, _ in self.selector.select(wait_s if wait_s is None else max(wait_s, 0)):
                if key.fileobj is self.udp:
                    self.hear()
                elif key.fileobj is self.tcp:
                    stream = self.tcp.accept()[0]
                    stream.setblocking(False)
                    self.buffers[stream] = b""
                    self.selector.register(stream, selectors.EVENT_READ)
                else:
                    self.hear_stream(key.fileobj)
            while self.late and self.late[0][0] <= time.monotonic():
                _, _, out, source = heapq.heappop(self.late)
                try:
                    self.udp.sendto(out, source)
                except OSError:
                    pass  # who asked has closed its socket


def argv(port):
    """The command line of such a server."""
    return [sys.executable, "-B", pathlib.Path(__file__), port]


def set_mood(port, mood, patience_s=5):
    """Returns once the server at that port is in this mood."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", port))
        sock.settimeout(0.1)
        end = time.monotonic() + patience_s
        while time.monotonic() < end:
            try:
                sock.send(b"mood " + mood.encode())
                if sock.recv(64):
                    return
            except OSError:
                time.sleep(0.01)
    raise AssertionError(f"the test's own upstream at port {port} does not answer (pid {os.getpid()})")


if __name__ == "__main__":
    Server(int(sys.argv[1])).run()
