"""A validating unbound behind jidnsd: what is signed is secure, what is not is answered all the same, what was changed is bogus.

The zone top.lab is signed; below it are signed.top.lab, signed as well, and three that are not: one that public servers have, one
whose servers are inside (--forward) and one that jidnsd has itself (--zone). A validator believes those three only because top.lab
proves that they have no DS, and that proof is the parent's to give (RFC 4035 section 3.1.4.1)."""

import shutil
import subprocess

import dns.flags
import dns.rcode
import dns.rdatatype
import pytest

from kit import lies
from kit.ask import ask
from kit.netns import free_ports
from kit.nsd import Nsd
from kit.proc import Process

HEAD = "$ORIGIN {name}.\n$TTL 3600\n@ IN SOA ns hostmaster 1 7200 3600 1209600 300\n@ IN NS ns\nns IN A 127.0.0.1\n"
TOP = "".join(f"{child} IN NS ns.{child}\nns.{child} IN A 127.0.0.1\n" for child in ("signed", "open", "inner", "mine"))
HOSTS = "host IN A 192.0.2.1\n_xmpp-client._tcp IN SRV 0 0 5222 host\n*.wild IN A 192.0.2.2\nalias IN CNAME host\n"

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
  val-log-level: 2
  trust-anchor-file: "{anchor}"
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@{jidnsd}
remote-control:
  control-enable: no
"""


def sign(folder, name, *how):
    """Signs a zone file in place; the files of its key, without their ending."""
    key = subprocess.run(["ldns-keygen", "-k", "-a", "ECDSAP256SHA256", name], cwd=folder, check=True, capture_output=True,
                         text=True).stdout.strip()
    subprocess.run(["ldns-signzone", *how, "-f", f"{name}.zone.signed", f"{name}.zone", key], cwd=folder, check=True, capture_output=True)
    (folder / f"{name}.zone.signed").rename(folder / f"{name}.zone")
    return folder / key


@pytest.fixture(name="tree")
def fixture_tree(tmp_path):
    """An NSD with top.lab and what is public below it, and top.lab's key."""
    zones, work = tmp_path / "zones", tmp_path / "nsd"
    zones.mkdir()
    work.mkdir()

    def write(name, records):
        (zones / f"{name}.zone").write_text(HEAD.format(name=name) + records)
    write("lab", "")
    write("signed.top.lab", HOSTS)
    write("open.top.lab", HOSTS)
    below = sign(zones, "signed.top.lab")
    write("top.lab", HOSTS + TOP + below.with_suffix(below.suffix + ".ds").read_text())
    key = sign(zones, "top.lab")
    changed = zones / "signed.top.lab.zone"
    changed.write_text(changed.read_text() + "forged.signed.top.lab. 3600 IN A 203.0.113.66\n")
    server = Nsd(zones, work)
    server.anchor = key.with_suffix(key.suffix + ".key")
    yield server
    server.close()


@pytest.fixture(name="behind")
def fixture_behind(tree, upstream, jidnsd, tmp_path, track):
    """An unbound that validates what a jidnsd says; `options` are the daemon's."""
    if not shutil.which("unbound"):
        pytest.skip("unbound is not installed")
    made = []

    def start(*options):
        inner = upstream(lambda asked: lies.answer(asked.query))
        mine = tmp_path / "mine.zone"
        mine.write_text(HEAD.format(name="mine.top.lab") + HOSTS)
        daemon = jidnsd("--upstream", f"127.0.0.1:{tree.port}", "--forward", f"inner.top.lab={inner.address}", "--zone",
                        f"mine.top.lab={mine}", *options)
        port = free_ports()
        (tmp_path / "unbound.conf").write_text(UNBOUND.format(port=port, folder=tmp_path, anchor=tree.anchor, jidnsd=daemon.port))
        process = track(Process("unbound", ["unbound", "-d", "-c", tmp_path / "unbound.conf"], tmp_path))
        made.append(process)
        process.wait_for(lambda: "start of service" in process.stderr, "unbound's start")
        return ("127.0.0.1", port), daemon, inner
    yield start
    for process in made:
        process.stop()


def seen(server, name, rdtype="A"):
    """RCODE, is it authentic, how many records."""
    reply = ask(server, name, rdtype, do=True, patience_s=10)
    records = sum(len(rrset) for rrset in reply.answer if rrset.rdtype == dns.rdatatype.from_text(rdtype))
    return dns.rcode.to_text(reply.rcode()), bool(reply.flags & dns.flags.AD), records


SECURE = [("host.top.lab", "A", 1), ("host.signed.top.lab", "A", 1), ("_xmpp-client._tcp.signed.top.lab", "SRV", 1),
          ("any.wild.signed.top.lab", "A", 1), ("alias.signed.top.lab", "A", 1), ("host.signed.top.lab", "AAAA", 0),
          ("signed.top.lab", "DS", 2), ("inner.top.lab", "DS", 0), ("mine.top.lab", "DS", 0), ("open.top.lab", "DS", 0)]
INSECURE = ["host.open.top.lab", "host.inner.top.lab", "host.mine.top.lab", "alias.mine.top.lab"]


