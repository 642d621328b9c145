"""jidns check --connect: against real Prosody and ejabberd, servers with bad certificates, and peers that mean harm."""

import json
import socket
import ssl
import subprocess
import threading
import time

import dns.flags
import dns.message
import pytest

from kit import jidnsd as jidnsd_kit
from kit.control import program
from kit.upstream import relay_to
from kit.xmpp import Network, Machine, start_ejabberd, start_prosody

from test_check import SOMETHING, fixture_world, jidns  # noqa: F401 (the fixture "world")

TROUBLE = 4
STREAM = ("<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='1' "
          "from='d.chat' version='1.0'>")
STARTTLS = "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'>%s</starttls></stream:features>"
REQUIRED = STARTTLS % "<required/>"
PROCEED = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
SASL = ("<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>%s</mechanisms></stream:features>")
SCRAM = SASL % "<mechanism>SCRAM-SHA-1</mechanism><mechanism>PLAIN</mechanism>"


def openssl(*argv):
    subprocess.run(["openssl", *map(str, argv)], check=True, capture_output=True)


class Authority:
    """Makes certificates; trusted through its file ca.pem."""

    def __init__(self, folder, organisation=""):
        self.folder, self.count = folder, 0
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 900, "-subj",
                (f"/O={organisation}" if organisation else "") + "/CN=The test's",
                "-keyout", folder / "ca.key", "-out", folder / "ca.pem")

    def make(self, names, from_day=-1, days=90, signed=True):
        """A file with certificate and key, valid from `from_day` (0: now) for so many days."""
        self.count += 1
        base = self.folder / f"c{self.count}"
        key, request, cert, names_file = (base.with_suffix(x) for x in (".key", ".csr", ".pem", ".names"))
        names_file.write_text(f"subjectAltName={names}\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN=c{self.count}", "-keyout", key, "-out", request)
        if signed:
            start, end = (time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + day * 86400)) for day in (from_day, from_day + days))
            openssl("ca", "-config", self.config(), "-batch", "-notext", "-in", request, "-out", cert, "-extfile", names_file,
                    "-startdate", start, "-enddate", end)
        else:
            openssl("x509", "-req", "-in", request, "-days", days, "-extfile", names_file, "-out", cert, "-signkey", key)
        cert.write_text(cert.read_text() + key.read_text())
        return cert

    def config(self):
        path = self.folder / "ca.conf"
        (self.folder / "index").touch()
        path.write_text(f"[ca]\ndefault_ca=a\n[a]\ndatabase={self.folder}/index\nnew_certs_dir={self.folder}\nrand_serial=yes\ndefault_md=sha256\n"
                        f"certificate={self.folder}/ca.pem\nprivate_key={self.folder}/ca.key\npolicy=p\n[p]\ncommonName=supplied\n")
        return path


@pytest.fixture(name="authority", scope="module")
def fixture_authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


def read_until(sock, what):
    got = b""
    while what not in got:
        piece = sock.recv(4096)
        if not piece:
            raise ConnectionError
        got += piece
    return got


class Peer:
    """A TCP server on loopback; `talk` gets each connection, in a thread."""

    def __init__(self, talk, address="127.0.0.1", port=0):
        self.talk, self.conversations = talk, 0
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.socket = socket.create_server((address, port), family=family)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                conversation, _ = self.socket.accept()
            except OSError:
                return
            self.conversations += 1
            threading.Thread(target=self.run, args=(conversation,), daemon=True).start()

    def run(self, conversation):
        try:
            with conversation:
                self.talk(conversation)
        except (OSError, ConnectionError):
            pass

    def close(self):
        self.socket.close()


@pytest.fixture(name="peer")
def fixture_peer():
    made = []

    def make(talk, *where):
        made.append(Peer(talk, *where))
        return made[-1]
    yield make
    for each in made:
        each.close()


def xmpp(cert, direct=False, features=REQUIRED, after=SCRAM, newest=None, alpn=None, default=None, wants_cert=False, opening=STREAM, unknown=None):
    """An XMPP server as far as its features after TLS. alpn: who does not say so meets a web server; default: the certificate for
    those that send no SNI; unknown: a domain that it does not serve."""
    def talk(sock):
        if not direct:
            asked = read_until(sock, b"version='1.0'")
            if unknown and f"to='{unknown}'".encode() in asked:
                sock.sendall((opening + "<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>").encode())
                return
            sock.sendall((opening + features).encode())
            read_until(sock, b"<starttls")
            sock.sendall(PROCEED.encode())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if newest:
            context.set_ciphers("DEFAULT@SECLEVEL=0")
            context.minimum_version, context.maximum_version = ssl.TLSVersion.MINIMUM_SUPPORTED, newest
        context.load_cert_chain(cert)
        if alpn:
            context.set_alpn_protocols([alpn, "http/1.1"])
        if default:
            other = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            other.load_cert_chain(default)
            context.sni_callback = lambda tls, name, _: None if name else setattr(tls, "context", other)
        if wants_cert:
            context.verify_mode = ssl.CERT_OPTIONAL
            context.load_verify_locations(cert)
        with context.wrap_socket(sock, server_side=True) as tls:
            if alpn and tls.selected_alpn_protocol() != alpn:
                tls.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
                return
            read_until(tls, b"version='1.0'")
            tls.sendall((opening + after).encode())
            tls.recv(100)
    return talk


