"""jidns, the tool: what it asks, what it prints, what its status says."""

import json
import os
import pathlib
import subprocess
import threading
import time

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from kit import jidnsd as jidnsd_kit
from kit.netns import free_ports
from kit.upstream import always, silent

FOUND, NOT_FOUND, USAGE, NO_ANSWER = range(4)
SANITIZERS = jidnsd_kit.SANITIZERS


def program():
    return os.environ.get("JIDNS") or str(pathlib.Path(jidnsd_kit.path()).with_name("jidns"))


def jidns(*argv, wrap=lambda argv: argv):
    """Run the tool; it must end by itself and say nothing on both stdout and stderr at once."""
    done = subprocess.run(wrap([program(), *map(str, argv)]), capture_output=True, text=True, timeout=30, check=False,
                          stdin=subprocess.DEVNULL)
    assert not [word for word in SANITIZERS if word in done.stderr], done.stderr
    assert not (done.stdout and done.stderr), done
    return done


@pytest.fixture
def lookup(nsd):
    """jidns lookup at the authority: options and domain -> the finished process, whose status must be as told."""
    def run(*argv, status=FOUND):
        done = jidns("lookup", "--server", f"127.0.0.1:{nsd.port}", *argv)
        assert done.returncode == status, done
        return done
    return run


@pytest.fixture
def found(lookup):
    """The same, as JSON."""
    return lambda *argv, **how: json.loads(lookup("--json", *argv, **how).stdout)


def service(result, name):
    return next(s for s in result["services"] if s["service"] == name)


def plan(result, side, knows_direct_tls=True):
    return next(p for p in result["plans"] if p["side"] == side and p["knows_direct_tls"] == knows_direct_tls)


def steps(of_plan):
    return [(s["host"], s["port"], s["tls"]) for s in of_plan["steps"]]


def mistakes(result):
    return sorted(m["word"] for m in result["mistakes"])


def test_prints_a_block_for_each_service_with_addresses_below_their_host(lookup):
    lines = lookup("--type", "c2s", "full.lab").stdout.splitlines()
    assert lines[0].startswith("full.lab, asked ")
    block = lines[next(n for n, line in enumerate(lines) if line.startswith("_xmpp-client._tcp: TTL 18000, ")):]
    at = block.index("  two.full.lab port 15222, priority 5, weight 70")
    below = [line.split() for line in block[at + 1:at + 4]]
    assert {words[0] for words in below} == {"192.0.2.12", "192.0.2.13", "2001:db8::12"}
    assert all(words[1:3] == ["TTL", "3600,"] for words in below), below
    assert block[block.index("domain itself") + 1] == "  full.lab port 5222"
    assert max(map(len, lines)) <= 80


def flat(text):
    """In one line, however wide it was."""
    return " ".join(text.split())


def test_says_what_a_program_does(lookup):
    text = flat(lookup("--type", "c2s", "full.lab").stdout)
    assert ("c2s, if it knows STARTTLS only: connects to one of two.full.lab port 15222 (STARTTLS, weight 70) and "
            "one.full.lab port 15222 (STARTTLS, weight 30).") in text
    assert "; falls back to two.full.lab port 443 (direct TLS)." in text


def test_gives_the_same_as_json(found):
    result = found("full.lab")
    assert result["connects"] and not result["mistakes"]
    targets = service(result, "_xmpp-server._tcp")["targets"]
    assert [(t["priority"], t["weight"], t["host"], t["port"]) for t in targets] == [
        (5, 0, "one.full.lab", 15269), (10, 0, "two.full.lab", 15269)]
    assert {a["address"] for a in targets[1]["addresses"]} == {"192.0.2.12", "192.0.2.13", "2001:db8::12"}
    assert steps(plan(result, "s2s")) == [
        ("one.full.lab", 15270, "direct"), ("one.full.lab", 15269, "starttls"), ("two.full.lab", 15269, "starttls")]
    assert steps(plan(result, "s2s", knows_direct_tls=False)) == [
        ("one.full.lab", 15269, "starttls"), ("two.full.lab", 15269, "starttls")]


def test_takes_a_jid_for_its_domain(found):
    assert found("juliet@full.lab/a@b/c")["domain"] == "full.lab"


