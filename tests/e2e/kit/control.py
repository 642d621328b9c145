"""The control socket: the daemon asked as a program would, and as people do, with jidns."""

import json
import os
import pathlib
import socket
import subprocess

from kit import jidnsd as jidnsd_kit

PATIENCE_S = 10


def program():
    return os.environ.get("JIDNS") or str(pathlib.Path(jidnsd_kit.path()).with_name("jidns"))


class Control:
    """A connection to a daemon's control socket."""

    def __init__(self, path, patience_s=PATIENCE_S):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(path))
        self.sock.settimeout(patience_s)
        self.file = self.sock.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.file.close()
        self.sock.close()

    def send(self, octets):
        self.sock.sendall(octets)

    def receive(self):
        """The next object; None at the end."""
        try:
            line = self.file.readline()
        except ConnectionError:
            return None
        return json.loads(line) if line else None

    def lines(self, request):
        """All objects of the answer."""
        self.send(request.encode() + b"\n")
        heard = [self.receive()]
        while "ok" not in heard[-1]:
            heard.append(self.receive())
        return heard

    def ask(self, request):
        """The answer's one object."""
        heard = self.lines(request)
        assert len(heard) == 1, heard
        return heard[0]


def jidns(daemon, *argv, wrap=lambda argv: argv, **how):
    """Runs the tool at a daemon's socket; it must end by itself and be clean of sanitizers' reports."""
    done = subprocess.run(wrap([program(), argv[0], "--control", daemon.control, *map(str, argv[1:])]), capture_output=True, text=True,
                          timeout=30, check=False, stdin=subprocess.DEVNULL, **how)
    assert not [word for word in jidnsd_kit.SANITIZERS if word in done.stderr], done.stderr
    return done
