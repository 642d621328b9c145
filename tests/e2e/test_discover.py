"""Encrypted ways to the servers of resolv.conf (RFC 9462): the server tells of one in SVCB of _dns.resolver.arpa, and that one has
to prove that it is for the server's address before any question goes over it."""

import itertools
import json
import os
import shutil
import time

import dns.message
import dns.rcode
import dns.rrset
import pytest

from kit.ask import ask
from kit.certs import NAME
from kit.control import jidns
from kit.https_server import HttpsServer
from kit.jidnsd import Jidnsd
from kit.proc import wait_until
from kit.tls_server import RESET, TlsServer

SERVER = "127.0.1.1"
PLAIN, ENCRYPTED = "192.0.2.1", "192.0.2.2"  # which of the two has answered
ASKED = ("_dns.resolver.arpa.", "SVCB")
DOT = f"1 {NAME}. alpn=dot port=8853"
DOH = f'1 {NAME}. alpn=h2 port=8443 key7="/dns-query{{?dns}}"'
WHOLE = bool(os.environ.get("E2E_ALL"))  # else the cases that differ most


@pytest.fixture
def space(namespaces):
    return namespaces("ddr")


def addressed(query, address):
    reply = dns.message.make_response(query)
    if query.question[0].rdtype == dns.rdatatype.A:
        reply.answer = [dns.rrset.from_text(query.question[0].name, 300, "IN", "A", address)]
    return reply


@pytest.fixture
def plain(upstream, space):
    """Makes the plain server, which tells of these ways."""
    def make(*ways, ttl=300, host=SERVER):
        def answer(asked):
            reply = addressed(asked.query, PLAIN)
            if asked.query.question[0].rdtype == dns.rdatatype.SVCB and ways:
                reply.answer = [dns.rrset.from_text(ASKED[0], ttl, "IN", "SVCB", *ways)]
            return reply
        return upstream(answer, port=53, host=host, namespace=space)
    return make


@pytest.fixture
def encrypted(space, authority):
    """Makes the encrypted one, with a certificate for these addresses."""
    made = []

    def make(addresses=(SERVER,), port=8853, kind=TlsServer, host=SERVER, **how):
        credentials = authority.issue(addresses=addresses)
        made.append(space.call(lambda: kind(port, credentials, lambda query: addressed(query, ENCRYPTED), host, **how)))
        return made[-1]
    yield make
    for each in made:
        each.close()


@pytest.fixture
def started(space, folder, track, authority):
    made = []

    def start(*options, discover="verified", servers=(SERVER,)):
        path = folder / "resolv.conf"
        path.write_text("".join(f"nameserver {s}\n" for s in servers))
        words = ["--listen", "127.0.0.1:5301", "--prefetch", "off", "--threads", "1", "--control", folder / "control", "--tls-ca", authority.path,
                 "--resolv-conf", path, *options]
        words += ["--upstream-discover", discover] if discover else []
        made.append(track(Jidnsd(words, folder, listen=False, wrap=space.argv)))
        made[-1].control = folder / "control"
        return made[-1].wait_ready()
    yield start
    for daemon in made:
        daemon.close()


@pytest.fixture
def asks(space):
    """The address that the next name has: it tells which server has said so."""
    count = itertools.count()

    def one():
        reply = space.call(lambda: ask(("127.0.0.1", 5301), f"n{next(count)}.test", "A", edns=0))
        assert reply.rcode() == dns.rcode.NOERROR, reply
        return reply.answer[0][0].address
    return one


def told(server):
    return [s.question for s in server.seen].count(ASKED)


def asked_in_plain(server):
    return [s.name for s in server.seen if s.question != ASKED]


def moves(daemon, over="TLS"):
    daemon.wait_for(lambda: f"asked over {over} at" in daemon.stderr, "a word that the way is used")


def shown(daemon):
    return json.loads(jidns(daemon, "upstreams", "--json").stdout)["upstreams"][0]


def test_questions_move_to_tls_that_has_a_certificate_for_the_plain_servers_address(plain, encrypted, started, asks):
    clear, tls = plain(DOT), encrypted()
    daemon = started()
    moves(daemon)
    assert [asks() for _ in range(3)] == 3 * [ENCRYPTED] and not asked_in_plain(clear)
    assert tls.connections[0].sni == "" and tls.handshakes == 1
    server = shown(daemon)
    assert server["transport"] == "TLS" and server["discovered"] == {"address": f"{SERVER}:8853", "transport": "TLS", "used": True}
    assert server["address"] == f"{SERVER}:53" and server["tls"]["handshakes"] == 1 and told(clear) == 1


