"""Metrics over HTTP: what Prometheus reads, and that nobody gets in its way or the daemon's."""

import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest
from test_sandbox import has_filter

from kit.ask import ask
from kit.jidnsd import path
from kit.netns import free_ports
from kit.proc import wait_until
from kit.upstream import always


@pytest.fixture(name="watched")
def fixture_watched(jidnsd):
    """Starts a daemon with metrics on a port of loopback; a system call that it should not make would end it."""
    def start(*options):
        port = free_ports()
        strict = ["--seccomp", "kill"] if has_filter() else []
        daemon = jidnsd("--metrics", f"127.0.0.1:{port}", "--prefetch", "off", "--expand-srv", "off", *strict, *options)
        daemon.metrics = ("127.0.0.1", port)
        return daemon
    return start


@pytest.fixture(name="daemon")
def fixture_daemon(watched, relay):
    return watched("--upstream", relay.address)


def get(daemon, page="/metrics", method="GET", body=None):
    connection = http.client.HTTPConnection(*daemon.metrics, timeout=20)
    try:
        connection.request(method, page, body)
        reply = connection.getresponse()
        return reply.status, reply.read().decode(), reply
    finally:
        connection.close()


def values(daemon):
    """{'name{labels}': value} of all samples."""
    status, text, _ = get(daemon)
    assert status == 200
    return {m[1]: float(m[2]) for m in re.finditer(r"^(\w+(?:\{.*\})?) (\S+)$", text, re.M)}


def test_promtool_finds_nothing_to_complain_of(daemon):
    if not shutil.which("promtool"):
        pytest.skip("promtool is not installed (Debian: prometheus)")
    ask(daemon.v4, "mostly.lab")
    _, text, reply = get(daemon)
    assert reply.getheader("Content-Type").startswith("text/plain; version=0.0.4")
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_is_counted_is_what_was_asked(daemon, relay):
    for _ in range(3):
        ask(daemon.v4, "mostly.lab")
    ask(daemon.v4, "mostly.lab", tcp=True)
    ask(daemon.v4, "no.such.lab")
    seen = values(daemon)
    assert seen['jidns_queries_total{transport="udp"}'] == 4
    assert seen['jidns_queries_total{transport="tcp"}'] == 1
    assert seen['jidns_query_outcomes_total{outcome="hit"}'] == 3
    assert seen['jidns_query_outcomes_total{outcome="miss"}'] == seen["jidns_miss_wait_seconds_count"] == 2
    assert seen['jidns_miss_wait_seconds_bucket{le="+Inf"}'] == 2
    assert seen["jidns_cache_entries"] == 2
    assert 0 < seen["jidns_cache_bytes"] < seen["jidns_cache_limit_bytes"]
    server = f'{{server="{relay.address}",domain=""'
    assert seen[f"jidns_server_up{server}}}"] == 1
    assert seen[f"jidns_server_queries_total{server}}}"] == seen[f"jidns_server_replies_total{server}}}"] == len(relay.seen)
    assert seen[f"jidns_server_rtt_seconds_count{server}}}"] == len(relay.seen)


def test_a_server_that_was_not_asked_yet_is_neither_up_nor_down(daemon, relay):
    server = f'{{server="{relay.address}",domain=""}}'
    seen = values(daemon)
    assert seen[f"jidns_server_queries_total{server}"] == 0 and f"jidns_server_up{server}" not in seen
    ask(daemon.v4, "mostly.lab")
    assert values(daemon)[f"jidns_server_up{server}"] == 1


def test_the_process_is_described(daemon):
    seen = values(daemon)
    assert abs(seen["process_start_time_seconds"] - time.time()) < 60
    assert 1e6 < seen["process_resident_memory_bytes"] < 1e9
    assert seen["process_open_fds"] == pytest.approx(len(os.listdir(f"/proc/{daemon.child.pid}/fd")), abs=3)
    assert seen["jidns_workers"] == 1


def test_a_histogram_never_goes_down_and_ends_at_its_count(daemon):
    for n in range(20):
        ask(daemon.v4, f"n{n}.hosted.lab")
    buckets = [v for k, v in values(daemon).items() if k.startswith("jidns_miss_wait_seconds_bucket")]
    assert len(buckets) == 13
    assert buckets == sorted(buckets)
    assert buckets[-1] == 20


def test_servers_of_a_domain_bear_its_name(watched, upstream):
    rest, corp = upstream(always(0)), upstream(always(0))
    daemon = watched("--upstream", rest.address, "--forward", f"corp.lab={corp.address}")
    ask(daemon.v4, "www.corp.lab")
    seen = values(daemon)
    assert seen[f'jidns_server_replies_total{{server="{corp.address}",domain="corp.lab."}}'] >= 1
    assert seen[f'jidns_server_replies_total{{server="{rest.address}",domain=""}}'] == 0


