"""Zones that jidnsd signs when it loads them: unbound and delv, which trust its DS records alone, believe all that they say and all
that they deny."""

import os
import pathlib
import random
import re
import shutil
import signal
import subprocess

import dns.rdatatype
import pytest

from kit import jidnsd as jidnsd_kit
from kit.ask import ask
from kit.validators import delv, delv_anchors, forwarding_unbound, judged

SEED = int(os.environ.get("E2E_SEED", "1"))
SOA = "$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 30\n@ NS ns\nns A 192.0.2.1\n"
TOP = SOA + """away NS ns.away
ns.away A 192.0.2.2
alias CNAME any.users.capulet.lab.
out CNAME host.open.lab.
moved DNAME capulet.lab.
*.via CNAME host.moved.lab.
near CNAME a.via
hidden.moved A 192.0.2.9
"""
HOSTS = SOA + """host A 192.0.2.3
_xmpp-client._tcp SRV 5 0 5222 host
_5222._tcp.host TLSA 3 1 1 0000000000000000000000000000000000000000000000000000000000000000
host.deep.er A 192.0.2.4
*.users CNAME host
*.wild A 192.0.2.5
*.wild SRV 0 0 5222 host
lost CNAME nobody.deep.er
"""
CONF = """
server {{ zone-sign = {how}  zone-keys = "keys" }}
zone "lab" {{ file = "top.zone" }}
zone "capulet.lab" {{ file = "hosts.zone" }}
zone "far.between.lab" {{ file = "hosts.zone" }}
zone "open.lab" {{ file = "hosts.zone"  sign = off }}
zone "other.example" {{ file = "hosts.zone"  sign = {other} }}
xmpp "montague.lab" {{ host "xmpp1" {{ address = {{10.0.0.5, "fd00::5"}} }}  conference = on }}
"""
SECURE = [
    ("lab", "SOA"), ("lab", "NS"), ("lab", "DNSKEY"), ("lab", "TXT"), ("ns.lab", "A"), ("ns.lab", "AAAA"), ("NS.LAB", "TXT"),
    ("alias.lab", "A"), ("alias.lab", "AAAA"), ("moved.lab", "DNAME"), ("host.moved.lab", "A"), ("any.wild.moved.lab", "A"),
    ("any.via.lab", "A"), ("any.via.lab", "TXT"), ("near.lab", "A"), ("capulet.lab", "DS"), ("far.between.lab", "DS"), ("away.lab", "DS"), ("open.lab", "DS"), ("montague.lab", "DS"),
    ("between.lab", "A"), ("host.far.between.lab", "A"), ("_xmpp-client._tcp.capulet.lab", "SRV"), ("_tcp.capulet.lab", "A"),
    ("_5222._tcp.host.capulet.lab", "TLSA"), ("host.capulet.lab", "TLSA"), ("er.capulet.lab", "A"), ("any.users.capulet.lab", "A"),
    ("any.users.capulet.lab", "SRV"), ("a.b.wild.capulet.lab", "A"), ("a.wild.capulet.lab", "SRV"), ("a.wild.capulet.lab", "TXT"),
    ("*.wild.capulet.lab", "A"), ("_xmpp-client._tcp.montague.lab", "SRV"), ("_xmpp-server._tcp.conference.montague.lab", "SRV"),
    ("xmpp1.montague.lab", "AAAA"), ("xmpp1.montague.lab", "TXT"), ("host.other.example", "A"), ("host.other.example", "MX")]
DENIED = ["nobody.lab", "a.b.c.lab", "zzz.lab", "aaa.lab", "hidden.moved.lab", "nobody.between.lab", "nobody.capulet.lab",
          "x.host.capulet.lab", "lost.capulet.lab", "nobody.montague.lab", "nobody.other.example"]
INSECURE = [("host.open.lab", "A", "NOERROR"), ("a.wild.open.lab", "A", "NOERROR"), ("nobody.open.lab", "A", "NXDOMAIN"),
            ("out.lab", "A", "NOERROR")]


def write_zones(folder, how):
    if not all(map(shutil.which, ("unbound", "delv"))):
        pytest.skip("unbound or delv is not installed")
    (folder / "top.zone").write_text(TOP)
    (folder / "hosts.zone").write_text(HOSTS)
    (folder / "lab.conf").write_text(CONF.format(how=how, other="nsec3" if how == "nsec" else "nsec"))


