"""jidns check --zone: a zone file judged before it is published says what the same zone says once NSD serves it."""

import json
import subprocess

import dns.message
import dns.rcode
import dns.rrset
import pytest

from kit.control import program
from kit.nsd import Nsd

FOUND, SOMETHING, USAGE, NO_ANSWER = range(4)
HEAD = "$TTL 3600\n@ SOA ns.nothing. admin.nothing. 1 7200 3600 1209600 300\n@ NS ns.nothing.\n"
GOOD = """@ A 9.9.8.8
@ AAAA 2a01::88
x A 9.9.1.1
x AAAA 2a01::1
_xmpp-client._tcp SRV 0 5 5222 x
_xmpps-client._tcp SRV 5 5 5223 x
_xmpp-server._tcp SRV 0 5 5269 x
_xmpps-server._tcp SRV 5 5 5270 x
"""
SAMPLES = {
    "good": GOOD,
    "dots": "@ A 9.9.8.8\nx A 9.9.1.1\n_xmpp-client._tcp SRV 0 5 5222 x\n_xmpp-client._tcp SRV 0 0 0 .\n_xmpp-server._tcp SRV 0 5 5269 x\n",
    "wild": "@ A 9.9.8.8\nx A 9.9.1.1\n*._tcp SRV 0 5 5222 x\n",
    "alias": "@ A 9.9.8.8\nx CNAME y\ny A 9.9.1.1\n_xmpp-client._tcp CNAME _c\n_c SRV 0 5 5222 x\n_xmpp-server._tcp SRV 0 5 5269 y\n",
    "ring": "@ A 9.9.8.8\nx CNAME y\ny CNAME x\n_xmpp-client._tcp SRV 0 5 5222 x\n",
    "gone": "@ A 9.9.8.8\n_xmpp-client._tcp SRV 0 5 5222 xmpp.gone.chat\n_xmpp-server._tcp SRV 0 5 5269 192.0.2.1.\n",
    "renamed": "@ A 9.9.8.8\n_tcp DNAME _other\n_xmpp-client._other SRV 0 5 5222 x\nx A 9.9.1.1\nx AAAA 2a01::1\n",
    "many": "@ A 9.9.8.8\n" + "".join(f"_xmpp-client._tcp SRV 0 5 5222 t{i}\nt{i} A 9.9.1.{i}\n" for i in range(1, 61)),
    "rooms": GOOD.replace("5269", "40269") + "conference A 9.9.1.1\n*.muc A 9.9.1.1\n",
    "tlsa": GOOD + "_5222._tcp.x TLSA 9 9 9 abcd\n",
    "old": "@ A 9.9.8.8\n_jabber._tcp SRV 0 5 5269 x\nx A 9.9.1.1\n_xmppconnect TXT \"_xmpp-client-websocket=ws://x/\"\n",
    "udp": "@ A 9.9.8.8\nx A 9.9.1.1\n_xmpp-client._udp SRV 0 5 5222 x\n_xmpp-server._tcp.x SRV 0 5 5269 x\n",
    "ttl": "$TTL 0\n" + GOOD,
    "empty": "",
}


def check(*argv):
    done = subprocess.run([program(), "check", *map(str, argv)], capture_output=True, text=True, timeout=60, check=False)
    assert not [word for word in ("AddressSanitizer", "runtime error") if word in done.stderr], done.stderr
    return done


@pytest.fixture(scope="module", name="served")
def fixture_served(tmp_path_factory):
    """NSD with the samples, each NAME.chat, and a root that has nothing else; .zones are the options for the same files."""
    source, folder = tmp_path_factory.mktemp("zones"), tmp_path_factory.mktemp("nsd-samples")
    (source / "root.zone").write_text(HEAD)
    (source / "lab.zone").write_text(HEAD)
    for name, records in SAMPLES.items():
        (source / f"{name}.chat.zone").write_text(HEAD + records)
    server = Nsd(source, folder)
    server.zones = [word for path in sorted(source.glob("*.zone"))
                    for word in ("--zone", f"{'.' if path.stem == 'root' else path.stem}={path}")]
    yield server
    server.close()


def without_times(value):
    if isinstance(value, dict):
        return {key: without_times(inner) for key, inner in value.items() if key != "ms"}
    return [without_times(inner) for inner in value] if isinstance(value, list) else value


def said(done):
    """All that a report says but for time, server, and that nobody validates."""
    report = without_times(json.loads(done.stdout))
    for host in report["hosts"]:
        host["addresses"].sort()
    return {"findings": [{**f, "fix": sorted(x["record"] for x in f["fix"])} for f in report["findings"] if f["code"] != "not-validating"],
            **{key: report[key] for key in ("verdict", "services", "hosts", "components", "plans")}}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_file_and_a_real_server_with_it_get_the_same_judgement(served, name):
    asked = check("--server", f"127.0.0.1:{served.port}", "--format", "json", f"{name}.chat")
    read = check("--offline", *served.zones, "--format", "json", f"{name}.chat")
    assert said(read) == said(asked) and read.returncode == asked.returncode
    assert json.loads(read.stdout)["asked"][0]["kind"] == "file"


