"""jidns check --connect: host-meta as a web client fetches it, from scripted web servers at ports 443 and 80 of a namespace."""

import json
import ssl
import subprocess
import sys
import textwrap
import time

import pytest

from kit import jidnsd as jidnsd_kit
from kit.control import program
from kit.xmpp import Machine, Network

from test_check_connect import Authority

XML, JSON = "/.well-known/host-meta", "/.well-known/host-meta.json"
WEBSOCKET, BOSH = "wss://d.chat/ws", "https://d.chat/bosh"
CORS = {"Access-Control-Allow-Origin": "*"}

# Answers by path out of a file of JSON: {"HOST PATH": [status, headers, body], ...}; "raw": octets as they are; "silent".
SERVER = textwrap.dedent("""
    import json, socket, ssl, sys, threading, time
    address, port, cert, pages = sys.argv[1], int(sys.argv[2]), sys.argv[3], json.load(open(sys.argv[4]))

    def serve(raw):
        try:
            sock = context.wrap_socket(raw, server_side=True) if context else raw
            got = b""
            while b"\\r\\n\\r\\n" not in got:
                piece = sock.recv(4096)
                if not piece:
                    return
                got += piece
            lines = got.decode().split("\\r\\n")
            headers = {line.split(":")[0].lower(): line.split(":", 1)[1].strip() for line in lines[1:] if ":" in line}
            print(lines[0].split()[1], headers["host"], flush=True)
            answer = pages.get(f"{headers['host']} {lines[0].split()[1]}", [404, {}, "nothing here"])
            if answer == "silent":
                time.sleep(30)
            elif answer == "endless":
                sock.sendall(b"HTTP/1.1 200 OK\\r\\n\\r\\n")
                while True:
                    sock.sendall(b"<a>" * 1000)
            elif answer == "slow":
                for octet in b"HTTP/1.1 200 OK\\r\\n" * 100:
                    sock.sendall(bytes([octet]))
                    time.sleep(0.1)
            elif isinstance(answer, str):
                sock.sendall(answer.encode("latin-1"))
            else:
                status, more, body = answer
                more = {"Content-Length": len(body), **more}
                sock.sendall(f"HTTP/1.1 {status} X\\r\\n{''.join(f'{k}: {v}' + chr(13) + chr(10) for k, v in more.items())}\\r\\n{body}".encode())
            sock.close()
        except OSError:
            pass

    context = None
    if cert != "-":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert)
    listener = socket.create_server((address, port))
    print("ready", flush=True)
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
""")


@pytest.fixture(name="authority", scope="module")
def fixture_authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(name="cert", scope="module")
def fixture_cert(authority):
    return authority.make("DNS:d.chat,DNS:www.d.chat")


class Place:
    """A namespace with a resolver that knows d.chat and www.d.chat, and web servers."""

    def __init__(self, tmp_path, track, authority, records):
        self.network, self.authority = Network(), authority
        self.machine = Machine(self.network, "montague", 1, tmp_path, track, "127.0.0.1")
        self.folder, self.servers = tmp_path, []
        options = []
        soa = "$TTL 3600\n@ SOA ns.nothing. admin.nothing. 1 7200 3600 1209600 300\n@ NS ns.nothing.\n"
        for name, text in {"d.chat": records, "other.chat": "www A 127.0.0.1\n", ".": ""}.items():
            zone = tmp_path / f"zone{name}"
            zone.write_text(soa + text)
            options += ["--zone", f"{name}={zone}"]
        self.daemon = self.machine.start("jidnsd", [jidnsd_kit.path(), "--listen", "127.0.0.1:53", *options, "--upstream", "127.0.0.1:9",
                                                    "--control", tmp_path / "control"])
        self.daemon.wait_for(lambda: "jidnsd ready" in self.daemon.stderr, "readiness", 10)

    def web(self, pages, cert, port=443, address="127.0.0.1"):
        """A web server for these pages, with TLS unless cert is "-"."""
        number = len(self.servers)
        script, file = self.folder / "server.py", self.folder / f"pages{number}"
        script.write_text(SERVER)
        file.write_text(json.dumps(pages))
        self.servers.append(self.machine.start(f"web{number}", [sys.executable, "-B", script, address, port, cert, file]))
        self.servers[-1].wait_for(lambda: "ready" in self.servers[-1].stdout, "readiness", 10)
        return self.servers[-1]

    def check(self, *argv, private=True, form=("--format", "json")):
        done = subprocess.run(self.machine.space.argv([program(), "check", "--server", "127.0.0.1", "--connect", *(["--allow-private"] if private else []),
                                                       "--tls-ca", str(self.authority.folder / "ca.pem"), "--side", "c2s", "--timeout", "1500", *form, *argv,
                                                       "d.chat"]), capture_output=True, text=True, timeout=60, check=False)
        assert not [word for word in ("AddressSanitizer", "runtime error") if word in done.stderr], done.stderr
        return done

    def close(self):
        self.machine.close()
        self.network.close()


