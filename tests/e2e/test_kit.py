"""The kit first: what the other tests trust must itself be seen to work, and to fail when it should."""

import dns.flags
import dns.message
import dns.rrset

from kit import ask as kit
from kit.ask import ask, query
from kit.netns import free_ports
from kit.proc import Process
from kit.upstream import Upstream, always, silent


def test_relay_passes_answers_on_and_remembers_questions(nsd, relay):
    through = ask((relay.host, relay.port), "_xmpp-client._tcp.FULL.lab", "SRV", do=True)
    direct = ask(nsd.server, "_xmpp-client._tcp.full.lab", "SRV", do=True)
    assert kit.difference(through, direct) is None
    assert ask((relay.host, relay.port), "full.lab", "A", tcp=True).answer
    assert [(s.name, s.rdtype, s.transport, s.do) for s in relay.seen] == [
        ("_xmpp-client._tcp.full.lab.", "SRV", "udp", True), ("full.lab.", "A", "tcp", False)]


def test_nsd_serves_what_the_tests_build_on(nsd):
    assert ask(nsd.server, "_xmpp-server._tcp.forty.lab", "SRV").flags & dns.flags.TC
    assert kit.record_count(ask(nsd.server, "_xmpp-server._tcp.forty.lab", "SRV", tcp=True).answer) == 40
    assert not ask(nsd.server, "_xmpp-server._tcp.full.lab", "SRV", tcp=True).additional
    assert ask(nsd.server, "never.lab", "A").answer[0].ttl == 0
    assert ask(nsd.server, "host.signed.lab", "A", do=True).answer[1].rdtype == dns.rdatatype.RRSIG
    assert len(ask(nsd.server, "hop0.lab", "A").answer) == 9
    assert ask(nsd.server, "no.short.lab", "A").authority[0].ttl == 2


def test_difference_sees_records_rcodes_and_ttls(nsd):
    truth = ask(nsd.server, "two.full.lab", "A")
    missing, older, denied = (dns.message.from_wire(truth.to_wire()) for _ in range(3))
    del missing.answer[0][0]
    older.answer[0].ttl += 1
    denied.set_rcode(dns.rcode.NXDOMAIN)
    assert kit.difference(truth, truth) is None
    assert all(kit.difference(changed, truth) for changed in (missing, older, denied))


def test_spelled_returns_the_question_as_it_stands_in_the_packet():
    wire = query("MiXeD.lab", "A").to_wire()
    assert kit.spelled(wire) == b"\x05MiXeD\x03lab\x00\x00\x01\x00\x01"


def test_upstreams_can_refuse_to_know_and_to_answer():
    with_rcode = Upstream(always(dns.rcode.SERVFAIL), free_ports())
    hole = Upstream(silent, free_ports())
    assert ask((with_rcode.host, with_rcode.port), "full.lab").rcode() == dns.rcode.SERVFAIL
    assert kit.udp_exchange((hole.host, hole.port), query("full.lab", "A").to_wire(), 0.2) is None
    assert len(hole.seen) == 1
    with_rcode.close()
    hole.close()


def test_processes_keep_their_output_and_their_status(tmp_path):
    process = Process("child", ["sh", "-c", "echo said >&2; exit 3"], tmp_path)
    assert process.wait_exit() == 3
    assert process.stderr == "said\n"
    assert Process("stays", ["sleep", "30"], tmp_path).stop() == -15
