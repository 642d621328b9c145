"""jidnsd validates as other validators do: the signed world, asked through it and through unbound. And it is never the reason for an
outage: one bad server of two, a wrong clock, wrong settings."""

import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import threading
import zlib

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import pytest

from kit.ask import ask
from kit.control import Control, jidns, program
from kit.jidnsd import Jidnsd, has_filter
from kit.netns import free_ports
from kit.proc import wait_until
from kit.signed_world import SignedWorld
from kit.upstream import Upstream, relay_to, silent
from kit.validators import (by_delv, content, delv_anchors, kresd, skip_unless_installed, unbound, validated, verdict_in, verdict_of,
                            without_proofs)

SEED = int(os.environ.get("E2E_SEED", "1"))
QUESTIONS = 10000 if os.environ.get("E2E_ALL") else 300
SIGNED = [f"host.{algorithm}-{denial}.{tld}." for tld, algorithm, denial in
          (("sec", "p256", "nsec"), ("opt", "ed", "nsec3"), ("sec", "rsa", "nsec3"), ("opt", "p256", "nsec"))]
BROKEN = {"expired": 7, "early": 8, "strange": 9, "bare": 10}
FAKETIME = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)


class Proven:
    """The world, a validating unbound, one that does not validate, and a jidnsd that does and asks the latter."""

    def __init__(self, folder):
        self.folder, self.world, self.made = folder, SignedWorld(folder), 0
        self.unbound = unbound(self.world, folder, "validating", "validator iterator", f'  trust-anchor-file: "{self.world.anchor}"')
        self.plain = unbound(self.world, folder, "plain", "iterator")
        self.daemon = self.jidnsd("jidnsd", self.plain)
        self.anchor = delv_anchors(self.world.anchor, folder / "anchor")

    def jidnsd(self, name, *servers, mode="validate", more=(), **how):
        upstreams = [word for server in servers for word in ("--upstream", "%s:%d" % server.server)]
        control = self.folder / f"{name}.control"
        daemon = Jidnsd(["--dnssec", mode, "--trust-anchor", self.world.anchor, "--control", control, *upstreams, *more], self.folder, name, **how)
        daemon.control = control
        return daemon.wait_ready()

    def close(self):
        self.daemon.close()
        self.unbound.stop()
        self.plain.stop()
        self.world.close()


@pytest.fixture(scope="module", name="proven")
def fixture_proven(tmp_path_factory):
    skip_unless_installed()
    made = Proven(tmp_path_factory.mktemp("dnssec"))
    yield made
    made.close()


@pytest.fixture(name="start")
def fixture_start(proven, request):
    """Starts jidnsd as Proven.jidnsd does; it must end well."""
    made = []

    def start(*servers, **how):
        made.append(proven.jidnsd(f"d{zlib.crc32(request.node.name.encode())}-{len(made)}", *(servers or (proven.plain,)), **how))
        return made[-1]
    yield start
    for daemon in made:
        daemon.close()


def counters(daemon):
    with Control(daemon.control) as control:
        return control.ask("stats")["counters"]


def ede_of(reply):
    return [int(option.code) for option in reply.options if option.otype == dns.edns.OptionType.EDE]


# ---- the same as others say ----

def test_each_zone_is_what_unbound_says_of_it(proven):
    for zone in proven.world.zones:
        for name in (f"host.{zone}", f"nothing.{zone}"):
            assert verdict_of(proven.daemon.v4, name, "A") == verdict_of(proven.unbound.server, name, "A"), name


def has_alias(reply):
    return any(rrset.rdtype in (dns.rdatatype.CNAME, dns.rdatatype.DNAME) for rrset in reply.answer)


def is_known_difference(rdtype, reply, ours, theirs, third):
    """unbound calls the CNAME that a DNAME makes bogus where it is asked for itself; delv does not. And where the DS or DNSKEY records
    of an alias are asked for, jidnsd waits for none of the zones that it leads to: without AD, where others say bogus."""
    if rdtype == "CNAME" and ours == third == "secure":
        return True
    return rdtype in ("DS", "DNSKEY") and has_alias(reply) and (ours, theirs) == ("insecure", "bogus")


