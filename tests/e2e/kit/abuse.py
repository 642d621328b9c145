"""Clients that want to wear a daemon out: questions for a server that never answers, connections that never ask, octets that never
become a query, names that nobody has. One thread, or a process of its own when run as a program."""

import os
import pathlib
import random
import selectors
import socket
import struct
import sys
import threading
import time
from dataclasses import dataclass

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from kit import traffic  # noqa: E402 pylint: disable=wrong-import-position

HOLE, FLOODED = "hole.lab", "flooded.lab"
LORIS_EVERY_S = 0.2


@dataclass
class Much:
    """How much of each."""
    outstanding: int = 2000  # questions below HOLE, always so many
    idle: int = 1000         # connections
    loris: int = 50          # connections that send an octet now and then
    flood: int = 2000        # new names below FLOODED a second

    def argv(self, port):
        """The command line of a process that does this to a daemon."""
        return [sys.executable, "-B", pathlib.Path(__file__), port, *vars(self).values()]


class Abuse:
    """From its making to close()."""

    def __init__(self, server, much=Much()):
        self.server, self.much = server, much
        self.random = random.Random()
        self.failed = self.flooded = self.reopened = 0
        self.number = 0
        self._going = True
        self._selector = selectors.DefaultSelector()
        self._hole, self._flood = self._udp(), self._udp()
        self._waiting = {}
        self._streams = {}
        self._open = {False: 0, True: 0}  # of them: idle, loris
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _udp(self):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        sock.connect(self.server)
        sock.setblocking(False)
        self._selector.register(sock, selectors.EVENT_READ)
        return sock

    def _ask_hole(self, now):
        self.number = (self.number + 1) & 0xffff
        self._waiting[self.number] = now
        self._hole.send(traffic.query(self.number, f"h{self.random.getrandbits(48):x}.{HOLE}"))

    def _forget(self, now):
        """What is not answered after 6 s is taken for lost and asked anew."""
        for number in [n for n, since in self._waiting.items() if now - since > 6]:
            del self._waiting[number]

    def _keep_outstanding(self, now):
        for _ in range(min(self.much.outstanding - len(self._waiting), 100)):
            self._ask_hole(now)

    def _hear(self, sock):
        try:
            while True:
                wire = sock.recv(4096)
                if sock is self._flood:
                    self.flooded += 1
                elif self._waiting.pop(struct.unpack_from("!H", wire)[0], None):
                    self.failed += 1
        except OSError:
            pass

    def _connect(self, slow):
        stream = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        stream.setblocking(False)
        try:
            stream.connect(self.server)
        except BlockingIOError:
            pass
        self._streams[stream] = slow
        self._open[slow] += 1
        self._selector.register(stream, selectors.EVENT_READ)

    def _ended(self, stream):
        self._selector.unregister(stream)
        stream.close()
        self.reopened += 1
        slow = self._streams.pop(stream)
        self._open[slow] -= 1
        self._connect(slow)

    def _send_octets(self):
        """Of a query of 64 octets, one after the other, so that it is never whole in time."""
        for stream in [s for s, slow in self._streams.items() if slow]:
            try:
                stream.send(b"\0")
            except OSError:
                pass  # its end will be read

    def _run(self):
        flood_due = loris_due = time.monotonic()
        while self._going:
            now = time.monotonic()
            for slow, most in ((False, self.much.idle), (True, self.much.loris)):
                for _ in range(min(most - self._open[slow], 20)):
                    self._connect(slow)
            self._keep_outstanding(now)
            while flood_due <= now and self.much.flood:
                flood_due = max(flood_due, now - 0.1) + 1 / self.much.flood
                self._flood.send(traffic.query(0, f"x{self.random.getrandbits(48):x}.{FLOODED}"))
            if loris_due <= now:
                loris_due = now + LORIS_EVERY_S
                self._forget(now)
                self._send_octets()
            for key, _ in self._selector.select(0.005):
                if key.fileobj in self._streams:
                    self._hear_end(key.fileobj)
                else:
                    self._hear(key.fileobj)

    def _hear_end(self, stream):
        try:
            if stream.recv(4096):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self._ended(stream)

    @property
    def is_whole(self):
        """All of it is there."""
        return len(self._waiting) > 0.9 * self.much.outstanding and len(self._streams) == self.much.idle + self.much.loris

    def close(self):
        self._going = False
        self._thread.join()
        for sock in (self._hole, self._flood, *self._streams):
            sock.close()


def main(port, *much):
    abuse = Abuse(("127.0.0.1", int(port)), Much(*map(int, much)))
    while os.getppid() != 1:
        time.sleep(0.5)
        print(f"{len(abuse._waiting)} outstanding, {abuse.failed} failed, {len(abuse._streams)} connections, "
              f"{abuse.reopened} opened again, {abuse.flooded} flooded names answered", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
