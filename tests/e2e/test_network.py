"""Boot, and a network that comes late, goes and changes: resolv.conf, addresses, interfaces. Servers and clients have addresses
of loopback in a namespace of its own."""

import concurrent.futures
import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.request

import dns.edns
import dns.message
import dns.rcode
import pytest

from kit import jidnsd as jidnsd_kit
from kit import lies
from kit.ask import ask
from kit.control import jidns
from kit.jidnsd import Jidnsd
from kit.proc import descendants, wait_until
from kit.upstream import Upstream

SOON_S = 3  # a busy machine's second


@pytest.fixture
def space(namespaces):
    return namespaces("net")


@pytest.fixture
def named(upstream, space):
    """Makes upstreams in the namespace that answer every A question with one address of their own."""
    def make(address, host, **how):
        return upstream(lambda asked: lies.answer(asked.query, address), port=53, host=host, namespace=how.get("namespace", space))
    return make


@pytest.fixture
def started(space, tmp_path, track):
    """Starts a daemon in the namespace; it must end in order."""
    made = []

    def start(*options, listen=("127.0.0.1:5301",), **how):
        words = [word for address in listen for word in ("--listen", address)]
        daemon = track(Jidnsd([*words, "--prefetch", "off", *options], tmp_path, listen=False, wrap=lambda argv: space.argv(argv, **how)))
        made.append(daemon)
        return daemon.wait_ready()
    yield start
    for daemon in made:
        daemon.close()


def asks(space, name, server=("127.0.0.1", 5301), **how):
    return space.call(lambda: ask(server, name, "A", edns=0, **how))


def address_of(space, name, server=("127.0.0.1", 5301)):
    """The address it is told, None for SERVFAIL."""
    answer = asks(space, name, server).answer
    return answer[0][0].address if answer else None


def error_of(reply):
    return next((int(o.code) for o in reply.options if o.otype == dns.edns.OptionType.EDE), None)


# ---- no nameserver yet ----

def no_file(path):
    path.unlink(missing_ok=True)


def no_folder(path):
    path.parent.rmdir()


def dangling(path):
    path.symlink_to("stub/resolv.conf")


def a_pipe(path):
    os.mkfifo(path)


def text(words):
    def write(path):
        path.write_text(words)
    return write


@pytest.mark.parametrize("before, said", [
    (no_file, "there is no such file"), (no_folder, "there is no such file"), (dangling, "is a link to stub/resolv.conf, which is not there"),
    (a_pipe, "is not a file"), (text(""), "names no server;"), (text("# by DHCP\nsearch lab\n"), "names no server;"),
    (text("nameserver 127.0.0.1\nnameserver 0.0.0.0\n"), "names no server but jidnsd itself"),
    (text("nameserver here\n"), "line 1: 'here' is not an address"), (text("nameserver fe80::1%eth7\n"), "interfaces that are not here yet")],
    ids=["no file", "no folder", "dangling", "a pipe", "empty", "comments", "itself", "nonsense", "no interface"])
def test_it_starts_without_a_nameserver_and_takes_the_first_that_comes(named, space, started, folder, before, said):
    named("192.0.2.1", "127.0.1.1")
    path = folder / "etc" / "resolv.conf"
    path.parent.mkdir()
    before(path)
    daemon = started("--resolv-conf", path, listen=("127.0.0.1:53",))
    reply = asks(space, "a.lab", ("127.0.0.1", 53))
    assert reply.rcode() == dns.rcode.SERVFAIL and error_of(reply) == 22
    assert said in daemon.stderr and daemon.stderr.count("warning: no upstream server") == 1

    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text("nameserver 127.0.1.1\n")
    assert wait_until(lambda: address_of(space, "a.lab", ("127.0.0.1", 53)) == "192.0.2.1", SOON_S, 0.1)
    assert f"{path} has changed: asking 127.0.1.1:53" in daemon.stderr


def check_config(space, *options):
    return subprocess.run(space.argv([jidnsd_kit.path(), "--check-config", *options]), capture_output=True, text=True, timeout=10, check=False)


