"""jidns check --against: an old report and a new one of the same domains, served by a daemon whose zones change in between."""

import json
import subprocess

import pytest

from kit.control import program

FOUND, SOMETHING, USAGE, NO_ANSWER = range(4)
HEAD = "$TTL 3600\n@ SOA ns.nothing. admin.nothing. 1 7200 3600 1209600 300\n@ NS ns.nothing.\n"
GOOD = """@ A 9.9.8.8
@ AAAA 2a01::88
x A 9.9.1.1
x AAAA 2a01::1
_xmpp-client._tcp SRV 0 5 5222 x
_xmpps-client._tcp SRV 5 5 5223 x
_xmpp-server._tcp SRV 0 5 5269 x
_xmpps-server._tcp SRV 5 5 5270 x
"""
ALIAS = GOOD.replace("5222 x", "5222 y") + "y CNAME x\n"
PRIVATE = GOOD + "x A 10.0.0.1\n"
PORT = GOOD.replace("5269 x", "40269 x")


def run(*argv):
    done = subprocess.run([program(), "check", *map(str, argv)], capture_output=True, text=True, timeout=60, check=False)
    assert not [word for word in ("AddressSanitizer", "runtime error") if word in done.stderr], done.stderr
    return done


@pytest.fixture(name="check")
def fixture_check(tmp_path):
    """check({domain: records}, *argv), judged from zone files."""
    def judge(zones, *argv):
        options = []
        for name, records in zones.items():
            path = tmp_path / f"{name}.zone"
            path.write_text(HEAD + records)
            options += ["--zone", f"{name}={path}"]
        return run("--offline", *options, *argv, *zones)
    return judge


@pytest.fixture(name="old")
def fixture_old(check, tmp_path):
    """old({domain: records}) -> the file with the report."""
    def make(zones):
        path = tmp_path / "old.json"
        path.write_text(check(zones, "--format", "json").stdout)
        return path
    return make


def changes(done):
    return [(c["change"], c["code"], c["subject"]) for c in json.loads(done.stdout)["against"]["changes"]]


def test_nothing_new_is_0_even_where_old_faults_remain(check, old):
    path = old({"d.chat": PRIVATE})
    done = check({"d.chat": PRIVATE}, "--against", path)
    assert done.returncode == FOUND and done.stdout.endswith("0 new, 0 worse, 0 better, 0 gone, 1 as before.\n")
    assert "address-private" not in done.stdout


def test_names_what_is_new_whole_and_what_is_gone_in_a_line(check, old):
    path = old({"d.chat": PRIVATE})
    done = check({"d.chat": ALIAS}, "--against", path)
    assert done.returncode == SOMETHING
    assert "\nwarning  The target y.d.chat is an alias (CNAME)\n" in done.stdout and "         - _xmpp-client._tcp   SRV 0 5 5222 y\n" in done.stdout
    gone = next(line for line in done.stdout.splitlines() if line.startswith("gone     "))
    assert "10.0.0.1" in gone
    assert done.stdout.endswith("1 new, 0 worse, 0 better, 1 gone, 0 as before.\n")
    assert max(len(line) for line in done.stdout.splitlines()) <= 80


def test_tells_worse_from_better(check, old):
    two = GOOD + "_xmpp-client._tcp SRV 9 5 5222 z\n"  # one of two targets is lacking: a warning
    one = GOOD.replace("5222 x", "5222 z").replace("5223 x", "5223 z")  # all are: an error
    done = check({"d.chat": one}, "--against", old({"d.chat": two}), "--format", "json")
    assert ("worse", "target-missing", "z.d.chat") in changes(done) and done.returncode == SOMETHING
    entry = next(c for c in json.loads(done.stdout)["against"]["changes"] if c["change"] == "worse")
    assert (entry["was"], entry["severity"]) == ("warning", "error")
    text = check({"d.chat": one}, "--against", old({"d.chat": two})).stdout
    assert "worse    It was only a warning:\nerror    The target z.d.chat does not exist\n" in text
    done = check({"d.chat": two}, "--against", old({"d.chat": one}), "--format", "json")
    assert ("better", "target-missing", "z.d.chat") in changes(done) and done.returncode == FOUND
    assert json.loads(done.stdout)["against"]["verdict"]["c2s"] == {"was": "no", "is": "partly"}


