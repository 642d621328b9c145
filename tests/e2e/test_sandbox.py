"""The daemon behind its sandbox: what it has given up, and that it lives its whole life there."""

import os
import pwd
import signal
import time

import pytest

from kit.ask import Stream, ask, query
from kit.jidnsd import Jidnsd, has_filter
from kit.upstream import Upstream, relay_to

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give it up")
CAP_NET_BIND_SERVICE = 1 << 10


def statuses(pid):
    """/proc's status of each thread, as a dictionary."""
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status", encoding="ascii") as lines:
            yield dict(line.rstrip("\n").split(":\t", 1) for line in lines if ":\t" in line)


@pytest.fixture(name="boxed", params=["kill", "errno", "off"])
def fixture_boxed(request, namespaces, nsd, tmp_path):
    """A daemon on port 53 of a namespace of its own, with each way to filter."""
    if request.param == "kill" and not has_filter():
        pytest.skip("this jidnsd can't filter system calls")
    space = namespaces("box")
    relay = Upstream(relay_to(*nsd.server), 5353, "127.0.0.2", space)
    options = ["--listen", "127.0.0.1:53", "--upstream", "127.0.0.2:5353", "--threads", "2", "--user", "nobody", "--seccomp", request.param]
    daemon = Jidnsd(options, tmp_path, listen=False, wrap=space.argv).wait_ready()
    daemon.filters = has_filter() and request.param != "off"
    yield space, daemon
    daemon.stop()
    relay.close()


def test_every_thread_is_nobody_with_one_capability_and_can_gain_none(boxed):
    _, daemon = boxed
    uid = str(pwd.getpwnam("nobody").pw_uid)
    threads = list(statuses(daemon.child.pid))
    assert len(threads) >= 3
    for status in threads:
        assert status["Uid"].split("\t") == [uid] * 4
        assert status["Groups"].strip() == ""
        assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == CAP_NET_BIND_SERVICE
        assert int(status["CapBnd"], 16) == 0
        assert status["NoNewPrivs"] == "1"
        assert status["Seccomp"] == ("2" if daemon.filters else "0")


def test_it_lives_its_whole_life_in_there(boxed):
    space, daemon = boxed
    here = ("127.0.0.1", 53)

    def live():
        for n in range(50):
            assert ask(here, f"n{n}.hosted.lab", "A", tcp=n % 5 == 0).answer
        with Stream(here) as stream:
            for n in range(20):
                wire = query(f"m{n}.hosted.lab", "A").to_wire()
                stream.sock.sendall(len(wire).to_bytes(2, "big") + wire)
            for _ in range(20):
                assert stream.receive() is not None

    space.call(live)
    os.kill(daemon.child.pid, signal.SIGHUP)
    time.sleep(0.2)
    space.call(live)
    assert daemon.stop() == 0


def test_a_user_that_does_not_exist_ends_the_start(tmp_path):
    daemon = Jidnsd(["--user", "no-such-user-here", "--upstream", "192.0.2.1"], tmp_path)
    assert daemon.wait_exit() == 2, "wrong settings: no better at another start"
    assert "--user 'no-such-user-here'" in daemon.stderr and "jidnsd ready" not in daemon.stderr


def test_one_that_is_not_root_can_only_stay_what_it_is(tmp_path):
    drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    daemon = Jidnsd(["--user", "daemon", "--upstream", "192.0.2.1"], tmp_path, wrap=lambda argv: drop + [str(a) for a in argv])
    assert daemon.wait_exit() == 2, "wrong settings: no better at another start"
    assert "only root" in daemon.stderr
    stays = Jidnsd(["--upstream", "192.0.2.1"], tmp_path, "stays", wrap=lambda argv: drop + [str(a) for a in argv]).wait_ready()
    assert stays.stop() == 0
