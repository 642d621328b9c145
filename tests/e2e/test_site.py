"""The book as a site (contrib/site): complete, whole without anything from outside, valid HTML, and fit for a telephone."""

import fcntl
import html
import os
import pathlib
import re
import shutil
import subprocess
import urllib.parse

import pytest

from kit import jidnsd as jidnsd_kit
from kit.browser import CHROMIUM

ROOT = pathlib.Path(__file__).resolve().parents[2]
WIDTHS = (360, 768, 1300)
needs_pandoc = pytest.mark.skipif(not shutil.which("pandoc"), reason="pandoc is missing")


def make_site(tree, out):
    build = pathlib.Path(jidnsd_kit.path()).resolve().parents[1]
    return subprocess.run([tree / "contrib" / "site", "--build", build, out], capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(name="site", scope="module")
def fixture_site(tmp_path_factory):
    """{page's name: its HTML}; the folder is site.folder."""
    if not shutil.which("pandoc"):
        pytest.skip("pandoc is missing")
    shared = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):  # one for all processes, made by the first
        shared = shared.parent
    out = shared / "book-site"
    with open(shared / "book-site.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = make_site(ROOT, out) if not out.exists() else None
        assert not done or done.returncode == 0, done.stderr

    class Site(dict):
        folder = out
    return Site((path.name, path.read_text()) for path in sorted(out.glob("*.html")))


@pytest.fixture(name="tree")
def fixture_tree(tmp_path):
    """A copy of what the site is made of, to spoil."""
    for part in ("doc", "contrib", "HACKING.md", "README.md", "SECURITY.md"):
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, tmp_path / part)
    return tmp_path


def attributes(page, name):
    return [html.unescape(value) for value in re.findall(rf'\s{name}="([^"]*)"', page)]


def test_all_links_and_anchors_lead_somewhere(site):
    ids = {name: attributes(page, "id") for name, page in site.items()}
    lost = []
    for name, page in site.items():
        for link in attributes(page, "href"):
            target = urllib.parse.urlsplit(link)
            file = target.path or name
            if target.scheme in ("http", "https", "mailto"):
                continue
            if not (site.folder / file).is_file() or target.fragment and urllib.parse.unquote(target.fragment) not in ids.get(file, ()):
                lost.append(f"{name}: {link}")
    assert not lost, "\n".join(lost)


def test_no_id_is_twice_on_a_page(site):
    for name, page in site.items():
        ids = attributes(page, "id")
        assert len(ids) == len(set(ids)), f"{name}: {sorted(each for each in ids if ids.count(each) > 1)}"


def test_nothing_is_loaded_from_outside_and_nothing_runs(site):
    for name, page in site.items():
        loaded = attributes(page, "src") + re.findall(r'<link [^>]*href="([^"]*)"', page)
        assert loaded and all((site.folder / each).is_file() for each in loaded), (name, loaded)
        assert not re.search(r"<script|<iframe|<object|\son\w+=|@import|javascript:", page), name
    style = (site.folder / "style.css").read_text()
    assert "url(" not in style and "@import" not in style


def test_each_page_can_be_reached_from_each(site):
    for name, page in site.items():
        missing = {other for other in site if other not in attributes(page, "href")} - {name}
        assert not missing, (name, missing)
        assert page.count('aria-current="page"') == 1


def test_the_pages_are_valid_html(site):
    html5lib = pytest.importorskip("html5lib")
    for name, page in site.items():
        try:
            html5lib.HTMLParser(strict=True).parse(page)
        except html5lib.html5parser.ParseError as e:
            pytest.fail(f"{name}: {e}")


def test_tidy_has_nothing_to_say(site):
    if not shutil.which("tidy"):
        pytest.skip("tidy is missing")
    for name, page in site.items():
        done = subprocess.run(["tidy", "-quiet", "-errors", "--warn-proprietary-attributes", "no"], input=page, capture_output=True, text=True, check=False)
        assert done.stderr == "", name


@pytest.mark.skipif(not CHROMIUM, reason="chromium is missing")
def test_no_page_is_wider_than_its_window(site, tmp_path):
    frames = "".join(f'<iframe style="border:0;width:{width}px;height:900px" data-is="{name} at {width}" srcdoc="{html.escape(page)}"></iframe>'
                     for name, page in site.items() for width in WIDTHS)
    path = site.folder / "frames.htm"
    path.write_text(f"""<!DOCTYPE html><title>-</title>{frames}<script>addEventListener("load", () => {{
        const frames = [...document.querySelectorAll("iframe")];
        const styled = frames.every(f => getComputedStyle(f.contentDocument.querySelector("main")).padding != "0px");
        document.title = frames.length + (styled ? " styled" : " bare") + ": " + frames
            .filter(f => f.contentDocument.documentElement.scrollWidth > f.clientWidth).map(f => f.dataset.is).join(", ")}})</script>""")
    try:
        done = subprocess.run([CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
                               f"--user-data-dir={tmp_path}/profile", "--window-size=1400,1000", "--dump-dom", path.as_uri()],
                              capture_output=True, text=True, timeout=120, check=False)
    finally:
        path.unlink()
    title = re.search(r"<title>(.*?)</title>", done.stdout)
    assert title and title[1] == f"{len(site) * len(WIDTHS)} styled: ", title or done.stderr


@needs_pandoc
@pytest.mark.parametrize("spoil, said", [
    (lambda tree: (tree / "doc" / "upstreams.md").unlink(), "lists doc/upstreams.md, which does not exist"),
    (lambda tree: (tree / "doc" / "more.md").write_text("# More\n"), "does not list more.md"),
    (lambda tree: (tree / "doc" / "README.md").open("a").write("- [Again](xmpp.md)\n"), "lists doc/xmpp.md twice"),
    (lambda tree: (tree / "doc" / "operating.md").write_text("# Operating\n\n[x](gone.md)\n"), "no file for the link gone.md"),
    (lambda tree: (tree / "doc" / "operating.md").write_text("# Operating\n\n![x](gone.svg)\n"), "no file for the link gone.svg"),
], ids=["a page that is gone", "a page that nobody lists", "a page listed twice", "a link to nothing", "a picture that is gone"])
def test_the_site_is_not_made_when_the_book_has_a_hole(tree, spoil, said):
    spoil(tree)
    done = make_site(tree, tree / "site")
    assert done.returncode == 1 and said in done.stderr, done.stderr