@pytest.fixture(name="domain")
def fixture_domain(world, authority):
    """domain({service: port}): d.chat with these services on loopback, and what check --connect says of it, as JSON."""
    def make(services, *argv, more="", form=("--format", "json")):
        records = "@ A 127.0.0.1\nx A 127.0.0.1\n" + "".join(f"_{name}._tcp SRV 0 5 {port} x\n" for name, port in services.items()) + more
        check = world({"d.chat": records})
        return check("--connect", "--allow-private", "--tls-ca", authority.folder / "ca.pem", "--side", "c2s", *form, *argv, "d.chat")
    return make


def result(done):
    """Codes of what connections have shown (and what follows), by severity; and the connections."""
    report = json.loads(done.stdout)
    about_address = {"address-loopback", "port-unusual", "ipv4-only"}
    return {f["code"]: f["severity"] for f in report["findings"] if f["severity"] != "info" and f["code"] not in about_address}, report


# ---- good ones ----

def test_a_good_server_is_gone_through_phase_by_phase(domain, peer, authority):
    cert = authority.make("DNS:d.chat")
    found, report = result(domain({"xmpp-client": peer(xmpp(cert)).port, "xmpps-client": peer(xmpp(cert, direct=True)).port}))
    assert found == {}
    assert [(c["tls"], c["phase"], c["certificate"]["form"], c["certificate"]["trust"]) for c in report["connections"]] \
        == [("direct", "done", "dNSName", "trusted"), ("starttls", "done", "dNSName", "trusted")]
    assert {c["tls_version"] for c in report["connections"]} == {"TLSv1.3"}
    assert report["connections"][1]["features"]["mechanisms"] == "SCRAM-SHA-1 PLAIN" and report["connections"][1]["features"]["starttls_required"]
    assert "connections" not in [s["check"] for s in report["skipped"]]


@pytest.mark.parametrize("names, form", [("otherName:1.3.6.1.5.5.7.8.7;IA5STRING:_xmpp-client.d.chat", "SRV-ID"),
                                         ("otherName:1.3.6.1.5.5.7.8.5;UTF8:d.chat", "XmppAddr")])
def test_srv_id_and_xmpp_addr_name_the_domain(domain, peer, authority, names, form):
    found, report = result(domain({"xmpp-client": peer(xmpp(authority.make(names))).port}))
    assert found == {} and report["connections"][0]["certificate"]["form"] == form


def test_text_and_html_show_the_connections(domain, peer, authority):
    port = peer(xmpp(authority.make("DNS:x.d.chat"))).port
    done = domain({"xmpp-client": port}, form=())
    assert done.returncode == SOMETHING and f"\nConnections\n  client {port:5} STARTTLS  127.0.0.1 " in done.stdout
    assert f"error    x.d.chat has a certificate for somebody else, port {port}: x.d.chat" in " ".join(done.stdout.split("\n         "))
    assert max(len(line) for line in done.stdout.splitlines()) <= 80
    html = domain({"xmpp-client": port}, form=("--format", "html")).stdout
    assert "<h3>Connections</h3>" in html and "certificate: not named" in html and '<g class="box error"><title>x.d.chat' in html


# ---- certificates ----

@pytest.mark.parametrize("names, how, wanted", [
    ("DNS:x.d.chat", {}, {"cert-wrong-name": "error"}),
    ("DNS:*.d.chat", {}, {"cert-wrong-name": "error"}),
    ("otherName:1.3.6.1.5.5.7.8.7;IA5STRING:_xmpp-server.d.chat", {}, {"cert-wrong-name": "error"}),
    ("DNS:d.chat", {"from_day": -30, "days": 20}, {"cert-expired": "error"}),
    ("DNS:d.chat", {"from_day": 30}, {"cert-not-yet-valid": "error"}),
    ("DNS:d.chat", {"from_day": -60, "days": 66}, {"cert-expiring": "warning"}),
    ("DNS:d.chat", {"days": 6}, {}),
    ("DNS:d.chat", {"signed": False}, {"cert-untrusted": "error"})])
