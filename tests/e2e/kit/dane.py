"""A signed world in which DANE can be done, behind a validating unbound: the root zone is signed and holds the names; zones cut off it
without a DS are known to be unsigned."""

import subprocess

from kit.signed_world import SignedNsd
from kit.validators import start_unbound, stubs

SOA = "$TTL 300\n{name} IN SOA ns.nothing. admin.nothing. 1 7200 3600 1209600 60\n{name} IN NS ns.nothing.\n"
VALIDATING = '  module-config: "validator iterator"\n  trust-anchor-file: "{anchor}"'


def sign(zones, name, *how):
    """Signs a zone's file in place; its key file and its DS file."""
    path = zones / f"{name.rstrip('.') or 'root'}.zone"
    key = subprocess.run(["ldns-keygen", "-k", "-a", "ECDSAP256SHA256", name], cwd=zones, check=True, capture_output=True, text=True).stdout.strip()
    subprocess.run(["ldns-signzone", "-o", name, *how, "-f", "signed", path, key], cwd=zones, check=True, capture_output=True)
    (zones / "signed").rename(path)
    return zones / f"{key}.key", zones / f"{key}.ds"


def digest_of(cert, usage=3, selector=1, matching=1):
    """The TLSA record of a certificate in PEM, or of its key."""
    der = subprocess.run(["openssl", "x509", "-in", cert, *(["-pubkey", "-noout"] if selector else ["-outform", "DER"])], check=True, capture_output=True).stdout
    if selector:
        der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=der, check=True, capture_output=True).stdout
    hashed = der if matching == 0 else subprocess.run(["openssl", "dgst", "-binary", "-sha256" if matching == 1 else "-sha512"], input=der,
                                                      check=True, capture_output=True).stdout
    return f"{usage} {selector} {matching} {hashed.hex()}"


class DaneWorld:
    """`records` are lines of the signed zone, `unsigned` those of zones that are not; change(text) works on the text of the signed zone
    once it is signed, so that signatures no longer fit; `times` says when they begin and end, for ldns-signzone. Zones in `islands` are signed, but
    the root has no DS of them. `server` is the unbound, `anchor` a file for other validators."""

    def __init__(self, folder, track, records, unsigned=None, change=lambda text: text, times=(), islands=()):
        zones, work = folder / "zones", folder / "nsd"
        zones.mkdir()
        work.mkdir()
        unsigned = unsigned or {}
        cuts = "".join(f"{name} IN NS ns.{name}\nns.{name} IN A 127.0.0.1\n" for name in unsigned)
        (zones / "root.zone").write_text(SOA.format(name=".") + cuts + records)
        for name, text in unsigned.items():
            (zones / f"{name}zone").write_text(SOA.format(name=name) + text)
        for name in islands:
            sign(zones, name)
        self.anchor, _ = sign(zones, ".", *times)
        signed = zones / "root.zone"
        signed.write_text(change(signed.read_text()))
        self.nsd = SignedNsd(zones, work)
        self._unbound = track(start_unbound(folder, "unbound", VALIDATING.format(anchor=self.anchor), stubs([".", *unsigned], self.nsd)))
        self.server = self._unbound.server

    @property
    def address(self):
        return f"{self.server[0]}:{self.server[1]}"

    def close(self):
        self._unbound.stop()
        self.nsd.close()
