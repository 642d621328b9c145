"""Servers upstream as they are met: each misbehaviour of kit/moods.py, clients over UDP and TCP, with DNSSEC and without; and once
more beside a second server, a good one. All servers run side by side, with a daemon for each of these five. doc/upstreams.md is made
of what is seen here."""

import concurrent.futures
import itertools
import json
import multiprocessing
import os
import pathlib
import statistics
import time
from dataclasses import dataclass

import dns.exception
import dns.flags
import dns.rcode
import dns.rdatatype
import pytest

from kit import upstreams_page
from kit.ask import ask
from kit.control import jidns
from kit.jidnsd import Jidnsd
from kit.moods import AT_ONCE_S, answer, moods
from kit.netns import free_ports
from kit.upstream import Upstream

QUESTIONS, SHOWN = 10, (1, 4, 10)
ALONE = {"udp": (False, False), "tcp": (True, False), "udp-do": (False, True), "tcp-do": (True, True)}  # over TCP, with DO
RUNS = {**ALONE, "beside": (False, True)}
GOOD = "127.9.2.1"  # the second server of the last
FORWARDS = 30       # of one daemon
STAGGER_S = 0.1     # between the beginnings of two rows: this machine's time is not to be what is measured
PATIENCE_S = 6
PAGE = pathlib.Path(__file__).resolve().parents[2] / "doc" / "upstreams.md"


@dataclass
class Got:
    """What a client got for one name and type."""
    n: int
    k: int
    rdtype: str
    seconds: float
    rcode: str = "none"
    records: int = 0
    signed: bool = False
    ad: bool = False
    do: bool = False
    opt: bool = False
    tc: bool = False
    error: str = ""


@dataclass
class Result:
    """One row in one run."""
    got: list
    packets: dict    # question -> (datagrams, frames over TCP, connections) that the server saw for it
    remembered: set
    state: str

    def of(self, n):
        return [got for got in self.got if got.n == n]


def ask_once(daemon, mood, run, n, k, rdtype):
    tcp, do = RUNS[run]
    started = time.monotonic()
    try:
        reply = ask(daemon.v4, f"q{n}-{k}.{run}.{mood.name}.lab", rdtype, tcp, PATIENCE_S, do=do)
    except (dns.exception.DNSException, OSError) as error:
        return Got(n, k, rdtype, time.monotonic() - started, error=f" ({type(error).__name__}: {error})")
    types = [rrset.rdtype for rrset in reply.answer]
    return Got(n, k, rdtype, time.monotonic() - started, dns.rcode.to_text(reply.rcode()), sum(t == dns.rdatatype.from_text(rdtype) for t in types),
               dns.rdatatype.RRSIG in types, bool(reply.flags & dns.flags.AD), bool(reply.ednsflags & dns.flags.DO), reply.edns >= 0,
               bool(reply.flags & dns.flags.TC))


def ask_all(daemon, mood, run, wait_s):
    """Ten questions, one after the other; of each, all its names and types at once."""
    time.sleep(wait_s)
    got = []
    parts = list(itertools.product(range(mood.names), mood.types))
    with concurrent.futures.ThreadPoolExecutor(len(parts)) as pool:
        for n in range(1, QUESTIONS + 1):
            got += pool.map(lambda part, n=n: ask_once(daemon, mood, run, n, *part), parts)
            time.sleep(0.05)
    return got


def packets_of(seen, mood, run):
    """What the server saw of each question."""
    packets = {}
    for n in range(1, QUESTIONS + 1):
        mine = [(transport, source) for name, transport, source in seen if name.startswith(f"q{n}-") and name.endswith(f".{run}.{mood.name}.lab.")]
        streams = [source for transport, source in mine if transport == "tcp"]
        packets[n] = (len(mine) - len(streams), len(streams), len(set(streams)))
    return packets


def serve(table, hosts, port, pipe):
    """The process of the servers, until it is told to end; then it says what each saw."""
    servers = {mood.name: Upstream(mood.handler, port, hosts[mood.name], transports=mood.listens) for mood in table}
    servers[GOOD] = Upstream(answer, port, GOOD)
    pipe.send("ready")
    pipe.recv()
    pipe.send({name: [(s.name, s.transport, s.source) for s in list(server.seen)] for name, server in servers.items()})
    pipe.send([f"{name}: {text}" for name, server in servers.items() for text in server.trouble])


