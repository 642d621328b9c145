"""jidns check --from-daemon: the domains that programs on this host asked jidnsd for, judged from its cache: nothing is asked."""

import json
import subprocess

import dns.message
import dns.rcode
import pytest

from kit.ask import ask
from kit.control import program
from kit.proc import wait_until
from test_check_servers import answer_from, zone_of

FOUND, SOMETHING, USAGE, NO_ANSWER = range(4)
HEAD = "$TTL 3600\n@ SOA ns1 admin 7 7200 3600 1209600 300\n@ NS ns1\n"
GOOD = """@ A 9.9.8.8
@ AAAA 2a01::88
x A 9.9.1.1
x AAAA 2a01::1
_xmpp-client._tcp SRV 0 5 5222 x
_xmpps-client._tcp SRV 5 5 5223 x
_xmpp-server._tcp SRV 0 5 5269 x
_xmpps-server._tcp SRV 5 5 5270 x
"""


def check(*argv):
    done = subprocess.run([program(), "check", *map(str, argv)], capture_output=True, text=True, timeout=60, check=False)
    assert not [word for word in ("AddressSanitizer", "runtime error") if word in done.stderr], done.stderr
    return done


class Host:
    """A daemon, its upstream with these zones, and its control socket."""

    def __init__(self, jidnsd, upstream, path, zones):
        loaded = [zone_of(HEAD + records, f"{name}.") for name, records in zones.items()]

        def handler(asked):
            for zone in loaded:
                if asked.query.question[0].name.is_subdomain(zone.origin):
                    return answer_from(zone, asked.query, authority=False)
            reply = dns.message.make_response(asked.query)
            reply.set_rcode(dns.rcode.NXDOMAIN)
            return reply
        self.upstream = upstream(handler)
        self.daemon = jidnsd("--upstream", self.upstream.address, "--prefetch", "on", "--control", path)
        self.path = path

    def contact(self, domain, side="server"):
        """What a program's first question makes jidnsd fetch."""
        ask(self.daemon.v4, f"_xmpps-{side}._tcp.{domain}", "SRV")
        ask(self.daemon.v4, f"_xmpp-{side}._tcp.{domain}", "SRV")
        wait_until(lambda: not self.asked_lately(), 5)

    def asked_lately(self):
        before = getattr(self, "before", -1)
        self.before = len(self.upstream.seen)
        return before != self.before

    def check(self, *argv):
        before = len(self.upstream.seen)
        done = check("--from-daemon", "--control", self.path, *argv)
        assert len(self.upstream.seen) == before, "something was asked upstream"
        return done


@pytest.fixture(name="host")
def fixture_host(jidnsd, upstream, tmp_path):
    return lambda zones: Host(jidnsd, upstream, tmp_path / "control", zones)


ZONES = {"good.chat": GOOD, "bad.chat": GOOD.replace("x A 9.9.1.1", "x A 10.0.0.1"), "unasked.chat": GOOD}


def test_the_page_says_that_it_comes_from_the_cache(host):
    here = host(ZONES)
    here.contact("good.chat")
    page = here.check("--format", "html", "good.chat").stdout
    assert "From the cache of jidnsd" in page and "What the cache does not have was not looked at." in page
    assert "From a zone file" not in page


def test_judges_the_domains_that_were_contacted_and_only_those(host):
    here = host(ZONES)
    here.contact("good.chat")
    here.contact("bad.chat")
    done = here.check()
    assert [line.split() for line in done.stdout.splitlines()] == [
        "bad.chat clients unasked servers in part W address-private".split(), "good.chat clients unasked servers yes -".split()]
    assert done.returncode == SOMETHING


