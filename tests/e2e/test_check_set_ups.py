"""jidns check on set-ups as they are found in the world (set_ups.txt): every notice, warning and error is named, and no other."""

import json
import pathlib
import re
import subprocess

import pytest

from kit.control import program

HEAD = "$TTL 3600\n@ SOA ns.nothing. admin.nothing. 1 7200 3600 1209600 300\n@ NS ns.nothing.\n"
WORDS = {
    "HOSTS": "@ A 9.9.8.8\n@ AAAA 2a01::88\nx A 9.9.1.1\nx AAAA 2a01::1\ny A 9.9.1.2\ny AAAA 2a01::2",
    "CLIENTS": "_xmpp-client._tcp SRV 0 5 5222 x",
    "SERVERS": "_xmpp-server._tcp SRV 0 5 5269 x",
}
HOSTING = "".join(f"xmpp{i} A 9.9.2.{i}\nxmpp{i} AAAA 2a02::{i}\n" for i in range(1, 8)) + """
_xmpp-client._tcp SRV 0 5 5222 xmpp1
_xmpp-server._tcp SRV 0 5 5269 xmpp1
"""


def read_set_ups():
    """{name: (records, {(code, severity, subject)})}"""
    text = pathlib.Path(__file__).with_name("set_ups.txt").read_text()
    found = {}
    for part in text.split("\n== ")[1:]:
        title, *lines = part.splitlines()
        name = title.split()[0]
        rows = [line[2:].split() for line in lines if line.startswith("> ")]
        records = "\n".join(WORDS.get(line, line) for line in lines if not line.startswith("> "))
        assert name not in found and all(len(row) == 3 for row in rows), name
        found[name] = records, {(code, severity, subject.replace("@", f"{name}.chat")) for code, severity, subject in rows}
    return found


SET_UPS = read_set_ups()


@pytest.fixture(scope="module", name="files")
def fixture_files(tmp_path_factory):
    """Options for the zones; outside of them nothing exists."""
    folder = tmp_path_factory.mktemp("set-ups")
    zones = {".": "", "hosting.net": HOSTING, **{f"{name}.chat": records for name, (records, _) in SET_UPS.items()}}
    for name, records in zones.items():
        (folder / f"{name}zone").write_text(HEAD + records + "\n")
    return lambda domain: [word for name in (".", "hosting.net", domain) for word in ("--zone", f"{name}={folder}/{name}zone")]


def judge(files, name):
    argv = [program(), "check", "--offline", *files(f"{name}.chat"), "--format", "json", f"{name}.chat"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", SET_UPS)
def test_names_all_that_is_wrong_with_a_set_up_and_nothing_else(files, name):
    report = judge(files, name)
    said = {(f["code"], f["severity"], f["subject"]) for f in report["findings"] if f["severity"] != "info"}
    assert said == SET_UPS[name][1]


def test_there_is_a_set_up_for_every_code_that_dns_alone_can_show():
    listed = subprocess.run([program(), "check", "--list", "--format", "tsv"], capture_output=True, text=True, check=True).stdout
    rows = [line.split("\t") for line in listed.splitlines()]
    shown = {code for _, expected in SET_UPS.values() for code, _, _ in expected}
    least = [code for code, group, severity, *_ in rows if group in "BDEFKL" and severity in ("error", "warning")]
    missing = {code for code in least if code not in shown} - ELSEWHERE
    assert not missing and not re.search(r"^> .*  ", pathlib.Path(__file__).with_name("set_ups.txt").read_text(), re.M)


# What a zone file cannot show: test_check_set_up_faults.py makes a server for each.
ELSEWHERE = {"srv-malformed", "target-below-lame", "aaaa-nxdomain", "aaaa-silent", "address-failed", "component-missing"}
