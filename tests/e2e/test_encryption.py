"""DNS over TLS to servers as people run them: unbound and named. Certificates, connections, what is loaded and when."""

import json
import pathlib
import re
import shutil
import signal
import subprocess

import dns.rcode
import pytest

from kit.ask import ask
from kit.control import jidns
from kit.jidnsd import Jidnsd, has_filter, path
from kit.netns import free_ports, run
from kit.proc import Process, has_sanitizer, resident_mb, wait_until

UNBOUND = """
server:
  interface: 127.0.0.1@{port}
  tls-port: {port}
  tls-service-key: "{folder}/server.key"
  tls-service-pem: "{folder}/server.pem"
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: "{folder}/unbound.pid"
  do-daemonize: no
  use-syslog: no
  tcp-idle-timeout: {idle_ms}
  local-zone: "lab." static
  {records}
remote-control:
  control-enable: no
"""
NAMED = """
tls ours {{ key-file "{folder}/server.key"; cert-file "{folder}/server.pem"; }};
options {{ directory "{folder}"; listen-on {{ none; }}; listen-on-v6 {{ none; }}; recursion no; pid-file none;
           listen-on port {port} tls ours {{ 127.0.0.1; }}; }};
controls {{ }};
zone "lab" {{ type primary; file "{folder}/lab.zone"; }};
"""
NAMES = 40


@pytest.fixture(name="place")
def fixture_place(folder):
    """A folder with an authority's certificate and that of a server called dns.lab at 127.0.0.1."""
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    run("openssl", "req", "-x509", *curve, "-days", 9, "-subj", "/CN=Authority of the lab",
        "-keyout", folder / "ca.key", "-out", folder / "ca.pem")
    run("openssl", "req", *curve, "-subj", "/CN=x", "-keyout", folder / "server.key", "-out", folder / "server.csr")
    (folder / "names").write_text("subjectAltName=DNS:dns.lab,IP:127.0.0.1\n")
    run("openssl", "x509", "-req", "-in", folder / "server.csr", "-CA", folder / "ca.pem", "-CAkey", folder / "ca.key",
        "-CAcreateserial", "-days", 5, "-extfile", folder / "names", "-out", folder / "server.pem")
    (folder / "server.key").chmod(0o644)
    return folder


@pytest.fixture(name="server")
def fixture_server(place, track):
    """server(kind, idle_ms): its port."""
    made = []

    def make(kind="unbound", idle_ms=10000):
        port = free_ports()
        records = [(f"n{i}.lab.", f"192.0.2.{i + 1}") for i in range(NAMES)]
        if kind == "unbound":
            lines = "\n  ".join(f'local-data: "{name} 60 IN A {address}"' for name, address in records)
            (place / "unbound.conf").write_text(UNBOUND.format(port=port, folder=place, idle_ms=idle_ms, records=lines))
            argv = ["unbound", "-d", "-c", place / "unbound.conf"]
        else:
            (place / "lab.zone").write_text("$TTL 60\n@ SOA ns hostmaster 1 60 60 60 60\n@ NS ns\nns A 127.0.0.1\n" +
                                            "".join(f"{name} A {address}\n" for name, address in records))
            (place / "named.conf").write_text(NAMED.format(port=port, folder=place))
            argv = ["named", "-f", "-c", place / "named.conf"]
        if not shutil.which(argv[0]):
            pytest.skip(f"there is no {argv[0]}")
        process = track(Process(kind, argv, place))
        made.append(process)
        process.wait_for(lambda: subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}"], stdin=subprocess.DEVNULL,
                                                capture_output=True, check=False).returncode == 0, "take TLS", 20)
        return port
    yield make
    for process in made:
        process.stop()


@pytest.fixture(name="daemon")
def fixture_daemon(folder, jidnsd):
    def make(*options):
        one = jidnsd(*options, "--control", folder / "control")
        one.control = folder / "control"
        return one
    return make


