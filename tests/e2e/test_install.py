"""What `make install`, `make uninstall` and `make dist` do, in the build that JIDNSD_PLAIN lies in."""

import hashlib
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from kit import jidnsd as jidnsd_kit

BUILD = pathlib.Path(jidnsd_kit.plain_path()).resolve().parents[1]
PATIENCE_S = 300


def run(folder, *argv, **environment):
    """Without the variables that a `make` around the tests has set."""
    kept = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "DESTDIR")}
    done = subprocess.run(argv, cwd=folder, env={**kept, **environment}, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
                          stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(name="build", scope="module")
def fixture_build():
    if not (BUILD / "Makefile").is_file():
        pytest.skip(f"{BUILD} is no build folder")
    return BUILD


def files(folder):
    """Their paths below the folder, as where they would be installed."""
    return {f"/{path.relative_to(folder)}" for path in folder.rglob("*") if not path.is_dir()}


# ---- install, uninstall ----

def test_all_that_is_installed_is_uninstalled(build, tmp_path):
    where = [f"DESTDIR={tmp_path}", "prefix=/usr", "sysconfdir=/etc"]
    run(build, "make", "-s", "install", *where)
    there = files(tmp_path)
    assert {"/usr/bin/jidns", "/usr/sbin/jidnsd", "/usr/lib/systemd/system/jidnsd.service", "/usr/share/man/man1/jidns.1",
            "/usr/share/man/man5/jidnsd.conf.5", "/usr/share/man/man8/jidnsd.8", "/usr/share/doc/jidns/jidnsd.conf.sample",
            "/usr/share/doc/jidns/NEWS", "/usr/share/doc/jidns/README.md", "/usr/share/doc/jidns/doc/xmpp.md"} <= there
    run(build, "make", "-s", "uninstall", *where)
    assert files(tmp_path) == set()


def test_settings_of_the_operator_are_neither_overwritten_nor_removed(build, tmp_path):
    settings = tmp_path / "etc/jidns/jidnsd.conf"
    settings.parent.mkdir(parents=True)
    settings.write_text("# mine\n")
    for target in "install", "install", "uninstall":
        run(build, "make", "-s", target, f"DESTDIR={tmp_path}", "prefix=/usr", "sysconfdir=/etc")
        assert settings.read_text() == "# mine\n"
    assert files(tmp_path) == {"/etc/jidns/jidnsd.conf"}


def test_the_installed_documents_link_to_each_other(build, tmp_path):
    run(build, "make", "-s", "install-data", f"DESTDIR={tmp_path}", "prefix=/usr", "sysconfdir=/etc")
    there = files(tmp_path)
    pages = [name for name in there if name.endswith(".md")]
    assert len(pages) > 10
    for page in pages:
        text = (tmp_path / page[1:]).read_text(encoding="utf-8")
        for link in set(part.split(")")[0].split("#")[0] for part in text.split("](")[1:]):
            if link.endswith(".md") and not link.startswith(("http", "../", "contrib/")) and "records/" not in link:
                assert os.path.normpath(f"{page}/../{link}") in there, f"{page}: {link}"


# ---- dist ----

def digest(folder):
    tarball, = folder.glob("jidns-*.tar.xz")
    found = hashlib.sha256(tarball.read_bytes()).hexdigest()
    tarball.unlink()
    return found


@pytest.mark.skipif(not os.environ.get("E2E_ALL"), reason="takes a minute: contrib/check --all; contrib/release looks, too")
def test_a_tarball_tells_nothing_of_when_and_where_it_was_made(build, tmp_path):
    source = pathlib.Path(run(build, "sed", "-n", "s/^abs_top_srcdir = //p", "Makefile").strip())
    run(build, "make", "-s", "dist", XZ_OPT="-0")
    first = digest(build)

    # Elsewhere, with other times and rights, and another user's mask, language and time zone. What configure has found out there,
    # config.status knows.
    other = tmp_path / "elsewhere"
    shutil.copytree(source, other / "source", ignore=shutil.ignore_patterns("__pycache__"))
    run(other, "sh", "-c", "find source -exec touch -d 2001-02-03 {} + && chmod -R go-rwx source")
    objects = other / "objects"
    objects.mkdir()
    moved = {str(build): str(objects), str(source): str(other / "source"), os.path.relpath(source, build): "../source",
             f"srcdir='{source}'": "srcdir='../source'"}
    paths = "|".join(re.escape(was) for was in sorted(moved, key=len, reverse=True))  # one may begin as another does
    status = re.sub(paths, lambda found: moved[found[0]], (build / "config.status").read_text())
    (objects / "config.status").write_text(status)
    run(objects, "sh", "-c", "umask 077 && sh ./config.status -q && make -s dist", XZ_OPT="-0", TZ="Asia/Tokyo", LC_ALL="C.UTF-8", USER="somebody")
    assert "../source" in (objects / "Makefile").read_text()
    assert digest(objects) == first


# ---- release ----

ROOT = pathlib.Path(__file__).resolve().parents[2]
VERSION = re.search(r"^AC_INIT\(\[jidns\], \[(.*)\]\)$", (ROOT / "configure.ac").read_text(encoding="utf-8"), flags=re.M)[1]


@pytest.fixture(name="tree")
def fixture_tree(tmp_path):
    """What contrib/release looks at, on the day of the release."""
    for name in ["NEWS", "configure.ac", "contrib/release", "contrib/lib.sh", "contrib/debian/changelog", "contrib/rpm/jidns.spec",
                 "contrib/alpine/APKBUILD"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    replace(tmp_path / "NEWS", r"^\d.*", f"{VERSION} (2020-02-20)")
    return tmp_path


def replace(file, was, now):
    """The first that matches."""
    text, count = re.subn(was, now, file.read_text(encoding="utf-8"), count=1, flags=re.M)
    assert count, was
    file.write_text(text, encoding="utf-8")


def complaint(tree):
    done = subprocess.run([tree / "contrib/release", "--check"], capture_output=True, text=True, timeout=PATIENCE_S, check=False,
                          stdin=subprocess.DEVNULL)
    assert (done.returncode == 0) == (done.stderr == "")
    return done.stderr


def test_the_tree_is_ready_for_its_release(tree):
    assert complaint(tree) == ""


@pytest.mark.parametrize("name, was, now, said", [
    ("NEWS", r"^\d.*", "0.0 (2020-02-20)", 'NEWS:3: is "0.0 (2020-02-20)", not "'),
    ("NEWS", r"\(2020.*", "(not yet released)", "NEWS:3: names no date"),
    ("NEWS", r"\(2020-02", "(2020-13", "NEWS:3: names no date"),
    ("NEWS", r"\(2020", "(2999", "NEWS:3: 2999-02-20 is in the future"),
    ("NEWS", "^Upgrade:", "And:", f'has no paragraph "Upgrade: ..." for {VERSION}'),
    ("contrib/debian/changelog", r"\(.*-", "(0.0-", "contrib/debian/changelog: names version 0.0; configure.ac has"),
    ("contrib/rpm/jidns.spec", "^Version: .*", "Version: 0.0", "contrib/rpm/jidns.spec: names version 0.0;"),
    ("contrib/alpine/APKBUILD", "^pkgver=.*", "pkgver=", "contrib/alpine/APKBUILD: names version (none);"),
], ids=["version", "no date", "wrong date", "future", "no upgrade notes", "Debian", "RPM", "Alpine"])
def test_a_release_needs_one_version_and_news(tree, name, was, now, said):
    replace(tree / name, was, now)
    assert said in complaint(tree)
