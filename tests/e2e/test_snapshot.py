"""The cache over restarts: what the next daemon knows, and what goes wrong with a file without harm."""

import os
import pathlib
import pwd
import shutil
import signal
import stat
import tempfile
import time

import pytest
from test_sandbox import has_filter

from kit import netns
from kit.ask import Stream, ask, query
from kit.control import Control
from kit.jidnsd import Jidnsd
from kit.proc import wait_until

NAMES = [("mostly.lab", "A"), ("_xmpp-client._tcp.full.lab", "SRV"), ("no.such.lab", "A"), ("hop0.lab", "A")]


@pytest.fixture(name="kept")
def fixture_kept(relay, jidnsd):
    """Starts a daemon that keeps its cache in a folder; started by root it is `nobody`, whose folder that is, not below pytest's."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="jidns-test-"))
    if os.geteuid() == 0:
        os.chown(folder, pwd.getpwnam("nobody").pw_uid, -1)

    def start(*options, path=folder / "cache", **how):
        user = ["--user", "nobody"] if os.geteuid() == 0 else []
        strict = ["--seccomp", "kill"] if has_filter() else []
        where = ["--snapshot", path] if path is not None else []
        return jidnsd("--upstream", relay.address, "--prefetch", "off", "--expand-srv", "off", "--log-level", "debug", *where,
                      *user, *strict, *options, **how)
    start.path = folder / "cache"
    yield start
    shutil.rmtree(folder)


def end(daemon):
    """Let it end, to be started again: the fixture closes those that are left."""
    assert daemon.stop() == 0, daemon.describe()


@pytest.fixture(autouse=True)
def fixture_ended(monkeypatch):
    """A daemon that this file has ended already has ended well."""
    close = Jidnsd.close
    monkeypatch.setattr(Jidnsd, "close", lambda self: close(self) if self.running else None)


def loaded(daemon):
    daemon.wait_for(lambda: " answers from " in daemon.stderr, "loaded snapshot")


def fill(daemon, count, name="n{}.bulky.lab"):
    """So many answers of more than 1 KB."""
    with Stream(daemon.v4, 20) as stream:
        for first in range(0, count, 50):
            batch = [query(name.format(n), "TXT").to_wire() for n in range(first, min(first + 50, count))]
            stream.send(*batch)
            for _ in batch:
                assert stream.receive() is not None


def test_after_a_restart_answers_come_without_a_question_upstream(kept, relay):
    daemon = kept()
    first = [ask(daemon.v4, *name) for name in NAMES]
    end(daemon)
    relay.forget()
    time.sleep(1.2)
    daemon = kept()
    loaded(daemon)
    for name, before in zip(NAMES, first):
        after = ask(daemon.v4, *name)
        assert after.rcode() == before.rcode()
        for old, new in zip(before.answer + before.authority, after.answer + after.authority, strict=True):
            assert new == old
            assert old.ttl - 10 < new.ttl < old.ttl, "the time asleep counts"
    assert not relay.seen


def test_only_its_owner_can_read_what_was_asked(kept):
    daemon = kept()
    ask(daemon.v4, "mostly.lab")
    end(daemon)
    assert stat.S_IMODE(kept.path.stat().st_mode) == 0o600
    assert os.listdir(kept.path.parent) == ["cache"]


def test_it_is_written_now_and_then_as_well(kept, relay):
    daemon = kept("--snapshot-every", 1)
    ask(daemon.v4, "mostly.lab")
    daemon.wait_for(lambda: "1 answers to" in daemon.stderr, "snapshot")
    daemon.stop(signal.SIGKILL)
    relay.forget()
    daemon = kept()
    loaded(daemon)
    assert ask(daemon.v4, "mostly.lab").answer
    assert not relay.seen


def test_a_reload_changes_how_often_and_where(kept):
    conf, other = kept.path.with_name("jidnsd.conf"), kept.path.with_name("other")
    conf.write_text("cache { snapshot-every = 0 }\n", encoding="ascii")
    conf.chmod(0o644)
    daemon = kept("--config", conf, path=None)
    ask(daemon.v4, "mostly.lab")
    conf.write_text(f"cache {{ snapshot-every = 1\n snapshot = \"{other}\" }}\n", encoding="ascii")
    os.kill(daemon.child.pid, signal.SIGHUP)
    daemon.wait_for(other.exists, "snapshot in the other place")


def test_killed_while_it_writes_it_leaves_the_one_before(kept):
    new = kept.path.with_name("cache.new")
    daemon = kept()
    fill(daemon, 2000)
    end(daemon)
    for _ in range(20):
        daemon = kept("--snapshot-every", 1)
        loaded(daemon)
        wait_until(new.exists, 3, step_s=0)
        daemon.stop(signal.SIGKILL)
        if new.exists():
            break
    assert new.exists(), "it was never killed in the midst of it"
    daemon = kept()
    loaded(daemon)
    assert "2000 answers from" in daemon.stderr
    end(daemon)
    assert not new.exists()


def test_a_full_disk_costs_the_new_snapshot_and_is_said_once(kept):
    reason = netns.why_not()
    if reason:
        pytest.skip(reason)
    disk = kept.path.with_name("disk")
    disk.mkdir()
    mount = f"mount -t tmpfs -o size=64k,mode=777 none {disk} && exec \"$@\""
    daemon = kept("--snapshot-every", 1, path=disk / "cache", wrap=lambda argv: ["unshare", "-m", "sh", "-c", mount, "sh", *argv])
    inside = f"/proc/{daemon.child.pid}/root{disk}"
    ask(daemon.v4, "mostly.lab")
    daemon.wait_for(lambda: "1 answers to" in daemon.stderr, "snapshot")
    size = os.stat(f"{inside}/cache").st_size
    fill(daemon, 100)
    daemon.wait_for(lambda: "No space left on device" in daemon.stderr, "complaint")
    time.sleep(2.2)
    assert daemon.stderr.count("No space left on device") == 1
    assert os.listdir(inside) == ["cache"]
    assert os.stat(f"{inside}/cache").st_size == size
    assert ask(daemon.v4, "hop0.lab").answer


def test_a_damaged_file_is_named_and_what_is_whole_of_it_is_used(kept, relay):
    daemon = kept()
    fill(daemon, 200)
    end(daemon)
    octets = bytearray(kept.path.read_bytes())
    octets[len(octets) - 30000] ^= 1
    kept.path.write_bytes(octets)
    daemon = kept()
    complaint = f"the snapshot {kept.path} is not usable as a whole: it is damaged"
    daemon.wait_for(lambda: complaint in daemon.stderr, "complaint")
    relay.forget()
    fill(daemon, 200)
    assert 0 < len(relay.seen) < 150
    end(daemon)
    daemon = kept()
    loaded(daemon)
    assert "200 answers from" in daemon.stderr


def test_a_file_that_is_no_snapshot_is_named_and_left_alone(kept):
    kept.path.write_text("dear diary\n", encoding="ascii")
    kept.path.chmod(0o666)
    daemon = kept()
    daemon.wait_for(lambda: f"can't use {kept.path} as a snapshot: it is no snapshot of jidnsd's; jidnsd leaves the file as it is" in daemon.stderr, "complaint")
    assert ask(daemon.v4, "mostly.lab").answer
    end(daemon)
    assert kept.path.read_text(encoding="ascii") == "dear diary\n"


def test_a_missing_folder_is_named_at_the_start(kept):
    daemon = kept(path=kept.path.parent / "nowhere" / "cache")
    daemon.wait_for(lambda: "its folder is missing" in daemon.stderr, "complaint")
    assert ask(daemon.v4, "mostly.lab").answer


def test_nothing_is_kept_when_told_so(kept):
    daemon = kept(path="none")
    ask(daemon.v4, "mostly.lab")
    end(daemon)
    assert not kept.path.exists()


def test_the_folder_that_systemd_makes_is_used_unasked(kept, monkeypatch):
    monkeypatch.setenv("STATE_DIRECTORY", str(kept.path.parent))
    daemon = kept(path="")
    ask(daemon.v4, "mostly.lab")
    end(daemon)
    assert kept.path.exists()


def test_a_daemon_that_is_stopped_while_it_loads_keeps_the_file(kept):
    daemon = kept()
    fill(daemon, 2000)
    end(daemon)
    size = kept.path.stat().st_size
    for _ in range(5):
        end(kept())
        assert kept.path.stat().st_size == size


def test_a_reload_does_not_put_off_what_a_flush_wants_written(kept, tmp_path):
    daemon = kept("--control", tmp_path / "c")
    fill(daemon, 5)
    with Control(tmp_path / "c") as control:
        assert control.ask("flush n0.bulky.lab")["removed"]
        assert control.ask("reload")["ok"]
    daemon.wait_for(lambda: f"4 answers to {kept.path}" in daemon.stderr, "snapshot soon after the flush", 5)