@pytest.fixture(name="lab", scope="module", params=["nsec", "nsec3"])
def fixture_lab(request, tmp_path_factory):
    """A jidnsd with signed zones, an unbound before it, and delv's anchors."""
    folder = tmp_path_factory.mktemp("signed-lab")
    write_zones(folder, request.param)
    daemon = jidnsd_kit.Jidnsd(("--config", folder / "lab.conf", "--upstream", "127.0.0.9"), folder, "jidnsd").wait_ready()
    daemon.folder, daemon.how = folder, request.param
    daemon.anchors = delv_anchors(folder / "keys" / "trust-anchors", folder / "anchors")
    daemon.unbound = forwarding_unbound(folder, folder / "keys" / "trust-anchors", daemon.port)
    yield daemon
    daemon.unbound.stop()
    daemon.stop()


def test_what_zones_have_is_secure(lab):
    wrong = [(name, rdtype, said, str(ask(lab.v4, name, rdtype, do=True))) for name, rdtype in SECURE
             if (said := judged(lab.unbound.server, name, rdtype)) != ("NOERROR", "secure")]
    assert not wrong


def test_what_zones_do_not_have_is_proven(lab):
    wrong = [(name, said, str(ask(lab.v4, name, do=True))) for name in DENIED
             if (said := judged(lab.unbound.server, name)) != ("NXDOMAIN", "secure")]
    assert not wrong
    denial = ask(lab.v4, "nobody.lab", do=True)
    kind = dns.rdatatype.NSEC3 if lab.how == "nsec3" else dns.rdatatype.NSEC
    assert any(rrset.rdtype == kind for rrset in denial.authority)


def test_what_is_below_a_zone_that_is_not_signed_is_answered_and_insecure(lab):
    for name, rdtype, rcode in INSECURE:
        assert judged(lab.unbound.server, name, rdtype) == (rcode, "insecure"), name


def test_made_up_names_of_the_zoo_are_secure_whatever_is_asked(jidnsd, tmp_path, track):
    """But for what is delegated. unbound 1.17 is wrong about names with a "*" of their own for which another wildcard stands, and wants a
    signature of an alias made from a DNAME when that is what was asked for."""
    zoo = pathlib.Path(__file__).parent / "local"
    rng, made = random.Random(SEED), []
    lines = (zoo / "zoo.lab.zone").read_text().splitlines()
    words = [line.split()[0] for line in lines if re.match(r"[\w*.-]+\s", line)] + ["example", "deep", "*", "a.b", "zz", "0"]
    while len(made) < (1500 if os.environ.get("E2E_ALL") else 60):
        name = ".".join(rng.choices(words, k=rng.randrange(1, 4)))
        if not re.search(r"(^|\.)(sub|bare)$", name) and not name.startswith("*"):
            made.append((f"{name}.zoo.lab", rng.choice(("A", "AAAA", "TXT", "SRV", "MX", "DS", "TLSA", "SOA"))))
    daemon = jidnsd("--zone", f"zoo.lab={zoo / 'zoo.lab.zone'}", "--zone-sign", rng.choice(("nsec", "nsec3")), "--zone-keys", tmp_path / "keys",
                    "--upstream", "127.0.0.9")
    validator = track(forwarding_unbound(tmp_path, tmp_path / "keys" / "trust-anchors", daemon.port))
    wrong = [(name, rdtype, said) for name, rdtype in made if (said := judged(validator.server, name, rdtype))[1] != "secure"]
    validator.stop()
    assert not wrong, f"E2E_SEED={SEED}"


def test_delv_agrees(lab):
    for name, rdtype in SECURE[8:34:8]:
        said = delv(lab.port, lab.anchors, "lab", name, rdtype)
        assert "fully validated" in said, (name, rdtype, said)
    said = delv(lab.port, lab.anchors, "lab", DENIED[1])
    assert "negative response, fully validated" in said, said
    assert "unsigned answer" in delv(lab.port, lab.anchors, "lab", "host.open.lab")


