"""What RFCs ask of a forwarder, seen from outside: by clients, and by servers that a script plays. doc/rfc.md lists all."""

import socket
import struct
import time

import dns.edns
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from kit import lies
from kit.ask import Stream, ask, frame, query, udp_exchange
from kit.proc import wait_until

COOKIE, KEEPALIVE, EDE, ECS, NSID, PADDING = 10, 11, 15, 8, 3, 12
NOT_AUTHORITATIVE, NOT_SUPPORTED = 20, 21


def answer_to(asked):
    return lies.answer(asked.query)


def with_option(name, code, data, **how):
    message = query(name, "A", **how)
    message.use_edns(0, payload=1232, options=[dns.edns.GenericOption(code, data)])
    return message


def option(message, code):
    """The octets of an option of a message, or None."""
    for each in message.options:
        if int(each.otype) == code:
            return each.data if isinstance(each, dns.edns.GenericOption) else each.to_wire()
    return None


def ede(message):
    data = option(message, EDE)
    return struct.unpack("!H", data[:2])[0] if data else None


@pytest.fixture(name="front")
def fixture_front(jidnsd, upstream):
    """A daemon before an upstream that answers all A questions, and the upstream."""
    def start(handler=answer_to, *options):
        server = upstream(handler)
        return jidnsd("--upstream", server.address, "--prefetch", "off", *options), server
    return start


# ---- the message ----

@pytest.mark.parametrize("tcp", [False, True])
@pytest.mark.parametrize("rdtype", ["AXFR", "IXFR", "TKEY", "TSIG"])
def test_rfc5936_transfers_are_refused_over_udp_and_tcp(front, rdtype, tcp):
    daemon, server = front()
    reply = ask(daemon.v4, query("lab", rdtype, edns=0), tcp=tcp)
    assert reply.rcode() == dns.rcode.REFUSED and ede(reply) == NOT_SUPPORTED
    assert not server.seen


@pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 6, 15])
def test_rfc6895_opcodes_other_than_query_are_not_implemented(front, code):
    daemon, server = front()
    message = query("one.lab", "SOA", edns=0)
    wire = bytearray(message.to_wire())
    wire[2] = code << 3
    reply = udp_exchange(daemon.v4, bytes(wire))
    assert reply[3] & 15 == dns.rcode.NOTIMP and reply[2] == 0x80 | code << 3
    assert reply[10:12] == b"\0\1", "it has OPT, RFC 6891 section 6.1.1"
    assert not server.seen


def test_rfc8914_without_rd_only_what_is_here(front):
    daemon, server = front()
    message = query("here.lab", "A", edns=0)
    message.flags &= ~dns.flags.RD
    reply = ask(daemon.v4, message)
    assert reply.rcode() == dns.rcode.REFUSED and ede(reply) == NOT_AUTHORITATIVE
    ask(daemon.v4, "here.lab")
    reply = ask(daemon.v4, message)
    assert reply.answer and not reply.flags & (dns.flags.RD | dns.flags.AA)
    assert len(server.seen) == 1


def test_rfc4892_version_and_identity_are_told_when_set(front):
    daemon, _ = front(answer_to, "--identity", "ns1.lab", "--version-bind", "none of yours")
    for name, text in (("id.server", "ns1.lab"), ("hostname.bind", "ns1.lab"), ("version.bind", "none of yours")):
        message = dns.message.make_query(name, "TXT", "CH")
        assert text in ask(daemon.v4, message).answer[0].to_text()
    silent, _ = front()
    for name in ("id.server", "hostname.bind", "version.bind", "authors.bind"):
        assert ask(silent.v4, dns.message.make_query(name, "TXT", "CH")).rcode() == dns.rcode.REFUSED


