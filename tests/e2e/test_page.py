"""The live page of the metrics listener: its figures are the daemon's, it is valid and safe, and Chromium shows it well."""

import html.parser
import http.client
import json
import re
import shutil
import subprocess

import dns.rcode
import pytest

from kit.ask import ask
from kit.browser import CHROMIUM, Browser
from kit.certs import NAME, Authority
from kit.control import jidns
from kit.jidnsd import Jidnsd
from kit.netns import free_ports
from kit.proc import wait_until
from kit.tls_server import TlsServer
from kit.upstream import always

IN_A_BROWSER = pytest.mark.skipif(not CHROMIUM, reason="Chromium is missing")
HOSTILE = r'<script>document\.title=1</script>.&quot;\"><img.lab'


def listening(jidnsd_options, folder, name="jidnsd"):
    port = free_ports()
    made = Jidnsd([*jidnsd_options, "--prefetch", "off", "--expand-srv", "off", "--metrics", f"127.0.0.1:{port}", "--control", folder / f"{name}.c"],
                  folder, name).wait_ready()
    made.page, made.control = port, folder / f"{name}.c"
    return made


@pytest.fixture(name="sealed", scope="module")
def fixture_sealed(tmp_path_factory):
    """A server over TLS that nobody vouches for."""
    made = TlsServer(free_ports(), Authority(tmp_path_factory.mktemp("ca")).issue())
    yield made
    made.close()


@pytest.fixture(name="daemon", scope="module")
def fixture_daemon(nsd, sealed, tmp_path_factory):
    """Three servers, one never asked, one that proves nothing; domains that were found, that fail, and that are hostile; two faults in force."""
    made = listening(["--upstream", f"127.0.0.1:{nsd.port}", "--forward", f"corp.lab=[::1]:{free_ports()}", "--forward", "never.lab=192.0.2.9",
                      "--forward", f"sealed.lab=tls://{sealed.host}:{sealed.port}#{NAME}",
                      "--fault", "name=spoiled.lab servfail", "--fault", "name=slow.lab delay=10 share=50%"], tmp_path_factory.mktemp("page"))
    for name in ("_xmpp-client._tcp.full.lab", "_xmpps-client._tcp.full.lab", "_xmpp-server._tcp.full.lab", "_xmpp-client._tcp.six.lab",
                 "_xmpp-client._tcp.im.corp.lab", "_xmpp-client._tcp.sealed.lab", "_xmpp-client._tcp." + "a-label-of-the-greatest-length-there-can-be-in-the-domain-names." * 2 + "lab",
                 "_xmpp-server._tcp." + HOSTILE):
        for _ in range(2):
            ask(made.v4, name, "SRV")
    yield made
    made.close()


def get(daemon, path="/", method="GET"):
    asking = http.client.HTTPConnection("127.0.0.1", daemon.page, timeout=10)
    asking.request(method, path)
    reply = asking.getresponse()
    return reply, reply.read().decode()


class Text(html.parser.HTMLParser):
    """All text of a page, without its style and script."""

    def __init__(self, page):
        super().__init__()
        self.within, self.parts, self.tags = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag in ("style", "script"):
            self.within.append(tag)

    def handle_endtag(self, tag):
        if self.within and self.within[-1] == tag:
            self.within.pop()

    def handle_data(self, data):
        if not self.within:
            self.parts.append(data)


def text_of(page):
    return " ".join(" ".join(Text(page).parts).split())


def counts(page):
    return {name: int(number.replace(",", "")) for name, number in re.findall(r'<span id="(\w+)">([\d,]+)</span>', page)}


def test_its_figures_are_those_of_jidns_stats(daemon):
    _, page = get(daemon)
    stats = json.loads(jidns(daemon, "stats", "--json").stdout)["counters"]
    seen = counts(page)
    assert set(seen) == {"queries", "saved", "failed", "stale", "refused"} and seen["queries"] >= 14 and seen["failed"] >= 2
    assert seen == {name: stats[name] for name in seen}
    assert f"{100 * stats['hit'] / (stats['hit'] + stats['miss']):.1f} % since the start" in text_of(page)


def test_it_shows_servers_domains_and_what_failed(daemon, nsd):
    text = text_of(get(daemon)[1])
    assert re.search(rf"127\.0\.0\.1:{nsd.port} all names up [\d.]+ ms", text), text
    assert "192.0.2.9:53 never.lab. not asked yet" in text
    assert "_xmpp-client: " in text and "im.corp.lab." in text
    assert "server: one.full.lab:15269 _xmpp-server 5" in text and "jidns check full.lab" in text


def test_it_names_no_command_for_a_name_that_a_shell_takes_for_more(daemon):
    _, page = get(daemon)
    assert set(re.findall(r'<code class="check">jidns check ([^<]*)</code>', page)) >= {"full.lab", "im.corp.lab"}
    assert all(re.fullmatch(r"[a-z0-9.-]+", name) for name in re.findall(r'<code class="check">jidns check ([^<]*)</code>', page))


