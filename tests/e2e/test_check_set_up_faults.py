"""jidns check where a name server, a resolver or the way to it does wrong: what is said of that, and nothing false besides."""

import json
import subprocess

import pytest

from kit.control import program
from kit.scripted import HEAD, answer, bogus, ede, rcode, resolver, secure, silence, slow, truncated

HOSTS = "@ A 9.9.8.8\n@ AAAA 2a01::88\nx A 9.9.1.1\nx AAAA 2a01::1\n"
CLIENTS, SERVERS = "_xmpp-client._tcp SRV 0 5 5222 x\n", "_xmpp-server._tcp SRV 0 5 5269 x\n"
GOOD = HOSTS + CLIENTS + SERVERS
OTHER = "host A 9.9.2.2\nhost AAAA 2a02::2\n"
SERVICES = [f"_{name}._tcp" for name in ("xmpp-client", "xmpp-server", "xmpps-client", "xmpps-server")]
FAIL, REFUSE = rcode("SERVFAIL"), rcode("REFUSED")


def short_rdata(_asked, reply):
    """An SRV record of five octets."""
    reply.answer.clear()
    reply.use_edns(False)
    wire = bytearray(reply.to_wire())
    wire[7] = 1
    return bytes(wire) + b"\xc0\x0c\x00\x21\x00\x01\x00\x00\x01\x2c\x00\x05\x00\x00\x00\x05\x14"


