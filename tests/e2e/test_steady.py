"""Names in steady use through a real cache: nobody waits, nothing is much past its TTL, and the cache is asked hardly more than once a TTL.

Most real upstreams are caches. Asked before an answer's end they give only what is left of it."""

import math
import shutil
import socket
import struct
import threading
import time

import dns.message
import dns.rdatatype
import dns.rrset
import pytest

from kit.ask import ask
from kit.netns import free_ports
from kit.proc import Process, wait_until
from kit.upstream import relay_to

TTL_S = 5
AUTHORITY_S = 0.15   # that the authority takes: a wait can't be taken for the machine's own slowness
WAIT_S = 0.1
ASKED_S = 30
EVERY_S = 0.1
NAME = "steady.example"

UNBOUND = """
server:
  interface: 127.0.0.1@{port}
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: "{folder}/unbound.pid"
  do-daemonize: no
  use-syslog: no
  do-not-query-localhost: no
  module-config: "iterator"
  local-zone: "example." nodefault
forward-zone:
  name: "example"
  forward-addr: 127.0.0.1@{authority}
remote-control:
  control-enable: no
"""

NAMED = """
options {{
  directory "{folder}"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
  pid-file "{folder}/named.pid"; session-keyfile "{folder}/session.key"; dnssec-validation no; empty-zones-enable no;
}};
controls {{ }};
zone "example" {{ type forward; forward only; forwarders {{ 127.0.0.1 port {authority}; }}; }};
"""

CACHES = {"unbound": (UNBOUND, ["unbound", "-d", "-c"]), "named": (NAMED, ["named", "-g", "-c"])}


def clock_address(now):
    """The time as an address: an answer tells how old it is. 100.64.0.0/10 holds 48 days in seconds."""
    return socket.inet_ntoa(struct.pack(">I", 0x64400000 | int(now * 10) & 0x3fffff))


def age_of(address, now):
    told = struct.unpack(">I", socket.inet_aton(address))[0] & 0x3fffff
    return ((int(now * 10) - told) & 0x3fffff) / 10


def authority(asked):
    reply = dns.message.make_response(asked.query)
    reply.flags |= dns.flags.AA
    question = asked.query.question[0]
    time.sleep(AUTHORITY_S)
    if question.rdtype == dns.rdatatype.A:
        reply.answer.append(dns.rrset.from_text(question.name, TTL_S, "IN", "A", clock_address(time.monotonic())))
    else:
        reply.authority.append(dns.rrset.from_text("example.", TTL_S, "IN", "SOA", f"ns.example. admin.example. 1 1 1 1 {TTL_S}"))
    return reply


@pytest.fixture(name="cache", params=sorted(CACHES))
def fixture_cache(request, upstream, tmp_path, track):
    """(host, port) of a real cache in front of the authority."""
    text, argv = CACHES[request.param]
    if not shutil.which(argv[0]):
        pytest.skip(f"no {argv[0]}")
    port = free_ports()
    conf = tmp_path / f"{request.param}.conf"
    conf.write_text(text.format(port=port, folder=tmp_path, authority=upstream(authority).port))
    process = track(Process(request.param, [*argv, conf], tmp_path))

    def answers():
        try:
            return ask(("127.0.0.1", port), "start.example", patience_s=1).answer
        except (OSError, dns.exception.Timeout):
            return None
    assert wait_until(answers, 20), process.describe()
    yield "127.0.0.1", port
    process.stop()


class Asking(threading.Thread):
    """Asks again and again; remembers how long each answer took and how old it was."""

    def __init__(self, server, rdtype):
        super().__init__()
        self.server, self.rdtype, self.took, self.ages, self.failed = server, rdtype, [], [], 0

    def run(self):
        end = time.monotonic() + ASKED_S
        while time.monotonic() < end:
            begun = time.monotonic()
            answer = ask(self.server, NAME, self.rdtype)
            now = time.monotonic()
            self.took.append(now - begun)
            self.failed += bool(answer.rcode())
            self.ages += [age_of(str(record), now) for rrset in answer.answer for record in rrset]
            time.sleep(EVERY_S)


def test_names_in_use_wait_for_nothing_and_cost_hardly_more_than_a_question_a_ttl(cache, upstream, jidnsd):
    way = upstream(relay_to(*cache))
    daemon = jidnsd("--upstream", way.address, "--threads", "2")
    askings = [Asking(daemon.v4, rdtype) for rdtype in ("A", "AAAA")]
    for one in askings:
        one.start()
    for one in askings:
        one.join()

    for one in askings:
        assert len(one.took) > ASKED_S / EVERY_S / 3, "the machine is too slow to tell"
        assert not one.failed
        waits = sum(took > WAIT_S for took in one.took[1:])
        assert waits <= math.ceil(len(one.took) / 100), (one.rdtype, sorted(one.took)[-8:])
        asked = len(way.asked(NAME + ".", one.rdtype))
        assert asked <= 1.2 * ASKED_S / TTL_S + 1, f"{asked} questions in {ASKED_S / TTL_S} TTLs"
    ages = askings[0].ages
    assert max(ages) <= TTL_S + 2 + AUTHORITY_S + 1, f"{max(ages)} s old, of a TTL of {TTL_S}"
    assert max(ages) > TTL_S / 2, "ages can be told"
