"""What doc/lab.md tells to type says what doc/lab.md says it says: each is typed, as a user without rights in a network of his own."""

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
    line = re.sub(r"s2sout[0-9a-f]+", "s2sout#", line)
    return re.sub(r"\s+", " ", re.sub(r"\d+\.\d+(?=s| sec)|spoiled \d+ of \d+|\b[1-9] queued", "#", line)).strip()


@pytest.fixture(name="desk")
def fixture_desk(namespaces):
    """run(script) in an empty folder with jidnsd and jidns in the PATH; what it prints. All that it starts ends with it."""
    space = namespaces("desk")
    with tempfile.TemporaryDirectory(prefix="jidns-doc-") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o777)
        shutil.copy(os.environ.get("JIDNSD_PLAIN") or jidnsd_kit.path(), folder / "jidnsd")
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


def test_two_servers_that_federate_and_a_fault_in_their_logs(desk):
    config, start, *sessions = blocks("Two servers that federate, and a fault in their logs")
    (desk.folder / "lab.conf").write_text(config)
    await_both = "until [ -S capulet/socket ] && [ -S montague/socket ]; do sleep 0.2; done; sleep 1\n"
    compare(type_all(desk, start + await_both, sessions))