# name: (records of d.chat, faults, what is said)
CASES = {
    "one service fails": (GOOD, [("_xmpps-client._tcp.d.chat", "SRV", FAIL)], {("srv-failed", "error", "_xmpps-client._tcp")}),
    "all services fail": (GOOD, [("*", "SRV", FAIL)], {("srv-failed", "error", s) for s in SERVICES}),
    "one side is refused": (GOOD, [("_xmpp-server._tcp.d.chat", "SRV", REFUSE), ("_xmpps-server._tcp.d.chat", "SRV", REFUSE)],
                            {("srv-failed", "error", "_xmpp-server._tcp"), ("srv-failed", "error", "_xmpps-server._tcp")}),
    "SRV is dropped": (GOOD, [("*", "SRV", silence)], {("srv-silent", "error", "d.chat")}),
    "one SRV question is dropped": (GOOD, [("_xmpp-client._tcp.d.chat", "SRV", silence)], {("srv-failed", "error", "_xmpp-client._tcp")}),
    "too large, no TCP": (GOOD, [("_xmpp-server._tcp.d.chat", "SRV", truncated)], {("no-tcp", "error", "_xmpp-server._tcp")}),
    "an unreadable record": (GOOD, [("_xmpp-client._tcp.d.chat", "SRV", short_rdata)], {("srv-malformed", "error", "_xmpp-client._tcp")}),
    "an unreadable record for direct TLS": (GOOD, [("_xmpps-client._tcp.d.chat", "SRV", short_rdata)],
                                            {("srv-malformed", "error", "_xmpps-client._tcp")}),
    "only SERVFAIL without CD": (GOOD, [("*", "SRV", bogus), ("d.chat", "*", bogus)], {("dnssec-bogus", "error", "d.chat")}),
    "an alias ring for a service": (GOOD.replace(CLIENTS, "_xmpp-client._tcp CNAME a\na CNAME b\nb CNAME a\n"), [],
                                    {("srv-alias-without-srv", "warning", "_xmpp-client._tcp"), ("fallback-elsewhere", "warning", "c2s")}),
    "another owner's records": (GOOD, [("_xmpps-client._tcp.d.chat", "SRV", answer("_xmpps-client._tcp.evil.chat. 300 SRV 0 0 0 ."))], set()),
    "an address where SRV was asked for": (GOOD, [("_xmpps-client._tcp.d.chat", "SRV", answer("_xmpps-client._tcp.d.chat. 300 A 9.9.9.9"))], set()),
    "_tcp does not exist": (GOOD, [("_tcp.d.chat", "*", rcode("NXDOMAIN"))], {("ent-nxdomain", "warning", "_tcp.d.chat")}),
    "the domain itself does not exist": (GOOD.replace("@ A 9.9.8.8\n@ AAAA 2a01::88\n", ""),
                                         [("d.chat", "A", rcode("NXDOMAIN")), ("d.chat", "AAAA", rcode("NXDOMAIN"))],
                                         {("domain-without-address", "notice", "d.chat")}),
    "AAAA denies the name": (GOOD, [("x.d.chat", "AAAA", rcode("NXDOMAIN"))], {("aaaa-nxdomain", "warning", "x.d.chat"),
                                                                               ("ipv4-only", "notice", "d.chat")}),
    "AAAA denies the domain's name, which nobody needs": (GOOD, [("d.chat", "AAAA", rcode("NXDOMAIN"))],
                                                          {("aaaa-nxdomain", "warning", "d.chat")}),
    "AAAA is dropped": (GOOD, [("x.d.chat", "AAAA", silence)], {("aaaa-silent", "warning", "x.d.chat")}),
    "AAAA fails": (GOOD, [("x.d.chat", "AAAA", FAIL)], {("address-failed", "warning", "x.d.chat")}),
    "A fails": (GOOD, [("x.d.chat", "A", FAIL)], {("address-failed", "warning", "x.d.chat")}),
    "both fail": (GOOD, [("x.d.chat", "A", FAIL), ("x.d.chat", "AAAA", FAIL)], {("address-failed", "error", "x.d.chat")}),
    "another's host fails": (GOOD.replace("5269 x", "5269 host.lame.net."), [("host.lame.net", "*", FAIL)],
                             {("target-below-lame", "error", "host.lame.net")}),
    "another's host is silent": (GOOD.replace("5269 x", "5269 host.lame.net."), [("host.lame.net", "*", silence)],
                                 {("target-below-lame", "error", "host.lame.net")}),
    "A says NXDOMAIN, AAAA fails": (GOOD.replace("5269 x", "5269 gone"), [("gone.d.chat", "AAAA", FAIL)],
                                    {("target-missing", "error", "gone.d.chat"), ("address-failed", "warning", "gone.d.chat")}),
    "the domain's address fails": (GOOD.replace("@ A 9.9.8.8\n@ AAAA 2a01::88\n", "").replace(SERVERS, ""), [("d.chat", "A", FAIL)],
                                   {("address-failed", "warning", "d.chat")}),
    "nothing, as far as it can be known": ("x TXT none\n", [("d.chat", "A", FAIL), ("d.chat", "AAAA", FAIL)], {("address-failed", "error", "d.chat")}),
    "components fail": (GOOD, [("conference.d.chat", "*", FAIL), ("_xmpp-server._tcp.conference.d.chat", "*", FAIL)], set()),
    "TTLs differ": (GOOD, [("_xmpp-client._tcp.d.chat", "SRV", answer("_xmpp-client._tcp.d.chat. 3600 SRV 0 5 5222 x.d.chat.",
                                                                       "_xmpp-client._tcp.d.chat. 600 SRV 9 5 5222 host.other.net."))],
                    {("ttl-unlike", "notice", "_xmpp-client._tcp")}),
    "CAA fails": (GOOD, [("d.chat", "CAA", FAIL)], {("caa-failed", "warning", "d.chat")}),
    "TLSA fails": (GOOD, [("_5222._tcp.x.d.chat", "TLSA", FAIL)], {("tlsa-failed", "warning", "_5222._tcp.x.d.chat")}),
    "invented addresses": (GOOD, [("*", "A", lambda asked, reply: reply if reply.answer else answer(f"{asked.query.question[0].name} 60 A 9.9.7.7")(asked, reply))],
                           {("nxdomain-rewritten", "warning", "d.chat")}),
    "filtered": (GOOD, [("x.d.chat", "A", ede(17, "by order"))], {("answer-filtered", "warning", "d.chat")}),
    "stale": (GOOD, [("*", "SRV", ede(3))], {("answer-stale", "notice", "d.chat")}),
    "slow": (GOOD, [("_xmpp-client._tcp.d.chat", "SRV", slow(0.8))], {("slow", "notice", "_xmpp-client._tcp")}),
    "very slow": (GOOD, [("_xmpp-server._tcp.d.chat", "SRV", slow(1.2))], {("slow", "warning", "_xmpp-server._tcp")}),
    "large": (HOSTS + SERVERS + "".join(f"_xmpp-client._tcp SRV {i} 5 5222 {i}-is-the-number-of-a-host-with-a-very-long-name.other.net.\n" for i in range(7)),
              [(f"{i}-is-the-number-of-a-host-with-a-very-long-name.other.net", kind, answer(f"{i}-is-the-number-of-a-host-with-a-very-long-name.other.net. 60 {kind} {address}{i + 1}"))
               for i in range(7) for kind, address in (("A", "9.9.3."), ("AAAA", "2a03::"))],
              {("answer-512", "notice", "_xmpp-client._tcp"), ("records-unlike", "notice", "d.chat")}),
    "very large": (HOSTS + SERVERS + "".join(f"_xmpp-client._tcp SRV {i} 5 5222 {i}{'l' * 60}.{i}{'m' * 60}.other.net.\n" for i in range(12)),
                   [(f"{i}{'l' * 60}.{i}{'m' * 60}.other.net", kind, answer(f"{i}{'l' * 60}.{i}{'m' * 60}.other.net. 60 {kind} {address}{i + 1}"))
                    for i in range(12) for kind, address in (("A", "9.9.3."), ("AAAA", "2a03::"))],
                   {("answer-large", "warning", "_xmpp-client._tcp"), ("too-many-targets", "notice", "_xmpp-client._tcp"),
                    ("records-unlike", "notice", "d.chat")}),
}