@pytest.fixture(name="place")
def fixture_place(tmp_path, track, authority):
    made = []

    def make(records="@ A 127.0.0.1\nwww A 127.0.0.1\n_xmpps-client._tcp SRV 0 5 5223 @\n"):
        made.append(Place(tmp_path, track, authority, records))
        return made[-1]
    yield make
    for each in made:
        each.close()


def xrd(*links):
    return ("<?xml version='1.0'?><XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'>"
            + "".join(f"<Link rel='urn:xmpp:alt-connections:{kind}' href='{href}'/>" for kind, href in links) + "</XRD>")


def jrd(*links, **more):
    return json.dumps({"links": [{"rel": f"urn:xmpp:alt-connections:{kind}", "href": href} for kind, href in links], **more})


BOTH = [("websocket", WEBSOCKET), ("xbosh", BOSH)]
GOOD = {f"d.chat {XML}": [200, CORS, xrd(*BOTH)], f"d.chat {JSON}": [200, CORS, jrd(*BOTH)]}


def found(done):
    """Severities and texts of what is said of host-meta, by code; and the whole report."""
    report = json.loads(done.stdout)
    return {f["code"]: f["severity"] for f in report["findings"] if f["code"].startswith("host-meta") or "host-meta" in f["text"]}, report


def texts(report):
    return [f["text"] for f in report["findings"] if f["code"].startswith("host-meta")]


def test_good_documents_are_read_and_nothing_is_said(place, cert):
    p = place()
    server = p.web(GOOD, cert)
    codes, report = found(p.check())
    assert codes == {}
    assert [(d["form"], d["result"], d["status"], d["trusted"], d["cors"], [(l["kind"], l["href"]) for l in d["links"]]) for d in report["host_meta"]] \
        == [(form, "good", 200, True, True, BOTH) for form in ("xml", "json")]
    assert sorted(server.stdout.split("\n")[1:-1]) == [f"{XML} d.chat", f"{JSON} d.chat"]


def test_text_and_html_show_the_documents(place, cert):
    p = place()
    p.web({f"d.chat {XML}": [200, CORS, xrd(("websocket", "ws://d.chat/<q>"))[:-len("</XRD>")].replace("<q>", "&lt;q>") + "</XRD>"]}, cert)
    text = p.check(form=()).stdout
    assert "\nHost-meta\n  host-meta       good, " in text and "\n                  websocket ws://d.chat/<q>\n  host-meta.json  HTTP status 404, " in text
    assert "error    host-meta of d.chat links to ws://d.chat/<q> without TLS" in text
    assert max(len(line) for line in text.splitlines()) <= 80
    html = p.check(form=("--format", "html")).stdout
    assert "<h3>Host-meta</h3>" in html and "websocket ws://d.chat/&lt;q&gt;" in html and "<q>" not in html


