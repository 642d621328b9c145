"""jidns check against real servers: what it says of domains served from zone files, in which form, with which status."""

import json
import os
import pathlib
import random
import subprocess

import dns.edns
import dns.message
import dns.rdatatype
import dns.rrset
import pytest

from kit.control import program
from kit.upstream import always, silent

FOUND, SOMETHING, USAGE, NO_ANSWER = range(4)
ROOT = pathlib.Path(__file__).resolve().parents[2]

GOOD = """
@ A 9.9.8.8
@ AAAA 2a01::88
x A 9.9.1.1
x AAAA 2a01::1
_xmpp-client._tcp SRV 0 5 5222 x
_xmpps-client._tcp SRV 5 5 5223 x
_xmpp-server._tcp SRV 0 5 5269 x
_xmpps-server._tcp SRV 5 5 5270 x
"""


def jidns(*argv, text=None):
    done = subprocess.run([program(), "check", *map(str, argv)], capture_output=True, text=True, timeout=60, check=False, input=text or "")
    assert not [word for word in ("AddressSanitizer", "runtime error") if word in done.stderr], done.stderr
    return done


@pytest.fixture(name="world")
def fixture_world(jidnsd, tmp_path):
    """world({domain: records}): a daemon that serves them and says of everything else that it does not exist; check(*argv)."""
    def make(zones):
        options = []
        for number, (name, records) in enumerate({".": "", **zones}.items()):
            path = tmp_path / f"{number}.zone"
            path.write_text(f"$TTL 3600\n@ SOA ns.nothing. admin.nothing. 1 7200 3600 1209600 300\n@ NS ns.nothing.\n{records}\n")
            options += ["--zone", f"{name}={path}"]
        daemon = jidnsd("--upstream", "127.0.0.1:9", *options)

        def check(*argv, text=None):
            return jidns("--server", check.server, *argv, text=text)
        check.server = f"127.0.0.1:{daemon.port}"
        return check
    return make


def codes(done, least=("notice", "warning", "error")):
    return sorted(f["code"] for f in json.loads(done.stdout)["findings"] if f["severity"] in least)


def test_a_good_domain_has_nothing_to_complain_of_and_ends_with_0(world):
    check = world({"good.chat": GOOD})
    done = check("good.chat")
    assert done.returncode == FOUND
    assert "  clients reach it: yes          x.good.chat 5222 STARTTLS\n" in done.stdout
    assert done.stdout.endswith("Nothing to complain of.\n")
    assert codes(check("--format", "json", "good.chat")) == []


def test_names_what_is_wrong_and_what_to_write_instead(world):
    check = world({"bad.chat": "@ A 9.9.8.8\n_xmpp-client._tcp SRV 0 5 5222 xmpp.bad.chat\nxmpp A 9.9.1.1\n"})
    done = check("--side", "c2s", "bad.chat")
    assert done.returncode == SOMETHING
    assert "  clients reach it: no" in done.stdout
    assert "error    The target xmpp.bad.chat.bad.chat ends in the domain twice\n" in done.stdout
    assert "         - _xmpp-client._tcp   SRV 0 5 5222 xmpp.bad.chat\n         + _xmpp-client._tcp   SRV 0 5 5222 xmpp\n" in done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) <= 80
    fix = check("--side", "c2s", "--fix", "zone", "bad.chat").stdout
    assert "_xmpp-client._tcp.bad.chat. 3600 IN SRV 0 5 5222 xmpp.bad.chat.\n" in fix


def without_ms(value):
    if isinstance(value, list):
        return [without_ms(each) for each in value]
    return {key: without_ms(each) for key, each in value.items() if key != "ms"} if isinstance(value, dict) else value


def test_lookup_and_check_have_one_form_for_services_and_steps(world):
    check = world({"good.chat": GOOD + "_jabber._tcp SRV 0 5 5269 x\n"})
    judged = json.loads(check("--format", "json", "good.chat").stdout)
    done = subprocess.run([program(), "lookup", "--server", check.server, "--json", "--dnssec", "--all-records", "good.chat"],
                          capture_output=True, text=True, timeout=30, check=True)
    shown = json.loads(done.stdout)
    assert without_ms(judged["services"]) == without_ms(shown["services"])
    assert [plan["steps"] for plan in judged["plans"]] == [plan["steps"] for plan in shown["plans"]]