def test_names_what_is_wrong_with_a_certificate(domain, peer, authority, names, how, wanted):
    found, report = result(domain({"xmpp-client": peer(xmpp(authority.make(names, **how))).port}))
    assert found == wanted and report["connections"][0]["phase"] == "done"


def test_an_authority_that_nobody_knows_is_an_unknown_issuer(domain, peer, authority, tmp_path):
    found, _ = result(domain({"xmpp-client": peer(xmpp(Authority(tmp_path).make("DNS:d.chat"))).port}))
    assert found == {"cert-incomplete": "error"}
    assert authority


@pytest.mark.parametrize("direct", [True, False])
def test_a_server_that_has_only_old_tls_is_told_as_such(domain, peer, authority, direct):
    port = peer(xmpp(authority.make("DNS:d.chat"), direct=direct, newest=ssl.TLSVersion.TLSv1_1)).port
    found, report = result(domain({"xmpps-client" if direct else "xmpp-client": port}))
    assert found["tls-failed"] == "error" and found["tls-old"] == "notice"
    assert any("TLSv1.1" in f["text"] for f in report["findings"] if f["code"] == "tls-old")


def tlsa(cert, usage, selector, matching):
    der = subprocess.run(["openssl", "x509", "-in", cert, *(["-pubkey", "-noout"] if selector else ["-outform", "DER"])], check=True, capture_output=True).stdout
    if selector:
        der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=der, check=True, capture_output=True).stdout
    digest = der if matching == 0 else subprocess.run(["openssl", "dgst", "-binary", "-sha256" if matching == 1 else "-sha512"], input=der,
                                                      check=True, capture_output=True).stdout
    return f"{usage} {selector} {matching} {digest.hex()}"


def test_tlsa_records_are_held_against_the_certificate(domain, peer, authority):
    cert, other = authority.make("DNS:d.chat"), authority.make("DNS:d.chat")
    port = peer(xmpp(cert)).port
    found, report = result(domain({"xmpp-client": port}, more=f"_{port}._tcp.x TLSA {tlsa(cert, 3, 1, 1)}\n_{port}._tcp.x TLSA {tlsa(other, 3, 1, 1)}\n"))
    assert "tlsa-mismatch" not in found and report["connections"][0]["tlsa"] == {"records": 2, "fitting": 1, "vouches": False}
    found, _ = result(domain({"xmpp-client": port}, more=f"_{port}._tcp.x TLSA {tlsa(other, 3, 1, 1)}\n"))
    assert found["tlsa-mismatch"] == "error"


# ---- ports and streams ----

def test_a_refused_port_is_an_error_alone_and_a_warning_beside_a_good_one(domain, peer, authority):
    closed = socket.create_server(("127.0.0.1", 0))
    port = closed.getsockname()[1]
    closed.close()
    found, report = result(domain({"xmpp-client": port}))
    assert found == {"connect-refused": "error"} and report["verdict"]["c2s"] == "no"
    assert report["connections"][0]["phase"] == "connect" and report["connections"][0]["result"] == "refused"
    found, _ = result(domain({"xmpp-client": peer(xmpp(authority.make("DNS:d.chat"))).port, "xmpps-client": port}))
    assert found == {"connect-refused": "warning"}


def test_tells_starttls_and_direct_tls_ports_apart(domain, peer, authority):
    cert = authority.make("DNS:d.chat")

    def starttls_port(sock):
        sock.recv(10)
        sock.sendall(b"<?xml version='1.0'?><stream:error/>")
    found, _ = result(domain({"xmpps-client": peer(starttls_port).port, "xmpp-client": peer(xmpp(cert, direct=True)).port}))
    assert found == {"starttls-on-tls-port": "error", "tls-on-starttls-port": "error"}


@pytest.mark.parametrize("how, wanted", [
    ({"features": "<stream:features/>"}, {"starttls-missing": "error"}),
    ({"features": STARTTLS % ""}, {"starttls-optional": "warning"}),
    ({"features": "<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"}, {"host-unknown": "error"}),
    ({"after": SASL % "<mechanism>PLAIN</mechanism>"}, {"sasl-plain-only": "notice"}),
    ({"after": "<stream:error><system-shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"}, {"connection-cut": "error"})])
def test_names_what_the_stream_lacks(domain, peer, authority, how, wanted):
    found, _ = result(domain({"xmpp-client": peer(xmpp(authority.make("DNS:d.chat"), **how)).port}))
    assert found == wanted


# ---- peers that mean harm ----

def politely(sock):
    read_until(sock, b"version='1.0'")
    sock.sendall((STREAM + "</stream:stream>").encode())


