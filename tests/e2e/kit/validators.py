"""Validators that others have written: unbound, and BIND's delv. What they make of a name of the signed world."""

import shutil
import subprocess

import dns.flags
import dns.rcode
import pytest

from kit.ask import ask
from kit.netns import free_ports
from kit.proc import Process

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


def skip_unless_installed():
    if not all(map(shutil.which, ("unbound", "delv", "ldns-signzone"))):
        pytest.skip("unbound, delv or ldns-signzone is not installed")


def delv_anchor(world, folder):
    """The world's trust anchor in a file as delv reads it."""
    _, _, _, _, tag, algorithm, kind, *digest = ["", *world.anchor.read_text().split()][:8]
    path = folder / "anchor"
    path.write_text(f'trust-anchors {{ . static-ds {tag} {algorithm} {kind} "{"".join(digest)}"; }};\n')
    return path


def verdict_of(server, name, rdtype):
    reply = ask(server, name, rdtype, do=True, patience_s=10, payload=4096)
    if reply.rcode() == dns.rcode.SERVFAIL:
        return "bogus"
    return "secure" if reply.flags & dns.flags.AD else "insecure"


def by_delv(server, anchor, name, rdtype):
    said = subprocess.run(["delv", f"@{server[0]}", "-p", str(server[1]), "-a", anchor, "+root=.", name, rdtype], capture_output=True,
                          text=True, check=False)
    if "resolution failed" in said.stdout + said.stderr and "ncache" not in said.stderr:
        return "bogus"
    is_signed = "fully validated" in said.stdout and "unsigned answer" not in said.stdout
    return "secure" if is_signed else "insecure"
