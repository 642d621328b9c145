"""jidns report: all that somebody who looks for a bug asks first, and no secrets."""

import os
import subprocess

import pytest

from kit.control import Control, jidns, program
from kit.jidnsd import path

SHOP = 'forward "Corp.Example" { upstream = {192.0.2.53} }\nxmpp "shop.example" { host "xmpp1" { address = 192.0.2.10 } }'
HEADINGS = ["versions", "jidnsd", "upstreams", "settings", "fault list", "stats", "service"]


@pytest.fixture(name="daemon")
def fixture_daemon(jidnsd, relay, tmp_path):
    conf = tmp_path / "jidnsd.conf"
    conf.write_text(SHOP)
    daemon = jidnsd("--upstream", relay.address, "--control", tmp_path / "control", "--config", conf, "--user", "root", "--fault",
                    "name=*.corp.example type=SRV drop")
    daemon.control, daemon.conf = tmp_path / "control", conf
    return daemon


def sections(text):
    """{heading: lines}"""
    parts = text.split("\n== ")
    return {one.partition("\n")[0]: one.splitlines()[1:] for one in parts[1:]}


def test_it_has_versions_state_settings_and_counters(daemon):
    done = jidns(daemon, "report")
    assert (done.returncode, done.stderr) == (0, "")
    found = sections(done.stdout)
    assert list(found) == HEADINGS
    versions = "\n".join(found["versions"])
    for word in "jidns: ", "kernel: Linux ", "system: ", "glibc 2.", "libldns.so.":
        assert word in versions
    assert any("pid" in line for line in found["jidnsd"])
    assert any("libuv.so.1.0.0" in line for line in found["jidnsd"]), "root sees the daemon's libraries"
    assert any("not asked yet" in line for line in found["upstreams"])
    assert f'forward "Corp.Example" {{  # {daemon.conf}:1' in found["settings"]
    assert any("name=*.corp.example type=SRV drop" in line for line in found["fault list"])
    assert any(line.startswith("queries ") for line in found["stats"])


def test_names_are_hidden_when_asked_for(daemon):
    text = jidns(daemon, "report", "--hide-names").stdout
    assert "corp.example" not in text.lower() and "shop.example" not in text
    for words in 'forward "domain-1" {', 'xmpp "domain-2" {', "domain-1.", "name=*.domain-1 type=SRV drop", "192.0.2.10":
        assert words in text


def test_without_a_daemon_it_says_so_and_shows_what_one_would_read(tmp_path):
    environment = {**{k: v for k, v in os.environ.items() if not k.startswith("JIDNS_")}, "JIDNS_CACHE_SIZE": "9M",
                   "PATH": f"{os.path.dirname(path())}:{os.environ['PATH']}"}
    done = subprocess.run([program(), "report", "--control", tmp_path / "none"], capture_output=True, text=True, check=False,
                          env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"jidns status: {tmp_path}/none: No such file or directory; is jidnsd running" in done.stdout
    assert 'size = "9M"  # JIDNS_CACHE_SIZE' in done.stdout
    assert "== service" in done.stdout


def test_settings_show_what_a_reload_would_read_and_what_is_wrong_with_it(daemon):
    done = jidns(daemon, "settings")
    assert done.returncode == 0 and 'rule = "name=*.corp.example type=SRV drop"  # --fault' in done.stdout
    daemon.conf.write_text("cache { size = lots }")
    done = jidns(daemon, "settings")
    assert done.returncode == 1
    assert "those that were read before still hold" in done.stderr and f"{daemon.conf}:1: size 'lots': should be" in done.stderr
    report = jidns(daemon, "report")
    assert report.returncode == 0 and "size 'lots'" in report.stdout
    with Control(daemon.control) as control:
        assert control.ask("settings now")["ok"] is False


@pytest.mark.parametrize("words, said", [(["now"], "takes no words"), (["--json"], "is no option"), (["--hide-names=1"], "takes no value")])
def test_wrong_use_is_said_in_a_line(tmp_path, words, said):
    done = subprocess.run([program(), "report", *words], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1
