"""What makes the daemon one for XMPP: addresses in SRV answers, and questions asked before they come."""

import time

import dns.flags
import dns.rdatatype
import pytest

from kit.ask import addresses, ask, ask_fully, query, record_count, records, udp_exchange
from kit.proc import wait_until

FULL = "_xmpp-client._tcp.full.lab"
ONE, TWO = {"192.0.2.11", "2001:db8::11"}, {"192.0.2.12", "192.0.2.13", "2001:db8::12"}
SOON_S = 2
QUIET_S = 0.4


@pytest.fixture
def expanding(relay, jidnsd):
    """Starts a daemon in front of NSD that expands as told and asks nothing ahead."""
    return lambda mode: jidnsd("--upstream", relay.address, "--prefetch", "off", "--expand-srv", mode)


def extra(answer):
    """Types in the additional section beside OPT, which dnspython keeps elsewhere."""
    return {dns.rdatatype.to_text(rrset.rdtype) for rrset in answer.additional}


def test_off_adds_nothing_even_when_everything_is_known(expanding):
    daemon = expanding("off")
    for name, rdtype in (("one.full.lab", "A"), ("one.full.lab", "AAAA"), (FULL, "SRV")) * 2:
        answer = ask(daemon.v4, name, rdtype, edns=0)
        assert answer.answer and not answer.additional


def test_cached_adds_what_is_known_and_asks_for_nothing(relay, expanding):
    daemon = expanding("cached")
    assert not ask(daemon.v4, FULL, "SRV", edns=0).additional
    time.sleep(QUIET_S)
    assert relay.questions() == {(FULL + ".", "SRV")}


def test_cached_adds_addresses_known_before_the_question(expanding):
    daemon = expanding("cached")
    for rdtype in ("A", "AAAA"):
        ask(daemon.v4, "two.full.lab", rdtype)
    for _ in range(2):
        answer = ask(daemon.v4, FULL, "SRV", edns=0)
        assert addresses(answer.additional, "two.full.lab") == TWO
        assert addresses(answer.additional, "one.full.lab") == set()


def test_cached_adds_addresses_learned_after_the_question(expanding):
    daemon = expanding("cached")
    ask(daemon.v4, FULL, "SRV", edns=0)
    for rdtype in ("A", "AAAA"):
        ask(daemon.v4, "one.full.lab", rdtype)

    def added():
        return addresses(ask(daemon.v4, FULL, "SRV", edns=0).additional, "one.full.lab")
    assert wait_until(lambda: added() == ONE, SOON_S), added()


def test_wait_adds_all_addresses_to_the_first_answer(nsd, expanding):
    daemon = expanding("wait")
    truth = ask(nsd.server, FULL, "SRV")
    for _ in range(2):
        answer = ask(daemon.v4, FULL, "SRV", edns=0)
        assert records(answer.answer) == records(truth.answer)
        assert addresses(answer.additional, "one.full.lab") == ONE
        assert addresses(answer.additional, "two.full.lab") == TWO
        assert record_count(answer.additional) == len(ONE | TWO)


def test_added_addresses_keep_their_own_ttl(expanding):
    daemon = expanding("wait")
    answer = ask(daemon.v4, FULL, "SRV", edns=0)
    assert all(rrset.ttl in (17999, 18000) for rrset in answer.answer)
    assert all(rrset.ttl in (3599, 3600) for rrset in answer.additional)


def test_a_target_named_twice_is_added_once(expanding):
    daemon = expanding("wait")
    for _ in range(2):
        answer = ask(daemon.v4, "_xmpp-client._tcp.twice.lab", "SRV", edns=0)
        assert len(answer.answer[0]) == 2
        assert addresses(answer.additional, "host.twice.lab") == {"192.0.2.51", "2001:db8:50::1"}
        assert record_count(answer.additional) == 2


@pytest.mark.parametrize("mode", ["cached", "wait"])
def test_the_target_that_says_no_service_is_never_asked_for(relay, expanding, mode):
    daemon = expanding(mode)
    for _ in range(2):
        answer = ask(daemon.v4, "_xmpp-client._tcp.refusing.lab", "SRV", edns=0)
        assert answer.answer[0][0].target.to_text() == "."
        assert not answer.additional
    time.sleep(QUIET_S)
    assert relay.questions() == {("_xmpp-client._tcp.refusing.lab.", "SRV")}


def test_targets_without_addresses_do_not_spoil_the_answer(nsd, expanding):
    daemon = expanding("wait")
    truth = ask(nsd.server, "_xmpp-client._tcp.broken.lab", "SRV")
    for _ in range(2):
        answer = ask(daemon.v4, "_xmpp-client._tcp.broken.lab", "SRV", edns=0)
        assert records(answer.answer) == records(truth.answer)
        assert extra(answer) <= {"A", "CNAME"}
        assert addresses(answer.additional, "nowhere.broken.lab") == set()


