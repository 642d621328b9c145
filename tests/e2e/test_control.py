"""A running daemon looked at and commanded over its control socket, by jidns and by other programs."""

import concurrent.futures
import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import stat
import struct
import subprocess
import termios
import time

import dns.message
import dns.rcode
import dns.rdatatype
import dns.zone
import pytest

from kit.ask import ask
from kit.control import Control, jidns, program
from kit.jidnsd import Jidnsd
from kit.proc import wait_until
from kit.upstream import silent

DONE, REFUSED, USAGE, NO_ANSWER = range(4)
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@pytest.fixture(name="daemon")
def fixture_daemon(relay, jidnsd, tmp_path):
    """A daemon with a control socket, asking NSD, nothing ahead."""
    made = jidnsd("--upstream", relay.address, "--prefetch", "off", "--expand-srv", "off", "--control", tmp_path / "control")
    made.control = str(tmp_path / "control")
    return made


@pytest.fixture(name="control")
def fixture_control(daemon):
    with Control(daemon.control) as control:
        yield control


def told(daemon, *argv):
    """What the tool says of a command that is done, as text and as JSON."""
    text, parsed = jidns(daemon, *argv, env=os.environ | {"COLUMNS": "200"}), jidns(daemon, *argv, "--json")
    assert (text.returncode, parsed.returncode, text.stderr, parsed.stderr) == (DONE, DONE, "", "")
    return text.stdout, [json.loads(line) for line in parsed.stdout.splitlines()]


def test_status_says_what_runs_and_how(daemon, relay):
    assert ask(daemon.v4, "full.lab").answer
    text, (status,) = told(daemon, "status")
    assert status["pid"] == daemon.child.pid and status["threads"] == 1 and status["log_level"] == "info"
    assert status["listen"] == [f"127.0.0.1:{daemon.port}", f"[::1]:{daemon.port}"]
    assert status["upstreams"] == [{"address": relay.address, "for": "", "up": True, "state": "up"}]
    assert status["cache"]["answers"] == 1 and status["cache"]["limit"] == 128 << 20 and status["in_flight"] == 0
    assert status["uptime_s"] < 60 and status["reload"] is None
    assert re.search(rf"^pid +{daemon.child.pid}$", text, re.M) and f"{relay.address} up" in text


def test_stats_are_the_counters_and_their_sums_hold(daemon):
    for name in ("full.lab", "full.lab", "plain.lab", "nothing.lab"):
        ask(daemon.v4, name)
    text, (stats,) = told(daemon, "stats", "--workers")
    counters = stats["counters"]
    assert counters["queries"] == 4 and counters["hit"] == 1 and counters["miss"] == 3
    assert counters["queries"] == sum(counters[name] for name in ("hit", "zone", "miss", "malformed", "refused", "ignored"))
    assert set(stats["help"]) == set(counters) == set(stats["workers"][0])
    assert all(sum(worker[name] for worker in stats["workers"]) == counters[name] for name in counters)
    assert re.search(r"^queries +4 +4 +Queries from clients", text, re.M)


def test_what_was_asked_ahead_is_counted_by_family(jidnsd, relay, tmp_path):
    daemon = jidnsd("--upstream", relay.address, "--prefetch", "on", "--control", tmp_path / "control")
    daemon.control = str(tmp_path / "control")

    def counted():
        return told(daemon, "stats")[1][0]["counters"]
    ask(daemon.v4, "_xmpp-client._tcp.full.lab", "SRV")
    assert wait_until(lambda: counted()["stored"] == 8, 5)
    for _ in range(2):
        ask(daemon.v4, "one.full.lab", "A")
    counters = counted()
    assert (counters["prefetch_trigger_c2s"], counters["prefetch_c2s"]) == (1, 7)
    assert (counters["prefetch_hit_c2s"], counters["saved"]) == (1, 1)
    assert not any(counters[f"prefetch{name}_s2s"] for name in ("_trigger", "", "_hit", "_joined"))
    assert told(daemon, "status")[1][0]["cache"]["unused_c2s"] == 0