def test_plain_questions_get_plain_answers(lab):
    for name in ("host.capulet.lab", "nobody.lab", "a.wild.capulet.lab"):
        reply = ask(lab.v4, name)
        signatures = {dns.rdatatype.RRSIG, dns.rdatatype.NSEC, dns.rdatatype.NSEC3}
        assert not signatures & {rrset.rdtype for rrset in reply.answer + reply.authority}


MAKERS = {"ed25519": ("ldns-keygen", "-k", "-a", "ED25519"), "rsa": ("dnssec-keygen", "-a", "RSASHA256", "-b", "2048", "-f", "KSK"),
          "p384": ("dnssec-keygen", "-a", "ECDSAP384SHA384"), "both": ("dnssec-keygen", "-a", "ECDSAP256SHA256")}


def test_keys_that_others_made_are_used(jidnsd, tmp_path, track):
    """P-384 without the SEP flag signs alone, too; a zone with a key of each kind has both used."""
    if not all(map(shutil.which, ("ldns-keygen", "dnssec-keygen", "unbound"))):
        pytest.skip("ldns-keygen, dnssec-keygen or unbound is not installed")
    keys = tmp_path / "keys"
    keys.mkdir()
    for name, maker in [*MAKERS.items(), ("both", (*MAKERS["both"], "-f", "KSK"))]:
        subprocess.run([*maker, f"{name}.lab"], cwd=keys, check=True, capture_output=True)
    (tmp_path / "top.zone").write_text(HOSTS)
    zones = [option for name in MAKERS for option in ("--zone", f"{name}.lab={tmp_path / 'top.zone'}")]
    daemon = jidnsd(*zones, "--zone-sign", "nsec", "--zone-keys", keys, "--upstream", "127.0.0.9")
    assert len(list(keys.glob("*.private"))) == len(MAKERS) + 1, "none was made"
    assert len((keys / "trust-anchors").read_text().splitlines()) == len(MAKERS)
    validator = track(forwarding_unbound(tmp_path, keys / "trust-anchors", daemon.port))
    for name in MAKERS:
        assert judged(validator.server, f"host.{name}.lab") == ("NOERROR", "secure")
        assert judged(validator.server, f"nobody.{name}.lab") == ("NXDOMAIN", "secure")
    validator.stop()
    tags = {rrset.rdtype: {record.key_tag for record in rrset} for rrset in ask(daemon.v4, "both.lab", "DNSKEY", do=True).answer
            if rrset.rdtype == dns.rdatatype.RRSIG}
    others = {record.key_tag for rrset in ask(daemon.v4, "host.both.lab", do=True).answer if rrset.rdtype == dns.rdatatype.RRSIG
              for record in rrset}
    assert tags[dns.rdatatype.RRSIG] - others and len(others) == 1, "keys are signed by one that signs nothing else"


def test_a_reload_signs_anew_with_the_same_keys_though_jidnsd_may_no_longer_read_them(jidnsd, folder):
    (folder / "top.zone").write_text(HOSTS)
    daemon = jidnsd("--zone", f"lab={folder / 'top.zone'}", "--zone-sign", "nsec", "--zone-keys", folder / "keys", "--upstream", "127.0.0.9")
    before = ask(daemon.v4, "lab", "DNSKEY").answer[0]
    (folder / "top.zone").write_text(HOSTS + "more A 192.0.2.77\n")
    daemon.child.send_signal(signal.SIGHUP)
    daemon.wait_for(lambda: "settings reloaded" in daemon.stderr, "the reload")
    reply = ask(daemon.v4, "more.lab", do=True)
    assert {rrset.rdtype for rrset in reply.answer} == {dns.rdatatype.A, dns.rdatatype.RRSIG}
    assert ask(daemon.v4, "lab", "DNSKEY").answer[0] == before
    assert "trust-anchors" not in daemon.stderr


