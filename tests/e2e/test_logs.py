"""What the daemon says on standard error: little, in lines or JSON, and of queries what is wanted."""

import json
import os
import pty
import re
import signal
import socket
import subprocess
import termios
import time

import dns.exception
import dns.message
import dns.rcode
import dns.rdatatype
import pytest

from kit import lies
from kit.ask import ask, query
from kit.control import Control, jidns
from kit.jidnsd import Jidnsd
from kit.jidnsd import path as jidnsd_path
from kit.netns import free_ports
from kit.proc import wait_until


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
    assert all(set(line) == {"time", "level", "component", "text"} for line in lines)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"]) for line in lines)
    assert any(line["component"] == "daemon" and line["text"].startswith("jidnsd ready: listening on") for line in lines)
    assert any(line["component"] == "forward" and "one.full.lab. A" in line["text"] for line in lines)
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


def test_walks_are_logged_from_one_reload_to_another(relay, tmp_path, track):
    settings = tmp_path / "jidnsd.conf"

    def said(walks, domain):
        settings.write_text(f"log {{ walks = {walks} }}\n")
        assert jidns(daemon, "reload").returncode == 0
        ask(daemon.v4, f"_xmpp-server._tcp.{domain}", "SRV")
        ask(daemon.v4, f"_xmpp-server._tcp.{domain}", "SRV", tcp=True)
        return wait_until(lambda: f"server at 127.0.0.1 reached {domain} in " in daemon.stderr
                          or f"server at 127.0.0.1 did not reach {domain}: " in daemon.stderr, 3, 0.2)

    settings.write_text("log { walks = off }\n")
    daemon = track(Jidnsd(["--user", "root", "--config", settings, "--upstream", relay.address, "--threads", "2", "--control", tmp_path / "c"], tmp_path)).wait_ready()
    daemon.control = tmp_path / "c"
    assert said("on", "full.lab") and not said("off", "six.lab") and said("on", "hosted.lab")
    lines = [line for line in daemon.stderr.splitlines() if line.startswith("info query: ")]
    assert len(lines) == 2 and all("of 2 answers waited for" in line for line in lines), lines


# ---- stale answers ----

def test_the_log_says_once_that_stale_answers_go_out_and_once_that_they_have_ended(jidnsd, upstream):
    works = True

    def answer(asked):
        reply = dns.message.make_response(asked.query)
        if not works:
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif asked.query.question[0].rdtype == dns.rdatatype.A:
            reply.answer.append(lies.a_record(asked.query.question[0].name, "192.0.2.1", 1))
        return reply.to_wire()

    daemon = jidnsd("--upstream", upstream(answer).address, "--prefetch", "off", "--threads", "2")
    assert ask(daemon.v4, "a.lab").answer
    works = False
    assert wait_until(lambda: ask(daemon.v4, "a.lab").answer and "stale answers go out" in daemon.stderr, 10, 0.2)
    works = True
    assert wait_until(lambda: ask(daemon.v4, "a.lab").answer and "stale answers have ended" in daemon.stderr, 20, 0.2)
    assert daemon.stderr.count("warn forward: stale answers go out; the first is for a.lab. A: ") == 1
    assert daemon.stderr.count("info forward: stale answers have ended after ") == 1


# ---- readers ----

def open_fd(path, flags):
    return os.open(path, flags | os.O_CLOEXEC)


