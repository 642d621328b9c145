"""doc/reference.md is what the programs say of themselves, and other pages name only what it has."""

import pathlib
import re
import subprocess

from kit import jidnsd as jidnsd_kit

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(jidnsd_kit.path()).resolve().parents[1]
REFERENCE = (ROOT / "doc" / "reference.md").read_text()
PAGES = [ROOT / "README.md", *sorted((ROOT / "doc").glob("*.md"))]
OTHERS = set(  # options of Docker, configure, tests/bench/run, valgrind, contrib/dev/fuzz and contrib/check
    "--dns --sysctl --build-arg --network --with-systemdsystemunitdir --with-expat --with-openssl --domains --afl --fast --record --toggle-collect".split())


def code_in(text):
    return re.findall(r"(?<!`)`([^`]+)`(?!`)", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S))


def test_the_page_is_what_the_programs_say():
    done = subprocess.run([ROOT / "contrib" / "dev" / "reference", BUILD, "--check"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def known_options():
    """All options of jidnsd, and of each command of jidns."""
    helps = [[BUILD / "src" / "jidnsd", "--help"]]
    words = re.findall(r"^- `jidns ([\w-]+)", REFERENCE, re.M)
    helps += [[BUILD / "src" / "jidns", word, "--help"] for word in words]
    return {option for argv in helps for option in re.findall(
        r"--[\w-]+", subprocess.run(argv, capture_output=True, text=True, check=True).stdout)} | {"--help", "--version"}


def test_every_option_that_a_page_names_alone_exists():
    known = known_options() | OTHERS
    wrong = {(path.name, code) for path in PAGES for code in code_in(path.read_text())
             if (found := re.match(r"--[a-z][\w-]+", code)) and found[0] not in known}
    assert not wrong


def test_every_metric_that_a_page_names_exists():
    known = set(re.findall(r"^- `((?:jidns|process)_\w+)`", REFERENCE, re.M))
    named = {(path.name, name) for path in PAGES for code in code_in(path.read_text()) for name in re.findall(r"\bjidns_[a-z_]+\b", code)}
    wrong = {(page, name) for page, name in named if name not in known and re.sub(r"_(bucket|sum|count)$", "", name) not in known}
    assert {(page, name) for page, name in wrong if name != "jidns_"} == set()
