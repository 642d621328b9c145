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

UNBOUND = """
server:
  interface: 127.0.0.1@{port}
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: "{folder}/{name}.pid"
  do-daemonize: no
  use-syslog: no
  do-not-query-localhost: no
{server}
remote-control:
  control-enable: no
{zones}
"""
FORWARDING = """
  module-config: "validator iterator"
  val-log-level: 2
  ede: yes
  cache-max-ttl: {ttl}
  cache-max-negative-ttl: {ttl}
  trust-anchor-file: "{anchor}"
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


def start_unbound(folder, name, server, zones):
    """An unbound with these lines more for itself, and for zones."""
    port = free_ports()
    (folder / f"{name}.conf").write_text(UNBOUND.format(port=port, folder=folder, name=name, server=server, zones=zones))
    process = Process(name, ["unbound", "-d", "-c", folder / f"{name}.conf"], folder)
    process.wait_for(lambda: "start of service" in process.stderr, "unbound's start")
    process.server = ("127.0.0.1", port)
    return process


def stubs(zones, nsd):
    return "".join(f'stub-zone:\n  name: "{zone}"\n  stub-addr: 127.0.0.1@{nsd.port}\n' for zone in zones)


def unbound(world, folder, name, modules, anchor=""):
    """A resolver that asks the world's NSD for each of its zones."""
    return start_unbound(folder, name, f'  qname-minimisation: no\n  module-config: "{modules}"\n{anchor}', stubs(world.files(), world.nsd))


def forwarding_unbound(folder, anchor, port, name="unbound", caches=True):
    """An unbound that trusts the anchors in this file alone, and asks the server at this port for everything."""
    zones = f'forward-zone:\n  name: "."\n  forward-addr: 127.0.0.1@{port}\n  forward-no-cache: {"no" if caches else "yes"}\n'
    return start_unbound(folder, name, FORWARDING.format(anchor=anchor, ttl=3600 if caches else 0), zones)


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


def delv_anchors(anchor, path):
    """The DS records of a file as delv wants them."""
    made = "trust-anchors {\n"
    for owner, *words in map(str.split, anchor.read_text().splitlines()):
        tag, algorithm, kind, *digest = words[words.index("DS") + 1:]
        made += f'  {owner} static-ds {tag} {algorithm} {kind} "{"".join(digest)}";\n'
    path.write_text(made + "};\n")
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


def judged(server, name, rdtype="A"):
    """RCODE, and "secure" (AD) or "insecure"; of SERVFAIL the codes of its extended errors."""
    reply = validated(server, name, rdtype)
    rcode = dns.rcode.to_text(reply.rcode())
    if rcode == "SERVFAIL":
        return rcode, sorted(int(option.code) for option in reply.options if option.otype == 15)
    return rcode, verdict_in(reply)


def delv(port, anchors, root, name, rdtype="A"):
    """What delv says, both streams, standard output first."""
    said = subprocess.run(["delv", "@127.0.0.1", "-p", str(port), "-a", anchors, f"+root={root}", name, rdtype], capture_output=True,
                          text=True, check=False)
    return said.stdout + said.stderr


def by_delv(server, anchor, name, rdtype):
    said = delv(server[1], anchor, ".", name, rdtype)
    if "resolution failed" in said and "ncache" not in said:
        return "bogus"
    is_signed = "fully validated" in said and "unsigned answer" not in said
    return "secure" if is_signed else "insecure"
