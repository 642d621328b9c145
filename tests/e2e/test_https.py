"""DNS over HTTPS: to a server of the test's own, which refuses, leaves, resets, floods and says what it saw; and to real ones."""

import concurrent.futures
import os
import shutil
import subprocess
import time

import dns.message
import dns.rcode
import dns.rrset
import pytest

from kit.ask import ask, ask_at_once, rcodes, timed
from kit.certs import NAME, Authority
from kit.https_server import HttpsServer
from kit.netns import free_ports
from kit.proc import Process, wait_until
from kit.tls_server import RESET, answer_a

RTT_S = 0.04
SLACK_S = 0.25  # of a machine that does other things
WHOLE = bool(os.environ.get("E2E_ALL"))  # else the cases that differ most


@pytest.fixture
def server(authority):
    """Makes servers over HTTPS; closed, and checked, after the test."""
    made = []

    def make(credentials=None, answer=answer_a, **mood):
        made.append(HttpsServer(free_ports(), credentials or authority.issue(), answer, **mood))
        return made[-1]
    yield make
    for each in made:
        each.close()


@pytest.fixture
def daemon_of(jidnsd, authority):
    """Starts the daemon with servers over HTTPS that must prove to be NAME."""
    def start(*servers, name=f"#{NAME}", path="/dns-query", options=(), **how):
        upstreams = [word for s in servers for word in ("--upstream", f"https://{s.host}:{s.port}{path}{name}")]
        return jidnsd(*upstreams, "--tls-ca", authority.path, "--prefetch", "off", "--expand-srv", "off", *options, **how)
    return start


# ---- how it asks ----

def test_a_question_is_posted_as_rfc_8484_has_it(server, daemon_of):
    https = server()
    daemon = daemon_of(https)
    assert ask(daemon.v4, "a.test").answer[0][0].to_text() == "192.0.2.1"
    request = https.requests[0]
    assert (request.method, request.path, request.authority) == ("POST", "/dns-query", f"{NAME}:{https.port}")
    assert request.fields["content-type"] == request.fields["accept"] == "application/dns-message"
    assert request.fields["content-length"] == str(len(request.body))
    assert "user-agent" not in request.fields and "cookie" not in request.fields
    assert https.connections[0].ids == [0] and https.connections[0].sni == NAME and https.connections[0].alpn == "h2"


def test_the_path_is_the_one_that_is_set(server, daemon_of):
    https = server()
    assert ask(daemon_of(https, path="/a/b").v4, "a.test").rcode() == dns.rcode.NOERROR
    assert https.requests[0].path == "/a/b"


def test_without_a_path_it_is_dns_query(server, daemon_of):
    https = server()
    assert ask(daemon_of(https, path="").v4, "a.test").rcode() == dns.rcode.NOERROR
    assert https.requests[0].path == "/dns-query"


def test_without_a_name_the_certificate_is_for_the_address(server, daemon_of, authority):
    https = server(authority.issue(names=(), addresses=("127.0.0.1",)))
    assert ask(daemon_of(https, name="").v4, "a.test").rcode() == dns.rcode.NOERROR
    assert https.requests[0].authority == f"127.0.0.1:{https.port}"


def test_a_domain_may_have_a_server_over_https(server, jidnsd, authority, upstream, folder):
    https, plain = server(), upstream(lambda asked: answer_a(asked.query))
    conf = folder / "jidns.conf"
    conf.write_text(f'upstream {{ server = "{plain.address}" }}\ntls {{ ca = "{authority.path}" }}\n'
                    f'forward "secret.test" {{ upstream = "https://127.0.0.1:{https.port}/dns-query#{NAME}" }}\n')
    daemon = jidnsd("--config", conf)
    assert ask(daemon.v4, "a.secret.test").rcode() == dns.rcode.NOERROR
    assert https.asked == ["a.secret.test. A"] and not plain.asked("a.secret.test.")


def test_every_question_is_a_multiple_of_128_octets(server, daemon_of):
    https = server()
    names = [f"{'x' * n}.{'y' * (n % 60 + 1)}.test" for n in range(1, 64, 3)]
    assert set(rcodes(daemon_of(https).v4, names)) == {"NOERROR"}
    assert {size % 128 for size in https.sizes} == {0}


