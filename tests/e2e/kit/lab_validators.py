"""Validators in front of a jidnsd that serves signed zones: unbound as a forwarder, and delv."""

import subprocess

import dns.flags
import dns.rcode

from kit.ask import ask
from kit.netns import free_ports
from kit.proc import Process

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
  module-config: "validator iterator"
  val-log-level: 2
  ede: yes
  cache-max-ttl: {ttl}
  cache-max-negative-ttl: {ttl}
  trust-anchor-file: "{anchor}"
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@{jidnsd}
  forward-no-cache: {no_cache}
remote-control:
  control-enable: no
"""


def unbound(folder, anchor, jidnsd, name="unbound", caches=True):
    """An unbound that trusts the anchors in this file alone, and asks the jidnsd at this port for everything."""
    port = free_ports()
    (folder / f"{name}.conf").write_text(UNBOUND.format(port=port, folder=folder, name=name, anchor=anchor, jidnsd=jidnsd,
                                                        ttl=3600 if caches else 0, no_cache="no" if caches else "yes"))
    process = Process(name, ["unbound", "-d", "-c", folder / f"{name}.conf"], folder)
    process.wait_for(lambda: "start of service" in process.stderr, "unbound's start")
    process.server = ("127.0.0.1", port)
    return process


def judged(server, name, rdtype="A"):
    """RCODE, and "secure" (AD) or "insecure"; of SERVFAIL the codes of its extended errors."""
    reply = ask(server, name, rdtype, do=True, patience_s=10, payload=4096)
    rcode = dns.rcode.to_text(reply.rcode())
    if rcode == "SERVFAIL":
        return rcode, sorted(int(option.code) for option in reply.options if option.otype == 15)
    return rcode, "secure" if reply.flags & dns.flags.AD else "insecure"


def delv_anchors(anchor, path):
    """The DS records of a zone file as delv wants them."""
    lines = [line.split() for line in anchor.read_text().splitlines()]
    path.write_text("trust-anchors {\n" + "".join(f'  {owner} static-ds {tag} {algorithm} {kind} "{"".join(digest)}";\n'
                                                  for owner, _, _, _, tag, algorithm, kind, *digest in lines) + "};\n")
    return path


def delv(port, anchors, root, name, rdtype="A"):
    """What delv says, both streams."""
    said = subprocess.run(["delv", "@127.0.0.1", "-p", str(port), "-a", anchors, f"+root={root}", name, rdtype], capture_output=True,
                          text=True, check=False)
    return said.stdout + said.stderr
