"""Clients that ask all the time, over UDP and TCP, know each answer beforehand, and note what they got and when."""

import collections
import random
import selectors
import socket
import struct
import threading
import time
from dataclasses import dataclass, field

from kit import truth

PATIENCE_S = 6       # beyond what any client waits: what is not answered by then is lost
STALE_TTL_S = 30     # RFC 8767 section 4
SERVFAIL = 2


@dataclass
class Asked:
    """One query: when it went out, what came of it ("good", "failed", "wrong", "lost") and when, in seconds of the monotonic clock."""
    name: str
    sent: float
    tcp: bool
    result: str = "lost"
    heard: float = 0
    why: str = field(default="", repr=False)

    @property
    def wait_s(self):
        return self.heard - self.sent

    @property
    def is_new(self):
        return self.name[0] == "n"


def query(number, name):
    return struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + truth.wire_name(name) + b"\0\1\0\1"


def judge(wire, asked):
    """(result, why) of an answer."""
    name = truth.wire_name(asked.name)
    try:
        rcode, found = wire[3] & 15, truth.question_of(wire)[0]
    except IndexError:
        return "wrong", f"{len(wire)} octets"
    if not wire[2] & 0x80 or found != name:
        return "wrong", f"an answer to {found}"
    if rcode == SERVFAIL:
        return "failed", "SERVFAIL"
    if rcode or struct.unpack_from("!H", wire, 6)[0] != 1:
        return "wrong", f"RCODE {rcode}, {struct.unpack_from('!H', wire, 6)[0]} answers"
    at = 12 + len(name) + 4
    rdtype, _, ttl_s, size = struct.unpack_from("!HHIH", wire, at + 2)
    rdata = wire[at + 12:at + 12 + size]
    if rdtype != truth.A or rdata != truth.address(name):
        return "wrong", f"type {rdtype}, {rdata.hex()}"
    if ttl_s > max(truth.ttl(name), STALE_TTL_S):
        return "wrong", f"TTL {ttl_s}"
    return "good", ""


class Traffic:
    """Asks `rate` questions a second from start() to finish(): known names (c), short-lived ones (s) and new ones (n), one in
    `tcp_each` over TCP. A new name that failed is asked again four times a second until it is found."""

    def __init__(self, server, rate=250, tcp_each=10, names=30, new=0.3, seed=1):
        self.server, self.rate, self.tcp_each, self.names, self.new = server, rate, tcp_each, names, new
        self.random, self.all, self.again = random.Random(seed), [], []
        self._open, self._due, self._end = {}, collections.deque(), None
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._udp.setblocking(False)
        self._udp.connect(server)
        self._stream, self._got = None, b""
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._udp, selectors.EVENT_READ)
        self._id = self._new = 0
        self._thread = threading.Thread(target=self._run, daemon=True)

    # ---- out ----

    def _send(self, asked, log):
        self._id = (self._id + 1) & 0xffff
        asked.sent = time.monotonic()
        self._open[self._id] = asked
        log.append(asked)
        if asked.tcp:
            self._send_stream(self._id, asked)
        else:
            self._udp.send(query(self._id, asked.name))

    def _send_stream(self, number, asked):
        if not self._stream:
            self._stream, self._got = socket.create_connection(self.server, 2), b""
            self._selector.register(self._stream, selectors.EVENT_READ)
        wire = query(number, asked.name)
        try:
            self._stream.sendall(struct.pack("!H", len(wire)) + wire)
        except ConnectionError:
            pass  # its end will be read

    def _stream_ended(self):
        """What was not answered is asked again over another one, as clients do (RFC 7766 section 6.2.4)."""
        self._selector.unregister(self._stream)
        self._stream.close()
        self._stream = None
        for number, asked in [item for item in self._open.items() if item[1].tcp]:
            self._send_stream(number, asked)

    def _next(self):
        dice = self.random.random()
        if dice < self.new:
            self._new += 1
            name = f"n{self._new}.lab"
        else:
            name = f"{'s' if dice < self.new + 0.2 else 'c'}{self.random.randrange(self.names)}.lab"
        return Asked(name, 0, self.random.random() < 1 / self.tcp_each)

    # ---- in ----

    def _hear(self, wire):
        asked = self._open.pop(struct.unpack_from("!H", wire)[0], None)
        if not asked:
            return
        asked.heard = time.monotonic()
        asked.result, asked.why = judge(wire, asked)
        if asked.result == "failed" and asked.is_new:
            self._due.append((asked.heard + 0.25, asked.name))

    def _hear_udp(self):
        try:
            while True:
                self._hear(self._udp.recv(4096))
        except OSError:
            pass

    def _hear_stream(self):
        try:
            octets = self._stream.recv(65536)
        except ConnectionError:
            octets = b""
        if not octets:
            self._stream_ended()
            return
        self._got += octets
        while len(self._got) >= 2 and len(self._got) >= (size := 2 + struct.unpack_from("!H", self._got)[0]):
            self._hear(self._got[2:size])
            self._got = self._got[size:]

    def _run(self):
        due = time.monotonic()
        while True:
            now = time.monotonic()
            if self._end and (not self._open and not self._due or now > self._end + PATIENCE_S):
                return
            while not self._end and due <= now:
                due = max(due, now - 0.2) + 1 / self.rate  # a pause of this machine's is not made up for by a flood
                self._send(self._next(), self.all)
            while self._due and self._due[0][0] <= now:
                self._send(Asked(self._due.popleft()[1], 0, False), self.again)
            for key, _ in self._selector.select(max(0.001, min(due - now, 0.05))):
                (self._hear_udp if key.fileobj is self._udp else self._hear_stream)()

    # ---- the test's side ----

    def start(self):
        """All known names are in the cache before it begins."""
        for name in [f"{kind}{i}.lab" for kind in "cs" for i in range(self.names)]:
            self._send(Asked(name, 0, False), self.again)
        end = time.monotonic() + 10
        while self._open and time.monotonic() < end:
            self._selector.select(0.1)
            self._hear_udp()
        assert all(a.result == "good" for a in self.again), "the known names are not answered in the beginning"
        self.again.clear()
        self._thread.start()
        return self

    def finish(self):
        """Stops asking and waits for the answers."""
        self._end = time.monotonic()
        self._thread.join()
        self._udp.close()
        if self._stream:
            self._stream.close()

    def of(self, result):
        return [a for a in self.all + self.again if a.result == result]

    def longest_s(self, new=False):
        return max((a.wait_s for a in self.all if a.result != "lost" and a.is_new == new), default=0)

    def recovered_s(self, healed):
        """How long after `healed` (of the monotonic clock) the first new name was found and the last failure heard, of names asked
        for the first time since."""
        since = [a for a in self.all if a.is_new and a.sent >= healed]
        found = min((a.heard for a in since if a.result == "good"), default=float("inf"))
        return max([found, *(a.heard for a in since if a.result == "failed")]) - healed

    def found_again_s(self, healed):
        """How long after it the last of the names was found that had failed before."""
        return max((a.heard - healed for a in self.again if a.result == "good"), default=0)