def test_upstreams_are_up_with_a_round_trip_or_down(jidnsd, relay, upstream, tmp_path):
    dead = upstream(silent)
    daemon = jidnsd("--upstream", relay.address, "--upstream", dead.address, "--control", tmp_path / "c")
    daemon.control = tmp_path / "c"
    for n in range(30):
        ask(daemon.v4, f"n{n}.hosted.lab")
    text, (heard,) = told(daemon, "upstreams")
    good, bad = heard["upstreams"]
    assert good["address"] == relay.address and good["up"] and good["srtt_ms"] > 0 and good["silent"] == 0
    assert good["asked"] >= 30 and good["replies"] == good["asked"]
    assert bad["address"] == dead.address and bad["replies"] == 0 and bad["srtt_ms"] is None
    assert re.search(rf"^{re.escape(relay.address)} +up +[\d.]+ +\d+ +{good['asked']} ", text, re.M)
    assert good["state"] == "up" and good["remembered"] == [] and "tried again" not in text


def test_an_upstream_is_not_up_before_it_was_asked(daemon, relay):
    text, (heard,) = told(daemon, "upstreams")
    assert heard["upstreams"][0]["state"] == "not asked yet"
    assert re.search(rf"^{re.escape(relay.address)} +not asked yet +- ", text, re.M)
    assert f"{relay.address} not asked yet" in told(daemon, "status")[0]
    ask(daemon.v4, "full.lab")
    assert told(daemon, "upstreams")[1][0]["upstreams"][0]["state"] == "up"


def test_what_an_upstream_was_found_not_to_bear_is_told_and_when_it_is_tried_again(jidnsd, upstream, tmp_path):
    def without_edns(asked):
        reply = dns.message.make_response(asked.query)
        if asked.query.edns >= 0:
            reply.set_rcode(dns.rcode.FORMERR)
            reply.use_edns(False)
        return reply
    old = upstream(without_edns)
    daemon = jidnsd("--upstream", old.address, "--control", tmp_path / "c")
    daemon.control = tmp_path / "c"
    ask(daemon.v4, "full.lab")
    text, (heard,) = told(daemon, "upstreams")
    found = {one["of"]: one for one in heard["upstreams"][0]["remembered"]}
    assert found["edns"]["why"] == "no-edns" and 500 < found["edns"]["retry_s"] <= 600
    assert found["edns"]["text"] in text and found["edns"]["text"] in daemon.stderr
    assert re.search(rf"^{re.escape(old.address)} does not understand EDNS: .*; it is tried again in \d+ min", text, re.M)


def answered_from_cache(daemon, relay, name, rdtype="A"):
    before = len(relay.seen)
    ask(daemon.v4, name, rdtype)
    return len(relay.seen) == before


def test_flush_removes_what_it_is_told_and_nothing_else(daemon, relay):
    asked = [("full.lab", "A"), ("full.lab", "AAAA"), ("one.full.lab", "A"), ("_xmpp-server._tcp.full.lab", "SRV"), ("plain.lab", "A")]

    def know():
        for question in asked:
            ask(daemon.v4, *question)

    def gone(*argv):
        know()
        done = jidns(daemon, "flush", *argv)
        assert done.returncode == DONE, done
        left = {question for question in asked if answered_from_cache(daemon, relay, *question)}
        count = len(asked) - len(left)
        assert done.stdout == f"{count} answer{'s' if count != 1 else ''} removed\n"
        return set(asked) - left

    assert gone("FULL.lab", "aaaa") == {("full.lab", "AAAA")}
    assert gone("full.lab") == {("full.lab", "A"), ("full.lab", "AAAA")}
    assert gone("full.lab", "TXT") == set()
    assert gone("--below", "full.lab") == set(asked[:4])
    assert gone("--all") == set(asked)
    assert json.loads(jidns(daemon, "flush", "--all", "--json").stdout) == {"ok": True, "removed": 5}