# ---- who is believed ----

@pytest.mark.parametrize("fault", ("expired", "wrong-name", "other-authority", "no-http2"))
def test_an_unproven_server_hears_not_an_octet_of_a_question(fault, server, daemon_of, authority):
    credentials = {"expired": lambda: authority.issue(begins=-9, ends=-1), "wrong-name": lambda: authority.issue(names=("other.test",)),
                   "other-authority": lambda: Authority(authority.folder, "Other").issue(), "no-http2": authority.issue}[fault]()
    https = server(credentials, **({"alpn": ("http/1.1",)} if fault == "no-http2" else {}))
    daemon = daemon_of(https)
    took, reply = timed(ask, daemon.v4, "secret-name.test", edns=0)
    assert reply.rcode() == dns.rcode.SERVFAIL and took < 1
    assert https.text == 0 and not https.requests


# ---- one connection ----

def test_the_first_question_finds_the_connection_open(server, daemon_of):
    https = server(delay_s=0.3)
    daemon = daemon_of(https)
    assert wait_until(lambda: https.handshakes == 1, 5)
    time.sleep(0.5)
    took, _ = timed(ask, daemon.v4, "a.test")
    assert took < 0.55, "one round trip, not one more for a handshake"


def test_a_burst_makes_one_handshake(server, daemon_of):
    https = server(delay_s=RTT_S, idle_s=0.3)
    daemon = daemon_of(https, options=("--threads", "1"))
    wait_until(lambda: https.handshakes and not https.peers, 5)
    before = https.handshakes
    assert ask_at_once(daemon.v4, [f"n{i}.test" for i in range(100)]) == ["NOERROR"] * 100
    assert https.handshakes == before + 1


def test_no_more_streams_are_open_than_the_server_allows(server, daemon_of):
    https = server(streams=4, delay_s=0.01)
    daemon = daemon_of(https)
    assert ask(daemon.v4, "a.test").rcode() == dns.rcode.NOERROR  # so that the server's settings are known
    assert set(rcodes(daemon.v4, [f"n{i}.test" for i in range(60)])) == {"NOERROR"}
    assert max(c.most_open for c in https.connections) <= 4


def test_an_idle_close_costs_a_handshake_and_nothing_else(server, daemon_of):
    https = server(delay_s=RTT_S, idle_s=0.5)
    daemon = daemon_of(https)
    assert ask(daemon.v4, "a.test").rcode() == dns.rcode.NOERROR
    assert wait_until(lambda: not https.peers, 5)
    took, reply = timed(ask, daemon.v4, "b.test")
    assert reply.rcode() == dns.rcode.NOERROR and took < 4 * RTT_S + SLACK_S


@pytest.mark.parametrize("how", ("close", "no-goodbye", "reset", "goaway"))
@pytest.mark.parametrize("answers", (1, 3, 100))
def test_a_connection_that_ends_after_so_many_answers_loses_none(how, answers, server, daemon_of):
    mood = {"close": {"ends_after": answers}, "no-goodbye": {"ends_after": answers, "says_goodbye": False},
            "reset": {"ends_after": answers, "ends_by": RESET}, "goaway": {"leaves_after": answers}}[how]
    https = server(**mood)
    daemon = daemon_of(https)
    assert rcodes(daemon.v4, [f"n{i}.test" for i in range(120)], 8) == ["NOERROR"] * 120


def test_a_refused_stream_is_asked_again(server, daemon_of):
    https = server(refuses=2)
    assert ask(daemon_of(https).v4, "a.test").rcode() == dns.rcode.NOERROR
    assert https.handshakes == 1


def test_a_connection_gone_silent_is_left_within_700_ms(server, daemon_of):
    https = server(delay_s=RTT_S)
    daemon = daemon_of(https)
    for i in range(5):
        assert ask(daemon.v4, f"warm{i}.test").rcode() == dns.rcode.NOERROR
    https.hush()
    took, reply = timed(ask, daemon.v4, "a.test")
    assert reply.rcode() == dns.rcode.NOERROR and took < 0.7 + SLACK_S


