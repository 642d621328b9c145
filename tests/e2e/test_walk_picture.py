"""doc/walk.svg is what contrib/dev/walk-picture draws, and what it shows is so."""

import os
import pathlib
import re
import shutil
import subprocess
import xml.etree.ElementTree

import pytest

from kit import jidnsd as jidnsd_kit

pytestmark = pytest.mark.skipif(not os.environ.get("E2E_ALL"), reason="measures for a minute: contrib/check --all")
ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(jidnsd_kit.path()).resolve().parents[1]
SVG = "{http://www.w3.org/2000/svg}"


def read(path):
    """The waits in the picture's title, in ms, and the words drawn but for the numbers and what a busy machine changes."""
    tree = xml.etree.ElementTree.parse(path).getroot()
    words = [re.sub(r": (\d+ ms|already there)$", "", each.text) for each in tree.iter(f"{SVG}text")]
    return [int(n) for n in re.findall(r"(\d+) ms", tree.find(f"{SVG}title").text)], sorted(words)


@pytest.fixture(name="drawn", scope="module")
def fixture_drawn(tmp_path_factory):
    if not shutil.which("unbound"):
        pytest.skip("unbound is missing")
    out = tmp_path_factory.mktemp("walk") / "walk.svg"
    subprocess.run([ROOT / "contrib" / "dev" / "walk-picture", BUILD, "--walks", "4", "--out", out], check=True, timeout=120)
    return read(out)


def test_both_programs_wait_less_through_jidnsd(drawn):
    plain_prosody, prosody, plain_ejabberd, ejabberd = drawn[0]
    assert prosody < plain_prosody and ejabberd < plain_ejabberd / 1.5, drawn[0]


def test_the_picture_in_the_documents_shows_the_same_walks(drawn):
    waits, words = read(ROOT / "doc" / "walk.svg")
    assert words == drawn[1]
    plain_prosody, prosody, plain_ejabberd, ejabberd = waits
    assert 110 < plain_prosody < 160 and 75 < prosody < 110 and 150 < plain_ejabberd < 200 and 75 < ejabberd < 110


def test_the_picture_is_readable_by_day_and_by_night():
    text = (ROOT / "doc" / "walk.svg").read_text()
    assert "prefers-color-scheme:dark" in text and "http" not in text.replace("http://www.w3.org/2000/svg", "")