def test_random_questions_get_unbounds_verdict_and_records(proven):
    rng = random.Random(SEED)
    differ = []
    for _ in range(QUESTIONS):
        name, rdtype, _ = proven.world.question(rng)
        replies = [validated(server, name, rdtype) for server in (proven.daemon.v4, proven.unbound.server)]
        ours, theirs = map(verdict_in, replies)
        said = f"{name} {rdtype} (E2E_SEED={SEED}): jidnsd {ours}, unbound {theirs}"
        if ours != theirs:
            third = by_delv(proven.plain.server, proven.anchor, name, rdtype)
            if not is_known_difference(rdtype, replies[0], ours, theirs, third):
                differ.append(f"{said}, delv {third}")
        elif ours != "bogus" and content(replies[0]) != content(replies[1]):
            differ.append(f"{said}: {content(replies[0])} is not {content(replies[1])}")
    assert not differ, "\n".join(differ)


@pytest.mark.skipif(not os.environ.get("E2E_ALL"), reason="a third judge: contrib/check --all")
def test_knot_resolver_says_so_too(proven):
    if not shutil.which("kresd"):
        pytest.skip("Knot Resolver is not installed")
    judge, rng, differ = kresd(proven.world, proven.folder, proven.plain.server), random.Random(SEED), []
    for _ in range(1000):
        name, rdtype, _ = proven.world.question(rng)
        reply = validated(proven.daemon.v4, name, rdtype)
        said = verdict_in(reply), verdict_of(judge.server, name, rdtype), verdict_of(proven.unbound.server, name, rdtype)
        if said[0] not in said[1:] and not is_known_difference(rdtype, reply, said[0], said[2], said[0]):
            differ.append(f"{name} {rdtype}: jidnsd {said[0]}, kresd {said[1]}, unbound {said[2]} (E2E_SEED={SEED})")
    judge.stop()
    assert not differ, "\n".join(differ)


# ---- what is broken ----

@pytest.mark.parametrize("tld", ["sec", "opt"])
@pytest.mark.parametrize("zone", BROKEN)
def test_a_broken_zone_is_servfail_with_the_reason_and_an_answer_with_cd(proven, zone, tld):
    name = f"host.{zone}.{tld}."
    refused = ask(proven.daemon.v4, name, "A", patience_s=10, edns=0)
    assert refused.rcode() == dns.rcode.SERVFAIL and ede_of(refused) == [BROKEN[zone]] and not refused.answer
    answer = ask(proven.daemon.v4, name, "A", patience_s=10, cd=True)
    assert answer.rcode() == dns.rcode.NOERROR and answer.answer[0][0].address == "192.0.2.1" and not answer.flags & dns.flags.AD


def test_a_denial_without_proof_is_servfail_and_what_is_there_is_secure(proven):
    for tld in ("sec", "opt"):
        denied = ask(proven.daemon.v4, f"nothing.gapless.{tld}.", "A", patience_s=10, edns=0)
        assert denied.rcode() == dns.rcode.SERVFAIL and ede_of(denied) == [12]
        assert verdict_of(proven.daemon.v4, f"host.gapless.{tld}.", "A") == "secure"
        for server in (proven.daemon.v4, proven.unbound.server):
            assert verdict_of(server, f"host.tree.gapless.{tld}.", "SOA") == "secure"


def test_log_refuses_nothing_and_says_it_once(start):
    daemon = start(mode="log")
    for zone in BROKEN:
        for name in (f"host.{zone}.sec.", f"_xmpp-client._tcp.{zone}.sec.", f"host.{zone}.sec."):
            reply = ask(daemon.v4, name, "SRV" if name[0] == "_" else "A", do=True, patience_s=10)
            assert reply.rcode() == dns.rcode.NOERROR and reply.answer and not reply.flags & dns.flags.AD, name
    assert ask(daemon.v4, SIGNED[0], "A", do=True, patience_s=10).answer
    for zone in BROKEN:
        lines = [line for line in daemon.stderr.splitlines() if f"{zone}.sec." in line]
        assert len(lines) == 1 and lines[0].endswith("--dnssec validate would refuse it"), lines
    assert counters(daemon)["bogus"] and counters(daemon)["secure"]


def lookup(daemon, *argv):
    done = subprocess.run([program(), "lookup", "--server", "%s:%d" % daemon.v4, *argv], capture_output=True, text=True, timeout=30, check=False)
    return done.stdout