def test_a_question_on_a_connection_that_never_came_about_goes_to_the_one_beside_it(server, daemon_of):
    https = server(delay_s=RTT_S, idle_s=0.4)
    daemon = daemon_of(https, options=("--threads", "1"))
    for i in range(5):
        assert ask(daemon.v4, f"warm{i}.test").rcode() == dns.rcode.NOERROR
    assert wait_until(lambda: not https.peers, 5)
    before, https.mood.idle_s, https.mood.mute = len(https.connections), 0, True
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        asked = pool.submit(timed, ask, daemon.v4, "a.test", edns=0)
        assert wait_until(lambda: len(https.connections) > before and https.connections[before].raw, 5)
        https.mood.mute = False
        took, reply = asked.result()
    assert reply.rcode() == dns.rcode.NOERROR and took < 1.5
    assert not https.connections[before].proven


def test_a_connection_that_fails_does_not_take_questions_from_one_that_is_slow(server, daemon_of):
    https = server(delay_s=RTT_S)
    daemon = daemon_of(https, options=("--threads", "1"))
    for i in range(5):
        assert ask(daemon.v4, f"warm{i}.test").rcode() == dns.rcode.NOERROR
    https.mood.delay_s, https.mood.ends_after_handshake = 1.5, RESET
    took, reply = timed(ask, daemon.v4, "a.test", edns=0, patience_s=8)
    assert reply.rcode() == dns.rcode.NOERROR and took < 4
    assert len(https.connections) < 8


def test_a_slow_answer_is_waited_for_on_a_connection_that_answers_pings(server, daemon_of):
    def answer(query):
        if query.question[0].name.to_text().startswith("slow"):
            return None
        return answer_a(query)
    https = server(answer=answer)
    daemon = daemon_of(https)
    assert ask(daemon.v4, "warm.test").rcode() == dns.rcode.NOERROR
    assert ask(daemon.v4, "slow.test", patience_s=8).rcode() == dns.rcode.SERVFAIL
    assert ask(daemon.v4, "b.test").rcode() == dns.rcode.NOERROR
    assert https.connections[0].pings and https.handshakes == 1


def test_a_connection_whose_streams_hang_is_left_although_it_answers_pings(server, daemon_of):
    hangs = {"on": False}
    https = server(answer=lambda query: None if hangs["on"] else answer_a(query))
    daemon = daemon_of(https, options=("--threads", "1"))
    assert ask(daemon.v4, "warm.test").rcode() == dns.rcode.NOERROR
    hangs["on"] = True
    until, nth = time.monotonic() + 13, 0
    with concurrent.futures.ThreadPoolExecutor(8) as pool:  # a question waits at any time
        while time.monotonic() < until and len(https.connections) == 1:
            pool.submit(ask, daemon.v4, f"hangs{nth}.test", patience_s=8)
            nth += 1
            time.sleep(0.5)
        hangs["on"] = False
        assert https.connections[0].pings and len(https.connections) > 1


@pytest.mark.parametrize("mood", ({"ends_after_handshake": "close"}, {"leaves_at_once": True}), ids=("closes", "goaway"))
def test_a_server_that_serves_nothing_after_the_handshake_rests(mood, server, daemon_of):
    https = server(**mood)
    daemon = daemon_of(https, options=("--threads", "1"))
    until = time.monotonic() + 2
    while time.monotonic() < until:
        assert ask(daemon.v4, f"n{time.monotonic_ns()}.test", edns=0).rcode() == dns.rcode.SERVFAIL
        time.sleep(0.01)
    assert len(https.connections) < 16
    https.mood.ends_after_handshake, https.mood.leaves_at_once = "", False
    assert wait_until(lambda: ask(daemon.v4, f"m{time.monotonic_ns()}.test").rcode() == dns.rcode.NOERROR, 5)


# ---- what it answers ----

CUTS = {"close": {"ends_after": 1, "cuts_last": True}, "streams": {"resets": 10 ** 6},
        **({"reset": {"ends_after": 1, "cuts_last": True, "ends_by": RESET}, "refused": {"refuses": 10 ** 6}} if WHOLE else {})}


