"""Real XMPP programs while their DNS is slow, silent or broken: they wait less, and never go to the wrong host."""

import time

import dns.message
import pytest

from kit.ask import ask, timed
from kit.upstream import always, relay_to, silent
from kit.xmpp import Host, Network, deliver, start_ejabberd, start_prosody

TTL_S = 2
SLOW_S = 0.9  # slixmpp gives up its question after 1 s
WRONG_HOST = "192.0.2.254"  # where capulet.lab and montague.lab themselves lead


class Moody:
    """An upstream some way off whose answers live for TTL_S; its mood can be changed."""

    def __init__(self, server):
        self.honest = relay_to(*server)
        self.slow = set()
        self.delay_s = 0.04
        self.mood = None  # or a handler that answers everything

    def __call__(self, asked):
        if self.mood:
            return self.mood(asked)
        question = asked.query.question[0]
        slow = (question.name.to_text().lower(), dns.rdatatype.to_text(question.rdtype)) in self.slow
        time.sleep(SLOW_S if slow else self.delay_s)
        reply = dns.message.from_wire(self.honest(asked))
        for rrset in reply.answer + reply.authority + reply.additional:
            rrset.ttl = min(rrset.ttl, TTL_S)
        return reply


@pytest.fixture
def moody(nsd):
    return Moody(nsd.server)


@pytest.fixture
def moody_host(moody, namespaces, tmp_path, track):
    """Makes hosts, each with a daemon, whose upstream is the moody one."""
    assert namespaces
    network, made = Network(moody), []

    def make(name, number, *options):
        made.append(Host(network, name, number, tmp_path, track, *options))
        return made[-1]
    yield make
    for each in made:
        each.close()
    network.close()


def walk(host, other, server=("127.0.0.1", 53), do=True):
    """What a server looks up to reach another domain (with DO, as libunbound asks), one step after the other: the wait in
    seconds and all answers."""
    answers = []

    def steps():
        for service in ("xmpps-server", "xmpp-server"):
            answers.append(ask(server, f"_{service}._tcp.{other}", "SRV", do=do))
        for rdtype in ("A", "AAAA"):
            answers.append(ask(server, f"federation.{other}", rdtype, do=do))
    wait_s, _ = timed(host.space.call, steps)
    return wait_s, answers


def login_walk(host, domain):
    """What slixmpp looks up to log in."""
    def steps():
        ask(("127.0.0.1", 53), f"_xmpp-client._tcp.{domain}", "SRV")
        for rdtype in ("AAAA", "A"):
            ask(("127.0.0.1", 53), f"chat.{domain}", rdtype)
    host.space.call(steps)


def let_all_expire():
    time.sleep(TTL_S + 0.3)


def test_a_server_waits_at_most_two_thirds_cold_and_not_at_all_warm(moody, moody_host):
    moody.delay_s = 0.25  # large beside what this test's own upstream takes for itself
    host = moody_host("capulet", 0)
    direct_s, _ = walk(host, "montague.lab", (host.upstream_address, 53))
    cold_s, _ = walk(host, "montague.lab")
    warm_s, _ = walk(host, "montague.lab")
    assert cold_s <= direct_s * 2 / 3
    assert warm_s < moody.delay_s


def test_slixmpp_logs_in_though_the_srv_answer_takes_900_ms(moody, moody_host):
    moody.slow.add(("_xmpp-client._tcp.capulet.lab.", "SRV"))
    host = moody_host("capulet", 0)
    start_prosody(host, "capulet.lab", "juliet", 15222, 15269)
    client = host.client("juliet", "capulet.lab")
    client.wait_for(lambda: "online" in client.stdout, "login", 15)
    assert WRONG_HOST not in client.stderr


@pytest.mark.parametrize("mood", [silent, always(2)], ids=["silent", "SERVFAIL"])
def test_what_ran_out_is_still_found_within_a_second(moody, moody_host, mood):
    host = moody_host("capulet", 0)
    _, fresh = walk(host, "montague.lab")
    let_all_expire()
    moody.mood = mood
    wait_s, stale = walk(host, "montague.lab")
    assert wait_s < 1
    assert [a.rcode() for a in stale] == [a.rcode() for a in fresh]
    assert [a.answer for a in stale] == [a.answer for a in fresh]


@pytest.mark.parametrize("server, do", [(start_prosody, True), (start_ejabberd, False)], ids=["prosody", "ejabberd"])
@pytest.mark.parametrize("mood", [silent, always(2)], ids=["silent", "SERVFAIL"])
def test_a_message_is_delivered_though_all_records_ran_out(moody, moody_host, server, do, mood):
    here, there = moody_host("capulet", 0), moody_host("montague", 1)
    server(here, "capulet.lab", "juliet", 15222, 15269)
    start_prosody(there, "montague.lab", "romeo", 25222, 25269)
    for host, home, other, how in ((here, "capulet.lab", "montague.lab", do), (there, "montague.lab", "capulet.lab", True)):
        login_walk(host, home)
        walk(host, other, do=how)
    let_all_expire()
    moody.mood = mood
    deliver(here, there)
    for process in here.started + there.started:
        assert f"{WRONG_HOST}:" not in process.stderr + process.stdout, process.name