def test_a_dump_is_a_zone_of_what_is_cached(daemon):
    asked = [("full.lab", "A"), ("_xmpp-server._tcp.full.lab", "SRV"), ("nothing.lab", "A"), ("full.lab", "AAAA")]
    for question in asked:
        ask(daemon.v4, *question)
    ask(daemon.v4, "full.lab", do=True)
    text, lines = told(daemon, "dump")
    assert lines.pop() == {"ok": True, "answers": 5} and len(lines) == 5
    assert {(line["name"], line["type"]) for line in lines} == {(f"{name}.", dns.rdatatype.from_text(rdtype)) for name, rdtype in asked}
    for line in lines:
        message = dns.message.from_wire(bytes.fromhex(line["message"]))
        assert message.question[0].name.to_text() == line["name"] and line["age_s"] < 30 and line["expired_s"] == 0
        assert line["ttl_s"] in range(1, 3601 * 5)
    srv = next(line for line in lines if line["type"] == 33)
    assert [record["data"] for record in srv["answer"]] == ["5 0 15269 one.full.lab.", "10 0 15269 two.full.lab."]
    assert [line["do"] for line in lines if line["name"] == "full.lab." and line["type"] == 1].count(True) == 1
    denied = next(line for line in lines if line["name"] == "nothing.lab.")
    assert denied["rcode"] == 3 and denied["authority"][0]["type"] == "SOA"
    records = [line for line in text.splitlines() if not line.startswith(";")]
    zone = dns.zone.from_text("\n".join(sorted(set(records))), origin="lab.", check_origin=False, relativize=False)
    assert zone.get_rdataset("full.lab.", "A")[0].to_text() == "192.0.2.1"
    assert "; nothing.lab. A: NXDOMAIN" in text and text.endswith("; 5 answers\n")
    assert "; full.lab. A +DO: NOERROR" in text


def test_a_dump_of_a_name_is_of_that_name_alone(daemon):
    for question in (("full.lab", "A"), ("full.lab", "AAAA"), ("one.full.lab", "A"), ("plain.lab", "A")):
        ask(daemon.v4, *question)

    def names(*argv):
        return sorted(line["name"] for line in told(daemon, "dump", *argv)[1][:-1])

    assert names("FULL.lab") == ["full.lab.", "full.lab."]
    assert names("--below", "full.lab") == ["full.lab.", "full.lab.", "one.full.lab."]
    assert names("none.lab") == []


def test_a_long_dump_is_whole_and_queries_are_answered_meanwhile(jidnsd, upstream, tmp_path):
    def answer(asked):
        reply = dns.message.make_response(asked.query)
        reply.answer = [dns.rrset.from_text(asked.query.question[0].name, 300, "IN", "A", "192.0.2.1")]
        return reply

    many = 3000
    daemon = jidnsd("--upstream", upstream(answer).address, "--prefetch", "off", "--control", tmp_path / "c")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: ask(daemon.v4, f"n{n}.lab"), range(many)))
    with Control(tmp_path / "c") as slow:
        slow.send(b"dump\n")
        time.sleep(0.2)
        with Control(tmp_path / "c") as other:
            assert other.ask("status")["cache"]["answers"] == many
        assert ask(daemon.v4, "n1.lab").answer
        names = set()
        while "ok" not in (line := slow.receive()):
            names.add(line["name"])
        assert line == {"ok": True, "answers": many} and len(names) == many


def test_the_log_level_can_be_read_and_set(daemon):
    assert told(daemon, "log-level") == ("info\n", [{"ok": True, "level": "info"}])
    assert jidns(daemon, "log-level", "debug").stdout == "debug\n"
    ask(daemon.v4, "full.lab")
    assert "debug forward: full.lab. A" in daemon.stderr
    assert jidns(daemon, "log-level", "error").stdout == "error\n"
    wrong = jidns(daemon, "log-level", "loud")
    assert wrong.returncode == REFUSED and "loud" in wrong.stderr and "error, warn, info or debug" in wrong.stderr
    assert jidns(daemon, "log-level").stdout == "error\n"


# ---- reload ----

