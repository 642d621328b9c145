"""How long an answer over UDP may be: what servers and clients are told, and what is sent."""

import dns.flags
import dns.message
import pytest

from kit.ask import ask
from kit.upstream import Upstream, relay_to

WHOLE = 865  # octets of an answer to any name below bulky.lab, or little less


@pytest.fixture(name="sized")
def fixture_sized(nsd, upstream, jidnsd):
    """Starts a daemon with these options; `told` are the sizes that its server was told."""
    def start(*options):
        relay = upstream(relay_to(*nsd.server))
        daemon = jidnsd("--upstream", relay.address, *options)
        daemon.told = lambda: {dns.message.from_wire(seen.wire).payload for seen in relay.seen if seen.transport == "udp"}
        return daemon
    return start


@pytest.mark.parametrize("size", [512, 700, 1400, 4096])
def test_both_sides_are_told_and_no_answer_is_longer(sized, size):
    daemon = sized("--udp-size", size)
    for client in 512, 700, 1232, 4096:
        answer = ask(daemon.v4, f"c{client}.bulky.lab", "TXT", edns=0, payload=client)
        assert answer.payload == size
        assert len(answer.to_wire()) <= min(size, client)
        assert bool(answer.flags & dns.flags.TC) == (min(size, client) < WHOLE)
    assert ask(daemon.v4, "tcp.bulky.lab", "TXT", edns=0, tcp=True).payload == size
    assert daemon.told() == {size}


def test_by_default_it_is_1232_and_what_this_machine_takes(sized):
    daemon = sized()
    answer = ask(daemon.v4, "large.lab", "TXT", edns=0, payload=4096)
    assert answer.payload == 1232 and daemon.told() == {1232}


def test_a_reload_changes_it(sized, tmp_path):
    settings = tmp_path / "settings"
    settings.write_text("server { udp-size = 600 }")
    settings.chmod(0o644)
    daemon = sized("--config", settings, "--control", tmp_path / "c", "--user", "root")
    assert ask(daemon.v4, "a.bulky.lab", "TXT", edns=0, payload=4096).payload == 600
    settings.write_text("server { udp-size = 1500 }")
    daemon.child.send_signal(1)
    daemon.wait_for(lambda: "settings reloaded" in daemon.stderr, "reload")
    assert ask(daemon.v4, "b.bulky.lab", "TXT", edns=0, payload=4096).payload == 1500
    assert daemon.told() == {600, 1500}