def test_a_stream_that_is_closed_in_order_is_cut_not_something_else(domain, peer):
    found, _ = result(domain({"xmpp-client": peer(politely).port}))
    assert set(found) == {"connection-cut"}


def slowly(sock):
    for octet in (STREAM + REQUIRED).encode() * 100:
        sock.sendall(bytes([octet]))
        time.sleep(0.1)


def endlessly(sock):
    sock.sendall((STREAM + "<stream:features>").encode())
    while True:
        sock.sendall(b"<x/>" * 1000)


def one_endless_tag(sock):
    sock.sendall((STREAM + "<stream:features a='").encode())
    while True:
        sock.sendall(b"a" * 4000)


def bomb(sock):
    sock.sendall(b"<?xml version='1.0'?><!DOCTYPE l [<!ENTITY a 'aaaaaaaaaa'>" + b"".join(
        f"<!ENTITY {chr(n + 1)} '{f'&{chr(n)};' * 10}'>".encode() for n in range(ord("a"), ord("m"))) + b"]><l>&m;</l>")
    time.sleep(20)


def nesting(sock):
    sock.sendall((STREAM + "<stream:features>" + "<a>" * 10000).encode())
    time.sleep(20)


def garbage(sock):
    sock.sendall(bytes(range(256)) * 20)


def web(sock):
    sock.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n<html>")


def controls(sock):
    sock.sendall((STREAM + "<stream:error><x\u202e xmlns='urn:x\u009b31m'/></stream:error>").encode())
    time.sleep(20)


@pytest.mark.parametrize("talk, wanted", [
    (lambda sock: time.sleep(20), "connection-cut"), (lambda sock: None, "connection-cut"), (slowly, "connection-cut"), (endlessly, "not-xmpp"),
    (one_endless_tag, "not-xmpp"), (bomb, "not-xmpp"), (nesting, "not-xmpp"), (garbage, "not-xmpp"), (web, "not-xmpp"), (controls, "not-xmpp")],
    ids=["silent", "closed", "slow", "endless", "tag", "bomb", "nesting", "garbage", "web", "controls"])
def test_hostile_peers_cost_a_bounded_time_and_no_more(domain, peer, talk, wanted):
    begun_s = time.monotonic()
    done = domain({"xmpp-client": peer(talk).port}, "--timeout", "1000")
    found, report = result(done)
    assert list(found) == [wanted] and report["verdict"]["c2s"] == "no" and time.monotonic() - begun_s < 8
    assert not [c for c in done.stdout if c != "\n" and not " " <= c <= "~"]


@pytest.mark.parametrize("talk", [endlessly, garbage, web, lambda sock: time.sleep(20)], ids=["endless", "garbage", "web", "silent"])
def test_hostile_peers_where_tls_should_begin(domain, peer, talk):
    done = domain({"xmpps-client": peer(talk).port}, "--timeout", "1000")
    found, _ = result(done)
    assert set(found) & {"starttls-on-tls-port", "tls-failed", "not-xmpp", "connection-cut"}, found


# ---- where it does not go ----

@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "192.168.1.1", "169.254.1.1", "224.0.0.1"])
def test_private_addresses_are_not_tried_without_a_word(world, peer, address):
    def talk(sock):
        sock.close()
    listener = peer(talk)
    check = world({"d.chat": f"@ A {address}\nx A {address}\n_xmpp-client._tcp SRV 0 5 {listener.port} x\n"})
    report = json.loads(check("--connect", "--side", "c2s", "--format", "json", "d.chat").stdout)
    assert [c["result"] for c in report["connections"]] == ["not tried: not an address of the public Internet"]
    assert listener.conversations == 0 and "connect-skipped" in [f["code"] for f in report["findings"]]


def test_without_connect_nobody_is_connected_to_and_nothing_is_loaded(world, peer, tmp_path):
    listener = peer(lambda sock: None)
    check = world({"d.chat": f"@ A 127.0.0.1\nx A 127.0.0.1\n_xmpp-client._tcp SRV 0 5 {listener.port} x\n"})
    check("--allow-private", "d.chat")
    assert listener.conversations == 0
    linked = subprocess.run(["ldd", program()], capture_output=True, text=True, check=True).stdout
    assert "libexpat" not in linked
    assert tmp_path


def test_says_which_file_of_authorities_is_wrong():
    done = jidns("--server", "127.0.0.1:9", "--connect", "--tls-ca", "/nowhere/ca.pem", "d.chat")
    assert done.returncode == TROUBLE and done.stderr == "jidns check: --connect: /nowhere/ca.pem: can't be read as certificates in PEM\n"


# ---- real servers ----