def test_falls_back_to_the_domain_without_srv(found):
    result = found("plain.lab")
    assert service(result, "_xmpp-client._tcp")["outcome"] == "NXDOMAIN"
    assert steps(plan(result, "c2s")) == [("plain.lab", 5222, "starttls")]
    assert steps(plan(result, "s2s")) == [("plain.lab", 5269, "starttls")]


def test_says_not_offered(lookup, found):
    text = lookup("refusing.lab", status=NOT_FOUND).stdout
    assert 'not offered: the target is "."' in text and "connects nowhere: the service is not offered" in text
    assert plan(found("refusing.lab", status=NOT_FOUND), "c2s")["end"] == "not-offered"


def test_ends_with_1_when_there_is_nothing(lookup, found):
    assert "nothing.lab does not exist" in lookup("nothing.lab", status=NOT_FOUND).stdout
    assert mistakes(found("nothing.lab", status=NOT_FOUND)) == ["domain-missing"]


def test_names_targets_that_are_wrong(found):
    result = found("--type", "c2s", "broken.lab")
    assert mistakes(result) == ["target-alias", "target-missing", "target-special"]
    assert steps(plan(result, "c2s")) == [("alias.broken.lab", 5222, "starttls")]


def test_names_obsolete_records_only_when_asked_for_all(found):
    assert mistakes(found("full.lab")) == []
    assert mistakes(found("--all-records", "full.lab")) == ["obsolete-xmppconnect"]


def test_gets_forty_targets_over_tcp(found):
    targets = service(found("--type", "s2s", "forty.lab"), "_xmpp-server._tcp")["targets"]
    assert len(targets) == 40 and all(len(t["addresses"]) == 1 for t in targets)


def test_asks_in_two_rounds_each_at_once(upstream, relay):
    """SRV and the domain's addresses, then the targets' addresses: no answer leaves before all of a round have come."""
    rounds = {False: threading.Barrier(6), True: threading.Barrier(4)}

    def handler(asked):
        is_target = asked.query.question[0].name.labels[0] in (b"one", b"two")
        rounds[is_target].wait(8)
        return relay.handler(asked)
    slow = upstream(handler)
    done = jidns("lookup", "--server", slow.address, "--timeout", 40000, "full.lab")
    assert done.returncode == FOUND
    assert len(slow.seen) == 10 and slow.questions() == {
        *((f"{s}._tcp.full.lab.", "SRV") for s in ("_xmpp-client", "_xmpps-client", "_xmpp-server", "_xmpps-server")),
        *((n, t) for n in ("full.lab.", "one.full.lab.", "two.full.lab.") for t in ("A", "AAAA"))}
    assert len({s.source[1] for s in slow.seen}) == len(slow.seen), "a port was used twice"
    assert len({s.id for s in slow.seen}) > 1, "all ids are alike"


def test_keeps_to_tcp_when_told(relay):
    done = jidns("lookup", "--server", relay.address, "--tcp", "--type", "c2s", "full.lab")
    assert done.returncode == FOUND
    assert relay.seen and not relay.asked(transport="udp")


def test_asks_again_when_packets_are_lost(relay, upstream):
    lost = set()

    def lossy(asked):
        question = asked.wire[2:]
        if question in lost:
            return relay.handler(asked)
        lost.add(question)
        return None
    server = upstream(lossy)
    done = jidns("lookup", "--server", server.address, "--timeout", 3000, "--type", "s2s", "six.lab")
    assert done.returncode == FOUND and "only.six.lab" in done.stdout


def test_ends_with_3_in_time_when_the_server_is_silent(upstream):
    begun = time.monotonic()
    done = jidns("lookup", "--server", upstream(silent).address, "--timeout", 300, "full.lab")
    assert done.returncode == NO_ANSWER and "no answer in time" in done.stderr
    assert time.monotonic() - begun < 10


def test_ends_with_3_at_once_when_nobody_listens():
    begun = time.monotonic()
    done = jidns("query", "--server", f"127.0.0.1:{free_ports()}", "--timeout", 20000, "full.lab", "A")
    assert done.returncode == NO_ANSWER and len(done.stderr.splitlines()) == 1
    assert time.monotonic() - begun < 10