def test_the_tool_shows_the_mode_and_what_is_secure_insecure_or_bogus(proven):
    assert re.search(r"^DNSSEC +validate$", jidns(proven.daemon, "status").stdout, re.M)
    assert "_xmpp-client._tcp: TTL 300" in (secure := lookup(proven.daemon, "--dnssec", "p256-nsec.sec")) and " ms, secure\n" in secure
    assert re.search(r"_xmpp-client._tcp: TTL 300, [0-9.]+ ms, insecure$", lookup(proven.daemon, "--dnssec", "plain.sec"), re.M)
    assert "_xmpp-client._tcp: failed: SERVFAIL, bogus (Signature Expired)" in lookup(proven.daemon, "expired.sec")
    services = json.loads(lookup(proven.daemon, "--dnssec", "--json", "expired.sec"))["services"]
    assert services and {service["proof"] for service in services} == {"bogus (Signature Expired)"}


# ---- one bad server of two ----

def stripping(relay):
    return lambda asked: without_proofs(dns.message.from_wire(relay(asked)))


def filtering(relay):
    """What it is asked for does not exist, it says; of zones it tells the truth."""
    def handler(asked):
        if asked.query.question[0].rdtype in (dns.rdatatype.DS, dns.rdatatype.DNSKEY):
            return relay(asked)
        reply = dns.message.make_response(asked.query, recursion_available=True)
        reply.set_rcode(dns.rcode.NXDOMAIN)
        return reply
    return handler


def lying(relay):
    """Its addresses are others; the signatures stay."""
    def handler(asked):
        reply = dns.message.from_wire(relay(asked))
        for rrset in reply.answer:
            if rrset.rdtype == dns.rdatatype.A:
                rrset.update(dns.rrset.from_text(rrset.name, rrset.ttl, "IN", "A", "198.51.100.66"))
        return reply
    return handler


BAD = {"strips": stripping, "filters": filtering, "lies": lying, "silent": lambda relay: silent}


@pytest.mark.parametrize("how", BAD)
def test_one_bad_server_of_two_breaks_no_signed_name(proven, start, how):
    bad = Upstream(BAD[how](relay_to(*proven.plain.server)), free_ports())
    bad.server = (bad.host, bad.port)
    daemon = start(bad, proven.plain, more=("--upstream-policy", "order"))
    for name in SIGNED:
        reply = validated(daemon.v4, name, "A")
        assert verdict_in(reply) == "secure" and reply.answer[0][0].address == "192.0.2.1", (how, name)
    said = " ".join(jidns(daemon, "upstreams").stdout.split())
    assert bad.seen
    assert (f"{bad.host}:{bad.port} leaves out signatures that another server has" in said) == (how in ("strips", "filters")), said
    bad.close()


def test_what_a_filter_denies_passes_without_ad_when_it_may(proven, start):
    bad = Upstream(filtering(relay_to(*proven.plain.server)), free_ports())
    bad.server = (bad.host, bad.port)
    strict, lenient = start(bad), start(bad, more=("--dnssec-unsigned-denial", "pass"))
    refused, passed = (validated(daemon.v4, SIGNED[0], "A") for daemon in (strict, lenient))
    assert refused.rcode() == dns.rcode.SERVFAIL and ede_of(refused) == [12]
    assert passed.rcode() == dns.rcode.NXDOMAIN and not passed.flags & dns.flags.AD
    bad.close()


# ---- trust anchors ----

def test_keys_that_do_not_fit_the_root_make_all_bogus_and_are_said_loudly_once(proven):
    daemon = Jidnsd(["--dnssec", "validate", "--upstream", "%s:%d" % proven.plain.server], proven.folder, "built-in").wait_ready()
    for name in (*SIGNED, "host.plain.sec."):
        reply = validated(daemon.v4, name, "A")
        assert reply.rcode() == dns.rcode.SERVFAIL and ede_of(reply) == [9], name
    loud = [line for line in daemon.stderr.splitlines() if line.startswith("error ")]
    assert len(loud) == 1 and "the root is signed by no key that jidnsd trusts" in loud[0] and "--trust-anchor" in loud[0], daemon.stderr
    daemon.close()


WRONG = {
    ". 300 IN A 192.0.2.1\n": r"wrong.ds:1: trust-anchor: only DS and DNSKEY records can be trusted",
    ". 300 IN DS 4711 5 1 0123456789012345678901234567890123456789\n": r"wrong.ds: trust-anchor: no DS \(digest 2 or 4\) or DNSKEY",
    ";\n. 300 IN DS 4711 eight 2\n": r"wrong.ds:2: ",
    "": r"wrong.ds: trust-anchor: no DS",
    None: r"wrong.ds: .*No such file",
}