@pytest.mark.parametrize("mode", ["cached", "wait"])
@pytest.mark.parametrize("name", ["_xmpp-server._tcp.tight.lab", FULL, "_xmpp-client._tcp.twice.lab"])
def test_addresses_never_cause_truncation_nor_push_out_the_answer(nsd, expanding, mode, name):
    daemon = expanding(mode)
    truth = ask(nsd.server, name, "SRV")
    for rrset in truth.answer:
        for target in rrset:
            for rdtype in ("A", "AAAA"):
                ask(daemon.v4, target.target, rdtype)
    for how in ({}, {"edns": 0, "payload": 512}):
        for _ in range(2):
            answer = ask(daemon.v4, name, "SRV", **how)
            assert not answer.flags & dns.flags.TC
            assert records(answer.answer) == records(truth.answer)
    large = udp_exchange(daemon.v4, query(name, "SRV", edns=0, payload=1232).to_wire())
    assert len(large) <= 1232
    assert ask(daemon.v4, name, "SRV", edns=0).additional


def test_half_an_address_set_is_never_added(nsd, expanding):
    daemon = expanding("wait")
    name = "_xmpp-server._tcp.tight.lab"
    for payload in range(512, 1232, 48):
        for rrset in ask(daemon.v4, name, "SRV", edns=0, payload=payload).additional:
            truth = ask(nsd.server, rrset.name, rrset.rdtype)
            assert records([rrset]) == records(truth.answer), payload


def test_added_addresses_leave_when_their_own_ttl_is_over(relay, expanding):
    daemon, name = expanding("cached"), "_xmpp-client._tcp.briefhost.lab"
    ask(daemon.v4, "briefhost.lab", "AAAA")
    answer = ask(daemon.v4, name, "SRV", edns=0)
    assert addresses(answer.additional, "briefhost.lab") == {"2001:db8::98"}
    assert answer.additional[0].ttl <= 2 < answer.answer[0].ttl
    time.sleep(2.2)
    answer = ask(daemon.v4, name, "SRV", edns=0)
    assert answer.answer and not answer.additional
    assert len(relay.asked(name + ".", "SRV")) == 1


def test_without_prefetch_only_what_is_asked_is_asked(relay, proxy):
    ask(proxy.v4, FULL, "SRV")
    time.sleep(QUIET_S)
    assert relay.questions() == {(FULL + ".", "SRV")}


@pytest.mark.parametrize("how", [{}, {"edns": 0}, {"do": True}], ids=["plain", "edns", "do"])
def test_prefetch_asks_for_the_targets_before_the_client_does(relay, jidnsd, how):
    daemon = jidnsd("--upstream", relay.address, "--prefetch", "on")
    ask(daemon.v4, FULL, "SRV", **how)
    wanted = {(f"{host}.full.lab.", rdtype) for host in ("one", "two") for rdtype in ("A", "AAAA")}
    assert wait_until(lambda: wanted <= relay.questions(), SOON_S), relay.questions()
    time.sleep(QUIET_S)
    before = len(relay.seen)
    for host, rdtype in sorted(wanted):
        assert ask(daemon.v4, host, rdtype, **how).answer
    assert len(relay.seen) == before, "asked again although fetched ahead"


@pytest.mark.parametrize("side", ["client", "server"])
def test_prefetch_asks_for_the_whole_family_and_no_more(relay, jidnsd, side):
    daemon = jidnsd("--upstream", relay.address, "--prefetch", "on")
    ask(daemon.v4, f"_xmpps-{side}._tcp.full.lab", "SRV")
    wanted = {(f"_xmpps-{side}._tcp.full.lab.", "SRV"), (f"_xmpp-{side}._tcp.full.lab.", "SRV")}
    hosts = ("full.lab.", "one.full.lab.", "two.full.lab.")
    wanted |= {(host, rdtype) for host in hosts for rdtype in ("A", "AAAA")}
    assert wait_until(lambda: wanted <= relay.questions(), SOON_S), wanted - relay.questions()
    time.sleep(QUIET_S)
    assert relay.questions() == wanted
    assert len(relay.seen) == len(wanted), "each question once"


def test_prefetch_leaves_names_alone_that_are_not_xmpp(relay, jidnsd):
    daemon = jidnsd("--upstream", relay.address, "--prefetch", "on")
    for name, rdtype in (("full.lab", "MX"), ("_xmppconnect.full.lab", "TXT"), ("hop0.lab", "A")):
        assert ask_fully(daemon.v4, name, rdtype).answer
    time.sleep(QUIET_S)
    assert relay.questions() == {("full.lab.", "MX"), ("_xmppconnect.full.lab.", "TXT"), ("hop0.lab.", "A")}


def test_prefetch_never_asks_for_the_target_that_says_no_service(relay, jidnsd):
    daemon = jidnsd("--upstream", relay.address, "--prefetch", "on")
    ask(daemon.v4, "_xmpp-server._tcp.refusing.lab", "SRV")
    time.sleep(QUIET_S)
    assert not relay.asked(".")
