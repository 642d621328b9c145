"""jidns check, word for word: for the zones in zones/check, text and JSON are as they lie beside them. JIDNS_GOLDEN=write in the
environment writes them anew; look at the difference before you keep it."""

import json
import os
import pathlib
import re

import pytest

from test_check import fixture_world  # noqa: F401 (the fixture "world")

FOLDER = pathlib.Path(__file__).with_name("zones") / "check"
ZONES = sorted(path.stem for path in FOLDER.glob("*.zone"))


def without_chance(text):
    """The first line without the server's port and the time it took."""
    return re.sub(r" +asked 127\.0\.0\.1:\d+, \d+ ms$", "  asked SERVER", text, count=1, flags=re.MULTILINE)


def without_chance_json(text):
    result = json.loads(text)
    for key in ("time", "version", "asked"):
        del result[key]
    for service in result["services"]:
        for timed in [service, *(address for target in service["targets"] for address in target.get("addresses", []))]:
            assert timed.pop("ms") >= 0
    return json.dumps(result, indent=1, sort_keys=True) + "\n"


def expect(path, got):
    if os.environ.get("JIDNS_GOLDEN") == "write":
        path.write_text(got)
    assert got == path.read_text(), f"another text than in {path}"


@pytest.mark.parametrize("zone", ZONES)
def test_says_word_for_word_what_it_said(world, zone):
    check = world({f"{zone}.chat": (FOLDER / f"{zone}.zone").read_text()})
    expect(FOLDER / f"{zone}.txt", without_chance(check(f"{zone}.chat").stdout))
    expect(FOLDER / f"{zone}.json", without_chance_json(check("--format", "json", f"{zone}.chat").stdout))


def test_there_are_zones_to_look_at():
    assert len(ZONES) >= 4
