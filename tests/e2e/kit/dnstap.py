"""A dnstap collector of the tests' own: Frame Streams over a Unix socket, and protocol buffers read back field by field, by nothing
that the daemon shares. With moods: it stops reading, closes at once, talks nonsense."""

import os
import signal
import socket
import struct
import threading

from kit.proc import Process, wait_until

CONTENT = b"protobuf:dnstap.Dnstap"
ACCEPT, START, STOP, READY, FINISH = 1, 2, 3, 4, 5
TYPES = {5: "CLIENT_QUERY", 6: "CLIENT_RESPONSE", 7: "FORWARDER_QUERY", 8: "FORWARDER_RESPONSE"}
PROTOCOLS = {1: "UDP", 2: "TCP", 3: "DOT", 4: "DOH"}
FIELDS = {1: "type", 2: "family", 3: "protocol", 4: "query_address", 5: "response_address", 6: "query_port", 7: "response_port",
          8: "query_s", 9: "query_ns", 10: "query", 12: "response_s", 13: "response_ns", 14: "response"}


def varint(octets, at):
    value = shift = 0
    while True:
        octet = octets[at]
        value |= (octet & 0x7f) << shift
        at, shift = at + 1, shift + 7
        if octet < 0x80:
            return value, at


def fields(octets):
    """{number: value} of a protocol buffer; none may come twice."""
    found, at = {}, 0
    while at < len(octets):
        tag, at = varint(octets, at)
        if tag & 7 == 0:
            value, at = varint(octets, at)
        elif tag & 7 == 2:
            length, at = varint(octets, at)
            value, at = octets[at:at + length], at + length
            assert len(value) == length
        else:
            assert tag & 7 == 5, tag
            value, at = struct.unpack_from("<I", octets, at)[0], at + 4
        assert tag >> 3 not in found, tag >> 3
        found[tag >> 3] = value
    return found


class Message:
    """One message, its fields as attributes; what is not there is None."""

    def __init__(self, frame):
        around = fields(frame)
        assert around.keys() <= {1, 2, 14, 15} and around[15] == 1, around
        self.identity, self.version = (around.get(n, b"").decode() for n in (1, 2))
        found = fields(around[14])
        assert found.keys() <= FIELDS.keys(), found
        for number, name in FIELDS.items():
            setattr(self, name, found.get(number))
        self.type, self.protocol = TYPES[self.type], PROTOCOLS[self.protocol]
        for name in ("query_address", "response_address"):
            octets = getattr(self, name)
            if octets is not None:
                family = {1: socket.AF_INET, 2: socket.AF_INET6}[self.family]
                setattr(self, name, socket.inet_ntop(family, octets))
        self.wire = self.query if self.response is None else self.response
        assert (self.response is None) == self.type.endswith("QUERY") and (self.response is None) != (self.query is None)

    @property
    def asking(self):
        return self.query_address, self.query_port

    @property
    def answering(self):
        return self.response_address, self.response_port

    @property
    def id(self):
        return struct.unpack(">H", self.wire[:2])[0]


def control(kind, content=CONTENT):
    body = struct.pack(">I", kind) + (struct.pack(">II", 1, len(content)) + content if content else b"")
    return struct.pack(">II", 0, len(body)) + body


class Collector:
    """Takes connections at path; mood: None, "close" (at once), "garbage" (in place of a handshake), "leave" (behind the handshake),
    "silent" (no handshake)."""

    def __init__(self, path, mood=None):
        self.path, self.mood = path, mood
        self.frames, self.connections, self.finished = [], 0, 0
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        os.chmod(path, 0o777)
        self.listener.listen(8)
        self.open = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self.open.add(conn)
            threading.Thread(target=self._run, args=(conn,), daemon=True).start()

    def _run(self, conn):
        try:
            self._talk(conn, conn.makefile("rb"))
        except (OSError, EOFError, ValueError):
            pass
        finally:
            self.open.discard(conn)
            conn.close()

    def _talk(self, conn, stream):
        if self.mood == "close":
            return
        if self.mood == "garbage":
            conn.sendall(os.urandom(4000))
            stream.read(1000)
            return
        if self._frame(stream)[0] != READY:
            raise ValueError
        if self.mood == "silent":
            stream.read()
            return
        conn.sendall(control(ACCEPT))
        assert self._frame(stream)[0] == START
        while self.mood != "leave":
            kind, frame = self._frame(stream)
            if kind == STOP:
                conn.sendall(control(FINISH, b""))
                self.finished += 1
                return
            self.frames.append(frame)

    @staticmethod
    def _frame(stream):
        def number():
            octets = stream.read(4)
            if len(octets) < 4:
                raise EOFError
            return struct.unpack(">I", octets)[0]
        length = number()
        if length:
            return None, stream.read(length)
        body = stream.read(number())
        assert CONTENT in body or len(body) == 4, body
        return struct.unpack(">I", body[:4])[0], body

    @property
    def messages(self):
        return [Message(frame) for frame in list(self.frames)]

    def wait_for(self, count, timeout_s=10):
        assert wait_until(lambda: len(self.frames) >= count, timeout_s), self.messages
        return self.messages

    def close(self):
        if self.listener.fileno() < 0:
            return
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for conn in list(self.open):
            try:
                conn.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        os.unlink(self.path)


class Capture(Process):
    """fstrm_capture at folder/name, writing folder/name.fstrm."""

    def __init__(self, folder, name="tap"):
        self.path, self.file = folder / name, folder / f"{name}.fstrm"
        super().__init__(f"capture-{name}", ["fstrm_capture", "-d", "-t", CONTENT.decode(), "-u", self.path, "-w", self.file], folder)
        self.wait_for(self.path.exists, "socket")
        os.chmod(self.path, 0o777)

    def pause(self, how=signal.SIGSTOP):
        self.child.send_signal(how)

    def go_on(self):
        self.pause(signal.SIGCONT)
