"""jidns check against several resolvers, and against a zone's own servers: made ones that lag, lie, refuse or are silent, each on an
address of loopback of its own, port 53."""

import json
import os
import pathlib
import subprocess
import time

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.zone
import pytest

from kit.control import program
from kit.upstream import always, silent

FOUND, SOMETHING, USAGE, NO_ANSWER = range(4)
NET = f"127.{64 + os.getpid() % 128}"  # so that two runs do not meet
PARENT, ONE, TWO = f"{NET}.0.1", f"{NET}.1.1", f"{NET}.2.2"

HEAD = "$TTL 3600\n@ SOA ns1 admin {serial} 7200 3600 1209600 300\n"
RECORDS = """@ A 9.9.8.8
@ AAAA 2a01::88
x A 9.9.1.1
x AAAA 2a01::1
_xmpp-client._tcp SRV 0 5 5222 x
_xmpps-client._tcp SRV 5 5 5223 x
_xmpp-server._tcp SRV 0 5 5269 x
_xmpps-server._tcp SRV 5 5 5270 x
"""
CHILD = HEAD.format(serial=7) + f"@ NS ns1\n@ NS ns2\nns1 A {ONE}\nns2 A {TWO}\n" + RECORDS
ABOVE = HEAD.format(serial=1) + f"@ NS ns1\nns1 A {PARENT}\nd NS ns1.d\nd NS ns2.d\nns1.d A {ONE}\nns2.d A {TWO}\n"


def zone_of(text, origin):
    return dns.zone.from_text(text, origin, relativize=False, check_origin=False)


def put(section, zone, name, rdtype):
    rdataset = zone.get_rdataset(name, rdtype)
    if rdataset:
        rrset = dns.rrset.RRset(name, dns.rdataclass.IN, rdtype)
        rrset.update(rdataset)
        section.append(rrset)
    return bool(rdataset)


def find_cut(zone, name):
    """The delegation that the name lies at or below."""
    while name != zone.origin:
        if zone.get_rdataset(name, "NS"):
            return name
        name = name.parent()
    return None


def answer_from(zone, query, authority=True):
    """As an authority for the zone answers; with authority=False as a resolver that knows it whole."""
    reply = dns.message.make_response(query)
    question = query.question[0]
    name = dns.name.from_text(question.name.to_text().lower())
    cut = find_cut(zone, name)
    if cut and authority:
        put(reply.authority, zone, cut, dns.rdatatype.NS)
        for rdata in zone.get_rdataset(cut, "NS"):
            for rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA):
                put(reply.additional, zone, rdata.target, rdtype)
        return reply
    if authority:
        reply.flags |= dns.flags.AA
    if put(reply.answer, zone, name, question.rdtype):
        return reply
    if put(reply.answer, zone, name, dns.rdatatype.CNAME):
        put(reply.answer, zone, zone.get_rdataset(name, "CNAME")[0].target, question.rdtype)
        return reply
    put(reply.authority, zone, zone.origin, dns.rdatatype.SOA)
    if not any(other.is_subdomain(name) for other in zone):
        reply.set_rcode(dns.rcode.NXDOMAIN)
    return reply


def authority(text, origin="d.chat."):
    zone = zone_of(text, origin)
    return lambda asked: answer_from(zone, asked.query)


def resolver(child=CHILD, above=ABOVE):
    """Knows both zones, and says of all others that they do not exist."""
    zones = [zone_of(child, "d.chat."), zone_of(above, "chat.")]

    def handler(asked):
        name = asked.query.question[0].name
        for zone in zones:
            if name.is_subdomain(zone.origin):
                return answer_from(zone, asked.query, authority=False)
        reply = dns.message.make_response(asked.query)
        reply.set_rcode(dns.rcode.NXDOMAIN)
        return reply
    return handler


def without_tcp(handler):
    return lambda asked: None if asked.transport == "tcp" else handler(asked)


def without_edns(handler, how):
    def inner(asked):
        if asked.query.edns < 0:
            return handler(asked)
        reply = how(asked)
        if isinstance(reply, dns.message.Message):
            reply.use_edns(-1)  # with OPT it would say that it knows EDNS
        return reply
    return inner


def refusing(handler, rdtype):
    def inner(asked):
        if dns.rdatatype.to_text(asked.query.question[0].rdtype) == rdtype:
            return always(dns.rcode.NOTIMP)(asked)
        return handler(asked)
    return inner


