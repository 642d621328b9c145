"""TLS with plain servers, whoever answers there (--upstream-tls opportunistic): questions move to it when it works, nobody waits when
it does not, everything says that it proves nothing, and encrypted servers stay as strict as they are."""

import json
import os
import shutil
import time

import dns.message
import dns.rcode
import dns.rrset
import pytest

from kit.ask import ask, timed
from kit.certs import NAME
from kit.control import jidns
from kit.jidnsd import Jidnsd
from kit.proc import Process, wait_until
from kit.tls_server import RESET, TlsServer

SERVER = "127.0.1.1"
PLAIN, ENCRYPTED = "192.0.2.1", "192.0.2.2"  # which of the two has answered
WORD = "without proof of who answers there"
WHOLE = bool(os.environ.get("E2E_ALL"))  # else the cases that differ most
CERTIFICATES = [("self-signed", True), ("expired", False), *WHOLE * (("not-yet", False), ("wrong-name", False), ("other-authority", True),
                                                                     ("right", False))]
BROKEN = ["closed", "silent", *WHOLE * ("reset", "no-tls", "closes-after-handshake")]


@pytest.fixture
def space(namespaces):
    return namespaces("opp")


def addressed(query, address):
    reply = dns.message.make_response(query)
    if query.question[0].rdtype == dns.rdatatype.A:
        reply.answer = [dns.rrset.from_text(query.question[0].name, 300, "IN", "A", address)]
    return reply


@pytest.fixture
def plain(upstream, space):
    def make(host=SERVER):
        return upstream(lambda asked: addressed(asked.query, PLAIN), port=53, host=host, namespace=space)
    return make


@pytest.fixture
def encrypted(space, authority):
    made = []

    def make(credentials=None, port=853, host=SERVER, **how):
        credentials = credentials or authority.issue(self_signed=True)
        made.append(space.call(lambda: TlsServer(port, credentials, lambda query: addressed(query, ENCRYPTED), host, **how)))
        return made[-1]
    yield make
    for each in made:
        each.close()


@pytest.fixture
def started(space, folder, track):
    made = []

    def start(*options, tls="opportunistic", servers=(SERVER,), resolv_conf=False):
        words = ["--listen", "127.0.0.1:5301", "--prefetch", "off", "--threads", "1", "--control", folder / "control", *options]
        if resolv_conf:
            (folder / "resolv.conf").write_text("".join(f"nameserver {s}\n" for s in servers))
            words += ["--resolv-conf", folder / "resolv.conf"]
        else:
            words += [word for s in servers for word in ("--upstream", s)]
        words += ["--upstream-tls", tls] if tls else []
        made.append(track(Jidnsd(words, folder, listen=False, wrap=space.argv)))
        made[-1].control = folder / "control"
        return made[-1].wait_ready()
    yield start
    for daemon in made:
        daemon.close()


@pytest.fixture
def asks(space):
    """The address that the next name has: it tells which server has said so. No answer takes long."""
    count = iter(range(1000))

    def one(most_s=0.3):
        took, reply = space.call(lambda: timed(ask, ("127.0.0.1", 5301), f"n{next(count)}.test", "A", edns=0))
        assert reply.rcode() == dns.rcode.NOERROR, reply
        assert took < most_s
        return reply.answer[0][0].address
    return one


def moves(daemon):
    daemon.wait_for(lambda: WORD in daemon.stderr, "a word that TLS is used")


def asked_in_plain(server):
    return [s.name for s in server.seen if s.name.endswith(".test.")]


def shown(daemon, nth=0):
    return json.loads(jidns(daemon, "upstreams", "--json").stdout)["upstreams"][nth]


def counters(daemon):
    return json.loads(jidns(daemon, "stats", "--json").stdout)["counters"]


