"""jidnsd --health and /readyz: can the daemon answer? What probes of containers rest on."""

import http.client
import os
import signal
import socket
import subprocess
import time

import dns.message
import pytest

from kit.ask import ask
from kit.jidnsd import path
from kit.netns import free_ports
from kit.proc import wait_until
from kit.upstream import Upstream, always

DEAD = (1, "no server upstream answers\n", "")
FROM_CACHE = (0, "ready: no server upstream answers, but the cache does\n", "")


def health(*options, **variables):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("JIDNS_")} | variables
    done = subprocess.run([path(), *map(str, options), "--config", "", "--health"], capture_output=True, text=True, check=False,
                          env=environment, timeout=10)
    return done.returncode, done.stdout, done.stderr


def at(daemon):
    return health("--listen", f"127.0.0.1:{daemon.port}")


@pytest.fixture(name="watched")
def fixture_watched(jidnsd):
    def start(*options):
        port = free_ports()
        daemon = jidnsd("--metrics", f"127.0.0.1:{port}", "--prefetch", "off", "--expand-srv", "off", *options)
        daemon.page = port
        return daemon
    return start


def readyz(daemon):
    connection = http.client.HTTPConnection("127.0.0.1", daemon.page, timeout=20)
    connection.request("GET", "/readyz")
    reply = connection.getresponse()
    return reply.status, reply.read().decode()


def fail(daemon, n=8):
    """Questions that show that the upstream server is dead."""
    for i in range(n):
        ask(daemon.v4, f"n{i}.dead.lab")


def test_a_daemon_that_answers_is_ready_whichever_address_it_is_asked_at(proxy):
    assert at(proxy) == (0, "ready\n", "")
    assert health("--listen", f"[::1]:{proxy.port}") == (0, "ready\n", "")
    assert health("--listen", f"127.0.0.1:{free_ports()}", "--listen", f"[::1]:{proxy.port}") == (0, "ready\n", "")


def test_it_reads_the_settings_that_the_daemon_reads(proxy, tmp_path):
    assert health(JIDNS_LISTEN=f"127.0.0.1:{proxy.port}")[0] == 0
    assert health(JIDNS_SETTINGS=f'listen {{ address = "127.0.0.1:{proxy.port}" }}')[0] == 0
    conf = tmp_path / "jidnsd.conf"
    conf.write_text(f'listen {{ address = "0.0.0.0:{proxy.port}" }}')
    done = subprocess.run([path(), "--config", conf, "--health"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "ready\n")


def test_where_no_daemon_runs_it_says_so_at_once():
    port, start = free_ports(), time.monotonic()
    status, out, err = health("--listen", f"127.0.0.1:{port}")
    assert (status, out) == (1, "")
    assert err == f"jidnsd: 127.0.0.1:{port}: no answer: Connection refused; does jidnsd run here, with these settings?\n"
    assert time.monotonic() - start < 0.8


def test_a_daemon_that_hangs_is_given_up_within_a_second(proxy):
    os.kill(proxy.child.pid, signal.SIGSTOP)
    try:
        start = time.monotonic()
        status, out, err = at(proxy)
        assert (status, out) == (1, "") and "no answer" in err
        assert time.monotonic() - start < 2  # 0.9 s, and the machine may be busy
    finally:
        os.kill(proxy.child.pid, signal.SIGCONT)


def test_another_server_on_the_port_is_told_from_jidnsd(upstream):
    other = upstream(always(0))
    status, out, err = health("--listen", other.address)
    assert (status, out) == (1, "") and "it is not this jidnsd that answers there" in err


def test_wrong_settings_are_status_2():
    status, _, err = health("--threads", "none")
    assert status == 2 and "--threads 'none'" in err


def test_it_is_not_ready_while_it_can_give_no_answer_at_all(watched):
    daemon = watched("--upstream", f"127.0.0.1:{free_ports()}")
    assert at(daemon)[0] == 0  # nobody knows yet
    fail(daemon)
    assert wait_until(lambda: at(daemon) == DEAD, 5), at(daemon)
    assert wait_until(lambda: readyz(daemon) == (503, DEAD[1]), 5)


def test_it_is_ready_while_stale_answers_flow(watched):
    server = Upstream(lambda asked: answer(asked, 1), free_ports())
    daemon = watched("--upstream", server.address)
    ask(daemon.v4, "kept.lab")
    server.close()
    fail(daemon)
    time.sleep(1.1)  # its TTL is over
    assert wait_until(lambda: at(daemon) == FROM_CACHE, 5), at(daemon)
    assert readyz(daemon) == (200, FROM_CACHE[1])
    assert ask(daemon.v4, "kept.lab").answer


def test_what_is_too_old_to_be_given_makes_nobody_ready(watched):
    server = Upstream(lambda asked: answer(asked, 1), free_ports())
    daemon = watched("--upstream", server.address, "--max-stale", "0")
    ask(daemon.v4, "kept.lab")
    server.close()
    fail(daemon)
    assert wait_until(lambda: at(daemon) == DEAD, 5), at(daemon)
    assert readyz(daemon) == (503, DEAD[1])


def test_it_is_ready_again_when_the_server_answers_again(watched, upstream):
    port = free_ports()
    daemon = watched("--upstream", f"127.0.0.1:{port}")
    fail(daemon)
    assert wait_until(lambda: at(daemon) == DEAD, 5)
    upstream(lambda asked: answer(asked, 300), port=port)

    def answers():
        ask(daemon.v4, f"{time.monotonic_ns()}.lab")
        return at(daemon) == (0, "ready\n", "")
    assert wait_until(answers, 20)


def test_faults_and_limits_do_not_reach_it(jidnsd, relay):
    daemon = jidnsd("--upstream", relay.address, "--fault", "drop", "--allow", "192.0.2.0/24", "--refuse-with", "silence",
                    "--rate-limit", "1")
    for _ in range(5):
        assert at(daemon) == (0, "ready\n", "")


def test_nobody_but_this_machine_is_told(jidnsd, relay):
    """From 127.0.0.1 alone, as tests have no other machine; the rest is in tests/scenario/test_who.c."""
    daemon = jidnsd("--upstream", relay.address)
    query = dns.message.make_query("health.jidnsd", "TXT", "CH")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(5)
        s.sendto(query.to_wire(), daemon.v4)
        reply = dns.message.from_wire(s.recv(4096))
    assert [r.to_text() for r in reply.answer[0]] == ['"ready"']


def answer(asked, ttl):
    reply = dns.message.make_response(asked.query)
    reply.flags |= 0x80
    question = asked.query.question[0]
    if question.name.to_text() == "kept.lab." or ttl == 300:
        reply.answer.append(dns.rrset.from_text(question.name, ttl, "IN", "A", "192.0.2.1"))
    else:
        reply.set_rcode(dns.rcode.NXDOMAIN)
    return reply
