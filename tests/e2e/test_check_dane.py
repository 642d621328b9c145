"""jidns check --connect behind a validating unbound: a signed TLSA record vouches for a certificate that nobody else does, one that is not
signed does not, and what was changed on the way is bogus.

The root zone is signed and has d.chat in it; open.chat is cut off it without a DS, so that it is known to be unsigned."""

import json
import os
import subprocess
import time

import pytest

from kit.control import program
from kit.dane import DaneWorld

from test_check_connect import fixture_authority, fixture_peer, tlsa, xmpp  # noqa: F401 (the fixtures "authority" and "peer")

ALL = pytest.mark.skipif(not os.environ.get("E2E_ALL"), reason="takes seconds: contrib/check --all")
RECORDS = """{name} IN A 127.0.0.1
x.{name} IN A 127.0.0.1
_xmpp-client._tcp.{name} IN SRV 0 5 {port} x.{name}
_{port}._tcp.x.{name} IN TLSA {tlsa}
"""


@pytest.fixture(name="behind")
def fixture_behind(tmp_path, track):
    """behind(port, TLSA, change): an unbound's address, in front of both zones; change(text) works on the signed zone's text."""
    made = []

    def make(port, record, change=lambda text: text, **how):
        zones = {name: RECORDS.format(name=name, port=port, tlsa=record) for name in ("d.chat.", "open.chat.")}
        made.append(DaneWorld(tmp_path, track, zones["d.chat."], {"open.chat.": zones["open.chat."]}, change, **how))
        return made[-1].address
    yield make
    for each in made:
        each.close()


def check(server, authority, domain):
    argv = [program(), "check", "--server", server, "--connect", "--allow-private", "--tls-ca", authority.folder / "ca.pem", "--side", "c2s",
            "--format", "json", domain]
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, timeout=60, check=False)
    report = json.loads(done.stdout)
    beside = {"address-loopback", "port-unusual", "ipv4-only", "ns-one"}
    return {(f["code"], f["severity"]) for f in report["findings"] if f["severity"] != "info" and f["code"] not in beside}, report


@pytest.fixture(name="own")
def fixture_own(peer, authority):
    """(certificate that it signed itself, port of a server with it)"""
    cert = authority.make("DNS:d.chat,DNS:open.chat", signed=False)
    return cert, peer(xmpp(cert)).port


def test_a_signed_record_vouches_for_a_certificate_that_nobody_trusts(behind, own, authority):
    cert, port = own
    found, report = check(behind(port, tlsa(cert, 3, 1, 1)), authority, "d.chat")
    assert ("cert-untrusted", "notice") in found and not {severity for _, severity in found} & {"error", "warning"}, found
    assert report["connections"][0]["tlsa"] == {"records": 1, "fitting": 1, "vouches": True}
    assert "not-validating" not in [f["code"] for f in report["findings"]]


def test_a_signed_record_of_another_key_is_an_error(behind, own, authority):
    other = authority.make("DNS:d.chat", signed=False)
    found, report = check(behind(own[1], tlsa(other, 3, 1, 1)), authority, "d.chat")
    assert ("tlsa-mismatch", "error") in found and ("cert-untrusted", "error") in found
    assert report["connections"][0]["tlsa"] == {"records": 1, "fitting": 0, "vouches": False}


def test_a_record_that_is_not_signed_vouches_for_nothing(behind, own, authority):
    cert, port = own
    found, _ = check(behind(port, tlsa(cert, 3, 1, 1)), authority, "open.chat")
    assert ("tlsa-insecure", "warning") in found and ("cert-untrusted", "error") in found


def test_a_record_that_was_changed_is_bogus_and_nobody_is_connected_to(behind, own, authority):
    cert, port = own
    server = behind(port, tlsa(cert, 3, 1, 1), lambda text: text.replace(f"SRV\t0 5 {port}", f"SRV\t0 6 {port}"))
    found, report = check(server, authority, "d.chat")
    assert ("dnssec-bogus", "error") in found and report["verdict"]["c2s"] == "unknown"
    assert not [c for c in report.get("connections", []) if c["phase"] == "done" and c["port"] == port]


def test_a_tlsa_record_that_was_changed_stops_programs_that_use_dane(behind, own, authority):
    cert, port = own
    server = behind(port, tlsa(cert, 3, 1, 1), lambda text: text.replace("TLSA\t3 1 1 ", "TLSA\t3 1 0 "))
    found, _ = check(server, authority, "d.chat")
    assert ("tlsa-failed", "warning") in found and ("cert-untrusted", "error") in found


@ALL
@pytest.mark.parametrize("begun_h, told", [(-480, True), (0, False)], ids=["of three weeks", "of two days"])
def test_signatures_that_are_about_to_end_are_told_in_time(behind, own, authority, begun_h, told):
    def after(hours):
        return time.strftime("%Y%m%d%H%M%S", time.gmtime(time.time() + hours * 3600))
    cert, port = own
    found, report = check(behind(port, tlsa(cert, 3, 1, 1), times=["-i", after(begun_h - 1), "-e", after(50)]), authority, "d.chat")
    assert (("dnssec-expiring", "warning") in found) == told, report["findings"]


@ALL
def test_a_zone_with_keys_that_its_parent_does_not_know_is_told(behind, own, authority):
    cert, port = own
    found, report = check(behind(port, tlsa(cert, 3, 1, 1), islands=["open.chat."]), authority, "open.chat")
    assert ("ds-missing", "notice") in found and ("tlsa-insecure", "warning") in found
    assert "dnssec-none" not in {f["code"] for f in report["findings"]}
