"""DNS over TLS to a server of the test's own, which proves itself wrongly, closes, cuts, stalls, and says what it saw: above all
that no question reached it before it was proven, and that no client was told of its moods."""

import concurrent.futures
import json
import os
import socket
import ssl
import time

import dns.edns
import dns.message
import dns.rcode
import dns.rrset
import pytest

from kit.ask import ask, ask_at_once, rcodes, timed
from kit.certs import NAME, Authority
from kit.control import jidns
from kit.netns import free_ports
from kit.proc import wait_until
from kit.tls_server import RESET, TlsServer, answer_a

RTT_S = 0.04
SLACK_S = 0.25  # of a machine that does other things
WHOLE = bool(os.environ.get("E2E_ALL"))  # else the cases that differ most


@pytest.fixture
def server(authority):
    """Makes servers over TLS; closed, and checked, after the test."""
    made = []

    def make(credentials=None, answer=answer_a, **mood):
        made.append(TlsServer(free_ports(), credentials or authority.issue(), answer, **mood))
        return made[-1]
    yield make
    for each in made:
        each.close()


@pytest.fixture
def strict(jidnsd, authority):
    """Starts the daemon with servers over TLS that must prove to be NAME."""
    def start(*servers, name=f"#{NAME}", options=(), **how):
        upstreams = [word for s in servers for word in ("--upstream", f"tls://{s.host}:{s.port}{name}")]
        return jidnsd(*upstreams, "--tls-ca", authority.path, "--prefetch", "off", "--expand-srv", "off", *options, **how)
    return start


def ede(reply):
    return " ".join(option.text or "" for option in reply.options if isinstance(option, dns.edns.EDEOption))


# ---- who is believed ----

def test_a_proven_server_is_asked_by_its_name_with_alpn_dot(server, strict):
    tls = server()
    daemon = strict(tls)
    assert ask(daemon.v4, "a.test").answer[0][0].to_text() == "192.0.2.1"
    seen = tls.connections[0]
    assert (seen.sni, seen.alpn, seen.version) == (NAME, "dot", "TLSv1.3")


def test_a_server_without_alpn_is_fine(server, strict):
    assert ask(strict(server(alpn=())).v4, "a.test").rcode() == dns.rcode.NOERROR


def test_a_server_is_proven_by_its_address_when_it_has_no_name(server, strict, authority):
    tls = server(authority.issue(names=(), addresses=("127.0.0.1",)))
    daemon = strict(tls, name="")
    assert ask(daemon.v4, "a.test").rcode() == dns.rcode.NOERROR
    assert tls.connections[0].sni == ""


def test_a_pin_alone_proves_whoever_signed(server, jidnsd, authority):
    credentials = authority.issue(self_signed=True)
    tls = server(credentials)
    daemon = jidnsd("--upstream", f"tls://127.0.0.1:{tls.port}#{NAME}", "--tls-pin", credentials.pin)
    assert ask(daemon.v4, "a.test").rcode() == dns.rcode.NOERROR


def test_an_intermediate_that_is_sent_along_proves(server, strict, authority):
    middle = Authority(authority.folder, "Intermediate", signed_by=authority)
    assert ask(strict(server(middle.issue(above=(middle,)))).v4, "a.test").rcode() == dns.rcode.NOERROR


def faulty(kind, authority):
    """Credentials and mood of a server that is not to be asked anything, and a word of the reason that is named."""
    other = Authority(authority.folder, f"Other {kind}")
    middle = Authority(authority.folder, f"Middle {kind}", signed_by=authority)
    return {
        "expired": lambda: (authority.issue(begins=-30, ends=-1), {}, "expired"),
        "not-yet": lambda: (authority.issue(begins=20, ends=30), {}, "not yet valid|not valid yet|clock"),
        "wrong-name": lambda: (authority.issue(names=("other.test",)), {}, "name"),
        "self-signed": lambda: (authority.issue(self_signed=True), {}, "self-signed|self-made|authority|CA|unknown"),
        "other-authority": lambda: (other.issue(), {}, "authority|CA|unknown"),
        "incomplete": lambda: (middle.issue(), {}, "authority|CA|unknown|incomplete"),
        "old-tls": lambda: (authority.issue(), {"oldest": ssl.TLSVersion.TLSv1, "newest": ssl.TLSVersion.TLSv1_1}, "handshake|version"),
        "plain-tcp": lambda: (authority.issue(), {"plain": True}, "handshake|tls"),
        "huge-chain": lambda: (authority.issue(many=600), {}, "handshake|tls|large|long"),
    }[kind]()


