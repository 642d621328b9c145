"""jidns check given what was made to harm: very many targets, aliases without an end, texts without an end, octets that a terminal or a browser
obeys, names that are none. It ends soon, takes little memory, says what is wrong, and shows nothing as it came."""

import json
import resource
import struct
import subprocess
import time

import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset
import pytest

from kit.control import program
from kit.scripted import HEAD, resolver

LIMIT_S, LIMIT_MB = 20, 60  # far below what a machine notices
GOOD = "@ A 9.9.8.8\nx A 9.9.1.1\n_xmpp-client._tcp SRV 0 5 5222 x\n_xmpp-server._tcp SRV 0 5 5269 x\n"
EVIL = "\\027[2J\\027]0\\;owned\\007\\226\\128\\174<script>alert\\(1\\)</script>\\000"
FORMS = ("text", "json", "tsv", "nagios", "html")


def bound_memory():
    resource.setrlimit(resource.RLIMIT_DATA, (LIMIT_MB << 20, LIMIT_MB << 20))


def limited(argv, seconds=LIMIT_S):
    """The command with bounds on its time and, unless it has a sanitizer, whose shadow counts, on its memory."""
    sanitizer = b"libasan" in subprocess.run(["ldd", program()], capture_output=True, check=True).stdout
    begun_s = time.monotonic()
    done = subprocess.run([program(), "check", *map(str, argv)], capture_output=True, timeout=seconds * 3, check=False,
                          preexec_fn=None if sanitizer else bound_memory)
    took_s = time.monotonic() - begun_s
    assert took_s < seconds, f"{took_s:.1f} s"
    assert done.returncode in range(5) and b"AddressSanitizer" not in done.stderr and b"runtime error" not in done.stderr, done.stderr[-2000:]
    return done


def assert_harmless(octets, form):
    text = octets.decode()
    assert not [c for c in text if c not in "\n\t" and not c.isprintable()], form
    assert not set(text) & {"\u202e", "\u2066", "\u200b"}, form
    assert "<script>alert" not in text or form != "html", form


def check(server, *argv, form="json"):
    done = limited(["--server", server.address, "--timeout", 1000, "--format", form, *argv])
    assert_harmless(done.stdout + done.stderr, form)
    return done


def codes(done):
    return {f["code"] for f in json.loads(done.stdout)["findings"]}


def crowd(asked):
    """3,000 targets of one service, as many as a message holds; each has an address."""
    question = asked.query.question[0]
    reply = dns.message.make_response(asked.query)
    name, kind = question.name.to_text(), dns.rdatatype.to_text(question.rdtype)
    if name == "_xmpp-client._tcp.d.chat." and kind == "SRV":
        if asked.transport == "udp":
            reply.flags |= dns.flags.TC
            return reply
        wire = bytearray(reply.to_wire())
        wire[6:8] = struct.pack("!H", 3000)
        wire[10:12] = b"\0\0"
        end = 12 + len(question.name.to_wire()) + 4
        target = b"".join(b"\xc0\x0c" + struct.pack("!HHIHHHH", 33, 1, 60, 9, i, 0, 5222) + bytes([1, 97 + i % 26, 0]) for i in range(3000))
        return bytes(wire[:end]) + target
    if kind == "A":
        reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", "A", "9.9.1.1"))
    return reply


@pytest.mark.parametrize("form", FORMS)
def test_three_thousand_targets(upstream, form):
    done = check(upstream(crowd), "d.chat", form=form)
    if form == "json":
        assert "too-many-targets" in codes(done)
    assert len(done.stdout) < 600_000


def test_ten_thousand_targets_in_a_zone_file(tmp_path):
    path = tmp_path / "zone"
    path.write_text(HEAD + GOOD + "".join(f"_xmpp-client._tcp SRV {i} 5 5222 t{i}\nt{i} A 9.9.{i // 250}.{i % 250 + 1}\n" for i in range(10_000)))
    done = limited(["--offline", "--zone", f"d.chat={path}", "--format", "json", "d.chat"])
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.decode() == f"jidns check: {path}:7: _xmpp-client._tcp.d.chat. has more records of one type than fit into a message\n"


def chain(length, ring):
    """Aliases one after the other, the last of them to the first or to an address."""
    rows = "".join(f"c{i} CNAME c{i + 1}\n" for i in range(length))
    return GOOD.replace("5222 x", "5222 c0") + rows + (f"c{length} CNAME c0\n" if ring else f"c{length} A 9.9.1.7\n")


@pytest.mark.parametrize("ring", [True, False])
def test_aliases_without_an_end(upstream, tmp_path, ring):
    records = chain(40, ring)
    assert "target-alias" in codes(check(upstream(resolver({"d.chat": records})), "d.chat"))
    path = tmp_path / "zone"
    path.write_text(HEAD + records)
    assert "target-alias" in codes(limited(["--offline", "--zone", f"d.chat={path}", "--format", "json", "d.chat"]))


def test_a_service_that_is_its_own_alias(upstream):
    records = "@ A 9.9.8.8\n_xmpp-client._tcp CNAME _xmpp-client._tcp\n_xmpp-server._tcp DNAME _tcp\n_tcp DNAME _tcp._tcp\n"
    check(upstream(resolver({"d.chat": records.split("_xmpp-server")[0]})), "d.chat")