def test_check_config_warns_of_what_is_not_there_yet(space, folder):
    path = folder / "resolv.conf"
    path.write_text("# nothing\n")
    done = check_config(space, "--resolv-conf", path, "--listen", "10.77.0.9:53", "--listen", "[fe80::1%tun7]:53", "--listen", "127.0.0.1:53",
                        "--forward", "corp.lab=fe80::2%tun8")
    assert done.returncode == 0 and "are good" not in done.stdout
    for said in ("names no server", "--listen 10.77.0.9:53: this machine does not have that address yet",
                 "--listen: there is no interface 'tun7' yet", "--forward: there is no interface 'tun8' yet"):
        assert done.stderr.count(said) == 1
    assert len(done.stderr.splitlines()) == 4
    said = check_config(space, "--upstream", "9.9.9.9").stdout.splitlines()
    assert said[0] == "jidnsd: the settings are good" and len(said) == 2 and "the cache takes up to" in said[1]


# ---- a ring ----

def beside_resolved(folder, asked):
    """Runs a command where systemd-resolved asks these servers."""
    resolved = folder / "resolved"
    resolved.write_text("".join(f"nameserver {address}\n" for address in asked))
    script = ('mount -t tmpfs none /run && mkdir -p /run/systemd/resolve && cp "$0" /run/systemd/resolve/resolv.conf && '
              'chmod 755 /run/systemd /run/systemd/resolve && exec "$@"')
    return ["unshare", "-m", "sh", "-c", script, str(resolved)]


def stub(folder):
    path = folder / "resolv.conf"
    path.write_text("nameserver 127.0.0.53\n")
    return path


def test_a_ring_through_systemd_resolved_is_opened(space, folder):
    """resolv.conf names resolved's stub, and resolved asks jidnsd."""
    enter = beside_resolved(folder, ["127.0.0.1"])
    daemon = Jidnsd(["--listen", "127.0.0.1:53", "--resolv-conf", stub(folder)], folder, listen=False,
                    wrap=lambda argv: space.argv(enter + argv)).wait_ready()
    try:
        assert "names systemd-resolved, which asks nobody but jidnsd itself" in daemon.stderr
        assert asks(space, "a.lab", ("127.0.0.1", 53)).rcode() == dns.rcode.SERVFAIL
    finally:
        daemon.close()


def test_in_a_ring_the_other_servers_of_systemd_resolved_are_asked(named, space, folder):
    named("192.0.2.1", "127.0.1.1")
    enter = beside_resolved(folder, ["127.0.0.1", "127.0.1.1"])
    daemon = Jidnsd(["--listen", "127.0.0.1:53", "--resolv-conf", stub(folder)], folder, listen=False,
                    wrap=lambda argv: space.argv(enter + argv)).wait_ready()
    try:
        assert "a ring: systemd-resolved, which it names, asks jidnsd itself" in daemon.stderr
        assert "upstream 127.0.1.1:53" in daemon.stderr
        assert address_of(space, "a.lab", ("127.0.0.1", 53)) == "192.0.2.1"
    finally:
        daemon.close()


@pytest.mark.parametrize("option,said", [(("--upstream", "127.0.0.53"), "--upstream 127.0.0.53:53: a ring"),
                                         (("--upstream", "127.0.0.54"), "--upstream 127.0.0.54:53: a ring"),
                                         (("--upstream", "192.0.2.1", "--forward", "corp.lab=127.0.0.53"), "--forward 127.0.0.53:53: a ring")])
def test_a_ring_that_was_asked_for_is_named(space, folder, option, said):
    enter = beside_resolved(folder, ["127.0.0.1", "192.0.2.53"])
    argv = [jidnsd_kit.path(), "--check-config", "--listen", "127.0.0.1:53", *option]
    done = subprocess.run(space.argv(enter + argv), capture_output=True, text=True, timeout=10, check=False)
    assert done.returncode == 0 and "see the warnings" in done.stdout
    assert done.stderr.count(said) == 1
    daemon = Jidnsd(["--listen", "127.0.0.1:53", *option], folder, listen=False, wrap=lambda argv: space.argv(enter + argv)).wait_ready()
    daemon.close()
    assert daemon.stderr.count(said) == 1


def test_systemd_resolved_that_asks_others_is_no_ring(space, folder):
    enter = beside_resolved(folder, ["192.0.2.53"])
    argv = [jidnsd_kit.path(), "--check-config", "--listen", "127.0.0.1:53", "--resolv-conf", stub(folder)]
    done = subprocess.run(space.argv(enter + argv), capture_output=True, text=True, timeout=10, check=False)
    assert "are good" in done.stdout and "ring" not in done.stderr


