"""jidns lookup --dane: where DANE can be done, where not and why, from a signed world behind a validating resolver."""

import json
import subprocess

import pytest

from kit.control import program
from kit.dane import DaneWorld

HEX = "00112233445566778899aabbccddeeff" * 2
RECORDS = f"""
x.good.chat. IN A 127.0.0.1
x.good.chat. IN AAAA ::1
_xmpp-server._tcp.good.chat. IN SRV 0 5 5269 x.good.chat.
_xmpps-server._tcp.good.chat. IN SRV 0 5 443 x.good.chat.
_5269._tcp.x.good.chat. IN TLSA 3 1 1 {HEX}
_443._tcp.x.good.chat. IN TLSA 2 0 1 {HEX}
_xmpp-server._tcp.none.chat. IN SRV 0 5 5269 x.none.chat.
x.none.chat. IN A 127.0.0.1
_xmpp-server._tcp.odd.chat. IN SRV 0 5 5269 x.odd.chat.
x.odd.chat. IN A 127.0.0.1
_5269._tcp.x.odd.chat. IN TLSA 4 1 1 {HEX}
_5269._tcp.x.odd.chat. IN TLSA 3 1 1 00112233
_xmpp-server._tcp.away.chat. IN SRV 0 5 5269 x.open.chat.
_xmpp-server._tcp.changed.chat. IN SRV 0 5 5269 x.changed.chat.
x.changed.chat. IN A 127.0.0.1
_5269._tcp.x.changed.chat. IN TLSA 3 0 2 {HEX}{HEX}
_xmpp-server._tcp.lied.chat. IN SRV 7 7 5269 x.none.chat.
bare.chat. IN A 127.0.0.1
_5269._tcp.bare.chat. IN TLSA 3 1 1 {HEX}
"""
UNSIGNED = {"open.chat.": f"""
_xmpp-server._tcp.open.chat. IN SRV 0 5 5269 x.good.chat.
x.open.chat. IN A 127.0.0.1
_5269._tcp.x.open.chat. IN TLSA 3 1 1 {HEX}
"""}


def change(text):
    """One TLSA record and one SRV record no longer fit their signatures."""
    return text.replace("TLSA\t3 0 2", "TLSA\t3 1 2").replace("SRV\t7 7", "SRV\t7 8")


@pytest.fixture(scope="module", name="world")
def fixture_world(tmp_path_factory):
    made = DaneWorld(tmp_path_factory.mktemp("dane"), lambda process: process, RECORDS, UNSIGNED, change)
    yield made
    made.close()


def lookup(server, domain, *options):
    argv = [program(), "lookup", "--dane", "--type", "s2s", "--server", server, *options, domain]
    return subprocess.run([str(word) for word in argv], capture_output=True, text=True, timeout=60, check=False)


def dane(server, domain):
    """({port: endpoint}, exit status)"""
    done = lookup(server, domain, "--json")
    return {end["port"]: end for end in json.loads(done.stdout)["dane"]["ends"]}, done.returncode


@pytest.mark.parametrize("domain, state, use, status", [
    ("good.chat", "usable", "verify", 0), ("bare.chat", "usable", "verify", 0), ("none.chat", "no-tlsa", "plain", 1),
    ("odd.chat", "tlsa-unusable", "plain", 1), ("open.chat", "srv-insecure", "plain", 1), ("away.chat", "addresses-insecure", "plain", 1),
    ("changed.chat", "tlsa-bogus", "avoid", 3), ("lied.chat", "srv-failed", "avoid", 3)])
def test_each_way_to_be_wrong_is_told_from_the_others(world, domain, state, use, status):
    ends, got = dane(world.address, domain)
    assert (ends[5269]["state"], ends[5269]["use"], got) == (state, use, status), ends[5269]


@pytest.mark.parametrize("how", ["trust-ad", "validate"])
def test_the_same_through_jidnsd_that_trusts_the_resolver_or_validates(world, jidnsd, how):
    believes = ("--trust-ad", "on") if how == "trust-ad" else ("--dnssec", "validate", "--trust-anchor", world.anchor)
    daemon = jidnsd("--upstream", world.address, *believes)
    for domain, state in (("good.chat", "usable"), ("open.chat", "srv-insecure"), ("away.chat", "addresses-insecure"), ("changed.chat", "tlsa-bogus")):
        for _ in range(2):  # asked, and from the cache
            ends, _status = dane(f"127.0.0.1:{daemon.port}", domain)
            assert ends[5269]["state"] == state, ends


def test_nothing_is_secure_through_jidnsd_that_trusts_nobody(world, jidnsd):
    daemon = jidnsd("--upstream", world.address)
    done = lookup(f"127.0.0.1:{daemon.port}", "good.chat")
    assert done.returncode == 1 and "calls nothing secure, not even the root" in done.stdout, done.stdout


def test_tlsa_of_direct_tls_is_at_its_own_port_and_an_authority_makes_names_count(world):
    ends, _ = dane(world.address, "good.chat")
    assert ends[443]["tlsa"]["name"] == "_443._tcp.x.good.chat" and ends[443]["state"] == "usable"
    assert [(n["kind"], n["name"]) for n in ends[443]["names"]] == [
        ("DNS-ID", "x.good.chat"), ("DNS-ID", "good.chat"), ("SRV-ID", "_xmpp-server.good.chat")]
    assert not ends[5269]["names_matter"] and ends[5269]["names"] == []


def test_the_target_name_counts_only_where_srv_is_secure(world):
    ends, _ = dane(world.address, "open.chat")
    assert [n["name"] for n in ends[5269]["names"]] == ["open.chat", "_xmpp-server.open.chat"]


def test_text_says_why_and_what_programs_make_of_it(world):
    text = lookup(world.address, "odd.chat").stdout
    assert "no DANE, an authority has to vouch: no TLSA record can be used" in text
    assert "TLSA 4 1 1 0011223344556677...: of no use, its usage is above 3" in text
    assert "s2s, prosody-dane: goes as without DANE to x.odd.chat port 5269" in text
    text = lookup(world.address, "changed.chat").stdout
    assert "must not connect, says DANE: the answer to TLSA does not validate" in text
