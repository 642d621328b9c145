"""What the daemon makes of packets and connections that nobody should send."""

import random
import socket
import time

import dns.message
import pytest

from kit import packets
from kit.ask import Stream, ask, frame, query, udp_exchange

SILENCE_S = 0.3


def assert_works(server):
    """A plain question is answered over UDP and over TCP."""
    assert ask(server, "one.full.lab", "A").answer
    assert ask(server, "one.full.lab", "A", tcp=True).answer


@pytest.mark.parametrize("what", packets.MALFORMED)
def test_malformed_datagrams_get_what_they_deserve(proxy, what):
    wire, right = packets.MALFORMED[what]
    reply = udp_exchange(proxy.v4, wire, SILENCE_S)
    assert packets.rcode_of(reply) in right
    if reply:
        assert reply[:2] == wire[:2] and reply[2] & 0x80
        assert len(reply) <= max(len(wire), 12) + 11, "no amplification"
    assert_works(proxy.v4)


@pytest.mark.parametrize("what", packets.MALFORMED)
def test_malformed_messages_over_tcp_do_no_harm(proxy, what):
    wire, right = packets.MALFORMED[what]
    with Stream(proxy.v4, SILENCE_S) as stream:
        stream.send(wire)
        try:
            reply = stream.receive()
        except socket.timeout:
            reply = None
        assert packets.rcode_of(reply) in right
    assert_works(proxy.v4)


def test_badvers_says_which_version_is_spoken(proxy):
    reply = dns.message.from_wire(udp_exchange(proxy.v4, packets.MALFORMED["EDNS version 1"][0]))
    assert reply.rcode() == packets.BADVERS
    assert reply.edns == 0 and not reply.answer


def test_thousands_of_mutated_questions_do_no_harm(proxy):
    pick = random.Random(7)
    whole = [query("_xmpp-client._tcp.full.lab", "SRV", edns=0).to_wire(), query("x.lab", "A").to_wire()]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(proxy.v4)
        for n in range(6000):
            wire = bytearray(whole[n % 2])
            for _ in range(pick.randint(1, 6)):
                wire[pick.randrange(len(wire))] = pick.randrange(256)
            sock.send(wire[:pick.randint(1, len(wire))] if n % 3 == 0 else wire)
            if n % 500 == 499:
                assert_works(proxy.v4)


def test_a_question_one_octet_at_a_time_is_answered(proxy):
    with Stream(proxy.v4) as stream:
        for octet in frame(query("one.full.lab", "A").to_wire()):
            stream.sock.sendall(bytes([octet]))
            time.sleep(0.003)
        assert dns.message.from_wire(stream.receive()).answer


def test_many_questions_in_one_segment_are_all_answered(nsd, proxy):
    asked = {n: query(f"p{n}.hosted.lab", "A") for n in range(120)}
    for n, message in asked.items():
        message.id = n
    with Stream(proxy.v4) as stream:
        stream.send(*(message.to_wire() for message in asked.values()))
        replies = [dns.message.from_wire(stream.receive()) for _ in asked]
    assert sorted(reply.id for reply in replies) == sorted(asked)
    for reply in replies:
        assert reply.question == asked[reply.id].question and reply.answer


def test_a_question_split_between_two_frames_of_garbage_is_answered(proxy):
    good = query("one.full.lab", "A").to_wire()
    with Stream(proxy.v4) as stream:
        stream.send(packets.MALFORMED["two questions"][0], good)
        first = stream.receive()
        if first is not None and first[:2] != good[:2]:
            first = stream.receive()
    assert first is None or dns.message.from_wire(first).answer
    assert_works(proxy.v4)


@pytest.mark.parametrize("fill", [b"\x00", b"\xff", b"\xc0\x0c"], ids=["zeros", "ones", "pointers"])
def test_64_kib_over_tcp_does_no_harm(proxy, fill):
    body = (fill * 65535)[:65535 - 12]
    with Stream(proxy.v4, SILENCE_S) as stream:
        stream.send(packets.packet(body=body))
        try:
            reply = stream.receive()
        except socket.timeout:
            reply = None
        assert packets.rcode_of(reply) in (packets.FORMERR, packets.SILENCE) or fill == b"\x00"
    assert_works(proxy.v4)


def test_a_frame_that_never_ends_holds_up_nobody(proxy):
    with Stream(proxy.v4) as stuck:
        stuck.sock.sendall(b"\xff\xff" + query("one.full.lab", "A").to_wire())
        assert_works(proxy.v4)


def test_a_client_that_never_reads_holds_up_nobody(proxy):
    wire = query("_xmpp-server._tcp.forty.lab", "SRV").to_wire()
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(proxy.v4)
        deaf.settimeout(0.2)
        try:
            for _ in range(4000):
                deaf.sendall(frame(wire))
        except (socket.timeout, ConnectionError):
            pass
        assert_works(proxy.v4)
    assert_works(proxy.v4)


def test_idle_connections_do_not_lock_out_the_rest(proxy):
    idle = [socket.create_connection(proxy.v4, 5) for _ in range(150)]
    try:
        for _ in range(3):
            assert_works(proxy.v4)
    finally:
        for connection in idle:
            connection.close()


def test_connections_reset_in_the_middle_do_no_harm(proxy):
    linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
    for n in range(100):
        with socket.create_connection(proxy.v4, 5) as hasty:
            hasty.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            hasty.sendall(frame(query(f"reset{n}.hosted.lab", "A").to_wire())[:20 + n % 30])
    assert_works(proxy.v4)
