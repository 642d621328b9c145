"""jidns check with many domains, and with answers made to take its time, its memory or the terminal."""

import itertools
import json
import os
import pty
import resource
import subprocess
import time

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from kit.control import program

FOUND, SOMETHING, USAGE, NO_ANSWER = range(4)
HEAD = "$TTL 3600\n@ SOA ns.nothing. admin.nothing. 1 7200 3600 1209600 300\n@ NS ns.nothing.\n"


def check(*argv, text="", patience_s=100):
    done = subprocess.run([program(), "check", *map(str, argv)], capture_output=True, text=True, timeout=patience_s, check=False, input=text)
    assert not [word for word in ("AddressSanitizer", "runtime error") if word in done.stderr], done.stderr
    return done


@pytest.fixture(name="far")
def fixture_far(jidnsd, tmp_path):
    """A server so many ms away with so many domains d0.chat, d1.chat, ..."""
    def make(count, delay_ms=40):
        lines = [HEAD]
        for i in range(count):
            lines.append(f"d{i} A 9.9.8.8\nx.d{i} A 9.9.1.{i % 250 + 1}\nx.d{i} AAAA 2a01::{i:x}\n_xmpp-client._tcp.d{i} SRV 0 5 5222 x.d{i}\n"
                         f"_xmpp-server._tcp.d{i} SRV 0 5 5269 x.d{i}\n" + (f"_xmpps-client._tcp.d{i} SRV 0 5 5223 x.d{i}\n" if i % 3 else ""))
        (tmp_path / "chat.zone").write_text("".join(lines))
        (tmp_path / "root.zone").write_text(HEAD)
        daemon = jidnsd("--zone", f"chat={tmp_path}/chat.zone", "--zone", f".={tmp_path}/root.zone", "--fault", f"delay={delay_ms}", "--upstream", "127.0.0.1:9")
        return f"127.0.0.1:{daemon.port}"
    return make


def test_many_domains_are_asked_for_at_once(far):
    """One after the other they would take two minutes, in three rounds of 200 ms each."""
    names = [f"d{i}.chat" for i in range(200)]
    server, start = far(200, delay_ms=200), time.monotonic()
    done = check("--server", server, "--file", "-", text="\n".join(names))
    took = time.monotonic() - start
    assert [line.split()[0] for line in done.stdout.splitlines()] == names
    assert "jidns check: 200 domains: 0 with errors, 0 with warnings, 200 without either, 0 without an answer\n" in done.stderr
    assert took < 60, took


def test_lines_come_while_the_rest_is_still_asked(far):
    child = subprocess.Popen([program(), "check", "--server", far(300), "--file", "-", "--format", "json"], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)
    start = time.monotonic()
    child.stdin.write("\n".join(f"d{i}.chat" for i in range(300)))
    child.stdin.close()
    first = json.loads(child.stdout.readline())
    first_s = time.monotonic() - start
    rest = child.stdout.read().splitlines()
    assert child.wait() == FOUND and first["domain"] == "d0.chat" and len(rest) == 299
    assert first_s < (time.monotonic() - start) / 2


def test_a_domain_that_gives_no_answer_does_not_hold_up_the_others(upstream):
    def handler(asked):
        if "mute" in asked.query.question[0].name.to_text():
            return None
        reply = dns.message.make_response(asked.query)
        reply.set_rcode(dns.rcode.NXDOMAIN)
        return reply
    names = [f"{'mute' if i % 10 == 0 else 'd'}{i}.chat" for i in range(60)]
    start = time.monotonic()
    done = check("--server", upstream(handler).address, "--timeout", 1000, "--file", "-", text="\n".join(names))
    assert time.monotonic() - start < 15
    assert len(done.stdout.splitlines()) + done.stderr.count("no answer in time") == 60


def test_progress_is_for_terminals_only(far, tmp_path):
    path = tmp_path / "names"
    path.write_text("\n".join(f"d{i}.chat" for i in range(70)))
    argv = [program(), "check", "--server", far(70), "--file", path]
    assert "\r" not in subprocess.run(argv, capture_output=True, text=True, check=False).stderr
    ours, theirs = pty.openpty()
    child = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    said = ""
    try:
        while piece := os.read(ours, 4096):
            said += piece.decode()
    except OSError:  # EIO: the other end is closed
        pass
    os.close(ours)
    child.wait()
    assert "\r" in said and " domains" in said and "70 domains: 0 with errors" in said


