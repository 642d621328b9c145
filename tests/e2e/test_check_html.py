"""jidns check --format html: one valid file that loads nothing, and that fits a telephone and a desk (seen by Chromium)."""

import html
import os
import re
import shutil
import subprocess

import pytest

from kit.browser import CHROMIUM
from test_check import GOOD, SOMETHING, USAGE, fixture_world, jidns  # noqa: F401 (the fixture "world")

LONG = "a-label-of-the-greatest-length-there-can-be-in-the-domain-names"  # 63 octets
AWKWARD = f"""
@ A 9.9.8.8
@ AAAA 2a01:1234:5678:9abc:def0:1234:5678:9abc
_xmpp-client._tcp SRV 0 5 5222 {LONG}.{LONG}.{LONG}
_xmpp-client._tcp SRV 10 65535 65535 <script>document.title=1</script>.elsewhere.chat.
_xmpps-client._tcp SRV 0 0 0 .
_xmpp-server._tcp SRV 0 5 5269 \\226\\128\\174\\027[31m\\"x.elsewhere.chat.
{LONG}.{LONG}.{LONG} A 10.0.0.1
{LONG}.{LONG}.{LONG} AAAA 2a01:1234:5678:9abc:def0:1234:5678:9abd
conference A 9.9.1.1
""" + "".join(f"_xmpps-server._tcp SRV {i} 5 5270 t{i}\nt{i} A 9.9.1.{i}\n" for i in range(1, 60))


@pytest.fixture(name="page")
def fixture_page(world):
    check = world({"awkward.chat": AWKWARD, "good.chat": GOOD})
    done = check("--format", "html", "awkward.chat", "good.chat")
    assert done.returncode == SOMETHING and not done.stderr
    return done.stdout


def measured(page, tmp_path, width, script, keep_policy=False):
    """What `script` says of the page in a frame of that width: a window can't be as narrow as a telephone."""
    if not keep_policy:
        page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    page = page.replace("</body>", f"<script>document.title = {script}</script></body>")
    path = tmp_path / "frame.html"
    path.write_text(f"""<!DOCTYPE html><title>-</title><iframe style="border:0;width:{width}px;height:30000px" srcdoc="{html.escape(page)}"
        onload="document.title = this.contentDocument.title"></iframe>""")
    done = subprocess.run([CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile",
                           "--window-size=1400,2000", "--dump-dom", path.as_uri()], capture_output=True, text=True, timeout=120, check=False)
    title = re.search(r"<title>(.*?)</title>", done.stdout)
    assert title, done.stderr
    return title.group(1)


def test_the_page_is_valid_html(page):
    html5lib = pytest.importorskip("html5lib")
    html5lib.HTMLParser(strict=True).parse(page)


def test_tidy_has_nothing_to_say(page):
    if not shutil.which("tidy"):
        pytest.skip("tidy is missing")
    done = subprocess.run(["tidy", "-quiet", "-errors"], input=page, capture_output=True, text=True, check=False)
    assert done.stderr == ""


def test_the_page_loads_nothing_and_shows_no_control_characters(page):
    assert "<script" not in page and not re.search(r'\b(?:src|href)="(?!#)', page) and "url(" not in page and "@import" not in page
    assert not [c for c in page if c != "\n" and (ord(c) < 32 or 0x7f <= ord(c) < 0xa0 or 0x202a <= ord(c) <= 0x202e)]
    assert "&lt;script&gt;" in page and "and 47 more" in page


def test_every_domain_is_in_the_index_and_has_a_section(page):
    for number, name in enumerate(("awkward.chat", "good.chat"), 1):
        assert f'<a href="#domain-{number}">{name}</a>' in page and f'<section id="domain-{number}"><h2>{name}</h2>' in page


def test_a_domain_without_an_answer_is_unknown_not_good():
    done = jidns("--server", "127.0.0.1:9", "--timeout", "100", "--format", "html", "silent.chat")
    assert done.returncode == 3 and "Nothing is known of this domain" in done.stdout and "yes" not in re.sub(r"<style>.*</style>", "", done.stdout, flags=re.S)


