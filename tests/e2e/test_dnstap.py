"""dnstap: what a collector is told of clients and servers, over each transport; and that nobody waits for a collector that is not
there, has stopped, or talks nonsense."""

import os
import re
import shlex
import shutil
import socket
import subprocess
import time

import dns.message
import dns.rcode
import dns.rrset
import pytest

from kit import pages
from kit.ask import ask, query, timed
from kit.control import Control, jidns
from kit.dnstap import Capture, Collector
from kit.jidnsd import Jidnsd
from kit.netns import free_ports
from kit.proc import descriptors, wait_until

ALL = pytest.mark.skipif(not os.environ.get("E2E_ALL"), reason="takes seconds: contrib/check --all")
QUIET = ("--prefetch", "off", "--expand-srv", "off")


@pytest.fixture(name="collector")
def fixture_collector(folder):
    """Makes collectors in a folder that the daemon reaches."""
    made = []

    def make(name="tap", **mood):
        made.append(Collector(folder / name, **mood))
        return made[-1]
    yield make
    for each in made:
        each.close()


@pytest.fixture(name="tapped")
def fixture_tapped(jidnsd, relay, folder):
    """Starts the daemon with dnstap to folder/tap; its control socket is where the test can find it."""
    def start(*options, upstream=True, **how):
        words = ("--upstream", relay.address) if upstream else ()
        daemon = jidnsd(*words, *QUIET, "--dnstap", f"unix:{folder}/tap", "--control", folder / "control", *options, **how)
        daemon.control = folder / "control"
        return daemon
    yield start


def counters(daemon):
    with Control(daemon.control) as control:
        return control.ask("stats")["counters"]


def tap(daemon):
    with Control(daemon.control) as control:
        return control.ask("status")["dnstap"]


def is_connected(daemon):
    return wait_until(lambda: tap(daemon)["connected"], 10)


def is_recent(message):
    def seconds(s, ns):
        return s + ns / 1e9
    asked = seconds(message.query_s, message.query_ns)
    assert abs(time.time() - asked) < 60 and message.query_ns < 10**9
    if message.response is not None:
        took = seconds(message.response_s, message.response_ns) - asked
        assert 0 <= took < 10, took
    return True


# ---- what is told ----

@pytest.mark.parametrize("family,tcp", [("v6", True), *(pytest.param(*each, marks=ALL) for each in [("v4", False), ("v4", True),
                                                                                                     ("v6", False)])])
def test_a_miss_is_four_messages_with_all_their_fields(tapped, relay, collector, family, tcp):
    seen = collector()
    daemon = tapped("--dnstap-identity", "here.example")
    assert is_connected(daemon)
    server = getattr(daemon, family)
    question = query("one.full.lab", "A", edns=0)
    reply = ask(server, question, tcp=tcp)
    messages = seen.wait_for(4)
    assert [m.type for m in messages] == ["CLIENT_QUERY", "FORWARDER_QUERY", "FORWARDER_RESPONSE", "CLIENT_RESPONSE"]
    client, asked, heard, answer = messages
    assert all(m.identity == "here.example" and m.version.startswith("jidns ") and is_recent(m) for m in messages)
    assert client.wire == question.to_wire() and dns.message.from_wire(answer.wire) == reply
    assert client.answering == answer.answering == server and client.asking == answer.asking and client.asking[0] == server[0]
    assert client.protocol == answer.protocol == ("TCP" if tcp else "UDP")
    upstream = relay.seen[-1]
    assert asked.asking == heard.asking == upstream.source[:2] and asked.id == heard.id == upstream.id
    assert asked.wire == upstream.wire and asked.protocol == heard.protocol == "UDP"
    assert asked.answering == heard.answering and f"{asked.answering[0]}:{asked.answering[1]}" == relay.address
    assert dns.message.from_wire(heard.wire).answer == reply.answer
    assert (client.query_s, client.query_ns) == (answer.query_s, answer.query_ns) <= (asked.query_s, asked.query_ns)


