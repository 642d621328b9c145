"""Names in steady use through a real cache: nobody waits, nothing is much past its TTL, and the cache is asked hardly more than once a TTL.

Most real upstreams are caches. Asked before an answer's end they give only what is left of it."""

import math
import os
import random
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
from kit.control import Control
from kit.netns import free_ports
from kit.nsd import Nsd
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
  {more}
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
EAGER = "prefetch: yes\n  serve-expired: yes"  # an unbound that does as jidnsd does


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


def start_cache(kind, authority_port, folder, track, more=""):
    """A real cache in front of the authority; its (host, port) and process."""
    text, argv = CACHES[kind]
    if not shutil.which(argv[0]):
        pytest.skip(f"no {argv[0]}")
    port = free_ports()
    conf = folder / f"{kind}.conf"
    conf.write_text(text.format(port=port, folder=folder, authority=authority_port, more=more))
    process = track(Process(kind, [*argv, conf], folder))

    def answers():
        try:
            return ask(("127.0.0.1", port), "start.example", patience_s=1).answer
        except (OSError, dns.exception.Timeout):
            return None
    assert wait_until(answers, 20), process.describe()
    return ("127.0.0.1", port), process


@pytest.fixture(name="cache", params=sorted(CACHES))
def fixture_cache(request, upstream, tmp_path, track):
    """(host, port) of a real cache in front of the authority."""
    server, process = start_cache(request.param, upstream(authority).port, tmp_path, track)
    yield server
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


# ---- at random times, behind a real authority ----

LIFE_S = 30          # the TTL
HOSTS = 40
PER_LIFE = 8         # questions for each host, on average; with 5 up to one in a hundred waits, most before the first renewal
RANDOM_S = 5 * LIFE_S
WAY_S = 0.15         # from jidnsd to the cache and back
SOA = "$ORIGIN {name}.\n$TTL {ttl}\n@ SOA ns admin 1 3600 600 86400 {ttl}\n@ NS ns\nns A 192.0.2.53\n"


def make_zones(folder):
    folder.mkdir()
    hosts = "".join(f"h{n} A 192.0.2.{n}\n" for n in range(HOSTS))
    (folder / "example.zone").write_text(SOA.format(name="example", ttl=LIFE_S) + "start A 192.0.2.1\n" + hosts)
    (folder / "lab.zone").write_text(SOA.format(name="lab", ttl=LIFE_S))
    return folder


def slowly(relay):
    """The cache is some way off: waits can be told from answers that were there."""
    def handle(asked):
        time.sleep(WAY_S)
        return relay(asked)
    return handle


class Visitor(threading.Thread):
    """Asks for some of the hosts at random times, for A or for AAAA, which they lack."""

    def __init__(self, server, hosts, seed):
        super().__init__()
        self.server, self.hosts, self.random = server, hosts, random.Random(seed)
        self.known, self.asked, self.waited = set(), 0, 0

    def ask_one(self):
        question = f"h{self.random.choice(self.hosts)}.example", self.random.choice(["A", "AAAA"])
        begun = time.monotonic()
        ask(self.server, *question)
        if question in self.known:
            self.asked += 1
            self.waited += time.monotonic() - begun > WAIT_S
        self.known.add(question)

    def run(self):
        end = time.monotonic() + RANDOM_S
        mean_s = LIFE_S / PER_LIFE / (2 * len(self.hosts))
        while time.monotonic() < end:
            time.sleep(self.random.expovariate(1 / mean_s))
            self.ask_one()


@pytest.fixture(name="behind")
def fixture_behind():
    """What runs behind jidnsd, and ends after it."""
    processes = []
    yield processes
    for process in processes:
        process.stop()


@pytest.mark.skipif(not os.environ.get("E2E_ALL"), reason="takes minutes: contrib/check --all")
@pytest.mark.parametrize("kind, more", [("named", ""), ("unbound", ""), ("unbound", EAGER)])
def test_of_a_hundred_questions_at_random_times_ninety_nine_wait_for_nothing(behind, kind, more, upstream, jidnsd, tmp_path, track):
    (tmp_path / "nsd").mkdir()
    nsd = Nsd(make_zones(tmp_path / "zones"), tmp_path / "nsd")
    cache, process = start_cache(kind, nsd.port, tmp_path, track, more)
    behind += [process, nsd.process]
    way = upstream(slowly(relay_to(*cache)))
    daemon = jidnsd("--upstream", way.address, "--threads", "2", "--control", tmp_path / "control")
    visitors = [Visitor(daemon.v4, range(k, HOSTS, 4), k) for k in range(4)]
    for one in visitors:
        one.start()
    for one in visitors:
        one.join()

    asked, late = sum(v.asked for v in visitors), sum(v.waited for v in visitors)
    with Control(tmp_path / "control") as control:
        misses = control.ask("stats")["counters"]["miss"]
    waited = misses - sum(len(v.known) for v in visitors)   # but for the first of each; a slow machine is late without
    print(f"{kind}{' prefetch' if more else ''}: {waited} of {asked} waited, {late} took more than {WAIT_S} s, {len(way.seen)} questions to the cache")
    assert asked > HOSTS * 2 * PER_LIFE * RANDOM_S / LIFE_S / 2, "the machine is too slow to tell"
    assert waited <= asked / 100, f"{waited} of {asked} waited"
    assert len(way.seen) <= 1.2 * HOSTS * 2 * (RANDOM_S / LIFE_S + 1)