def test_json_has_everything_that_the_text_says(world):
    check = world({"rooms.chat": GOOD.replace("5269", "40269").replace("5270", "40270") + "conference A 9.9.1.1\n"})
    done = check("--format", "json", "https://rooms.chat/")
    result = json.loads(done.stdout)
    assert done.returncode == SOMETHING and result["schema"] == "jidns-check/1" and result["domain"] == "rooms.chat"
    assert result["verdict"] == {"c2s": "yes", "s2s": "yes"} and result["worst"] == "warning"
    found = next(f for f in result["findings"] if f["code"] == "component-elsewhere")
    assert found["subject"] == "conference.rooms.chat" and found["side"] == "s2s" and found["sure"]
    assert {"op": "add", "record": "_xmpp-server._tcp.conference.rooms.chat. 3600 IN SRV 0 5 40269 x.rooms.chat."} in found["fix"]
    assert next(c for c in result["components"] if c["exists"])["plan"]["steps"][0]["port"] == 5269
    assert "connections" in [s["check"] for s in result["skipped"]], "what was not looked at does not look like a good one"


def test_says_nothing_of_what_is_ignored_until_the_day_is_over(world, tmp_path):
    check = world({"odd.chat": GOOD.replace("5269 x", "40269 x").replace("SRV 0 5 5222 x", "SRV 0 5 5223 x")})
    assert check("odd.chat").returncode == SOMETHING
    done = check("--ignore", "port-suggests-tls", "--ignore", "same-port-both-tls", "odd.chat")
    assert done.returncode == FOUND and "1 notice (2 ignored).\n" in done.stdout
    known = tmp_path / "known"
    known.write_text("port-suggests-tls until 2999-01-01 a client needs it\nsame-port-both-tls:c2s\nport-unusual\n")
    done = check("--ignore-file", known, "odd.chat")
    assert done.returncode == FOUND and done.stdout.endswith("Nothing to complain of (3 ignored).\n")
    known.write_text("port-suggests-tls until 2001-01-01\n")
    assert check("--ignore-file", known, "odd.chat").returncode == SOMETHING


def test_status_follows_fail_on(world):
    check = world({"odd.chat": GOOD.replace("5269 x", "40269 x")})
    assert check("odd.chat").returncode == FOUND
    assert check("--fail-on", "notice", "odd.chat").returncode == SOMETHING
    check = world({"private.chat": GOOD + "x A 10.0.0.1\n"})
    assert check("--fail-on", "error", "private.chat").returncode == FOUND


def test_lines_for_scripts_and_for_nagios(world):
    check = world({"good.chat": GOOD, "bad.chat": GOOD + "x A 10.0.0.1\n"})
    done = check("--format", "tsv", "good.chat", "bad.chat")
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert rows[0] == ["domain", "severity", "code", "side", "subject", "text"]
    assert ["bad.chat", "warning", "address-private", "both", "10.0.0.1"] in [row[:5] for row in rows]
    done = check("--format", "nagios", "good.chat")
    assert (done.returncode, done.stdout) == (0, "XMPP DNS OK - 1 domain, 0 errors, 0 warnings | errors=0;;0 warnings=0;0 notices=0\n")
    done = check("--format", "nagios", "good.chat", "bad.chat")
    assert done.returncode == 1 and done.stdout.startswith("XMPP DNS WARNING - 2 domains, ") and len(done.stdout.splitlines()) == 1


def test_many_domains_from_a_file_or_a_pipe_a_line_each_in_their_order(world, tmp_path):
    check = world({"good.chat": GOOD, "bad.chat": GOOD + "x A 10.0.0.1\n"})
    names = ["good.chat", "bad.chat", "gone.chat"] * 20
    done = check("--file", "-", text="# mine\n" + "\n".join(names) + "\n")
    lines = done.stdout.splitlines()
    assert done.returncode == SOMETHING and [line.split()[0] for line in lines] == names
    assert lines[0].split() == ["good.chat", "clients", "yes", "servers", "yes", "-"]
    assert lines[1].split() == "bad.chat clients in part servers in part W address-private".split()
    assert lines[2].split() == "gone.chat clients no servers no E domain-missing".split()
    path = tmp_path / "names"
    path.write_text("\n".join(names))
    objects = [json.loads(line) for line in check("--file", path, "--format", "json").stdout.splitlines()]
    assert [o["domain"] for o in objects] == names