FAULTS = ("expired", "not-yet", "wrong-name", "self-signed", "other-authority", "incomplete", "old-tls", "plain-tcp", "huge-chain")


@pytest.mark.parametrize("fault", FAULTS)
def test_an_unproven_server_hears_not_an_octet_of_a_question(fault, server, strict, authority):
    credentials, mood, words = faulty(fault, authority)
    tls = server(credentials, **mood)
    daemon = strict(tls)
    took, reply = timed(ask, daemon.v4, "secret-name.test", "A", edns=0)
    assert reply.rcode() == dns.rcode.SERVFAIL and took < 1
    assert not tls.asked and (fault == "plain-tcp" or tls.text == 0)
    assert not any(b"secret" in c.raw for c in tls.connections)
    said = (ede(reply) + daemon.stderr).lower()
    assert any(word.lower() in said for word in words.split("|")), said


def test_a_key_other_than_the_pinned_one_hears_not_an_octet(server, strict, authority):
    tls = server()
    daemon = strict(tls, options=("--tls-pin", authority.issue().pin))
    took, reply = timed(ask, daemon.v4, "secret-name.test", "A", edns=0)
    assert reply.rcode() == dns.rcode.SERVFAIL and took < 1
    assert tls.text == 0
    assert "pin" in (ede(reply) + daemon.stderr).lower()


def test_an_address_that_the_certificate_lacks_hears_not_an_octet(server, strict, authority):
    tls = server(authority.issue(names=(NAME,), addresses=("192.0.2.53",)))
    daemon = strict(tls, name="")
    assert ask(daemon.v4, "secret-name.test").rcode() == dns.rcode.SERVFAIL
    assert tls.text == 0


@pytest.mark.parametrize("fault", FAULTS)
def test_an_unproven_server_beside_a_good_one_is_not_noticed(fault, server, strict, authority):
    credentials, mood, _words = faulty(fault, authority)
    bad, good = server(credentials, **mood), server()
    daemon = strict(bad, good)
    assert rcodes(daemon.v4, [f"n{i}.test" for i in range(20)]) == ["NOERROR"] * 20
    assert not bad.asked and (fault == "plain-tcp" or bad.text == 0)


def test_a_strict_server_is_never_asked_plainly(server, strict, authority):
    credentials, mood, _words = faulty("expired", authority)
    tls = server(credentials, **mood)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:  # the same address, and port 53's transport
        plain.bind((tls.host, tls.port))
        plain.setblocking(False)
        daemon = strict(tls)
        assert ask(daemon.v4, "a.test").rcode() == dns.rcode.SERVFAIL
        with pytest.raises(BlockingIOError):
            plain.recv(512)


def test_a_server_that_proves_itself_later_is_found_again(server, strict, authority):
    tls = server(authority.issue(ends=-1, begins=-9))
    daemon = strict(tls)
    assert ask(daemon.v4, "a.test").rcode() == dns.rcode.SERVFAIL
    tls.prove_with(authority.issue())
    assert wait_until(lambda: ask(daemon.v4, "b.test").rcode() == dns.rcode.NOERROR, 15)


# ---- one connection, kept ----

def test_the_first_question_finds_the_connection_open(server, strict):
    tls = server(delay_s=0.3)
    daemon = strict(tls)
    assert wait_until(lambda: tls.handshakes == 1, 5)
    time.sleep(0.5)
    took, _ = timed(ask, daemon.v4, "a.test")
    assert took < 0.55, "one round trip, not one more for a handshake"
    assert tls.handshakes == 1