def test_names_outside_the_zone_are_asked_for_as_usual(upstream, tmp_path):
    def handler(asked):
        reply = dns.message.make_response(asked.query)
        question = asked.query.question[0]
        if question.name.to_text() == "host.other." and dns.rdatatype.to_text(question.rdtype) == "A":
            reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", "A", "9.9.7.7"))
        return reply
    server = upstream(handler)
    path = tmp_path / "zone"
    path.write_text(HEAD + "@ A 9.9.8.8\nx CNAME host.other.\n_xmpp-client._tcp SRV 0 5 5222 host.other.\n_xmpp-server._tcp SRV 0 5 5269 x\n")
    done = check("--server", server.address, "--zone", f"out.chat={path}", "--format", "json", "out.chat")
    hosts = {h["name"]: h for h in json.loads(done.stdout)["hosts"]}
    assert hosts["host.other"]["addresses"] == ["9.9.7.7"] and hosts["x.out.chat"]["addresses"] == ["9.9.7.7"]
    assert hosts["x.out.chat"]["alias"] == "host.other"
    assert not [seen for seen in server.seen if seen.name.endswith("out.chat.")], "what lies in the zone is asked of nobody"


def test_offline_says_what_was_not_looked_at_and_asks_nobody(tmp_path):
    path = tmp_path / "zone"
    path.write_text(HEAD + GOOD.replace("5222 x", "5222 host.other."))
    argv = ["--offline", "--server", "127.0.0.1:9", "--zone", f"out.chat={path}", "out.chat"]
    done = check(*argv)
    assert done.returncode == FOUND and "host.other." in done.stdout and "Not looked at: 1 name that leads out of the zone files.\n" in done.stdout
    report = json.loads(check(*argv, "--format", "json").stdout)
    assert report["verdict"] == {"c2s": "yes", "s2s": "yes"} and report["asked"][0]["unanswered"] == 0
    assert ("addresses", "host.other") in [(s["check"], s.get("subject")) for s in report["skipped"]]
    assert not [f for f in report["findings"] if f["severity"] in ("warning", "error")]


def test_offline_a_service_that_leads_out_of_the_zone_is_unknown_and_no_failure(tmp_path):
    path = tmp_path / "zone"
    path.write_text(HEAD + "@ A 9.9.8.8\n_tcp DNAME hosting.example.\n")
    done = check("--offline", "--zone", f"out.chat={path}", "--format", "json", "out.chat")
    report = json.loads(done.stdout)
    assert report["verdict"] == {"c2s": "unknown", "s2s": "unknown"} and done.returncode == NO_ANSWER
    assert not [f for f in report["findings"] if f["severity"] in ("warning", "error")]
    assert ("records", "_xmpp-client._tcp") in [(s["check"], s.get("subject")) for s in report["skipped"]]


def test_a_delegated_name_is_asked_of_its_servers_where_their_address_stands_in_the_zone(upstream, tmp_path):
    def handler(asked):
        reply = dns.message.make_response(asked.query)
        reply.flags |= dns.flags.AA
        question = asked.query.question[0]
        if dns.rdatatype.to_text(question.rdtype) == "SRV" and question.name.to_text().startswith("_xmpp-server._tcp.rooms"):
            reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", "SRV", "0 5 5269 x.cut.chat."))
        return reply
    child = upstream(handler, host="127.0.0.53", port=53)
    nobody = upstream(lambda asked: dns.message.make_response(asked.query))
    path = tmp_path / "zone"
    path.write_text(HEAD + GOOD + "rooms NS ns.rooms\nns.rooms A 127.0.0.53\n")
    done = check("--server", nobody.address, "--zone", f"cut.chat={path}", "--format", "json", "cut.chat")
    rooms = next(c for c in json.loads(done.stdout)["components"] if c["name"] == "rooms.cut.chat")
    assert rooms["exists"] and rooms["plan"]["steps"][0]["host"] == "x.cut.chat"
    assert child.asked("_xmpp-server._tcp.rooms.cut.chat.", "SRV")


@pytest.mark.parametrize("argv, expected", [
    (["--zone", "a.chat"], "must be a domain and its zone file"), (["--zone", "=x"], "must be a domain and its zone file"),
    (["--zone", "a..chat=x"], "must be a domain and its zone file"), (["--zone", "a.chat=/nowhere/zone"], "/nowhere/zone"),
    (["--offline"], "--offline needs the zone files to judge")])
def test_wrong_use_is_one_line_and_2(argv, expected):
    done = check("--server", "127.0.0.1:9", *argv, "a.chat")
    assert done.returncode == USAGE and not done.stdout
    assert expected in done.stderr and len(done.stderr.splitlines()) == 1 and done.stderr.startswith("jidns check: ")


def test_a_broken_zone_file_is_one_line_with_file_and_line_and_2(tmp_path):
    path = tmp_path / "broken.zone"
    path.write_text(HEAD + "x A 9.9.1.1\nx A not-an-address\n")
    done = check("--offline", "--zone", f"a.chat={path}", "a.chat")
    assert done.returncode == USAGE and not done.stdout and len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"jidns check: {path}:5: ")


def test_a_domain_outside_the_zones_is_refused_offline(tmp_path):
    path = tmp_path / "zone"
    path.write_text(HEAD + GOOD)
    done = check("--offline", "--zone", f"a.chat={path}", "b.chat")
    assert done.returncode == USAGE and "\"b.chat\" lies in none of the zones" in done.stderr