@pytest.mark.parametrize("start", [start_prosody, start_ejabberd], ids=["Prosody", "ejabberd"])
def test_real_servers_are_gone_through_for_clients_and_servers(tmp_path, track, start):
    network = Network()
    machine = Machine(network, "montague", 1, tmp_path, track, "127.0.0.1")
    try:
        start(machine, "montague.lab", "romeo", 25222, 25269)
        zone = tmp_path / "montague.zone"
        zone.write_text("$TTL 3600\n@ SOA ns.nothing. admin.nothing. 1 7200 3600 1209600 300\n@ NS ns.nothing.\n@ A 127.0.0.1\nx A 127.0.0.1\nx AAAA ::1\n"
                        "_xmpp-client._tcp SRV 0 5 25222 x\n_xmpp-server._tcp SRV 0 5 25269 x\n")
        root = tmp_path / "root.zone"
        root.write_text("$TTL 3600\n@ SOA ns.nothing. admin.nothing. 1 7200 3600 1209600 300\n@ NS ns.nothing.\n")
        daemon = machine.start("jidnsd", [jidnsd_kit.path(), "--listen", "127.0.0.1:53", "--zone", f"montague.lab={zone}",
                                          "--zone", f".={root}", "--upstream", "127.0.0.1:9", "--control", tmp_path / "control"])
        daemon.wait_for(lambda: "jidnsd ready" in daemon.stderr, "readiness", 10)
        done = subprocess.run(machine.space.argv([program(), "check", "--server", "127.0.0.1", "--connect", "--allow-private", "--tls-ca",
                                                  machine.folder / "cert.pem", "--format", "json", "montague.lab"]),
                              capture_output=True, text=True, timeout=60, check=False)
        found, report = result(done)
        # make_certificate makes one for two days
        assert set(found) <= {"cert-expiring", "sasl-plain-only"}, (found, done.stderr)
        assert {(c["side"], c["address"], c["phase"]) for c in report["connections"]} \
            == {(side, address, "done") for side in ("c2s", "s2s") for address in ("127.0.0.1", "::1")}
        assert all(c["certificate"]["form"] == "dNSName" and c["certificate"]["trust"] == "trusted" for c in report["connections"])
        assert all(c["features"]["starttls_required"] for c in report["connections"] if c["side"] == "c2s")
        assert all("SCRAM" in c["features"]["mechanisms"] for c in report["connections"] if c["side"] == "c2s")
    finally:
        machine.close()
        network.close()


# ---- several at once ----

def test_many_silent_servers_are_gone_to_at_once_and_shown_in_the_order_of_the_plan(domain, peer):
    ports = [peer(lambda sock: time.sleep(20)).port for _ in range(16)]
    more = "".join(f"_xmpp-client._tcp SRV {place} 5 {port} x\n" for place, port in enumerate(ports, 1))
    begun_s = time.monotonic()
    report = json.loads(domain({}, "--timeout", "1000", more=more).stdout)
    assert [c["port"] for c in report["connections"]] == ports
    assert {c["result"] for c in report["connections"]} == {"no answer in time"}
    # each takes a second, and one more to see whether it wants TLS at once: 32 one after the other, 4 with eight at once
    assert time.monotonic() - begun_s < 12


# ---- what only some programs send ----

def test_a_port_that_needs_alpn_is_told(domain, peer, authority):
    cert = authority.make("DNS:d.chat")
    found, report = result(domain({"xmpps-client": peer(xmpp(cert, direct=True, alpn="xmpp-client")).port, "xmpp-client": peer(xmpp(cert)).port}))
    assert found == {"alpn-needed": "warning"} and report["connections"][0]["needs_alpn"] and not report["connections"][0]["needs_sni"]


@pytest.mark.parametrize("direct", [True, False])
def test_a_server_that_needs_sni_is_told(domain, peer, authority, direct):
    cert, default = authority.make("DNS:d.chat"), authority.make("DNS:hosting.chat")
    found, report = result(domain({"xmpps-client": peer(xmpp(cert, direct=True, default=default if direct else None)).port,
                                   "xmpp-client": peer(xmpp(cert, default=None if direct else default)).port}))
    assert found == {"sni-needed": "notice"}
    assert [(c["needs_sni"], c["needs_alpn"]) for c in report["connections"]] == [(direct, False), (not direct, False)]


def test_a_server_that_lets_nobody_in_twice_is_not_blamed_for_alpn_or_sni(domain, peer, authority):
    serve, seen = xmpp(authority.make("DNS:d.chat"), direct=True), []

    def once(sock):
        seen.append(sock)
        if len(seen) == 1:
            serve(sock)
    starttls = peer(xmpp(authority.make("DNS:d.chat"))).port
    found, report = result(domain({"xmpps-client": peer(once).port, "xmpp-client": starttls}))
    assert report["connections"][0]["phase"] == "done" and len(seen) > 1
    assert not {"alpn-needed", "sni-needed"} & set(found)