# ---- addresses that come later ----

def link(space, name, *addresses):
    space.ip("link", "add", name, "type", "veth", "peer", "name", f"{name}p")
    for end in (name, f"{name}p"):
        space.ip("link", "set", end, "up")
    for address in addresses:
        space.ip("address", "add", address, "dev", name, *(["nodad"] if ":" in address else []))


@pytest.mark.parametrize("host, prefix", [("10.77.0.9", 24), ("fd77::9", 64)])
def test_it_listens_on_an_address_that_comes_later(space, started, named, host, prefix):
    named("192.0.2.1", "127.0.1.1")
    where = f"[{host}]:53" if ":" in host else f"{host}:53"
    daemon = started("--upstream", "127.0.1.1", listen=("127.0.0.1:5301", where))
    assert daemon.stderr.count(f"does not have the address {where} yet") == 1
    assert address_of(space, "a.lab") == "192.0.2.1"
    link(space, "vpn0", f"{host}/{prefix}")
    assert address_of(space, "b.lab", (host, 53)) == "192.0.2.1"
    assert asks(space, "c.lab", (host, 53), tcp=True).answer
    space.ip("link", "delete", "vpn0")
    link(space, "vpn0", f"{host}/{prefix}")
    assert address_of(space, "d.lab", (host, 53)) == "192.0.2.1"


def test_it_listens_on_a_tentative_address(space, started, named):
    """Duplicate address detection of a link without carrier does not end."""
    named("192.0.2.1", "127.0.1.1")
    space.ip("link", "add", "v0", "type", "veth", "peer", "name", "v1")
    space.ip("link", "set", "v0", "up")
    space.ip("address", "add", "fd77::9/64", "dev", "v0")
    started("--upstream", "127.0.1.1", listen=("127.0.0.1:5301", "[fd77::9]:53"))
    space.ip("link", "set", "v1", "up")
    assert wait_until(lambda: answers(space, ("fd77::9", 53)), SOON_S + 2, 0.1)


def answers(space, server):
    try:
        return bool(asks(space, "a.lab", server, patience_s=0.3).answer)
    except Exception:  # pylint: disable=broad-except
        return False


def test_a_link_local_listen_address_follows_its_interface(space, started, named):
    named("192.0.2.1", "127.0.1.1")
    daemon = started("--upstream", "127.0.1.1", listen=("127.0.0.1:5301", "[fe80::9%vpn0]:53"))
    assert daemon.stderr.count("there is no interface 'vpn0' yet") == 1
    for _ in range(2):
        link(space, "vpn0", "fe80::9/64")
        assert wait_until(lambda: answers(space, ("fe80::9%vpn0", 53)), SOON_S, 0.1)
        space.ip("link", "delete", "vpn0")


def test_all_who_wait_are_told_at_the_end_though_answers_leave_at_a_pace(space, folder):
    """Hosts other than this one: answers that had to wait leave a few at a time."""
    many = 300
    link(space, "lan0", "10.77.0.9/24")
    daemon = Jidnsd(["--listen", "10.77.0.9:5301", "--upstream", "127.0.1.1"], folder, listen=False, wrap=space.argv).wait_ready()

    def make(host, port):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((host, port))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        sock.settimeout(3)
        return sock

    def hear(sock):
        try:
            return dns.message.from_wire(sock.recv(4096)).question[0].name
        except socket.timeout:
            return None
    with space.call(lambda: make("127.0.1.1", 53)), space.call(lambda: make("10.77.0.9", 0)) as client:
        for n in range(many):
            client.sendto(dns.message.make_query(f"n{n}.lab", "A").to_wire(), ("10.77.0.9", 5301))
        time.sleep(0.3)
        assert daemon.stop() == 0
        heard = set(iter(lambda: hear(client), None))
    assert len(heard) == many


def taken_port(space):
    """Somebody else's socket for port 53 of all IPv6 addresses."""
    def make():
        sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(("::", 53))
        return sock
    return space.call(make)


