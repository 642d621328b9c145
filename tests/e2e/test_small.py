"""jidnsd in small places: little memory."""

import select
import socket
import struct
import subprocess

import pytest

from kit import jidnsd as jidnsd_kit
from kit import truth
from kit.ask import ask
from kit.cgroup import inside, memory_limited
from kit.control import Control
from kit.jidnsd import Jidnsd
from kit.proc import has_sanitizer

MIB = 1 << 20
LIMIT = 64 * MIB
ROOM = 24 * MIB       # of the cache there
FILLED = 2 * LIMIT    # octets of answers that go through it


@pytest.fixture(name="group")
def fixture_group():
    with memory_limited(LIMIT) as folder:
        if not folder:
            pytest.skip("no control group can be made here")
        yield folder


def query(number):
    """For a TXT record of some 800 octets, with room for that in an answer."""
    opt = struct.pack("!BHHIH", 0, 41, 1232, 0, 0)
    return struct.pack("!6H", number & 0xffff, 0x0100, 1, 0, 0, 1) + truth.wire_name(f"n{number}.bulky.lab") + b"\0\x10\0\1" + opt


def flood(server, octets):
    """Asks for one new name after the other, some hundred at a time, until so many octets of answers have come."""
    came, number, waiting = 0, 0, 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        sock.connect(server)
        while came < octets:
            while waiting < 300:
                sock.send(query(number))
                number, waiting = number + 1, waiting + 1
            if not select.select([sock], [], [], 1)[0]:
                waiting = 0  # the rest is lost
                continue
            came, waiting = came + len(sock.recv(65535)), waiting - 1
    return number


def test_an_endless_stream_of_new_names_fits_into_64_mib(group, nsd, tmp_path):
    options = ["--upstream", f"{nsd.server[0]}:{nsd.server[1]}", "--control", tmp_path / "control"]
    daemon = Jidnsd(options, tmp_path, wrap=inside(group)).wait_ready()
    try:
        if has_sanitizer(daemon.child.pid):
            pytest.skip("a sanitizer takes more than that itself")
        flood(daemon.v4, FILLED)
        assert daemon.running, daemon.describe()
        assert ask(daemon.v4, "after.hosted.lab", "A").answer
        with Control(tmp_path / "control") as control:
            cache = control.ask("status")["cache"]
        assert cache["limit"] == ROOM and cache["octets"] > ROOM // 2 and cache["evicted"] > 0
        assert "memory is limited to 64 MiB" in daemon.stderr and "the cache uses up to 24 MiB" in daemon.stderr
        daemon.close()
    finally:
        daemon.stop()


def check_config(group, *options):
    argv = inside(group)([jidnsd_kit.path(), "--check-config", "--upstream", "192.0.2.1", *options])
    return subprocess.run(argv, capture_output=True, text=True, timeout=10, check=True)


def test_check_config_says_how_much_the_cache_takes(group):
    assert "the cache takes up to 24 MiB of memory" in check_config(group).stdout
    larger = check_config(group, "--cache-size", "60M")
    assert "the cache takes up to 60 MiB of memory" in larger.stdout and "can be used; see the warnings" in larger.stdout
    assert larger.stderr.count("--cache-size: 60 MiB is too much") == 1
