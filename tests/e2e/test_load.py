"""Two workers under load, told to reload and to stop in the midst of it. contrib/check --all runs this with a daemon built with
ThreadSanitizer as well: whatever that reports fails the test."""

import re
import signal
import time

import pytest

from kit.control import Control
from kit.jidnsd import Jidnsd
from kit.proc import Process, descriptors

DOMAINS = ("full.lab", "plain.lab", "six.lab", "refusing.lab", "broken.lab", "twice.lab")
SECONDS = 1.5
RATE = 1500  # queries a second of each dnsperf: little, so that a daemon slowed down by a sanitizer keeps up


@pytest.fixture(name="questions")
def _questions(tmp_path):
    """Names that are there, names that are not, services with targets, each many times over and none at once."""
    lines = []
    for i in range(400):
        domain = DOMAINS[i % len(DOMAINS)]
        lines += [f"_xmpps-server._tcp.{domain} SRV", f"_xmpp-server._tcp.{domain} SRV", f"_xmpp-client._tcp.{domain} SRV",
                  f"{domain} AAAA", f"n{i}.hosted.lab A", f"no{i}.{domain} A", "two.full.lab A"]
    path = tmp_path / "questions"
    path.write_text("\n".join(lines) + "\n")
    return path


class Dnsperf(Process):
    """One load generator; its report once it has ended."""

    def __init__(self, daemon, questions, folder, mode, seconds=SECONDS):
        super().__init__(f"dnsperf-{mode}", ["dnsperf", "-s", "127.0.0.1", "-p", daemon.port, "-m", mode, "-d", questions,
                                             "-l", seconds, "-c", 8, "-Q", RATE, "-t", 5], folder)

    def count(self, what):
        return int(re.search(rf"Queries {what}: +(\d+)", self.stdout).group(1))


OPTIONS = ("--threads", "2", "--cache-size", "8M", "--expand-srv", "wait")


def settings(relay):
    """Two files of settings that differ in what workers have to make anew: servers, routes, local zones, faults."""
    server = f'upstream {{ server = {{"{relay.address}"}} '
    one = server + 'policy = order }\ncache { max-stale = 0 }\nlog { level = warn }\n'
    other = (server + f'case-random = on }}\nforward "full.lab" {{ upstream = {{"{relay.address}"}} }}\n'
             'xmpp "own.lab" { host "h" { address = {192.0.2.1} } }\nfault "slow" { rule = "name=*.six.lab share=20% ttl=1" }\n')
    return one, other


def test_reloads_under_load_lose_no_answer(relay, jidnsd, questions, tmp_path, track):
    path, said = tmp_path / "jidnsd.conf", "settings reloaded"
    path.write_text(settings(relay)[0])
    server = jidnsd("--config", path, "--log-level", "info", "--user", "root", *OPTIONS)  # nobody else may read the file
    loads, reloads = [track(Dnsperf(server, questions, tmp_path, mode)) for mode in ("udp", "tcp")], 0
    while any(load.running for load in loads):
        reloads += 1
        path.write_text(settings(relay)[reloads % 2])
        server.child.send_signal(signal.SIGHUP)
        time.sleep(0.1)
    assert server.stderr.count(said) >= 5  # the log leaves lines out when there are many of a kind
    for load in loads:
        assert load.wait_exit() == 0
        assert load.count("sent") > 100
        assert load.count("lost") == 0


def test_a_thousand_reloads_keep_their_servers_and_lose_no_answer(relay, jidnsd, questions, tmp_path, track):
    folder = tmp_path / "run"
    folder.mkdir()
    control = folder / "control"
    server = jidnsd("--upstream", relay.address, "--forward", f"full.lab={relay.address}", "--control", control, "--user", "root", *OPTIONS)
    load = track(Dnsperf(server, questions, tmp_path, "udp", 3))
    time.sleep(0.3)
    before, most = descriptors(server.child.pid), 0
    with Control(control) as commands:
        for i in range(1000):
            server.child.send_signal(signal.SIGHUP)
            assert "ok" in commands.ask("reload")
            if i % 20 == 0:
                most = max(most, descriptors(server.child.pid))
    assert load.wait_exit() == 0
    assert load.count("sent") > 100 and load.count("lost") == 0
    assert most <= before + 60, f"{before} descriptors before, {most} meanwhile"  # questions in flight have some


def test_commands_under_load_are_done_and_lose_no_answer(relay, jidnsd, questions, tmp_path, track):
    folder = tmp_path / "run"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    server = jidnsd("--upstream", relay.address, "--control", folder / "control", *OPTIONS)
    loads = [track(Dnsperf(server, questions, tmp_path, mode)) for mode in ("udp", "tcp")]
    with Control(folder / "control", 30) as control:
        while any(load.running for load in loads):
            for command in ("stats", "dump", "flush --below full.lab", "status", "reload", "upstreams", "flush --all"):
                assert control.lines(command)[-1]["ok"], command
    for load in loads:
        assert load.wait_exit() == 0
        assert load.count("lost") == 0


@pytest.mark.parametrize("after_s", [0.05, 0.3, 0.6])
def test_it_stops_cleanly_in_the_midst_of_load(relay, questions, tmp_path, track, after_s):
    server = track(Jidnsd(["--upstream", relay.address, *OPTIONS], tmp_path)).wait_ready()
    loads = [track(Dnsperf(server, questions, tmp_path, mode)) for mode in ("udp", "tcp")]
    time.sleep(after_s)
    server.close()
    for load in loads:
        load.stop(signal.SIGINT)