def test_no_answer_is_no_verdict_and_3(upstream):
    done = jidns("--server", upstream(silent).address, "--timeout", 300, "good.chat")
    assert done.returncode == NO_ANSWER and not done.stdout and "no answer in time" in done.stderr


def test_failed_questions_leave_the_verdict_unknown(upstream):
    done = jidns("--server", upstream(always(dns.rcode.SERVFAIL)).address, "--format", "json", "good.chat")
    assert json.loads(done.stdout)["verdict"] == {"c2s": "unknown", "s2s": "unknown"}
    assert "srv-failed" in codes(done) and done.returncode == SOMETHING


def test_says_that_a_server_invents_addresses_filters_or_is_stale(upstream):
    def handler(asked):
        reply = dns.message.make_response(asked.query)
        question = asked.query.question[0]
        if question.rdtype == dns.rdatatype.A:
            reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", "A", "9.9.7.7"))
        reply.use_edns(0, options=[dns.edns.EDEOption(17, "by order"), dns.edns.EDEOption(3, "")])
        return reply
    found = codes(jidns("--server", upstream(handler).address, "--format", "json", "good.chat"))
    assert {"nxdomain-rewritten", "answer-filtered", "answer-stale"} <= set(found)


def test_prints_nothing_of_an_attacker_that_a_terminal_obeys(upstream):
    def handler(asked):
        reply = dns.message.make_response(asked.query)
        question = asked.query.question[0]
        if question.rdtype == dns.rdatatype.SRV:
            reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", "SRV", "0 0 5222 a\\027[2J\\010\\226\\128\\174.chat."))
        if question.rdtype == dns.rdatatype.TXT:
            reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", "TXT", '"\\027]0;owned\\007"'))
        return reply
    server = upstream(handler)
    for form in ("text", "json", "tsv", "nagios"):
        done = jidns("--server", server.address, "--format", form, "good.chat")
        assert done.stdout.isascii() and not set(done.stdout) & {chr(c) for c in range(32) if chr(c) not in "\n\t"}, form


def test_thousands_of_targets_end_in_bounded_time(upstream):
    def handler(asked):
        reply = dns.message.make_response(asked.query)
        question = asked.query.question[0]
        if question.rdtype == dns.rdatatype.SRV and question.name.to_text() == "_xmpp-client._tcp.good.chat.":
            if asked.transport == "udp":
                reply.flags |= dns.flags.TC
                return reply
            reply.request_payload = 65535
            reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", "SRV", *[f"0 {i} 5222 t{i}.chat." for i in range(1500)]))
        return reply
    done = jidns("--server", upstream(handler).address, "--format", "json", "good.chat")
    assert "too-many-targets" in codes(done)


# ---- an independent judge of plans ----

def made_up_domain(lot):
    """Records and what follows from them, by the words of RFC 6120 and XEP-0368, without looking at how jidns does it."""
    hosts = [f"h{i}" for i in range(4)]
    has_address = {host: lot.random() < 0.8 for host in hosts}
    own = lot.random() < 0.7
    lines = [f"{h} {'A 9.9.1.' + str(i + 1) if has_address[h] else 'TXT none'}" for i, h in enumerate(hosts)]
    lines += ["@ A 9.9.8.8"] if own else []
    services = {}
    for side in ("client", "server"):
        for prefix in ("xmpps", "xmpp"):
            kind = lot.choice(["absent", "refused", "offered", "offered"])
            name = f"_{prefix}-{side}._tcp"
            if kind == "refused":
                lines.append(f"{name} SRV 0 0 0 .")
                services[side, prefix] = "refused"
            elif kind == "offered":
                records = {(lot.randrange(3), lot.choice([5222, 5223, 5269, 443]), lot.choice(hosts)) for _ in range(lot.randrange(1, 4))}
                lines += [f"{name} SRV {priority} 5 {port} {host}" for priority, port, host in sorted(records)]
                services[side, prefix] = records
    return lines, services, has_address, own


