"""Whatever is asked, however it is asked: the daemon says what the authority says, cold and warm."""

import itertools
import pathlib
import random
import subprocess

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.zone
import pytest

from kit.ask import Stream, ask, ask_fully, difference, query, records, soas, spelled, udp_exchange

ZONES = pathlib.Path(__file__).parent / "zones"
ORIGINS = {"root": "."}
FLEETING = ("never.lab.", "brief.lab.", "briefhost.lab.", "_xmpp-client._tcp.briefsrv.lab.")
TYPES = ("A", "AAAA", "SRV", "TXT", "CNAME", "MX", "NS", "SOA", "TLSA", "TYPE65280")
FLAVOURS = {"plain": {}, "edns": {"edns": 0}, "do": {"do": True}, "small": {"edns": 0, "payload": 512}}
ONE_EACH = ("_xmpp-client._tcp.full.lab SRV", "_xmpp-server._tcp.forty.lab SRV", "hop0.lab AAAA", "x.lab A",
            "_xmppconnect.full.lab TXT", "full.lab TLSA", "_xmpp-server._tcp.signed.lab SRV")


def zone_questions():
    """Every (name, type) the zone files have, and every name with some types it may not have."""
    for path in sorted(ZONES.glob("*.zone")):
        zone = dns.zone.from_file(str(path), ORIGINS.get(path.stem, path.stem), relativize=False)
        for name, node in zone.nodes.items():
            held = {dns.rdatatype.to_text(rdataset.rdtype) for rdataset in node}
            for rdtype in sorted(held | {"A", "AAAA", "SRV"}):
                yield name.to_text(), rdtype


def made_up_questions(count, seed):
    """Names nobody has written down: absent, under a wildcard, below an alias, near an existing one."""
    pick = random.Random(seed)
    stems = ("lab", "hosted.lab", "full.lab", "old.lab", "signed.lab", "wild.signed.lab", "short.lab",
             "_tcp.full.lab", "hop3.lab", "never.hosted.lab", "invalid")
    for _ in range(count):
        label = "".join(pick.choices("abcdefghijklmnopqrstuvwxyz0123456789-_", k=pick.randint(1, 20)))
        yield f"{label}.{pick.choice(stems)}", pick.choice(TYPES)


def assert_same(truth_server, servers, questions, patience_s=5, **how):
    """Ask each question of the authority and of every server; fail with the list of all differences."""
    wrong = []
    for (name, rdtype), server in zip(questions, itertools.cycle(servers)):
        truth = ask_fully(truth_server, name, rdtype, **how)
        for when in ("cold", "warm"):
            answer = ask_fully(server, name, rdtype, **how)
            problem = difference(answer, truth)
            if problem:
                wrong.append(f"{when} {name} {rdtype}: {problem}")
    assert not wrong, f"{len(wrong)} differ; the first: " + "\n".join(wrong[:3])


def test_a_class_that_the_authority_refuses_fails_at_once(proxy):
    for number in range(5):  # NSD leaves the question out
        message = dns.message.make_query(f"c{number}.full.lab", "A", rdclass="HS")
        assert ask(proxy.v4, message, patience_s=1.5).rcode() == dns.rcode.SERVFAIL


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_every_record_of_the_zones_comes_through_as_it_is(nsd, proxy, flavour, tcp):
    assert_same(nsd.server, [proxy.v4, proxy.v6], list(zone_questions()), tcp=tcp, **FLAVOURS[flavour])


def test_names_nobody_wrote_down_are_answered_as_the_authority_does(nsd, proxy):
    questions = list(made_up_questions(2400, seed=1))
    share = len(questions) // len(FLAVOURS)
    for at, how in enumerate(FLAVOURS.values()):
        assert_same(nsd.server, [proxy.v4, proxy.v6], questions[at * share:(at + 1) * share], **how)


def test_made_up_names_over_tcp_are_answered_as_the_authority_does(nsd, proxy):
    assert_same(nsd.server, [proxy.v4, proxy.v6], list(made_up_questions(400, seed=2)), tcp=True)


def test_warm_questions_reach_the_authority_once(relay, proxy):
    questions = [q for q in zone_questions() if q[0] not in FLEETING and not q[0].endswith("short.lab.")]
    for _, (name, rdtype) in itertools.product(range(3), questions):
        ask_fully(proxy.v4, name, rdtype)
        ask_fully(proxy.v6, name, rdtype, tcp=True)
    asked = [(s.name, s.rdtype, s.transport) for s in relay.seen]
    again = {question for question in asked if asked.count(question) > 1}
    assert not again, f"{len(again)} asked again, such as {sorted(again)[:5]}"
    over_tcp = {question[:2] for question in asked if question[2] == "tcp"}
    assert ("_xmpp-server._tcp.forty.lab.", "SRV") in over_tcp
    assert len(over_tcp) <= 3, f"asked over TCP without need: {sorted(over_tcp)}"


