"""A cache that members of a fleet share: with a real Redis, and with engines that fail in every way."""

import base64
import itertools
import os
import pathlib
import signal
import socket
import subprocess
import time
import urllib.request

import dns.message
import pytest

from kit.ask import ask, query
from kit.control import Control
from kit.jidnsd import path as jidnsd_path
from kit.netns import free_ports
from kit.proc import wait_until
from kit.redis import Babbler, Redis, each_command, program
from kit.upstream import late, relay_to

pytestmark = pytest.mark.skipif(not program(), reason="needs redis-server (Debian: redis-server)")

ALL = pytest.mark.skipif(not os.environ.get("E2E_ALL"), reason="takes seconds: contrib/check --all")

WRITER = "resetkeys ~jd1:* resetchannels -@all +get +pttl +set +unlink"
SLACK = 150  # ms that a busy machine may add; a lease waited for in vain is 400
READER = "resetkeys ~jd1:* resetchannels -@all +get +pttl"


@pytest.fixture(name="key")
def fixture_key(folder):
    key = folder / "key"
    key.write_bytes(base64.b64encode(os.urandom(32)) + b"\n")
    key.chmod(0o600)
    return key


@pytest.fixture(name="redis")
def fixture_redis(folder):
    engine = Redis(folder)
    yield engine
    engine.close()


@pytest.fixture(name="babbler")
def fixture_babbler():
    made = []

    def make(talk):
        made.append(Babbler(talk))
        return made[-1]
    yield make
    for one in made:
        one.close()


@pytest.fixture(name="member")
def fixture_member(nsd, upstream, jidnsd, key, folder):
    """Starts members beside an upstream, 40 ms away, that counts what it is asked."""
    def start(url, *options, wrap=None, up=True):
        control = folder / f"control{len(start.made)}"
        how = {"wrap": wrap} if wrap else {}
        daemon = jidnsd("--upstream", start.upstream.address, "--shared", url, "--shared-key", key, "--prefetch", "off", "--threads", "1",
                        "--expand-srv", "off", "--control", control, *options, **how)
        daemon.control = Control(control)
        start.made.append(daemon)
        if up:
            until(lambda: state(daemon) == "connected", 10)
        return daemon
    start.made = []
    start.upstream = upstream(late(relay_to("127.0.0.1", nsd.port), 0.04))
    return start


def until(condition, timeout_s):
    assert wait_until(condition, timeout_s), f"not within {timeout_s} s"


def fleet(daemon):
    return daemon.control.ask("status")["fleet"]


def state(daemon):
    return fleet(daemon)["state"]


def counters(daemon):
    return daemon.control.ask("stats")["counters"]


def timed(daemon, name, rdtype="A"):
    begin = time.monotonic()
    reply = ask(daemon.v4, name, rdtype)
    return reply, (time.monotonic() - begin) * 1000


@pytest.mark.parametrize("way", ["tcp", pytest.param("unix", marks=ALL)])
def test_what_one_member_has_asked_another_need_not(member, redis, way):
    url = redis.url + "/3" if way == "tcp" else f"unix:{redis.socket}"
    a, b = member(url), member(url)
    reply, took = timed(a, "mostly.lab")
    assert reply.rcode() == 0 and took > 35
    until(lambda: counters(a)["shared_stored"] >= 1, 5)
    again, took = timed(b, "mostly.lab")
    assert again.answer[0] == reply.answer[0] and took < 20
    assert len(member.upstream.asked("mostly.lab.")) == 1
    assert counters(b)["shared_found"] == 1 and counters(b)["shared_refused"] == 0