@pytest.mark.parametrize("pages, wanted, says", [
    ({}, {"host-meta-missing": "info"}, "d.chat has no host-meta: HTTP status 404"),
    ({f"d.chat {XML}": GOOD[f"d.chat {XML}"]}, {"host-meta-missing": "info"}, "d.chat has host-meta, but no host-meta.json: HTTP status 404"),
    ({f"d.chat {XML}": [200, CORS, xrd()]}, {"host-meta-missing": "info"}, "The host-meta of d.chat names no way to connect"),
    ({f"d.chat {XML}": [200, {}, "<!DOCTYPE html><p>Home"], f"d.chat {JSON}": [200, {}, "<!DOCTYPE html><p>Home"]},
     {"host-meta-missing": "info"}, "d.chat has no host-meta: can't be read"),
    ({**GOOD, f"d.chat {JSON}": [200, CORS, jrd(*BOTH)[:-1] + ",}"]}, {"host-meta-missing": "info", "host-meta-unreadable": "warning"},
     "host-meta.json of d.chat is no JSON with links"),
    ({f"d.chat {path}": [200, {}, page[2]] for (path, page) in zip((XML, JSON), GOOD.values())}, {"host-meta-cors": "warning"},
     "Pages of other sites may not read host-meta of d.chat"),
    ({f"d.chat {path}": [200, {"Access-Control-Allow-Origin": "https://d.chat"}, page[2]] for (path, page) in zip((XML, JSON), GOOD.values())},
     {"host-meta-cors": "warning"}, "Pages of other sites may not read host-meta of d.chat"),
    ({**GOOD, f"d.chat {JSON}": [200, CORS, jrd(("websocket", WEBSOCKET), ("xbosh", "http://d.chat/bosh"))]},
     {"host-meta-insecure": "error", "host-meta-unlike": "notice"}, "host-meta.json of d.chat links to http://d.chat/bosh without TLS"),
    ({**GOOD, f"d.chat {JSON}": [200, CORS, jrd(("websocket", "wss://other.chat/ws"), ("xbosh", BOSH))]}, {"host-meta-unlike": "notice"},
     f"host-meta of d.chat links to {WEBSOCKET}, host-meta.json does not"),
    ({f"d.chat {path}": [301, {**CORS, "Location": f"http://www.d.chat{path}"}, ""] for path in (XML, JSON)},
     {"host-meta-insecure": "error", "host-meta-missing": "info"}, f"host-meta of d.chat is redirected to http://www.d.chat{XML}")])
def test_names_what_is_wrong_with_the_documents(place, cert, pages, wanted, says):
    p = place()
    p.web(pages, cert)
    codes, report = found(p.check())
    assert codes == wanted
    assert says in texts(report)


@pytest.mark.parametrize("link, says", [
    ({"rel": "urn:xmpp:alt-connections:tls", "port": 5223, "ips": ["127.0.0.1"]}, None),
    ({"rel": "urn:xmpp:alt-connections:tls", "port": 5223}, None),
    ({"rel": "urn:xmpp:alt-connections:tls", "port": 443}, "host-meta.json of d.chat names port 443 for direct TLS, _xmpps-client._tcp does not"),
    ({"rel": "urn:xmpp:alt-connections:tls", "port": 5223, "ips": ["9.9.1.1"]},
     "host-meta.json of d.chat names 9.9.1.1 port 5223, _xmpps-client._tcp leads elsewhere")])
def test_holds_ends_of_direct_tls_against_srv(place, cert, link, says):
    p = place()
    document = json.loads(jrd(*BOTH, xmpp={"ttl": 300}))
    document["links"].append(link)
    p.web({**GOOD, f"d.chat {JSON}": [200, CORS, json.dumps(document)]}, cert)
    codes, report = found(p.check())
    assert codes == ({"host-meta-unlike": "notice"} if says else {})
    assert not says or says in texts(report)


# ---- redirects ----

def test_follows_redirects_over_https_to_a_host_that_it_asks_for(place, cert):
    p = place()
    pages = {f"d.chat {path}": [302, {**CORS, "Location": f"https://www.d.chat{path}"}, ""] for path in (XML, JSON)}
    p.web({**pages, **{key.replace("d.chat", "www.d.chat", 1): page for key, page in GOOD.items()}}, cert)
    codes, report = found(p.check())
    assert codes == {} and [d["redirects"] for d in report["host_meta"]] == [1, 1]


def test_a_redirect_that_browsers_may_not_read_stops_them(place, cert):
    p = place()
    pages = {f"d.chat {path}": [302, {"Location": f"https://www.d.chat{path}"}, ""] for path in (XML, JSON)}
    p.web({**pages, **{key.replace("d.chat", "www.d.chat", 1): page for key, page in GOOD.items()}}, cert)
    assert found(p.check())[0] == {"host-meta-cors": "warning"}


@pytest.mark.parametrize("location, result", [
    (f"https://d.chat{XML}", "redirects again and again"), ("https://127.0.0.1/", "redirects to what is no URL"), ("ftp://d.chat/", "redirects to what is no URL"),
    ("", "redirects to what is no URL"), ("https://nowhere.chat/", "the host has no address"), ("https://d.chat:9/", "refused")])
