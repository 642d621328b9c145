"""What jidns check says that Prosody and ejabberd do with odd records, and what they are seen to do: whom they try to reach, in which order."""

import json
import select
import socket
import struct
import subprocess
import threading

import pytest

from kit.control import program
from kit.proc import wait_until
from kit.scripted import HEAD, rcode, resolver
from kit.xmpp import Machine, Network, make_certificate, start_ejabberd, start_prosody, start_prosody_without_unbound

ETH_P_IP, SYN, ACK = 0x0800, 0x02, 0x10
HOME = "_xmpp-client._tcp SRV 0 0 15222 chat\n_xmpp-server._tcp SRV 0 0 15269 chat\nchat A 192.0.2.2\n"

# Domains of others, NAME.far. Nobody listens at any of the addresses, which are 10.77.0.0/16 and stand for one host each.
SERVERS = {
    "nothing": "@ A 10.77.1.1\n",
    "starttls": "@ A 10.77.2.1\n_xmpp-server._tcp SRV 5 0 5269 x\nx A 10.77.2.2\n",
    "two": "@ A 10.77.3.1\n_xmpp-server._tcp SRV 10 0 5269 y\n_xmpp-server._tcp SRV 5 0 5269 x\nx A 10.77.3.2\ny A 10.77.3.3\n",
    "both": "@ A 10.77.4.1\n_xmpps-server._tcp SRV 9 0 5270 late\n_xmpp-server._tcp SRV 5 0 5269 soon\nlate A 10.77.4.2\nsoon A 10.77.4.3\n",
    "tls": "@ A 10.77.5.1\n_xmpps-server._tcp SRV 5 0 5270 x\nx A 10.77.5.2\n",
    "gone": "@ A 10.77.6.1\n_xmpp-server._tcp SRV 5 0 5269 gone\n",
    "gonefirst": "@ A 10.77.7.1\n_xmpp-server._tcp SRV 5 0 5269 gone\n_xmpp-server._tcp SRV 9 0 5269 x\nx A 10.77.7.2\n",
    "tlsdot": "@ A 10.77.8.1\n_xmpps-server._tcp SRV 0 0 0 .\n",
    "dot": "@ A 10.77.9.1\n_xmpp-server._tcp SRV 0 0 0 .\n",
    "dots": "@ A 10.77.10.1\n_xmpps-server._tcp SRV 0 0 0 .\n_xmpp-server._tcp SRV 0 0 0 .\n",
    "dotbeside": "@ A 10.77.11.1\n_xmpp-server._tcp SRV 0 0 0 .\n_xmpp-server._tcp SRV 5 0 5269 x\nx A 10.77.11.2\n",
    "failing": "@ A 10.77.12.1\n_xmpp-server._tcp SRV 5 0 5269 x\nx A 10.77.12.2\n",
    "alias": "@ A 10.77.13.1\n_xmpp-server._tcp SRV 5 0 5269 x\nx CNAME y\ny A 10.77.13.2\n",
    "tlsdotreal": "@ A 10.77.14.1\n_xmpps-server._tcp SRV 0 0 0 .\n_xmpp-server._tcp SRV 5 0 5269 x\nx A 10.77.14.2\n",
    "dotreal": "@ A 10.77.15.1\n_xmpp-server._tcp SRV 0 0 0 .\n_xmpps-server._tcp SRV 5 0 5270 x\nx A 10.77.15.2\n",
    "equal": "@ A 10.77.16.1\n_xmpps-server._tcp SRV 5 0 5270 x\n_xmpp-server._tcp SRV 5 0 5269 x\nx A 10.77.16.2\n",
}
CLIENTS = {
    "cnothing": "@ A 10.77.101.1\n",
    "ctwo": "@ A 10.77.102.1\n_xmpp-client._tcp SRV 10 0 5222 y\n_xmpp-client._tcp SRV 5 0 5222 x\nx A 10.77.102.2\ny A 10.77.102.3\n",
    "cgone": "@ A 10.77.103.1\n_xmpp-client._tcp SRV 5 0 5222 gone\n",
    "cgonefirst": "@ A 10.77.104.1\n_xmpp-client._tcp SRV 5 0 5222 gone\n_xmpp-client._tcp SRV 9 0 5222 x\nx A 10.77.104.2\n",
    "cdot": "@ A 10.77.105.1\n_xmpp-client._tcp SRV 0 0 0 .\n",
    "cfailing": "@ A 10.77.106.1\n_xmpp-client._tcp SRV 5 0 5222 x\nx A 10.77.106.2\n",
    "ctls": "@ A 10.77.107.1\n_xmpps-client._tcp SRV 5 0 5223 x\nx A 10.77.107.2\n",
    "calias": "@ A 10.77.108.1\n_xmpp-client._tcp SRV 5 0 5222 x\nx CNAME y\ny A 10.77.108.2\n",
}
DOMAINS = {**SERVERS, **CLIENTS}
FAULTS = [("_xmpp-client._tcp.cfailing.far", "SRV", rcode("SERVFAIL")), ("_xmpp-server._tcp.failing.far", "SRV", rcode("SERVFAIL")), ("_xmpps-server._tcp.failing.far", "SRV", rcode("SERVFAIL"))]
PROGRAMS = {"prosody": start_prosody, "prosody-netdns": start_prosody_without_unbound, "ejabberd": start_ejabberd}