def test_a_hit_is_two_messages_and_a_refusal_too(tapped, collector):
    seen = collector()
    daemon = tapped()
    ask(daemon.v4, "one.full.lab", "A")
    assert is_connected(daemon)
    before = len(seen.frames)
    reply = ask(daemon.v4, "one.full.lab", "A")
    refused = ask(daemon.v4, "full.lab", "AXFR")
    assert refused.rcode() != dns.rcode.NOERROR
    assert wait_until(lambda: [m.type for m in seen.messages[-4:]] == ["CLIENT_QUERY", "CLIENT_RESPONSE"] * 2, 5) and before <= 4
    assert dns.message.from_wire(seen.messages[-3].wire) == reply
    assert seen.messages[-1].wire == refused.to_wire()


def test_a_server_over_tcp_is_told_as_tcp(tapped, upstream, collector):
    def truncated(asked):
        reply = dns.message.make_response(asked.query)
        if asked.transport == "udp":
            reply.flags |= dns.flags.TC
        else:
            reply.answer = [dns.rrset.from_text(asked.query.question[0].name, 300, "IN", "A", "192.0.2.1")]
        return reply
    server, seen = upstream(truncated), collector()
    daemon = tapped("--upstream", server.address, "--dnstap-what", "upstream", upstream=False)
    assert is_connected(daemon)
    assert ask(daemon.v4, "a.test").answer
    messages = [m for m in seen.wait_for(4) if m.protocol == "TCP"]
    assert [m.type for m in messages] == ["FORWARDER_QUERY", "FORWARDER_RESPONSE"]
    over = next(s for s in server.seen if s.transport == "tcp")
    assert messages[0].asking == messages[1].asking == over.source[:2] and messages[0].wire == over.wire


@pytest.mark.parametrize("protocol", [pytest.param("DOT", marks=ALL), "DOH"])
def test_encrypted_servers_are_told_as_what_they_are_and_in_plain(tapped, authority, collector, protocol):
    pytest.importorskip("h2")
    from kit.certs import NAME  # pylint: disable=import-outside-toplevel
    from kit.https_server import HttpsServer  # pylint: disable=import-outside-toplevel
    from kit.tls_server import TlsServer, answer_a  # pylint: disable=import-outside-toplevel
    kind, scheme, path = (TlsServer, "tls", "") if protocol == "DOT" else (HttpsServer, "https", "/dns-query")
    server, seen = kind(free_ports(), authority.issue(), answer_a), collector()
    try:
        daemon = tapped("--upstream", f"{scheme}://{server.host}:{server.port}{path}#{NAME}", "--tls-ca", authority.path,
                        "--dnstap-what", "upstream", upstream=False)
        assert is_connected(daemon)
        assert ask(daemon.v4, "a.test").answer
        asked, heard = seen.wait_for(2)[:2]
        assert asked.protocol == heard.protocol == protocol and is_recent(heard)
        assert asked.answering == heard.answering == (server.host, server.port)
        assert asked.asking == heard.asking and asked.asking[0] == server.host and asked.asking[1] > 1023
        assert dns.message.from_wire(heard.wire).answer[0][0].to_text() == "192.0.2.1"
        assert dns.message.from_wire(asked.wire).question[0].name.to_text() == "a.test."
    finally:
        server.close()


@pytest.mark.parametrize("what,types", [("client", {"CLIENT_QUERY", "CLIENT_RESPONSE"}),
                                        pytest.param("upstream", {"FORWARDER_QUERY", "FORWARDER_RESPONSE"}, marks=ALL)])
def test_only_what_is_wanted_is_told(tapped, collector, what, types):
    seen = collector()
    daemon = tapped("--dnstap-what", what)
    assert is_connected(daemon)
    ask(daemon.v4, "one.full.lab", "A")
    assert {m.type for m in seen.wait_for(2)} == types
    ask(daemon.v4, "one.full.lab", "A")
    assert wait_until(lambda: tap(daemon)["written"] == (4 if what == "client" else 2), 5)
    assert {m.type for m in seen.messages} == types