def test_an_idle_close_by_the_server_costs_a_handshake_and_nothing_else(server, strict):
    tls = server(delay_s=RTT_S, idle_s=0.5)
    daemon = strict(tls)
    assert ask(daemon.v4, "a.test").rcode() == dns.rcode.NOERROR
    assert wait_until(lambda: not tls.peers, 5)
    took, reply = timed(ask, daemon.v4, "b.test")
    assert reply.rcode() == dns.rcode.NOERROR
    assert took < 3 * RTT_S + SLACK_S
    assert "down" not in daemon.stderr


@pytest.mark.parametrize("idle_s", (1, 2))
def test_an_idle_limit_costs_a_handshake_for_each_gap_that_is_longer(idle_s, server, strict):
    tls = server(idle_s=idle_s)
    daemon = strict(tls)
    for i in range(12):
        assert ask(daemon.v4, f"n{i}.test").rcode() == dns.rcode.NOERROR
        time.sleep(0.3 if i % 4 < 3 else idle_s + 0.5)
    assert tls.handshakes <= 4


def test_a_burst_makes_one_handshake(server, strict):
    tls = server(delay_s=RTT_S, idle_s=0.3)
    daemon = strict(tls, options=("--threads", "1"))
    wait_until(lambda: tls.handshakes and not tls.peers, 5)
    before = tls.handshakes
    assert ask_at_once(daemon.v4, [f"n{i}.test" for i in range(100)]) == ["NOERROR"] * 100
    assert tls.handshakes == before + 1


def test_a_second_handshake_resumes_the_first(server, strict):
    tls = server(idle_s=0.3)
    daemon = strict(tls, options=("--threads", "1"))
    assert ask(daemon.v4, "a.test").rcode() == dns.rcode.NOERROR
    assert wait_until(lambda: not tls.peers, 5)
    assert ask(daemon.v4, "b.test").rcode() == dns.rcode.NOERROR
    assert tls.resumed == tls.handshakes - 1


def test_without_tickets_each_handshake_is_a_whole_one(server, strict):
    tls = server(idle_s=0.3, tickets=0)
    daemon = strict(tls)
    for i in range(3):
        assert ask(daemon.v4, f"n{i}.test").rcode() == dns.rcode.NOERROR
        assert wait_until(lambda: not tls.peers, 5)
    assert tls.resumed == 0


def test_a_connection_gone_silent_is_left_within_700_ms(server, strict):
    tls = server(delay_s=RTT_S)
    daemon = strict(tls)
    for i in range(5):
        assert ask(daemon.v4, f"warm{i}.test").rcode() == dns.rcode.NOERROR
    tls.hush()
    took, reply = timed(ask, daemon.v4, "a.test")
    assert reply.rcode() == dns.rcode.NOERROR
    assert took < 0.7 + SLACK_S


@pytest.mark.parametrize("how", ("close", "no-goodbye", "cut", "reset"))
@pytest.mark.parametrize("answers", (1, 3, 100))
def test_a_close_after_so_many_answers_loses_none(how, answers, server, strict):
    mood = {"close": {}, "no-goodbye": {"says_goodbye": False}, "cut": {"cuts_last": True}, "reset": {"ends_by": RESET}}[how]
    if how == "cut" and answers == 1:
        pytest.skip("a server whose every answer is cut gives none")
    tls = server(ends_after=answers, **mood)
    daemon = strict(tls)
    got = rcodes(daemon.v4, [f"n{i}.test" for i in range(120)], 8)
    assert got == ["NOERROR"] * 120


@pytest.mark.parametrize("how", ("close", *WHOLE * ("no-goodbye", "reset")))
def test_a_server_that_cuts_each_answer_is_left_after_a_few_tries_and_named(how, server, strict, folder):
    mood = {"close": {}, "no-goodbye": {"says_goodbye": False}, "reset": {"ends_by": RESET}}[how]
    tls = server(ends_after=1, cuts_last=True, **mood)
    daemon = strict(tls, options=("--threads", "1", "--control", folder / "control"))
    daemon.control = folder / "control"
    took, reply = timed(ask, daemon.v4, "a.test", "A", edns=0)
    assert reply.rcode() == dns.rcode.SERVFAIL and took < 2.5
    assert 1 <= len(tls.asked) <= 8, tls.asked
    assert "connection" in ede(reply)
    daemon.wait_for(lambda: "is down" in daemon.stderr, "a word that the server is down")
    before = tls.handshakes
    got = rcodes(daemon.v4, [f"n{i}.test" for i in range(50)], 8)
    assert set(got) == {"SERVFAIL"} and tls.handshakes - before < 10
    assert json.loads(jidns(daemon, "stats", "--json").stdout)["counters"]["reply_cut"] == len(tls.asked)


