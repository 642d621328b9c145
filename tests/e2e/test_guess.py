"""Hosts that are asked for beside the SRV because other domains have such ones, with the real daemon."""

import os
import pathlib
import pwd
import shutil
import signal
import tempfile
import time

import dns.message
import dns.rcode
import dns.rrset
import pytest

from kit.ask import Stream, ask, query
from kit.control import Control
from kit.proc import wait_until

LEARNT = 40
SLOW_S = 0.3


def made_up(asked):
    """A handler: every domain has its servers at xmpp.DOMAIN; those in slow.lab answer SRV late."""
    question = asked.query.question[0]
    name, rdtype = question.name.to_text().lower(), dns.rdatatype.to_text(question.rdtype)
    reply = dns.message.make_response(asked.query)
    if rdtype == "SRV" and name.startswith(("_xmpp-server.", "_xmpp-client.")):
        if name.endswith(".slow.lab."):
            time.sleep(SLOW_S)
        target = "xmpp." + name.split(".", 2)[2]
        reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", "SRV", f"0 5 5269 {target}"))
    elif rdtype in ("A", "AAAA"):
        reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", rdtype, "192.0.2.1" if rdtype == "A" else "2001:db8::1"))
    else:
        reply.set_rcode(dns.rcode.NXDOMAIN)
        reply.authority.append(dns.rrset.from_text("lab.", 60, "IN", "SOA", "ns.lab. host.lab. 1 3600 900 604800 60"))
    return reply


@pytest.fixture(name="server")
def fixture_server(upstream):
    return upstream(made_up)


@pytest.fixture(name="folder")
def fixture_folder():
    """One that jidnsd may use after it gave up root, which pytest's own is not."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="jidns-test-"))
    folder.chmod(0o755)
    if os.geteuid() == 0:
        os.chown(folder, pwd.getpwnam("nobody").pw_uid, -1)
    yield folder
    shutil.rmtree(folder)


def learn(daemon, count=LEARNT):
    with Stream(daemon.v4, 20) as stream:
        for n in range(count):
            stream.send(query(f"_xmpp-server._tcp.l{n}.lab", "SRV").to_wire())
            assert stream.receive() is not None


def beside_the_srv(daemon, server, domain):
    """Does the host's question reach the server while the SRV's answer is still awaited?"""
    server.forget()
    with Stream(daemon.v4, 20) as stream:
        stream.send(query(f"_xmpp-server._tcp.{domain}", "SRV").to_wire())
        time.sleep(SLOW_S / 2)
        early = {seen.question for seen in server.seen}
        assert stream.receive() is not None
    return {(f"xmpp.{domain}.", "A"), (f"xmpp.{domain}.", "AAAA")} <= early


def counters(path):
    with Control(path) as control:
        return control.ask("stats")["counters"]


def test_a_host_that_most_domains_have_is_asked_for_beside_the_srv(server, jidnsd, tmp_path):
    daemon = jidnsd("--upstream", server.address, "--control", tmp_path / "control")
    assert not beside_the_srv(daemon, server, "first.slow.lab")
    learn(daemon)
    assert beside_the_srv(daemon, server, "second.slow.lab")
    assert len(server.asked("xmpp.second.slow.lab.")) == 2, "nothing twice"
    counted = counters(tmp_path / "control")
    assert counted["guess_made"] == counted["guess_used"] + counted["guess_wasted"] > 0


def test_all_workers_share_what_one_has_learnt(server, jidnsd):
    daemon = jidnsd("--upstream", server.address, "--threads", "4")
    learn(daemon)  # one connection is one worker
    assert all(beside_the_srv(daemon, server, f"w{n}.slow.lab") for n in range(4))


def test_off_means_none(server, jidnsd, tmp_path):
    daemon = jidnsd("--upstream", server.address, "--prefetch-guess", "off", "--control", tmp_path / "control")
    learn(daemon)
    assert not beside_the_srv(daemon, server, "second.slow.lab")
    assert counters(tmp_path / "control")["guess_made"] == 0


def test_a_domain_of_forward_may_say_no(server, jidnsd, folder):
    settings = folder / "jidnsd.conf"
    text = f'upstream {{ server = "{server.address}" }}\nforward "corp.slow.lab" {{ upstream = "{server.address}"\n prefetch-guess = %s }}\n'
    settings.write_text(text % "off")
    daemon = jidnsd("--config", settings)
    learn(daemon)
    assert not beside_the_srv(daemon, server, "a.corp.slow.lab")
    assert beside_the_srv(daemon, server, "other.slow.lab")
    settings.write_text(text % "auto")
    daemon.child.send_signal(signal.SIGHUP)
    assert wait_until(lambda: beside_the_srv(daemon, server, f"b{time.monotonic_ns()}.corp.slow.lab"), 10)


def test_the_snapshot_teaches_the_next_daemon(server, jidnsd, folder):
    user = ["--user", "nobody"] if os.geteuid() == 0 else []
    how = ["--upstream", server.address, "--snapshot", folder / "cache", "--log-level", "debug", *user]
    daemon = jidnsd(*how)
    learn(daemon)
    assert daemon.stop() == 0, daemon.describe()
    daemon.close = lambda: None
    daemon = jidnsd(*how)
    daemon.wait_for(lambda: " answers from " in daemon.stderr, "loaded snapshot")
    assert beside_the_srv(daemon, server, "second.slow.lab")
    assert ask(daemon.v4, "xmpp.second.slow.lab", "A").answer
