"""Settings from a file, the environment and the command line: who wins, what is said of wrong ones."""

import os
import random
import re
import shutil
import subprocess

import pytest

from kit import jidnsd as jidnsd_kit

# option, section, key, a good value that differs from the default
SETTINGS = [
    ("listen", "listen", "address", "127.0.0.1:5300"), ("upstream", "upstream", "server", "192.0.2.53:53"),
    ("special-names", "server", "special-names", "off"), ("rotate", "server", "rotate", "off"), ("rebind-filter", "upstream", "rebind-filter", "on"), ("rebind-allow", "upstream", "rebind-allow", "corp.example"), ("max-ttl", "cache", "max-ttl", "60"),
    ("udp-size", "server", "udp-size", "1400"),
    ("trust-ad", "upstream", "trust-ad", "on"), ("upstream-cookies", "upstream", "cookies", "off"),
    ("case-random", "upstream", "case-random", "on"), ("upstream-policy", "upstream", "policy", "order"),
    ("upstream-discover", "upstream", "discover", "verified"),
    ("upstream-tls", "upstream", "tls", "opportunistic"),
    ("resolv-conf", "upstream", "resolv-conf", "/nowhere/resolv.conf"), ("allow", "access", "allow", "10.0.0.0/8"), ("refuse-with", "access", "refuse-with", "silence"),
    ("rate-limit", "access", "rate-limit", "100"), ("cookies", "access", "cookies", "off"),
    ("identity", "server", "identity", "one"), ("version-bind", "server", "version-bind", "1.0"),
    ("user", "server", "user", "root"), ("seccomp", "server", "seccomp", "off"),
    ("threads", "server", "threads", "2"), ("zone-files", "server", "zone-files", "on"),
    ("zone-sign", "server", "zone-sign", "nsec3"), ("zone-keys", "server", "zone-keys", "/nowhere/keys"), ("expand-srv", "xmpp", "expand-srv", "wait"),
    ("expand-services", "xmpp", "expand-services", "all"), ("prefetch", "xmpp", "prefetch", "off"), ("prefetch-guess", "xmpp", "prefetch-guess", "off"),
    ("dnssec", "dnssec", "mode", "log"), ("trust-anchor", "dnssec", "trust-anchor", "/nowhere/root.ds"),
    ("negative-trust-anchor", "dnssec", "negative-trust-anchor", "corp.example"),
    ("dnssec-unsigned-denial", "dnssec", "unsigned-denial", "pass"),
    ("tls-ca", "tls", "ca", "/etc/ssl/other"), ("tls-pin", "tls", "pin", "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
    ("cache-size", "cache", "size", "64M"), ("max-stale", "cache", "max-stale", "3600"),
    ("snapshot", "cache", "snapshot", "/var/lib/jidns/cache"), ("snapshot-every", "cache", "snapshot-every", "60"),
    ("nxdomain-cut", "cache", "nxdomain-cut", "on"), ("log-level", "log", "level", "warn,xmpp=debug"),
    ("log-format", "log", "format", "json"), ("log-times", "log", "times", "on"), ("query-log", "log", "queries", "100"), ("log-walks", "log", "walks", "on"),
    ("metrics", "metrics", "listen", "127.0.0.1:9153"), ("metrics-public", "metrics", "public", "on"),
    ("dnstap", "dnstap", "socket", "unix:/nowhere/tap"), ("dnstap-sample", "dnstap", "sample", "10"),
    ("dnstap-what", "dnstap", "what", "client"), ("dnstap-identity", "dnstap", "identity", "one"),
    ("dnstap-version", "dnstap", "version", "1.0"),
    ("shared", "shared", "server", "redis://192.0.2.1:6379"), ("shared-key", "shared", "key", "/nowhere/key"),
    ("shared-namespace", "shared", "namespace", "one"), ("shared-role", "shared", "role", "reader"),
    ("shared-user", "shared", "user", "jidns"), ("shared-password", "shared", "password", "/nowhere/password"),
    ("control", "control", "socket", "/nowhere/control"), ("control-group", "control", "group", "adm")]
WRONG = ["", "nonsense", "-1", "1 2", "ON", "9" * 400, "\x07\x1b[31m", "'", "off\n", "%s%n",
         "99999999999999999999"]


def run(*options, **variables):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("JIDNS_")} | variables
    return subprocess.run([jidnsd_kit.path(), *options], capture_output=True, timeout=10, check=False, encoding="utf-8",
                          errors="replace", stdin=subprocess.DEVNULL, env=environment)


