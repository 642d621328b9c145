"""`jidns host` beside systemd-resolved and NetworkManager themselves: Debian's packages in the booted root, or the tests are skipped."""

import os
import subprocess
import sys

import pytest
from conftest import LAB
from machine import wait_until

PROVIDER = "192.0.2.53"
RESOLV = "/etc/resolv.conf"
DROP_IN = "/etc/systemd/resolved.conf.d/zz-jidns.conf"
STUB, UPLINK = "../run/systemd/resolve/stub-resolv.conf", "../run/systemd/resolve/resolv.conf"
SERVER = """
import socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 53))
while True:
    q, to = s.recvfrom(4096)
    end = 12
    while q[end]: end += q[end] + 1
    question = q[12:end + 5]
    is_a = question[-4:-2] == b"\\0\\1"
    answer = b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\x3c\\0\\4" + bytes([198, 51, 100, 7]) if is_a else b""
    s.sendto(q[:2] + b"\\x81\\x80\\0\\1" + struct.pack("!H", is_a) + b"\\0\\0\\0\\0" + question + answer, to)
"""


class Host:
    def __init__(self, machine, service):
        self.machine, self.service = machine, service

    def __call__(self, *words):
        return self.machine.run("jidns", "host", *words)

    def servers(self):
        text = self.machine.run("cat", RESOLV).stdout
        return [line.split()[1] for line in text.splitlines() if line.startswith("nameserver")]

    def state(self):
        """Where the link leads, and what resolved writes behind it."""
        target = os.readlink(self.machine.path(RESOLV))
        return target, self.machine.run("cat", RESOLV).stdout, self.machine.path(DROP_IN).exists(), self.machine.path(DROP_IN).parent.exists()

    def resolved(self, settings):
        self.machine.write("/etc/systemd/resolved.conf", "[Resolve]\n" + settings)
        self.machine.run("systemctl", "reset-failed", "systemd-resolved")  # tests restart it more often than people
        assert self.machine.run("systemctl", "restart", "systemd-resolved").returncode == 0, self.machine.run(
            "journalctl", "-u", "systemd-resolved", "-o", "cat", "--no-pager").stdout
        return wait_until(lambda: self.machine.path("/run/systemd/resolve/resolv.conf").exists(), 10)

    def link(self, target):
        self.machine.path(RESOLV).unlink(missing_ok=True)
        os.symlink(target, self.machine.path(RESOLV))


@pytest.fixture
def host(machine, service, provider):
    assert provider.poll() is None
    if not machine.path("/lib/systemd/systemd-resolved").exists():
        pytest.skip("systemd-resolved is not in this root")
    made = Host(machine, service)
    made.resolved(f"DNS={PROVIDER}\n")
    made.link(STUB)
    service.set(LAB)
    service.start()
    yield made
    made("disable")
    machine.run("systemctl", "stop", "systemd-resolved")
    machine.path(RESOLV).unlink()


@pytest.fixture
def provider(machine):
    """A name server of the machine's own network, at a link that is up: without one resolved asks nobody."""
    machine.run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "up1")
    for end in ("up0", "up1"):
        machine.run("ip", "link", "set", end, "up")
    machine.run("ip", "address", "add", f"{PROVIDER}/24", "dev", "up0")
    child = subprocess.Popen(["nsenter", "-t", str(machine.pid), "-n", sys.executable, "-c", SERVER, PROVIDER])
    yield child
    child.kill()
    child.wait()


