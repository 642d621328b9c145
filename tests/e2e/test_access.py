"""Who may ask: hosts in two networks, one of them allowed, the others refused or met with silence."""

import signal
import socket
import time

import dns.flags
import dns.rcode
import pytest

from kit.ask import Stream, ask, query, udp_exchange
from kit.jidnsd import Jidnsd
from kit.upstream import Upstream, relay_to

NEAR, FAR = "10.87.1.2", "10.87.2.2"
FORTY = "_xmpp-server._tcp.forty.lab"
HERE = ("10.87.1.1", 53)


@pytest.fixture(name="lan")
def fixture_lan(namespaces, nsd):
    """The daemon's namespace, a neighbour's, one behind a router (a second link); and an upstream in the first."""
    home, near, far = namespaces("home"), namespaces("near"), namespaces("far")
    near.link_to(home, [NEAR + "/24"], [HERE[0] + "/24"])
    far.link_to(home, [FAR + "/24"], ["10.87.2.1/24"])
    far.ip("route", "add", HERE[0] + "/32", "via", "10.87.2.1")
    relay = Upstream(relay_to(*nsd.server), 5353, "127.0.0.2", home)
    yield home, near, far
    relay.close()


@pytest.fixture(name="start")
def fixture_start(lan, tmp_path):
    daemons = []

    def start(*options):
        daemon = Jidnsd([*options, "--upstream", "127.0.0.2:5353"], tmp_path, listen=False, wrap=lan[0].argv)
        daemons.append(daemon)
        return daemon

    yield start
    for daemon in daemons:
        daemon.stop()


def rcode(space, **how):
    return space.call(lambda: ask(HERE, "one.full.lab", "A", **how).rcode())


def test_by_default_the_networks_listened_on_may_ask(lan, start):
    start("--listen", HERE[0]).wait_ready()
    home, near, far = lan
    for tcp in (False, True):
        assert rcode(home, tcp=tcp) == dns.rcode.NOERROR
        assert rcode(near, tcp=tcp) == dns.rcode.NOERROR
        assert rcode(far, tcp=tcp) == dns.rcode.REFUSED


def test_behind_a_wildcard_the_machine_and_all_its_networks_may_ask(lan, start):
    start("--listen", "0.0.0.0").wait_ready()
    for space in lan:
        assert rcode(space) == rcode(space, tcp=True) == dns.rcode.NOERROR


def test_allow_says_who_and_nobody_else(lan, start):
    start("--listen", "0.0.0.0", "--allow", "10.87.2.0/24").wait_ready()
    home, near, far = lan
    for tcp in (False, True):
        assert rcode(home, tcp=tcp) == dns.rcode.NOERROR
        assert rcode(near, tcp=tcp) == dns.rcode.REFUSED
        assert rcode(far, tcp=tcp) == dns.rcode.NOERROR


def test_silence_is_silence_over_udp_and_a_closed_connection_over_tcp(lan, start):
    start("--listen", HERE[0], "--refuse-with", "silence").wait_ready()
    wire = query("one.full.lab", "A").to_wire()

    def try_tcp():
        with Stream(HERE) as stream:
            try:
                stream.sock.sendall(len(wire).to_bytes(2, "big") + wire)
                return stream.receive()
            except OSError:
                return None

    assert lan[2].call(lambda: udp_exchange(HERE, wire, 0.5)) is None
    assert lan[2].call(try_tcp) is None
    assert rcode(lan[1]) == dns.rcode.NOERROR


def flood():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(HERE)
        for _ in range(50):
            sock.send(query("one.full.lab", "A").to_wire())


def test_a_host_over_its_rate_has_to_prove_itself_and_another_has_not(lan, start):
    start("--listen", "0.0.0.0", "--rate-limit", "5").wait_ready()

    lan[1].call(flood)
    reply = lan[1].call(lambda: ask(HERE, "one.full.lab", "A"))
    assert reply.flags & dns.flags.TC and not reply.answer
    assert lan[1].call(lambda: ask(HERE, "one.full.lab", "A", tcp=True)).answer
    assert rcode(lan[2]) == dns.rcode.NOERROR
    assert rcode(lan[0]) == dns.rcode.NOERROR


def test_a_host_over_its_rate_is_still_so_after_a_reload(lan, start):
    daemon = start("--listen", "0.0.0.0", "--rate-limit", "1").wait_ready()
    for reloads in range(10):
        before = time.monotonic()
        lan[1].call(flood)
        daemon.child.send_signal(signal.SIGHUP)
        daemon.wait_for(lambda most=reloads: daemon.stderr.count("settings reloaded") > most, "reload")
        reply = lan[1].call(lambda: ask(HERE, "one.full.lab", "A"))
        if time.monotonic() - before < 1:  # after a second it may ask again
            break
    assert reply.flags & dns.flags.TC
    assert rcode(lan[2]) == dns.rcode.NOERROR


def test_a_network_that_comes_after_the_start_may_not_ask(lan, start):
    start("--listen", "0.0.0.0").wait_ready()
    home, near, _ = lan
    device = near.name[-8:]
    home.ip("address", "add", "11.0.0.1/24", "dev", f"v{device}f")
    near.ip("address", "add", "11.0.0.2/24", "dev", f"v{device}n")
    assert near.call(lambda: ask(("11.0.0.1", 53), "one.full.lab", "A")).rcode() == dns.rcode.REFUSED
    assert rcode(near) == dns.rcode.NOERROR
    assert home.call(lambda: ask(("11.0.0.1", 53), "one.full.lab", "A")).rcode() == dns.rcode.NOERROR


def test_rfc9715_no_datagram_to_another_host_needs_fragments(lan, start):
    start("--listen", HERE[0], "--prefetch", "off").wait_ready()
    reply = lan[1].call(lambda: ask(HERE, FORTY, "SRV", edns=0, payload=4096))
    assert reply.flags & dns.flags.TC
    assert lan[1].call(lambda: ask(HERE, FORTY, "SRV", tcp=True)).answer


@pytest.mark.parametrize("listen", ["11.0.0.1:53", "0.0.0.0:53"])
def test_a_public_address_needs_allow(lan, start, listen):
    lan[0].ip("address", "add", "11.0.0.1/24", "dev", "lo")
    daemon = start("--listen", listen)
    assert daemon.wait_exit() not in (0, None)
    assert len(daemon.stderr.splitlines()) == 1
    assert listen in daemon.stderr and "11.0.0.1" in daemon.stderr and "--allow" in daemon.stderr
    for allow in ("any", "none", "10.0.0.0/8"):
        again = start("--listen", listen, "--allow", allow).wait_ready()
        again.stop()
