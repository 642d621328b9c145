"""jidnsd validates as other validators do: the signed world, asked through it and through unbound."""

import os
import random

import pytest

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
