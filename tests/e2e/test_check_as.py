"""jidns check --as: what real programs are seen to ask is what jidns says of them, question by question, in their order."""

import itertools
import json
import subprocess

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from kit.control import program
from kit.upstream import always, late, relay_to, silent
from kit.xmpp import deliver, start_ejabberd, start_prosody, start_prosody_without_unbound

FOUND, NOT_FOUND, USAGE, NO_ANSWER = range(4)
HEAD = "$TTL 3600\n@ SOA ns.nothing. admin.nothing. 1 7200 3600 1209600 300\n@ NS ns.nothing.\n"


def check(*argv):
    done = subprocess.run([program(), "check", *map(str, argv)], capture_output=True, text=True, timeout=60, check=False)
    assert not [word for word in ("AddressSanitizer", "runtime error") if word in done.stderr], done.stderr
    return done


def said(name, domain, server):
    """What jidns says that a program asks: a list of sets of (name, type), each asked together."""
    walk = json.loads(check("--server", server, "--as", name, "--format", "json", domain).stdout)
    batches = itertools.groupby(walk["questions"], key=lambda q: q["at_ms"])
    return [{(f"{q['name']}.", q["type"]) for q in batch} for _, batch in batches], walk


def seen(host, belongs):
    """What programs of a host were seen to ask, in that order."""
    spans = sorted(host.watch.spans, key=lambda s: s.start_s)
    return [(s.name, s.rdtype) for s in spans if belongs(s)]


def assert_same_order(asked, batches):
    """What comes after is the same once more, for another stream."""
    for batch in batches:
        now, asked = asked[:len(batch)], asked[len(batch):]
        assert set(now) == batch, f"{now} where {batch} was said; then {asked}"
    assert set(asked) <= set().union(*batches), f"more than was said: {asked}"


def of_servers(domain):
    """Questions to reach a domain's server, not those of clients that log in there."""
    return lambda s: s.name.endswith(f"{domain}.") and "-client." not in s.name and not s.name.startswith("chat.")


def of_clients(domain):
    return lambda s: "-client." in s.name or s.name == f"chat.{domain}."


def judged(tmp_path, records, *argv):
    path = tmp_path / "zone"
    path.write_text(HEAD + records)
    return check("--offline", "--zone", f"d.chat={path}", *argv, "d.chat")


def walk_of(tmp_path, records, name):
    return json.loads(judged(tmp_path, records, "--as", name, "--format", "json").stdout)


PROGRAMS = {"prosody": start_prosody, "prosody-netdns": start_prosody_without_unbound, "ejabberd": start_ejabberd}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_server_asks_what_is_said_of_it_in_that_order(host, nsd, name):
    here = host("capulet", 0, "--prefetch", "off", watched=True)
    there = host("montague", 1, "--prefetch", "off", watched=True)
    PROGRAMS[name](here, "capulet.lab", "juliet", 15222, 15269)
    start_prosody(there, "montague.lab", "romeo", 25222, 25269)
    deliver(here, there)
    batches, walk = said(name, "montague.lab", f"127.0.0.1:{nsd.port}")
    assert walk["end"] == "connects" and walk["ends"][0]["host"] == "federation.montague.lab"
    assert_same_order(seen(here, of_servers("montague.lab")), batches)


def test_slixmpp_asks_what_is_said_of_it_in_that_order(host, nsd):
    here = host("capulet", 0, "--prefetch", "off", watched=True)
    start_prosody(here, "capulet.lab", "juliet", 15222, 15269)
    juliet = here.client("juliet", "capulet.lab")
    juliet.wait_for(lambda: "online" in juliet.stdout, "login", 15)
    batches, walk = said("slixmpp", "capulet.lab", f"127.0.0.1:{nsd.port}")
    assert walk["end"] == "connects" and walk["measured"]
    assert_same_order(seen(here, of_clients("capulet.lab")), batches)


# ---- what follows from the table, without the programs ----

BOTH = """@ A 9.9.8.8
_xmpps-server._tcp SRV 9 0 5270 late
_xmpp-server._tcp SRV 5 0 5269 soon
_xmpps-client._tcp SRV 9 0 5223 late
_xmpp-client._tcp SRV 5 0 5222 soon
soon A 9.9.1.1
late A 9.9.1.2
late AAAA 2a01::2
"""


def test_draws_when_each_question_goes_out_and_where_it_leads(tmp_path):
    done = judged(tmp_path, BOTH, "--as", "ejabberd")
    assert done.returncode == FOUND
    assert done.stdout.startswith("What ejabberd does to reach d.chat, at 40 ms a question\n"
                                  "    0 ms  SRV _xmpps-server      ####             9 0 5270 late\n"
                                  "   40 ms  SRV _xmpp-server           ####         5 0 5269 soon\n"
                                  "   80 ms  A soon                         ####     9.9.1.1\n"
                                  "   80 ms  AAAA soon                      ####     none\n"
                                  "  120 ms  A late                             #### 9.9.1.2\n"
                                  "  120 ms  AAAA late                          #### 2a01::2\n"
                                  "  160 ms  connects to soon port 5269, STARTTLS: 9.9.1.1\n"
                                  "          then late port 5270, TLS at once: 9.9.1.2, 2a01::2\n")
    assert done.stdout.endswith("Result: connects to soon.d.chat port 5269 after 160 ms, 4 waits in a row.\nMeasured with ejabberd 23.01.\n")
    assert max(len(line) for line in done.stdout.splitlines()) <= 80


@pytest.mark.parametrize("name, first", [
    ("prosody", ("late", 5270)), ("ejabberd", ("soon", 5269)), ("conversations", ("soon", 5222)), ("gajim", ("late", 5223)),
    ("slixmpp", ("soon", 5222)), ("openfire", ("soon", 5269))])