def test_an_address_that_can_not_be_listened_on_does_not_hold_back_who_may_ask(space, started, named):
    named("192.0.2.1", "127.0.1.1")
    daemon = started("--upstream", "127.0.1.1", listen=("0.0.0.0:5301", "[fe80::9%vpn0]:53"))
    with taken_port(space):
        link(space, "vpn0", "10.77.0.9/24")
        daemon.wait_for(lambda: re.search("these may ask now: .*10.77.0.0/24", daemon.stderr), "word of who may ask")
        assert "can't listen on [fe80::9" in daemon.stderr and "listening on" not in daemon.stderr.split("jidnsd ready", 1)[1].split("\n", 1)[1]
    link(space, "vpn1", "10.78.0.9/24")
    assert wait_until(lambda: "interfaces have changed: listening on" in daemon.stderr, SOON_S, 0.1), "and is tried again"


def test_metrics_may_listen_on_an_address_that_comes_later(space, started):
    started("--upstream", "127.0.1.1", "--metrics", "10.77.0.9:9153", "--metrics-public", "on")
    link(space, "vpn0", "10.77.0.9/24")
    done = subprocess.run(space.argv(["python3", "-c", "import urllib.request as u; print(u.urlopen('http://10.77.0.9:9153/healthz').read())"]),
                          capture_output=True, text=True, timeout=10, check=False)
    assert "alive" in done.stdout


def test_a_port_that_is_forbidden_comes_with_the_way_out(space, folder):
    drop = ["setpriv", "--bounding-set=-net_bind_service", "--inh-caps=-net_bind_service"]
    daemon = Jidnsd(["--listen", "127.0.0.1:53", "--upstream", "127.0.1.1"], folder, listen=False, wrap=lambda argv: space.argv(drop + argv))
    assert daemon.wait_exit() == 1
    assert "CAP_NET_BIND_SERVICE" in daemon.stderr and "ip_unprivileged_port_start" in daemon.stderr


# ---- who may ask ----

@pytest.fixture
def neighbour(namespaces, space):
    """Makes a namespace that is linked to the daemon's: it has .1, the daemon's end gets .2 when the test says so."""
    other = namespaces("far")
    other.link_to(space, ["10.78.0.1/24", "fd78::1/64"], [])
    return other


def far_end(space):
    done = subprocess.run(["ip", "-n", space.name, "-o", "link"], capture_output=True, text=True, check=True)
    return next(line.split()[1].split("@")[0] for line in done.stdout.splitlines() if "@" in line)


@pytest.mark.parametrize("host, prefix", [("10.78.0.2", 24), ("fd78::2", 64)])
def test_a_network_that_comes_may_ask_within_a_second_and_not_when_it_has_gone(space, neighbour, started, named, host, prefix):
    named("192.0.2.1", "127.0.1.1")
    daemon = started("--upstream", "127.0.1.1", listen=("[::]:5301" if ":" in host else "0.0.0.0:5301",))
    device = far_end(space)
    nodad = ["nodad"] if ":" in host else []
    space.ip("address", "add", f"{host}/{prefix}", "dev", device, *nodad)
    assert wait_until(lambda: asks(neighbour, "a.lab", (host, 5301)).rcode() == dns.rcode.NOERROR, SOON_S, 0.1)
    assert "this machine's networks have changed" in daemon.stderr

    one = f"{host}/128" if ":" in host else f"{host}/32"
    space.ip("address", "del", f"{host}/{prefix}", "dev", device)
    space.ip("address", "add", one, "dev", device, *nodad)
    space.ip("route", "add", "fd78::1/128" if ":" in host else "10.78.0.1/32", "dev", device)
    assert wait_until(lambda: asks(neighbour, "a.lab", (host, 5301)).rcode() == dns.rcode.REFUSED, SOON_S, 0.1)


def test_a_public_network_that_comes_may_not_ask(space, started, named):
    named("192.0.2.1", "127.0.1.1")
    daemon = started("--upstream", "127.0.1.1", listen=("0.0.0.0:5301",))
    link(space, "wan0", "9.9.10.1/24")
    daemon.wait_for(lambda: "a public address now: its network may not ask unless --allow says so" in daemon.stderr, "a word about it")
    link(space, "lan0", "10.79.0.1/24")
    daemon.wait_for(lambda: "these may ask now: 10.79.0.0/24" in daemon.stderr, "the other network")
    assert daemon.stderr.count("a public address now") == 1


def own_pid(daemon):
    """Its own: nsenter becomes what it starts."""
    return descendants(daemon.child.pid)[-1]


