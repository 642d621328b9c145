"""How long answers are kept, and that one kept answer serves every kind of client."""

import time

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from kit.ask import Stream, ask, ask_fully, query, record_count, records, soas, udp_exchange

FORTY = "_xmpp-server._tcp.forty.lab"


def ttl_of(answer):
    return answer.answer[0].ttl


def test_ttl_counts_down_with_the_seconds(proxy):
    first = ttl_of(ask(proxy.v4, "mostly.lab", "A"))
    time.sleep(2.1)
    later = ttl_of(ask(proxy.v4, "mostly.lab", "A"))
    assert first == 60
    assert later in (57, 58)


def test_every_link_of_a_chain_counts_down(proxy):
    first = ask(proxy.v4, "hop0.lab", "A")
    time.sleep(1.1)
    later = ask(proxy.v4, "hop0.lab", "A")
    assert len(first.answer) == len(later.answer) == 9
    for before, after in zip(first.answer, later.answer):
        assert before.ttl - after.ttl in (1, 2), before.name


def test_an_expired_record_is_asked_again_and_starts_anew(relay, proxy):
    assert ttl_of(ask(proxy.v4, "brief.lab", "A")) == 2
    assert ttl_of(ask(proxy.v4, "brief.lab", "A")) <= 2
    assert len(relay.asked("brief.lab.", "A")) == 1
    time.sleep(2.2)
    assert ttl_of(ask(proxy.v4, "brief.lab", "A")) in (1, 2)
    assert len(relay.asked("brief.lab.", "A")) == 2


def test_ttl_zero_is_asked_each_time_and_stays_zero(relay, proxy):
    for _ in range(4):
        assert ttl_of(ask(proxy.v4, "never.lab", "A")) == 0
    assert len(relay.asked("never.lab.", "A")) == 4


def test_the_longest_ttl_stays_below_two_to_the_31(proxy):
    for _ in range(2):
        assert 0 < ttl_of(ask(proxy.v4, "ages.lab", "A")) < 2 ** 31


@pytest.mark.parametrize("name, rdtype", [("no.short.lab", "SRV"), ("here.short.lab", "SRV")],
                         ids=["nxdomain", "nodata"])
def test_negative_answers_live_as_long_as_the_soa_minimum(relay, proxy, name, rdtype):
    for _ in range(3):
        answer = ask(proxy.v4, name, rdtype)
        assert not answer.answer
        assert soas(answer)[0].ttl <= 2
    assert len(relay.asked(name + ".", rdtype)) == 1
    time.sleep(2.2)
    ask(proxy.v4, name, rdtype)
    assert len(relay.asked(name + ".", rdtype)) == 2


def test_a_soa_with_a_long_ttl_is_still_bounded_by_its_minimum(upstream, jidnsd):
    def absent(asked):
        reply = dns.message.make_response(asked.query)
        reply.set_rcode(dns.rcode.NXDOMAIN)
        reply.authority.append(dns.rrset.from_text("lab.", 3600, "IN", "SOA", "ns.lab. admin.lab. 1 2 3 4 2"))
        return reply
    authority = upstream(absent)
    daemon = jidnsd("--upstream", authority.address, "--prefetch", "off")
    for _ in range(2):
        assert soas(ask(daemon.v4, "gone.lab", "SRV"))[0].ttl <= 2
    assert len(authority.seen) == 1
    time.sleep(2.2)
    ask(daemon.v4, "gone.lab", "SRV")
    assert len(authority.seen) == 2


def test_the_soa_of_a_kept_negative_answer_counts_down(proxy):
    first = soas(ask(proxy.v4, "absent.lab", "SRV"))[0].ttl
    time.sleep(1.1)
    later = soas(ask(proxy.v4, "absent.lab", "SRV"))[0].ttl
    assert first == 300
    assert later in (298, 299)


def test_absence_of_one_type_says_nothing_about_another(relay, proxy):
    assert not ask(proxy.v4, "plain.lab", "AAAA").answer
    assert ask(proxy.v4, "plain.lab", "A").answer
    assert relay.questions() == {("plain.lab.", "AAAA"), ("plain.lab.", "A")}


