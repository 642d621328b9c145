"""The signed world is what it says: unbound's validator and delv agree on it, question by question."""

import os
import random

import pytest

from kit.signed_world import SignedWorld
from kit.validators import by_delv, delv_anchors, skip_unless_installed, unbound, verdict_of

pytestmark = pytest.mark.skipif(not os.environ.get("E2E_ALL"), reason="the judges of test_dnssec.py judged: contrib/check --all")
SEED = int(os.environ.get("E2E_SEED", "1"))
QUESTIONS = 1000


@pytest.fixture(scope="module", name="judges")
def fixture_judges(tmp_path_factory):
    """The world, an unbound that validates, one that does not."""
    skip_unless_installed()
    folder = tmp_path_factory.mktemp("signed-world")
    world = SignedWorld(folder)
    validating = unbound(world, folder, "validating", "validator iterator", f'  trust-anchor-file: "{world.anchor}"')
    plain = unbound(world, folder, "plain", "iterator")
    yield world, validating, plain, delv_anchors(world.anchor, folder / "anchor")
    validating.stop()
    plain.stop()
    world.close()


def test_each_zone_is_what_the_world_says(judges):
    world, validating, _, _ = judges
    for zone, state in world.zones.items():
        said = verdict_of(validating.server, f"host.{zone}", "A")
        assert said == ("secure" if state == "gapless" else state), zone
        if state == "gapless":
            assert verdict_of(validating.server, f"nothing.{zone}", "A") == "bogus", zone


def test_both_judges_agree(judges):
    world, validating, plain, anchor = judges
    rng = random.Random(SEED)
    differ = []
    for _ in range(QUESTIONS):
        name, rdtype, zone = world.question(rng)
        said = verdict_of(validating.server, name, rdtype), by_delv(plain.server, anchor, name, rdtype)
        if said == ("insecure", "secure") and world.may_opt_out(zone):
            continue  # delv says of an opt-out span's denial that it is signed, and not that it proves less
        if said[0] != said[1]:
            differ.append(f"{name} {rdtype}: unbound {said[0]}, delv {said[1]} (E2E_SEED={SEED})")
    assert not differ, "\n".join(differ)