def lowering(handler):
    """Gives the question back in lower case."""
    def inner(asked):
        wire = handler(asked).to_wire()
        end = wire.index(b"\0", 12)
        return wire[:12] + wire[12:end].lower() + wire[end:]
    return inner


def unaware(handler):
    """Answers, but not as an authority: a resolver where a server of the zone should be."""
    def inner(asked):
        reply = handler(asked)
        reply.flags &= ~dns.flags.AA
        return reply
    return inner


def check(*argv):
    done = subprocess.run([program(), "check", *map(str, argv)], capture_output=True, text=True, timeout=60, check=False)
    assert not [word for word in ("AddressSanitizer", "runtime error") if word in done.stderr], done.stderr
    return done


@pytest.fixture(name="judge")
def fixture_judge(upstream):
    """judge(one, two, parent, resolver): handlers; a server that is None is not there. Returns the report."""
    def run(one=authority(CHILD), two=authority(CHILD), parent=authority(ABOVE, "chat."), by=resolver(), argv=()):
        for host, handler in ((ONE, one), (TWO, two), (PARENT, parent)):
            if handler:
                upstream(handler, host=host, port=53)
        done = check("--server", upstream(by).address, "--authority", "--allow-private", "--timeout", 1000, "--format", "json", *argv, "d.chat")
        assert done.stdout, done.stderr
        return json.loads(done.stdout)
    return run


def found(report, least=("notice", "warning", "error")):
    return {(f["code"], f["severity"], f["subject"]) for f in report["findings"] if f["severity"] in least}


def test_good_servers_have_nothing_to_complain_of(judge):
    report = judge()
    assert found(report) == set()
    assert {(a["server"], a["kind"]) for a in report["asked"][1:]} == {(ONE, "authority"), (TWO, "authority")}


def test_does_not_ask_private_and_local_addresses_unless_told_to(upstream):
    asked = [upstream(handler, host=host, port=53) for host, handler in (
        (ONE, authority(CHILD)), (TWO, authority(CHILD)), (PARENT, authority(ABOVE, "chat.")))]
    done = check("--server", upstream(resolver()).address, "--authority", "--format", "json", "d.chat")
    report = json.loads(done.stdout)
    assert not [a for a in report["asked"] if a["kind"] == "authority"]
    assert not [server for server in asked if server.seen]
    # nobody was asked at all: that must not look like a good one
    assert {x for x in found(report) if x[0] == "ns-skipped"} == {("ns-skipped", "notice", host) for host in (ONE, TWO, PARENT)}
    assert {s["subject"] for s in report["skipped"] if s["check"] == "authority"} == {ONE, TWO, PARENT}
    text = check("--server", upstream(resolver()).address, "--authority", "d.chat").stdout
    assert f"{ONE} (ns1.d.chat) was not asked: not an address of the public Internet" in " ".join(text.split())


def test_a_server_that_was_asked_is_not_said_to_be_skipped(judge):
    report = judge()
    assert not [f for f in report["findings"] if f["code"] == "ns-skipped"]


OLD = CHILD.replace("5269 x", "5269 y").replace(" 7 7200", " 6 7200") + "y A 9.9.1.1\n"
CASES = {
    "one is lame": ({"two": always(dns.rcode.REFUSED)}, {("ns-lame", "warning", TWO)}),
    "all are lame": ({"one": always(dns.rcode.REFUSED), "two": always(dns.rcode.SERVFAIL)}, {("ns-lame", "error", ONE), ("ns-lame", "error", TWO)}),
    "one is no authority": ({"two": unaware(authority(CHILD))}, {("ns-lame", "warning", TWO)}),
    "one is silent": ({"two": silent}, {("ns-silent", "warning", TWO)}),
    "one is not there": ({"two": None}, {("ns-silent", "warning", TWO)}),
    "all are silent": ({"one": silent, "two": silent}, {("ns-silent", "error", ONE), ("ns-silent", "error", TWO)}),
    "no TCP": ({"one": without_tcp(authority(CHILD))}, {("ns-no-tcp", "warning", ONE)}),
    "FORMERR to EDNS": ({"one": without_edns(authority(CHILD), always(dns.rcode.FORMERR))}, {("ns-no-edns", "notice", ONE)}),
    "they disagree": ({"two": authority(OLD)}, {("ns-disagree", "error", "_xmpp-server._tcp"), ("serial-unlike", "notice", "d.chat")}),
    "the serials differ": ({"two": authority(CHILD.replace(" 7 7200", " 8 7200"))}, {("serial-unlike", "notice", "d.chat")}),
    "the resolver is behind": ({"by": resolver(OLD)}, {("authority-newer", "notice", "_xmpp-server._tcp")}),
    "TLSA is refused": ({"one": refusing(authority(CHILD), "TLSA")}, {("ns-refuses-type", "warning", ONE)}),
    "CAA is refused": ({"one": refusing(authority(CHILD), "CAA")}, {("ns-refuses-type", "warning", ONE)}),
    "unknown types are refused": ({"one": refusing(authority(CHILD), "TYPE65280")}, {("ns-refuses-type", "warning", ONE)}),
    "case is not kept": ({"one": lowering(authority(CHILD))}, {("case-not-kept", "warning", ONE)}),
    "the parent lists another": ({"parent": authority(ABOVE.replace("d NS ns2.d\n", ""), "chat."), "by": resolver(above=ABOVE.replace("d NS ns2.d\n", ""))},
                                 {("delegation-unlike", "warning", "ns2.d.chat")}),
    "the glue is old": ({"parent": authority(ABOVE.replace(f"ns1.d A {ONE}", "ns1.d A 127.0.0.99"), "chat.")},
                        {("glue-unlike", "warning", "ns1.d.chat"), ("ns-silent", "warning", "127.0.0.99")}),
}


