"""Boot, and a network that comes late, goes and changes: resolv.conf, addresses, interfaces. Servers and clients have addresses
of loopback in a namespace of its own."""

import os
import subprocess

import dns.edns
import dns.rcode
import pytest

from kit import jidnsd as jidnsd_kit
from kit import lies
from kit.ask import ask
from kit.jidnsd import Jidnsd
from kit.proc import wait_until

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
def started(space, folder, track):
    """Starts a daemon in the namespace; it must end in order."""
    made = []

    def start(*options, listen=("127.0.0.1:5301",), **how):
        words = [word for address in listen for word in ("--listen", address)]
        daemon = track(Jidnsd([*words, "--prefetch", "off", *options], folder, listen=False, wrap=lambda argv: space.argv(argv, **how)))
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
    (text("nameserver here\n"), "line 1: 'here' is no address"), (text("nameserver fe80::1%eth7\n"), "interfaces that are not here yet")],
    ids=["no file", "no folder", "dangling", "a pipe", "empty", "comments", "itself", "nonsense", "no interface"])
def test_it_starts_without_a_nameserver_and_takes_the_first_that_comes(named, space, started, folder, before, said):
    named("192.0.2.1", "127.0.1.1")
    path = folder / "etc" / "resolv.conf"
    path.parent.mkdir()
    before(path)
    daemon = started("--resolv-conf", path, listen=("127.0.0.1:53",))
    reply = asks(space, "a.lab", ("127.0.0.1", 53))
    assert reply.rcode() == dns.rcode.SERVFAIL and error_of(reply) == 22
    assert said in daemon.stderr and daemon.stderr.count("no server to ask") == 1

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
    for said in ("names no server", "--listen 10.77.0.9:53: this machine does not have that address now",
                 "--listen: there is no interface 'tun7' now", "--forward: there is no interface 'tun8' now"):
        assert done.stderr.count(said) == 1
    assert len(done.stderr.splitlines()) == 4
    assert check_config(space, "--upstream", "9.9.9.9").stdout == "jidnsd: the settings are good\n"


# ---- a ring ----

def test_a_ring_through_systemd_resolved_is_opened(space, folder):
    """resolv.conf names resolved's stub, and resolved asks jidnsd."""
    path, resolved = folder / "resolv.conf", folder / "resolved"
    path.write_text("nameserver 127.0.0.53\n")
    resolved.write_text("nameserver 127.0.0.1\n")
    script = ('mount -t tmpfs none /run && mkdir -p /run/systemd/resolve && cp "$0" /run/systemd/resolve/resolv.conf && '
              'chmod 755 /run/systemd /run/systemd/resolve && exec "$@"')
    enter = ["unshare", "-m", "sh", "-c", script, str(resolved)]
    daemon = Jidnsd(["--listen", "127.0.0.1:53", "--resolv-conf", path], folder, listen=False,
                    wrap=lambda argv: space.argv(enter + argv)).wait_ready()
    try:
        assert "names systemd-resolved, which asks nobody but jidnsd itself" in daemon.stderr
        assert asks(space, "a.lab", ("127.0.0.1", 53)).rcode() == dns.rcode.SERVFAIL
    finally:
        daemon.close()