def test_every_nth_query_is_told_with_its_response(tapped, collector):
    seen = collector()
    daemon = tapped("--dnstap-sample", "5", "--dnstap-what", "client")
    assert is_connected(daemon)
    for number in range(20):
        ask(daemon.v4, dns.message.make_query("one.full.lab", "A", id=number))
    messages = seen.wait_for(8)
    assert [m.id for m in messages] == [0, 0, 5, 5, 10, 10, 15, 15]
    assert [m.type for m in messages] == ["CLIENT_QUERY", "CLIENT_RESPONSE"] * 4


@ALL
def test_the_largest_message_travels_whole(tapped, upstream, collector):
    def large(asked):
        reply = dns.message.make_response(asked.query)
        if asked.transport == "udp":
            reply.flags |= dns.flags.TC
        else:
            reply.request_payload = 65535
            texts = [f'"{"x" * 255}" "{number:0190d}"' for number in range(135)]
            reply.answer = [dns.rrset.from_text_list(asked.query.question[0].name, 300, "IN", "TXT", texts)]
        return reply
    server, seen = upstream(large), collector()
    daemon = tapped("--upstream", server.address, upstream=False)
    assert is_connected(daemon)
    reply = ask(daemon.v4, "a.test", "TXT", tcp=True)
    assert len(reply.to_wire()) > 60000
    messages = seen.wait_for(6)
    assert {len(m.wire) > 60000 for m in messages if m.type.endswith("RESPONSE") and m.protocol == "TCP"} == {True}


