"""Validators that others have written: unbound, BIND's delv, Knot Resolver. What they make of a name of the signed world."""

import shutil
import subprocess

import dns.flags
import dns.rcode
import dns.rdatatype
import pytest

from kit.ask import ask
from kit.netns import free_ports
from kit.proc import Process, wait_until

CONFIG = """
server:
  interface: 127.0.0.1@{port}
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: "{folder}/{name}.pid"
  do-daemonize: no
  use-syslog: no
  do-not-query-localhost: no
  qname-minimisation: no
  module-config: "{modules}"
{anchor}
remote-control:
  control-enable: no
"""
KRESD = """
net.listen("127.0.0.1", {port}, {{kind = "dns"}})
modules.unload("ta_update")
modules.unload("ta_signal_query")
modules.unload("priming")
trust_anchors.remove(".")
trust_anchors.add([[{anchor}]])
cache.size = 50 * MB
policy.add(policy.all(policy.FORWARD("127.0.0.1@{upstream}")))
"""
PROOFS = (dns.rdatatype.RRSIG, dns.rdatatype.NSEC, dns.rdatatype.NSEC3)


def unbound(world, folder, name, modules, anchor=""):
    """A resolver that asks the world's NSD for each of its zones."""
    port = free_ports()
    text = CONFIG.format(port=port, folder=folder, name=name, modules=modules, anchor=anchor)
    text += "".join(f'stub-zone:\n  name: "{zone}"\n  stub-addr: 127.0.0.1@{world.nsd.port}\n' for zone in world.files())
    (folder / f"{name}.conf").write_text(text)
    process = Process(name, ["unbound", "-d", "-c", folder / f"{name}.conf"], folder)
    process.wait_for(lambda: "start of service" in process.stderr, "unbound's start")
    process.server = ("127.0.0.1", port)
    return process


def kresd(world, folder, upstream):
    """Knot Resolver, which forwards to a server that does not validate."""
    port, place = free_ports(), folder / "kresd"
    place.mkdir()
    (place / "config").write_text(KRESD.format(port=port, anchor=world.anchor.read_text().strip(), upstream=upstream[1]))
    process = Process("kresd", ["kresd", "-n", "-c", place / "config", place], folder)
    process.server = ("127.0.0.1", port)

    def is_ready():
        try:
            return ask(process.server, ".", "SOA", patience_s=1)
        except Exception:  # pylint: disable=broad-except
            return None
    assert wait_until(is_ready, 15), process.describe()
    return process


def skip_unless_installed():
    if not all(map(shutil.which, ("unbound", "delv", "ldns-signzone"))):
        pytest.skip("unbound, delv or ldns-signzone is not installed")


def delv_anchor(world, folder):
    """The world's trust anchor in a file as delv reads it."""
    _, _, _, _, tag, algorithm, kind, *digest = ["", *world.anchor.read_text().split()][:8]
    path = folder / "anchor"
    path.write_text(f'trust-anchors {{ . static-ds {tag} {algorithm} {kind} "{"".join(digest)}"; }};\n')
    return path


def validated(server, name, rdtype):
    """Its reply to one who wants proof."""
    return ask(server, name, rdtype, do=True, patience_s=10, payload=4096)


def verdict_in(reply):
    if reply.rcode() == dns.rcode.SERVFAIL:
        return "bogus"
    return "secure" if reply.flags & dns.flags.AD else "insecure"


def verdict_of(server, name, rdtype):
    return verdict_in(validated(server, name, rdtype))


def content(reply):
    """What a client is told: the code and the answer's records, in whatever order they stand."""
    records = {(rrset.name.to_text().lower(), rrset.rdtype, record.to_text().lower()) for rrset in reply.answer for record in rrset
               if rrset.rdtype not in PROOFS}
    return dns.rcode.to_text(reply.rcode()), records


def without_proofs(message):
    """The message as servers send it that know nothing of DNSSEC, or remove it."""
    for section in (message.answer, message.authority, message.additional):
        section[:] = [rrset for rrset in section if rrset.rdtype not in PROOFS]
    return message


def by_delv(server, anchor, name, rdtype):
    said = subprocess.run(["delv", f"@{server[0]}", "-p", str(server[1]), "-a", anchor, "+root=.", name, rdtype], capture_output=True,
                          text=True, check=False)
    if "resolution failed" in said.stdout + said.stderr and "ncache" not in said.stderr:
        return "bogus"
    is_signed = "fully validated" in said.stdout and "unsigned answer" not in said.stdout
    return "secure" if is_signed else "insecure"