def loops(asked):
    """Every name in the answer points at itself, or forward, or out of the message."""
    wire = bytearray(dns.message.make_response(asked.query).to_wire())
    wire[6:8] = struct.pack("!H", 40)
    at = len(wire)
    for i in range(40):
        owner = struct.pack("!H", 0xc000 | (at if i % 3 == 0 else at + 20 if i % 3 == 1 else 0x3fff))
        wire += owner + struct.pack("!HHIH", asked.query.question[0].rdtype, 1, 60, 8) + struct.pack("!HHHH", 1, 1, 5222, 0xc000 | at)
        at = len(wire)
    return bytes(wire)


def test_names_that_point_in_circles(upstream):
    done = check(upstream(loops), "d.chat")
    assert set(json.loads(done.stdout)["verdict"].values()) <= {"unknown", "no"}


def texts(asked):
    """64 KB of text at every name, with what terminals and browsers obey."""
    reply = dns.message.make_response(asked.query)
    question = asked.query.question[0]
    if dns.rdatatype.to_text(question.rdtype) != "TXT":
        return resolver({"d.chat": GOOD})(asked)
    if asked.transport == "udp":
        reply.flags |= dns.flags.TC
        return reply
    reply.request_payload = 65535
    reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", "TXT", *[f'"_xmpp-client-xbosh=http://{EVIL}{i}"' + f' "{"x" * 200}"' * 3 for i in range(80)]))
    return reply


@pytest.mark.parametrize("form", FORMS)
def test_huge_texts_with_control_characters(upstream, form):
    done = check(upstream(texts), "d.chat", form=form)
    if form == "json":
        assert {f["code"] for f in json.loads(done.stdout)["findings"]} & {"xmppconnect-insecure", "xmppconnect-malformed", "obsolete-xmppconnect"} or \
            "_xmppconnect" not in done.stdout.decode()


def evil_names(asked):
    """Targets, aliases and names of addresses full of octets that nobody should see."""
    reply = dns.message.make_response(asked.query)
    question = asked.query.question[0]
    name, kind = question.name.to_text(), dns.rdatatype.to_text(question.rdtype)
    if kind == "SRV":
        reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", "SRV", f"0 5 5222 {EVIL}.d.chat.", f"1 5 0 {EVIL}.elsewhere.", "2 5 5223 \\255\\254\\192\\175."))
    elif kind in ("A", "AAAA") and name == "d.chat.":
        reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", "CNAME", f"{EVIL}.cdn."))
    elif kind == "CAA" or kind == "TLSA":
        reply.set_rcode(2)
    return reply


@pytest.mark.parametrize("form", FORMS)
def test_names_full_of_control_characters(upstream, form):
    done = check(upstream(evil_names), "--verbose", "d.chat", form=form)
    assert done.returncode == (2 if form == "nagios" else 1)


@pytest.mark.parametrize("form", ["zone", "nsupdate"])
def test_lines_to_enter_are_lines_whatever_the_names(upstream, form):
    done = limited(["--server", upstream(evil_names).address, "--fix", form, "d.chat"])
    assert_harmless(done.stdout, form)
    for line in done.stdout.decode().splitlines():
        assert line == "send" or line.startswith(("update ", "; delete: ", "_", "d.chat. ", "*")) or " IN " in line, line


# ---- names that are none ----

WRONG = ["", ".", "..", "a..b", "-", "@", "a@", "a b", "\x1b[2J", "\u202eevil.chat", "x" * 64 + ".chat", ".".join(["x" * 60] * 5), "192.0.2.1", "[2001:db8::1]",
         "https://", "xmpp:", "a.chat:port", "xn--", "\u0416" * 300, "%s%n.chat ", "a\\999.chat"]


@pytest.mark.parametrize("name", WRONG)
def test_a_name_that_is_none_is_one_clear_line(name):
    done = limited(["--server", "127.0.0.1:9", "--timeout", 50, "--", name], seconds=5)
    lines = done.stderr.decode().splitlines()
    assert done.returncode in (2, 3) and not done.stdout and len(lines) == 1 and lines[0].startswith("jidns check: "), (done.stderr, done.stdout)
    assert_harmless(done.stderr, name)
    assert len(lines[0]) < 700


def test_a_file_of_names_that_is_no_text_is_refused_by_its_line(tmp_path):
    path = tmp_path / "names"
    for octets in (bytes(range(256)) * 40, b"a" * 1_000_000, b"good.chat\n" + b"\0" * 100 + b"\n", b"\xff\xfe" * 5000):
        path.write_bytes(octets)
        done = limited(["--server", "127.0.0.1:9", "--timeout", 50, "--file", path], seconds=8)
        assert done.returncode in (2, 3) and done.stderr.decode().startswith("jidns check: ") and len(done.stderr) < 1000
        assert_harmless(done.stderr + done.stdout, "names")


def test_a_hundred_thousand_wrong_names_end_at_the_first(tmp_path):
    path = tmp_path / "names"
    path.write_text("a..b\n" * 100_000)
    done = limited(["--server", "127.0.0.1:9", "--file", path], seconds=5)
    assert done.returncode == 2 and len(done.stderr.decode().splitlines()) == 1