@pytest.mark.parametrize("code", ["cert-expired", "tlsa-mismatch", "ns-lame", "resolvers-disagree", "not-validating"])
def test_a_fault_that_only_another_option_shows_is_not_called_gone(check, old, code):
    path = old({"d.chat": GOOD})
    report = json.loads(path.read_text())
    report["findings"].append({"code": code, "severity": "error", "side": "both", "subject": "x.d.chat", "text": "It was so"})
    path.write_text(json.dumps(report))
    done = check({"d.chat": GOOD}, "--against", path)
    assert "0 gone" in done.stdout and "1 not looked at this time.\n" in done.stdout


def test_a_side_that_is_not_asked_for_has_nothing_gone(check, old):
    path = old({"d.chat": GOOD.replace("5222 x", "5222 y").replace("5269 x", "5269 z") + "y CNAME x\nz CNAME x\n"})
    done = check({"d.chat": GOOD}, "--against", path, "--side", "c2s")
    assert "1 gone" in done.stdout and "1 not looked at this time.\n" in done.stdout


def test_notices_count_as_new_but_end_with_0_unless_fail_on_says_so(check, old):
    path = old({"d.chat": GOOD})
    done = check({"d.chat": PORT}, "--against", path)
    assert done.returncode == FOUND and "1 new" in done.stdout and "[port-unusual]" in done.stdout
    assert check({"d.chat": PORT}, "--against", path, "--fail-on", "notice").returncode == SOMETHING


def test_what_is_ignored_is_never_new(check, old):
    done = check({"d.chat": PRIVATE}, "--against", old({"d.chat": GOOD}), "--ignore", "address-private")
    assert done.returncode == FOUND and "0 new" in done.stdout


def test_many_domains_have_a_line_each_and_one_that_is_not_in_the_old_report_is_all_new(check, old):
    path = old({"a.chat": GOOD, "b.chat": PRIVATE})
    done = check({"a.chat": PRIVATE, "b.chat": GOOD, "c.chat": PRIVATE}, "--against", path)
    assert [line.split() for line in done.stdout.splitlines()] == [
        "a.chat 1 new 0 worse 0 better 0 gone W address-private".split(), "b.chat 0 new 0 worse 0 better 1 gone -".split(),
        "c.chat 1 new 0 worse 0 better 0 gone W address-private".split()]
    done = check({"c.chat": PRIVATE}, "--against", path, "--format", "json")
    assert json.loads(done.stdout)["against"]["known"] is False


def test_names_the_worst_even_when_something_milder_is_new(check, old):
    path = old({"d.chat": GOOD + "_xmpp-client._tcp SRV 9 5 5222 z\n"})
    zones = {"d.chat": GOOD.replace("5222 x", "5222 z").replace("5223 x", "5223 z").replace("5269 x", "5269 y") + "y CNAME x\n", "e.chat": GOOD}
    changes_now = changes(check({"d.chat": zones["d.chat"]}, "--against", path, "--format", "json"))
    assert ("new", "target-alias", "y.d.chat") in changes_now and ("worse", "target-missing", "z.d.chat") in changes_now
    assert check(zones, "--against", path).stdout.splitlines()[0].endswith("E target-missing")
    done = check({"d.chat": zones["d.chat"]}, "--against", path, "--format", "nagios")
    assert done.returncode == 2 and "[target-missing]" in done.stdout


