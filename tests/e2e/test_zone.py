"""Local zones: what NSD answers from the same files, and what stands around them."""

import os
import pathlib
import random
import re
import shutil
import signal
import socket
import struct
import subprocess

import dns.exception
import dns.flags
import dns.name
import dns.rcode
import dns.rdatatype
import dns.zone
import pytest

from kit import jidnsd as jidnsd_kit
from kit import lies
from kit.ask import Stream, ask, ask_fully, records, soas
from kit.netns import free_ports
from kit.nsd import Nsd

HERE = pathlib.Path(__file__).parent
NOWHERE = "127.0.0.1:9"  # nobody listens there: whatever is forwarded fails
TYPES = ("A", "AAAA", "SRV", "TXT", "CNAME", "MX", "NS", "SOA", "PTR", "TLSA", "DS", "DNAME", "CAA", "TYPE65280", "TYPE65281")
WINDOW = 60


def question(name, rdtype, do=False):
    """A query's octets but for the id. dnspython would take longer than both servers."""
    opt = b"\0" + struct.pack("!HHIH", 41, 4096, 0x8000, 0) if do else b""
    return (struct.pack("!HHHHHH", 0, 0x0100, 1, 0, 0, 1 if do else 0) + dns.name.from_text(name).to_wire() +
            struct.pack("!HH", dns.rdatatype.from_text(rdtype), 1) + opt)


def read_name(wire, at):
    """(the name without compression in lower case, where it ends)."""
    octets, end = b"", None
    while wire[at]:
        if wire[at] >= 0xc0:
            end = end or at + 2
            at = struct.unpack_from("!H", wire, at)[0] & 0x3fff
            continue
        octets += wire[at:at + 1 + wire[at]].lower()
        at += 1 + wire[at]
    return octets + b"\0", end or at + 1


COMPRESSED = {2: (0, 1), 5: (0, 1), 6: (0, 2), 12: (0, 1), 15: (2, 1), 39: (0, 1)}  # type: octets, then names


def read_rdata(wire, at, rdtype, length):
    before, names = COMPRESSED.get(rdtype, (length, 0))
    out, end, at = wire[at:at + before], at + length, at + before
    for _ in range(names):
        name, at = read_name(wire, at)
        out += name
    return out + wire[at:end]


def read(wire):
    """What two answers to one question are compared by: RCODE, AA, answer section, SOA of the authority section, each record with
    its TTL. The rest of that section is left out: NSD adds name servers."""
    _, flags, _, answers, authority, _ = struct.unpack_from("!HHHHHH", wire)
    at = read_name(wire, 12)[1] + 4
    sections = [], []
    for place in range(answers + authority):
        owner, at = read_name(wire, at)
        rdtype, rdclass, ttl, length = struct.unpack_from("!HHIH", wire, at)
        at += 10
        if place < answers or rdtype == 6:
            sections[place >= answers].append((owner, rdtype, rdclass, ttl, read_rdata(wire, at, rdtype, length)))
        at += length
    return flags & 0xf, bool(flags & 0x0400), sorted(sections[0]), sorted(sections[1])


def ask_all(server, questions, **how):
    """What read() says of the answers to (name, type) questions, over one socket; the cut ones again over TCP."""
    wires = [question(name, rdtype, **how) for name, rdtype in questions]
    replies = [None] * len(wires)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, Stream(server) as stream:
        sock.settimeout(5)
        sock.connect(server)
        sent = 0
        for received in range(len(wires)):
            while sent < len(wires) and sent - received < WINDOW:
                sock.send(struct.pack("!H", sent) + wires[sent][2:])
                sent += 1
            reply = sock.recv(65535)
            place = struct.unpack_from("!H", reply)[0]
            assert replies[place] is None and reply[12:12 + 8] == wires[place][12:12 + 8]
            if reply[2] & 0x02:
                stream.send(wires[place])
                reply = stream.receive()
            replies[place] = read(reply)
    return replies


def assert_same(server, truth_server, questions, **how):
    truths, answers = (ask_all(s, questions, **how) for s in (truth_server, server))
    wrong = [f"{q}: {a}\ninstead of\n{t}" for q, a, t in zip(questions, answers, truths) if a != t]
    assert not wrong, f"{len(wrong)} of {len(questions)} differ; the first: " + "\n".join(wrong[:3])