@pytest.mark.parametrize("mood", CUTS.values(), ids=CUTS.keys())
def test_a_server_that_cuts_each_answer_is_left_after_a_few_tries_and_named(mood, server, daemon_of):
    web = server(**mood)
    daemon = daemon_of(web, options=("--threads", "1"))
    took, reply = timed(ask, daemon.v4, "a.test", "A", edns=0)
    assert reply.rcode() == dns.rcode.SERVFAIL and took < 2.5
    assert sum(len(c.requests) for c in web.connections) <= 8
    got = rcodes(daemon.v4, [f"n{i}.test" for i in range(50)], 8)
    assert set(got) == {"SERVFAIL"} and sum(len(c.requests) for c in web.connections) <= 8 + 50 * 4 and web.handshakes < 10


def test_age_is_taken_from_ttls(server, daemon_of):
    https = server(fields=(("age", "100"),))
    assert 190 <= ask(daemon_of(https).v4, "a.test").answer[0].ttl <= 200


def test_an_age_beyond_the_ttl_leaves_nothing_to_keep(server, daemon_of):
    https = server(fields=(("age", "100000"),))
    daemon = daemon_of(https)
    assert ask(daemon.v4, "a.test").answer[0].ttl == 0


@pytest.mark.parametrize("status", (301, 400, 404, 500))
def test_a_status_that_is_no_success_is_a_failure_with_its_number(status, server, daemon_of):
    https = server(status=status, fields=(("location", "https://127.0.0.1/elsewhere"),))
    daemon = daemon_of(https)
    assert ask(daemon.v4, "a.test", edns=0).rcode() == dns.rcode.SERVFAIL
    assert wait_until(lambda: f"status {status}" in daemon.stderr, 2)
    assert {request.path for request in https.requests} == {"/dns-query"}, "no redirect is followed"


@pytest.mark.parametrize("status", (429, 503))
def test_a_server_that_says_later_rests_for_that_time(status, server, daemon_of):
    busy, good = server(status=status, fields=(("retry-after", "30"),)), server()
    daemon = daemon_of(busy, good)
    assert rcodes(daemon.v4, [f"n{i}.test" for i in range(20)], 4) == ["NOERROR"] * 20
    asked = len(busy.requests)
    time.sleep(1.5)
    assert rcodes(daemon.v4, [f"m{i}.test" for i in range(20)], 4) == ["NOERROR"] * 20
    assert len(busy.requests) == asked


def test_a_server_that_says_later_is_asked_again_then(server, daemon_of):
    https = server(status=503, fields=(("retry-after", "1"),))
    daemon = daemon_of(https)
    assert ask(daemon.v4, "a.test").rcode() == dns.rcode.SERVFAIL
    https.mood.status = 200
    assert wait_until(lambda: ask(daemon.v4, "b.test").rcode() == dns.rcode.NOERROR, 6)


@pytest.mark.parametrize("mood", (
    {"content_type": "text/html"}, {"resets": 1000}, {"status": 404}, {"status": 503},
    {"says": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"},
    {"floods": bytes((0, 0, 8, 6, 0, 0, 0, 0, 0)) * 1 + bytes(8)},
    {"ends_after_handshake": "close"},
), ids=("html", "resets", "404", "503", "http1", "ping", "closes"))
def test_a_bad_server_beside_a_good_one_is_not_noticed(mood, server, daemon_of):
    bad, good = server(**mood), server()
    assert rcodes(daemon_of(bad, good).v4, [f"n{i}.test" for i in range(30)], 4) == ["NOERROR"] * 30


def frames(kind, flags, stream, payload, times):
    return (len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload) * times


@pytest.mark.parametrize("octets", (
    frames(6, 0, 0, bytes(8), 3000), frames(4, 0, 0, b"", 3000), frames(8, 0, 0, b"\0\0\0\1", 3000), frames(0x77, 0, 0, bytes(16000), 1000),
    frames(1, 0, 1, b"", 1) + frames(9, 0, 1, b"", 3000), frames(5, 4, 1, b"\0\0\0\2\x82", 1), b"\xff" * 4000,
), ids=("ping", "settings", "window-update", "unknown", "continuation", "push", "noise"))
def test_a_flood_ends_the_connection_and_the_daemon_lives(octets, server, daemon_of):
    bad, good = server(floods=octets), server()
    daemon = daemon_of(bad, good)
    assert rcodes(daemon.v4, [f"n{i}.test" for i in range(20)], 4) == ["NOERROR"] * 20
    bad.mood.floods = b""
    assert daemon.running


@pytest.mark.parametrize("piece", (1, 9, 1400))
def test_octets_cut_anywhere_are_put_together(piece, server, daemon_of):
    https = server(piece=piece, gap_s=0.0001)
    assert set(rcodes(daemon_of(https).v4, [f"n{i}.test" for i in range(5)])) == {"NOERROR"}


def test_answers_out_of_order_find_their_questions(server, daemon_of):
    def answer(query):
        reply = answer_a(query)
        last = int(query.question[0].name.labels[0][1:])
        reply.answer = [dns.rrset.from_text(query.question[0].name, 60, "IN", "A", f"192.0.2.{last}")]
        return reply
    daemon = daemon_of(server(answer=answer, turns=0.1))
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda i: ask(daemon.v4, f"n{i}.test"), range(64)))
    assert [r.answer[0][0].to_text() for r in replies] == [f"192.0.2.{i}" for i in range(64)]