def test_a_bar_in_a_name_does_not_write_numbers_of_nagios(check, old):
    bad = GOOD.replace("5222 x", "5222 a|b=1").replace("5223 x", "5223 a|b=1")
    for options in ([], ["--against", old({"d.chat": GOOD})]):
        done = check({"d.chat": bad}, *options, "--format", "nagios")
        assert "a/b=1.d.chat" in done.stdout and done.stdout.count("|") == 1


def test_lines_for_scripts_and_for_nagios(check, old):
    path = old({"d.chat": PRIVATE})
    done = check({"d.chat": ALIAS}, "--against", path, "--format", "tsv")
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert rows[0] == ["domain", "change", "severity", "code", "side", "subject", "text"]
    assert [row[:4] for row in rows[1:]] == [["d.chat", "new", "warning", "target-alias"], ["d.chat", "gone", "warning", "address-private"]]
    done = check({"d.chat": ALIAS}, "--against", path, "--format", "nagios")
    assert done.returncode == 1 and len(done.stdout.splitlines()) == 1
    assert done.stdout.startswith("XMPP DNS WARNING - 1 domain, 1 new, 0 worse, 0 better, 1 gone: The target y.d.chat is an alias")
    done = check({"d.chat": PRIVATE}, "--against", path, "--format", "nagios")
    assert (done.returncode, done.stdout) == (0, "XMPP DNS OK - 1 domain, 0 new, 0 worse, 0 better, 0 gone | new=0 worse=0 better=0 gone=0\n")


def test_when_questions_fail_nothing_is_called_gone(check, old, tmp_path):
    path = old({"d.chat": PRIVATE})
    lost = tmp_path / "lost.zone"
    lost.write_text(HEAD + "@ A 9.9.8.8\n_tcp DNAME elsewhere.example.\n")
    done = run("--offline", "--zone", f"d.chat={lost}", "--against", path, "d.chat")
    assert done.returncode == NO_ANSWER and "0 gone" in done.stdout and "1 not looked at this time" in done.stdout


@pytest.mark.parametrize("text, said", [
    ("", ":1: "), ("{", ":1: "), ("[]", "report 1 is not one"), ("{}", "report 1 is not one"), ("<html>\n</html>", ":1: "),
    ('{"schema": "jidns-check/1", "domain": "d.chat", "findings": 7}', "report 1 is not one"),
    ('{"schema": "jidns-check/1", "domain": "d.chat", "findings": [{"code": "x"}]}', "report 1 is not one"),
    ('{"schema": "jidns-check/1", "domain": "d.chat", "findings": []}\n{"sch', ":2: "), ("\x1b[2J\x07{", ":1: ")])
def test_a_broken_old_report_is_one_line_and_2(check, tmp_path, text, said):
    path = tmp_path / "old.json"
    path.write_text(text)
    done = check({"d.chat": GOOD}, "--against", path)
    assert done.returncode == USAGE and not done.stdout and len(done.stderr.splitlines()) == 1
    assert said in done.stderr and str(path) in done.stderr and done.stderr.isascii() and "\x1b" not in done.stderr


def test_an_old_report_that_is_not_there_is_one_line_and_2(check):
    done = check({"d.chat": GOOD}, "--against", "/nowhere/old.json")
    assert done.returncode == USAGE and done.stderr == "jidns check: --against /nowhere/old.json: No such file or directory\n"


def test_prints_nothing_of_an_old_report_that_a_terminal_obeys(check, tmp_path):
    path = tmp_path / "old.json"
    path.write_text(json.dumps({"schema": "jidns-check/1", "domain": "d.chat", "time": "\x1b[1m", "findings": [
        {"code": "x\x1b[2J", "severity": "error", "subject": "\u202e", "text": "\x07boo\u202e", "side": "\x1b"}]}))
    for form in ("text", "tsv", "nagios"):
        done = check({"d.chat": GOOD}, "--against", path, "--format", form)
        assert done.stdout.isascii() and not set(done.stdout) & {chr(c) for c in range(32) if chr(c) not in "\n\t"}, form