@pytest.fixture(scope="module", name="authority")
def fixture_authority(tmp_path_factory):
    """NSD with the zones of all tests and zoo.lab."""
    source, folder = tmp_path_factory.mktemp("zones"), tmp_path_factory.mktemp("nsd-zoo")
    for path in [*(HERE / "zones").glob("*.zone"), *(HERE / "local").glob("*.zone")]:
        shutil.copy(path, source)
    shutil.copy(HERE / "local" / "zoo.part", folder)
    server = Nsd(source, folder)
    server.folder = folder
    yield server
    server.close()


def zones_of(authority):
    """{name: file}, the files as NSD reads them."""
    return {path.stem.replace("root", "."): path for path in sorted(authority.folder.glob("*.zone"))}


@pytest.fixture(name="local")
def fixture_local(authority, jidnsd):
    options = [word for name, path in zones_of(authority).items() for word in ("--zone", f"{name}={path}")]
    return jidnsd(*options, "--upstream", NOWHERE)


def is_delegated(name):
    """Is it at or below one of the cuts of zoo.lab? Those names are forwarded."""
    return any(dns.name.from_text(name).is_subdomain(dns.name.from_text(cut)) for cut in ("sub.zoo.lab", "bare.zoo.lab"))


def written_questions(authority):
    """Every name of the zones, and those above it, with every type that there is and some that there are not."""
    names = set()
    for zone, path in zones_of(authority).items():
        with open(path, encoding="utf-8") as file:
            text = file.read().replace("$INCLUDE zoo.part parts.zoo.lab.", "$ORIGIN parts.zoo.lab.\n" +
                                       (HERE / "local" / "zoo.part").read_text() + "$ORIGIN zoo.lab.\n")
        for name in dns.zone.from_text(text, zone, relativize=False, check_origin=False).nodes:
            while len(name) > 1:
                names.add(name.to_text())
                name = name.parent()
    return [(name, rdtype) for name in sorted(names) if not is_delegated(name) for rdtype in TYPES]


def made_up_questions(authority, count, seed):
    pick = random.Random(seed)
    names = sorted({name for name, _ in written_questions(authority)})
    for _ in range(count):
        label = "".join(pick.choices("abcdefghijklmnopqrstuvwxyz0123456789-_", k=pick.randint(1, 20)))
        name = pick.choice(names)
        below = label + "." + name if pick.randrange(4) else label + "." + name.split(".", 1)[1]
        name = pick.choice([below, "x." + below, "*." + name, name.swapcase()])
        try:
            delegated = is_delegated(name)
        except dns.exception.DNSException:  # too long a name
            continue
        if not delegated:
            yield name, pick.choice(TYPES)


@pytest.mark.parametrize("how", [{}, {"do": True}], ids=["plain", "do"])
def test_every_name_and_type_of_the_files_is_answered_as_nsd_does(local, authority, how):
    assert_same(local.v4, authority.server, written_questions(authority), **how)


def test_five_thousand_made_up_names_are_answered_as_nsd_does(local, authority):
    questions = list(made_up_questions(authority, 5600, seed=6))
    assert len(questions) >= 5000
    assert_same(local.v4, authority.server, questions)


def test_made_up_names_have_the_signatures_that_nsd_gives(local, authority):
    assert_same(local.v4, authority.server, list(made_up_questions(authority, 1000, seed=7)), do=True)


# ---- beside what is forwarded ----

SOA = "@ 60 SOA ns host 1 3600 600 86400 30\n"


@pytest.fixture(name="zone")
def fixture_zone(folder):
    """Writes a zone file that the daemon can read again after it has given up root; returns its path."""
    def write(text, name="zone"):
        path = folder / name
        path.write_text(text)
        return path
    return write


def texts(answer):
    return sorted(rrset.to_text() for rrset in answer.answer)


def test_an_alias_to_a_name_elsewhere_has_that_names_records(nsd, relay, zone, jidnsd):
    path = zone(SOA + "a 60 CNAME full.lab.\nb 60 CNAME absent.lab.\n_xmpp-server._tcp 60 CNAME _xmpp-server._tcp.forty.lab.\n")
    daemon = jidnsd("--zone", f"mine.lab={path}", "--upstream", relay.address)
    for name, rdtype, target in (("a", "A", "full.lab"), ("a", "AAAA", "full.lab"), ("a", "TLSA", "full.lab"), ("b", "A", "absent.lab"),
                                 ("_xmpp-server._tcp", "SRV", "_xmpp-server._tcp.forty.lab")):
        truth = ask_fully(nsd.server, target, rdtype)
        for _ in ("cold", "warm"):
            answer = ask_fully(daemon.v4, f"{name}.mine.lab", rdtype)
            assert answer.rcode() == truth.rcode()
            assert records(answer.answer) - records(truth.answer) == records(ask(daemon.v4, f"{name}.mine.lab", "CNAME").answer)
            assert records(answer.answer) >= records(truth.answer) and records(soas(answer)) == records(soas(truth))