def test_one_domain_in_whole_and_what_was_not_looked_at(host):
    here = host(ZONES)
    here.contact("bad.chat")
    done = here.check("bad.chat")
    assert done.returncode == SOMETHING and "from the cache of jidnsd" in done.stdout and "[address-private]" in done.stdout
    assert "What the cache does not have was not looked at.\n" in done.stdout
    report = json.loads(here.check("--format", "json", "bad.chat").stdout)
    assert report["asked"][0]["kind"] == "cache" and report["verdict"] == {"c2s": "unasked", "s2s": "partly"}
    assert not [f for f in report["findings"] if f["code"] in ("srv-failed", "srv-silent", "address-failed", "target-below-lame")]


def test_both_sides_where_both_were_asked_for(host):
    here = host(ZONES)
    here.contact("good.chat")
    here.contact("good.chat", "client")
    report = json.loads(here.check("--format", "json", "good.chat").stdout)
    assert report["verdict"] == {"c2s": "yes", "s2s": "yes"}


def test_each_finding_that_the_cache_can_tell_is_the_one_of_a_check_by_questions(host):
    zones = {"dots.chat": "@ A 9.9.8.8\nx A 9.9.1.1\n_xmpp-server._tcp SRV 0 5 5269 x\n_xmpp-server._tcp SRV 0 0 0 .\n",
             "alias.chat": "@ A 9.9.8.8\nx CNAME y\ny A 9.9.1.1\n_xmpp-server._tcp SRV 0 5 5269 x\n",
             "gone.chat": "@ A 9.9.8.8\n_xmpp-server._tcp SRV 0 5 5269 xmpp\n", "ports.chat": GOOD.replace("5269 x", "5222 x")}
    here = host(zones)
    for name in zones:
        here.contact(name)
        report = json.loads(here.check("--format", "json", name).stdout)
        asked = json.loads(check("--server", here.upstream.address, "--side", "s2s", "--format", "json", name).stdout)
        codes = [{f["code"] for f in r["findings"] if f["severity"] in ("warning", "error")} for r in (report, asked)]
        assert codes[0] and codes[0] == codes[1], name


def test_a_domain_that_the_cache_does_not_have_is_said_and_3(host):
    here = host(ZONES)
    done = here.check("unasked.chat")
    assert done.returncode == NO_ANSWER and not done.stdout
    assert done.stderr == "jidns check: unasked.chat: the cache of jidnsd has nothing of it\n"
    done = here.check()
    assert done.returncode == FOUND and not done.stdout and "has no XMPP domain" in done.stderr


def test_looks_at_the_names_of_addresses_that_the_cache_has(host):
    here = host({**ZONES, "9.9.in-addr.arpa": "ns1 A 9.9.1.1\n"})
    here.contact("good.chat")
    ask(here.daemon.v4, "1.1.9.9.in-addr.arpa", "PTR")
    report = json.loads(here.check("--format", "json", "good.chat").stdout)
    assert ("no-reverse", "9.9.1.1") in {(f["code"], f["subject"]) for f in report["findings"]}


def test_many_domains_are_an_object_each(host):
    here = host({f"d{i}.chat": GOOD for i in range(50)})
    for i in range(50):
        here.contact(f"d{i}.chat")
    done = here.check("--format", "json")
    assert {json.loads(line)["domain"] for line in done.stdout.splitlines()} == {f"d{i}.chat" for i in range(50)}


@pytest.mark.parametrize("argv, expected", [
    (["--as", "prosody"], "--as needs a DOMAIN"),
    (["--server", "127.0.0.1"], "--from-daemon asks nobody"), (["--authority"], "--from-daemon asks nobody"),
    (["--format", "nagios"], "--format nagios is for")])
def test_wrong_use_is_one_line_and_2(argv, expected):
    done = check("--from-daemon", "--control", "/nowhere", *argv)
    assert done.returncode == USAGE and not done.stdout and expected in done.stderr and len(done.stderr.splitlines()) == 1


def test_no_daemon_is_one_line_and_3():
    done = check("--from-daemon", "--control", "/nowhere/control")
    assert done.returncode == NO_ANSWER and not done.stdout and done.stderr.startswith("jidns check: /nowhere/control: ")