def cpu_s(pid):
    fields = open(f"/proc/{pid}/stat", encoding="ascii").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_storm_of_interfaces_costs_little(space, started):
    daemon = started("--upstream", "127.0.1.1", listen=("0.0.0.0:5301",))
    pid = own_pid(daemon)
    before = cpu_s(pid)
    script = "".join(f"link add d{n} type veth peer name e{n}\nlink set d{n} up\nlink set e{n} up\n" for n in range(150))
    subprocess.run(["ip", "-n", space.name, "-batch", "-"], input=script, text=True, check=True, capture_output=True)
    link(space, "last0", "10.79.0.1/24")
    daemon.wait_for(lambda: "these may ask now: 10.79.0.0/24" in daemon.stderr or ", 10.79.0.0/24" in daemon.stderr, "the last network")
    assert cpu_s(pid) - before < 1


# ---- link-local servers ----

@pytest.mark.parametrize("how", ["resolv.conf by name", "resolv.conf by number", "--upstream", "--forward"])
def test_a_link_local_server_is_asked_once_its_interface_is_there_and_when_it_is_made_again(space, started, folder, how):
    path = folder / "resolv.conf"
    scope = "7777" if "number" in how else "vpn0"
    path.write_text(f"nameserver fe80::1%{scope}\n" if "resolv" in how else "")
    options = {"--upstream": ["--upstream", "fe80::1%vpn0"], "--forward": ["--upstream", "127.0.1.9", "--forward", "lab=fe80::1%vpn0"]}.get(how, [])
    daemon = started("--resolv-conf", path, *options)
    assert asks(space, "a.lab").rcode() == dns.rcode.SERVFAIL
    for n in range(2):
        space.ip("link", "add", "vpn0", *(["index", "7777"] if "number" in how else []), "type", "veth", "peer", "name", "vpn0p")
        space.ip("link", "set", "vpn0", "up")
        space.ip("link", "set", "vpn0p", "up")
        space.ip("address", "add", "fe80::1/64", "dev", "vpn0", "nodad")
        server = Upstream(lambda asked, n=n: lies.answer(asked.query, f"192.0.2.{n}"), 53, "fe80::1%vpn0", space)
        assert wait_until(lambda n=n: address_of(space, f"n{n}.lab") == f"192.0.2.{n}", SOON_S, 0.1)
        assert "asking [fe80::1%vpn0]:53" in daemon.stderr or how == "--forward"
        server.close()
        space.ip("link", "delete", "vpn0")


def test_a_link_local_server_is_shown_with_its_interface(space, started, folder):
    link(space, "vpn0", "fe80::9/64")
    daemon = started("--upstream", "fe80::1%vpn0", "--forward", "lab=fe80::2%vpn0", "--control", folder / "c", "--metrics", "127.0.0.1:5302")
    daemon.control = folder / "c"
    asks(space, "a.lab")
    for command in ("status", "upstreams"):
        said = jidns(daemon, command).stdout
        assert "[fe80::1%vpn0]:53" in said and "[fe80::2%vpn0]:53" in said, said
    said = jidns(daemon, "upstreams", "--json").stdout
    assert [one["address"] for one in json.loads(said)["upstreams"]] == ["[fe80::1%vpn0]:53", "[fe80::2%vpn0]:53"]
    page = space.call(lambda: urllib.request.urlopen("http://127.0.0.1:5302/metrics", timeout=10).read().decode())
    assert 'jidns_server_up{server="[fe80::2%vpn0]:53",domain="lab."}' in page
    assert "upstream [fe80::1%vpn0]:53" in daemon.stderr


def test_two_servers_of_one_link_local_address_are_two_series(space, started):
    for device in ("vpn0", "vpn1"):
        link(space, device, "fe80::9/64")
    started("--upstream", "fe80::1%vpn0", "--upstream", "fe80::1%vpn1", "--metrics", "127.0.0.1:5302")
    asks(space, "a.lab")
    page = space.call(lambda: urllib.request.urlopen("http://127.0.0.1:5302/metrics", timeout=10).read().decode())
    series = [line.rsplit(" ", 1)[0] for line in page.splitlines() if line and not line.startswith("#")]
    assert len(series) == len(set(series))
    for device in ("vpn0", "vpn1"):
        assert f'jidns_server_queries_total{{server="[fe80::1%{device}]:53",domain=""}}' in series


# ---- no netlink ----