def test_redirects_that_lead_nowhere_have_an_end(place, cert, location, result):
    p = place()
    server = p.web({f"d.chat {XML}": [301, {"Location": location}, ""]}, cert)
    codes, report = found(p.check())
    assert codes == {"host-meta-missing": "info"} and report["host_meta"][0]["result"] == result
    assert server.stdout.count(f"{XML} d.chat") <= 5


def test_a_redirect_does_not_lead_to_private_addresses(place, cert):
    p = place("@ A 9.9.1.1\n_xmpps-client._tcp SRV 0 5 5223 @\n")
    p.machine.space.ip("address", "add", "9.9.1.1/32", "dev", "lo")
    inner = p.web({f"www.other.chat {XML}": GOOD[f"d.chat {XML}"]}, cert)
    p.web({f"d.chat {XML}": [301, {"Location": f"https://www.other.chat{XML}"}, ""]}, cert, address="9.9.1.1")
    codes, report = found(p.check(private=False))
    assert report["host_meta"][0]["result"] == "not tried: not an address of the public Internet"
    assert codes == {"connect-skipped": "info"} and inner.stdout == "ready\n"


# ---- TLS ----

def test_a_document_without_tls_alone_is_insecure(place):
    p = place()
    p.web({f"d.chat {XML}": [200, CORS, xrd(*BOTH)]}, "-", port=80)
    codes, report = found(p.check())
    assert codes == {"host-meta-insecure": "error", "host-meta-missing": "info"}
    assert "host-meta of d.chat comes over http:// alone" in texts(report)


def test_a_site_that_only_sends_to_https_is_no_document(place):
    p = place()
    p.web({f"d.chat {XML}": [301, {"Location": f"https://d.chat{XML}"}, ""]}, "-", port=80)
    codes, report = found(p.check())
    assert codes == {"host-meta-missing": "info"} and report["host_meta"][0]["result"] == "refused"


@pytest.mark.parametrize("names, how, why", [("DNS:x.chat", {}, "it is not for the host"), ("DNS:d.chat", {"from_day": -30, "days": 20}, "certificate has expired"),
                                             ("otherName:1.3.6.1.5.5.7.8.5;UTF8:d.chat", {}, "it is not for the host"),
                                             ("DNS:d.chat", {"signed": False}, "self-signed certificate")])
def test_a_certificate_that_browsers_refuse_is_told(place, authority, names, how, why):
    p = place()
    p.web(GOOD, authority.make(names, **how))
    codes, report = found(p.check())
    assert codes == {"host-meta-insecure": "error"}
    assert f"host-meta of d.chat comes with a certificate that browsers refuse: {why}" in texts(report)


# ---- servers that mean harm ----

@pytest.mark.parametrize("answer, result", [
    ("silent", "no answer in time"), ("slow", "no answer in time"), ("endless", "more than 64 KiB"), ("SSH-2.0-x\r\n", "does not speak HTTP"),
    ("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n", "closed by the server"), ("HTTP/1.1 200 OK\r\nX: " + "a" * 100000, "more than 64 KiB"),
    ("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b", "can't be read"),
    ("HTTP/1.1 200 OK\r\n\r\n<!DOCTYPE l [<!ENTITY a 'b'>]>" + xrd(("websocket", "&a;")), "can't be read"),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", "does not speak HTTP"),
    ("HTTP/1.1 200 OK\r\n\r\n" + xrd(("websocket", "wss://d.chat/&#x202e;&#x9b;31m")), "good")],
    ids=["silent", "slow", "endless", "ssh", "short", "head", "gzip", "entities", "chunk", "bidi"])
def test_hostile_web_servers_cost_a_bounded_time_and_no_more(place, cert, answer, result):
    p = place()
    p.web({f"d.chat {XML}": answer}, cert)
    begun_s = time.monotonic()
    done = p.check()
    assert found(done)[1]["host_meta"][0]["result"] == result and time.monotonic() - begun_s < 10
    assert not [c for c in done.stdout if c != "\n" and not " " <= c <= "~"]


def test_is_not_looked_at_where_clients_are_not_asked_for(place, cert):
    p = place("@ A 127.0.0.1\n_xmpp-server._tcp SRV 0 5 5269 @\n")
    server = p.web(GOOD, cert)
    report = json.loads(p.check("--side", "s2s").stdout)
    assert "host_meta" not in report and server.stdout == "ready\n"
    assert ssl.OPENSSL_VERSION