@pytest.mark.parametrize("kind, resolv_conf", CERTIFICATES)
def test_any_certificate_will_do_and_is_said_to_prove_nothing(kind, resolv_conf, plain, encrypted, started, asks, authority):
    credentials = {"self-signed": lambda: authority.issue(self_signed=True), "expired": lambda: authority.issue(begins=-30, ends=-1),
                   "not-yet": lambda: authority.issue(begins=20, ends=30), "wrong-name": lambda: authority.issue(names=("other.test",)),
                   "other-authority": authority.issue, "right": lambda: authority.issue(addresses=(SERVER,))}[kind]()
    clear, tls = plain(), encrypted(credentials)
    daemon = started(resolv_conf=resolv_conf)
    moves(daemon)
    assert [asks() for _ in range(5)] == 5 * [ENCRYPTED] and not asked_in_plain(clear)
    assert tls.handshakes == 1 and tls.connections[0].sni == "" and {size % 128 for size in tls.connections[0].sizes} == {0}
    server = shown(daemon)
    assert server["transport"] == "TLS" and server["tls"]["failure"] is None and server["tls"]["pin"] == credentials.pin
    assert server["discovered"] == {"address": f"{SERVER}:853", "transport": "TLS", "used": True, "unproven": True}
    text = jidns(daemon, "upstreams").stdout
    assert "TLS, unproven" in text and "nobody has proven who answers there" in text
    assert counters(daemon)["tls_unproven"] == 1 and daemon.stderr.count(WORD) == 1


@pytest.mark.parametrize("how", BROKEN)
def test_nobody_waits_for_tls_that_does_not_work(how, plain, encrypted, started, asks):
    clear = plain()
    moods = {"silent": {"mute": True}, "reset": {"ends_after_handshake": RESET}, "no-tls": {"plain": True},
             "closes-after-handshake": {"ends_after_handshake": "close"}}
    tls = encrypted(**moods[how]) if how != "closed" else None
    daemon = started()
    first = [asks() for _ in range(10)]
    daemon.wait_for(lambda: f"{SERVER}:53: no TLS there" in daemon.stderr, "a word that there is none")
    assert first + [asks() for _ in range(10)] == 20 * [PLAIN] and len(asked_in_plain(clear)) == 20
    assert how == "no-tls" or tls is None or not [q for q in tls.asked if q.startswith("n")]
    server = shown(daemon)
    assert server["transport"] == "UDP" and not server["discovered"]["used"] and server["state"] == "up"
    assert "is not used: asked in plain" in jidns(daemon, "upstreams").stdout
    assert daemon.stderr.count("no TLS there") == 1 and counters(daemon)["downgrades"] == 0


@pytest.mark.parametrize("how", ["reset", *WHOLE * ("gone", "silent")])
def test_no_client_notices_that_tls_goes_and_it_is_used_again_when_it_is_back(how, plain, encrypted, started, asks):
    plain()
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
    seen = [asks(1.0) for _ in range(6)]
    assert set(seen[4:]) == {PLAIN}
    assert daemon.stderr.count("not asked over TLS any more") == 1 and counters(daemon)["downgrades"] == 1
    tls.prove_with(certificate, plain=False, mute=False, ends_after_handshake="")
    assert wait_until(lambda: asks(1.0) == ENCRYPTED, 20, 0.3)


def test_of_two_servers_each_goes_its_own_way(plain, encrypted, started, asks):
    plain()
    plain("127.0.1.2")
    encrypted(host="127.0.1.2")
    daemon = started("--upstream-policy", "spread", servers=(SERVER, "127.0.1.2"))
    moves(daemon)
    daemon.wait_for(lambda: "no TLS there" in daemon.stderr, "a word that there is none")
    assert sorted(asks() for _ in range(6)) == 3 * [PLAIN] + 3 * [ENCRYPTED]


@pytest.mark.parametrize("option", [None, *WHOLE * ("off",)])
def test_without_the_setting_nothing_is_tried_and_nothing_loaded(option, plain, encrypted, started, asks):
    plain()
    tls = encrypted()
    daemon = started(tls=option)
    assert [asks() for _ in range(3)] == 3 * [PLAIN]
    time.sleep(0.3)
    assert not tls.connections
    with open(f"/proc/{daemon.child.pid}/maps", encoding="utf-8") as maps:
        assert "libssl" not in maps.read()


def test_an_encrypted_server_stays_strict_beside_it(encrypted, started, space, authority):
    tls = encrypted(port=8853)
    started("--tls-ca", authority.path, servers=(f"tls://{SERVER}:8853#{NAME}",))
    reply = space.call(lambda: ask(("127.0.0.1", 5301), "secret.test", "A", edns=0))
    assert reply.rcode() == dns.rcode.SERVFAIL and tls.text == 0


