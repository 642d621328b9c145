"""A DNS server made of a Python function: relays, lies, stalls, and remembers every question it was asked."""

import concurrent.futures
import selectors
import socket
import struct
import threading
import time
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype


@dataclass
class Seen:
    """One question that reached the upstream."""
    name: str
    rdtype: str
    transport: str
    source: tuple
    id: int
    do: bool
    options: tuple = ()
    wire: bytes = field(repr=False, default=b"")

    @property
    def question(self):
        return self.name, self.rdtype


@dataclass
class Asked:
    """What a handler gets: the parsed query, where it came from, and how to answer from elsewhere."""
    query: dns.message.Message
    wire: bytes
    transport: str
    source: tuple
    reply_raw: callable
    connection: socket.socket = None  # over TCP: for octets that are no frame, and to close it
    nth: int = 0                      # question on this connection, from 1
    server: tuple = None              # (host, port) that was asked


class Upstream:
    """Listens on host:port, for UDP and TCP or one of them, and answers with handler(Asked) -> bytes, Message or None. Its handler
    runs in threads that each call `enter` first."""

    def __init__(self, handler, port, host="127.0.0.1", namespace=None, enter=lambda: None, transports=("udp", "tcp")):
        self.handler, self.host, self.port, self.transports = handler, host, port, transports
        self.seen = []
        self.trouble = []
        self._open, self._enter = True, enter
        self._udp, self._tcp = namespace.call(self._sockets) if namespace else self._sockets()
        self._wake = socket.socketpair()
        self._pool = concurrent.futures.ThreadPoolExecutor(64, initializer=enter)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def address(self):
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def _sockets(self):
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        udp = socket.socket(family, socket.SOCK_DGRAM)
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        tcp = socket.socket(family, socket.SOCK_STREAM)
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for sock in (udp, tcp):
            sock.bind(socket.getaddrinfo(self.host, self.port, family)[0][4])  # with its scope
        if "tcp" in self.transports:
            tcp.listen(64)
        if "udp" not in self.transports:
            udp.close()
        return udp, tcp

    def _serve(self):
        """Hand out what arrives on both sockets until close() wakes the third."""
        with selectors.DefaultSelector() as selector:
            listening = [getattr(self, f"_{transport}") for transport in self.transports]
            for sock in (*listening, self._wake[0]):
                selector.register(sock, selectors.EVENT_READ)
            while self._open:
                for key, _ in selector.select():
                    if key.fileobj is self._udp:
                        wire, source = self._udp.recvfrom(65535)
                        self._pool.submit(self._answer, wire, "udp", source,
                                          lambda b, to=source: self._udp.sendto(b, to))
                    elif key.fileobj is self._tcp:
                        connection = self._tcp.accept()
                        threading.Thread(target=self._serve_connection, args=connection, daemon=True).start()

    def _serve_connection(self, connection, source):
        self._enter()
        connection.settimeout(5)
        with connection, connection.makefile("rb") as stream:
            try:
                nth = 0
                while self._open and len(head := stream.read(2)) == 2:
                    wire, nth = stream.read(struct.unpack("!H", head)[0]), nth + 1
                    self._answer(wire, "tcp", source, lambda b: connection.sendall(struct.pack("!H", len(b)) + b), connection, nth)
            except OSError:
                pass

    def _answer(self, wire, transport, source, reply_raw, connection=None, nth=0):
        try:
            query = dns.message.from_wire(wire)
            question = query.question[0]
            self.seen.append(Seen(question.name.to_text().lower(), dns.rdatatype.to_text(question.rdtype),
                                  transport, source, query.id, bool(query.ednsflags & dns.flags.DO),
                                  tuple(int(o.otype) for o in query.options), wire))
            reply = self.handler(Asked(query, wire, transport, source, reply_raw, connection, nth, (self.host, self.port)))
            if isinstance(reply, dns.message.Message):
                reply = reply.to_wire()
            if reply and self._open:
                reply_raw(reply)
        except Exception as error:  # pylint: disable=broad-except
            if connection and isinstance(error, OSError):
                raise  # whoever asked has gone
            if self._open:
                self.trouble.append(f"{type(error).__name__}: {error} for {wire.hex()}")

    def asked(self, name=None, rdtype=None, transport=None):
        """The questions seen so far that match; names in lower case with the final dot."""
        return [s for s in list(self.seen) if name in (None, s.name) and rdtype in (None, s.rdtype)
                and transport in (None, s.transport)]

    def questions(self):
        """The set of (name, type) seen so far."""
        return {s.question for s in list(self.seen)}

    def forget(self):
        self.seen.clear()

    def close(self):
        self._open = False
        self._wake[1].send(b".")
        self._thread.join()
        self._pool.shutdown(wait=True)
        for sock in (self._udp, self._tcp, *self._wake):
            sock.close()
        assert not self.trouble, f"the test's own upstream failed: {self.trouble[:3]}"


def relay_to(host, port):
    """A handler that passes bytes on to a real server and its bytes back."""
    def handler(asked):
        if asked.transport == "tcp":
            with socket.create_connection((host, port), 3) as tcp, tcp.makefile("rb") as stream:
                tcp.sendall(struct.pack("!H", len(asked.wire)) + asked.wire)
                return stream.read(struct.unpack("!H", stream.read(2))[0])
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(3)
            udp.connect((host, port))
            udp.send(asked.wire)
            return udp.recv(65535)
    return handler


def always(rcode):
    """A handler that answers everything with this rcode."""
    def handler(asked):
        reply = dns.message.make_response(asked.query)
        reply.set_rcode(rcode)
        return reply
    return handler


def silent(_asked):
    """A handler that never answers: a black hole."""
    return None


def late(handler, seconds):
    """The same handler, its answers held back."""
    def held(asked):
        time.sleep(seconds)
        return handler(asked)
    return held