def test_signatures_are_made_anew_before_they_expire(jidnsd, tmp_path):
    """By a clock that runs 500,000 times as fast, half of a signature's time is over in 2.6 s."""
    library = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    if not library or not jidnsd_kit.has_filter():
        pytest.skip("libfaketime is not installed, or a sanitizer wants to be the first library that is loaded")
    fast = ["env", f"LD_PRELOAD={library}", "FAKETIME=+0 x500000"]
    (tmp_path / "top.zone").write_text(HOSTS)
    daemon = jidnsd("--zone", f"lab={tmp_path / 'top.zone'}", "--zone-sign", "nsec", "--zone-keys", tmp_path / "keys", "--upstream", "127.0.0.9",
                    "--seccomp", "off", "--user", "root", "--snapshot", "none", wrap=lambda argv: [*fast, *argv])

    def expiration():
        return next(rrset[0].expiration for rrset in ask(daemon.v4, "host.lab", do=True).answer if rrset.rdtype == dns.rdatatype.RRSIG)
    before = expiration()
    daemon.wait_for(lambda: "zones are signed again, before their signatures expire" in daemon.stderr, "new signatures")
    assert expiration() >= before + 14 * 86400


def test_signing_without_a_folder_for_keys_is_refused(tmp_path):
    (tmp_path / "top.zone").write_text(HOSTS)
    said = subprocess.run([jidnsd_kit.path(), "--check-config", "--zone", f"lab={tmp_path / 'top.zone'}", "--zone-sign", "nsec"],
                          capture_output=True, text=True, check=False)
    assert said.returncode == 2 and "zone-sign needs zone-keys = FOLDER" in said.stderr


# What validators make of it: a rule, a question, the code of unbound's extended error, a word of delv's.
BROKEN = [
    ("name=expired.capulet.lab signature=expired", "expired.capulet.lab", 7, "has expired"),
    ("name=early.capulet.lab signature=early", "early.capulet.lab", 8, "has not begun"),
    ("name=wrong.capulet.lab signature=wrong", "wrong.capulet.lab", 6, "failed to verify"),
    ("name=forged.capulet.lab address=203.0.113.9", "forged.capulet.lab", 6, "failed to verify"),
    ("name=expired.wild.capulet.lab signature=expired", "expired.wild.capulet.lab", 7, "has expired"),
    ("name=bare.wild.capulet.lab strip=proofs", "bare.wild.capulet.lab", 6, "no valid NSEC"),
    ("name=expired-nobody.capulet.lab signature=expired", "expired-nobody.capulet.lab", 7, "has expired"),
    ("name=bare.capulet.lab type=A strip", "bare.capulet.lab", 10, "insecurity proof failed"),
    ("name=bare-nobody.capulet.lab strip=proofs", "bare-nobody.capulet.lab", 12, "no valid RRSIG"),
    ("name=bare-nobody.far.between.lab strip", "bare-nobody.far.between.lab", 12, "insecure response"),
    ("name=montague.lab type=DNSKEY signature=expired", "xmpp1.montague.lab", 7, "has expired"),
    ("name=benvolio.lab type=DS wrong-ds", "host.benvolio.lab", 9, "no valid signature found (DS)"),
    ("name=tybalt.lab type=DNSKEY strip=signatures", "host.tybalt.lab", 10, "insecurity proof failed"),
]


def test_validators_see_what_is_broken_on_purpose(jidnsd, tmp_path, track):
    write_zones(tmp_path, "nsec")
    with open(tmp_path / "hosts.zone", "a", encoding="ascii") as hosts:
        hosts.writelines(f"{name} A 192.0.2.8\n" for name in ("expired", "early", "wrong", "forged", "bare"))
    zones = [option for name in ("benvolio", "tybalt") for option in ("--zone", f"{name}.lab={tmp_path / 'hosts.zone'}")]
    faults = [option for rule, *_ in BROKEN for option in ("--fault", rule)]
    daemon = jidnsd("--config", tmp_path / "lab.conf", "--upstream", "127.0.0.9", *zones, *faults)
    anchor = tmp_path / "keys" / "trust-anchors"
    validator, anchors = track(forwarding_unbound(tmp_path, anchor, daemon.port)), delv_anchors(anchor, tmp_path / "anchors")

    assert judged(validator.server, "host.capulet.lab") == ("NOERROR", "secure")
    wrong = []
    for _, name, code, word in BROKEN:
        said, also = judged(validator.server, name), delv(daemon.port, anchors, "lab", name)
        if said != ("SERVFAIL", [code]) or word not in also:
            wrong.append((name, said, also))
    validator.stop()
    assert not wrong