def check(server, *argv):
    argv = [program(), "check", "--server", server.address, "--timeout", "1500", "--format", "json", *argv]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def said(report):
    return {(f["code"], f["severity"], f["subject"]) for f in report["findings"] if f["severity"] != "info"}


@pytest.mark.parametrize("case", CASES)
def test_names_what_a_server_does_wrong_and_nothing_else(upstream, case):
    records, faults, expected = CASES[case]
    assert said(check(upstream(resolver({"d.chat": records, "other.net": OTHER}, faults)), "d.chat")) == expected


@pytest.mark.parametrize("minimum, expected", [(3600, set()), (86400, {("negative-ttl-long", "notice", "d.chat")}),
                                               (172800, {("negative-ttl-long", "warning", "d.chat")})])
def test_a_long_memory_for_what_is_not_there_is_named(upstream, minimum, expected):
    head = HEAD.replace("1209600 300", f"1209600 {minimum}").replace("$TTL 3600", "$TTL 172800")
    report = check(upstream(resolver({"d.chat": GOOD.replace("SRV", "3600 SRV")}, head=head)), "d.chat")
    assert said(report) == expected


# ---- what was typed ----

@pytest.mark.parametrize("typed, zone, expected", [
    ("b\u00fccher.chat", "xn--bcher-kva.chat", set()),
    ("stra\u00dfe.chat", "xn--strae-oqa.chat", {("idna-versions", "warning", "xn--strae-oqa.chat")}),
    ("xn--zzzzzz.chat", "xn--zzzzzz.chat", {("idna-invalid", "error", "xn--zzzzzz.chat")}),
    ("my_domain.chat", "my_domain.chat", {("domain-bad-name", "warning", "my_domain.chat")}),
    ("https://d.chat/im", "d.chat", set()),
    ("xmpp:juliet@d.chat?message", "d.chat", set()),
    ("D.Chat.", "d.chat", set())])
def test_what_is_typed_is_judged_by_its_domain(upstream, typed, zone, expected):
    report = check(upstream(resolver({zone: GOOD})), typed)
    assert report["domain"].lower() == zone and said(report) == expected


@pytest.mark.parametrize("typed, expected", [
    ("x.d.chat", {("srv-at-parent", "warning", "d.chat"), ("fallback-only", "notice", "x.d.chat")}),
    ("www.d.chat", {("maybe-parent", "notice", "d.chat"), ("domain-alias", "notice", "www.d.chat"), ("fallback-only", "notice", "www.d.chat")}),
    ("mail.d.chat", {("maybe-parent", "notice", "d.chat"), ("domain-missing", "error", "mail.d.chat")}),
    ("nowhere.chat", {("domain-missing", "error", "nowhere.chat")})])
def test_a_host_that_was_typed_for_its_domain_is_told(upstream, typed, expected):
    report = check(upstream(resolver({"d.chat": GOOD + "www CNAME d.chat.\n"})), typed)
    assert said(report) == expected


@pytest.mark.parametrize("records, expected", [
    ("", {("component-missing", "warning", "rooms.d.chat")}),
    ("rooms TXT none\n", {("component-missing", "warning", "rooms.d.chat")}),
    ("rooms A 9.9.1.1\n", set()),
    ("* A 9.9.1.1\n", {("component-missing", "warning", "rooms.d.chat")}),
    ("_xmpp-server._tcp.rooms SRV 0 5 5269 x\n", set()),
    ("irc A 9.9.7.7\n", {("component-elsewhere", "warning", "irc.d.chat"), ("component-missing", "warning", "rooms.d.chat")})])
def test_a_component_that_must_exist_is_judged_more_strictly(upstream, records, expected):
    report = check(upstream(resolver({"d.chat": GOOD + records})), "--component", "rooms", *(["--component", "irc"] if "irc" in records else []), "d.chat")
    assert said(report) == expected


# ---- DNSSEC, as far as the resolver validates ----

TLSA = "_5222._tcp.x TLSA 3 1 1 " + 64 * "a" + "\n_5269._tcp.x TLSA 3 1 1 " + 64 * "b" + "\n"


@pytest.mark.parametrize("records, insecure, expected", [
    (GOOD + TLSA, None, set()),
    (GOOD + TLSA, "x.d.chat", {("tlsa-insecure", "warning", "d.chat"), ("dnssec-part", "notice", "x.d.chat")}),
    (GOOD, None, set()),
    (GOOD.replace("5269 x", "5269 host.other.net."), "host.other.net", {("dnssec-part", "notice", "host.other.net"), ("records-unlike", "notice", "d.chat")})])
def test_ad_decides_what_dane_is_worth(upstream, records, insecure, expected):
    faults = [(insecure, "*", lambda _asked, reply: reply)] if insecure else []
    report = check(upstream(resolver({"d.chat": records, "other.net": OTHER}, faults + [("*", "*", secure)])), "d.chat")
    assert said(report) == expected