def test_it_shows_how_an_encrypted_server_is_asked_and_why_that_fails(daemon, sealed):
    text = text_of(get(daemon)[1])
    assert f"TLS 127.0.0.1:{sealed.port} sealed.lab. down: upstream's certificate is signed by nobody who is trusted" in text, text


@pytest.mark.parametrize("host, status", [
    ("127.0.0.1", 200), ("127.0.0.1:9153", 200), ("[::1]:8080", 200), ("localhost", 200), ("LocalHost:1", 200), ("192.0.2.1", 200), (None, 200),
    ("rebound.example", 403), ("rebound.example:9153", 403), ("localhost.rebound.example", 403), ("127.0.0.1.rebound.example", 403),
    ("127.0.0.1@rebound.example", 403), ("[fe80::1%lo]", 403), ("", 403), ("x" * 2000, 403)])
def test_a_web_sites_name_that_leads_to_loopback_shows_nothing(daemon, host, status):
    """DNS rebinding: its script would read the page in the browser of who runs jidnsd. Prometheus may use any name."""
    for path, wanted in ("/", status), ("/metrics", 200), ("/healthz", 200), ("/readyz", 200):
        asking = http.client.HTTPConnection("127.0.0.1", daemon.page, timeout=10)
        asking.putrequest("GET", path, skip_host=True)
        if host is not None:
            asking.putheader("Host", host)
        else:
            asking._http_vsn_str = "HTTP/1.0"  # pylint: disable=protected-access
        asking.endheaders()
        reply = asking.getresponse()
        text = reply.read().decode()
        assert reply.status == wanted, (path, text)
        assert wanted == 200 or text.count("\n") == 1 and "localhost" in text


def test_faults_in_force_are_a_warning(daemon, tmp_path, nsd):
    text = text_of(get(daemon)[1])
    assert "Answers are spoiled on purpose: 2 fault rules are in force" in text and "servfail" in text
    plain = listening(["--upstream", f"127.0.0.1:{nsd.port}"], tmp_path, "plain")
    try:
        page = get(plain)[1]
        assert "on purpose" not in page and "No XMPP domain was asked for yet." in page and "not asked yet" in page
    finally:
        plain.close()


def test_hostile_names_are_text(daemon):
    _, page = get(daemon)
    parsed = Text(page)
    assert [tag for tag, _ in parsed.tags].count("script") == 1 and "img" not in [tag for tag, _ in parsed.tags]
    assert "&lt;script&gt;" in page and "<script>" in text_of(page)
    assert not [c for c in page if c != "\n" and (ord(c) < 32 or 0x7f <= ord(c) < 0xa0)]


def test_it_is_valid_html(daemon, tmp_path):
    _, page = get(daemon)
    html5lib = pytest.importorskip("html5lib")
    html5lib.HTMLParser(strict=True).parse(page)


def test_tidy_has_nothing_to_say(daemon):
    if not shutil.which("tidy"):
        pytest.skip("tidy is missing")
    done = subprocess.run(["tidy", "-quiet", "-errors"], input=get(daemon)[1], capture_output=True, text=True, check=False)
    assert [line for line in done.stderr.splitlines() if not line.endswith('proprietary attribute "nonce"')] == []  # it is HTML since 2014


def test_it_runs_nothing_but_its_own_and_is_never_kept(daemon):
    reply, page = get(daemon)
    policy = reply.getheader("Content-Security-Policy")
    nonces = set(re.findall(r'nonce="([0-9a-f]{32})"', page))
    assert len(nonces) == 1 and policy.startswith("default-src 'none';") and "unsafe" not in policy
    assert set(re.findall(r"nonce-([0-9a-f]+)", policy)) == nonces and "frame-ancestors 'none'" in policy
    assert reply.getheader("Cache-Control") == "no-store" and reply.getheader("X-Content-Type-Options") == "nosniff"
    assert nonces != set(re.findall(r'nonce="([0-9a-f]{32})"', get(daemon)[1]))
    assert not re.search(r'\b(?:src|href)="(?!data:,)', page) and "url(" not in page and "@import" not in page
    assert len(page) < 64 << 10


def test_it_is_read_only(daemon):
    for method in ("POST", "PUT", "DELETE"):
        assert get(daemon, "/", method)[0].status == 405
    assert get(daemon, "/", "HEAD")[0].status == 200
    assert "<form" not in get(daemon)[1] and "<button" not in get(daemon)[1]


