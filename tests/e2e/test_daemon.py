"""The daemon as a process: its options, its ports, its upstreams by default, its end."""

import os
import signal
import socket
import subprocess
import time

import pytest

from kit import jidnsd as jidnsd_kit
from kit.ask import Stream, ask, query
from kit.jidnsd import Jidnsd
from kit.netns import free_ports
from kit.proc import wait_until
from kit.upstream import Upstream, relay_to

OPTIONS = ("--listen", "--upstream", "--allow", "--refuse-with", "--rate-limit", "--cookies", "--threads",
           "--expand-srv", "--prefetch", "--cache-size", "--log-level", "--version", "--help")


def run(*options):
    return subprocess.run([jidnsd_kit.path(), *options], capture_output=True, text=True, timeout=10,
                          check=False, stdin=subprocess.DEVNULL)


def assert_works(server):
    """A plain question is answered over UDP and over TCP."""
    assert ask(server, "one.full.lab", "A").answer
    assert ask(server, "one.full.lab", "A", tcp=True).answer


def test_version_is_one_line_on_stdout():
    done = run("--version")
    assert done.returncode == 0 and done.stderr == ""
    assert len(done.stdout.splitlines()) == 1 and done.stdout.startswith("jidnsd ")
    assert any(c.isdigit() for c in done.stdout)


def test_help_names_every_option():
    done = run("--help")
    assert done.returncode == 0 and done.stderr == ""
    assert not [option for option in OPTIONS if option not in done.stdout]


@pytest.mark.parametrize("options", [
    ["--no-such-option"], ["stray"], ["--listen"], ["--listen", "nonsense"], ["--listen", "127.0.0.1:0x35"],
    ["--listen", "127.0.0.1:65536"], ["--listen", "127.0.0.1:"], ["--listen", "[::1:53"], ["--upstream", ""],
    ["--upstream", "256.0.0.1"], ["--upstream", "dns.example"], ["--upstream", "127.0.0.1:-1"],
    ["--threads", "0"], ["--threads", "many"], ["--threads", "-2"], ["--expand-srv", "maybe"],
    ["--prefetch", "yes please"], ["--cache-size", "0"], ["--cache-size", "1X"], ["--cache-size", "-5M"],
    ["--cache-size", "99999999999999999999G"], ["--log-level", "loud"]], ids=" ".join)
def test_a_wrong_option_is_named_in_one_line_and_ends_with_2(options):
    done = run(*options)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert options[0].lstrip("-") in done.stderr


def test_the_ready_line_comes_once_and_only_when_it_listens(proxy):
    assert_works(proxy.v4)
    assert_works(proxy.v6)
    assert proxy.stderr.count("jidnsd ready") == 1
    assert proxy.stdout == ""


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("threads", ["1", "4"])
def test_it_ends_with_0_when_asked_to(relay, tmp_path, track, signum, threads):
    daemon = track(Jidnsd(["--upstream", relay.address, "--threads", threads], tmp_path)).wait_ready()
    with Stream(daemon.v4) as idle:
        assert_works(daemon.v6)
        started = time.monotonic()
        assert daemon.stop(signum) == 0
        assert time.monotonic() - started < 2
        assert idle.receive() is None


def test_signals_that_come_while_it_stops_do_not_kill_it(relay, tmp_path, track):
    snapshot = tmp_path / "snapshot"
    daemon = track(Jidnsd(["--upstream", relay.address, "--user", "root", "--snapshot", str(snapshot)], tmp_path)).wait_ready()
    assert ask(daemon.v4, "one.full.lab", "A").answer
    while daemon.running:
        daemon.child.send_signal(signal.SIGTERM)
    assert daemon.child.returncode == 0 and snapshot.exists(), daemon.describe()


def test_it_ends_at_once_while_questions_are_in_flight(upstream, tmp_path, track):
    hole = upstream(lambda asked: None)
    daemon = track(Jidnsd(["--upstream", hole.address], tmp_path)).wait_ready()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for n in range(50):
            sock.sendto(query(f"flight{n}.lab", "A").to_wire(), daemon.v4)
        assert wait_until(lambda: len(hole.seen) >= 50, 3)
        started = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - started < 2


@pytest.mark.parametrize("signum", [signal.SIGHUP, signal.SIGPIPE])
def test_other_signals_do_not_kill_it(proxy, signum):
    os.kill(proxy.child.pid, signum)
    time.sleep(0.1)
    assert_works(proxy.v4)


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM], ids=["udp", "tcp"])
def test_a_port_that_is_taken_is_named(tmp_path, kind):
    with socket.socket(socket.AF_INET, kind) as holder:
        holder.bind(("127.0.0.1", free_ports()))
        if kind == socket.SOCK_STREAM:
            holder.listen()
        taken = "127.0.0.1:%d" % holder.getsockname()[1]
        daemon = Jidnsd(["--listen", taken, "--upstream", "127.0.0.1:9"], tmp_path, listen=False)
        assert daemon.wait_exit() == 1
    assert taken in daemon.stderr
    assert "jidnsd ready" not in daemon.stderr


def test_two_daemons_do_not_share_a_port(proxy, relay, tmp_path):
    taken = f"127.0.0.1:{proxy.port}"
    second = Jidnsd(["--listen", taken, "--upstream", relay.address], tmp_path, "second", listen=False)
    try:
        assert second.wait_exit() == 1
        assert taken in second.stderr
    finally:
        second.stop()


def test_a_port_that_is_forbidden_is_named(namespaces, tmp_path):
    space = namespaces("ports")
    drop = ["setpriv", "--bounding-set=-net_bind_service", "--inh-caps=-net_bind_service"]
    daemon = Jidnsd(["--listen", "127.0.0.1:53", "--upstream", "127.0.0.2"], tmp_path, listen=False,
                    wrap=lambda argv: space.argv(drop + argv))
    assert daemon.wait_exit() == 1
    assert "127.0.0.1:53" in daemon.stderr


def in_space(space, resolv_conf, tmp_path, *options):
    """A daemon in the namespace with the text resolv_conf, on its default addresses."""
    path = tmp_path / "resolv.conf"
    path.write_text(resolv_conf)
    return Jidnsd(options, tmp_path, listen=False, wrap=lambda argv: space.argv(argv, path))


def test_upstreams_come_from_resolv_conf_and_its_own_address_is_left_out(nsd, namespaces, tmp_path, track):
    space = namespaces("resolv")
    relay = Upstream(relay_to(*nsd.server), 53, "127.0.0.2", space)
    text = "# by hand\nsearch lab\nnameserver 127.0.0.1\nnameserver ::1\nnameserver 127.0.0.2\noptions edns0"
    daemon = track(in_space(space, text, tmp_path, "--prefetch", "off")).wait_ready()
    try:
        for n in range(5):
            space.call(lambda n=n: assert_answers(daemon.v4 if n % 2 else daemon.v6, f"n{n}.hosted.lab"))
        assert len(relay.seen) == 5
    finally:
        daemon.close()
        relay.close()


def assert_answers(server, name):
    assert ask(server, name, "A").answer
