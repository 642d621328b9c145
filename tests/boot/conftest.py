"""Which root is booted, and with which jidns: JIDNS_BOOT_ROOT, JIDNSD, JIDNS and JIDNS_UNIT in the environment (contrib/check sets them)."""

import os
import pathlib
import time

import dns.message
import pytest
from machine import SETTINGS, SOCKET, UNIT, Machine

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
LAB = 'xmpp "start.lab" { host "chat" { address = 192.0.2.10 } }\n'


@pytest.fixture(scope="session")
def machine(tmp_path_factory):
    files = [(os.environ["JIDNSD"], "/usr/local/sbin/jidnsd"), (os.environ["JIDNS"], "/usr/local/bin/jidns"),
             (os.environ["JIDNS_UNIT"], UNIT), (REPOSITORY / "contrib/jidnsd.socket", SOCKET)]
    made = Machine(os.environ["JIDNS_BOOT_ROOT"], tmp_path_factory.mktemp("boot"), files)
    yield made
    made.close()


class Service:
    """jidnsd.service in the machine."""

    def __init__(self, machine):
        self.machine = machine
        self.began_s = int(time.time())

    def systemctl(self, *argv):
        return self.machine.run("systemctl", *argv)

    def start(self):
        done = self.systemctl("start", "jidnsd")
        assert done.returncode == 0, done.stderr + self.journal()

    def show(self, name):
        return self.systemctl("show", "-P", name, "jidnsd").stdout.strip()

    def journal(self):
        """What was logged since the test began."""
        return self.machine.run("journalctl", "--since", f"@{self.began_s}", "-u", "jidnsd", "-o", "cat", "--no-pager").stdout

    def set(self, text, mode=0o644):
        self.machine.write(SETTINGS, text)
        os.chmod(self.machine.path(SETTINGS), mode)

    def drop_in(self, text):
        self.machine.write(f"{UNIT}.d/test.conf", text)
        self.systemctl("daemon-reload")

    def answers(self, name, server="127.0.0.1"):
        return self.machine.run("jidns", "query", "--server", server, "--timeout", "1000", name, "A").returncode == 0

    def blast(self, name, count):
        """Asks over UDP from within the machine, 50 at a time; returns how many were answered."""
        wire = dns.message.make_query(name, "A").to_wire()
        with self.machine.socket() as sock:
            sock.connect(("127.0.0.1", 53))
            answered = 0
            for _ in range(count // 50):
                for _ in range(50):
                    sock.send(wire)
                answered += sum(1 for _ in range(50) if sock.recv(2000))
        return answered

    def clean(self):
        self.systemctl("stop", "jidnsd")
        self.systemctl("reset-failed", "jidnsd")
        drop_in = self.machine.path(f"{UNIT}.d/test.conf")
        if drop_in.exists():
            drop_in.unlink()
            self.systemctl("daemon-reload")


@pytest.fixture
def service(machine):
    made = Service(machine)
    made.set(LAB)
    machine.write("/etc/resolv.conf", "nameserver 192.0.2.53\n")
    yield made
    made.clean()
