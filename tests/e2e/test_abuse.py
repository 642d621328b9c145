"""Clients that want to wear the daemon out: the others lose no answer, and memory has bounds. contrib/dev/abuse measures what it costs the
others in time."""

import socket
import time

import pytest

from kit import traffic, truth
from kit.abuse import HOLE, Abuse, Much
from kit.ask import ask, udp_exchange
from kit.control import Control
from kit.netns import free_ports
from kit.proc import Process, descriptors, has_sanitizer, resident_mb, wait_until

CACHE_MB = 2
OVER_MB = 6         # beyond the cache and what it had before the flood: sockets, questions in flight, the allocator's
PENDING = 20000     # FORWARD_PENDING, of one worker
DOWN = 8000         # FORWARD_DOWN, once the server is known to be down
BACK_MB = 4         # more than before, when all is over
EACH_KB = 3         # of a question in flight


@pytest.fixture(name="honest")
def fixture_honest(tmp_path, track):
    """An upstream with an address for every name."""
    port = free_ports()
    made = track(Process("upstream", truth.argv(port), tmp_path))
    truth.set_mood(port, "honest")
    made.address = f"127.0.0.1:{port}"
    yield made
    made.stop()


@pytest.fixture(name="abused")
def fixture_abused(honest, jidnsd, tmp_path):
    """Starts a daemon with one worker, for which HOLE's server never answers, and its control socket."""
    port = free_ports()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hole, socket.socket() as tcp_hole:
        for each in (hole, tcp_hole):
            each.bind(("127.0.0.1", port))
        tcp_hole.listen(64)

        def start(*options):
            forward = f"{HOLE}=127.0.0.1:{port}"
            made = jidnsd("--upstream", honest.address, "--forward", forward, "--threads", 1, "--control", tmp_path / "control", *options)
            made.control = tmp_path / "control"
            return made
        yield start


def exchange(daemon, name):
    return udp_exchange(daemon.v4, traffic.query(1, name))


def test_who_asks_properly_gets_every_answer(abused):
    daemon = abused()
    abuse = Abuse(daemon.v4, Much(outstanding=500, idle=300, loris=20, flood=300))
    try:
        assert wait_until(lambda: abuse.is_whole, 10)
        good = traffic.Traffic(daemon.v4).start()
        time.sleep(2.5)
        good.finish()
        assert abuse.is_whole and abuse.failed and abuse.flooded
    finally:
        abuse.close()
    assert len(good.all) > 300
    assert not [a for a in good.all if a.result != "good"]
    assert good.longest_s() < 2 and good.longest_s(new=True) < 2


def test_a_flood_of_random_names_takes_no_more_memory_than_the_cache_may(abused):
    daemon = abused("--cache-size", f"{CACHE_MB}M")
    before_mb, most_mb = resident_mb(daemon.child.pid), 0
    abuse = Abuse(daemon.v4, Much(outstanding=0, idle=0, loris=0, flood=8000))
    try:
        end = time.monotonic() + 4
        while time.monotonic() < end:
            most_mb = max(most_mb, resident_mb(daemon.child.pid))
            time.sleep(0.05)
    finally:
        abuse.close()
    print(f"{abuse.flooded} names, {before_mb:.1f} MB before, {most_mb:.1f} MB at most")
    assert has_sanitizer(daemon.child.pid) or most_mb < before_mb + CACHE_MB + OVER_MB


def test_questions_in_flight_have_a_bound_and_so_has_their_memory(abused):
    daemon = abused("--cache-size", f"{CACHE_MB}M")
    pid = daemon.child.pid
    with Control(daemon.control) as control, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        assert ask(daemon.v4, "c0.lab", tcp=True) and control.ask("status")  # libuv keeps a descriptor of its own from then on
        before_mb, files = resident_mb(pid), descriptors(pid)
        sock.connect(daemon.v4)
        most, most_mb = 0, 0
        for n in range(PENDING + 5000):
            sock.send(traffic.query(n & 0xffff, f"f{n}.{HOLE}"))
            if n % 500 == 499:
                time.sleep(0.005)
                most, most_mb = max(most, control.ask("status")["in_flight"]), max(most_mb, resident_mb(pid))
        stats = control.ask("stats")["counters"]
        assert traffic.judge(exchange(daemon, "c1.lab"), traffic.Asked("c1.lab", 0, False)) == ("good", ""), "it still answers"
        print(f"{most} in flight, {stats['rejected']} turned away, {before_mb:.1f} MB before, {most_mb:.1f} MB at most")
        assert DOWN <= most <= PENDING and stats["rejected"] > 0
        assert has_sanitizer(pid) or most_mb < before_mb + PENDING * EACH_KB / 1024 + OVER_MB
        assert wait_until(lambda: control.ask("status")["in_flight"] == 0 and descriptors(pid) <= files, 20, step_s=0.2)
        assert has_sanitizer(pid) or wait_until(lambda: resident_mb(pid) < before_mb + BACK_MB, 5), f"{resident_mb(pid):.1f} MB are kept"


def test_memory_of_clients_that_waited_is_given_back(abused):
    daemon = abused("--cache-size", f"{CACHE_MB}M")
    pid = daemon.child.pid
    before_mb, most_mb = resident_mb(pid), 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(daemon.v4)
        for n in range(20000):
            sock.send(traffic.query(n & 0xffff, f"w{n % 20}.{HOLE}"))
            if n % 500 == 499:
                time.sleep(0.005)
                most_mb = max(most_mb, resident_mb(pid))
    print(f"{before_mb:.1f} MB before, {most_mb:.1f} MB at most")
    assert has_sanitizer(pid) or most_mb > before_mb + 2
    assert has_sanitizer(pid) or wait_until(lambda: resident_mb(pid) < before_mb + 1, 20, step_s=0.2), f"{resident_mb(pid):.1f} MB are kept"
