"""The shipped socket unit, the watchdog and the unit's sandbox, under a real systemd."""

import re
import time

import pytest
from conftest import LAB
from machine import SOCKET, wait_until

CHAT = "chat.start.lab"
NO_CAPABILITY = "[Service]\nAmbientCapabilities=\nCapabilityBoundingSet=\nPrivateUsers=yes\n"


@pytest.fixture
def sockets(service):
    """jidnsd.socket is up; jidnsd is not."""
    machine = service.machine
    assert service.systemctl("start", "jidnsd.socket").returncode == 0
    yield service
    service.systemctl("stop", "jidnsd.socket", "jidnsd.service")
    change = machine.path(f"{SOCKET}.d/test.conf")
    if change.exists():
        change.unlink()
    service.systemctl("daemon-reload")


def exposure(service):
    said = service.machine.run("systemd-analyze", "security", "--no-pager", "jidnsd").stdout
    return float(re.search(r"exposure level for jidnsd.service: ([0-9.]+)", said).group(1))


def change_sockets(service, text):
    service.systemctl("stop", "jidnsd.socket", "jidnsd.service")
    service.machine.write(f"{SOCKET}.d/test.conf", f"[Socket]\nListenStream=\nListenDatagram=\n{text}")
    service.systemctl("daemon-reload")
    return service.systemctl("start", "jidnsd.socket")


# ---- sockets ----

def test_the_first_question_starts_it(sockets):
    assert sockets.show("ActiveState") == "inactive"
    assert sockets.answers(CHAT) and sockets.answers(CHAT, "::1")
    assert sockets.show("ActiveState") == "active"
    assert "listening on 127.0.0.1:53, [::1]:53 (udp, tcp)" in sockets.show("StatusText")


def test_tcp_starts_it_and_is_answered(sockets):
    asked = sockets.machine.run("jidns", "query", "--tcp", "--server", "127.0.0.1", "--timeout", "3000", CHAT, "A")
    assert asked.returncode == 0, asked.stderr


def test_questions_wait_while_it_is_started_again(sockets):
    assert sockets.answers(CHAT)
    restart = ["systemctl", "restart", "--no-block", "jidnsd"]
    for _ in range(5):
        assert sockets.machine.run(*restart).returncode == 0
        asked = sockets.machine.run("jidns", "query", "--server", "127.0.0.1", "--timeout", "5000", CHAT, "A")
        assert asked.returncode == 0, asked.stderr + sockets.journal()


def test_several_workers_share_the_sockets(sockets):
    sockets.set(LAB + "server { threads = 2 }\n")
    assert sockets.blast(CHAT, 2000) == 2000
    assert sockets.systemctl("reload", "jidnsd").returncode == 0
    assert sockets.blast(CHAT, 2000) == 2000, sockets.journal()


def test_addresses_of_the_settings_come_beside_those_of_the_sockets(sockets):
    sockets.set(LAB + "listen { address = 127.0.0.7 }\n")
    assert sockets.answers(CHAT) and sockets.answers(CHAT, "127.0.0.7")
    sockets.set(LAB + "listen { address = 127.0.0.8 }\n")
    assert sockets.systemctl("reload", "jidnsd").returncode == 0
    assert wait_until(lambda: sockets.answers(CHAT, "127.0.0.8"), 3), sockets.journal()
    assert sockets.answers(CHAT) and not sockets.answers(CHAT, "127.0.0.7")


def test_a_socket_of_one_kind_alone_is_completed(sockets):
    assert change_sockets(sockets, "ListenDatagram=127.0.0.5:53\n").returncode == 0
    assert sockets.answers(CHAT, "127.0.0.5"), sockets.journal()
    asked = sockets.machine.run("jidns", "query", "--tcp", "--server", "127.0.0.5", "--timeout", "1000", CHAT, "A")
    assert asked.returncode == 0, asked.stderr


@pytest.mark.parametrize("text, said", [("ListenStream=/run/jidns.sock\n", "neither UDP nor TCP"),
                                        ("ListenStream=53\nListenDatagram=53\nBindIPv6Only=both\n", "BindIPv6Only=ipv6-only")],
                         ids=["unix", "both"])
def test_a_socket_that_it_can_not_answer_on_is_refused_with_the_way_out(sockets, text, said):
    assert change_sockets(sockets, text).returncode == 0
    assert sockets.systemctl("start", "jidnsd").returncode != 0
    assert said in sockets.journal() and sockets.show("ExecMainStatus") == "2"


@pytest.mark.parametrize("passed, listed", [(17, []), (16, ["127.0.0.30"])], ids=["passed", "with those of the settings"])
def test_too_many_addresses_are_refused_with_their_number(sockets, passed, listed):
    sockets.set(LAB + "".join(f"listen {{ address = {address} }}\n" for address in listed))
    assert change_sockets(sockets, "".join(f"ListenStream=127.0.0.{i}:53\n" for i in range(2, 2 + passed))).returncode == 0
    assert sockets.systemctl("start", "jidnsd").returncode != 0
    assert "LISTEN_FDS: more than 16 addresses to listen on" in sockets.journal() and sockets.show("ExecMainStatus") == "2"


def test_with_its_sockets_passed_it_needs_no_capability(sockets):
    sockets.drop_in(NO_CAPABILITY)
    assert sockets.answers(CHAT), sockets.journal()
    held = sockets.machine.path(f"/proc/{sockets.show('MainPID')}/status").read_text(encoding="ascii")
    assert re.search(r"CapPrm:\s*0+\n", held)
    assert exposure(sockets) <= 1.5


# ---- the watchdog and the sandbox ----

def test_a_daemon_that_is_stuck_is_ended_and_started_again(service):
    service.drop_in("[Service]\nWatchdogSec=2\n")
    service.start()
    before = service.show("MainPID")
    time.sleep(3)
    assert service.show("MainPID") == before, "a healthy one is left alone"
    service.machine.kill("STOP", before)
    assert wait_until(lambda: service.show("MainPID") not in ("0", before) and service.answers(CHAT), 8), service.journal()


def test_the_unit_leaves_little_exposed(service):
    assert exposure(service) <= 1.5