class Rig:
    """All servers, in a process of their own, and a daemon for each kind of client and group of rows."""

    def __init__(self, folder):
        self.table, self.folder, self.port = moods(), folder, free_ports()
        self.hosts = {mood.name: f"127.9.1.{1 + i}" for i, mood in enumerate(self.table)}
        self.pipe, end = multiprocessing.Pipe()
        self.servers = multiprocessing.get_context("fork").Process(target=serve, args=(self.table, self.hosts, self.port, end), daemon=True)
        self.servers.start()
        assert self.pipe.poll(20) and self.pipe.recv() == "ready"
        self.daemons = {}  # (row, run) -> daemon
        self.made = []
        for options, rows in itertools.groupby(sorted(self.table, key=lambda m: m.options), key=lambda m: m.options):
            rows = list(rows)
            for at in range(0, len(rows), FORWARDS):
                for run in RUNS:
                    self._start(rows[at:at + FORWARDS], run, options)

    def _start(self, rows, run, options):
        good = f",{GOOD}:{self.port}" if run == "beside" else ""
        forwards = [word for mood in rows for word in ("--forward", f"{mood.name}.lab={self.hosts[mood.name]}:{self.port}{good}")]
        control = self.folder / f"c{len(self.made)}"
        daemon = Jidnsd(["--upstream", "127.9.0.1:9", "--trust-ad", "on", "--prefetch", "off", "--expand-srv", "off", "--control", control,
                         *options, *forwards], self.folder, f"jidnsd-{len(self.made)}")
        daemon.control = control
        self.made.append(daemon.wait_ready())
        for mood in rows:
            self.daemons[mood.name, run] = daemon

    def results(self):
        """(row, run) -> Result."""
        tasks = [(mood, run) for mood in sorted(self.table, key=lambda m: -m.first_s) for run in RUNS]
        with concurrent.futures.ThreadPoolExecutor(len(tasks)) as pool:
            got = list(pool.map(lambda at: ask_all(self.daemons[tasks[at][0].name, tasks[at][1]], *tasks[at], at * STAGGER_S), range(len(tasks))))
        told = {}
        for daemon in self.made:
            for one in json.loads(jidns(daemon, "upstreams", "--json").stdout)["upstreams"]:
                told.setdefault((daemon.control, one["for"]), one)
        found = {}
        self.pipe.send("end")
        seen, trouble = self.pipe.recv(), self.pipe.recv()
        assert not trouble, f"the test's own servers failed: {trouble[:3]}"
        for (mood, run), heard in zip(tasks, got):
            one = told[self.daemons[mood.name, run].control, f"{mood.name}.lab."]
            found[mood.name, run] = Result(heard, packets_of(seen[mood.name], mood, run), {h["why"] for h in one["remembered"]},
                                           one["state"])
        return found

    def close(self):
        try:
            for daemon in self.made:
                daemon.close()
        finally:
            self.servers.kill()
            self.servers.join()


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("upstreams")
    folder.chmod(0o755)
    rig = Rig(folder)
    try:
        found = rig.results()
    finally:
        rig.close()
    return found


def complaints_beside(mood, result):
    """What is not as it should be when there is a good server, too: nothing is lost, soon not even DNSSEC."""
    for got in result.got:
        which = f"beside: question {got.n}, name {got.k}, {got.rdtype}"
        if got.rcode not in {"NOERROR", mood.code_for(got.n, got.k, got.rdtype)} - {"SERVFAIL"}:
            yield f"{which}: {got.rcode}{got.error} after {got.seconds:.2f} s"
        elif got.n > 6 and got.records and not (got.signed and (got.ad or got.tc)):  # a part proves nothing
            yield f"{which}: DNSSEC is lost: {got}"
    if max(got.seconds for got in result.got) > 2:
        yield f"beside: an answer after {max(got.seconds for got in result.got):.2f} s"
    usual = statistics.median(got.seconds for got in result.got if got.n > 3)
    if usual > max(AT_ONCE_S, mood.then_s):
        yield f"beside: from the fourth question on answers take {usual:.2f} s"


def complaints(mood, run, result):
    """What of a row is not as it should be."""
    _, do = RUNS[run]
    for got in result.got:
        which = f"{run}: question {got.n}, name {got.k}, {got.rdtype}"
        right = mood.code_for(got.n, got.k, got.rdtype)
        if got.rcode != right:
            yield f"{which}: {got.rcode}{got.error} instead of {right} after {got.seconds:.2f} s"
        elif right == "NOERROR" and not got.records and not mood.empty:
            yield f"{which}: no record"
        elif right == "NOERROR" and do and mood.dnssec and not mood.empty and not (got.signed and got.ad):
            yield f"{which}: DNSSEC is lost: {got}"
        if got.rcode != "none" and (got.opt, got.do) != (do, do):
            yield f"{which}: OPT or DO is not as it was asked: {got}"
        if got.tc and not mood.empty:
            yield f"{which}: truncated"
    wanted = [got for got in result.got if mood.code_for(got.n, got.k, got.rdtype) == "NOERROR"] or result.got
    first, later = [[got.seconds for got in wanted if (got.n <= 3) is early] for early in (True, False)]
    if first and max(first) > mood.first_s:
        yield f"{run}: an answer after {max(first):.2f} s, at most {mood.first_s} s is right"
    if statistics.median(later) > mood.then_s:
        yield f"{run}: from the fourth question on answers take {statistics.median(later):.2f} s, at most {mood.then_s} s is right"
    parts = mood.names * len(mood.types)
    usual = statistics.mean(sum(result.packets[n][:2]) / parts for n in range(4, QUESTIONS + 1))
    if usual > mood.packets:
        yield f"{run}: the server sees {usual:.2f} packets for a question, at most {mood.packets} is right: {result.packets}"
    if mood.remembers is not None and result.remembered - {"no-cookies"} != set(mood.remembers) - {"no-cookies"}:
        yield f"{run}: remembers {sorted(result.remembered)} instead of {sorted(mood.remembers)}"
    if result.state != "up" and not mood.down:
        yield f"{run}: the server is {result.state}"


@pytest.mark.parametrize("mood", [pytest.param(mood, id=mood.name) for mood in moods()])
def test_what_a_server_can_answer_is_answered_and_the_way_is_learnt(results, mood):
    wrong = [text for run in ALONE for text in complaints(mood, run, results[mood.name, run])]
    wrong += complaints_beside(mood, results[mood.name, "beside"])
    if wrong:
        pytest.fail(f"{mood.name}: the server {mood.does}\n" + "\n".join(wrong[:20]), pytrace=False)


def test_the_page_of_upstreams_is_what_was_seen(results):
    text = upstreams_page.page(moods(), results, ALONE, SHOWN)
    if os.environ.get("JIDNS_WRITE_UPSTREAMS"):
        PAGE.write_text(text)
    assert upstreams_page.without_times(PAGE.read_text()) == upstreams_page.without_times(text), "run contrib/dev/upstreams JIDNSD JIDNS"
