"""What doc/lab.md tells to type says what doc/lab.md says it says: each is typed, as a user without rights in a network of his own."""

import base64
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest

from kit import jidnsd as jidnsd_kit
from kit.control import program

TEXT = (pathlib.Path(__file__).resolve().parents[2] / "doc" / "lab.md").read_text()
USER = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
MARK = "typed-by-the-test"
PATIENCE_S = 120


def blocks(title):
    """The fenced blocks of the section, in order."""
    section = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", TEXT, re.M | re.S)[1]
    return re.findall(r"^```\n(.*?)^```$", section, re.M | re.S)


def session(block):
    """[(what is typed, the lines that are said)] of a block with prompts."""
    typed = []
    for line in block.splitlines():
        if line.startswith("$ "):
            typed.append((line[2:], []))
        else:
            typed[-1][1].append(line)
    return typed


def shape(line):
    """The line without what differs from run to run, or was left out for the reader: times, names made up by lot, columns' width."""
    line = re.sub(r"^\w{3} [ \d]\d \d\d:\d\d:\d\d ", "", line)
    line = re.sub(r"unbound\.query\S+", "unbound.query#", line)
    line = re.sub(r"\bid: \d+", "id: #", line)
    line = re.sub(r"DS\s+\d+ 13 2 [0-9a-f]{64}", "DS #", line)
    line = re.sub(r"s2sout[0-9a-f]+", "s2sout#", line)
    return re.sub(r"\s+", " ", re.sub(r"\d+\.\d+(?=s| sec)|spoiled \d+ of \d+|\b[1-9] queued", "#", line)).strip()


@pytest.fixture(name="desk")
def fixture_desk(namespaces):
    """run(script) in an empty folder with jidnsd and jidns in the PATH; what it prints. All that it starts ends with it."""
    space = namespaces("desk")
    with tempfile.TemporaryDirectory(prefix="jidns-doc-") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o777)
        shutil.copy(jidnsd_kit.plain_path(), folder / "jidnsd")
        shutil.copy(program(), folder / "jidns")
        environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "HOME": name}

        def run(script):
            script = f"trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\nshopt -s expand_aliases\n{script}"
            argv = space.argv([*USER, "timeout", PATIENCE_S, "bash", "-c", script])  # ends what bash has started, too
            return subprocess.run(argv, cwd=name, env=environment, check=False, text=True, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT).stdout
        run.folder = folder
        yield run


def type_all(desk, before, sessions):
    """Types the sessions' lines after the script `before`; [(typed, said in the text, said now)]."""
    typed = [each for block in sessions for each in session(block)]
    script = before + "".join(f"echo {MARK}\n{line} 2>&1\n" for line, _ in typed)
    heard = desk(script).split(f"{MARK}\n")[1:]
    assert len(heard) == len(typed), heard
    return [(line, said, now.splitlines()) for (line, said), now in zip(typed, heard)]


def compare(results):
    for typed, said, now in results:
        shapes = [shape(line) for line in now]
        for line in said:
            assert line == "..." or shape(line) in shapes, f"$ {typed}\n" + "\n".join(now)


def test_a_domain_in_a_minute(desk):
    config, asked = blocks("A domain in a minute")[:2]
    (desk.folder / "lab.conf").write_text(config)
    start = "jidnsd --config lab.conf 2>said &\nuntil grep -q 'jidnsd ready' said; do sleep 0.1; done\n"
    compare(type_all(desk, start, [asked]))


ADDRESSES = ["10.0.0.5", "fd00::5"]


def lines_of(block):
    """[(its prompt, what is typed)]"""
    return [(line[0], line[2:]) for line in block.splitlines()]


def put_lab(desk):
    (desk.folder / "lab.conf").write_text(blocks("A domain in a minute")[0])
    (desk.folder / "lab.conf").chmod(0o644)


def patient(line):
    """Who types has seen that jidnsd is ready."""
    return line.replace("jidnsd ", "jidnsd 2>said ") + " until grep -q 'jidnsd ready' said; do sleep 0.1; done" if line.endswith("&") else line


def test_a_program_behind_it_as_an_ordinary_user(desk):
    put_lab(desk)
    outside = [line for prompt, line in lines_of(blocks("Put a program behind it")[0]) if prompt == "$"]
    inside = [patient(line) for prompt, line in lines_of(blocks("Put a program behind it")[0]) if prompt == "#"]
    assert len(outside) == 2 and len(inside) == 3
    said = desk("\n".join(outside) + " <<'END'\n" + "\n".join([*inside, "kill %1; wait"]) + "\nEND\n")
    assert all(address in said for address in ADDRESSES), said