# ---- other hosts, other servers ----

def see_other(host):
    return f"<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>{host}</see-other-host></stream:error>"


@pytest.mark.parametrize("how", [{"features": see_other("[2a01::1]:5222")}, {"after": see_other("[2a01::1]:5222")}])
def test_a_server_that_sends_on_to_another_host_is_no_failure(domain, peer, authority, how):
    found, report = result(domain({"xmpp-client": peer(xmpp(authority.make("DNS:d.chat"), **how)).port}))
    assert found == {} and report["connections"][0]["result"] == "sends on to another host"
    told = [(f["severity"], f["text"]) for f in report["findings"] if f["code"] == "see-other-host"]
    assert len(told) == 1 and told[0][0] == "info" and told[0][1].endswith(": [2a01::1]:5222")


SERVER_STREAM = STREAM.replace("jabber:client", "jabber:server")
DIALBACK = "<stream:features><dialback xmlns='urn:xmpp:features:dialback'/></stream:features>"


@pytest.mark.parametrize("how, wanted", [
    ({"after": "<stream:features/>"}, {"s2s-no-auth": "warning"}), ({"after": DIALBACK}, {}),
    ({"after": SASL % "<mechanism>EXTERNAL</mechanism>"}, {}), ({"after": "<stream:features/>", "wants_cert": True}, {}),
    ({"after": "<stream:features/>", "opening": SERVER_STREAM.replace(" id=", " xmlns:db='jabber:server:dialback' id=")}, {})],
    ids=["none", "dialback", "external", "certificate", "namespace"])
def test_a_server_to_which_no_other_can_prove_itself_is_told(world, peer, authority, how, wanted):
    port = peer(xmpp(authority.make("DNS:d.chat"), **{"opening": SERVER_STREAM, **how})).port
    check = world({"d.chat": f"@ A 127.0.0.1\nx A 127.0.0.1\n_xmpp-server._tcp SRV 0 5 {port} x\n"})
    found, report = result(check("--connect", "--allow-private", "--tls-ca", authority.folder / "ca.pem", "--side", "s2s", "--format", "json", "d.chat"))
    assert {c: s for c, s in found.items() if c == "s2s-no-auth"} == wanted and report["connections"][0]["phase"] == "done", report


def test_targets_that_differ_are_told_and_those_that_do_not_are_not(domain, peer, authority):
    cert, newer = authority.make("DNS:d.chat"), authority.make("DNS:d.chat")
    first, second = peer(xmpp(cert)).port, peer(xmpp(newer), "127.0.0.2").port
    more = f"y A 127.0.0.2\n_xmpp-client._tcp SRV 1 5 {second} y\n"
    found, report = result(domain({"xmpp-client": first}, more=more))
    assert found.get("targets-unlike") == "notice"
    assert [f["text"] for f in report["findings"] if f["code"] == "targets-unlike"] == [f"y.d.chat has another certificate than x.d.chat, port {second}"]
    second = peer(xmpp(cert), "127.0.0.2").port
    found, _ = result(domain({"xmpp-client": first}, more=f"y A 127.0.0.2\n_xmpp-client._tcp SRV 1 5 {second} y\n"))
    assert "targets-unlike" not in found


@pytest.mark.parametrize("unlike", ["certificate", "service", None])
def test_families_that_lead_to_different_services_are_told(world, peer, authority, unlike):
    cert = authority.make("DNS:d.chat")
    there = {"certificate": xmpp(authority.make("DNS:d.chat")), "service": web, None: xmpp(cert)}[unlike]
    port = peer(xmpp(cert)).port
    peer(there, "::1", port)
    check = world({"d.chat": f"@ A 127.0.0.1\nx A 127.0.0.1\nx AAAA ::1\n_xmpp-client._tcp SRV 0 5 {port} x\n"})
    found, _ = result(check("--connect", "--allow-private", "--tls-ca", authority.folder / "ca.pem", "--side", "c2s", "--format", "json", "d.chat"))
    assert found.get("families-unlike") == ("notice" if unlike else None)


@pytest.mark.parametrize("caa, organisation, wanted", [
    ('@ CAA 0 issue "digicert.com"', "Let's Encrypt", "warning"), ('@ CAA 0 issue ";"', "Let's Encrypt", "warning"),
    ('@ CAA 0 issue "letsencrypt.org"', "Let's Encrypt", None), ('@ CAA 0 iodef "mailto:a@d.chat"', "Let's Encrypt", None),
    ("", "Let's Encrypt", None), ('@ CAA 0 issue "digicert.com"', "Nobody knows", None)])