def test_and_to_https(plain, encrypted, started, asks):
    clear, _ = plain(DOH), encrypted(port=8443, kind=HttpsServer)
    moves(started(), "HTTPS")
    assert asks() == ENCRYPTED and not asked_in_plain(clear)


def test_the_way_may_be_at_another_address_if_its_certificate_is_for_the_first(plain, encrypted, started, asks):
    plain(f"{DOT} ipv4hint=127.0.1.9")
    encrypted(host="127.0.1.9")
    moves(started())
    assert asks() == ENCRYPTED


def test_not_to_one_whose_certificate_is_for_the_other_address_and_the_log_says_so(plain, encrypted, started, asks):
    plain(f"{DOT} ipv4hint=127.0.1.9")
    tls = encrypted(addresses=("127.0.1.9",), host="127.0.1.9")
    daemon = started()
    daemon.wait_for(lambda: "the encrypted way that it tells of can't be used" in daemon.stderr, "a word that it is not")
    assert asks() == PLAIN and tls.text == 0
    assert f"upstream's certificate is for another name or address than {SERVER}:53" in daemon.stderr
    server = shown(daemon)
    assert server["transport"] == "UDP" and not server["discovered"]["used"] and server["tls"]["failure"] == "certificate-name"
    wait_until(lambda: len(tls.connections) > 1, 5)
    assert daemon.stderr.count("can't be used") == 1 and daemon.stderr.count("another name or address") == 1


def test_not_to_one_with_the_servers_name_alone(plain, encrypted, started, asks):
    plain(DOT)
    tls = encrypted(addresses=())
    daemon = started()
    daemon.wait_for(lambda: "can't be used" in daemon.stderr, "a word that it is not")
    assert asks() == PLAIN and tls.text == 0


def test_a_server_that_tells_of_none_is_asked_for_it_once_and_goes_on_in_plain(plain, started, asks):
    clear = plain()
    daemon = started()
    daemon.wait_for(lambda: "tells of no encrypted way" in daemon.stderr, "a word about it")
    assert [asks() for _ in range(20)] == 20 * [PLAIN] and told(clear) == 1


@pytest.mark.parametrize("how", ["reset", *WHOLE * ("gone", "silent")])
def test_no_client_notices_that_the_encrypted_one_goes_and_it_is_used_again_when_it_is_back(plain, encrypted, started, asks, how):
    plain(DOT)
    tls = encrypted()
    daemon = started()
    moves(daemon)
    assert asks() == ENCRYPTED
    certificate = tls.credentials
    if how == "gone":
        tls.mood.plain, _ = True, tls.end(RESET)
    elif how == "reset":
        tls.mood.ends_after_handshake, _ = RESET, tls.end(RESET)
    else:
        tls.hush()
        tls.mood.mute = True
    seen = [asks() for _ in range(6)]
    assert set(seen[4:]) == {PLAIN}
    assert daemon.stderr.count("not asked over TLS any more") == 1
    tls.prove_with(certificate, plain=False, mute=False, ends_after_handshake="")
    assert wait_until(lambda: asks() == ENCRYPTED, 15, 0.3)


NOT_ASKED = {"default": ((), None), "named": (("--upstream", SERVER), "verified"), **({"off": ((), "off")} if WHOLE else {})}


@pytest.mark.parametrize("options, discover", NOT_ASKED.values(), ids=NOT_ASKED.keys())
def test_no_server_is_asked_for_it_unless_that_is_set_and_it_is_one_of_resolv_conf(plain, encrypted, started, asks, options, discover):
    clear, tls = plain(DOT), encrypted()
    daemon = started(*options, discover=discover)
    assert [asks() for _ in range(3)] == 3 * [PLAIN]
    time.sleep(0.3)
    assert told(clear) == 0 and not tls.connections
    with open(f"/proc/{daemon.child.pid}/maps", encoding="utf-8") as maps:
        assert "libssl" not in maps.read()


