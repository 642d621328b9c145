"""Other settings and other servers while the daemon runs: in force at once, all or none, and no query is lost."""

import os
import re
import signal
import socket
import subprocess
import threading
import time

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from kit import lies
from kit.ask import ask
from kit.control import Control
from kit.jidnsd import Jidnsd
from kit.jidnsd import path as jidnsd_path
from kit.netns import free_ports
from kit.proc import wait_until

SOON_S = 3  # a busy machine's second


@pytest.fixture
def named(upstream):
    """Makes upstreams that answer every A question with one address of their own."""
    def make(address, **where):
        return upstream(lambda asked: lies.answer(asked.query, address), **where)
    return make


def address_of(daemon, name, where=None):
    return ask(where or daemon.v4, name, "A").answer[0][0].address


class Names:
    """A new name each time: none is in the cache."""

    def __init__(self):
        self.count = 0

    def __call__(self, below="lab"):
        self.count += 1
        return f"n{self.count}.{below}"


def hup(daemon, said="settings reloaded"):
    before = daemon.stderr.count(said)
    daemon.child.send_signal(signal.SIGHUP)
    daemon.wait_for(lambda: daemon.stderr.count(said) > before, f"{said!r} on stderr")


class Settled:
    """A daemon whose settings all stand in a file."""

    def __init__(self, folder, track):
        self.path, self.port = folder / "jidnsd.conf", free_ports()
        self.folder, self.track = folder, track

    def write(self, upstream, more="", ports=None):
        listed = ", ".join(f'"127.0.0.1:{port}"' for port in ports or [self.port])
        self.path.write_text(f'listen {{ address = {{{listed}}} }}\n'
                             f'upstream {{ server = {{"{upstream.address}"}} }}\nxmpp {{ prefetch = off }}\n{more}\n')

    def start(self):
        daemon = self.track(Jidnsd(["--config", self.path], self.folder, listen=False))
        daemon.v4 = ("127.0.0.1", self.port)
        return daemon.wait_ready()


@pytest.fixture
def settled(folder, track):
    return Settled(folder, track)


def test_sighup_puts_the_file_into_force_and_keeps_the_cache(named, settled):
    one, two, name = named("192.0.2.1"), named("192.0.2.2"), Names()
    settled.write(one)
    daemon = settled.start()
    assert address_of(daemon, "kept.lab") == address_of(daemon, name()) == "192.0.2.1"
    settled.write(two)
    hup(daemon)
    assert address_of(daemon, name()) == "192.0.2.2"
    assert address_of(daemon, "kept.lab") == "192.0.2.1"
    daemon.close()


@pytest.mark.parametrize("wrong, complaint", [
    ('upsteam { server = {"192.0.2.1"} }', "jidnsd.conf:4: 'upsteam': unknown section; did you mean 'upstream'?"),
    ('cache { max-stale = "soon" }', "jidnsd.conf:4: max-stale 'soon': should be"),
    ('forward "corp.lab" { upstream = {"nowhere"} }', "jidnsd.conf:4: upstream 'nowhere': should be"),
    ("cache {", "is not closed"),
])
def test_a_wrong_file_changes_nothing_and_says_what_is_wrong(named, settled, wrong, complaint):
    one, two, name = named("192.0.2.1"), named("192.0.2.2"), Names()
    settled.write(one)
    daemon = settled.start()
    settled.write(two, wrong)
    hup(daemon, "the old settings still hold")
    assert complaint in daemon.stderr
    assert address_of(daemon, name()) == "192.0.2.1"
    settled.write(two)
    hup(daemon)
    assert address_of(daemon, name()) == "192.0.2.2"
    daemon.close()


def test_an_address_that_is_not_to_be_had_changes_nothing(named, settled):
    one, two, name = named("192.0.2.1"), named("192.0.2.2"), Names()
    settled.write(one)
    daemon = settled.start()
    taken = free_ports()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", taken))
        settled.write(two, ports=[settled.port, taken])
        hup(daemon, "the old settings still hold")
    assert f"can't listen on 127.0.0.1:{taken} (UDP)" in daemon.stderr
    assert address_of(daemon, name()) == "192.0.2.1"
    daemon.close()


