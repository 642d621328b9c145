"""A signed world of a root, two top-level domains and what is below: secure, insecure, and broken in the ways that zones break.

`sec.` has NSEC, `opt.` NSEC3 with opt-out. All is signed when a test begins, by ldns-signzone, and served by one NSD."""

import subprocess
import time

import dns.rdatatype

from kit.ask import ask
from kit.nsd import Nsd

ALGORITHMS = {"rsa": "RSASHA256", "p256": "ECDSAP256SHA256", "ed": "ED25519"}
DENIALS = {"nsec": [], "nsec3": ["-n"], "optout": ["-n", "-p"]}
HEAD = "$ORIGIN {origin}\n$TTL 300\n@ IN SOA ns hostmaster 1 7200 3600 1209600 300\n@ IN NS ns\nns IN A 127.0.0.1\n"
HOSTS = """\
host IN A 192.0.2.1
host IN AAAA 2001:db8::1
www IN CNAME host
gone IN CNAME nothing
out IN CNAME host.plain.sec.
chain IN CNAME www.{other}
tree IN DNAME {other}
*.wild IN A 192.0.2.2
closer.wild IN TXT "closer"
*.alias IN CNAME host
*.service IN SRV 0 0 5222 host
a.b.ent IN A 192.0.2.3
_xmpp-client._tcp IN SRV 0 0 5222 host
_xmpp-server._tcp IN SRV 0 0 5269 host
_5222._tcp.host IN TLSA 3 1 1 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
"""
LABELS = ["", "host", "www", "gone", "out", "chain", "tree", "host.tree", "x.wild", "y.x.wild", "closer.wild", "x.closer.wild",
          "x.alias", "_xmpp-client._tcp.service", "ent", "b.ent", "a.b.ent", "_tcp", "_xmpp-client._tcp", "_xmpp-server._tcp",
          "_xmpps-client._tcp", "_5222._tcp.host", "_5269._tcp.host", "nothing", "a.b.c.nothing", "*.wild", "sub", "host.sub", "open",
          "host.open", "x.open"]
TYPES = ["A", "AAAA", "SRV", "TXT", "MX", "CNAME", "DS", "TLSA", "NS", "SOA", "DNSKEY"]


