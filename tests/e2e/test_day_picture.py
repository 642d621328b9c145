"""doc/day.svg is what contrib/dev/day-picture draws of a day in virtual time, and each rule is worth its queries."""

import os
import pathlib
import re
import subprocess
import xml.etree.ElementTree

import pytest

from kit import jidnsd as jidnsd_kit

pytestmark = pytest.mark.skipif(not os.environ.get("E2E_ALL"), reason="builds a benchmark: contrib/check --all")
ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(jidnsd_kit.path()).resolve().parents[1]
SCRIPT = ROOT / "contrib" / "dev" / "day-picture"
SVG = "{http://www.w3.org/2000/svg}"


def waits(path):
    """{rule: seconds in the day}, as the picture's title says."""
    title = xml.etree.ElementTree.parse(path).getroot().find(f"{SVG}title").text
    return {name.strip(): int(seconds) for name, seconds in re.findall(r"[.;] ([^.;:]+): (\d+) s", title)}


@pytest.fixture(name="drawn", scope="module")
def fixture_drawn(tmp_path_factory):
    out = tmp_path_factory.mktemp("day") / "day.svg"
    subprocess.run([SCRIPT, BUILD, "--out", out], check=True, timeout=300)
    return waits(out)


def test_each_rule_saves_waits(drawn):
    seconds = list(drawn.values())
    assert len(seconds) >= 3 and seconds == sorted(seconds, reverse=True), drawn
    assert seconds[1] < 0.6 * seconds[0] and seconds[2] < 0.97 * seconds[1], drawn


def test_the_picture_in_the_documents_shows_the_same_day(drawn):
    shown = waits(ROOT / "doc" / "day.svg")
    assert shown.keys() == drawn.keys()
    assert all(abs(shown[rule] - drawn[rule]) <= 0.05 * drawn[rule] for rule in drawn), (shown, drawn)


def test_the_picture_is_readable_by_day_and_by_night():
    text = (ROOT / "doc" / "day.svg").read_text()
    assert "prefers-color-scheme:dark" in text and "http" not in text.replace("http://www.w3.org/2000/svg", "")