@ALL
def test_clocks_of_hosts_change_nothing_and_no_ttl_grows(member, redis):
    faketime = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
    if not faketime:
        pytest.skip("needs libfaketime")

    def off(by):
        return lambda argv: ["env", f"LD_PRELOAD={faketime}", f"FAKETIME={by}", "DONT_FAKE_MONOTONIC=1", *argv]
    a, b, c = (member(redis.url, "--seccomp", "off", wrap=off(by)) for by in ("-1h", "+1h", "+0"))
    ttl = timed(a, "mostly.lab")[0].answer[0].ttl
    time.sleep(2.2)
    for daemon in (b, c):
        reply, _ = timed(daemon, "mostly.lab")
        assert ttl - 4 <= reply.answer[0].ttl <= ttl - 2
        assert counters(daemon)["shared_found"] == 1
    assert len(member.upstream.asked("mostly.lab.")) == 1


def test_the_least_rights_are_enough(member, redis, folder):
    for user, rights in (("writer", WRITER), ("reader", READER)):
        assert redis.call("ACL", "SETUSER", user, "on", ">pass-" + user, *rights.split()) == b"+OK"
        (folder / user).write_text("pass-" + user + "\n")
        (folder / user).chmod(0o600)
    redis.call("ACL", "SETUSER", "default", "off")
    a = member(redis.url, "--shared-user", "writer", "--shared-password", folder / "writer")
    b = member(redis.url, "--shared-user", "reader", "--shared-password", folder / "reader", "--shared-role", "reader")
    timed(a, "mostly.lab")
    until(lambda: counters(a)["shared_stored"] >= 1, 5)
    assert timed(b, "mostly.lab")[1] < 20
    assert counters(b)["shared_found"] == 1
    timed(b, "full.lab")
    assert counters(b)["shared_stored"] == 0 and fleet(b)["writes_refused"] is None
    assert all("pass-" not in d.stderr for d in (a, b))


def test_without_the_password_it_says_so_and_answers(member, folder):
    engine = Redis(folder, "--requirepass", "secret-word")
    try:
        a = member(engine.url, up=False)
        until(lambda: state(a) == "resting", 5)
        assert "NOAUTH" in fleet(a)["why"]
        assert timed(a, "mostly.lab")[0].rcode() == 0
    finally:
        engine.close()


@ALL
def test_a_password_may_be_a_credential_of_systemds(member, folder):
    engine = Redis(folder, "--requirepass", "secret-word")
    (folder / "pw").write_text("secret-word")
    (folder / "pw").chmod(0o400)
    try:
        member(engine.url, "--shared-password", "credential:pw",
               wrap=lambda argv: ["env", f"CREDENTIALS_DIRECTORY={folder}", *argv])
    finally:
        engine.close()


