"""The signed world is what it says: unbound's validator and delv agree on it, question by question."""

import os
import random
import shutil
import subprocess

import dns.flags
import dns.rcode
import pytest

from kit.ask import ask
from kit.netns import free_ports
from kit.proc import Process
from kit.signed_world import SignedWorld

SEED = int(os.environ.get("E2E_SEED", "1"))
QUESTIONS = 1000 if os.environ.get("E2E_ALL") else 40
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


@pytest.fixture(scope="module", name="judges")
def fixture_judges(tmp_path_factory):
    """The world, an unbound that validates, one that does not."""
    if not all(map(shutil.which, ("unbound", "delv", "ldns-signzone"))):
        pytest.skip("unbound, delv or ldns-signzone is not installed")
    folder = tmp_path_factory.mktemp("signed-world")
    world = SignedWorld(folder)
    validating = unbound(world, folder, "validating", "validator iterator", f'  trust-anchor-file: "{world.anchor}"')
    plain = unbound(world, folder, "plain", "iterator")
    _, _, _, _, tag, algorithm, kind, *digest = ["", *world.anchor.read_text().split()][:8]
    (folder / "anchor").write_text(f'trust-anchors {{ . static-ds {tag} {algorithm} {kind} "{"".join(digest)}"; }};\n')
    yield world, validating, plain, folder / "anchor"
    validating.stop()
    plain.stop()
    world.close()


def by_unbound(server, name, rdtype):
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


def test_each_zone_is_what_the_world_says(judges):
    world, validating, _, _ = judges
    for zone, state in world.zones.items():
        said = by_unbound(validating.server, f"host.{zone}", "A")
        assert said == ("secure" if state == "gapless" else state), zone
        if state == "gapless":
            assert by_unbound(validating.server, f"nothing.{zone}", "A") == "bogus", zone


def test_both_judges_agree(judges):
    world, validating, plain, anchor = judges
    rng = random.Random(SEED)
    differ = []
    for _ in range(QUESTIONS):
        name, rdtype, zone = world.question(rng)
        said = by_unbound(validating.server, name, rdtype), by_delv(plain.server, anchor, name, rdtype)
        if said == ("insecure", "secure") and world.may_opt_out(zone):
            continue  # delv says of an opt-out span's denial that it is signed, and not that it proves less
        if said[0] != said[1]:
            differ.append(f"{name} {rdtype}: unbound {said[0]}, delv {said[1]} (E2E_SEED={SEED})")
    assert not differ, "\n".join(differ)