def test_reload_puts_new_settings_into_force_and_tells_wrong_ones(jidnsd, relay, tmp_path):
    let_in(tmp_path)
    conf, path = tmp_path / "jidnsd.conf", tmp_path / "c"
    conf.write_text(f"upstream {{ server = {relay.address} }}\nlog {{ level = info }}\n")
    daemon = jidnsd("--config", conf, "--control", path)
    daemon.control = path
    conf.write_text(f"upstream {{ server = {relay.address} }}\nlog {{ level = debug }}\n")
    assert jidns(daemon, "reload").returncode == DONE
    assert told(daemon, "log-level")[0] == "debug\n"
    assert told(daemon, "status")[1][0]["reload"]["good"] is True
    conf.write_text(f"upstream {{ server = {relay.address} }}\nlog {{ level = loud }}\ncache {{ size = vast }}\n")
    wrong = jidns(daemon, "reload")
    assert wrong.returncode == REFUSED and f"{conf}:2: level 'loud'" in wrong.stderr and f"{conf}:3: size 'vast'" in wrong.stderr
    text, (status,) = told(daemon, "status")
    assert status["reload"]["good"] is False and status["log_level"] == "debug" and "failed" in text
    assert status["settings_file"] == str(conf)
    assert ask(daemon.v4, "full.lab").answer


def test_reload_says_what_holds_only_from_the_next_start_on(jidnsd, relay, tmp_path):
    let_in(tmp_path)
    conf, path = tmp_path / "jidnsd.conf", tmp_path / "r"
    conf.write_text(f"upstream {{ server = {relay.address} }}\n")
    started = jidnsd("--config", conf, "--control", path)
    started.control = path
    conf.write_text(f"upstream {{ server = {relay.address} }}\nserver {{ threads = 2 }}\ncontrol {{ group = daemon }}\n")
    text, (said,) = told(started, "reload")
    assert said["complaints"] == [f"jidnsd: --{name}: takes effect at the next start" for name in ("threads", "control-group")]
    assert "--threads: takes effect at the next start" in text and text.endswith("the new settings are in force\n")


def test_upstreams_of_a_domain_are_told_apart(jidnsd, relay, upstream, tmp_path):
    other = upstream(silent)
    daemon = jidnsd("--upstream", relay.address, "--forward", f"corp.lab={other.address}", "--control", tmp_path / "c")
    daemon.control = tmp_path / "c"
    ask(daemon.v4, "full.lab")
    text, (heard,) = told(daemon, "upstreams")
    assert [(one["address"], one["for"]) for one in heard["upstreams"]] == [(relay.address, ""), (other.address, "corp.lab.")]
    assert re.search(rf"^{re.escape(other.address)} .* corp\.lab\.$", text, re.M)
    assert f"{other.address} not asked yet, for corp.lab." in jidns(daemon, "status").stdout


def test_a_server_of_two_sets_keeps_its_counts_in_each_over_a_reload(jidnsd, relay, tmp_path):
    daemon = jidnsd("--upstream", relay.address, "--forward", f"corp.lab={relay.address}", "--prefetch", "off",
                    "--control", tmp_path / "c")
    daemon.control = tmp_path / "c"
    for name in ("a.lab", "b.lab", "c.lab", "d.lab", "corp.lab"):
        ask(daemon.v4, name)
    before = [(one["for"], one["asked"], one["replies"]) for one in told(daemon, "upstreams")[1][0]["upstreams"]]
    assert before[0][1] > before[1][1] > 0
    told(daemon, "reload")
    assert [(one["for"], one["asked"], one["replies"]) for one in told(daemon, "upstreams")[1][0]["upstreams"]] == before


# ---- top ----