@pytest.mark.parametrize("how", ["missing", "open", "short", "none"])
def test_a_key_that_is_not_as_it_should_be_ends_the_start(key, how):
    option = ["--shared-key", key]
    if how == "missing":
        key.unlink()
    elif how == "open":
        key.chmod(0o644)
    elif how == "short":
        key.write_text("too short\n")
    else:
        option = []
    done = subprocess.run([jidnsd_path(), "--listen", "127.0.0.1:5399", "--shared", "redis://127.0.0.1", *map(str, option)],
                          capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode != 0
    assert {"missing": "head -c 32 /dev/urandom", "open": "chmod 640", "short": "32 to 1024 octets", "none": "--shared-key FILE"}[how] in done.stderr


def test_a_password_in_the_url_is_refused_and_not_shown():
    done = subprocess.run([jidnsd_path(), "--shared", "redis://user:hunter2@127.0.0.1"], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2 and "shared-password" in done.stderr and "hunter2" not in done.stderr + done.stdout


def test_a_refusal_that_repeats_the_password_is_shown_without_it(member, babbler, folder):
    (folder / "pw").write_text("hunter2")
    (folder / "pw").chmod(0o400)
    said = [b"-ERR unknown command 'AUTH', with args beginning with: 'user' 'hunter2' \r\n", b"-ERR hunter2 is wrong\r\n"]
    for words, shown in zip(said, ("ERR unknown command 'AUTH'", "ERR")):
        a = member(babbler(words_to(words)).url, "--shared-user", "user", "--shared-password", folder / "pw", up=False)
        until(lambda: state(a) == "resting", 5)
        assert fleet(a)["why"] == shown
        assert "hunter2" not in a.stderr and "share" in a.stderr


def trickle(connection):
    while True:
        connection.sendall(b"+")
        time.sleep(1)


def silent(connection):
    while connection.recv(4096):
        pass


def garbage(connection):
    connection.recv(4096)
    connection.sendall(os.urandom(4096))


def huge(connection):
    connection.recv(4096)
    connection.sendall(b"*2000000000\r\n")
    connection.recv(4096)


def endless(connection):
    connection.recv(4096)
    connection.sendall(b"$500000000\r\n")
    while True:
        connection.sendall(b"x" * 65536)


def words_to(error):
    return lambda connection: each_command(connection, lambda words: error)


WORKS = {b"GET": b"$-1\r\n", b"PTTL": b":-2\r\n", b"TIME": b"*2\r\n$10\r\n1790000000\r\n$1\r\n0\r\n"}


def nothing_but(error, to):
    """A working engine, but for one command."""
    def reply(words):
        word = words[0].upper()
        return error if word == to else WORKS.get(word, b"+OK\r\n")
    return lambda connection: each_command(connection, reply)


def holds_every_lease(words):
    if words[0].upper() == b"SET":
        return b"$-1\r\n"
    return b"$1\r\n1\r\n" if words[-1].endswith(b":l") and words[0].upper() == b"GET" else WORKS.get(words[0].upper(), b"+OK\r\n")


MOODS = {
    "silent": silent, "one-octet-a-second": trickle, "garbage": garbage, "closes": lambda c: c.close(), "huge": huge, "endless": endless,
    "noauth": words_to(b"-NOAUTH Authentication required.\r\n"), "loading": words_to(b"-LOADING Redis is loading the dataset in memory\r\n"),
    "nested": words_to(b"*1\r\n" * 20), "read-refused": nothing_but(b"-MOVED 1 127.0.0.1:1\r\n", b"GET"),
    "full": nothing_but(b"-OOM command not allowed when used memory > 'maxmemory'.\r\n", b"SET"),
    "readonly": nothing_but(b"-READONLY You can't write against a read only replica.\r\n", b"SET"),
    "holds-every-lease": lambda c: each_command(c, holds_every_lease), "unasked": nothing_but(b"+OK\r\n+OK\r\n", b"GET")}


DEFAULT_MOODS = {"silent", "garbage"}  # absent, stopped and a wrong password have tests of their own


@pytest.mark.parametrize("mood", [mood if mood in DEFAULT_MOODS else pytest.param(mood, marks=ALL) for mood in MOODS])
def test_whatever_the_engine_does_nobody_fails_or_waits_for_long(member, babbler, mood):
    a = member(babbler(MOODS[mood]).url, up=False)
    waits = []
    for i in range(12):
        reply, took = timed(a, f"n{i}.bulky.lab", "TXT")
        assert reply.rcode() == 0, f"question {i}"
        waits.append(took)
    for _ in range(50):
        assert timed(a, "n0.bulky.lab", "TXT")[1] < 20, "a hit is a hit"
    in_vain = 3  # other members' leases, before nobody waits for them any more
    assert max(waits) < 600 and sorted(waits)[-1 - in_vain] < 40 + 5 + SLACK, waits
    assert counters(a)["failed"] == 0 and counters(a)["shared_found"] == 0


def test_an_engine_that_lets_in_and_refuses_to_answer_is_logged_once(member, babbler):
    engine = babbler(MOODS["read-refused"])
    a = member(engine.url, "--log-level", "info", up=False)
    names = itertools.count()  # each asked once: none is in the cache

    def asked_and_refused(times):
        timed(a, f"n{next(names)}.bulky.lab", "TXT")
        return engine.connections >= times
    until(lambda: asked_and_refused(5), 20)
    assert a.stderr.count("MOVED 1") == 1 and a.stderr.count(": connected") == 1, a.stderr


def test_an_engine_that_stops_and_comes_back_is_used_again_within_30_s(member, redis):
    a, b = member(redis.url), member(redis.url)
    redis.signal(signal.SIGSTOP)
    waits = []
    for i in range(5):
        reply, took = timed(a, f"n{i}.bulky.lab", "TXT")
        assert reply.rcode() == 0
        waits.append(took)
    assert sorted(waits)[2] < 150, waits
    until(lambda: state(a) != "connected", 5)
    redis.signal(signal.SIGCONT)
    redis.close()
    redis.start()
    until(lambda: state(a) == "connected" and state(b) == "connected", 30)
    timed(a, "mostly.lab")
    until(lambda: counters(a)["shared_stored"] >= 1, 5)
    timed(b, "mostly.lab")
    assert counters(b)["shared_found"] == 1 and counters(a)["failed"] == 0


def test_an_engine_that_is_not_there_at_the_start_is_found_later(member, folder):
    engine = Redis(folder)
    engine.close()
    a = member(engine.url, up=False)
    assert timed(a, "mostly.lab")[0].rcode() == 0
    engine.start()
    try:
        until(lambda: state(a) == "connected", 30)
    finally:
        engine.close()


@ALL
def test_an_engine_may_have_a_name_that_jidnsd_itself_answers(member, redis):
    member(f"redis://redis.engine.internal:{redis.port}", "--settings", 'xmpp "engine.internal" { host "redis" { address = {127.0.0.1} } }')


def test_an_engine_with_an_address_that_is_dead_is_found_at_another(member, folder):
    engine = Redis(folder, "--bind", "127.0.0.1", "127.0.0.5", "::1")
    hosts = "".join(f'host "{name}" {{ address = {{{addresses}}} }} ' for name, addresses in
                    (("both", "127.0.0.3, ::1"), ("v4", "127.0.0.3, 127.0.0.4, 127.0.0.5")))
    try:
        for name in ("both", "v4"):
            member(f"redis://{name}.engine.internal:{engine.port}", "--settings", f'xmpp "engine.internal" {{ {hosts} }}')
    finally:
        engine.close()


def test_whom_it_trusts_may_change_at_a_reload(member, folder, authority):
    made = authority.issue(names=(), addresses=("127.0.0.1",))
    stranger = folder / "stranger.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "/dev/null",
                    "-out", stranger, "-subj", "/CN=stranger"], check=True, capture_output=True)
    trusted = folder / "trusted.pem"
    trusted.write_bytes(stranger.read_bytes())
    tls = free_ports()
    engine = Redis(folder, "--tls-port", str(tls), "--tls-cert-file", made.chain, "--tls-key-file", made.key,
                   "--tls-ca-cert-file", authority.path, "--tls-auth-clients", "no")
    try:
        a = member(f"rediss://127.0.0.1:{tls}", "--tls-ca", trusted, up=False)
        until(lambda: state(a) == "resting", 5)
        trusted.write_bytes(pathlib.Path(authority.path).read_bytes())
        a.control.ask("reload")
        until(lambda: state(a) == "connected", 20)
    finally:
        engine.close()