def test_names_a_failure_and_where_it_leads(upstream, relay):
    """SERVFAIL for the SRV questions: programs go to the domain itself, and nobody knows what there is."""
    def handler(asked):
        srv = asked.query.question[0].rdtype == dns.rdatatype.SRV
        return always(dns.rcode.SERVFAIL)(asked) if srv else relay.handler(asked)
    done = jidns("lookup", "--json", "--server", upstream(handler).address, "--type", "c2s", "full.lab")
    assert done.returncode == NO_ANSWER
    result = json.loads(done.stdout)
    assert mistakes(result) == ["srv-failed", "srv-failed"]
    assert plan(result, "c2s")["srv_failed"] and steps(plan(result, "c2s")) == [("full.lab", 5222, "starttls")]


@pytest.mark.parametrize("typed", ["https://full.lab/", "full.lab:5222", "xmpp:juliet@full.lab?message"])
def test_takes_the_domain_from_what_people_paste_and_says_so(found, lookup, typed):
    assert found(typed)["domain"] == "full.lab"
    assert lookup(typed).stdout.startswith("full.lab, taken from ")


def test_a_truncated_answer_without_tcp_is_a_failure_and_3(upstream, relay):
    def handler(asked):
        if asked.transport == "tcp":
            return None
        if asked.query.question[0].rdtype != dns.rdatatype.SRV:
            return relay.handler(asked)
        reply = dns.message.make_response(asked.query)
        reply.flags |= dns.flags.TC
        return reply
    done = jidns("lookup", "--json", "--timeout", 600, "--server", upstream(handler).address, "--type", "c2s", "full.lab")
    assert done.returncode == NO_ANSWER
    result = json.loads(done.stdout)
    assert {s["state"] for s in result["services"]} == {"failed"}
    assert {s["outcome"] for s in result["services"]} == {"truncated, and no answer over TCP"}


def test_marks_stale_answers_and_shows_every_extended_error(upstream, relay):
    def handler(asked):
        reply = dns.message.from_wire(relay.handler(asked))
        reply.use_edns(0, options=[dns.edns.EDEOption(3, "upstream fails")])
        return reply
    server = upstream(handler)
    done = jidns("lookup", "--server", server.address, "--type", "c2s", "full.lab")
    assert "answers had expired" in flat(done.stdout)
    assert "SRV _xmpp-client._tcp.full.lab: EDE 3 (Stale Answer): upstream fails" in flat(done.stdout)
    result = json.loads(jidns("lookup", "--json", "--server", server.address, "--type", "c2s", "full.lab").stdout)
    assert service(result, "_xmpp-client._tcp")["stale"] and "answer-stale" in mistakes(result)


def test_prints_nothing_of_an_attacker_that_a_terminal_obeys(upstream):
    def handler(asked):
        reply = dns.message.make_response(asked.query)
        name = asked.query.question[0].name
        if asked.query.question[0].rdtype == dns.rdatatype.SRV:
            reply.answer.append(dns.rrset.from_text(name, 60, "IN", "SRV", "0 0 5222 a\\027[2J\\010.lab."))
        reply.use_edns(0, options=[dns.edns.EDEOption(0, "\033[31mred")])
        return reply
    server = upstream(handler)
    for argv in (["lookup", "full.lab"], ["query", "full.lab", "SRV"], ["lookup", "--json", "full.lab"],
                 ["query", "--json", "full.lab", "SRV"]):
        done = jidns(argv[0], "--server", server.address, *argv[1:])
        assert done.stdout.isascii() and not set(done.stdout) & {chr(c) for c in range(32) if chr(c) not in "\n\t"}
        assert "027[2J" in done.stdout


def test_query_prints_flags_sections_and_ede(upstream):
    def handler(asked):
        reply = dns.message.make_response(asked.query)
        reply.flags |= dns.flags.AA | dns.flags.RA
        reply.answer.append(dns.rrset.from_text("full.lab.", 300, "IN", "TXT", '"a\\"b"'))
        reply.authority.append(dns.rrset.from_text("lab.", 60, "IN", "NS", "ns.lab."))
        reply.use_edns(0, options=[dns.edns.EDEOption(22, "nobody answers")])
        return reply
    done = jidns("query", "--server", upstream(handler).address, "full.lab", "txt")
    assert done.returncode == FOUND
    assert ";; NOERROR, flags qr aa rd ra; EDNS 0" in done.stdout
    assert ";; EDE 22 (No Reachable Authority): nobody answers\n" in done.stdout
    assert ";; ANSWER\nfull.lab.\t300\tIN\tTXT\t\"a\\\"b\"\n" in done.stdout
    assert ";; AUTHORITY\nlab.\t60\tIN\tNS\tns.lab.\n" in done.stdout