def test_what_holds_only_from_the_next_start_on_is_said(named, settled):
    one = named("192.0.2.1")
    settled.write(one)
    daemon = settled.start()
    settled.write(one, "cache { size = 64M }\nserver { threads = 2 }")
    hup(daemon)
    assert "--cache-size: takes effect at the next start" in daemon.stderr
    assert "--threads: takes effect at the next start" in daemon.stderr
    daemon.close()


class Load:
    """A client that asks a cached name without a pause and counts what is lost."""

    def __init__(self, server):
        self.asked = self.lost = 0
        self.server, self.go_on = server, True
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        query = dns.message.make_query("kept.lab", "A")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(2)
            sock.connect(self.server)
            while self.go_on:
                query.id = self.asked & 0xffff
                self.asked += 1
                sock.send(query.to_wire())
                try:
                    assert sock.recv(4096)[:2] == query.id.to_bytes(2, "big")
                except TimeoutError:
                    self.lost += 1

    def stop(self):
        self.go_on = False
        self.thread.join()


@pytest.mark.parametrize("threads", [1, 2])
def test_addresses_open_and_close_and_no_query_is_lost(named, settled, threads):
    one, more = named("192.0.2.1"), f"server {{ threads = {threads} }}"
    stays, comes = settled.port, free_ports()
    settled.write(one, more)
    daemon = settled.start()
    address_of(daemon, "kept.lab")
    load = Load(daemon.v4)
    try:
        for _ in range(5):
            settled.write(one, more, [stays, comes])
            hup(daemon)
            assert address_of(daemon, "kept.lab", ("127.0.0.1", comes)) == "192.0.2.1"
            assert ask(("127.0.0.1", comes), "kept.lab", "A", tcp=True).answer
            settled.write(one, more)
            hup(daemon)
            with pytest.raises(OSError):
                socket.create_connection(("127.0.0.1", comes), 1)
    finally:
        load.stop()
    daemon.close()
    assert load.asked > 100 and load.lost == 0


def test_who_waits_at_an_address_that_closes_is_still_answered(upstream, settled):
    release = threading.Event()

    def held(asked):
        release.wait(5)
        return lies.answer(asked.query, "192.0.2.1")
    slow, other = upstream(held), free_ports()
    settled.write(slow)
    daemon = settled.start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.connect(daemon.v4)
        sock.send(dns.message.make_query("late.lab", "A").to_wire())
        assert wait_until(lambda: slow.seen, 5)
        settled.write(slow, ports=[other])
        hup(daemon)
        release.set()
        assert dns.message.from_wire(sock.recv(4096)).answer
    assert wait_until(lambda: is_closed(settled.port), 5)
    daemon.close()