def test_top_shows_rates_upstreams_and_the_busiest_domains(daemon, relay):
    def load(stop):
        n = 0
        while not stop:
            ask(daemon.v4, f"_xmpp-{'client' if n % 2 else 'server'}._tcp.{'full' if n % 4 else 'six'}.lab", "SRV")
            ask(daemon.v4, f"n{n}.hosted.lab")
            n += 1

    stop = []
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        loading = pool.submit(load, stop)
        try:
            text, parsed = jidns(daemon, "top", "--once"), jidns(daemon, "top", "--once", "--json")
        finally:
            stop.append(True)
        loading.result()
    assert text.returncode == parsed.returncode == DONE, (text, parsed)
    top = json.loads(parsed.stdout)
    assert top["queries_per_s"] > 2 and 0 < top["hit_ratio"] < 1 and 0.5 < top["interval_s"] < 10
    assert top["upstreams"][0]["address"] == relay.address and top["upstreams"][0]["asked_per_s"] > 1
    assert top["latency"]["answers_per_s"] > 1 and top["latency"]["mean_ms"] is not None
    assert [domain["domain"] for domain in top["domains"]] == ["full.lab.", "six.lab."]
    assert top["domains"][0]["per_s"] > top["domains"][1]["per_s"] > 0
    assert re.search(r"^queries +[\d.]+/s +\d+$", text.stdout, re.M) and re.search(r"^full\.lab\. +[\d.]+ +\d+ +0 +0 *$", text.stdout, re.M)
    assert "\033" not in text.stdout


class Terminal:
    """jidns top on a terminal."""

    def __init__(self, daemon, lines=24):
        self.out = b""
        self.mine, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (lines, 80))
        self.before = termios.tcgetattr(theirs)
        self.theirs = theirs
        self.child = subprocess.Popen([program(), "top", "--control", daemon.control], stdin=theirs, stdout=theirs, stderr=theirs,
                                      start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))

    def read(self, seconds):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if select.select([self.mine], [], [], 0.05)[0]:
                self.out += os.read(self.mine, 65536)
        return self.out.decode()

    def close(self):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        os.close(self.mine)
        os.close(self.theirs)


@pytest.mark.parametrize("ending", [b"q", b"\x03"], ids=["q", "ctrl-c"])
def test_top_on_a_terminal_ends_and_gives_it_back(daemon, ending):
    terminal = Terminal(daemon)
    try:
        assert wait_until(lambda: "UPSTREAM" in terminal.read(0.1), 10)
        raw = termios.tcgetattr(terminal.theirs)
        assert not raw[3] & termios.ECHO and not raw[3] & termios.ICANON
        os.write(terminal.mine, ending)
        assert terminal.child.wait(10) == DONE
        out = terminal.read(0.1)
        assert termios.tcgetattr(terminal.theirs) == terminal.before
        assert out.startswith("\033[?1049h") and out.rstrip().endswith("\033[?1049l") and "\033[?25h" in out
        shown = [line for line in re.sub(r"\033\[[?\d;]*[A-Za-z]", "", out).split("\r\n") if line]
        assert max(map(len, shown)) <= 80
    finally:
        terminal.close()


def test_top_never_scrolls_a_terminal_that_is_too_small(daemon):
    terminal = Terminal(daemon, 7)
    try:
        assert wait_until(lambda: terminal.read(0.1).count("\033[H") >= 2, 10)
        looks = terminal.read(0.1).split("\033[H")[1:]
        assert all(look.startswith("\033[Kjidnsd ") and look.count("\n") <= 6 for look in looks), looks
    finally:
        terminal.close()


def test_top_says_so_when_the_daemon_goes(relay, tmp_path):
    daemon = Jidnsd(["--upstream", relay.address, "--control", tmp_path / "c"], tmp_path).wait_ready()
    daemon.control = tmp_path / "c"
    terminal = Terminal(daemon)
    try:
        assert wait_until(lambda: "UPSTREAM" in terminal.read(0.1), 10)
        assert daemon.stop() == 0
        assert terminal.child.wait(20) == NO_ANSWER
        assert "jidnsd hung up" in terminal.read(0.1).split("\033[?1049l")[1]
        assert termios.tcgetattr(terminal.theirs) == terminal.before
    finally:
        terminal.close()


# ---- who may ----

def let_in(folder):
    """Others may pass through it and what it is in."""
    for each in (folder, *folder.parents):
        if each != each.parent and each.stat().st_uid == os.getuid():
            each.chmod(each.stat().st_mode | 0o711)


def as_user(uid, gid, groups="--clear-groups"):
    return lambda argv: ["setpriv", f"--reuid={uid}", f"--regid={gid}", groups, *argv]