def test_its_size_is_bounded_whatever_is_asked(tmp_path, upstream):
    server = upstream(always(dns.rcode.SERVFAIL))
    made = listening(["--upstream", server.address], tmp_path)
    try:
        get(made)
        name = ".".join(["\\007" * 60] * 3)
        for n in range(300):
            ask(made.v4, f"_xmpp-client._tcp.n{n}.{name}", "SRV")
        page = get(made)[1]
        assert "And " in page and len(page) < 160 << 10
    finally:
        made.close()


def test_without_the_listener_there_is_no_page(tmp_path, nsd, jidnsd):
    made = jidnsd("--upstream", f"127.0.0.1:{nsd.port}")
    assert ask(made.v4, "full.lab").answer
    maps = open(f"/proc/{made.child.pid}/maps", encoding="ascii").read()
    assert "microhttpd" not in maps


# ---- in a browser ----

@pytest.fixture(name="browser", scope="module")
def fixture_browser(tmp_path_factory):
    made = Browser(tmp_path_factory.mktemp("browser"))
    yield made
    made.close()


@IN_A_BROWSER
def test_it_loads_without_complaint_and_asks_nobody_else(daemon, browser):
    browser.requests.clear()
    browser.complaints.clear()
    browser.look(f"http://127.0.0.1:{daemon.page}/")
    assert wait_until(lambda: browser.value("1") and len(browser.requests) >= 3, 20, 0.2), browser.requests
    assert browser.complaints == []
    assert {url for url in browser.requests if not url.startswith("data:")} == {f"http://127.0.0.1:{daemon.page}/"}
    assert browser.value("document.title") == "jidnsd"


@IN_A_BROWSER
def test_it_shows_new_queries_by_itself_and_says_when_the_daemon_has_gone(browser, nsd, tmp_path):
    made = listening(["--upstream", f"127.0.0.1:{nsd.port}"], tmp_path)
    try:
        browser.look(f"http://127.0.0.1:{made.page}/")
        assert browser.value("document.getElementById('queries').textContent") == "0"
        for _ in range(7):
            ask(made.v4, "_xmpp-client._tcp.full.lab", "SRV")
        assert wait_until(lambda: browser.value("document.getElementById('queries').textContent") == "7", 20, 0.2)
        assert "full.lab." in browser.value("document.querySelector('main').innerText")
        assert not browser.value("document.querySelector('.gone').checkVisibility()")
    finally:
        made.close()
    assert wait_until(lambda: browser.value("document.querySelector('.gone').checkVisibility()"), 20, 0.2)


@IN_A_BROWSER
def test_without_script_it_still_shows_the_state(daemon, browser):
    browser.look(f"http://127.0.0.1:{daemon.page}/", script=False)
    assert "full.lab." in browser.words()
    before = browser.loads
    assert wait_until(lambda: browser.words() and browser.loads > before, 20, 0.2), "it loads itself again"


@IN_A_BROWSER
@pytest.mark.parametrize("width", [320, 360, 640, 768, 1280])
def test_nothing_is_wider_than_the_window(daemon, browser, width):
    browser.look(f"http://127.0.0.1:{daemon.page}/", width)
    wide = browser.value("""[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 0.5)
                            .map(e => e.tagName + ' ' + e.className).slice(0, 5)""")
    assert browser.value("document.documentElement.scrollWidth") <= width and wide == []


LEAST_CONTRAST = 4.5
CONTRASTS = """(() => {
  const numbers = color => color.match(/[\\d.]+/g).map(Number);
  const linear = c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const luminance = color => { const [r, g, b] = numbers(color).map(linear); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const contrast = (a, b) => { const [x, y] = [luminance(a), luminance(b)]; return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05); };
  const isClear = color => { const n = numbers(color); return n.length > 3 && n[3] == 0; };
  const behind = e => { while (e && isClear(getComputedStyle(e).backgroundColor)) e = e.parentElement; return getComputedStyle(e).backgroundColor; };
  const texts = [...document.body.querySelectorAll('*')].filter(e => e.getClientRects().length && !['SCRIPT'].includes(e.tagName) &&
    [...e.childNodes].some(n => n.nodeType == 3 && n.data.trim()));
  const found = texts.map(e => [contrast(getComputedStyle(e).color, behind(e)), e.tagName + '.' + e.className]);
  found.sort((a, b) => a[0] - b[0]);
  return [found.length, ...found[0]];
})()"""


@IN_A_BROWSER
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme, ground", [("light", "rgb(255, 255, 255)"), ("dark", "rgb(21, 24, 27)")])
def test_all_text_stands_out_from_what_is_behind_it(daemon, browser, width, scheme, ground):
    browser.look(f"http://127.0.0.1:{daemon.page}/", width, scheme=scheme)
    assert browser.value("getComputedStyle(document.body).backgroundColor") == ground
    count, least, where = browser.value(CONTRASTS)
    assert count > 60 and least >= LEAST_CONTRAST, f"{scheme}: {least} at {where}"