def test_caa_that_excludes_the_issuer_is_told(world, peer, tmp_path, caa, organisation, wanted):
    issuer = Authority(tmp_path, organisation)
    port = peer(xmpp(issuer.make("DNS:d.chat"))).port
    check = world({"d.chat": f"@ A 127.0.0.1\nx A 127.0.0.1\n_xmpp-client._tcp SRV 0 5 {port} x\n{caa}\n"})
    found, report = result(check("--connect", "--allow-private", "--tls-ca", issuer.folder / "ca.pem", "--side", "c2s", "--format", "json", "d.chat"))
    assert found.get("caa-forbids") == wanted and report["connections"][0]["certificate"]["issuer"] == organisation
    fixes = [x["record"] for f in report["findings"] if f["code"] == "caa-forbids" for x in f["fix"]]
    assert fixes == (['d.chat. 3600 IN CAA 0 issue "letsencrypt.org"'] if wanted else [])


# ---- components ----

@pytest.fixture(name="rooms")
def fixture_rooms(world, peer, authority):
    """rooms(records, names, **how): a server for d.chat, and what is said of it and of conference.d.chat with these records."""
    def make(records, *argv, names="DNS:d.chat,DNS:conference.d.chat", form=("--format", "json"), **how):
        port = peer(xmpp(authority.make(names), opening=SERVER_STREAM, after=DIALBACK, **how)).port
        check = world({"d.chat": f"@ A 127.0.0.1\nx A 127.0.0.1\n_xmpp-server._tcp SRV 0 5 {port} x\n{records.format(port=port)}\n"})
        return port, check("--connect", "--allow-private", "--tls-ca", authority.folder / "ca.pem", "--side", "s2s", *form, *argv, "d.chat")
    return make


def of_component(done):
    """What connections for conference.d.chat have shown: findings, and the connections."""
    report = json.loads(done.stdout)
    said = {f["code"]: (f["severity"], f["text"]) for f in report["findings"] if f["text"].startswith("conference.d.chat: ")}
    return said, [c for c in report["connections"] if c.get("component") == "conference.d.chat"]


CONFERENCE = "_xmpp-server._tcp.conference SRV 0 5 {port} x"


def test_a_component_that_is_served_is_gone_to_by_its_own_name(rooms):
    _, done = rooms(CONFERENCE)
    said, connections = of_component(done)
    assert said == {} and [(c["phase"], c["certificate"]["form"]) for c in connections] == [("done", "dNSName")]


def test_text_shows_whom_a_connection_is_for(rooms):
    port, done = rooms(CONFERENCE, form=())
    assert f"\n  for conference.d.chat\n  server {port:5} STARTTLS  127.0.0.1 " in done.stdout


def test_a_component_that_the_server_does_not_serve_is_told(rooms):
    port, done = rooms(CONFERENCE, unknown="conference.d.chat")
    said, _ = of_component(done)
    assert said == {"component-not-served": ("warning", f"conference.d.chat: x.d.chat does not serve the component, port {port}: host-unknown")}
    assert [f["subject"] for f in json.loads(done.stdout)["findings"] if f["code"] == "component-not-served"] == ["conference.d.chat"]


def test_a_certificate_must_name_the_component_too(rooms):
    port, done = rooms(CONFERENCE, names="DNS:d.chat")
    assert of_component(done)[0] == {"cert-wrong-name": ("warning", f"conference.d.chat: x.d.chat has a certificate for somebody else, port {port}: d.chat")}


def test_a_component_with_a_dead_port_of_its_own_is_told_and_the_domain_is_not_blamed(rooms):
    _, done = rooms("_xmpp-server._tcp.conference SRV 0 5 9 y\ny A 127.0.0.2")
    said, connections = of_component(done)
    assert [c["result"] for c in connections] == ["refused"]
    # that it leads elsewhere than the domain was said, and is the cause
    assert said == {} and "component-elsewhere" in [f["code"] for f in json.loads(done.stdout)["findings"]]
    _, done = rooms("_xmpp-server._tcp.conference SRV 0 5 {port} x\n_xmpp-server._tcp.conference SRV 1 5 9 y\ny A 127.0.0.2")
    assert of_component(done)[0] == {"connect-refused": ("warning", "conference.d.chat: 127.0.0.2 (y.d.chat) refuses connections, port 9")}


def test_a_usual_name_with_an_address_alone_is_not_taken_for_a_component(rooms):
    _, done = rooms("groups A 127.0.0.1\n* A 127.0.0.3")
    assert [c for c in json.loads(done.stdout)["connections"] if "component" in c] == []
    _, done = rooms("groups A 127.0.0.1", "--component", "groups")
    assert [c["component"] for c in json.loads(done.stdout)["connections"] if "component" in c] == ["groups.d.chat"]