@AS_ROOT
def test_root_its_own_user_and_its_group_may_command_and_nobody_else(relay, jidnsd, tmp_path):
    let_in(tmp_path)
    path = tmp_path / "c"
    daemon = jidnsd("--upstream", relay.address, "--control", path, "--user", "daemon", "--control-group", "games")
    daemon.control = path
    st = path.stat()
    assert stat.S_IMODE(st.st_mode) == 0o660 and (st.st_uid, st.st_gid) == (1, 60)
    assert jidns(daemon, "status").returncode == DONE
    assert jidns(daemon, "status", wrap=as_user(1, 1)).returncode == DONE
    assert jidns(daemon, "status", wrap=as_user(65533, 60)).returncode == DONE
    assert jidns(daemon, "status", wrap=as_user(65533, 65533, "--groups=60")).returncode == DONE
    kept_out = jidns(daemon, "status", wrap=as_user(65533, 65533))
    assert kept_out.returncode == NO_ANSWER and "Permission denied; only root, jidnsd's own user" in kept_out.stderr
    path.chmod(0o666)
    refused = jidns(daemon, "status", wrap=as_user(65533, 65533))
    assert refused.returncode == REFUSED and "only root, jidnsd's own user" in refused.stderr
    assert "control: user 65533 may not command" in daemon.stderr


# ---- the socket's life ----

def test_the_file_goes_with_the_daemon_and_a_dead_ones_is_replaced(relay, tmp_path):
    let_in(tmp_path)
    path = tmp_path / "run" / "c"
    path.parent.mkdir()
    path.parent.chmod(0o777)
    options = ["--upstream", relay.address, "--control", path]
    killed = Jidnsd(options, tmp_path).wait_ready()
    killed.stop(signal.SIGKILL)
    assert path.is_socket()
    gone = jidns_at(path)
    assert gone.returncode == NO_ANSWER and "jidnsd has ended" in gone.stderr
    again = Jidnsd(options, tmp_path, "again").wait_ready()
    assert jidns_at(path).returncode == DONE
    assert again.stop() == 0
    assert not path.exists()
    missing = jidns_at(path)
    assert missing.returncode == NO_ANSWER and f"{path}: No such file or directory; is jidnsd running" in missing.stderr


def jidns_at(path):
    return subprocess.run([program(), "status"], env={**os.environ, "JIDNS_CONTROL": str(path)}, capture_output=True, text=True,
                          timeout=30, check=False)