@ALL
@pytest.mark.parametrize("threads", [1, 2])
def test_common_tools_read_it_all(tapped, folder, track, threads):
    missing = [name for name in ("fstrm_capture", "dnstap-ldns", "dnstap-read") if not shutil.which(name)]
    if missing:
        pytest.skip(f"{missing[0]} is missing (Debian: fstrm-bin, dnstap-ldns, bind9-dnsutils)")
    capture = track(Capture(folder))
    daemon = tapped("--threads", threads)
    assert is_connected(daemon)
    for number in range(50):
        ask(daemon.v4 if number % 2 else daemon.v6, f"h{number}.full.lab", "AAAA", tcp=number % 3 == 0)
    assert wait_until(lambda: tap(daemon)["written"] >= 200, 10) and tap(daemon)["dropped"] == 0
    capture.stop()
    told = subprocess.run(["dnstap-ldns", "-r", capture.file], capture_output=True, text=True, check=True).stdout.splitlines()
    assert sum(" CQ " in line for line in told) == sum(" CR " in line for line in told) == 50, told
    assert sum(" FQ " in line for line in told) >= 50 and sum(" TCP " in line for line in told) == 34
    read = subprocess.run(["dnstap-read", capture.file], capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(read) == len(told)
    assert any(f"-> 127.0.0.1:{daemon.port} UDP" in line and "h1.full.lab/IN/AAAA" in line for line in read), read[:4]
    whole = subprocess.run(["dnstap-ldns", "-y", "-r", capture.file], capture_output=True, text=True, check=True).stdout
    assert f'identity: "{socket.gethostname()}"' in whole and "response_port: " in whole and "socket_family: INET6" in whole


def test_a_burst_reaches_a_collector_that_keeps_up(tapped, collector):
    collector()
    daemon = tapped("--dnstap-what", "client")
    assert ask(daemon.v4, "one.full.lab", "A").answer and is_connected(daemon)
    wire = query("one.full.lab", "A").to_wire()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(daemon.v4)
        client.settimeout(5)
        for _ in range(200):
            for _ in range(25):
                client.send(wire)
            for _ in range(25):
                client.recv(512)
    assert wait_until(lambda: tap(daemon)["written"] >= 9500, 10), tap(daemon)


def test_the_commands_of_the_page_do_what_it_says(tapped, folder):
    typed = [line for block in pages.blocks(pages.ROOT / "doc" / "dnstap.md") if block.reason() for line, _ in block.typed()]
    assert len(typed) == 5
    missing = [line.split()[0] for line in typed if not shutil.which(line.split()[0])]
    if missing:
        pytest.skip(f"{missing[0]} is missing (Debian: fstrm-bin, dnstap-ldns, bind9-dnsutils)")
    capture, allow, *readers = [shlex.split(line.replace("/run/dnstap.sock", str(folder / "tap")).replace("/root", str(folder)))
                                for line in typed]
    assert capture.pop() == "&"
    with subprocess.Popen(capture) as collector:
        assert wait_until((folder / "tap").exists, 5)
        subprocess.run(allow, check=True)
        daemon = tapped()
        assert is_connected(daemon) and ask(daemon.v4, "one.full.lab", "A").answer
        assert wait_until(lambda: tap(daemon)["written"] == 4, 5)
        collector.terminate()
    for reader in readers:
        said = subprocess.run(reader, capture_output=True, text=True, check=True).stdout
        assert "one.full.lab" in said and re.search(r"\bFR\b|FORWARDER_RESPONSE", said), said


# ---- collectors that are not there ----

@ALL
def test_a_collector_that_comes_late_is_found_and_one_that_comes_back_too(tapped, collector):
    daemon = tapped()
    assert ask(daemon.v4, "one.full.lab", "A").answer and not tap(daemon)["connected"]
    assert "there is no such socket" in daemon.stderr
    assert wait_until(lambda: tap(daemon)["dropped"] == 4, 5)
    first = collector()
    assert is_connected(daemon)
    ask(daemon.v4, "one.full.lab", "A")
    first.wait_for(2)
    first.close()
    ask(daemon.v4, "one.full.lab", "A")
    assert wait_until(lambda: not tap(daemon)["connected"], 10)
    second = collector()
    assert is_connected(daemon)
    ask(daemon.v4, "one.full.lab", "A")
    second.wait_for(2)
    text = jidns(daemon, "status").stdout
    assert "connected to" in text and "messages written" in text
    assert daemon.stderr.count("is connected") == 2 and daemon.stderr.count("no dnstap collector") == 3, daemon.stderr


def test_nobody_waits_for_a_collector_that_has_stopped(relay, folder, tmp_path, track):
    if not shutil.which("fstrm_capture"):
        pytest.skip("fstrm_capture is missing (Debian: fstrm-bin)")
    capture = track(Capture(folder))
    daemon = track(Jidnsd(["--upstream", relay.address, *QUIET, "--dnstap", f"unix:{folder}/tap", "--control", folder / "control"],
                          tmp_path)).wait_ready()
    daemon.control = folder / "control"
    assert is_connected(daemon)
    ask(daemon.v4, "one.full.lab", "A")
    capture.pause()
    waits = []
    while counters(daemon)["tap_dropped"] == 0 and len(waits) < 20000:
        for _ in range(500):
            took_s, reply = timed(ask, daemon.v4, "one.full.lab", "A")
            assert reply.answer
            waits.append(took_s)
    assert counters(daemon)["tap_dropped"] > 0
    assert sorted(waits)[len(waits) * 99 // 100] < 0.1, sorted(waits)[-20:]
    begun = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - begun < 6
    capture.go_on()
    capture.stop()


@pytest.mark.parametrize("mood,word", [pytest.param("close", "it has closed the connection", marks=ALL),
                                       pytest.param("leave", "it has closed the connection", marks=ALL),
                                       pytest.param("silent", "it does not answer", marks=ALL),
                                       ("garbage", "does not speak Frame Streams")])
def test_a_collector_that_is_none_is_named_and_left(tapped, collector, mood, word):
    seen = collector(mood=mood)
    daemon = tapped()

    def is_left():
        ask(daemon.v4, "one.full.lab", "A")
        return word in daemon.stderr and seen.connections > 1
    assert wait_until(is_left, 15, step_s=0.2), (seen.connections, daemon.stderr)
    assert daemon.stderr.count("warn tap: ") + daemon.stderr.count("info tap: ") <= 7
    assert wait_until(lambda: tap(daemon)["dropped"] > 0, 5)


@ALL
def test_a_socket_that_may_not_be_written_is_named(tapped, collector, folder):
    collector()
    os.chmod(folder / "tap", 0o700)
    daemon = tapped("--user", "nobody")
    assert wait_until(lambda: "jidnsd's user may not write to that socket" in daemon.stderr, 5), daemon.stderr
    os.chmod(folder / "tap", 0o777)
    assert is_connected(daemon)


# ---- reload ----

def settings_with(folder, relay, more):
    (folder / "conf").write_text(f'upstream {{ server = "{relay.address}" }}\nxmpp {{ prefetch = off expand-srv = off }}\n{more}\n')


@pytest.fixture(name="reloaded")
def fixture_reloaded(jidnsd, relay, folder):
    def start(more, *options):
        settings_with(folder, relay, more)
        daemon = jidnsd("--config", folder / "conf", "--control", folder / "control", *options)
        daemon.control = folder / "control"
        return daemon
    yield start


def test_a_reload_switches_it_off_on_and_over(reloaded, relay, collector, folder):
    first, second = collector("tap"), collector("other")
    daemon = reloaded(f'dnstap {{ socket = "unix:{folder}/tap" }}', "--threads", "2")
    assert is_connected(daemon)
    ask(daemon.v4, "one.full.lab", "A")
    settings_with(folder, relay, f'dnstap {{ socket = "unix:{folder}/other" what = client }}')
    assert jidns(daemon, "reload").returncode == 0
    assert is_connected(daemon) and len(first.frames) == 4 and first.finished == 1
    ask(daemon.v4, "one.full.lab", "A")
    second.wait_for(2)
    settings_with(folder, relay, "")
    assert jidns(daemon, "reload").returncode == 0
    assert tap(daemon) is None and second.finished == 1
    ask(daemon.v4, "one.full.lab", "A")
    assert counters(daemon)["tap_written"] == 6 and counters(daemon)["tap_dropped"] == 0
    settings_with(folder, relay, f'dnstap {{ socket = "unix:{folder}/tap" sample = 2 }}')
    assert jidns(daemon, "reload").returncode == 0
    assert is_connected(daemon)


@ALL
def test_reloads_in_a_row_leave_nothing_behind(reloaded, relay, collector, folder):
    collector()
    daemon = reloaded(f'dnstap {{ socket = "unix:{folder}/tap" }}')
    assert is_connected(daemon)
    before, threads = descriptors(daemon.child.pid), len(os.listdir(f"/proc/{daemon.child.pid}/task"))
    for number in range(10):
        settings_with(folder, relay, f'dnstap {{ socket = "unix:{folder}/tap" sample = {number + 2} }}')
        ask(daemon.v4, f"h{number}.full.lab", "A")
        assert jidns(daemon, "reload").returncode == 0
    assert is_connected(daemon)
    assert descriptors(daemon.child.pid) <= before + 1 and len(os.listdir(f"/proc/{daemon.child.pid}/task")) == threads


def test_what_was_off_at_the_start_needs_a_restart_behind_the_filter(reloaded, relay, folder):
    daemon = reloaded("")
    with open(f"/proc/{daemon.child.pid}/maps", encoding="utf-8") as maps:
        assert "fstrm" not in maps.read()
    settings_with(folder, relay, f'dnstap {{ socket = "unix:{folder}/tap" }}')
    done = jidns(daemon, "reload")
    if done.returncode == 0:  # no filter
        return
    assert "libfstrm was not loaded" in done.stderr and "restart jidnsd" in done.stderr, done
    assert ask(daemon.v4, "one.full.lab", "A").answer
