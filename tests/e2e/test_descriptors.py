"""Few descriptors: clients over TCP don't take those that questions upstream need."""

import contextlib

import pytest

from kit.ask import Stream, ask, query
from kit.jidnsd import Jidnsd
from kit.proc import descriptors, wait_until
from kit.upstream import silent

FEW, CLIENTS, KEPT = 80, 120, 20


@pytest.fixture(name="few")
def fixture_few(nsd, upstream, tmp_path):
    """A daemon with few descriptors; who is asked for hole.lab says nothing."""
    hole = upstream(silent)
    options = ["--upstream", f"{nsd.server[0]}:{nsd.server[1]}", "--forward", f"hole.lab={hole.address}"]
    daemon = Jidnsd(options, tmp_path, wrap=lambda argv: ["prlimit", f"--nofile={FEW}:{FEW}", *map(str, argv)]).wait_ready()
    yield daemon
    daemon.close()


def expect_new_names(daemon, kind):
    for n in range(20):
        assert ask(daemon.v4, f"{kind}{n}.hosted.lab", "A").answer, f"name {n}\n{daemon.describe()}"


def test_idle_clients_leave_descriptors_for_names_that_are_new(few):
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(Stream(few.v4)) for _ in range(CLIENTS)]
        assert wait_until(lambda: ask(few.v4, "first.hosted.lab", "A"), 5) and descriptors(few.child.pid) <= FEW - KEPT + 2
        expect_new_names(few, "idle")
        streams[-1].send(query("known.hosted.lab", "A").to_wire())
        assert streams[-1].receive(), "the newest is served"
    assert ask(few.v4, "after.hosted.lab", "A", tcp=True).answer


def test_busy_clients_leave_descriptors_for_names_that_are_new(few):
    with contextlib.ExitStack() as stack:
        for n in range(CLIENTS):
            with contextlib.suppress(ConnectionError):
                stack.enter_context(Stream(few.v4)).send(query(f"n{n}.hole.lab", "A").to_wire())
        expect_new_names(few, "busy")
    assert ask(few.v4, "after.hosted.lab", "A").answer
