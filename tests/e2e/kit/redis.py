"""Engines of a fleet: a real redis-server, and one by script that fails in every way."""

import os
import pathlib
import shutil
import socket
import subprocess
import threading
import time

from kit.netns import free_ports
from kit.proc import wait_until


def program():
    """FLEET_ENGINE names another than the machine's."""
    return os.environ.get("FLEET_ENGINE") or shutil.which("redis-server") or shutil.which("valkey-server")


class Redis:
    """A redis-server (or valkey-server) on a port of loopback and a Unix socket, without files."""

    def __init__(self, folder, *options, port=None):
        self.folder, self.port, self.options = pathlib.Path(folder), port or free_ports(), options
        self.socket = self.folder / "engine"
        self.process = None
        self.start()

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    def start(self):
        argv = [program(), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(self.folder),
                "--unixsocket", str(self.socket), "--unixsocketperm", "777", *self.options]
        with open(self.folder / "redis.log", "ab") as log:
            self.process = subprocess.Popen(argv, stdout=log, stderr=log)
        wait_until(lambda: self._answers(), 10)

    def _answers(self):
        try:
            return bool(self.call("PING"))  # "NOAUTH ..." is an answer, too
        except OSError:
            return False

    def call(self, *words, auth=()):
        """One command's reply as its octets, without the last end of line."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as s:
            out = b""
            for command in ([("AUTH", *auth)] if auth else []) + [words]:
                s.sendall(command_of(command))
                time.sleep(0.02)
                out = s.recv(1 << 20)
            return out.rstrip(b"\r\n")

    def keys(self):
        reply = self.call("KEYS", "*").split(b"\r\n")
        return [k for k in reply[2::2] if not k.endswith(b":l")]

    def signal(self, what):
        self.process.send_signal(what)

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(18)
            self.process.kill()
        self.process.wait()


def command_of(words):
    parts = [w if isinstance(w, bytes) else str(w).encode() for w in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(p), p) for p in parts)


class Babbler:
    """Takes connections and does with each what `talk(socket)` does."""

    def __init__(self, talk):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.talk, self.connections, self.open = talk, 0, []
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    def _serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self.open.append(connection)
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection):
        try:
            self.talk(connection)
        except OSError:
            pass

    def close(self):
        self.listener.close()
        for c in self.open:
            c.close()


def each_command(connection, reply):
    """Answers each command that comes: a word's worth of parsing is enough."""
    data = b""
    while True:
        more = connection.recv(65536)
        if not more:
            return
        data += more
        while True:
            words, data = take_command(data)
            if words is None:
                break
            connection.sendall(reply(words))


def take_command(data):
    lines = data.split(b"\r\n")
    if len(lines) < 2 or not lines[0].startswith(b"*"):
        return None, data
    at, words = len(lines[0]) + 2, []
    for _ in range(int(lines[0][1:])):
        end = data.find(b"\r\n", at)
        if end < 0:
            return None, data
        size = int(data[at + 1:end])
        if len(data) < end + 2 + size + 2:
            return None, data
        words.append(data[end + 2:end + 2 + size])
        at = end + 2 + size + 2
    return words, data[at:]
