"""The shipped unit under a real systemd."""

import re
import time

import pytest
from conftest import LAB
from kit.dnstap import Collector
from kit.signed_world import SignedWorld
from kit.upstream import Upstream, relay_to
from kit.validators import skip_unless_installed, unbound
from machine import wait_until

CHAT = "chat.start.lab"
UPSTREAM_PORT = 5399


def main_pid(service):
    return int(service.show("MainPID"))


def is_settled(service, name=CHAT, server="127.0.0.1", within_s=8):
    return wait_until(lambda: service.answers(name, server), within_s)


# ---- start, reload, stop ----

def test_a_fresh_start_answers_as_soon_as_systemctl_returns(service):
    service.start()
    assert service.answers(CHAT) and service.answers(CHAT, "::1")
    assert service.show("ActiveState") == "active"
    assert "listening on 127.0.0.1:53" in service.show("StatusText")
    uid = service.machine.path(f"/proc/{main_pid(service)}/status").read_text(encoding="ascii").split("Uid:")[1].split()[0]
    assert uid != "0"


def test_a_reload_puts_new_settings_into_force_in_the_same_process(service):
    service.start()
    before = main_pid(service)
    service.set(LAB + 'xmpp "more.lab" { host "chat" { address = 192.0.2.11 } }\n')
    assert service.systemctl("reload", "jidnsd").returncode == 0
    assert is_settled(service, "chat.more.lab", within_s=2)
    assert main_pid(service) == before and service.show("NRestarts") == "0"
    assert service.show("ActiveState") == "active" and service.show("StatusText") == "settings reloaded"


def test_a_reload_of_wrong_settings_keeps_the_old_ones_and_says_so(service):
    service.start()
    before = main_pid(service)
    service.set("no-such-key = 1\n")
    service.systemctl("reload", "jidnsd")
    assert wait_until(lambda: "the last reload failed" in service.show("StatusText"), 5)
    assert service.answers(CHAT) and main_pid(service) == before
    assert service.show("ActiveState") == "active"
    assert "no-such-key" in service.journal()


def test_many_reloads_in_a_row_are_survived(service):
    service.start()
    before = main_pid(service)
    for _ in range(10):
        assert service.systemctl("reload", "jidnsd").returncode == 0
    assert service.answers(CHAT) and main_pid(service) == before


def test_it_stops_at_once_and_leaves_no_failure(service):
    service.start()
    began = time.monotonic()
    assert service.systemctl("stop", "jidnsd").returncode == 0
    assert time.monotonic() - began < 3
    assert (service.show("ActiveState"), service.show("Result"), service.show("ExecMainStatus")) == ("inactive", "success", "0")
    assert not service.machine.path("/run/jidns/control").exists()


# ---- again and again ----

@pytest.mark.parametrize("how", ["KILL", "SEGV", "ABRT", "TERM"])
def test_it_is_back_after_a_crash(service, how):
    service.start()
    for _ in range(2):
        before = main_pid(service)
        service.machine.kill(how, before)
        assert wait_until(lambda before=before: main_pid(service) not in (0, before), 5), service.journal()
        assert is_settled(service), service.journal()


def test_it_never_gives_up_while_it_crashes_at_once(service):
    service.drop_in("[Service]\nExecStart=\nExecStart=/bin/false\nRestartSec=50ms\n")
    service.systemctl("start", "--no-block", "jidnsd")
    assert wait_until(lambda: int(service.show("NRestarts")) > 12, 10)
    assert service.show("ActiveState") == "activating"


def test_it_answers_at_an_address_that_comes_after_the_start(service):
    service.set(LAB + "listen { address = 10.99.0.1 }\n")
    service.systemctl("start", "--no-block", "jidnsd")
    time.sleep(3)
    service.machine.run("ip", "address", "add", "10.99.0.1/32", "dev", "lo")
    try:
        assert is_settled(service, server="10.99.0.1"), service.journal()
    finally:
        service.machine.run("ip", "address", "del", "10.99.0.1/32", "dev", "lo")


@pytest.mark.parametrize("early", [None, "", "# nothing yet\n"], ids=["missing", "empty", "comment"])
def test_it_asks_the_servers_of_a_resolv_conf_that_comes_after_the_start(service, early):
    service.set("")
    service.machine.path("/etc/resolv.conf").unlink()
    if early is not None:
        service.machine.write("/etc/resolv.conf", early)
    service.machine.write("/tmp/upstream.conf", 'listen { address = 127.0.0.9 }\nxmpp "up.lab" { host "chat" { address = 192.0.2.12 } }\n')
    upstream = service.machine.run("systemd-run", "--collect", "--unit=upstream", "jidnsd", "--config", "/tmp/upstream.conf", "--control", "", "--upstream",
                                   "192.0.2.53")
    assert upstream.returncode == 0, upstream.stderr
    try:
        service.systemctl("start", "--no-block", "jidnsd")
        time.sleep(2)
        service.machine.write("/etc/resolv.conf", "nameserver 127.0.0.9\n")
        assert is_settled(service, "chat.up.lab"), service.journal()
    finally:
        service.systemctl("stop", "upstream")