@pytest.mark.parametrize("text", WRONG, ids=["other-type", "old-digest", "no-record", "empty", "missing"])
def test_a_wrong_anchor_file_is_said_with_its_place_and_loses_nothing_at_a_reload(proven, tmp_path, text):
    file, config = tmp_path / "wrong.ds", tmp_path / "jidnsd.conf"
    settings = 'upstream {{ server = "127.0.0.1:%d" }}\ndnssec {{ mode = validate trust-anchor = "{}" }}\n' % proven.plain.server[1]
    if text is not None:
        file.write_text(text)
    config.write_text(settings.format(file))
    failed = Jidnsd(["--config", config, "--user", "root"], tmp_path, "failed")
    assert failed.wait_exit(10) == 2 and re.search(WRONG[text], failed.stderr), failed.stderr

    config.write_text(settings.format(proven.world.anchor))
    daemon = Jidnsd(["--config", config, "--user", "root"], tmp_path, "reloaded").wait_ready()
    assert verdict_of(daemon.v4, SIGNED[0], "A") == "secure"
    config.write_text(settings.format(file))
    os.kill(daemon.child.pid, signal.SIGHUP)
    assert wait_until(lambda: "the old settings still hold" in daemon.stderr, 10) and re.search(WRONG[text], daemon.stderr), daemon.stderr
    assert verdict_of(daemon.v4, SIGNED[1], "A") == "secure" and verdict_of(daemon.v4, "host.expired.sec.", "A") == "bogus"
    daemon.close()


# ---- reload ----