NO_NETLINK = """
import ctypes, os, sys
class Arg(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]
lib = ctypes.CDLL("libseccomp.so.2")
lib.seccomp_init.restype = ctypes.c_void_p
filter = ctypes.c_void_p(lib.seccomp_init(0x7fff0000))
lib.seccomp_rule_add_array(filter, 0x00050000 | 97, lib.seccomp_syscall_resolve_name(b"socket"), 1, (Arg * 1)(Arg(0, 4, 16, 0)))
assert lib.seccomp_load(filter) == 0
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_it_starts_where_there_is_no_netlink(space, tmp_path, named, track):
    named("192.0.2.1", "127.0.1.1")
    daemon = track(Jidnsd(["--listen", "0.0.0.0:5301", "--upstream", "127.0.1.1"], tmp_path, listen=False,
                          wrap=lambda argv: space.argv(["python3", "-c", NO_NETLINK, *argv]))).wait_ready()
    try:
        assert address_of(space, "a.lab") == "192.0.2.1"
        assert "can't list this machine's networks" in daemon.stderr and "looking every 2 s" in daemon.stderr
    finally:
        daemon.close()


# ---- another network ----

def test_what_another_networks_servers_said_is_no_longer_fresh(space, started, folder, named):
    path = folder / "resolv.conf"
    path.write_text("nameserver 127.0.1.1\n")
    home, office = named("192.0.2.1", "127.0.1.1"), named("192.0.2.2", "127.0.1.2")
    daemon = started("--resolv-conf", path)
    assert address_of(space, "a.lab") == "192.0.2.1"

    path.write_text("options edns0\nnameserver 127.0.1.3\nnameserver 127.0.1.1\n")  # one more: the same network
    daemon.wait_for(lambda: "asking 127.0.1.3:53, 127.0.1.1:53" in daemon.stderr, "both servers")
    assert address_of(space, "a.lab") == "192.0.2.1" and len(home.seen) == 1

    path.write_text("nameserver 127.0.1.2\n")
    daemon.wait_for(lambda: "asking 127.0.1.2:53" in daemon.stderr, "the other servers")
    assert address_of(space, "a.lab") == "192.0.2.2"
    assert "1 cached answers expired" in daemon.stderr

    assert office.seen
    path.write_text("nameserver 127.0.1.9\n")  # nobody is there: what the office said stands in
    daemon.wait_for(lambda: "asking 127.0.1.9:53" in daemon.stderr, "a third set")
    reply = asks(space, "a.lab")
    assert reply.answer[0][0].address == "192.0.2.2" and error_of(reply) == 3


def test_who_waits_for_the_old_networks_servers_is_answered_by_the_new_ones(space, started, folder, named, upstream):
    path = folder / "resolv.conf"
    path.write_text("nameserver 127.0.1.1\n")
    upstream(lambda asked: None, port=53, host="127.0.1.1", namespace=space)
    named("192.0.2.2", "127.0.1.2")
    started("--resolv-conf", path, "--max-stale", "0")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(address_of, space, "a.lab")
        time.sleep(0.3)
        path.write_text("nameserver 127.0.1.2\n")
        assert waiting.result() == "192.0.2.2"


def test_a_forward_that_comes_changes_or_goes_makes_new_what_lies_below_it_and_only_that(space, started, folder, named):
    rest, inner, other = (named(f"192.0.2.{n}", f"127.0.1.{n}") for n in (1, 2, 3))
    path = folder / "jidnsd.conf"

    def write(*servers):
        path.write_text('upstream { server = {"127.0.1.1"} }\n' + "".join(f'forward "corp.lab" {{ upstream = {{"{s}"}} }}\n' for s in servers))

    write()
    daemon = started("--config", path)
    for server, expected in ((None, "192.0.2.1"), ("127.0.1.2", "192.0.2.2"), ("127.0.1.3", "192.0.2.3"), (None, "192.0.2.1")):
        write(*([server] if server else []))
        before = daemon.stderr.count("settings reloaded")
        os.kill(own_pid(daemon), signal.SIGHUP)
        daemon.wait_for(lambda before=before: daemon.stderr.count("settings reloaded") > before, "the reload")
        assert address_of(space, "a.corp.lab") == address_of(space, "corp.lab") == expected
        assert address_of(space, "b.lab") == "192.0.2.1"
    assert [q.name for q in rest.seen].count("b.lab.") == 1
    assert len(inner.seen) == len(other.seen) == 2
