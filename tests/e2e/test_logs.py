"""What the daemon says on standard error: little, in lines or JSON, and of queries what is wanted."""

import json
import re

import pytest

from kit.ask import ask
from kit.jidnsd import Jidnsd


@pytest.fixture(name="said")
def fixture_said(relay, tmp_path, track):
    """What a daemon with these options says while it is asked a little over both transports, and until its end."""
    def used(*options):
        daemon = track(Jidnsd(["--upstream", relay.address, "--prefetch", "off", *options], tmp_path)).wait_ready()
        assert ask(daemon.v4, "one.full.lab", "A").answer
        assert ask(daemon.v4, "one.full.lab", "A").answer
        assert ask(daemon.v6, "one.full.lab", "AAAA", tcp=True) is not None
        assert daemon.stop() == 0
        return daemon.stderr.splitlines()
    return used


def test_a_quiet_day_has_a_beginning_and_an_end(said):
    lines = said("--user", "root")
    assert [line for line in lines if "root" not in line and "running as" not in line] == [
        line for line in lines if "jidnsd ready" in line or "stopping: SIGTERM" in line], lines
    assert len(lines) <= 4, lines


def test_every_line_is_json_when_set(said):
    lines = [json.loads(line) for line in said("--log-format", "json", "--log-level", "debug")]
    assert all(set(line) == {"time", "level", "room", "text"} for line in lines)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"]) for line in lines)
    assert any(line["room"] == "jidnsd" and line["text"].startswith("jidnsd ready: listening on") for line in lines)
    assert any(line["room"] == "forward" and "one.full.lab. A" in line["text"] for line in lines)
    assert lines[-1]["level"] == "debug"


def test_one_room_is_heard_in_full_and_the_others_are_not(said):
    lines = said("--log-level", "error,forward=debug")
    assert any(line.startswith("debug forward: one.full.lab. A: asking") for line in lines)
    assert all(line.startswith(("debug forward: ", "info forward: ", "jidnsd ready")) for line in lines), lines


def test_queries_are_logged_with_who_what_how_and_how_long(said):
    lines = said("--query-log", "1")
    lines = [line for line in lines if line.startswith("info query: ")]
    assert len(lines) == 3, lines
    assert re.fullmatch(r"info query: 127\.0\.0\.1:\d+ udp one\.full\.lab\. A NOERROR miss \d+ ms", lines[0]), lines
    assert re.fullmatch(r"info query: 127\.0\.0\.1:\d+ udp one\.full\.lab\. A NOERROR hit 0 ms", lines[1]), lines
    assert re.fullmatch(r"info query: \[::1\]:\d+ tcp one\.full\.lab\. AAAA NOERROR miss \d+ ms", lines[2]), lines