def test_components_at_an_end_that_failed_for_the_domain_are_not_gone_to_again(world):
    check = world({"d.chat": "@ A 127.0.0.1\nx A 127.0.0.1\n_xmpp-server._tcp SRV 0 5 9 x\n_xmpp-server._tcp.conference SRV 0 5 9 x\n"})
    report = json.loads(check("--connect", "--allow-private", "--side", "s2s", "--format", "json", "d.chat").stdout)
    assert [(c["result"], c.get("component")) for c in report["connections"]] == [("refused", None)]


# ---- DANE ----

@pytest.fixture(name="signed")
def fixture_signed(jidnsd, upstream, tmp_path):
    """signed(records, *argv): check of d.chat through a resolver that says of all names but `insecure` that they are secure."""
    def make(records, *argv, insecure=()):
        zone, root = tmp_path / "signed.zone", tmp_path / "root.zone"
        head = "$TTL 3600\n@ SOA ns.nothing. admin.nothing. 1 7200 3600 1209600 300\n@ NS ns.nothing.\n"
        zone.write_text(head + records)
        root.write_text(head)
        daemon = jidnsd("--upstream", "127.0.0.1:9", "--zone", f"d.chat={zone}", "--zone", f".={root}")
        relay = relay_to("127.0.0.1", daemon.port)

        def handler(asked):
            reply = relay(asked)
            reply = dns.message.from_wire(reply) if isinstance(reply, bytes) else reply
            if not reply.question[0].name.to_text().startswith(tuple(insecure) or ("-",)):
                reply.flags |= dns.flags.AD
            return reply
        server = upstream(handler)
        return jidns("--server", server.address, "--connect", "--allow-private", "--side", "c2s", "--format", "json", *argv, "d.chat")
    return make


@pytest.mark.parametrize("usage, of, insecure, wanted, vouches", [
    (2, "ca", (), {"cert-untrusted": "notice"}, True), (2, "ca", ("_xmpp-client",), {"cert-untrusted": "error"}, False),
    (2, "ca", ("x.",), {"cert-untrusted": "error"}, False), (2, "other", (), {"cert-untrusted": "error", "tlsa-mismatch": "error"}, False),
    (3, "own", (), {"cert-untrusted": "notice"}, True), (1, "own", (), {"cert-untrusted": "error", "tlsa-mismatch": "error"}, False),
    (0, "ca", (), {"cert-untrusted": "error", "tlsa-mismatch": "error"}, False)])
def test_dane_vouches_where_the_records_are_secure(signed, peer, tmp_path, usage, of, insecure, wanted, vouches):
    """The server sends its authority's certificate, which nobody here knows."""
    issuer, other = Authority(tmp_path), tmp_path / "other"
    other.mkdir()
    cert = issuer.make("DNS:d.chat")
    own = cert.read_text()
    cert.write_text(own + (issuer.folder / "ca.pem").read_text())
    (tmp_path / "own.pem").write_text(own)
    record = tlsa({"ca": issuer.folder / "ca.pem", "own": tmp_path / "own.pem", "other": Authority(other).folder / "ca.pem"}[of], usage, 1, 1)
    port = peer(xmpp(cert)).port
    done = signed(f"@ A 127.0.0.1\nx A 127.0.0.1\n_xmpp-client._tcp SRV 0 5 {port} x\n_{port}._tcp.x TLSA {record}\n", insecure=insecure)
    found, report = result(done)
    assert {c: s for c, s in found.items() if c in ("cert-untrusted", "cert-incomplete", "tlsa-mismatch")} == wanted, found
    assert report["connections"][0]["tlsa"]["vouches"] == vouches


@pytest.mark.parametrize("usage, of", [(0, "ca"), (1, "own")])
def test_usages_0_and_1_are_good_beside_a_known_authority(signed, peer, authority, usage, of):
    cert = authority.make("DNS:d.chat")
    port = peer(xmpp(cert)).port
    record = tlsa(authority.folder / "ca.pem" if of == "ca" else cert, usage, 1, 1)
    found, report = result(signed(f"@ A 127.0.0.1\nx A 127.0.0.1\n_xmpp-client._tcp SRV 0 5 {port} x\n_{port}._tcp.x TLSA {record}\n",
                                  "--tls-ca", authority.folder / "ca.pem"))
    assert not {"tlsa-mismatch", "cert-untrusted"} & set(found) and report["connections"][0]["tlsa"] == {"records": 1, "fitting": 1, "vouches": False}