def test_what_lies_outside_the_zone_files_was_not_looked_at(tmp_path):
    (tmp_path / "d").write_text("$TTL 3600\n@ SOA ns a 1 7200 3600 1209600 300\n@ NS ns.else.where.\n@ A 9.9.8.8\n"
                                "_xmpp-client._tcp SRV 0 5 5222 xmpp.hosting.chat.\n")
    page = jidns("--offline", "--zone", f"d.chat={tmp_path / 'd'}", "--format", "html", "d.chat").stdout
    assert "From a zone file" in page and "no answer" not in page
    assert page.count("not looked at") >= 2 and "Not looked at: 1 name that leads out of the zone files." in page


def test_wrong_use_makes_no_page():
    done = jidns("--format", "html", "a..chat")
    assert done.returncode == USAGE and done.stdout == ""


@pytest.mark.skipif(not CHROMIUM, reason="Chromium is missing")
@pytest.mark.parametrize("width", [375, 899, 1280] if os.environ.get("E2E_ALL") else [375, 1280])
def test_nothing_is_wider_than_the_window(page, tmp_path, width):
    inside, wide = measured(page, tmp_path, width, "innerWidth + ' ' + document.documentElement.scrollWidth").split()
    assert int(inside) == width and int(wide) <= width


@pytest.mark.skipif(not CHROMIUM, reason="Chromium is missing")
@pytest.mark.parametrize("width", [375, 1280])
def test_no_text_of_the_picture_leaves_its_box(page, tmp_path, width):
    script = """[...document.querySelectorAll('svg')].filter(s => getComputedStyle(s).display != 'none').flatMap(s => [...s.querySelectorAll('g.box')])
        .filter(g => [...g.querySelectorAll('text')].some(t => t.getBoundingClientRect().right > g.querySelector('rect').getBoundingClientRect().right))
        .length + ' of ' + document.querySelectorAll('svg.wide g.box').length"""
    out, _, boxes = measured(page, tmp_path, width, script).split()
    assert int(out) == 0 and int(boxes) > 40


@pytest.mark.skipif(not CHROMIUM, reason="Chromium is missing")
def test_the_policy_keeps_scripts_from_running(page, tmp_path):
    assert measured(page, tmp_path, 375, "'ran'", keep_policy=True) == "XMPP DNS report"


# ---- contrast: 4.5 to 1 for text (WCAG 2.1, 1.4.3) ----

LEAST_CONTRAST = 4.5
CONTRASTS = """(() => {
  const numbers = color => color.match(/[\\d.]+/g).map(Number);
  const linear = c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const luminance = color => { const [r, g, b] = numbers(color).map(linear); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const contrast = (a, b) => { const [x, y] = [luminance(a), luminance(b)]; return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05); };
  const isClear = color => { const n = numbers(color); return n.length > 3 && n[3] == 0; };
  const behind = e => {
    if (e.ownerSVGElement) {
      const ground = e.classList.contains('sign') ? e.parentNode.querySelector('.mark') : e.closest('g').querySelector('rect');
      if (ground) return getComputedStyle(ground).fill;
    }
    for (; e; e = e.parentElement) if (!isClear(getComputedStyle(e).backgroundColor)) return getComputedStyle(e).backgroundColor;
    return 'rgb(255, 255, 255)';
  };
  document.querySelectorAll('details').forEach(d => d.open = true);
  const texts = [...document.body.querySelectorAll('*')].filter(e => e.getClientRects().length &&
    [...e.childNodes].some(n => n.nodeType == 3 && n.data.trim()) && !['SCRIPT', 'title'].includes(e.tagName));
  const found = texts.map(e => [contrast(e.ownerSVGElement ? getComputedStyle(e).fill : getComputedStyle(e).color, behind(e)), e.tagName + '.' +
    (e.getAttribute('class') || '') + ' in ' + (e.parentNode.getAttribute('class') || e.parentNode.tagName)]);
  found.sort((a, b) => a[0] - b[0]);
  return found.length + ' ' + found[0][0].toFixed(2) + ' ' + found[0][1];
})()"""


@pytest.mark.skipif(not CHROMIUM, reason="Chromium is missing")
@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.parametrize("scheme, media", [("light", "not all"), ("dark", "all")])
def test_all_text_stands_out_from_what_is_behind_it(page, tmp_path, width, scheme, media):
    seen = page.replace("@media (prefers-color-scheme:dark)", f"@media {media}")
    assert seen != page
    count, least, where = measured(seen, tmp_path, width, CONTRASTS).split(" ", 2)
    assert int(count) > 200 and float(least) >= LEAST_CONTRAST, f"{scheme}: {least} at {where}"