def test_forty_targets_are_cut_for_datagrams_and_whole_over_tcp(nsd, proxy):
    truth = records(ask(nsd.server, FORTY, "SRV", tcp=True).answer)
    for _ in range(2):
        cut = ask(proxy.v4, FORTY, "SRV")
        assert cut.flags & dns.flags.TC
        assert records(cut.answer) <= truth and record_count(cut.answer) > 5
        whole = ask(proxy.v4, FORTY, "SRV", tcp=True)
        assert not whole.flags & dns.flags.TC
        assert records(whole.answer) == truth
        assert record_count(whole.answer) == 40


@pytest.mark.parametrize("payload", [None, 0, 100, 512, 700, 1232, 1400, 4096, 65535])
def test_no_datagram_is_larger_than_its_client_takes(proxy, payload):
    limit = max(512, payload or 0)
    for name in (FORTY, "longtext.lab", "_xmpp-server._tcp.tight.lab", "hop0.lab"):
        rdtype = "TXT" if name.startswith("longtext") else "A" if name.startswith("hop") else "SRV"
        how = {} if payload is None else {"edns": 0, "payload": payload}
        wire = query(name, rdtype, **how).to_wire()
        with Stream(proxy.v4) as stream:
            stream.send(wire)
            whole = len(stream.receive())
        reply = udp_exchange(proxy.v4, wire)
        assert len(reply) <= limit, name
        if reply[2] & 2:
            assert whole > min(limit, 1232), f"{name}: TC although {whole} octets fit into {limit}"
        else:
            assert len(reply) == whole, f"{name}: no TC although something is missing"


def test_one_entry_serves_udp_and_tcp(relay, proxy):
    assert ask(proxy.v4, "two.full.lab", "A", tcp=True).answer
    assert ask(proxy.v6, "two.full.lab", "A").answer
    assert ask(proxy.v4, "one.full.lab", "A").answer
    assert ask(proxy.v6, "one.full.lab", "A", tcp=True).answer
    assert len(relay.asked("two.full.lab.")) == len(relay.asked("one.full.lab.")) == 1


def test_a_truncated_answer_is_never_kept_for_the_whole(relay, proxy):
    for tcp in (False, True, False, True):
        answer = ask(proxy.v4, FORTY, "SRV", tcp=tcp, edns=0, payload=4096)
        assert bool(answer.flags & dns.flags.TC) or record_count(answer.answer) == 40
    assert len(relay.asked(FORTY + ".", "SRV", "tcp")) == 1
    assert len(relay.asked(FORTY + ".", "SRV", "udp")) == 1


def test_one_entry_serves_every_spelling(relay, proxy):
    for name in ("full.lab", "FULL.lab", "fUlL.LaB"):
        answer = ask(proxy.v4, name, "MX")
        assert answer.answer
        assert answer.question[0].name.to_text() == name + "."
    assert len(relay.asked("full.lab.", "MX")) == 1


def test_questions_with_and_without_edns_share_an_entry(relay, proxy):
    for how in ({}, {"edns": 0}, {"edns": 0, "payload": 4096}, {}):
        assert ask_fully(proxy.v4, "_xmpp-client._tcp.full.lab", "SRV", **how).answer
    assert len(relay.asked("_xmpp-client._tcp.full.lab.", "SRV")) == 1


def test_questions_with_do_are_answered_from_memory_too(relay, proxy):
    for _ in range(3):
        answer = ask_fully(proxy.v4, "_xmpp-server._tcp.signed.lab", "SRV", do=True)
        assert {rrset.rdtype for rrset in answer.answer} == {dns.rdatatype.SRV, dns.rdatatype.RRSIG}
    assert len(relay.asked("_xmpp-server._tcp.signed.lab.", "SRV")) == 1


def test_a_small_cache_forgets_but_never_lies(nsd, relay, jidnsd):
    small = jidnsd("--upstream", relay.address, "--prefetch", "off", "--cache-size", "1M")
    truth = ask(nsd.server, "any.bulky.lab", "TXT", edns=0).answer[0]
    names = [f"name{n}.bulky.lab" for n in range(2000)]
    for name in names * 2:
        answer = ask(small.v4, name, "TXT", edns=0).answer
        assert answer[0].name.to_text() == name + "."
        assert set(answer[0]) == set(truth)
    assert 2000 < len(relay.seen) <= 4000, "two megabytes do not fit into one"


def test_a_restart_forgets_everything(relay, jidnsd):
    for _ in range(2):
        daemon = jidnsd("--upstream", relay.address, "--prefetch", "off")
        assert ask(daemon.v4, "mostly.lab", "A").answer
    assert len(relay.asked("mostly.lab.", "A")) == 2
