"""jidnsd validates as other validators do: the signed world, asked through it and through unbound."""

import os
import random
import signal

import dns.rcode
import pytest

from kit.ask import ask
from kit.jidnsd import Jidnsd
from kit.signed_world import SignedWorld
from kit.validators import by_delv, delv_anchor, skip_unless_installed, unbound, verdict_of

SEED = int(os.environ.get("E2E_SEED", "1"))
QUESTIONS = 10000 if os.environ.get("E2E_ALL") else 300


class Proven:
    """The world, a validating unbound, one that does not validate, and a jidnsd that does and asks the latter."""

    def __init__(self, folder):
        self.folder, self.world = folder, SignedWorld(folder)
        self.unbound = unbound(self.world, folder, "validating", "validator iterator", f'  trust-anchor-file: "{self.world.anchor}"')
        self.plain = unbound(self.world, folder, "plain", "iterator")
        self.daemon = self.jidnsd("jidnsd", self.plain)
        self.anchor = delv_anchor(self.world, folder)

    def jidnsd(self, name, *servers, mode="validate"):
        upstreams = [word for server in servers for word in ("--upstream", "%s:%d" % server.server)]
        return Jidnsd(["--dnssec", mode, "--trust-anchor", self.world.anchor, *upstreams], self.folder, name).wait_ready()

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


def test_each_zone_is_what_unbound_says_of_it(proven):
    for zone in proven.world.zones:
        for name in (f"host.{zone}", f"nothing.{zone}"):
            assert verdict_of(proven.daemon.v4, name, "A") == verdict_of(proven.unbound.server, name, "A"), name


def is_known_difference(rdtype, ours, theirs, third):
    """unbound calls the CNAME that a DNAME makes bogus where it is asked for itself; delv does not. And where the DS or DNSKEY records
    of an alias are asked for, jidnsd waits for none of the zones that it leads to: without AD, where others say bogus."""
    if rdtype == "CNAME" and ours == third == "secure":
        return True
    return rdtype in ("DS", "DNSKEY") and (ours, theirs) == ("insecure", "bogus")


def test_random_questions_get_unbounds_verdict(proven):
    rng = random.Random(SEED)
    differ = []
    for _ in range(QUESTIONS):
        name, rdtype, _ = proven.world.question(rng)
        ours, theirs = (verdict_of(server, name, rdtype) for server in (proven.daemon.v4, proven.unbound.server))
        if ours != theirs:
            third = by_delv(proven.plain.server, proven.anchor, name, rdtype)
            if is_known_difference(rdtype, ours, theirs, third):
                continue
            differ.append(f"{name} {rdtype}: jidnsd {ours}, unbound {theirs}, delv {third} (E2E_SEED={SEED})")
    assert not differ, "\n".join(differ)


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