def test_negative_answers_keep_their_kind_and_their_soa(nsd, proxy):
    for name, rdtype in (("x.lab", "A"), ("_xmpps-server._tcp.plain.lab", "SRV"), ("plain.lab", "AAAA"),
                         ("dangling.lab", "A"), ("_tcp.full.lab", "A")):
        truth = ask(nsd.server, name, rdtype)
        for answer in (ask(proxy.v4, name, rdtype), ask(proxy.v4, name, rdtype)):
            assert answer.rcode() == truth.rcode(), name
            assert records(soas(answer)) == records(soas(truth)), name
            assert soas(answer)[0].ttl <= soas(truth)[0].ttl, name


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_the_question_comes_back_byte_for_byte(proxy, tcp):
    names = ("_XmPp-ClIeNt._TcP.FuLl.LaB", "_xmpp-client._tcp.full.lab", "_XMPP-CLIENT._TCP.FULL.LAB",
             "NoSuchName.LAB", "nosuchname.lab", "HOP0.lab", "Xyz.Hosted.Lab")
    for name in names * 2:
        wire = query(name, "SRV", edns=0).to_wire()
        if tcp:
            with Stream(proxy.v4) as stream:
                stream.send(wire)
                reply = stream.receive()
        else:
            reply = udp_exchange(proxy.v4, wire)
        assert spelled(reply) == spelled(wire)
        assert reply[:2] == wire[:2]


def test_signatures_go_to_those_who_ask_for_them_and_to_nobody_else(nsd, proxy):
    for name, rdtype in (("host.signed.lab", "A"), ("_xmpp-server._tcp.signed.lab", "SRV"),
                         ("alias.signed.lab", "A"), ("any.wild.signed.lab", "A"), ("no.signed.lab", "A"),
                         ("host.signed.lab", "TXT"), ("signed.lab", "DNSKEY"), ("host.signed.lab", "RRSIG")):
        for do in (False, True, False, True):
            truth, answer = (ask_fully(s, name, rdtype, edns=0, do=do) for s in (nsd.server, proxy.v4))
            assert difference(answer, truth) is None, f"{name} {rdtype} DO={do}"
            kinds = {rrset.rdtype for rrset in answer.authority}
            kept = {rrset.rdtype for rrset in truth.authority} - {dns.rdatatype.NS}
            assert kinds >= kept if do else dns.rdatatype.RRSIG not in kinds, f"{name} {rdtype} DO={do}"
            assert bool(answer.ednsflags & dns.flags.DO) == do, "DO of the question comes back (RFC 3225)"


def test_answers_have_the_opt_record_of_those_who_sent_one(proxy):
    for name, rdtype in (q.split() for q in ONE_EACH * 2):
        assert ask(proxy.v4, name, rdtype).edns == -1, name
        assert ask(proxy.v4, name, rdtype, edns=0).edns == 0, name


@pytest.mark.parametrize("question", ONE_EACH)
@pytest.mark.parametrize("client", ["dig", "drill"])
def test_dig_and_drill_read_the_same_from_both(nsd, proxy, client, question):
    name, rdtype = question.split()

    def lines(server):
        host, port = server[:2]
        options = {"dig": ["+noall", "+answer", "+nocookie", "+nottlid"], "drill": []}[client]
        if client == "drill" and "forty" in name:
            options = ["-t"]  # it does not go on over TCP by itself, and what is in a cut answer is the server's choice
        argv = [client, *options, "-p", str(port), f"@{host}", name, rdtype]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=10, check=True)
        text = done.stdout
        if client == "drill":
            rcode = text.split("rcode: ")[1].split(",")[0]
            body = text.split("ANSWER SECTION:")[1].split(";; AUTHORITY")[0]
            rows = [line.split("\t") for line in body.strip().splitlines()]
            return rcode, sorted(tuple(r[:1] + r[2:]) for r in rows)
        assert "WARNING" not in text and "ERROR" not in done.stderr
        return sorted(text.splitlines())

    truth = lines(nsd.server)
    assert lines(proxy.v4) == truth
    assert lines(proxy.v6) == truth