def test_an_overlay_changes_single_names_of_a_real_domain(nsd, relay, zone, jidnsd, folder):
    zone("full.lab. 60 A 10.0.0.1\nnew.lab. 60 TXT new\n*.staging 60 A 10.0.0.2\n")
    conf = folder / "conf"
    conf.write_text(f'zone "lab" {{ file = "{folder}/zone" overlay = on }}\nupstream {{ server = "{relay.address}" }}\n')
    daemon = jidnsd("--config", conf)
    assert texts(ask(daemon.v4, "full.lab", "A")) == ["full.lab. 60 IN A 10.0.0.1"]
    assert texts(ask(daemon.v4, "new.lab", "TXT")) == ['new.lab. 60 IN TXT "new"']
    assert texts(ask(daemon.v4, "x.staging.lab", "A")) == ["x.staging.lab. 60 IN A 10.0.0.2"]
    for name, rdtype in (("full.lab", "AAAA"), ("lab", "SOA"), ("new.lab", "A"), ("no.lab", "A"), ("one.full.lab", "A")):
        truth, answer = ask(nsd.server, name, rdtype), ask(daemon.v4, name, rdtype)
        assert (answer.rcode(), records(answer.answer)) == (truth.rcode(), records(truth.answer)), name


@pytest.mark.skipif(os.geteuid() != 0, reason="port 53 needs root")
def test_what_a_zone_delegates_is_asked_of_the_servers_that_it_names(upstream, zone, jidnsd):
    inner = upstream(lambda asked: lies.answer(asked.query, "10.0.0.1"), port=53, host="127.0.0.153")
    outer = upstream(lambda asked: lies.answer(asked.query, "10.0.0.2"))
    path = zone(SOA + "sub NS ns.sub\nns.sub A 127.0.0.153\nfar NS ns.invalid.\na CNAME x.sub\n")
    daemon = jidnsd("--zone", f"mine.lab={path}", "--upstream", outer.address, "--prefetch", "off")
    for name, address in (("sub", 1), ("x.y.sub", 1), ("ns.sub", 1), ("x.far", 2)):
        assert texts(ask(daemon.v4, f"{name}.mine.lab", "A"))[-1].endswith(f"10.0.0.{address}")
    assert len(ask(daemon.v4, "a.mine.lab", "A").answer) == 2
    assert ask(daemon.v4, "x.mine.lab", "A").rcode() == dns.rcode.NXDOMAIN
    assert {seen.name for seen in inner.seen} == {"sub.mine.lab.", "x.y.sub.mine.lab.", "ns.sub.mine.lab.", "x.sub.mine.lab."}
    assert {seen.name for seen in outer.seen} == {"x.far.mine.lab."}


def test_zones_are_answered_without_any_network(zone, jidnsd, tmp_path):
    path = zone(SOA + "a 60 A 10.0.0.1\n")
    daemon = jidnsd("--zone", f"mine.lab={path}", "--resolv-conf", tmp_path / "none")
    assert "only local zones are answered" in daemon.stderr and "upstream none" in daemon.stderr
    assert texts(ask(daemon.v4, "a.mine.lab", "A")) == ["a.mine.lab. 60 IN A 10.0.0.1"]
    assert ask(daemon.v4, "example.org", "A").rcode() == dns.rcode.SERVFAIL


# ---- wrong ones ----

@pytest.mark.parametrize("text,words", [
    (SOA + "a A 10.0.0\n", "zone:2: 'a A 10.0.0': "), ("a A 10.0.0.1\n", "zone: the zone mine.lab. has no SOA"),
    (SOA + "a CNAME b\na A 10.0.0.1\n", "zone:3: a.mine.lab. has a CNAME"), (SOA + "$INCLUDE /etc/passwd\n", "zone:2: '/etc/passwd': lies outside")])