def seen(daemon):
    done = jidns(daemon, "upstreams", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["upstreams"][0]


def maps(daemon):
    with open(f"/proc/{daemon.child.pid}/maps", encoding="utf-8") as file:
        return file.read()


@pytest.mark.parametrize("kind", ["unbound", "named"])
def test_a_server_is_asked_over_one_connection_that_proves_itself_by_its_name(kind, server, daemon, place):
    port = server(kind)
    jidnsd = daemon("--upstream", f"tls://127.0.0.1:{port}#dns.lab", "--tls-ca", place / "ca.pem")
    for i in range(NAMES):
        answer = ask(jidnsd.v4, f"n{i}.lab.")
        assert [r.to_text() for r in answer.answer[0]] == [f"192.0.2.{i + 1}"]
    assert ask(jidnsd.v4, "none.lab.").rcode() == dns.rcode.NXDOMAIN
    one = seen(jidnsd)
    assert one["transport"] == "TLS" and one["state"] == "up" and one["replies"] == NAMES + 1
    tls = one["tls"]
    assert tls["version"] == "TLSv1.3" and tls["handshakes"] == 1 and tls["connections"] == 1 and tls["failure"] is None
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT[\d:]+Z", tls["certificate_until"]) and tls["pin"].startswith("sha256/")
    assert "TLSv1.3" in jidns(jidnsd, "upstreams").stdout


def test_a_server_proves_itself_by_its_address_or_by_its_key(server, daemon, place):
    port, authorities = server(), place / "authorities"
    authorities.mkdir()
    shutil.copy(place / "ca.pem", authorities)
    run("openssl", "rehash", authorities)
    first = daemon("--upstream", f"tls://127.0.0.1:{port}", "--tls-ca", authorities)
    assert ask(first.v4, "n1.lab.").answer
    pin = seen(first)["tls"]["pin"]
    second = Jidnsd(["--upstream", f"tls://127.0.0.1:{port}#whatever.lab", "--tls-pin", pin], place, name="second").wait_ready()
    assert ask(second.v4, "n1.lab.").answer
    second.close()


@pytest.mark.parametrize("options, word", [
    (["#other.lab", "--tls-ca", "ca.pem"], "for another name or address than other.lab"),
    (["#dns.lab"], "signed by nobody who is trusted"),
    (["", "--tls-pin", "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="], "none of those that are pinned"),
])
def test_a_server_that_is_not_who_it_should_be_is_not_asked(server, daemon, place, options, word):
    name, *more = options
    more = [place / each if each == "ca.pem" else each for each in more]
    jidnsd = daemon("--upstream", f"tls://127.0.0.1:{server()}{name}", *more)
    answer = ask(jidnsd.v4, "n1.lab.", edns=0, patience_s=1)
    assert answer.rcode() == dns.rcode.SERVFAIL
    assert [option.code for option in answer.options if option.otype == 15] == [23]
    wait_until(lambda: word in jidnsd.stderr, 2)
    assert jidnsd.stderr.count(word) == 1 and re.search(r"its key is sha256/\S{44}", jidnsd.stderr)
    assert seen(jidnsd)["tls"]["failure"].startswith("certificate-")


def test_a_server_that_closes_what_is_idle_is_resumed_and_costs_nobody_an_answer(server, daemon, place):
    jidnsd = daemon("--upstream", f"tls://127.0.0.1:{server(idle_ms=1200)}#dns.lab", "--tls-ca", place / "ca.pem")
    for i in range(3):
        assert ask(jidnsd.v4, f"n{i}.lab.").answer
        wait_until(lambda: seen(jidnsd)["tls"]["connections"] == 0, 5)
    tls = seen(jidnsd)["tls"]
    assert tls["failure"] is None and tls["handshakes"] == 3 and tls["handshakes_resumed"] == 2
    assert "down" not in jidnsd.stderr


def test_a_thousand_questions_at_once_make_one_handshake(server, daemon, place):
    jidnsd = daemon("--upstream", f"tls://127.0.0.1:{server()}#dns.lab", "--tls-ca", place / "ca.pem")
    queries = place / "queries"
    queries.write_text("".join(f"x{i}.lab. A\n" for i in range(1000)))
    done = subprocess.run(["dnsperf", "-s", "127.0.0.1", "-p", str(jidnsd.port), "-d", queries, "-q", "1000", "-n", "1",
                           "-m", "tcp"],  # nothing is lost on the way to it
                          capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("there is no dnsperf")
    assert "NXDOMAIN 1000" in done.stdout, done.stdout
    assert seen(jidnsd)["tls"]["handshakes"] == 1


def test_a_reload_keeps_connections_that_stay_the_same(server, daemon, place):
    port = server()
    settings = place / "jidnsd.conf"
    text = f'upstream {{ server = "tls://127.0.0.1:{port}#dns.lab" }}\ntls {{ ca = {place}/ca.pem }}\n'
    settings.write_text(text)
    jidnsd = daemon("--config", settings)
    assert ask(jidnsd.v4, "n1.lab.").answer
    settings.write_text(text + "log { level = info }\n")
    jidnsd.child.send_signal(signal.SIGHUP)
    wait_until(lambda: "settings reloaded" in jidnsd.stderr, 5)
    assert ask(jidnsd.v4, "n2.lab.").answer and seen(jidnsd)["tls"]["handshakes"] == 1

    settings.write_text(text.replace("#dns.lab", "#other.lab"))
    jidnsd.child.send_signal(signal.SIGHUP)
    wait_until(lambda: "other.lab" in jidnsd.stderr, 5)
    assert ask(jidnsd.v4, "n3.lab.").rcode() == dns.rcode.SERVFAIL


def test_openssl_is_loaded_only_when_an_encrypted_server_is_set(server, daemon, place):
    settings = place / "jidnsd.conf"
    settings.write_text("upstream { server = 127.0.0.1:9 }\n")
    jidnsd = daemon("--config", settings)
    assert "libssl" not in maps(jidnsd) and "libcrypto" not in maps(jidnsd)
    settings.write_text(f'upstream {{ server = "tls://127.0.0.1:{server()}#dns.lab" }}\n')
    jidnsd.child.send_signal(signal.SIGHUP)
    wait_until(lambda: "the old settings still hold" in jidnsd.stderr or "settings reloaded" in jidnsd.stderr, 5)
    if has_filter():
        assert "OpenSSL was not loaded, because there was none at the start; restart jidnsd" in jidnsd.stderr
        assert "libssl" not in maps(jidnsd)
    else:
        assert ask(jidnsd.v4, "n1.lab.").answer


def name_service_mb(pid):
    """What the machine's name service has loaded to find the user: libnss_systemd, and libm for it, on many."""
    found, mine = 0, False
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text(encoding="utf-8").splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            mine = re.search(r"/(libnss_\w+|libm)\.so", line)
        elif mine and line.startswith("Rss:"):
            found += int(line.split()[1])
    return found / 1024


def test_an_idle_daemon_with_one_encrypted_server_takes_9_mb_at_most(server, daemon, place):
    jidnsd = daemon("--upstream", f"tls://127.0.0.1:{server()}#dns.lab", "--tls-ca", place / "ca.pem")
    if has_sanitizer(jidnsd.child.pid):
        pytest.skip("a sanitizer takes more than that itself")
    assert ask(jidnsd.v4, "n1.lab.").answer
    assert resident_mb(jidnsd.child.pid) - name_service_mb(jidnsd.child.pid) <= 9.2


@pytest.mark.parametrize("options, expected", [
    (["--tls-ca", "/nowhere"], "--tls-ca: /nowhere: there are no certificates to trust"),
    (["--tls-ca", "/etc/hostname"], "/etc/hostname: can't be read as certificates in PEM"),
    (["--upstream", "tls://dns.lab"], "write tls://ADDRESS#dns.lab"),
])
def test_what_can_not_be_used_is_said_in_one_line(options, expected):
    done = subprocess.run([path(), "--control", "", "--listen", f"127.0.0.1:{free_ports()}", "--upstream", "tls://127.0.0.1#dns.lab", *options],
                          capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2 and expected in done.stderr
    assert len([line for line in done.stderr.splitlines() if "warn" not in line]) == 1