def _run(folder, *argv):
    return subprocess.run(argv, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


class SignedNsd(Nsd):
    """NSD that is ready when it has the root."""

    def _answers(self):
        try:
            return bool(ask(self.server, ".", "SOA", patience_s=0.2).answer)
        except Exception:  # pylint: disable=broad-except
            return False


class SignedWorld:
    """`zones` says which names there are, and what a validator should make of what their zone says: secure, insecure, bogus."""

    def __init__(self, folder):
        self.zones, self._leads_to = {}, {}
        self._zones, self._keys, work = folder / "zones", folder / "keys", folder / "nsd"
        for made in (self._zones, self._keys, work):
            made.mkdir()
        self._delegations = {"sec.": "", "opt.": ""}
        names = [f"{a}-{d}.{tld}." for tld in ("sec", "opt") for a in ALGORITHMS for d in DENIALS]
        for place, name in enumerate(names):
            self._leads_to[name] = names[(place + 1) % len(names)]
            algorithm, denial = name.split(".")[0].split("-")
            self._with_children(name, names[(place + 1) % len(names)], ALGORITHMS[algorithm], DENIALS[denial])
        self._insecure_and_broken(names[0])
        top = {tld: self._sign(tld, HEAD.format(origin=tld) + self._delegations[tld], "ECDSAP256SHA256", how)
               for tld, how in (("sec.", []), ("opt.", ["-n", "-p"]))}
        root = HEAD.format(origin=".") + "".join(self._delegation(tld) + ds for tld, ds in top.items())
        self.anchor = folder / "root.ds"
        self.anchor.write_text(self._sign(".", root, "ECDSAP256SHA256", []))
        self.nsd = SignedNsd(self._zones, work)

    def close(self):
        self.nsd.close()

    def files(self):
        """Each zone's name."""
        return [path.name.removesuffix(".zone").replace("root", "") + "." for path in self._zones.glob("*.zone")]

    @staticmethod
    def _delegation(name):
        return f"{name} IN NS ns.{name}\nns.{name} IN A 127.0.0.1\n".replace("ns..", "ns.")

    def _path(self, name):
        return self._zones / f"{name.rstrip('.') or 'root'}.zone"

    def _key(self, name, algorithm):
        return _run(self._keys, "ldns-keygen", "-k", "-a", algorithm, "-b", "1024", name)

    def _sign(self, name, text, algorithm, how, times=()):
        """Writes a zone, signed. Its DS records."""
        path, key = self._path(name), self._key(name, algorithm)
        path.write_text(text)
        _run(self._keys, "ldns-signzone", *how, *times, "-f", path, path, key)
        return (self._keys / f"{key}.ds").read_text()

    def _with_children(self, name, other, algorithm, how):
        secure = HEAD.format(origin=f"sub.{name}") + HOSTS.format(other=other)
        ds = self._sign(f"sub.{name}", secure, algorithm, how)
        self._path(f"open.{name}").write_text(HEAD.format(origin=f"open.{name}") + "host IN A 192.0.2.4\n")
        text = HEAD.format(origin=name) + HOSTS.format(other=other) + self._delegation(f"sub.{name}") + ds
        self._below(name, self._sign(name, text + self._delegation(f"open.{name}"), algorithm, how), "secure")

    def _below(self, name, ds, state):
        tld = name.split(".", 1)[1]
        self._delegations[tld] += self._delegation(name) + ds
        self.zones[name] = state

    def _insecure_and_broken(self, other):
        day = 86400
        now = int(time.time())

        def date(seconds):
            return time.strftime("%Y%m%d%H%M%S", time.gmtime(now + seconds))
        for tld in ("sec.", "opt."):
            def made(label, times=(), tld=tld):
                name = f"{label}.{tld}"
                return name, self._sign(name, HEAD.format(origin=name) + HOSTS.format(other=other), "ECDSAP256SHA256", [], times)
            self._path(f"plain.{tld}").write_text(HEAD.format(origin=f"plain.{tld}") + HOSTS.format(other=other))
            self._below(f"plain.{tld}", "", "insecure")
            self._below(made("island")[0], "", "insecure")
            self._below(*made("expired", ("-i", date(-9 * day), "-e", date(-2 * day))), "bogus")
            self._below(*made("early", ("-i", date(2 * day), "-e", date(9 * day))), "bogus")
            name, _ = made("strange")
            self._below(name, (self._keys / f"{self._key(name, 'ECDSAP256SHA256')}.ds").read_text(), "bogus")
            name, _ = made("unknown")
            self._below(name, f"{name} 300 IN DS 4711 200 2 {'ab' * 32}\n", "insecure")
            name, ds = made("bare")
            self._leave_out(name, dns.rdatatype.RRSIG)
            self._below(name, ds, "bogus")
            name, ds = made("gapless")
            self._leave_out(name, dns.rdatatype.NSEC)
            self._below(name, ds, "gapless")

    def _leave_out(self, name, rdtype):
        path = self._path(name)
        word = f"\t{dns.rdatatype.to_text(rdtype)}\t"
        path.write_text("".join(line for line in path.read_text().splitlines(True) if word not in line))

    def may_opt_out(self, zone):
        """Has this zone, or the one that its aliases lead to, opt-out spans? What they deny is without AD (RFC 5155 section 9.2)."""
        return "optout" in zone + self._leads_to.get(zone, "")

    def question(self, rng):
        """A name and a type, and its zone."""
        zone = rng.choice(sorted(self.zones))
        label = rng.choice(LABELS)
        return f"{label}.{zone}" if label else zone, rng.choice(TYPES), zone