def test_another_server_in_resolv_conf_is_asked_anew(plain, encrypted, started, asks, folder):
    plain(DOT)
    encrypted()
    daemon = started()
    moves(daemon)
    other = plain(host="127.0.1.2")
    (folder / "resolv.conf").write_text("nameserver 127.0.1.2\n")
    daemon.wait_for(lambda: "127.0.1.2:53 tells of no encrypted way" in daemon.stderr, "a word about it")
    assert asks() == PLAIN and told(other) == 1
    (folder / "resolv.conf").write_text(f"nameserver {SERVER}\n")
    assert wait_until(lambda: asks() == ENCRYPTED, 5, 0.1)


@pytest.mark.parametrize("why", ["name", *WHOLE * ("closed", "silent")])
def test_the_next_way_that_the_server_tells_of_is_tried_when_the_best_is_not_proven(why, plain, encrypted, started, asks):
    clear = plain(DOT, f"2 {NAME}. alpn=dot port=8854")
    best = encrypted(addresses=("127.0.1.9",) if why == "name" else (SERVER,), mute=why == "silent") if why != "closed" else None
    second = encrypted(port=8854)
    daemon = started()
    assert [asks() for _ in range(3)] == 3 * [PLAIN], "nobody waits for that"
    moves(daemon)
    assert asks() == ENCRYPTED and second.handshakes == 1 and (best is None or best.text == 0)
    assert shown(daemon)["discovered"]["address"] == f"{SERVER}:8854"
    assert daemon.stderr.count("can't be used") == 0 and told(clear) == 1


@pytest.mark.skipif(not WHOLE, reason="waits for a TTL of half a minute: contrib/check --all")
@pytest.mark.parametrize("later", ["404", "silent", "good"])
def test_no_question_goes_in_plain_while_a_better_way_than_the_one_in_use_is_tried(later, plain, encrypted, started, asks):
    clear = plain(DOH, f"2 {NAME}. alpn=dot port=8853", ttl=30)
    best, second = encrypted(port=8443, kind=HttpsServer, status=404), encrypted()
    daemon = started()
    moves(daemon)
    before = sum(len(c.raw) for c in best.connections)
    best.mood.status, best.mood.mute = 200 if later == "good" else 404, later == "silent"
    if later == "silent":
        best.hush()
    ends = time.monotonic() + 36
    while time.monotonic() < ends:
        asks()
        time.sleep(0.01)
    late = [name for name in asked_in_plain(clear) if f"{name.lower()} A" in best.asked + second.asked]  # on a machine that does other things
    assert asked_in_plain(clear) == late and len(late) < 5
    assert told(clear) == 2 and sum(len(c.raw) for c in best.connections) > before
    assert daemon.stderr.count("asked over TLS at") == 1 and "not asked over" not in daemon.stderr
    assert shown(daemon)["transport"] == ("HTTPS" if later == "good" else "TLS")


def test_the_next_address_of_a_way_is_tried_when_the_first_is_not_proven(plain, encrypted, started, asks):
    plain(f"{DOT} ipv4hint=127.0.1.8,127.0.1.9")
    other = encrypted(addresses=("127.0.1.8",), host="127.0.1.8")
    encrypted(host="127.0.1.9")
    moves(started())
    assert asks() == ENCRYPTED and other.text == 0


def test_authorities_that_root_alone_may_read_hold_while_resolv_conf_changes(plain, encrypted, started, asks, folder, authority):
    plain(DOT)
    plain(DOT, host="127.0.1.2")
    encrypted()
    encrypted(addresses=("127.0.1.2",), host="127.0.1.2")
    secret = folder / "secret"
    secret.mkdir(mode=0o700)
    shutil.copy(authority.path, secret / "ca.pem")
    daemon = started("--tls-ca", secret / "ca.pem")
    moves(daemon)
    assert f"{secret}/ca.pem: the user that jidnsd becomes" in daemon.stderr and "chmod o+r" in daemon.stderr
    (folder / "resolv.conf").write_text("nameserver 127.0.1.2\n")
    daemon.wait_for(lambda: "asked over TLS at 127.0.1.2" in daemon.stderr, "a word that the other is asked")
    assert asks() == ENCRYPTED and daemon.stderr.count("ca.pem") == 1
    done = jidns(daemon, "reload")
    assert done.returncode != 0 and "ca.pem: Permission denied" in done.stdout + done.stderr and "no certificates" not in done.stderr
    assert asks() == ENCRYPTED, "the old settings still hold"