def test_metrics_say_whether_the_engine_is_connected(member, redis):
    port = free_ports()
    member(redis.url, "--metrics", f"127.0.0.1:{port}")

    def connected():
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as page:
            return b"\njidns_shared_connected 1\n" in page.read()
    until(connected, 2)
    redis.close()
    until(lambda: not connected(), 10)


def test_over_tls_the_engine_has_to_prove_who_it_is(member, folder, authority):
    made = authority.issue(names=(), addresses=("127.0.0.1",))
    tls = free_ports()
    engine = Redis(folder, "--tls-port", str(tls), "--tls-cert-file", made.chain, "--tls-key-file", made.key,
                   "--tls-ca-cert-file", authority.path, "--tls-auth-clients", "no")
    try:
        a = member(f"rediss://127.0.0.1:{tls}", "--tls-ca", authority.path)
        timed(a, "mostly.lab")
        until(lambda: counters(a)["shared_stored"] >= 1, 5)
        stranger = member(f"rediss://127.0.0.1:{tls}", up=False)
        until(lambda: state(stranger) == "resting", 5)
        assert "signed by nobody who is trusted" in fleet(stranger)["why"]
        assert timed(stranger, "mostly.lab")[0].rcode() == 0 and counters(stranger)["shared_asked"] == 0
    finally:
        engine.close()