def test_it_is_ready_while_a_server_is_not_known_to_be_dead(watched):
    daemon = watched("--upstream", f"127.0.0.1:{free_ports()}")
    assert get(daemon, "/readyz")[:2] == (200, "ready\n")
    for n in range(4):
        ask(daemon.v4, f"n{n}.lab")
    assert wait_until(lambda: get(daemon, "/readyz")[:2] == (503, "no server upstream answers\n"), 5)
    assert get(daemon, "/healthz")[:2] == (200, "alive\n")


def test_with_nothing_but_local_zones_it_is_ready(watched, tmp_path):
    zone = tmp_path / "zone"
    zone.write_text("@ SOA ns host 1 7200 600 86400 30\n")
    daemon = watched("--zone", f"mine.lab={zone}", "--resolv-conf", tmp_path / "none")
    assert get(daemon, "/readyz")[:2] == (200, "ready\n")


@pytest.mark.parametrize("page, method, body, status", [
    ("/", "GET", None, 200), ("/index.html", "GET", None, 404), ("/metrics/", "GET", None, 404), ("/metrics?x=y", "GET", None, 200), ("/../etc/passwd", "GET", None, 404),
    ("/metrics", "POST", "x" * 100000, 405), ("/metrics", "DELETE", None, 405), ("/nope", "PUT", "x", 405), ("/healthz", "HEAD", None, 200)])
def test_only_its_pages_can_be_had(daemon, page, method, body, status):
    got, text, _ = get(daemon, page, method, body)
    assert got == status
    if method == "HEAD":
        assert not text


def connect(daemon):
    sock = socket.create_connection(daemon.metrics, 10)
    sock.settimeout(10)
    return sock


@pytest.mark.parametrize("octets", [
    b"\0" * 5000, b"\xff" * 100000, b"GET", b"GET /metrics", b"GET /metrics HTTP/1.1\r\n", b"GET " + b"/" * 100000,
    b"GET / HTTP/9.9\r\n\r\n", b"\r\n" * 10000, b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 20000,
    b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"POST /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", os.urandom(20000)],
    ids=range(12))
def test_garbage_and_half_requests_harm_nobody(daemon, octets):
    with connect(daemon) as sock:
        sock.settimeout(0.3)
        try:
            sock.sendall(octets)
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(65536):
                pass
        except OSError:
            pass
    assert get(daemon)[0] == 200
    assert ask(daemon.v4, "mostly.lab").answer


def test_a_thousand_connections_harm_nobody(daemon):
    before = values(daemon)["process_open_fds"]
    socks = []
    for n in range(1000):
        sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex(daemon.metrics)
        socks.append(sock)
        if n % 100 == 0:
            assert ask(daemon.v4, f"n{n}.hosted.lab").answer
    for sock in socks[::2]:
        try:
            sock.send(b"GET /metrics HTT")
        except OSError:
            pass
    assert ask(daemon.v4, "last.hosted.lab").answer
    assert len(os.listdir(f"/proc/{daemon.child.pid}/fd")) < before + 100
    for sock in socks:
        sock.close()
    assert wait_until(lambda: get(daemon)[0] == 200, 10)
    assert wait_until(lambda: values(daemon)["process_open_fds"] <= before + 2, 10)


def run(*options):
    return subprocess.run([path(), "--listen", f"127.0.0.1:{free_ports()}", "--upstream", "192.0.2.1", *options],
                          capture_output=True, text=True, timeout=10, check=False)


def test_an_address_that_others_reach_needs_consent():
    for options in [], ["--check-config"]:
        done = run("--metrics", "0.0.0.0:9153", *options)
        assert done.returncode == 2
        assert done.stderr == "jidnsd: --metrics 0.0.0.0:9153: other hosts can reach that address; add --metrics-public on to allow it\n"


def test_with_consent_it_listens_there(jidnsd, relay):
    port = free_ports()
    daemon = jidnsd("--upstream", relay.address, "--metrics", f"0.0.0.0:{port}", "--metrics-public", "on")
    daemon.metrics = ("127.0.0.1", port)
    assert get(daemon)[0] == 200


def test_a_port_that_is_taken_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run("--metrics", where)
    assert done.returncode == 1
    assert f"jidnsd: --metrics: can't listen on {where} (TCP): Address already in use" in done.stderr


def test_a_reload_keeps_them(daemon):
    os.kill(daemon.child.pid, signal.SIGHUP)
    daemon.wait_for(lambda: "reloaded" in daemon.stderr, "reload")
    assert values(daemon)["jidns_reload_success"] == 1