class Reader:
    """A daemon that logs each query to a pipe of the smallest size, or to what `stderr` opens."""

    def __init__(self, options, stderr=None, shell=None):
        self.port = free_ports()
        self.read_end, write_end = os.pipe() if stderr is None else (None, stderr)
        argv = [jidnsd_path(), "--listen", f"127.0.0.1:{self.port}", "--user", "root", *map(str, options)]
        if shell:
            argv = ["sh", "-c", f'exec "$@" {shell}', "sh", *argv]
        self.child = subprocess.Popen(argv, stderr=write_end, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        os.close(write_end)
        self.server = ("127.0.0.1", self.port)

    def ask_until_answered(self, name, timeout_s=10):
        def answered():
            try:
                return ask(self.server, name, "A", patience_s=0.5)
            except (OSError, dns.exception.Timeout):
                return None
        return wait_until(answered, timeout_s)

    def blast(self, name, count):
        """Asks over UDP, 50 at a time; returns how many were answered."""
        wire, answered = query(name, "A").to_wire(), 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect(self.server)
            sock.settimeout(2)
            for _ in range(count // 50):
                for _ in range(50):
                    sock.send(wire)
                for _ in range(50):
                    sock.recv(2000)
                    answered += 1
        return answered

    def end(self, within_s=3):
        """Seconds from SIGTERM to its end, which must be clean."""
        began = time.monotonic()
        self.child.terminate()
        assert self.child.wait(10) == 0
        took = time.monotonic() - began
        assert took < within_s, f"{took:.1f} s from SIGTERM to the end"
        return took

    def close(self):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        if self.read_end is not None:
            os.close(self.read_end)


@pytest.fixture(name="reader")
def fixture_reader(relay, tmp_path):
    made = []

    def start(*options, **how):
        usual = ["--upstream", relay.address, "--prefetch", "off", "--control", tmp_path / "control"]
        made.append(Reader([*usual, *options], **how))
        return made[-1]
    yield start
    for daemon in made:
        daemon.close()


def dropped(tmp_path):
    with Control(tmp_path / "control") as control:
        return control.ask("stats")["counters"]["log_dropped"]


def test_a_reader_that_stops_reading_holds_up_neither_answers_nor_the_end(reader, tmp_path):
    daemon = reader("--query-log", "1")
    assert daemon.ask_until_answered("one.full.lab")
    assert daemon.blast("one.full.lab", 100000) == 100000
    assert dropped(tmp_path) > 50000
    daemon.child.send_signal(signal.SIGHUP)
    assert daemon.ask_until_answered("one.full.lab", 1), "it goes on after a reload"
    daemon.end()


def test_a_reader_that_goes_on_hears_what_was_kept_and_how_much_was_not(reader, tmp_path):
    daemon = reader("--query-log", "1")
    assert daemon.ask_until_answered("one.full.lab")
    assert daemon.blast("one.full.lab", 10000) == 10000
    lost, text = dropped(tmp_path), b""
    assert lost > 1000
    told = rb"warn base: (\d+) lines were dropped"
    while not (found := re.search(told, text)):
        text += os.read(daemon.read_end, 65536)
    assert int(found.group(1)) == lost
    lines = text.split(b"\n")
    queries = [line for line in lines if line.startswith(b"info query: ")]
    assert len(queries) + lost >= 10000 and all(re.search(rb" NOERROR (hit|miss) \d+ ms$", line) for line in queries)
    daemon.end()


def test_a_reader_that_is_stuck_from_the_start_delays_it_a_moment(reader):
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    try:
        while True:
            os.write(write_end, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(write_end, True)
    daemon = reader("--query-log", "1", stderr=write_end)
    assert daemon.ask_until_answered("one.full.lab", 5)
    daemon.end()
    os.close(read_end)


def test_a_reader_that_dies_ends_nothing(reader, tmp_path):
    daemon = reader("--query-log", "1")
    assert daemon.ask_until_answered("one.full.lab")
    os.close(daemon.read_end)
    daemon.read_end = None
    assert daemon.blast("one.full.lab", 1000) == 1000
    assert wait_until(lambda: dropped(tmp_path) >= 1000, 5)
    daemon.end()


def test_a_full_disk_costs_lines_and_nothing_else(reader, tmp_path):
    daemon = reader("--query-log", "1", stderr=open_fd("/dev/full", os.O_WRONLY))
    assert daemon.ask_until_answered("one.full.lab")
    assert daemon.blast("one.full.lab", 1000) == 1000
    assert wait_until(lambda: dropped(tmp_path) >= 1000, 5)
    daemon.end()


@pytest.mark.parametrize("closed", ["<&- >&- 2>&-", "2>&-", "<&-"])
def test_descriptors_closed_at_the_start_become_nothing_else(reader, closed):
    daemon = reader("--query-log", "1", shell=closed)
    assert daemon.ask_until_answered("one.full.lab")
    assert daemon.blast("one.full.lab", 1000) == 1000
    assert all(os.readlink(f"/proc/{daemon.child.pid}/fd/{fd}").startswith(("/dev/null", "pipe:")) for fd in range(3))
    daemon.end()


def test_a_stopped_terminal_holds_up_nothing(reader):
    controller, terminal = pty.openpty()
    daemon = reader("--query-log", "1", stderr=os.dup(terminal))
    assert daemon.ask_until_answered("one.full.lab")
    termios.tcflow(terminal, termios.TCOOFF)
    assert daemon.blast("one.full.lab", 20000) == 20000
    daemon.end()
    os.close(terminal)
    os.close(controller)