def test_a_wrong_zone_file_is_named_with_its_line_and_nothing_starts(zone, text, words):
    for check in ([], ["--check-config"]):  # no other start would mend it: the status is that of wrong settings
        done = subprocess.run([jidnsd_kit.path(), "--listen", f"127.0.0.1:{free_ports()}", "--upstream", NOWHERE, "--zone",
                               f"mine.lab={zone(text)}", *check], capture_output=True, text=True, timeout=10, check=False)
        assert done.returncode == 2 and done.stderr.startswith("jidnsd: ") and words in done.stderr
        assert len(done.stderr.splitlines()) == 1 and "ready" not in done.stderr and not done.stdout


def test_check_config_reads_the_zones(zone):
    done = subprocess.run([jidnsd_kit.path(), "--check-config", "--zone", f"mine.lab={zone(SOA + '_x SRV 0 0 1 a')}"], capture_output=True,
                          text=True, timeout=10, check=False)
    assert done.returncode == 0 and "settings are good" in done.stdout and "zone:2: _x.mine.lab. SRV: its target" in done.stderr


def test_the_examples_of_the_documents_are_right(folder, jidnsd):
    text = (jidnsd_kit.ROOT / "doc" / "lab.md").read_text()
    blocks = re.findall(r"^```\n(.*?)^```$", text, re.M | re.S)
    (folder / "lab.conf").write_text(next(b for b in blocks if b.startswith("listen")).replace("5300", str(free_ports())))
    zone_text = next(b for b in blocks if b.startswith("$ cat capulet"))
    (folder / "capulet").write_text("".join(line + "\n" for line in zone_text.splitlines() if line[0] not in "$" or line.startswith("$TTL")))
    (folder / "overlay").write_text(next(b for b in blocks if b.startswith("; staging")))
    with open(folder / "lab.conf", "a", encoding="utf-8") as conf:
        conf.write(f'zone "example.org" {{ file = "{folder}/overlay" overlay = on }}\n')
    daemon = jidnsd("--config", folder / "lab.conf", "--zone", f"capulet.lab={folder}/capulet", "--zone",
                    f"demo.lab={jidnsd_kit.ROOT}/contrib/demo.lab.zone", "--upstream", NOWHERE)
    assert "warning" not in daemon.stderr
    for name, count in (("montague.lab", 2), ("capulet.lab", 1), ("demo.lab", 2), ("example.org", 1)):
        answer = ask(daemon.v4, f"_xmpp-client._tcp.{name}", "SRV")
        assert len(answer.answer[0]) == count and answer.additional, name
    shown = next(b for b in blocks if b.startswith("$ dig"))
    answer = ask(daemon.v4, "_xmpp-client._tcp.montague.lab", "SRV")
    lines = [line.split() for rrset in answer.answer + answer.additional for line in rrset.to_text().splitlines()]
    assert lines == [line.split() for line in shown.splitlines()[1:]]


def reload(daemon, said):
    before = daemon.stderr.count(said)
    daemon.child.send_signal(signal.SIGHUP)
    daemon.wait_for(lambda: daemon.stderr.count(said) > before, f"{said!r} on stderr")


def test_a_reload_takes_the_new_zone_or_if_it_is_wrong_keeps_the_old(zone, jidnsd):
    path = zone(SOA + "a 60 A 10.0.0.1\n")
    daemon = jidnsd("--zone", f"mine.lab={path}", "--upstream", NOWHERE, "--threads", "2")
    for text, said, address in ((SOA + "a 60 A 10.0.0.2\n", "settings reloaded", 2), (SOA + "a A\n", "zone:2: 'a A'", 2),
                                ("", "has no SOA", 2), (SOA + "a 60 A 10.0.0.3\n", "settings reloaded", 3)):
        zone(text)
        reload(daemon, said)
        for server in (daemon.v4, daemon.v6) * 5:
            assert texts(ask(server, "a.mine.lab", "A")) == [f"a.mine.lab. 60 IN A 10.0.0.{address}"]


@pytest.mark.parametrize("start", ['server { zone-files = on }', 'xmpp "mine.lab" { host "xmpp" { address = 10.0.0.1 } }',
                                   'fault "a" { rule = "name=a.lab drop" }'])
