"""Prosody with use_dane behind jidnsd: a server whose certificate nobody vouches for but the DNS.

capulet.lab writes to montague.lab, whose certificate it signed itself. montague.lab knows capulet.lab's certificate, so that neither has to
call back (Prosody 0.12 does DANE only where it connects to)."""

import json
import os
import subprocess

import pytest

from kit.control import program
from kit.dane import DaneWorld, digest_of
from kit.proc import wait_until
from kit.upstream import relay_to
from kit.xmpp import TEXT, Host, Network, deliver, make_certificate, start_prosody

CAPULET = """
_xmpp-client._tcp.capulet.lab. IN SRV 0 5 15222 chat.capulet.lab.
_xmpp-server._tcp.capulet.lab. IN SRV 0 5 15269 chat.capulet.lab.
chat.capulet.lab. IN A 192.0.2.2
"""
MONTAGUE = """
_xmpp-client._tcp.montague.lab. IN SRV 0 5 25222 chat.montague.lab.
_xmpp-server._tcp.montague.lab. IN SRV 0 5 25269 chat.montague.lab.
chat.montague.lab. IN A 192.0.2.6
_25269._tcp.chat.montague.lab. IN TLSA {tlsa}
"""
ALL = pytest.mark.skipif(not os.environ.get("E2E_ALL"), reason="takes seconds: contrib/check --all")
STRANGER = "3 1 1 " + "00112233445566778899aabbccddeeff" * 2

class Federation:
    """Both servers; `begin` makes the DNS, with the TLSA record that record(certificate) makes for montague.lab's."""

    def __init__(self, folder, track):
        self._folder, self._track, self.world, self.hosts = folder, track, None, []
        self.network = Network(lambda asked: relay_to(*self.world.server)(asked))
        self.anchor = folder / "anchor.key"

    def _host(self, name, number, *options):
        self.hosts.append(Host(self.network, name, number, self._folder, self._track, "--trust-ad", "on", *options))
        return self.hosts[-1]

    def begin(self, record, signed=True, change=lambda text: text, fault=()):
        here, there = self._host("capulet", 0, *fault), self._host("montague", 1)
        self.prosody = start_prosody(here, "capulet.lab", "juliet", 15222, 15269, anchor=self.anchor)
        known = f's2s_ssl = {{ cafile = "{here.folder}/cert.pem" }}\n'
        start_prosody(there, "montague.lab", "romeo", 25222, 25269, more=known, anchor=self.anchor)
        montague = MONTAGUE.format(tlsa=record(there.folder / "cert.pem"))
        made = self._folder / "world"
        made.mkdir()
        records, unsigned = (CAPULET + montague, {}) if signed else (CAPULET, {"montague.lab.": montague})
        self.world = DaneWorld(made, self._track, records, unsigned, change)
        self.anchor.write_text(self.world.anchor.read_text())
        return here, there

    def write(self, here):
        """What juliet hears when she writes to romeo, who is offline or can't be reached."""
        juliet = here.client("juliet", "capulet.lab", "romeo@montague.lab", TEXT)
        assert wait_until(lambda: "error" in juliet.stdout, 20), juliet.describe()
        return juliet.stdout.split("error ")[1].strip()

    def dane(self, here):
        argv = here.space.argv([program(), "lookup", "--dane", "--type", "s2s", "--json", "montague.lab"], here.resolv_conf)
        done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, timeout=60, check=False)
        return json.loads(done.stdout)["dane"]["ends"][0], done.returncode

    def close(self):
        for host in self.hosts:
            host.close()
        self.network.close()
        if self.world:
            self.world.close()


@pytest.fixture(name="federation")
def fixture_federation(tmp_path, track, namespaces):
    assert namespaces
    made = Federation(tmp_path, track)
    yield made
    made.close()


def test_a_certificate_that_fits_its_tlsa_record_is_enough_to_deliver(federation):
    here, there = federation.begin(digest_of)
    deliver(here, there)
    assert "Enabling DANE with 1 TLSA records" in federation.prosody.stdout
    end, status = federation.dane(here)
    assert (end["state"], end["use"], status) == ("usable", "verify", 0)
    asked = here.asked()
    assert asked.count(("_25269._tcp.chat.montague.lab.", "TLSA")) == 1, "ahead of Prosody, and for it and the tool"


def test_a_certificate_that_fits_no_tlsa_record_is_refused(federation):
    here, _there = federation.begin(lambda cert: STRANGER)
    assert federation.write(here).startswith("romeo@montague.lab remote-server-")
    assert "no matching DANE TLSA records" in federation.prosody.stdout
    end, _status = federation.dane(here)
    assert end["state"] == "usable" and end["tlsa"]["records"][0]["data"] == STRANGER.split()[3], "not that of the certificate"


@ALL
def test_a_tlsa_record_that_is_not_signed_does_not_help(federation):
    here, _there = federation.begin(digest_of, signed=False)
    federation.write(here)
    assert "Enabling DANE" not in federation.prosody.stdout and "is not trusted" in federation.prosody.stdout
    end, status = federation.dane(here)
    assert (end["state"], end["use"], status) == ("srv-insecure", "plain", 1)


@ALL
@pytest.mark.parametrize("how, state", [("changed", "tlsa-bogus"), ("servfail", "tlsa-failed")])
def test_without_a_good_answer_to_tlsa_prosody_goes_on_as_without_dane(federation, how, state):
    if how == "changed":
        here, _there = federation.begin(digest_of, change=lambda text: text.replace("TLSA\t3 1 1", "TLSA\t3 0 1"))
    else:
        here, _there = federation.begin(digest_of, fault=["--fault", "servfail type=TLSA"])
    federation.write(here)
    assert "Enabling DANE" not in federation.prosody.stdout and "is not trusted" in federation.prosody.stdout
    end, status = federation.dane(here)
    assert (end["state"], end["use"], status) == (state, "avoid", 3)


@ALL
def test_prosody_wants_the_domain_in_the_certificate_with_usage_3_too(federation, monkeypatch):
    def misnamed(folder, domain):
        make_certificate(folder, "elsewhere.example" if domain == "montague.lab" else domain)
    monkeypatch.setattr("kit.xmpp.make_certificate", misnamed)
    here, _there = federation.begin(digest_of)
    federation.write(here)
    log = federation.prosody.stdout
    assert "certificate chain validation result: valid" in log and "certificate identity validation result: invalid" in log