def test_the_servers_of_a_domain_are_tried_as_well(plain, encrypted, started, space):
    plain()
    plain("127.0.1.2")
    tls = encrypted(host="127.0.1.2")
    daemon = started("--forward", "corp.example=127.0.1.2")
    moves(daemon)
    reply = space.call(lambda: ask(("127.0.0.1", 5301), "www.corp.example", "A", edns=0))
    assert reply.answer[0][0].address == ENCRYPTED and tls.asked == ["corp.example. SOA", "www.corp.example. A"]


def test_a_proven_way_that_the_server_tells_of_comes_first(upstream, encrypted, started, asks, space, authority):
    def answer(asked):
        reply = addressed(asked.query, PLAIN)
        if asked.query.question[0].rdtype == dns.rdatatype.SVCB:
            reply.answer = [dns.rrset.from_text("_dns.resolver.arpa.", 300, "IN", "SVCB", f"1 {NAME}. alpn=dot port=8853")]
        return reply
    upstream(answer, port=53, host=SERVER, namespace=space)
    guessed, proven = encrypted(), encrypted(authority.issue(addresses=(SERVER,)), port=8853)
    daemon = started("--tls-ca", authority.path, "--upstream-discover", "verified", resolv_conf=True)
    daemon.wait_for(lambda: "asked over TLS at" in daemon.stderr, "a word that TLS is used")
    assert asks() == ENCRYPTED and proven.text and not guessed.connections
    assert "unproven" not in shown(daemon)["discovered"] and WORD not in daemon.stderr


def test_a_reload_and_another_resolv_conf_begin_and_end_it(plain, encrypted, started, asks, folder):
    plain()
    plain("127.0.1.2")
    encrypted()
    second = encrypted(host="127.0.1.2")
    settings = folder / "settings"
    settings.write_text("upstream { tls = opportunistic }\n")
    daemon = started("--config", settings, tls=None, resolv_conf=True)
    moves(daemon)
    assert asks() == ENCRYPTED
    settings.write_text("upstream { tls = off }\n")
    assert jidns(daemon, "reload").returncode == 0
    assert [asks() for _ in range(3)] == 3 * [PLAIN] and "discovered" not in shown(daemon)
    settings.write_text("upstream { tls = opportunistic }\n")
    assert jidns(daemon, "reload").returncode == 0
    assert wait_until(lambda: asks() == ENCRYPTED, 3, 0.1)
    (folder / "resolv.conf").write_text("nameserver 127.0.1.2\n")
    daemon.wait_for(lambda: "asked over TLS at 127.0.1.2:853" in daemon.stderr, "a word that the other is asked")
    assert asks() == ENCRYPTED and second.text


UNBOUND = """
server:
  interface: {address}@53
  interface: {address}@853
  tls-port: 853
  tls-service-key: "{folder}/server.key"
  tls-service-pem: "{folder}/server.pem"
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: "{folder}/unbound.pid"
  do-daemonize: no
  use-syslog: no
  access-control: 127.0.0.0/8 allow
  local-zone: "." static
  local-data: ". 60 IN SOA ns.test. hostmaster.test. 1 60 60 60 60"
  local-data: "a.test. 60 IN A 192.0.2.7"
remote-control:
  control-enable: no
"""


def test_unbound_is_asked_over_tls_that_it_has_beside_port_53(started, space, folder, authority, track):
    if not shutil.which("unbound"):
        pytest.skip("there is no unbound")
    credentials = authority.issue(names=("unbound.test",), self_signed=True)
    shutil.copy(credentials.chain, folder / "server.pem")
    shutil.copy(credentials.key, folder / "server.key")
    (folder / "unbound.conf").write_text(UNBOUND.format(address=SERVER, folder=folder))
    unbound = track(Process("unbound", space.argv(["unbound", "-d", "-c", folder / "unbound.conf"]), folder))
    try:
        daemon = started()
        moves(daemon)
        reply = space.call(lambda: ask(("127.0.0.1", 5301), "a.test", "A", edns=0))
        assert reply.answer[0][0].address == "192.0.2.7"
        assert counters(daemon)["upstream_tls"] >= 2 and counters(daemon)["upstream_udp"] == 0
    finally:
        unbound.stop()
