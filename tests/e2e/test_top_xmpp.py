"""`jidns top --xmpp`: for each XMPP domain lately contacted the way to it, how soon, what was waited for, what failed."""

import json
import re
import subprocess

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from kit.ask import ask
from kit.control import jidns, program
from kit.proc import wait_until

SRV, A, AAAA = "SRV", "A", "AAAA"
HOSTILE = r"\027[31mred\010.$(reboot)';reboot;'.lab"


class World:
    """An upstream for names under lab: SRV and addresses by first labels; it can fall silent."""

    def __init__(self):
        self.silent, self.ttl = False, 300

    def answer(self, asked):
        question = asked.query.question[0]
        name, rdtype = question.name.to_text(), dns.rdatatype.to_text(question.rdtype)
        reply = dns.message.make_response(asked.query)
        if self.silent:
            return None
        rdata = self.rdata(name, rdtype)
        if rdata:
            reply.answer.append(dns.rrset.from_text(question.name, self.ttl, "IN", rdtype, rdata))
        else:
            reply.set_rcode(dns.rcode.NXDOMAIN if rdtype == SRV else dns.rcode.NOERROR)
            reply.authority.append(dns.rrset.from_text("lab.", self.ttl, "IN", "SOA", "ns.lab. host.lab. 1 3600 600 86400 300"))
        return reply.to_wire()

    @staticmethod
    def rdata(name, rdtype):
        if rdtype == SRV and name.startswith("_xmpp-server._tcp."):
            domain = name.removeprefix("_xmpp-server._tcp.")
            if domain.startswith("none."):
                return "0 0 0 ."
            return None if domain.startswith("bare.") else f"5 0 5269 xmpp.{domain}"
        if rdtype == SRV and name.startswith("_xmpps-server._tcp.") and "direct" in name:
            return f"1 0 5270 tls.{name.removeprefix('_xmpps-server._tcp.')}"
        return "192.0.2.1" if rdtype == A and not name.startswith("xmpp.empty.") else None


def walk(daemon, domain, target="xmpp."):
    for service in ("_xmpps-server", "_xmpp-server"):
        ask(daemon.v4, f"{service}._tcp.{domain}", SRV)
    return ask(daemon.v4, f"{target}{domain}", A)


def domains(daemon):
    return {one["domain"]: one for one in json.loads(jidns(daemon, "top", "--xmpp", "--once", "--json").stdout)["domains"]}


@pytest.fixture(name="world")
def fixture_world():
    return World()


@pytest.fixture(name="daemon", params=[1, 2], ids=["one thread", "two threads"])
def fixture_daemon(request, jidnsd, upstream, world, tmp_path):
    made = jidnsd("--upstream", upstream(world.answer).address, "--prefetch", "off", "--expand-srv", "off", "--threads", request.param,
                  "--control", tmp_path / "c")
    made.control = tmp_path / "c"
    return made


def test_each_walk_shows_its_way_how_soon_and_what_was_waited_for(daemon):
    domains(daemon)
    for _ in range(2):
        walk(daemon, "plain.lab")
    walk(daemon, "direct.lab", "tls.")
    walk(daemon, "bare.lab", "")
    walk(daemon, "none.lab")
    walk(daemon, "empty.lab")
    assert wait_until(lambda: all("contact" in domains(daemon).get(f"{d}.lab.", {}) for d in ("plain", "direct", "bare", "none", "empty")), 10, 0.2)
    seen = domains(daemon)

    def way(domain):
        one = seen[domain]["ways"]
        assert [w["role"] for w in one] == ["server"]
        return {k: one[0].get(k) for k in ("by", "service", "target", "port", "priority", "outcome")}
    assert way("plain.lab.") == {"by": "srv", "service": "_xmpp-server", "target": "xmpp.plain.lab.", "port": 5269, "priority": 5, "outcome": "reached"}
    assert way("direct.lab.") == {"by": "srv", "service": "_xmpps-server", "target": "tls.direct.lab.", "port": 5270, "priority": 1, "outcome": "reached"}
    assert way("bare.lab.") == {"by": "addresses", "service": None, "target": "bare.lab.", "port": 5269, "priority": None, "outcome": "reached"}
    assert way("none.lab.") | {"target": None} == {"by": "none", "service": None, "target": None, "port": None, "priority": None, "outcome": "no-service"}
    assert way("empty.lab.")["outcome"] == "no-address"
    contact = seen["plain.lab."]["contact"]
    assert contact["answers"] == 6 and contact["waited"] == 3 and contact["reached"] == contact["walks"] and contact["first_address_ms"] < 1000
    assert seen["empty.lab."]["contact"]["failure"]["text"] == "what it leads to has no address"


def test_what_failed_and_why_and_what_to_type_is_said(daemon, world):
    domains(daemon)
    world.silent = True
    walk(daemon, "plain.lab")
    assert wait_until(lambda: "contact" in domains(daemon).get("plain.lab.", {}), 15, 0.2)
    said = jidns(daemon, "top", "--xmpp", "--once").stdout
    assert re.search(r"last failure: _xmpp-server: no upstream answered in time, \d+ s ago; try: jidns\s+check plain\.lab", " ".join(said.split())), said


def test_before_anybody_looked_the_way_is_what_the_cache_says(daemon):
    walk(daemon, "plain.lab")
    one = domains(daemon)["plain.lab."]
    assert "contact" not in one
    assert one["ways"] == [{"role": "server", "by": "srv", "walked": False, "service": "_xmpp-server", "target": "xmpp.plain.lab.", "port": 5269,
                            "priority": 5, "stale": False, "outcome": None}]
    assert "server: xmpp.plain.lab:5269 (_xmpp-server, priority 5)" in jidns(daemon, "top", "--xmpp", "--once").stdout


def test_an_expired_way_is_called_so(daemon, world):
    world.ttl = 1
    walk(daemon, "plain.lab")
    world.silent = True
    assert wait_until(lambda: domains(daemon)["plain.lab."]["ways"][0]["stale"], 10, 0.2)
    assert "priority 5), expired" in jidns(daemon, "top", "--xmpp", "--once").stdout


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_hostile_and_many_names_keep_to_the_terminal(daemon, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    assert "no XMPP domain was asked for yet" in jidns(daemon, "top", "--xmpp", "--once").stdout
    walk(daemon, HOSTILE)
    walk(daemon, "xn--bcher-kva.lab")
    for i in range(300):
        ask(daemon.v4, f"_xmpp-server._tcp.d{i}.lab", SRV)
    assert wait_until(lambda: len(domains(daemon)) > 100, 10, 0.2)
    done = jidns(daemon, "top", "--xmpp", "--once")
    assert done.returncode == 0 and "more domains; --json has them" in done.stdout
    assert all(c == "\n" or " " <= c <= "~" for c in done.stdout)
    assert max(map(len, done.stdout.splitlines())) <= columns
    assert "jidns check \\" not in done.stdout and "check $" not in done.stdout
    assert len(domains(daemon)) <= 320


def test_a_daemon_that_is_not_there_is_said(tmp_path):
    done = subprocess.run([program(), "top", "--xmpp", "--once", "--control", tmp_path / "nobody"], capture_output=True, text=True, check=False)
    assert done.returncode == 3 and "nobody" in done.stderr and done.stdout == ""


def test_it_takes_no_words(daemon):
    done = jidns(daemon, "top", "--xmpp", "example.org")
    assert (done.returncode, done.stdout) == (2, "") and "takes no words" in done.stderr