@ALL
def test_members_that_start_cold_ask_each_name_once(member, redis):
    members = [member(redis.url) for _ in range(5)]
    names = [f"n{i}.bulky.lab" for i in range(40)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        for name in names:
            for m in members:
                client.sendto(query(name, "TXT", edns=4096).to_wire(), m.v4)
            for _ in members:
                assert dns.message.from_wire(client.recv(65535)).rcode() == 0
    asked = sum(len(member.upstream.asked(name + ".", transport="udp")) for name in names)
    assert asked <= 1.2 * len(names), [(asked, counters(m)["shared_late"], counters(m)["shared_asked"], counters(m)["shared_found"]) for m in members]


def test_spoilt_entries_are_not_taken(member, redis):
    a, b = member(redis.url), member(redis.url)
    timed(a, "mostly.lab")
    until(lambda: len(redis.keys()) == 1, 5)
    key = redis.keys()[0]
    value = redis.call("GET", key).split(b"\r\n", 1)[1]
    redis.call("SET", key, value[:-1] + bytes([value[-1] ^ 1]), "PX", "100000")
    assert timed(b, "mostly.lab")[0].rcode() == 0
    assert counters(b)["shared_refused"] == 1 and counters(b)["shared_found"] == 0
    assert len(member.upstream.asked("mostly.lab.")) == 2


@ALL
def test_an_entry_is_small(member, redis):
    a = member(redis.url)
    timed(a, "_xmpp-client._tcp.full.lab", "SRV")
    until(lambda: redis.keys(), 5)
    usage = int(redis.call("MEMORY", "USAGE", redis.keys()[0]).lstrip(b":"))
    assert usage <= 250


def test_flush_takes_a_name_out_of_the_fleets_cache(member, redis):
    a, b = member(redis.url), member(redis.url)
    timed(a, "mostly.lab")
    until(lambda: redis.keys(), 5)
    a.control.ask("flush --fleet mostly.lab")
    until(lambda: not redis.keys(), 5)
    timed(b, "mostly.lab")
    assert counters(b)["shared_found"] == 0


def test_a_flush_that_the_engine_refuses_is_in_the_log(member, redis, folder):
    assert redis.call("ACL", "SETUSER", "thrifty", "on", ">pass", *WRITER.replace(" +unlink", "").split()) == b"+OK"
    (folder / "pw").write_text("pass")
    (folder / "pw").chmod(0o400)
    a = member(redis.url, "--shared-user", "thrifty", "--shared-password", folder / "pw")
    assert a.control.ask("flush --fleet mostly.lab") == {"ok": True, "removed": 0, "fleet": "told"}
    until(lambda: "share: flush: the fleet's server may still have the name's answers: NOPERM" in a.stderr, 5)
    assert a.stderr.count("may still have") == 1 and fleet(a)["writes_refused"] is None


def test_without_shared_nothing_is_loaded(jidnsd):
    daemon = jidnsd("--upstream", "127.0.0.1:1")
    maps = pathlib.Path(f"/proc/{daemon.child.pid}/maps").read_text()
    assert "hiredis" not in maps and "libcrypto" not in maps