def is_text(option, value):
    """Is this a value that a setting of free text takes?"""
    if option == "control":
        return value == ""
    if option == "resolv-conf":
        return value.isascii() and value.isprintable() and 0 < len(value) < 256
    if option == "zone-keys":
        return value.isascii() and value.isprintable() and 0 < len(value) < 512
    if option in ("rebind-allow", "negative-trust-anchor"):  # a domain
        return value in ("nonsense", "-1", "ON", "99999999999999999999")
    if option == "shared-namespace":
        return re.fullmatch(r"[\w.-]{1,63}", value, re.ASCII)
    if option == "shared-user":
        return value.isascii() and value.isprintable() and " " not in value and 0 < len(value) < 128
    if option in ("user", "control-group"):
        parts = value.split(":") if option == "user" else [value]
        whole = len(parts) < 3 and (all(parts) or parts == [""])
        return whole and value.isascii() and value.isprintable() and " " not in value and len(value) < (66 if option == "user" else 33)
    return option in ("identity", "dnstap-identity", "dnstap-version", "version-bind", "snapshot", "tls-ca", "trust-anchor") and value.isascii() and value.isprintable() and len(value) < 256


def variable(option):
    return "JIDNS_" + option.upper().replace("-", "_")


def quoted(value):
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$") + '"'


@pytest.fixture(name="conf")
def fixture_conf(tmp_path):
    def write(text):
        path = tmp_path / "jidnsd.conf"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def in_force(done, section, key):
    """What --print-config says of a key: value and source."""
    assert done.returncode == 0, done.stderr
    body = re.search(rf"^{section} {{\n(.*?)^}}", done.stdout, re.M | re.S)[1]
    return re.search(rf"^  {key} = (.*?)  # (.*)$", body, re.M).groups()


def test_the_table_of_this_test_is_whole():
    printed = run("--print-config").stdout
    assert {key for _, _, key, _ in SETTINGS} == set(re.findall(r"^  (?:# )?([\w-]+)(?: =|:)", printed, re.M))


@pytest.mark.parametrize("option,section,key,value", SETTINGS, ids=[s[0] for s in SETTINGS])
def test_options_beat_environment_beats_file_beats_default(conf, option, section, key, value):
    path = conf(f"# first line\n\n{section} {{\n  {key} = {quoted(value)}\n}}\n")
    name = variable(option)
    assert in_force(run("--config", path, "--print-config"), section, key) in ((quoted(value), f"{path}:4"),
                                                                               ("{" + quoted(value) + "}", f"{path}:4"))
    assert in_force(run("--config", path, "--print-config", **{name: value}), section, key)[1] == name
    assert in_force(run("--config", path, "--print-config", f"--{option}", value, **{name: value}), section,
                    key)[1] == f"--{option}"


@pytest.mark.parametrize("option,section,key,_", SETTINGS, ids=[s[0] for s in SETTINGS])
def test_wrong_values_are_named_with_their_source(conf, option, section, key, _):
    for value in WRONG:
        if is_text(option, value):
            continue
        path = conf(f"{section} {{\n{key} = {quoted(value)}\n}}\n")
        done = run("--config", path, "--check-config")
        assert done.returncode == 2, (value, done)
        line, *more = done.stderr.splitlines()
        assert not more and line.startswith(f"jidnsd: {path}:") and key in line and "should be" in line, done.stderr
        assert line.isprintable(), line
        done = run("--check-config", f"--{option}={value}")
        assert done.returncode == 2, (value, done)
        assert done.stderr.startswith(f"jidnsd: --{option} '") and len(done.stderr.splitlines()) == 1, done.stderr
        if value.endswith("\n"):
            continue  # of a variable that is no part of the value: tests/settings/test_environment.c
        if value.strip(" ,") and option not in ("listen", "upstream", "allow", "rebind-allow", "negative-trust-anchor"):
            done = run("--check-config", **{variable(option): value})
            assert done.returncode == 2, (value, done)
            assert done.stderr.startswith(f"jidnsd: {variable(option)} '") and "should be" in done.stderr


@pytest.mark.parametrize("text,line,words", [
    ("cache { siez = 3 }", 1, ["siez", "did you mean 'size'?"]), ("\n\ncach { size = 3M }", 3, ["cach", "did you mean 'cache'?"]),
    ("threads = 3", 1, ["threads", "section 'server'"]), ("cache {\n threads = 3 }", 2, ["threads", "section 'server'"]),
    ("# a\n# b\ncache { size = 3M\n size = 4M }", 4, ["size", "line 3"]), ("/* a\n b\n */ cache { size 64M }", 3, ["size"]),
    ("cache { size = 64M", 1, ["not closed", "}"]), ("cache { size = \"64M }\n", 1, ["not closed", '"']),
    ("cache {}\n/* never closed", 2, ["not closed", "*/"]), ("}", 1, ["closing brace"]),
    ("include(\"/etc/hostname\")", 1, ["include"]), ("server { threads = }", 1, ["}"]), ("xmpp = {}", 1, ["xmpp"]),
    ("wholly_unlike_all = 1", 1, ["wholly_unlike_all"]), ("cache \"x\" { }", 1, ["cache"]),
    ("\x01 = 1", 1, []), ("cache { \"\x01\" = 1 }", 1, [])])