# ---- answers made to do harm ----

def answering(make):
    """A server whose SRV and other answers come from make(question), a list of rrsets; large ones over TCP."""
    def handler(asked):
        reply = dns.message.make_response(asked.query)
        question = asked.query.question[0]
        rrsets = make(question.name, dns.rdatatype.to_text(question.rdtype))
        if rrsets and asked.transport == "udp":
            reply.flags |= dns.flags.TC
            return reply
        reply.request_payload = 65535
        reply.answer += rrsets
        return reply
    return handler


def many_targets(name, rdtype):
    service = name.to_text().split(".")[0]
    if rdtype != "SRV" or not service.startswith("_xmpp"):
        return []
    return [dns.rrset.from_text(name, 60, "IN", "SRV", *[f"{i} {i} 5222 {service[:9]}{i}.c." for i in range(1700)])]


def ring(name, rdtype):
    """Each name is an alias of the next, for ever."""
    first, *rest = name.to_text().split(".")
    return [dns.rrset.from_text(name, 60, "IN", "CNAME", ".".join([f"a{len(first)}", *rest]))] if rdtype else []


def long_alias(name, rdtype):
    names = [name.to_text(), *[f"n{i}.c." for i in range(2000)]]
    return [dns.rrset.from_text(a, 60, "IN", "CNAME", b) for a, b in zip(names, names[1:])] if rdtype in ("A", "SRV") else []


def huge_text(name, rdtype):
    return [dns.rrset.from_text(name, 60, "IN", "TXT", *[f'"{i:03}' + r"\027[2J\226\128\174" * 20 + '"' for i in range(200)])] if rdtype == "TXT" else []


def many_addresses(name, rdtype):
    if rdtype == "A":
        return [dns.rrset.from_text(name, 60, "IN", "A", *[f"9.{i // 250}.{i % 250}.1" for i in range(4000)])]
    return []


def odd_names(name, rdtype):
    if rdtype == "SRV":
        return [dns.rrset.from_text(name, 60, "IN", "SRV", r"0 0 5222 \027[31m\000\255\226\128\174evil\010\013\009.chat.")]
    return []


def many_tlsa(name, rdtype):
    return [dns.rrset.from_text(name, 60, "IN", "TLSA", *[f"{i % 256} 9 9 {i:04x}" for i in range(2500)])] if rdtype == "TLSA" else many_targets(name, rdtype)


@pytest.mark.parametrize("make, form", [
    *itertools.product([ring, long_alias, huge_text, many_addresses, odd_names], ["text", "json", "tsv", "nagios"]), (many_targets, "text"),
    (many_tlsa, "json")])
def test_answers_made_to_do_harm_end_soon_and_small(upstream, make, form):
    server, start = upstream(answering(make)), time.monotonic()
    argv = ["--server", server.address, "--timeout", 2000, "--format", form, "--verbose", "good.chat"]
    done = subprocess.run([program(), "check", *map(str, argv)], capture_output=True, timeout=100, check=False,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (400 << 20, 400 << 20)))
    assert time.monotonic() - start < 60
    assert done.returncode in (FOUND, SOMETHING, NO_ANSWER) or (form == "nagios" and done.returncode == 2), done.stderr
    assert not set(done.stdout) - {10, 9} - set(range(32, 127)), "only printable ASCII"
    assert len(done.stdout) < 4 << 20 and len(done.stderr) < 4096
    if form == "text":
        assert max(len(line) for line in done.stdout.splitlines()) <= 300


@pytest.mark.parametrize("word", ["a" * 64 + ".chat", ".".join(["a" * 60] * 5), "\x1b[2J.chat", "\u202egro.example", "..", "@", "a@", "//", "xmpp:", "\x00"[:0]])
def test_words_that_are_no_domain_are_one_printable_line_and_2(word):
    done = check("--server", "127.0.0.1:9", word)
    assert done.returncode == USAGE and not done.stdout and len(done.stderr.splitlines()) == 1, done
    assert "\x1b" not in done.stderr and "\u202e" not in done.stderr


def test_a_line_that_is_too_long_is_refused_with_its_number(tmp_path):
    path = tmp_path / "names"
    path.write_text("# first\n" + "a" * 100000 + "\n")
    done = check("--server", "127.0.0.1:9", "--file", path)
    assert done.returncode == USAGE and f"{path}:2: " in done.stderr and len(done.stderr) < 1000