class Asking(threading.Thread):
    """Asks for signed names until it is told to stop; what was no answer."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.goes_on, self.failed, self.count = server, True, [], 0

    def run(self):
        rng = random.Random(SEED)
        while self.goes_on:
            name = rng.choice(SIGNED)
            reply = ask(self.server, name, "A", patience_s=10)
            self.count += 1
            if reply.rcode() != dns.rcode.NOERROR or not reply.answer:
                self.failed.append((name, dns.rcode.to_text(reply.rcode())))


def test_reloads_change_the_mode_under_load_and_no_name_is_lost(proven, tmp_path):
    config, good = tmp_path / "jidnsd.conf", 0
    text = 'upstream {{ server = "127.0.0.1:%d" }}\ndnssec {{ mode = {} trust-anchor = "%s" }}\n' % (proven.plain.server[1], proven.world.anchor)
    config.write_text(text.format("log"))
    daemon = Jidnsd(["--config", config, "--user", "root"], tmp_path).wait_ready()
    asking = Asking(daemon.v4)
    asking.start()
    for mode, verdict in (("off", "insecure"), ("validate", "bogus"), ("log", "insecure"), ("validate", "bogus"), ("off", "insecure")):
        config.write_text(text.format(mode))
        os.kill(daemon.child.pid, signal.SIGHUP)
        good += 1
        assert wait_until(lambda: daemon.stderr.count("settings reloaded") == good, 10), daemon.stderr
        assert verdict_of(daemon.v4, "host.expired.sec.", "A") == verdict, mode
        said = verdict_of(daemon.v4, SIGNED[0], "A")  # what was proven before stays so
        assert said == "secure" if mode == "validate" else said != "bogus", mode
    asking.goes_on = False
    asking.join()
    assert asking.count and not asking.failed
    daemon.close()


@pytest.mark.skipif(not has_filter(), reason="without a filter of system calls libraries can be loaded at any time")
def test_to_turn_it_on_takes_a_restart_and_a_reload_says_so(proven, tmp_path):
    config, text = tmp_path / "jidnsd.conf", 'upstream { server = "127.0.0.1:%d" }\n' % proven.plain.server[1]
    config.write_text(text)
    daemon = Jidnsd(["--config", config, "--user", "root"], tmp_path).wait_ready()
    config.write_text(text + "dnssec { mode = validate }\n")
    os.kill(daemon.child.pid, signal.SIGHUP)
    assert wait_until(lambda: "the old settings still hold" in daemon.stderr, 10)
    assert "--dnssec: OpenSSL was not loaded for it, because it was off at the start; restart jidnsd" in daemon.stderr
    assert verdict_of(daemon.v4, SIGNED[0], "A") == "insecure"
    daemon.close()


# ---- the clock ----

@pytest.mark.skipif(not FAKETIME or not has_filter(), reason="libfaketime is not installed, or a sanitizer wants to be loaded first")
def test_a_clock_that_is_far_behind_costs_ad_and_no_name(start, tmp_path):
    clock = tmp_path / "clock"
    clock.write_text("-20y\n")
    daemon = start(wrap=lambda argv: ["env", f"LD_PRELOAD={FAKETIME}", f"FAKETIME_TIMESTAMP_FILE={clock}", "FAKETIME_NO_CACHE=1",
                                      "DONT_FAKE_MONOTONIC=1", *argv], more=("--seccomp", "errno", "--user", "root"))
    for name in (*SIGNED, "host.expired.sec."):
        assert verdict_of(daemon.v4, name, "A") == "insecure", name
    assert verdict_of(daemon.v4, "host.strange.sec.", "A") == "bogus"
    assert daemon.stderr.count("the clock is wrong, it must be later") == 1
    clock.with_suffix(".new").write_text("+0\n")
    clock.with_suffix(".new").rename(clock)
    assert verdict_of(daemon.v4, "_xmpp-client._tcp.p256-nsec.sec.", "SRV") == "secure"
    assert "the clock is right again" in daemon.stderr


# ---- what is kept ----

def bogus_zone(proven):
    return next(zone for zone, state in proven.world.zones.items() if state == "bogus")


class Settings:
    """A daemon that reads what it proves from a file, which it may be told to read again."""

    def __init__(self, proven, name, *options):
        self.proven, self.name, self.options, self.path = proven, name, options, proven.folder / f"{name}.conf"

    def write(self, mode, more="", anchor=None):
        server = "%s:%d" % self.proven.plain.server
        self.path.write_text(f'upstream {{ server = {{"{server}"}} }}\n'
                             f'dnssec {{ mode = {mode}\n  trust-anchor = "{anchor or self.proven.world.anchor}"\n{more}\n}}\n')

    def start(self):
        as_root = ["--user", "root"] if os.geteuid() == 0 else []  # it is to read and write in pytest's folder
        return Jidnsd(["--config", self.path, *as_root, *self.options], self.proven.folder, self.name).wait_ready()

    def reload(self, daemon, *what, **how):
        self.write(*what, **how)
        before = daemon.stderr.count("settings reloaded")
        daemon.child.send_signal(signal.SIGHUP)
        daemon.wait_for(lambda: daemon.stderr.count("settings reloaded") > before, "reloaded settings")


def rcode_of(daemon, name):
    return dns.rcode.to_text(ask(daemon.v4, name, "A", do=True, patience_s=10).rcode())


def test_what_is_kept_is_proven_once_settings_want_it(proven):
    settings, bogus, name = Settings(proven, "reloaded"), f"host.{bogus_zone(proven)}", "host.p256-nsec.sec."
    settings.write("log")
    daemon = settings.start()
    assert (rcode_of(daemon, bogus), verdict_of(daemon.v4, name, "A")) == ("NOERROR", "insecure")
    settings.reload(daemon, "validate")
    assert (rcode_of(daemon, bogus), verdict_of(daemon.v4, name, "A")) == ("SERVFAIL", "secure")
    settings.reload(daemon, "validate", f'  negative-trust-anchor = "{bogus_zone(proven)}"')
    assert (rcode_of(daemon, bogus), verdict_of(daemon.v4, name, "A")) == ("NOERROR", "secure")
    settings.reload(daemon, "validate")
    assert rcode_of(daemon, bogus) == "SERVFAIL"

    other = proven.folder / "other.ds"
    other.write_text(". IN DS 1 13 2 " + 64 * "0" + "\n")
    settings.reload(daemon, "validate", anchor=other)
    assert rcode_of(daemon, name) == "SERVFAIL"
    settings.reload(daemon, "log")
    assert (rcode_of(daemon, bogus), rcode_of(daemon, name)) == ("NOERROR", "NOERROR")
    settings.reload(daemon, "validate")
    assert verdict_of(daemon.v4, name, "A") == "secure"
    daemon.close()


def test_a_snapshot_of_what_nobody_proved_is_not_believed(proven):
    settings = Settings(proven, "restarted", "--snapshot", proven.folder / "cache")
    bogus, name = f"host.{bogus_zone(proven)}", "host.p256-nsec.sec."
    for mode, of_bogus, of_name in (("off", "NOERROR", "insecure"), ("validate", "SERVFAIL", "secure"), ("validate", "SERVFAIL", "secure"),
                                    ("off", "NOERROR", "secure")):
        settings.write(mode)
        daemon = settings.start()
        assert (rcode_of(daemon, bogus), verdict_of(daemon.v4, name, "A")) == (of_bogus, of_name), mode
        daemon.close()