def test_a_file_with_mistakes_is_refused_with_its_line(conf, text, line, words):
    path = conf(text)
    done = run("--config", path, "--check-config")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith(f"jidnsd: {path}:{line}: "), done.stderr
    assert all(word in done.stderr for word in words), done.stderr


def test_all_wrong_values_of_a_file_are_named(conf):
    done = run("--check-config", "--config", conf("cache { size = 1X\n max-stale = -1 }\nlog { level = loud }"))
    assert done.returncode == 2
    assert [line.split(":")[2] for line in done.stderr.splitlines()] == ["1", "2", "3"]


def test_files_that_are_none_are_refused(tmp_path):
    nul = tmp_path / "nul"
    nul.write_bytes(b"cache {\0}")
    for path, why in ((tmp_path / "missing", "No such file"), (tmp_path, "directory"), ("/dev/zero", "larger than 1 MiB"),
                      (nul, "NUL")):
        done = run("--check-config", "--config", path)
        assert done.returncode == 2 and str(path) in done.stderr and why in done.stderr


def test_hostile_files_do_no_harm(conf):
    rng = random.Random(4711)
    pieces = ["cache", "{", "}", "=", '"', "'", "#", "//", "/*", "*/", "\n", " ", "size", "64M", "${HOME}", "\\", ",", "+=", "listen",
              "address", "{}", "(", ")", "\x01", "ä", "9" * 50, "include", "$", "${", "`id`", ";"]
    for _ in range(150):
        done = run("--check-config", "--config", conf("".join(rng.choices(pieces, k=rng.randrange(60)))))
        assert done.returncode in (0, 2), done
        assert done.returncode == 0 or done.stderr.startswith("jidnsd: ")


def test_what_is_printed_is_read_back_as_the_same(conf):
    text = "listen { address = {\"127.0.0.1:5300\", \"[::1]:5300\"} }\ncache { size = 64M }\naccess { allow = {10.0.0.0/8, none} }\n"
    first = run("--print-config", "--config", conf(text), "--upstream", "192.0.2.1").stdout
    second = run("--print-config", "--config", conf(first)).stdout
    strip = re.compile(r"  # .*")
    assert strip.sub("", first) == strip.sub("", second)


def test_lists_in_the_environment_are_separated_by_spaces_or_commas():
    done = run("--print-config", JIDNS_ALLOW="10.0.0.0/8, 10.1.0.0/16 192.168.0.0/16,")
    assert in_force(done, "access", "allow") == ('{"10.0.0.0/8", "10.1.0.0/16", "192.168.0.0/16"}', "JIDNS_ALLOW")


def test_an_unknown_variable_is_warned_of_with_the_nearest():
    done = run("--check-config", JIDNS_TREADS="3")
    assert done.returncode == 0 and "JIDNS_TREADS: unknown setting; did you mean JIDNS_THREADS?" in done.stderr


def test_the_settings_file_may_be_named_by_the_environment_or_left_out(conf):
    path = conf("cache { size = 1X }")
    assert run("--check-config", JIDNS_CONFIG=path).returncode == 2
    assert run("--check-config", "--config", "", JIDNS_CONFIG=path).returncode == 0


BUILD = os.environ.get("top_builddir", "")


def manual_pages():
    """Those made beside the program, and the one that is written by hand."""
    folder = os.path.join(BUILD or os.path.dirname(jidnsd_kit.path()) + "/..", "doc/man")
    pages = [os.path.join(folder, page) for page in ("jidnsd.8", "jidnsd.conf.5")]
    if not os.path.exists(pages[0]):
        pytest.skip("manual pages are not built beside the program")
    return pages + [os.path.join(os.path.dirname(__file__), "../../doc/man/jidns.1")]


@pytest.mark.skipif(not shutil.which("man"), reason="man-db is not installed")
def test_manual_pages_are_well_formed():
    for page in manual_pages():
        done = subprocess.run(["man", "--warnings", "-l", page], capture_output=True, text=True, check=True,
                              env=os.environ | {"MANROFFSEQ": "", "LC_ALL": "C.UTF-8", "MANPAGER": "cat"})
        assert done.stderr == "" and len(done.stdout.splitlines()) > 30, page


@pytest.mark.skipif(not shutil.which("mandoc"), reason="mandoc is not installed")
def test_manual_pages_keep_to_the_style():
    for page in manual_pages():
        done = subprocess.run(["mandoc", "-T", "lint", page], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_manual_pages_name_every_setting():
    options, keys, _ = manual_pages()
    for page, names in ((options, {s[0] for s in SETTINGS}), (keys, {s[2] for s in SETTINGS})):
        with open(page, encoding="utf-8") as text:
            text = text.read()
        for name in names:
            assert name.replace("-", "\\-") in text, name