def test_a_program_behind_it_in_a_namespace_that_others_can_enter(desk):
    put_lab(desk)
    typed = [patient(line) for _, line in lines_of(blocks("Put a program behind it")[1])]
    remove = re.search(r"`(ip netns delete behind; [^`]*)`", TEXT)[1]
    assert len(typed) == 4 and not os.path.exists("/run/netns/behind")
    script = "\n".join([*typed, "kill %1; wait", remove])
    done = subprocess.run(["bash", "-c", script], cwd=desk.folder, env={**os.environ, "PATH": f"{desk.folder}:{os.environ['PATH']}"},
                          capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert all(address in done.stdout for address in ADDRESSES), done
    assert not os.path.exists("/run/netns/behind") and not os.path.exists("/etc/netns/behind")


def test_zone_files_and_what_is_said_of_a_wrong_one(desk):
    (_, zone), (start, _) = session(blocks("Zone files")[0])
    path = desk.folder / "capulet.lab.zone"
    path.write_text("".join(line + "\n" for line in zone))
    path.chmod(0o644)
    assert "the settings" in desk(f"{start} --check-config")
    wrong = blocks("Zone files")[1].strip()
    number, text = re.search(r":(\d+): '([^']*)'", wrong).groups()
    lines = [*zone[:int(number) - 1], text, *zone[int(number):]]
    path.write_text("".join(line + "\n" for line in lines))
    assert wrong in desk(f"{start} --check-config")


def test_sections_of_zones_and_faults_are_settings(desk):
    sections = [block for title in ("How zones are answered", "Faults: DNS that fails on command") for block in blocks(title)
                if re.match(r"zone |fault ", block)]
    assert len(sections) == 2
    for name in re.findall(r'file = "([^"]*)"', "".join(sections)):
        (desk.folder / name).write_text("@ 60 SOA ns host 1 7200 600 86400 30\n")
    for block in sections:
        (desk.folder / "lab.conf").write_text('upstream { server = "192.0.2.1" }\n' + block)
        said = desk("jidnsd --config lab.conf --check-config")
        assert "the settings are good" in said or "warnings" in said, said
    assert "the settings" in desk(next(block for block in blocks("Faults: DNS that fails on command") if block.startswith("jidnsd "))
                                  .strip() + " --check-config")


def test_faults_are_added_listed_cleared_and_misspelt(desk):
    sessions = [block for block in blocks("Faults: DNS that fails on command") if block.startswith("$ ")]
    (desk.folder / "lab.conf").write_text(blocks("A domain in a minute")[0])
    start = ("jidnsd --config lab.conf --control $PWD/control 2>said &\nuntil grep -q 'jidnsd ready' said; do sleep 0.1; done\n"
             "export JIDNS_CONTROL=$PWD/control\n")
    assert len(sessions) == 2
    compare(type_all(desk, start, sessions))


def test_signed_zones_are_believed_until_they_are_broken(desk):
    config, anchors, settings, *sessions = blocks("Signed zones: DNSSEC to show and to break")
    for name, text in (("secure.conf", config), ("unbound.conf", settings)):
        (desk.folder / name).write_text(text)
        (desk.folder / name).chmod(0o644)
    start = ("jidnsd --config secure.conf --control $PWD/control 2>said &\nuntil grep -q 'jidnsd ready' said; do sleep 0.1; done\n"
             "unbound -d -c unbound.conf 2>heard &\nuntil grep -q 'start of service' heard; do sleep 0.1; done\n"
             "export JIDNS_CONTROL=$PWD/control\n")
    compare(type_all(desk, start, [anchors, *(block for block in sessions if block.startswith("$ "))]))


def test_the_digest_for_tlsa_is_that_of_the_public_key(desk):
    command = next(block for block in blocks("Signed zones: DNSSEC to show and to break") if block.startswith("openssl "))
    make = "openssl req -x509 -newkey rsa:2048 -nodes -days 3 -subj /CN=capulet.lab -keyout key.pem -out cert.pem 2>/dev/null\n"
    told = desk(make + command).split()[0]
    key = desk("openssl pkey -in key.pem -pubout -outform DER | base64 -w0")
    assert told == hashlib.sha256(base64.b64decode(key)).hexdigest()


def test_two_servers_that_federate_and_a_fault_in_their_logs(desk):
    config, start, *sessions = blocks("Two servers that federate, and a fault in their logs")
    (desk.folder / "lab.conf").write_text(config)
    await_both = "until [ -S capulet/socket ] && [ -S montague/socket ]; do sleep 0.2; done; sleep 1\n"
    compare(type_all(desk, start + await_both, sessions))