@pytest.mark.parametrize("name", CASES)
def test_names_what_is_wrong_with_a_zones_servers(judge, name):
    how, wanted = CASES[name]
    assert found(judge(**how)) == wanted


def both(child, above=ABOVE):
    return {"one": authority(child), "two": authority(child), "by": resolver(child, above), "parent": authority(above, "chat.")}


@pytest.mark.parametrize("are_alike", [True, False])
def test_an_alias_or_a_delegation_of_the_services_is_no_disagreement(judge, are_alike):
    """Of an alias into another zone the authority has the alias alone, of a zone below it a referral: the resolver has both whole."""
    def only_alias(asked):
        reply = authority(CHILD)(asked)
        name = asked.query.question[0].name
        if name.to_text().lower() == "_xmpp-client._tcp.d.chat.":
            reply.answer[:] = [dns.rrset.from_text(name, 60, "IN", "CNAME", "srv.other.chat.")]
        if name.to_text().lower() == "_xmpp-server._tcp.d.chat.":
            reply.answer[:], reply.authority[:] = [], [dns.rrset.from_text("_tcp.d.chat.", 60, "IN", "NS", "ns.other.chat.")]
            reply.flags &= ~dns.flags.AA
        return reply

    def whole(asked):
        reply = resolver()(asked)
        if asked.query.question[0].name.to_text() == "_xmpp-client._tcp.d.chat.":
            reply.answer[:] = [dns.rrset.from_text("_xmpp-client._tcp.d.chat.", 60, "IN", "CNAME", "srv.other.chat."),
                               dns.rrset.from_text("srv.other.chat.", 60, "IN", "SRV", "0 5 5222 x.d.chat.")]
        return reply
    codes = {code for code, _, _ in found(judge(one=only_alias, two=only_alias if are_alike else authority(CHILD), by=whole))}
    assert not codes & {"ns-disagree", "authority-newer"}


def test_names_a_server_without_address_and_one_that_is_an_alias(judge):
    child = CHILD.replace(f"ns2 A {TWO}\n", "") + f"@ NS ns3\nns3 CNAME real\nreal A {TWO}\n"
    above = ABOVE.replace(f"ns2.d A {TWO}\n", "") + "d NS ns3.d\n"
    assert found(judge(**both(child, above))) >= {("ns-missing-address", "warning", "ns2.d.chat"), ("ns-alias", "warning", "ns3.d.chat")}


def test_names_a_lone_server_and_servers_in_one_network(judge):
    child = CHILD.replace("@ NS ns2\n", "")
    above = ABOVE.replace("d NS ns2.d\n", "")
    assert ("ns-one", "warning", "d.chat") in found(judge(**both(child, above)))


def test_names_servers_in_one_network(upstream):
    near = f"{NET}.1.2"
    child, above = CHILD.replace(TWO, near), ABOVE.replace(TWO, near)
    for host, handler in ((ONE, authority(child)), (near, authority(child)), (PARENT, authority(above, "chat."))):
        upstream(handler, host=host, port=53)
    done = check("--server", upstream(resolver(child, above)).address, "--authority", "--allow-private", "--format", "json", "d.chat")
    assert found(json.loads(done.stdout)) == {("ns-one-network", "notice", "d.chat")}