def test_rfc2782_srv_targets_leave_uncompressed_however_they_came(front):
    def careless(asked):
        reply = dns.message.make_response(asked.query)
        wire = bytearray(reply.to_wire())
        wire[7], wire[11] = 1, 0
        question = len(query("_x._tcp.d.lab", "SRV").to_wire())
        srv = b"\xc0\x0c\0\x21\0\1\0\0\0\x3c\0\x0b\0\1\0\2\x14\x66\2h1" + struct.pack("!H", 0xC000 | 12 + 8)
        return bytes(wire[:question]) + srv
    daemon, _ = front(careless)
    wire = udp_exchange(daemon.v4, query("_x._tcp.d.lab", "SRV").to_wire())
    assert wire.endswith(b"\2h1\1d\3lab\0")


def test_rfc6761_localhost_and_other_worlds_never_reach_a_server(front):
    daemon, server = front()
    assert ask(daemon.v4, "xmpp.localhost", "A").answer[0].to_text().endswith("127.0.0.1")
    assert ask(daemon.v4, "localhost", "AAAA").answer[0].to_text().endswith("::1")
    for name in ("x.invalid", "abcdefgh.onion", "x.alt"):
        reply = ask(daemon.v4, name)
        assert reply.rcode() == dns.rcode.NXDOMAIN and reply.authority
    reply = ask(daemon.v4, "_dns.resolver.arpa", "SVCB")
    assert reply.rcode() == dns.rcode.NOERROR and not reply.answer
    assert not server.seen
    daemon, server = front(answer_to, "--special-names", "off")
    assert ask(daemon.v4, "abcdefgh.onion").answer and server.seen


# ---- EDNS ----

def test_rfc7871_rfc6891_options_go_neither_up_nor_down(front):
    def chatty(asked):
        reply = lies.answer(asked.query)
        reply.use_edns(0, payload=4096, options=[dns.edns.GenericOption(ECS, b"\0\1\x18\x18\xc0\0\2"),
                                                 dns.edns.GenericOption(NSID, b"secret"),
                                                 dns.edns.GenericOption(65001, b"xy")])
        return reply
    daemon, server = front(chatty)
    for n, (code, data) in enumerate([(ECS, b"\0\1\x18\0\xc0\0\2"), (NSID, b""), (PADDING, bytes(100)), (65001, b"z")] * 2):
        reply = ask(daemon.v4, with_option(f"o{n % 4}.lab", code, data))
        assert reply.answer and not reply.options and reply.payload == 1232
    assert len(server.seen) == 4, "one answer is for all"
    assert {code for seen in server.seen for code in seen.options} <= {COOKIE}


def test_rfc7873_a_cookie_is_given_known_again_and_may_be_asked_for_alone(front):
    daemon, _ = front(answer_to, "--threads", "2")
    mine = b"abcdefgh"
    given = option(ask(daemon.v4, with_option("one.lab", COOKIE, mine)), COOKIE)
    assert given[:8] == mine and len(given) == 24
    assert abs(struct.unpack("!I", given[12:16])[0] - time.time()) < 10, "seconds since 1970, RFC 9018 section 4.3"
    alone = dns.message.Message()
    for shown, code in ((mine, dns.rcode.NOERROR), (given, dns.rcode.NOERROR),
                        (given[:-1] + bytes([given[-1] ^ 1]), dns.rcode.BADCOOKIE)):
        for _ in range(8):  # other ports, so that both threads are asked
            alone.flags = 0
            alone.use_edns(0, options=[dns.edns.GenericOption(COOKIE, shown)])
            reply = dns.message.from_wire(udp_exchange(daemon.v4, alone.to_wire()))
            assert reply.rcode() == code
            assert option(reply, COOKIE)[:8] == mine and len(option(reply, COOKIE)) == 24


def test_rfc7873_a_real_servers_cookie_is_shown_to_it_from_then_on(relay, jidnsd):
    daemon = jidnsd("--upstream", relay.address, "--prefetch", "off")
    for name in ("one.full.lab", "two.full.lab", "x.hosted.lab"):
        ask(daemon.v4, name, edns=0)
    shown = [option(dns.message.from_wire(seen.wire), COOKIE) for seen in relay.seen]
    assert [len(cookie) for cookie in shown] == [8, 24, 24]
    assert len({cookie[:8] for cookie in shown}) == 1