@pytest.mark.parametrize("name,rdtype,data", [
    ("unknown.lab", "TYPE65280", r"\# 6 0123456789ab"),
    ("_15269._tcp.one.full.lab", "TLSA", "3 1 1 " + "0123456789abcdef" * 4),
    (r"with\032space.lab", "A", "192.0.2.92"),
    ("mixed.lab", "CAA", '0 issue "ca.example"'),
])
def test_query_prints_types_as_zone_files_do(nsd, name, rdtype, data):
    done = jidns("query", "--json", "--server", f"127.0.0.1:{nsd.port}", name, rdtype)
    answer = json.loads(done.stdout)["answer"]
    assert [(a["name"], a["type"], a["data"]) for a in answer] == [(name + ".", rdtype, data)]


def test_query_ends_with_1_without_an_answer(nsd):
    done = jidns("query", "--server", f"127.0.0.1:{nsd.port}", "nothing.lab", "A")
    assert done.returncode == NOT_FOUND and ";; NXDOMAIN" in done.stdout and "SOA" in done.stdout


def test_dnssec_shows_signatures(nsd):
    done = jidns("query", "--dnssec", "--server", f"127.0.0.1:{nsd.port}", "signed.lab", "SOA")
    assert "\tRRSIG\tSOA " in done.stdout and ", do" in done.stdout


def test_asks_the_first_nameserver_of_resolv_conf(namespaces, upstream, tmp_path):
    space = namespaces("tool")
    server = upstream(always(dns.rcode.REFUSED), port=53, namespace=space)
    (tmp_path / "resolv.conf").write_text("search lab\nnameserver 127.0.0.1\nnameserver 192.0.2.2\n")
    done = jidns("query", "full.lab", "A", wrap=lambda argv: space.argv(argv, tmp_path / "resolv.conf"))
    assert done.returncode == NOT_FOUND and ";; REFUSED" in done.stdout
    assert server.questions() == {("full.lab.", "A")}


def test_sees_the_addresses_that_the_daemon_adds(relay, jidnsd):
    daemon = jidnsd("--upstream", relay.address, "--expand-srv", "wait")
    done = jidns("lookup", "--json", "--server", f"127.0.0.1:{daemon.port}", "--type", "s2s", "six.lab")
    target = service(json.loads(done.stdout), "_xmpp-server._tcp")["targets"][0]
    assert [(a["address"], a["additional"]) for a in target["addresses"]] == [("2001:db8:6::2", True)]


@pytest.mark.parametrize("argv", [
    [], ["bogus"], ["lookup"], ["lookup", "a.lab", "b.lab"], ["lookup", ""], ["lookup", "a@"], ["lookup", "192.0.2.1"],
    ["lookup", "a..lab"], ["lookup", "--type", "both", "a.lab"], ["lookup", "--server", "ns.lab", "a.lab"],
    ["lookup", "--timeout", "0", "a.lab"], ["lookup", "--bogus", "a.lab"], ["query", "a.lab"],
    ["query", "a.lab", "BOGUS"], ["query", "a.lab", "AXFR"], ["query", "--type", "c2s", "a.lab", "A"]])
def test_wrong_use_is_one_clear_line_and_2(argv):
    done = jidns(*argv)
    assert done.returncode == USAGE and not done.stdout
    assert len(done.stderr.splitlines()) == 1 or not argv
    assert done.stderr.startswith("jidns")


def test_help_and_version_go_to_stdout():
    for argv in (["--help"], ["lookup", "--help"], ["query", "--help"], ["--version"]):
        done = jidns(*argv)
        assert done.returncode == 0 and "jidns" in done.stdout


def test_says_when_its_output_cannot_be_written(nsd):
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([program(), "query", "--server", f"127.0.0.1:{nsd.port}", "full.lab", "A"], stdout=full,
                              stderr=subprocess.PIPE, text=True, timeout=30, check=False)
    assert done.returncode == 4 and "cannot write" in done.stderr