def test_a_server_that_cuts_each_answer_beside_a_good_one_is_hardly_noticed(server, strict):
    bad, good = server(ends_after=1, cuts_last=True), server()
    daemon = strict(bad, good, options=("--threads", "1", "--upstream-policy", "order"))
    took = [timed(ask, daemon.v4, f"n{i}.test") for i in range(20)]
    assert all(reply.rcode() == dns.rcode.NOERROR and t < 1 for t, reply in took)
    assert sum(t for t, _ in took) < 2 and len(bad.asked) < 20


def test_a_server_that_closes_after_the_handshake_is_named(server, strict):
    tls = server(ends_after_handshake="close")
    took, reply = timed(ask, strict(tls).v4, "a.test")
    assert reply.rcode() == dns.rcode.SERVFAIL and took < 5
    assert tls.handshakes < 50, "it is not tried without end"


def test_keys_and_tickets_renewed_while_idle_break_nothing(server, strict):
    tls = server()
    daemon = strict(tls)
    for i in range(4):
        assert ask(daemon.v4, f"n{i}.test").rcode() == dns.rcode.NOERROR
        tls.renew()
        time.sleep(0.1)
    assert tls.handshakes == 1


@pytest.mark.parametrize("piece", (1, 7, 1400))
def test_records_cut_anywhere_are_put_together(piece, server, strict):
    tls = server(piece=piece, gap_s=0.0001)
    assert set(rcodes(strict(tls).v4, [f"n{i}.test" for i in range(5)])) == {"NOERROR"}


def test_answers_out_of_order_find_their_questions(server, strict):
    def answer(query):
        reply = answer_a(query)
        last = int(query.question[0].name.labels[0][1:])
        reply.answer = [dns.rrset.from_text(query.question[0].name, 60, "IN", "A", f"192.0.2.{last}")]
        return reply
    tls = server(answer=answer, turns=0.1)
    daemon = strict(tls)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda i: ask(daemon.v4, f"n{i}.test"), range(64)))
    assert [r.answer[0][0].to_text() for r in replies] == [f"192.0.2.{i}" for i in range(64)]


def test_an_answer_of_65535_octets_comes_whole(server, strict):
    def answer(query):
        reply = dns.message.make_response(query)
        texts = [f'"{i:05}{"x" * 250}"' for i in range(235)]
        reply.answer = [dns.rrset.from_text_list(query.question[0].name, 60, "IN", "TXT", texts)]
        return reply
    daemon = strict(server(answer=answer))
    reply = ask(daemon.v4, "big.test", "TXT", tcp=True)
    assert len(reply.answer[0]) == 235


# ---- what can be seen from outside ----

def test_every_question_is_a_multiple_of_128_octets(server, strict):
    tls = server()
    daemon = strict(tls)
    names = [f"{'x' * n}.{'y' * (n % 60 + 1)}.test" for n in range(1, 64, 3)]
    assert set(rcodes(daemon.v4, names)) == {"NOERROR"}
    assert {size % 128 for size in tls.sizes} == {0}


def test_without_encrypted_servers_no_openssl_is_loaded(jidnsd, upstream):
    plain = upstream(lambda asked: answer_a(asked.query))
    daemon = jidnsd("--upstream", plain.address)
    assert ask(daemon.v4, "a.test").rcode() == dns.rcode.NOERROR
    with open(f"/proc/{daemon.child.pid}/maps", encoding="ascii") as maps:
        assert not any(word in maps.read() for word in ("libssl", "libcrypto", "libnghttp2"))
