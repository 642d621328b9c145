"""Real XMPP programs while their DNS is slow, silent or broken: they wait less, and never go to the wrong host."""

import os
import time

import pytest

from kit.ask import ask, timed
from kit.moody import TTL_S
from kit.upstream import always, silent
from kit.xmpp import WATCHED_PORT, deliver, start_ejabberd, start_prosody, start_prosody_without_unbound

SERVERS = {"prosody": (start_prosody, True), "prosody's own resolver": (start_prosody_without_unbound, False),
           "ejabberd": (start_ejabberd, False)}
MOODS = {"silent": silent, "SERVFAIL": always(2)}
WHOLE = bool(os.environ.get("E2E_ALL"))  # else each server and each mood once
PAIRS = [(server, mood) for server in SERVERS for mood in MOODS] if WHOLE else \
    [("prosody", "silent"), ("prosody's own resolver", "SERVFAIL"), ("ejabberd", "SERVFAIL")]
DELIVERED = {f"{mood}-{server}": (*SERVERS[server], MOODS[mood]) for server, mood in PAIRS}
WRONG_HOST = "192.0.2.254"  # where capulet.lab and montague.lab themselves lead


JIDNSD = ("127.0.0.1", WATCHED_PORT)


def walk(host, other, do=True):
    """What a server looks up to reach another domain (with DO, as libunbound asks), one step after the other: the wait in
    seconds and all answers."""
    answers = []

    def steps():
        for service in ("xmpps-server", "xmpp-server"):
            answers.append(ask(JIDNSD, f"_{service}._tcp.{other}", "SRV", do=do))
        for rdtype in ("A", "AAAA"):
            answers.append(ask(JIDNSD, f"federation.{other}", rdtype, do=do))
    wait_s, _ = timed(host.space.call, steps)
    return wait_s, answers


def login_walk(host, domain):
    """What slixmpp looks up to log in."""
    def steps():
        ask(JIDNSD, f"_xmpp-client._tcp.{domain}", "SRV")
        for rdtype in ("AAAA", "A"):
            ask(JIDNSD, f"chat.{domain}", rdtype)
    host.space.call(steps)


def let_all_expire():
    time.sleep(TTL_S + 0.3)


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


@pytest.mark.parametrize("server, do, mood", DELIVERED.values(), ids=list(DELIVERED))
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
    assert here.waited_s("montague.lab") + there.waited_s("capulet.lab") < 1
    for process in here.started + there.started:
        assert f"{WRONG_HOST}:" not in process.stderr + process.stdout, process.name