@pytest.mark.parametrize("target", [STUB, UPLINK], ids=["stub", "uplink"])
def test_resolved_writes_jidnsd_first_and_all_comes_back(host, target):
    host.link(target)
    before = host.state()
    done = host("enable", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert host.servers() == ["127.0.0.1", PROVIDER] and os.readlink(host.machine.path(RESOLV)) == UPLINK
    assert host.service.answers("some.name.example")
    assert PROVIDER in host.machine.run("jidns", "upstreams").stdout
    status = host("status")
    assert status.returncode == 0 and "none seen" in status.stdout and "enabled; jidns host disable undoes it" in status.stdout

    host.machine.run("systemctl", "restart", "systemd-resolved")
    assert wait_until(lambda: host.servers() == ["127.0.0.1", PROVIDER], 10)
    done = host("disable")
    assert done.returncode == 0, done.stderr
    assert wait_until(lambda: host.state() == before, 10), (host.state(), before)


def test_through_resolved_itself_programs_reach_jidnsd(host):
    assert host("enable", "--yes").returncode == 0
    done = host.machine.run("resolvectl", "query", "chat.start.lab")
    assert "192.0.2.10" in done.stdout, done.stdout + done.stderr


def test_a_ring_with_resolved_is_said_and_opened(host):
    """resolved asks jidnsd and the provider, and resolv.conf names resolved's stub."""
    host.resolved(f"DNS=127.0.0.1 {PROVIDER}\n")
    assert host.service.systemctl("restart", "jidnsd").returncode == 0
    assert "a ring: systemd-resolved, which it names, asks jidnsd itself" in host.service.journal()
    assert host.service.answers("another.name.example")
    check = host.machine.run("jidnsd", "--check-config")
    assert "a ring: systemd-resolved" in check.stderr and "see the warnings" in check.stdout


def test_a_ring_asked_for_by_upstream_is_said_by_both(host):
    host.resolved("DNS=127.0.0.1\n")
    host.service.set(LAB + 'upstream { server = {"127.0.0.53"} }\n')
    assert host.service.systemctl("restart", "jidnsd").returncode == 0
    assert "--upstream 127.0.0.53:53: a ring" in host.service.journal()
    status = host("status")
    assert status.returncode == 1 and "A RING       systemd-resolved asks jidnsd" in status.stdout, status.stdout


def test_resolved_over_tls_is_refused(host):
    host.resolved(f"DNS={PROVIDER}\nDNSOverTLS=opportunistic\n")
    before = host.state()
    done = host("enable", "--yes")
    assert done.returncode == 1 and "asks over TLS (DNSOverTLS=opportunistic)" in done.stderr
    assert host.state() == before


def test_a_plain_file_beside_resolved_is_its_foreign_mode(host):
    host.machine.path(RESOLV).unlink()
    host.machine.write(RESOLV, f"nameserver {PROVIDER}\n")
    host.resolved("")
    done = host("enable", "--yes")
    assert done.returncode == 0 and "it asks jidnsd, too" in done.stdout, done.stdout + done.stderr
    assert host.servers() == ["127.0.0.1", PROVIDER] and host.service.answers("third.name.example")
    assert host("disable").returncode == 0 and host.servers() == [PROVIDER]


# ---- NetworkManager ----

PROFILE = """[connection]
id=up
type=ethernet
interface-name=up0

[ipv4]
method=manual
address1=192.0.2.53/24
dns={}
"""
FILES = ("/etc/NetworkManager/conf.d/zz-jidns.conf", "/etc/NetworkManager/dispatcher.d/50-jidns")


class Managed(Host):
    def network(self, *servers):
        """A connection with these servers comes up."""
        self.machine.write("/etc/NetworkManager/system-connections/up.nmconnection", PROFILE.format(";".join(servers)))
        self.machine.path("/etc/NetworkManager/system-connections/up.nmconnection").chmod(0o600)
        for words in (("connection", "reload"), ("connection", "up", "up")):  # one that has just started needs a moment
            assert wait_until(lambda words=words: self.machine.run("nmcli", *words).returncode == 0, 15), self.machine.run(
                "journalctl", "-u", "NetworkManager", "-o", "cat", "--no-pager").stdout

    def has(self, *servers):
        return wait_until(lambda: self.servers() == list(servers), 15)


@pytest.fixture
def managed(machine, service, provider):
    if not machine.path("/usr/sbin/NetworkManager").exists():
        pytest.skip("NetworkManager is not in this root")
    machine.run("systemctl", "stop", "systemd-resolved")
    machine.path(RESOLV).unlink(missing_ok=True)
    machine.write("/etc/NetworkManager/conf.d/test.conf", "[main]\ndns=default\nrc-manager=symlink\n[device]\nmatch-device=interface-name:up0\nmanaged=1\n")
    assert machine.run("systemctl", "restart", "NetworkManager").returncode == 0
    assert provider.poll() is None
    made = Managed(machine, service)
    made.network("192.0.2.53", "192.0.2.54")
    assert made.has("192.0.2.53", "192.0.2.54")
    service.set(LAB)
    service.start()
    yield made
    made("disable")
    machine.run("systemctl", "stop", "NetworkManager")
    machine.path(RESOLV).unlink()


def test_networkmanager_goes_on_writing_the_servers_behind_jidnsd(managed):
    before = managed.machine.run("cat", RESOLV).stdout
    done = managed("enable", "--yes")
    assert done.returncode == 0 and "written by NetworkManager" in done.stdout, done.stdout + done.stderr
    assert managed.has("127.0.0.1", "192.0.2.53", "192.0.2.54")

    managed.network("192.0.2.54", "192.0.2.53")
    assert managed.has("127.0.0.1", "192.0.2.54", "192.0.2.53")
    managed.machine.run("systemctl", "restart", "NetworkManager")
    managed.network("192.0.2.53", "192.0.2.54")
    assert managed.has("127.0.0.1", "192.0.2.53", "192.0.2.54")

    done = managed("disable")
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert managed.has("192.0.2.53", "192.0.2.54") and managed.machine.run("cat", RESOLV).stdout == before
    assert not any(managed.machine.path(name).exists() for name in FILES)
    managed.network("192.0.2.53")
    assert managed.has("192.0.2.53")