class Attempts:
    """The first packets of TCP connections to 10.77.0.0/16 that a namespace sees: (address, port), each once, in order."""

    def __init__(self, space):
        self.seen = []
        self._socket = space.call(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP)))
        self._open = True
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self):
        while self._open:
            if not select.select([self._socket], [], [], 0.2)[0]:
                continue
            packet = self._socket.recv(2048)
            ports = packet[(packet[0] & 15) * 4:]
            if packet[9] != socket.IPPROTO_TCP or len(ports) < 14 or ports[13] & (SYN | ACK) != SYN or packet[16:18] != b"\x0a\x4d":
                continue
            end = socket.inet_ntoa(packet[16:20]), struct.unpack("!H", ports[2:4])[0]
            if end not in self.seen:
                self.seen.append(end)

    def of(self, name):
        """Those to NAME.far."""
        prefix = DOMAINS[name].split()[2].rsplit(".", 1)[0] + "."
        return [end for end in self.seen if end[0].startswith(prefix)]

    def close(self):
        self._open = False
        self._thread.join()
        self._socket.close()


@pytest.fixture(name="far")
def fixture_far(namespaces, tmp_path, track):
    """(a machine that has DNS and no more, attempts): what it tries to reach is refused by the hub."""
    assert namespaces
    zones = {"capulet.lab": HOME, **{f"{name}.far": text for name, text in DOMAINS.items()}}
    network = Network(resolver(zones, FAULTS, HEAD))
    network.hub.ip("address", "add", "10.77.0.1/16", "dev", "lo")
    machine = Machine(network, "capulet", 0, tmp_path, track, "192.0.2.1")
    machine.network, attempts = network, Attempts(network.hub)
    yield machine, attempts
    attempts.close()
    machine.close()
    network.close()


def claims(machine, name, domain):
    argv = machine.space.argv([program(), "check", "--server", machine.resolver, "--as", name, "--format", "json", domain])
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    walk = json.loads(done.stdout)
    return walk["end"], [(address, end["port"]) for end in walk["ends"] for address in end["addresses"]]


def rest_for_prosody(domain):
    """What its notes say of the time when all targets of direct TLS have failed: _xmpp-server, and without one the domain itself."""
    return {"both": [("10.77.4.3", 5269)], "tls": [("10.77.5.1", 5269)], "equal": [("10.77.16.2", 5269)]}.get(domain, [])


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_server_tries_whom_it_is_said_to_try_in_that_order(far, name):
    machine, attempts = far
    PROGRAMS[name](machine, "capulet.lab", "juliet", 15222, 15269)
    juliet = machine.client("juliet", "capulet.lab", ",".join(f"romeo@{domain}.far" for domain in SERVERS), "hello")
    juliet.wait_for(lambda: all(f"error romeo@{domain}.far" in juliet.stdout for domain in SERVERS), "answer for every message", 90)
    seen, said = {}, {}
    for domain in SERVERS:
        seen[domain], (_, said[domain]) = attempts.of(domain), claims(machine, name, domain + ".far")
        said[domain] += rest_for_prosody(domain) if name.startswith("prosody") else []
        if domain == "equal":  # one priority: either goes first, by chance
            seen[domain], said[domain] = set(seen[domain]), set(said[domain])
    assert seen == said


def test_slixmpp_tries_whom_it_is_said_to_try_in_that_order(far):
    machine, attempts = far
    make_certificate(machine.folder, "capulet.lab")
    for domain in CLIENTS:
        machine.client("juliet", f"{domain}.far")
    said = {domain: claims(machine, "slixmpp", f"{domain}.far")[1] for domain in CLIENTS}
    wait_until(lambda: {domain: attempts.of(domain) for domain in CLIENTS} == said, 40)
    assert {domain: attempts.of(domain) for domain in CLIENTS} == said