@pytest.mark.parametrize("two", ["ns2 AAAA fd00::2\n", ""])
def test_servers_whose_addresses_can_not_be_compared_are_not_in_one_network(judge, two):
    child = CHILD.replace(f"ns2 A {TWO}\n", two)
    report = judge(two=None, by=resolver(child), one=authority(child), parent=authority(ABOVE.replace(f"ns2.d A {TWO}\n", ""), "chat."))
    assert "ns-one-network" not in {f["code"] for f in report["findings"]}


def test_names_an_alias_at_the_zones_own_name(judge):
    def with_alias(asked):
        question = asked.query.question[0]
        if question.name.to_text().lower() == "d.chat." and dns.rdatatype.to_text(question.rdtype) == "CNAME":
            reply = dns.message.make_response(asked.query)
            reply.flags |= dns.flags.AA
            reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", "CNAME", "x.other."))
            return reply
        return authority(CHILD)(asked)
    assert ("apex-alias", "error", "d.chat") in found(judge(one=with_alias))


def test_where_the_resolver_finds_nothing_the_parent_tells_the_servers(judge):
    def lost(asked):
        if asked.query.question[0].name.is_subdomain(dns.name.from_text("d.chat.")):
            return always(dns.rcode.SERVFAIL)(asked)
        return resolver()(asked)
    codes = found(judge(one=always(dns.rcode.REFUSED), two=always(dns.rcode.REFUSED), by=lost))
    assert {("ns-lame", "error", ONE), ("ns-lame", "error", TWO)} <= codes


def test_silent_servers_end_in_bounded_time(judge):
    start = time.monotonic()
    judge(one=silent, two=silent, parent=silent)
    assert time.monotonic() - start < 8


def test_a_name_inside_a_zone_is_judged_by_that_zones_servers(judge, upstream):
    report = judge(argv=["--side", "c2s"])
    assert found(report) == set()
    done = check("--server", upstream(resolver()).address, "--authority", "--allow-private", "--format", "json", "x.d.chat")
    assert {a["server"] for a in json.loads(done.stdout)["asked"] if a["kind"] == "authority"} == {ONE, TWO}


def test_every_code_about_servers_has_a_case_here():
    listed = subprocess.run([program(), "check", "--list", "--format", "tsv"], capture_output=True, text=True, check=True).stdout
    rows = [line.split("\t") for line in listed.splitlines()]
    text = pathlib.Path(__file__).read_text()
    assert not [code for code, group, *_ in rows if group == "H" and f'("{code}", ' not in text]


# ---- several resolvers ----

def test_resolvers_that_agree_are_no_finding(upstream):
    done = check("--server", upstream(resolver()).address, "--server", upstream(resolver()).address, "--format", "json", "d.chat")
    report = json.loads(done.stdout)
    assert found(report) == set() and [a["kind"] for a in report["asked"]] == ["resolver", "resolver"]


def test_resolvers_that_disagree_are_named_with_what_they_disagree_about(upstream):
    here, there, address = upstream(resolver()), upstream(resolver(OLD)), upstream(resolver(CHILD.replace("x A 9.9.1.1", "x A 9.9.1.7")))
    report = json.loads(check("--server", here.address, "--server", there.address, "--format", "json", "d.chat").stdout)
    assert found(report) == {("resolvers-disagree", "warning", "_xmpp-server._tcp")}
    text = report["findings"][0]["text"]
    assert here.address in text and there.address in text
    report = json.loads(check("--server", here.address, "--server", address.address, "--format", "json", "d.chat").stdout)
    assert found(report) == {("resolvers-disagree", "warning", "x.d.chat")}


def test_a_resolver_that_fails_is_named(upstream):
    here, failing = upstream(resolver()), upstream(always(dns.rcode.SERVFAIL))
    report = json.loads(check("--server", here.address, "--server", failing.address, "--format", "json", "d.chat").stdout)
    assert {f["code"] for f in report["findings"] if f["severity"] == "warning"} == {"resolvers-disagree"}
    assert "SERVFAIL" in report["findings"][0]["text"]


@pytest.mark.parametrize("argv, expected", [
    (["--server", "nonsense"], "must be an IP address"), (["--server", "127.0.0.1"] * 10, "must be an IP address"),
    (["--authority", "--allow-private", "--zone", "a.chat=/etc/hostname"], "--zone judges files")])
def test_wrong_use_is_one_line_and_2(argv, expected):
    done = check(*argv, "a.chat")
    assert done.returncode == USAGE and not done.stdout and expected in done.stderr and len(done.stderr.splitlines()) == 1