@AS_ROOT
def test_the_usual_folder_is_made_for_its_user_and_found_by_the_tool(relay, tmp_path):
    """In a mount namespace whose /run is empty, as it is after a boot."""
    own_run = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /run && exec "$0" "$@"']
    if subprocess.run([*own_run, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no mount namespaces here")
    daemon = Jidnsd(["--upstream", relay.address, "--user", "nobody", "--control", "/run/jidns/control"], tmp_path,
                    wrap=lambda argv: own_run + [str(a) for a in argv]).wait_ready()
    inside = ["nsenter", "-m", "-t", str(daemon.child.pid)]
    environment = {k: v for k, v in os.environ.items() if k != "JIDNS_CONTROL"}
    status = subprocess.run([*inside, program(), "status", "--json"], env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert status.returncode == DONE and json.loads(status.stdout)["pid"] == daemon.child.pid, status
    owned = subprocess.run([*inside, "stat", "-c", "%a %U %F", "/run/jidns", "/run/jidns/control"], capture_output=True, text=True, check=True)
    assert owned.stdout.splitlines() == ["755 nobody directory", "660 nobody socket"]
    second = Jidnsd(["--upstream", relay.address, "--control", "/run/jidns/control"], tmp_path, "second",
                    wrap=lambda argv: inside + [str(a) for a in argv]).wait_ready()
    assert "no control socket: /run/jidns/control: another jidnsd answers there" in second.stderr
    assert second.stop() == 0
    folder = os.open(f"/proc/{daemon.child.pid}/root/run/jidns", os.O_RDONLY)
    assert os.listdir(folder) == ["control"]
    assert daemon.stop() == 0
    assert os.listdir(folder) == []
    os.close(folder)


def test_a_live_daemons_socket_is_an_error_that_names_it(daemon, relay, tmp_path):
    second = Jidnsd(["--upstream", relay.address, "--control", daemon.control], tmp_path, "second")
    assert second.wait_exit() == 1
    assert second.stderr.endswith(f"jidnsd: --control '{daemon.control}': another jidnsd answers there\n")
    assert jidns(daemon, "status").returncode == DONE


def test_without_a_socket_it_runs_all_the_same(jidnsd, relay):
    daemon = jidnsd("--upstream", relay.address, "--control", "")
    assert ask(daemon.v4, "full.lab").answer


def test_no_command_needs_a_system_call_that_is_filtered(relay, tmp_path):
    let_in(tmp_path)
    daemon = Jidnsd(["--upstream", relay.address, "--control", tmp_path / "c", "--seccomp", "kill"], tmp_path)
    daemon.control = tmp_path / "c"
    if not wait_until(lambda: "jidnsd ready" in daemon.stderr or not daemon.running, 10) or not daemon.running:
        assert "built without libseccomp" in daemon.stderr
        pytest.skip("built without libseccomp, or with sanitizers")
    ask(daemon.v4, "full.lab")
    for command in ("status", "stats", "upstreams", "dump", "reload", "log-level", "flush --all", "top --once"):
        done = jidns(daemon, *command.split())
        assert done.returncode == DONE, (command, done)
    with Control(daemon.control) as gone:
        gone.send(b"dump\n")
    assert daemon.stop() == 0


# ---- abuse ----

def test_garbage_half_requests_and_a_thousand_connections_do_no_harm(daemon, relay):
    def still_well():
        assert ask(daemon.v4, "full.lab", patience_s=2).answer
        with Control(daemon.control) as control:
            assert control.ask("status")["ok"] is True

    garbage = [os.urandom(5000), b"\0" * 3000, b"\n" * 2000, b"status" * 1000, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b'flush "\n',
               b"dump\n" * 300, b"\xff\n" * 500, b"flush " + b"a." * 900 + b"\n", b"stats \x1b[2J\n", b"top " + b"x " * 100 + b"\n"]
    for octets in garbage:
        with Control(daemon.control) as control:
            try:
                control.send(octets)
                control.sock.shutdown(socket.SHUT_WR)
                while control.receive() is not None:
                    pass
            except (BrokenPipeError, ConnectionResetError):
                pass
    still_well()
    crowd = []
    for n in range(1000):
        crowd.append(Control(daemon.control))
        try:
            crowd[-1].send((b"sta", b"dump\n", b"status\n", b"")[n % 4])
        except (BrokenPipeError, ConnectionResetError):
            pass
        if n % 250 == 0:
            still_well()
    still_well()
    assert len(os.listdir(f"/proc/{daemon.child.pid}/fd")) < 120
    for each in crowd:
        each.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        each.close()
    still_well()


def test_wrong_requests_are_answered_with_what_would_be_right(control):
    for request, part in {"flush": "needs", "flush a b c": "needs", "flush --all x": "needs", "flush --below": "needs",
                          "flush a..b": "a..b", "flush a BOGUS": "BOGUS", "flush a TYPE65536": "TYPE65536", "flush a TYPE0": "TYPE0",
                          "dump a b": "needs", "dump a..b": "a..b", "status x": "takes no arguments", "stats x": "--workers",
                          "log-level loud": "error, warn, info or debug", "log-level a b": "log-level", "reload x": "takes no arguments", 
                          "top x": "--xmpp", "upstreams x": "takes no arguments", "nonsense": "no such command"}.items():
        heard = control.ask(request)
        assert heard["ok"] is False and part in heard["error"], (request, heard)


def test_help_lists_every_command(control):
    names = [command["name"] for command in control.ask("help")["commands"]]
    assert names == ["status", "stats", "upstreams", "settings", "flush", "dump", "reload", "log-level", "fault", "top"]
