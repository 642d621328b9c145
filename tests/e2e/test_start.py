"""After a restart: names that were in use before are renewed, gently, and nobody waits for them."""

import os
import pathlib
import pwd
import shutil
import tempfile
import time

import dns.flags
import dns.message
import dns.rrset
import pytest

from kit.ask import ask
from kit.jidnsd import Jidnsd

TTL_S = 4
NAMES = 24
PER_S = 10  # as doc/xmpp.md says


class Authority:
    """Answers every A question with this TTL, and remembers when it was asked."""

    def __init__(self):
        self.times = []

    def __call__(self, asked):
        self.times.append(time.monotonic())
        reply = dns.message.make_response(asked.query)
        reply.flags |= dns.flags.AA
        reply.answer.append(dns.rrset.from_text(asked.query.question[0].name, TTL_S, "IN", "A", "192.0.2.1"))
        return reply


@pytest.fixture(name="folder")
def fixture_folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="jidns-test-"))
    if os.geteuid() == 0:
        os.chown(path, pwd.getpwnam("nobody").pw_uid, -1)
    yield path
    shutil.rmtree(path)


@pytest.fixture(autouse=True)
def fixture_ended(monkeypatch):
    """A daemon that was ended to be started again has ended well."""
    close = Jidnsd.close
    monkeypatch.setattr(Jidnsd, "close", lambda self: close(self) if self.running else None)


def use(daemon, times):
    for _ in range(times):
        for n in range(NAMES):
            assert ask(daemon.v4, f"n{n}.use", "A").answer


def most_in_a_second(times):
    return max(sum(begun <= t < begun + 1 for t in times) for begun in times)


def test_names_in_use_before_a_restart_are_there_again_and_the_servers_are_not_flooded(folder, upstream, jidnsd):
    authority = Authority()
    server = upstream(authority)
    user = ["--user", "nobody"] if os.geteuid() == 0 else []
    options = ["--upstream", server.address, "--snapshot", folder / "cache", "--threads", "2", "--log-level", "debug", *user]
    daemon = jidnsd(*options)
    use(daemon, 3)
    ask(daemon.v4, "once.use", "A")
    assert daemon.stop() == 0, daemon.describe()
    time.sleep(TTL_S + 1)

    server.forget()
    authority.times.clear()
    daemon = jidnsd(*options)
    daemon.wait_for(lambda: "were in use before the restart" in daemon.stderr, "gathered names")
    daemon.wait_for(lambda: len(authority.times) >= NAMES, "renewed names", 10)
    assert most_in_a_second(authority.times) <= PER_S + 1
    assert not server.asked("once.use.")
    before = len(server.seen)
    use(daemon, 1)
    waited = [seen.name for seen in server.seen[before:]]
    assert len(waited) <= NAMES / 10, f"{waited} were waited for"