def test_an_answer_of_nearly_65535_octets_comes_whole(server, daemon_of):
    def answer(query):
        reply = dns.message.make_response(query)
        texts = [f'"{i:05}{"x" * 250}"' for i in range(235)]
        reply.answer = [dns.rrset.from_text_list(query.question[0].name, 60, "IN", "TXT", texts)]
        return reply
    reply = ask(daemon_of(server(answer=answer)).v4, "big.test", "TXT", tcp=True)
    assert len(reply.answer[0]) == 235


# ---- real servers ----

ZONE = "$ORIGIN real.test.\n@ 60 IN SOA ns hm 1 60 60 60 60\n@ 60 IN NS ns\nns 60 IN A 192.0.2.53\nwww 60 IN A 192.0.2.80\n"


@pytest.fixture
def named(authority, folder, track):
    """BIND with DNS over HTTPS; its port."""
    if not shutil.which("named"):
        pytest.skip("named is not installed")
    port, https = free_ports(2)
    credentials = authority.issue()
    (folder / "real.zone").write_text(ZONE)
    (folder / "named.conf").write_text(f"""
        tls t {{ cert-file "{credentials.chain}"; key-file "{credentials.key}"; }};
        http h {{ endpoints {{ "/dns-query"; }}; }};
        options {{ directory "{folder}"; pid-file none; session-keyfile none; recursion no; listen-on-v6 {{ none; }};
          listen-on port {port} {{ 127.0.0.1; }}; listen-on port {https} tls t http h {{ 127.0.0.1; }}; }};
        controls {{ }};
        zone "real.test" {{ type primary; file "real.zone"; }};""")
    process = track(Process("named", ["named", "-g", "-c", folder / "named.conf"], folder))
    process.wait_for(lambda: "running" in process.stderr, "named to run")
    yield https
    process.stop()


def test_bind_answers_over_https(named, jidnsd, authority):
    daemon = jidnsd("--upstream", f"https://127.0.0.1:{named}/dns-query#{NAME}", "--tls-ca", authority.path)
    assert ask(daemon.v4, "www.real.test").answer[0][0].to_text() == "192.0.2.80"
    assert set(rcodes(daemon.v4, [f"n{i}.real.test" for i in range(100)])) == {"NXDOMAIN"}


def test_a_server_behind_nghttpx_answers(server, jidnsd, authority, folder, track):
    if not shutil.which("nghttpx"):
        pytest.skip("nghttpx is not installed")
    https, credentials, port = server(), authority.issue(), free_ports()
    process = track(Process("nghttpx", ["nghttpx", f"-f127.0.0.1,{port}", f"-b127.0.0.1,{https.port};;proto=h2;tls;sni={NAME}", "-k",
                                        "--single-process", "--no-ocsp", "--conf=/dev/null", credentials.key, credentials.chain], folder))
    process.wait_for(lambda: subprocess.run(["ss", "-ltnH", f"sport = :{port}"], capture_output=True, check=False).stdout, "nghttpx to listen")
    daemon = jidnsd("--upstream", f"https://127.0.0.1:{port}#{NAME}", "--tls-ca", authority.path)
    assert set(rcodes(daemon.v4, [f"n{i}.test" for i in range(100)])) == {"NOERROR"}
    process.stop()
