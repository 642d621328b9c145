"""jidns check --connect behind a validating unbound: a signed TLSA record vouches for a certificate that nobody else does, one that is not
signed does not, and what was changed on the way is bogus.

The root zone is signed and has d.chat in it; open.chat is cut off it without a DS, so that it is known to be unsigned."""

import json
import subprocess

import pytest

from kit.ask import ask
from kit.control import program
from kit.netns import free_ports
from kit.nsd import Nsd
from kit.proc import Process

from test_check_connect import fixture_authority, fixture_peer, tlsa, xmpp  # noqa: F401 (the fixtures "authority" and "peer")

SOA = "$TTL 3600\n{name} IN SOA ns.nothing. admin.nothing. 1 7200 3600 1209600 300\n{name} IN NS ns.nothing.\n"
RECORDS = """{name} IN A 127.0.0.1
x.{name} IN A 127.0.0.1
_xmpp-client._tcp.{name} IN SRV 0 5 {port} x.{name}
_{port}._tcp.x.{name} IN TLSA {tlsa}
"""
UNBOUND = """
server:
  interface: 127.0.0.1@{port}
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: "{folder}/unbound.pid"
  do-daemonize: no
  use-syslog: no
  do-not-query-localhost: no
  module-config: "validator iterator"
  trust-anchor-file: "{anchor}"
stub-zone:
  name: "open.chat"
  stub-addr: 127.0.0.1@{nsd}
stub-zone:
  name: "."
  stub-addr: 127.0.0.1@{nsd}
remote-control:
  control-enable: no
"""


def sign_root(folder):
    """Signs root.zone in place; the file with its key."""
    key = subprocess.run(["ldns-keygen", "-k", "-a", "ECDSAP256SHA256", "."], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()
    subprocess.run(["ldns-signzone", "-o", ".", "-f", "signed", "root.zone", key], cwd=folder, check=True, capture_output=True)
    (folder / "signed").rename(folder / "root.zone")
    return folder / f"{key}.key"


@pytest.fixture(name="behind")
def fixture_behind(tmp_path, track):
    """behind(port, TLSA, change): an unbound's address, in front of both zones; change(text) works on the signed zone's text."""
    made = []

    def make(port, record, change=lambda text: text):
        zones, work = tmp_path / "zones", tmp_path / "nsd"
        zones.mkdir()
        work.mkdir()
        records = RECORDS.format(name="d.chat.", port=port, tlsa=record)
        (zones / "root.zone").write_text(SOA.format(name=".") + "lab. IN A 127.0.0.1\nopen.chat. IN NS ns.open.chat.\nns.open.chat. IN A 127.0.0.1\n" + records)
        (zones / "lab.zone").write_text(SOA.format(name="lab."))
        (zones / "open.chat.zone").write_text(SOA.format(name="open.chat.") + RECORDS.format(name="open.chat.", port=port, tlsa=record))
        anchor = sign_root(zones)
        signed = zones / "root.zone"
        changed = change(signed.read_text())
        signed.write_text(changed)
        nsd = Nsd(zones, work)
        made.append(nsd)
        mine, config = free_ports(), tmp_path / "unbound.conf"
        config.write_text(UNBOUND.format(port=mine, folder=tmp_path, anchor=anchor, nsd=nsd.port))
        unbound = track(Process("unbound", ["unbound", "-d", "-c", config], tmp_path))
        made.append(unbound)
        unbound.wait_for(lambda: answers(mine), "answer", 20)
        return f"127.0.0.1:{mine}"
    yield make
    for each in reversed(made):
        (each.stop if isinstance(each, Process) else each.close)()


def answers(port):
    try:
        return bool(ask(("127.0.0.1", port), ".", "SOA", patience_s=0.5).answer)
    except Exception:  # pylint: disable=broad-except
        return False


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