@pytest.mark.parametrize("options", [(), ("--expand-srv", "wait", "--prefetch", "on"), ("--nxdomain-cut", "on")], ids=["plain", "expanding", "cutting"])
def test_secure_is_secure_insecure_is_answered_and_bogus_is_bogus(behind, options):
    unbound, daemon, inner = behind(*options)
    for name in INSECURE:
        assert seen(unbound, name) == ("NOERROR", False, 1), name
    for name, rdtype, records in SECURE:
        count = seen(unbound, name, rdtype)
        assert count[:2] == ("NOERROR", True) and bool(count[2]) == bool(records), (name, count)
    assert seen(unbound, "nobody.signed.top.lab") == ("NXDOMAIN", True, 0)
    assert seen(unbound, "forged.signed.top.lab") == ("SERVFAIL", False, 0)
    assert ask(daemon.v4, "forged.signed.top.lab", "A").answer, "jidnsd itself does not judge"
    assert not inner.asked(rdtype="DS") and not inner.asked(rdtype="DNSKEY")


def test_a_childs_answers_come_before_and_after_its_parents_proof(behind):
    """Whichever of a forwarded domain's names and its DS was asked first: neither is taken for the other's denial."""
    unbound, daemon, inner = behind()
    for name in ("inner.top.lab", "mine.top.lab"):
        reply = ask(daemon.v4, name, "DS", do=True)
        assert reply.rcode() == dns.rcode.NOERROR and not reply.answer
        assert {rrset.name.to_text() for rrset in reply.authority if rrset.rdtype == dns.rdatatype.SOA} == {"top.lab."}
        assert ask(daemon.v4, f"host.{name}", "A").answer
    assert seen(unbound, "host.inner.top.lab") == ("NOERROR", False, 1)
    assert seen(unbound, "host.mine.top.lab") == ("NOERROR", False, 1)
    assert not inner.asked(rdtype="DS")


PROVEN = """$ORIGIN own.lab.
$TTL 3600
@ SOA ns hostmaster 1 7200 3600 1209600 300
@ NS ns
ns A 192.0.2.1
host A 192.0.2.2
host.deep.er A 192.0.2.3
*.wild A 192.0.2.4
*.wild SRV 0 0 5222 host
*.aliases CNAME host
alias CNAME host
lost CNAME nobody.deep.er
zz A 192.0.2.5
below NS ns.elsewhere.example.
"""


@pytest.fixture(name="own", params=[(), ("-n", "-s", "ab12", "-t", "5")], ids=["nsec", "nsec3"])
def fixture_own(request, folder, jidnsd, tmp_path, track):
    """A signed zone that jidnsd answers from its file, before an unbound that trusts its key alone."""
    if not shutil.which("unbound"):
        pytest.skip("unbound is not installed")
    (folder / "own.lab.zone").write_text(PROVEN)
    key = sign(folder, "own.lab", *request.param)
    daemon = jidnsd("--zone", f"own.lab={folder / 'own.lab.zone'}", "--upstream", "127.0.0.9")
    port = free_ports()
    (tmp_path / "unbound.conf").write_text(UNBOUND.format(port=port, folder=tmp_path, anchor=key.with_suffix(key.suffix + ".key"),
                                                          jidnsd=daemon.port))
    process = track(Process("unbound", ["unbound", "-d", "-c", tmp_path / "unbound.conf"], tmp_path))
    process.wait_for(lambda: "start of service" in process.stderr, "unbound's start")
    yield ("127.0.0.1", port), daemon
    process.stop()


DENIALS = [
    ("host", "A", ("NOERROR", 1)), ("host", "AAAA", ("NOERROR", 0)), ("nobody", "A", ("NXDOMAIN", 0)), ("a.b.c", "A", ("NXDOMAIN", 0)),
    ("aaa", "A", ("NXDOMAIN", 0)), ("zzz", "A", ("NXDOMAIN", 0)), ("er", "A", ("NOERROR", 0)), ("deep.er", "TXT", ("NOERROR", 0)),
    ("x.host", "A", ("NXDOMAIN", 0)), ("any.wild", "A", ("NOERROR", 1)), ("any.wild", "SRV", ("NOERROR", 1)), ("so.many.wild", "A", ("NOERROR", 1)),
    ("any.wild", "TXT", ("NOERROR", 0)), ("any.aliases", "A", ("NOERROR", 1)), ("any.aliases", "AAAA", ("NOERROR", 0)), ("alias", "A", ("NOERROR", 1)),
    ("alias", "TXT", ("NOERROR", 0)), ("lost", "A", ("NXDOMAIN", 0)), ("below", "DS", ("NOERROR", 0)), ("HOST", "AAAA", ("NOERROR", 0)),
]


def test_what_a_signed_zone_says_and_denies_is_proven(own):
    unbound, daemon = own
    wrong = []
    for name, rdtype, (rcode, count) in DENIALS:
        answer = seen(unbound, f"{name}.own.lab", rdtype)
        if (answer[0], answer[1], min(answer[2], 1)) != (rcode, True, count):
            wrong.append((name, rdtype, answer, str(ask(daemon.v4, f"{name}.own.lab", rdtype, do=True))))
    assert not wrong


def test_who_does_not_ask_for_them_gets_no_proofs(own):
    for name in ("nobody", "any.wild"):
        answer = ask(own[1].v4, f"{name}.own.lab", "TXT")
        assert [rrset.rdtype for rrset in answer.authority] == [dns.rdatatype.SOA]