def test_rfc7828_keepalive_is_for_tcp(front):
    daemon, _ = front()
    asked, wrong = (with_option("one.lab", KEEPALIVE, data) for data in (b"", b"\0\x64"))
    assert option(ask(daemon.v4, asked, tcp=True), KEEPALIVE)
    assert option(ask(daemon.v4, asked), KEEPALIVE) is None
    assert ask(daemon.v4, wrong, tcp=True).rcode() == dns.rcode.FORMERR
    assert ask(daemon.v4, wrong).rcode() == dns.rcode.NOERROR


@pytest.mark.parametrize("how", ["formerr", "notimp", "badvers", "silence"])
def test_rfc6891_servers_without_edns_are_asked_without(front, how):
    def old(asked):
        if asked.query.edns < 0:
            return lies.answer(asked.query)
        if how == "silence":
            return None
        reply = dns.message.make_response(asked.query)
        if how == "badvers":
            reply.set_rcode(dns.rcode.BADVERS)
            return reply
        reply.use_edns(-1)
        reply.set_rcode(dns.rcode.FORMERR if how == "formerr" else dns.rcode.NOTIMP)
        return reply
    daemon, server = front(old)
    for n in range(4):
        assert ask(daemon.v4, f"n{n}.lab", edns=0).answer
    assert len(server.asked("n3.lab.")) == 1, "it is remembered"


@pytest.mark.parametrize("code", [dns.rcode.SERVFAIL, dns.rcode.REFUSED, dns.rcode.NOTAUTH])
def test_rfc8914_a_failure_says_why(front, code):
    def fail(asked):
        reply = dns.message.make_response(asked.query)
        reply.set_rcode(code)
        return reply
    daemon, _ = front(fail)
    reply = ask(daemon.v4, "x.lab", edns=0)
    assert reply.rcode() == dns.rcode.SERVFAIL and ede(reply) is not None
    assert len(option(reply, EDE)) > 2, "in words too"


# ---- TCP ----

def test_rfc7766_answers_come_as_they_are_ready_and_after_a_half_close(front):
    def handler(asked):
        if asked.query.question[0].name.to_text().startswith("slow"):
            time.sleep(0.3)
        return lies.answer(asked.query)
    daemon, _ = front(handler)
    asked = [query(name, "A") for name in ("slow.lab", "quick1.lab", "quick2.lab")]
    with Stream(daemon.v4) as stream:
        stream.sock.sendall(b"".join(frame(q.to_wire()) for q in asked))
        stream.sock.shutdown(socket.SHUT_WR)
        ids = [stream.receive()[:2] for _ in asked]
        assert stream.receive() is None, "and then it is closed"
    assert sorted(ids) == sorted(q.to_wire()[:2] for q in asked)
    assert ids[-1] == asked[0].to_wire()[:2]


def test_rfc7766_64_kilobytes_come_whole_and_one_connection_serves_many_questions(front):
    def large(asked):
        if asked.transport == "udp":
            reply = dns.message.make_response(asked.query)
            reply.flags |= dns.flags.TC
            return reply
        reply = dns.message.make_response(asked.query)
        texts = [f'"{n:0250d}"' for n in range(240)]
        reply.answer.append(dns.rrset.from_text(asked.query.question[0].name, 60, "IN", "TXT", *texts))
        return reply.to_wire(max_size=65535)
    daemon, server = front(large)
    for n in range(3):
        reply = ask(daemon.v4, f"large{n}.lab", "TXT", tcp=True)
        assert len(reply.answer[0]) == 240
    assert len({seen.source for seen in server.asked(transport="tcp")}) == 1


# ---- two of them ----

def test_two_that_forward_to_each_other_do_not_set_the_wire_on_fire(jidnsd, upstream):
    counted = upstream(lambda asked: None)
    daemon = jidnsd("--upstream", counted.address, "--prefetch", "off")
    other = jidnsd("--upstream", f"127.0.0.1:{daemon.port}", "--prefetch", "off")
    reply = ask(other.v4, "round.lab", edns=0)
    assert reply.rcode() == dns.rcode.SERVFAIL
    assert wait_until(lambda: len(counted.seen) >= 3, 2)
    assert len(counted.seen) <= 12