@pytest.mark.parametrize("text", ["no-such-key = 1\n", "cache { size = much }\n", 'zone "a.lab" { file = /no/such/zone }\n',
                                  'control { group = "no-such-group" }\n'])
def test_wrong_settings_are_not_tried_again(service, text):
    service.set(text)
    assert service.systemctl("start", "jidnsd").returncode != 0
    time.sleep(2.5)
    assert (service.show("ActiveState"), service.show("Result")) == ("failed", "exit-code")
    assert (service.show("ExecMainStatus"), service.show("NRestarts")) == ("2", "0"), service.journal()


# ---- the control socket ----

def test_the_control_socket_is_usable_where_its_group_can_not_be_had(service):
    service.set(LAB + 'control { group = "staff" }\n')
    service.start()
    assert service.machine.run("jidns", "status").returncode == 0
    assert "SupplementaryGroups=staff and SystemCallFilter=@chown" in service.journal()


def test_a_group_that_the_unit_names_may_command_it(service):
    service.set(LAB + 'control { group = "staff" }\n')
    service.drop_in("[Service]\nSupplementaryGroups=staff\nSystemCallFilter=@chown\n")
    service.start()
    as_member = ["setpriv", "--reuid=daemon", "--regid=daemon", "--groups=staff"]
    as_other = ["setpriv", "--reuid=daemon", "--regid=daemon", "--clear-groups"]
    assert service.machine.run(*as_member, "jidns", "status").returncode == 0, service.journal()
    assert service.machine.run(*as_other, "jidns", "status").returncode != 0
    assert service.machine.run("jidns", "status").returncode == 0


# ---- files that its user can't read ----

def test_settings_that_its_user_can_not_read_are_named_with_the_way_out(service):
    service.set(LAB, 0o600)
    assert service.systemctl("start", "jidnsd").returncode != 0
    assert re.search(r"jidnsd\.conf: Permission denied.*chmod", service.journal()), service.journal()


# ---- the journal ----

def test_a_journal_that_is_stuck_holds_up_neither_answers_nor_the_stop(service):
    service.set(LAB + "log { queries = 1 }\n")
    service.start()
    journald = service.systemctl("show", "-P", "MainPID", "systemd-journald").stdout.strip()
    service.machine.kill("STOP", journald)
    try:
        assert service.blast(CHAT, 20000) == 20000
        began = time.monotonic()
        service.machine.kill("TERM", main_pid(service))
        assert wait_until(lambda: service.show("SubState") != "running", 5) and time.monotonic() - began < 4
    finally:
        service.machine.kill("CONT", journald)


# ---- what the unit lets it do ----

def test_it_reaches_a_dnstap_collector_now_and_again(service):
    path = service.machine.path("/run/tap.sock")
    service.set(LAB + 'dnstap { socket = "unix:/run/tap.sock" }\n')
    collector = Collector(path)
    try:
        service.start()
        assert wait_until(lambda: "dnstap collector at /run/tap.sock is connected" in service.journal(), 10), service.journal()
        assert service.answers(CHAT) and len(collector.wait_for(2)) >= 2
    finally:
        collector.close()
    assert service.answers(CHAT)
    assert wait_until(lambda: "no dnstap collector at /run/tap.sock" in service.journal(), 10), service.journal()
    collector = Collector(path)
    try:
        assert wait_until(lambda: service.journal().count("is connected") == 2, 10), service.journal()
        assert service.answers(CHAT)
        collector.wait_for(2)
    finally:
        collector.close()


def test_it_validates_within_what_the_unit_allows(service, tmp_path):
    skip_unless_installed()
    world = SignedWorld(tmp_path)
    plain = unbound(world, tmp_path, "plain", "iterator")
    upstream = Upstream(relay_to(*plain.server), UPSTREAM_PORT, namespace=service.machine)
    service.machine.write("/usr/local/etc/jidns/root.ds", world.anchor.read_text())
    service.set(f'upstream {{ server = "{upstream.address}" }}\n'
                'dnssec { mode = validate trust-anchor = "/usr/local/etc/jidns/root.ds" }\n')
    try:
        service.start()
        said = [service.machine.run("jidns", "query", "--server", "127.0.0.1", "--dnssec", name, "A").stdout
                for name in ("host.p256-nsec.sec", "host.expired.sec")]
        assert "flags qr rd ra ad" in said[0] and "192.0.2.1" in said[0], (said, service.journal())
        assert "SERVFAIL" in said[1] and "EDE 7" in said[1], said
    finally:
        service.machine.path("/usr/local/etc/jidns/root.ds").unlink()
        upstream.close()
        plain.stop()
        world.close()