def is_closed(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def test_a_domain_can_have_servers_of_its_own(named, jidnsd):
    rest, corp = named("192.0.2.1"), named("192.0.2.2")
    daemon = jidnsd("--upstream", rest.address, "--forward", f"corp.lab={corp.address}", "--prefetch", "off")
    assert address_of(daemon, "a.lab") == "192.0.2.1"
    assert address_of(daemon, "a.corp.lab") == address_of(daemon, "corp.lab") == "192.0.2.2"
    assert {q.name for q in corp.seen} == {"a.corp.lab.", "corp.lab."}


def test_an_alias_is_followed_by_each_names_own_servers(upstream, jidnsd, tmp_path):
    """An alias goes from the others' names into corp.lab, from there out again and into a local zone. Each server knows its own names
    alone, and denies those of the other."""
    def knows(records):
        def reply(asked):
            answer = dns.message.make_response(asked.query)
            name = asked.query.question[0].name.to_text()
            while name in records:
                rtype, value = records[name]
                answer.answer.append(dns.rrset.from_text(name, 60, "IN", rtype, value))
                name = value
            if not answer.answer or answer.answer[-1].rdtype == dns.rdatatype.CNAME:
                answer.set_rcode(dns.rcode.NXDOMAIN)
            return answer
        return reply
    rest = upstream(knows({"www.lab.": ("CNAME", "www.corp.lab."), "out.lab.": ("CNAME", "xmpp.zone.lab.")}))
    corp = upstream(knows({"www.corp.lab.": ("CNAME", "out.lab."), "out.lab.": ("A", "198.51.100.66")}))
    (tmp_path / "zone").write_text("@ SOA ns who 1 2 3 4 5\n@ NS ns\nxmpp A 192.0.2.7\n")
    daemon = jidnsd("--upstream", rest.address, "--forward", f"corp.lab={corp.address}", "--zone", f"zone.lab={tmp_path / 'zone'}")
    for _ in range(2):
        answer = ask(daemon.v4, "www.lab", "A")
        assert [rrset.name.to_text() for rrset in answer.answer] == ["www.lab.", "www.corp.lab.", "out.lab.", "xmpp.zone.lab."]
        assert answer.answer[-1][0].address == "192.0.2.7"
    assert {q.name for q in corp.seen} == {"www.corp.lab."}

@pytest.fixture
def space(namespaces):
    """A namespace in which upstreams have port 53 of addresses of loopback."""
    return namespaces("resolv")


@pytest.fixture
def watching(space, folder, track):
    """A daemon in the namespace whose servers are those of a resolv.conf."""
    made = []

    def start(*options, resolv_conf=None):
        daemon = track(Jidnsd(["--listen", "127.0.0.1:5301", "--prefetch", "off", *options], folder, listen=False,
                              wrap=lambda argv: space.argv(argv, resolv_conf)))
        made.append(daemon)
        return daemon.wait_ready()
    yield start
    for daemon in made:
        daemon.close()


def asks(space, name):
    def inside():
        return ask(("127.0.0.1", 5301), name(), "A").answer[0][0].address
    return space.call(inside)


def comes_to(space, name, address):
    return wait_until(lambda: asks(space, name) == address, SOON_S, 0.1)


def write_by_rename(path, text):
    new = path.with_suffix(".new")
    new.write_text(text)
    os.replace(new, path)


def write_by_link(path, text):
    target = path.with_name(f"target{time.monotonic_ns()}")
    target.write_text(text)
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def write_in_place(path, text):
    path.write_text(text)


@pytest.mark.parametrize("write", [write_by_rename, write_by_link, write_in_place])
def test_another_resolv_conf_is_in_force_within_a_second(named, space, watching, folder, write):
    for n in (1, 2):
        named(f"192.0.2.{n}", port=53, host=f"127.0.1.{n}", namespace=space)
    path, name = folder / "resolv.conf", Names()
    write(path, "nameserver 127.0.1.1\n")
    daemon = watching("--resolv-conf", path)
    assert asks(space, name) == "192.0.2.1"
    write(path, "nameserver 127.0.1.2\n")
    assert comes_to(space, name, "192.0.2.2")
    assert f"{path} has changed: asking 127.0.1.2:53" in daemon.stderr


def test_a_mounted_resolv_conf_is_watched_as_container_engines_write_it(named, space, watching, folder):
    for n in (1, 2):
        named(f"192.0.2.{n}", port=53, host=f"127.0.1.{n}", namespace=space)
    path, name = folder / "resolv.conf", Names()
    path.write_text("nameserver 127.0.1.1\n")
    watching(resolv_conf=path)
    assert asks(space, name) == "192.0.2.1"
    path.write_text("nameserver 127.0.0.1\nnameserver 127.0.1.2\n")
    assert comes_to(space, name, "192.0.2.2")


@pytest.mark.parametrize("text", ["", "# nobody\n", "nameserver nowhere\n", None])
def test_a_resolv_conf_without_servers_keeps_the_last_ones_and_says_so(named, space, watching, folder, text):
    named("192.0.2.1", port=53, host="127.0.1.1", namespace=space)
    path, name = folder / "resolv.conf", Names()
    path.write_text("nameserver 127.0.1.1\n")
    daemon = watching("--resolv-conf", path)
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    daemon.wait_for(lambda: "keeps asking the servers of before" in daemon.stderr, "a word about it")
    assert asks(space, name) == "192.0.2.1"


# ---- under load ----

def test_of_20000_queries_a_second_none_is_lost_over_reloads(named, settled):
    one, queries = named("192.0.2.1"), settled.folder / "queries"
    names = [f"n{n}.lab" for n in range(100)]
    queries.write_text("".join(f"{name} A\n" for name in names))
    settled.write(one)
    daemon = settled.start()
    for name in names:
        address_of(daemon, name)
    load = subprocess.Popen(["dnsperf", "-s", "127.0.0.1", "-p", str(settled.port), "-d", str(queries), "-l", "3", "-Q", "20000", "-c", "8"],
                            stdout=subprocess.PIPE, text=True)
    reloads = 0
    while load.poll() is None:
        settled.write(one, "xmpp { expand-srv = off }" if reloads % 2 else "")
        hup(daemon)
        reloads += 1
        time.sleep(0.1)
    said = load.stdout.read()
    daemon.close()
    sent = int(re.search(r"Queries sent: +(\d+)", said)[1])
    assert reloads >= 5 and sent > 10000, said
    assert re.search(r"Queries lost: +0 ", said), said


def test_settings_that_only_root_may_read_are_warned_of_at_the_start_and_told_of_at_a_reload(relay, folder, jidnsd):
    settings = folder / "jidnsd.conf"
    settings.write_text(f'upstream {{ server = "{relay.address}" }}\n')
    settings.chmod(0o600)
    checked = subprocess.run([jidnsd_path(), "--config", settings, "--check-config"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0 and f"warning: {settings}: the user that jidnsd becomes" in checked.stderr, checked
    daemon = jidnsd("--config", settings)
    assert f"warning: {settings}: the user that jidnsd becomes" in daemon.stderr
    daemon.child.send_signal(signal.SIGHUP)
    daemon.wait_for(lambda: "the old settings still hold" in daemon.stderr, "word of the reload")
    assert f"SIGHUP: {settings}: Permission denied: the user that jidnsd runs as" in daemon.stderr
    assert ask(daemon.v4, "one.full.lab", "A").answer
    settings.chmod(0o644)
    daemon.child.send_signal(signal.SIGHUP)
    daemon.wait_for(lambda: "SIGHUP: settings reloaded" in daemon.stderr, "a reload")


def test_a_reload_whose_faults_do_not_all_fit_changes_nothing(relay, jidnsd, tmp_path):
    """64 rules are as many as there can be: jidns has added some, and the settings come with too many more."""
    path = tmp_path / "faults.conf"
    path.write_text('access { rate-limit = 1000 }\nlog { level = "warn" }\nfault "first" { rule = "name=first.lab servfail" }\n')
    path.chmod(0o644)
    daemon = jidnsd("--config", path, "--upstream", relay.address, "--control", tmp_path / "c", "--user", "root")
    with Control(tmp_path / "c") as control:
        for n in range(60):
            assert control.ask(f"fault add name=n{n}.lab drop")["ok"]
        before = control.ask("fault list")["faults"]
        many = "".join(f'fault "f{n}" {{ rule = "name=f{n}.lab servfail" }}\n' for n in range(10))
        path.write_text('log { level = "debug" }\n' + many)
        failed = control.lines("reload")[-1]
        assert not failed["ok"] and "64" in str(failed), failed
        assert [each["rule"] for each in control.ask("fault list")["faults"]] == [each["rule"] for each in before]
        assert control.ask("log-level")["level"] == "warn", "nor anything else of it"
        for number in [each["number"] for each in before if not each["persistent"]][:9]:
            control.ask(f"fault clear {number}")
        assert control.ask("reload")["ok"]
        rules = [each["rule"] for each in control.ask("fault list")["faults"] if each["persistent"]]
        assert rules == [f"name=f{n}.lab servfail" for n in range(10)]
        assert control.ask("log-level")["level"] == "debug"
