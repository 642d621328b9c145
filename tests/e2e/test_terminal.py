"""jidns on terminals of several widths: nothing is wider, nothing is left out, and colours only where they are wanted."""

import fcntl
import os
import pty
import re
import select
import subprocess
import termios

import pytest

from kit.ask import ask
from kit.control import program

LONG = "[2001:db8:1234:5678:9abc:def0:1234:5678]:5353"
COLOUR = re.compile(r"\033\[[\d;]*m")


@pytest.fixture(name="daemon", scope="module")
def fixture_daemon(nsd, tmp_path_factory):
    from kit.jidnsd import Jidnsd
    folder = tmp_path_factory.mktemp("terminal")
    made = Jidnsd(["--upstream", f"127.0.0.1:{nsd.port}", "--forward", f"a-domain-with-a-long-name.lab={LONG}", "--prefetch", "off",
                   "--fault", "name=_xmpp-client._tcp.spoiled.lab servfail", "--control", folder / "c"], folder).wait_ready()
    made.control = folder / "c"
    ask(made.v4, "_xmpp-client._tcp.full.lab", "SRV")
    ask(made.v4, "_xmpp-server._tcp.six.lab", "SRV")
    yield made
    made.stop()


def on_terminal(width, *argv, **environment):
    """What a command says to a terminal that is so wide."""
    mine, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (50, width))
    env = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR", "TERM")} | {"TERM": "xterm"} | environment
    child = subprocess.Popen([program(), *map(str, argv)], stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, env=env,
                             start_new_session=True, preexec_fn=lambda: fcntl.ioctl(1, termios.TIOCSCTTY, 0))
    os.close(theirs)
    said = b""
    try:
        while select.select([mine], [], [], 20)[0]:
            said += os.read(mine, 65536)
    except OSError:  # it has gone
        pass
    child.wait(20)
    os.close(mine)
    return said.decode().replace("\r\n", "\n")


def commands(daemon):
    server, control = ["--server", f"127.0.0.1:{daemon.port}"], ["--control", daemon.control]
    return {"lookup": ["lookup", *server, "full.lab"], "check": ["check", *server, "full.lab"], "stats": ["stats", *control],
            "upstreams": ["upstreams", *control], "status": ["status", *control], "top": ["top", "--once", *control],
            "help": ["--help"], "help of check": ["check", "--help"], "help of top": ["top", "--help"], "list": ["check", "--list"]}


@pytest.mark.parametrize("width", [60, 80, 132])
@pytest.mark.parametrize("command", ["lookup", "check", "stats", "upstreams", "status", "top", "help", "help of check", "help of top", "list"])
def test_no_line_is_wider_than_the_terminal(daemon, width, command):
    said = COLOUR.sub("", on_terminal(width, *commands(daemon)[command]))
    words = [line for line in said.splitlines() if len(line) > width]
    assert said and not words, words


@pytest.mark.parametrize("width", [60, 80, 132])
def test_nothing_is_left_out_where_it_is_narrow(daemon, width):
    every = commands(daemon)
    wide, narrow = (" ".join(COLOUR.sub("", on_terminal(w, *every["upstreams"])).lower().replace(",", " ").split()) for w in (200, width))
    assert set(wide.split()) - {"server"} <= set(narrow.split())
    assert LONG in narrow and "not asked yet" in narrow
    assert set(re.findall(r"[\w:.]{7,}", on_terminal(width, *every["lookup"]))) >= {"192.0.2.12", "2001:db8::12", "two.full.lab"}


def test_wide_terminals_are_used(daemon):
    longest = [max(map(len, COLOUR.sub("", on_terminal(width, *commands(daemon)["stats"])).splitlines())) for width in (80, 132)]
    assert 70 < longest[0] <= 80 < longest[1] <= 132


@pytest.mark.parametrize("argv, environment, coloured", [
    ([], {}, True), ([], {"NO_COLOR": "1"}, False), ([], {"NO_COLOR": ""}, True), ([], {"TERM": "dumb"}, False),
    (["--color", "always"], {"NO_COLOR": "1"}, True), (["--color", "never"], {}, False)])
def test_colours_are_shown_where_they_are_wanted(daemon, argv, environment, coloured):
    for command in ("lookup", "check", "upstreams", "top"):
        said = on_terminal(80, *commands(daemon)[command], *argv, **environment)
        assert bool(COLOUR.search(said)) == coloured, said


def test_a_pipe_has_no_colours_and_the_width_of_columns(daemon):
    for width in (None, 60, 132):
        env = {k: v for k, v in os.environ.items() if k != "COLUMNS"} | ({"COLUMNS": str(width)} if width else {})
        said = subprocess.run([program(), *map(str, commands(daemon)["stats"])], env=env, capture_output=True, text=True, check=True).stdout
        assert "\033" not in said and (width or 80) - 12 < max(map(len, said.splitlines())) <= (width or 80)


def test_top_says_that_answers_are_spoiled_on_purpose_and_what_failed(daemon):
    said = COLOUR.sub("", on_terminal(132, *commands(daemon)["top"]))
    assert "FAULTS IN FORCE: 1 rule spoils answers on purpose" in said and "servfail" in said
    assert re.search(r"^full\.lab\. +[\d.]+ +\d+ +0 +0", said, re.M), said