def expected_plan(domain, side, services, has_address, own):
    sets = [(prefix, services.get((side, prefix))) for prefix in ("xmpps", "xmpp")]
    if all(found is None for _, found in sets):
        port = 5222 if side == "client" else 5269
        return ("fallback", {(0, domain, port, "starttls")}) if own else ("nothing", set())
    steps = {(priority, f"{host}.{domain}", port, "direct" if prefix == "xmpps" else "starttls")
             for prefix, found in sets if isinstance(found, set) for priority, port, host in found if has_address[host]}
    if steps:
        return "connects", steps
    return ("no-address", set()) if any(isinstance(found, set) for _, found in sets) else ("refused", set())


def test_plans_agree_with_an_independent_model_of_1000_made_up_domains(world):
    lot = random.Random(20261130)
    made = {f"d{i}.chat": made_up_domain(lot) for i in range(1000)}
    records = "\n".join(f"{line.split(' ', 1)[0].replace('@', '') + '.' if line[0] != '@' else ''}{name.split('.')[0]} "
                        f"{' '.join(f'{word}.{name}.' if word.startswith('h') else word for word in line.split(' ')[1:])}"
                        for name, (lines, *_) in made.items() for line in lines)
    check = world({"chat": records})
    done = check("--file", "-", "--format", "json", text="\n".join(made))
    results = {r["domain"]: r for r in map(json.loads, done.stdout.splitlines())}
    assert len(results) == len(made), done.stderr
    for name, (_, services, has_address, own) in made.items():
        for side, word in (("client", "c2s"), ("server", "s2s")):
            plan = next(p for p in results[name]["plans"] if p["side"] == word and p["program"] == "direct-tls")
            got = plan["end"], {(s["priority"], s["host"], s["port"], s["tls"]) for s in plan["steps"]}
            assert got == expected_plan(name, side, services, has_address, own), (name, side)
            priorities = [s["priority"] for s in plan["steps"]]
            assert priorities == sorted(priorities)


# ---- without a question ----

def test_explains_and_lists_without_asking_anybody():
    done = jidns("--explain", "port-suggests-starttls", "--server", "127.0.0.1:9")
    assert done.returncode == FOUND and done.stdout.startswith("port-suggests-starttls (error)\n")
    listed = jidns("--list").stdout
    assert "target-alias" in listed and max(len(line) for line in listed.splitlines()) <= 80


def test_the_page_of_findings_is_what_the_table_says():
    done = subprocess.run([ROOT / "contrib" / "dev" / "findings", program(), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("argv, said", [
    ([], "needs a DOMAIN"), (["--explain", "nonsense"], "no such code"), (["--fail-on", "info", "a.chat"], "must be error, warning or notice"),
    (["--format", "xml", "a.chat"], "must be text, json, tsv, nagios or html"), (["a..chat"], "is not a domain or JID"), (["192.0.2.1"], "IP address"),
    (["--component", "a..b", "a.chat"], "must be the part before the domain"), (["--ignore", "nonsense", "a.chat"], "must be a code"),
    (["--file", "/nowhere/names"], "/nowhere/names: No such file"), (["--fix", "html", "a.chat"], "must be zone or nsupdate")])
def test_wrong_use_is_one_clear_line_and_2(argv, said):
    done = jidns("--server", "127.0.0.1:9", *argv)
    assert done.returncode == USAGE and not done.stdout
    assert said in done.stderr and len(done.stderr.splitlines()) == 1


def test_names_file_and_line_of_a_name_that_is_none(tmp_path):
    path = tmp_path / "names"
    path.write_text("# none\n\na b.chat\nc..chat\n")
    done = jidns("--server", "127.0.0.1:9", "--timeout", "100", "--file", path)
    assert done.returncode == USAGE and f"{path}:4: \"c..chat\"" in done.stderr
    assert os.path.exists(path)