def test_programs_that_mix_both_services_start_elsewhere_than_those_that_do_not(tmp_path, name, first):
    end = walk_of(tmp_path, BOTH, name)["ends"][0]
    assert (end["host"], end["port"]) == (f"{first[0]}.d.chat", first[1])


def test_all_is_a_line_a_program_and_an_object_a_program(tmp_path):
    done = judged(tmp_path, BOTH, "--as", "all")
    lines = done.stdout.splitlines()
    assert len(lines) == 17 and "  slixmpp         1.8.3    3 waits   120 ms  soon 5222 STARTTLS" in lines
    walks = [json.loads(line) for line in judged(tmp_path, BOTH, "--as", "all", "--format", "json").stdout.splitlines()]
    assert {w["program"] for w in walks} >= {"prosody", "slixmpp", "libpurple"} and {w["schema"] for w in walks} == {"jidns-check-as/1"}
    assert len(judged(tmp_path, BOTH, "--as", "all", "--side", "s2s").stdout.splitlines()) == 8
    assert [line.split()[0] for line in check("--as", "list").stdout.splitlines() if not line.startswith(" ")] == [w["program"] for w in walks]


def test_without_records_all_go_to_the_domain_and_a_dot_stops_those_that_heed_it(tmp_path):
    for name in ("prosody", "ejabberd", "slixmpp"):
        walk = walk_of(tmp_path, "@ A 9.9.8.8\n", name)
        assert walk["end"] == "connects" and walk["ends"][0]["fallback"] and walk["ends"][0]["host"] == "d.chat"
    done = judged(tmp_path, "@ A 9.9.8.8\n_xmpps-server._tcp SRV 0 0 0 .\n", "--as", "ejabberd", "--format", "json")
    assert json.loads(done.stdout)["end"] == "refused", "it looks for a host named \".\""
    assert (".", "A") in {(q["name"], q["type"]) for q in json.loads(done.stdout)["questions"]}
    done = judged(tmp_path, "_xmpp-client._tcp SRV 0 0 5222 gone\n", "--as", "slixmpp")
    assert done.returncode == NOT_FOUND and "finds nothing to connect to" in done.stdout


def test_a_target_without_address_is_passed_over(tmp_path):
    walk = walk_of(tmp_path, "_xmpp-client._tcp SRV 0 0 5222 gone\n_xmpp-client._tcp SRV 5 0 5222 x\nx A 9.9.1.1\n", "slixmpp")
    assert walk["end"] == "connects" and [bool(e["addresses"]) for e in walk["ends"]] == [False, True]
    walk = walk_of(tmp_path, "@ A 9.9.8.8\n_xmpp-client._tcp SRV 0 0 5222 gone\n", "gajim")
    assert walk["end"] == "connects" and walk["ends"][-1]["host"] == "d.chat", "against RFC 6120, but so it is"


def test_patience_decides_what_a_slow_answer_is_worth(upstream, nsd):
    slow = upstream(late(relay_to(*nsd.server), 1.2))
    walk = json.loads(check("--server", slow.address, "--as", "slixmpp", "--format", "json", "capulet.lab").stdout)
    first = walk["questions"][0]
    assert first["gave_up"] and first["took_ms"] == 1000 and walk["ends"][0]["host"] == "capulet.lab" and walk["ends"][0]["fallback"]
    walk = json.loads(check("--server", slow.address, "--as", "prosody", "--format", "json", "capulet.lab").stdout)
    assert walk["ends"][0]["host"] == "federation.capulet.lab" and walk["questions"][0]["times"] == 2 and not walk["questions"][0]["gave_up"]


def test_servfail_is_no_record_to_them_and_no_answer_is_3(upstream):
    walk = json.loads(check("--server", upstream(always(dns.rcode.SERVFAIL)).address, "--as", "prosody", "--format", "json", "d.chat").stdout)
    assert walk["questions"][0]["times"] == 5 and walk["questions"][0]["outcome"] == "SERVFAIL" and walk["end"] == "nothing"
    done = check("--server", upstream(silent).address, "--timeout", 100, "--as", "slixmpp", "d.chat")
    assert done.returncode == NO_ANSWER and "no answer in time" in done.stdout


def test_ten_thousand_targets_end_soon_and_nothing_obeys_a_terminal(upstream):
    def handler(asked):
        reply = dns.message.make_response(asked.query)
        question = asked.query.question[0]
        if dns.rdatatype.to_text(question.rdtype) == "SRV":
            if asked.transport == "udp":
                reply.flags |= dns.flags.TC
                return reply
            reply.request_payload = 65535
            reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", "SRV", *[f"{i} 0 5222 \\027[2J\\226\\128\\174{i}.chat." for i in range(1200)]))
        return reply
    done = check("--server", upstream(handler).address, "--as", "ejabberd", "d.chat")
    assert len(done.stdout) < 20000 and done.stdout.isascii() and "\x1b" not in done.stdout


@pytest.mark.parametrize("argv, expected", [
    (["--as", "nonsense"], "must be a program that --as list shows, or all"), (["--as", "prosody", "--file", "x"], "--as knows text and JSON"),
    (["--as", "prosody", "--format", "tsv"], "--as knows text and JSON"), (["--as", "prosody", "--authority"], "--as asks one server"),
    (["--as", "prosody", "--server", "127.0.0.1", "--server", "127.0.0.2"], "--as asks one server")])
def test_wrong_use_is_one_line_and_2(argv, expected):
    done = check("--server", "127.0.0.1:9", *argv, "a.chat")
    assert done.returncode == USAGE and not done.stdout and expected in done.stderr and len(done.stderr.splitlines()) == 1