def test_the_first_zone_file_comes_with_a_reload_where_one_may(start, zone, jidnsd, folder):
    conf, upstream_line = folder / "conf", f'upstream {{ server = "{NOWHERE}" }}\n'
    conf.write_text(f"{upstream_line}{start}\n")
    daemon = jidnsd("--config", conf)
    zone(SOA + "a 60 A 10.0.0.7\n")
    conf.write_text(f'{upstream_line}server {{ zone-files = {"on" if "zone-files" in start else "off"} }}\n'
                    'zone "mine.lab" { file = "zone" }\n')
    reload(daemon, "settings reloaded")
    assert texts(ask(daemon.v4, "a.mine.lab", "A")) == ["a.mine.lab. 60 IN A 10.0.0.7"]


def test_clients_in_a_network_have_a_zone_of_their_own_and_all_others_what_is_forwarded(relay, zone, jidnsd, folder):
    """Nothing of it stays in the cache for others, not even behind a server's alias."""
    zone(SOA + "@ 60 A 10.0.0.7\nonly 60 A 10.0.0.8\n_xmpp-client._tcp 60 SRV 0 0 5222 only\n")
    conf = folder / "conf"
    conf.write_text(f'upstream {{ server = "{relay.address}" }}\nzone "full.lab" {{ file = "zone" client = "127.0.0.0/8" }}\n')
    daemon = jidnsd("--config", conf)
    for _ in ("cold", "warm"):
        assert texts(ask(daemon.v4, "full.lab", "A")) == ["full.lab. 60 IN A 10.0.0.7"]
        assert "10.0.0.7" not in str(ask(daemon.v6, "full.lab", "A").answer)
        assert ask(daemon.v6, "full.lab", "A").answer
        assert [r.target.to_text() for r in ask(daemon.v4, "_xmpp-client._tcp.full.lab", "SRV").answer[0]] == ["only.full.lab."]
        assert len(ask(daemon.v6, "_xmpp-client._tcp.full.lab", "SRV").answer[0]) == 2
        assert ask(daemon.v4, "www.full.lab", "A").rcode() == dns.rcode.NXDOMAIN
    conf.write_text(conf.read_text() + f'zone "full.lab" {{ file = "{folder}/rest" }}\n')
    zone(SOA + "@ 60 A 192.0.2.9\n", "rest")
    reload(daemon, "settings reloaded")
    assert texts(ask(daemon.v4, "full.lab", "A")) == ["full.lab. 60 IN A 10.0.0.7"]
    assert texts(ask(daemon.v6, "full.lab", "A")) == ["full.lab. 60 IN A 192.0.2.9"]


def test_a_servers_alias_leads_to_no_zone_that_is_for_some(relay, zone, jidnsd):
    """Its answer is kept for all."""
    conf = zone(SOA + "@ 60 A 10.0.0.7\n", "some").parent / "conf"
    conf.write_text(f'upstream {{ server = "{relay.address}" }}\nzone "real.broken.lab" {{ file = "some" client = "127.0.0.0/8" }}\n')
    daemon = jidnsd("--config", conf)
    for server in (daemon.v4, daemon.v6, daemon.v4, daemon.v6):
        answer = str(ask(server, "alias.broken.lab", "A").answer)
        assert "real.broken.lab." in answer and "10.0.0.7" not in answer
    assert texts(ask(daemon.v4, "real.broken.lab", "A")) == ["real.broken.lab. 60 IN A 10.0.0.7"]


def test_where_nothing_hints_at_a_lab_the_first_zone_file_needs_a_restart_but_the_shorthand_does_not(zone, jidnsd, folder):
    conf, upstream_line = folder / "conf", f'upstream {{ server = "{NOWHERE}" }}\n'
    conf.write_text(upstream_line)
    daemon = jidnsd("--config", conf)
    conf.write_text(upstream_line + 'xmpp "mine.lab" { host "xmpp" { address = 10.0.0.1 } }\n')
    reload(daemon, "settings reloaded")
    assert texts(ask(daemon.v4, "_xmpp-client._tcp.mine.lab", "SRV")) == ["_xmpp-client._tcp.mine.lab. 300 IN SRV 0 0 5222 xmpp.mine.lab."]
    conf.write_text(upstream_line + f'zone "mine.lab" {{ file = "{zone(SOA)}" }}\n')
    reload(daemon, "neither a zone nor zone-files = on; restart jidnsd")
    assert texts(ask(daemon.v4, "xmpp.mine.lab", "A")) == ["xmpp.mine.lab. 300 IN A 10.0.0.1"]
    conf.write_text(upstream_line)
    reload(daemon, "settings reloaded")
    assert ask(daemon.v4, "xmpp.mine.lab", "A").rcode() == dns.rcode.SERVFAIL
