"""contrib/quickstart as an ordinary user on a desktop: a free port, and commands that work as they stand. Built is what is under test."""

import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time

import pytest

from kit import jidnsd as jidnsd_kit
from kit.control import program
from kit.proc import Process, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
USER = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]

# Stands for autoconf: what it configures is "built" by copying the programs under test.
AUTORECONF = """#!/bin/sh
cat >configure <<'END'
#!/bin/sh
printf 'all:\\n\\tmkdir -p src && cp %s src/jidnsd && cp %s src/jidns\\n' >Makefile
touch config.status
END
chmod +x configure; touch Makefile.in
"""


@pytest.fixture(name="clone")
def fixture_clone():
    """A clone of the tree, as far as quickstart looks at it, which belongs to nobody."""
    with tempfile.TemporaryDirectory(prefix="jidns-quickstart-") as name:
        folder = pathlib.Path(name)
        (folder / "contrib").mkdir()
        for each in ("quickstart", "lib.sh", "demo.lab.zone"):
            shutil.copy(ROOT / "contrib" / each, folder / "contrib")
        for each in ("configure.ac", "Makefile.am"):
            (folder / each).touch()
        tools, run = folder / "tools", folder / "run"
        tools.mkdir()
        run.mkdir()
        for each, path in (("jidnsd", jidnsd_kit.plain_path()), ("jidns", program())):
            shutil.copy(path, tools / each)
        (tools / "autoreconf").write_text(AUTORECONF % (tools / "jidnsd", tools / "jidns"))
        (tools / "autoreconf").chmod(0o755)
        subprocess.run(["chown", "-R", "nobody:nogroup", folder], check=True)
        yield folder


def start(clone, space, folder, *options):
    """quickstart, once it is ready to answer; what it suggests to type."""
    environment = {"PATH": f"{clone / 'tools'}:{os.environ['PATH']}", "XDG_RUNTIME_DIR": str(clone / "run"), "HOME": str(clone)}
    argv = space.argv([*USER, "bash", clone / "contrib" / "quickstart", *options])
    process = Process("quickstart", argv, folder, environment)
    process.wait_for(lambda: "jidnsd ready" in process.stderr, "jidnsd ready", 60)
    return process, re.findall(r"^  (\S.*)", process.stdout, re.M)


def squat(space, port):
    """A socket that has the port for UDP, as avahi-daemon has 5353."""
    def take():
        taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        taken.bind(("0.0.0.0", port))
        return taken
    return space.call(take)


def test_what_it_suggests_works_as_pasted_by_an_ordinary_user_where_ports_are_taken(clone, namespaces, tmp_path):
    space = namespaces("quick")
    with squat(space, 5300), squat(space, 5353):
        process, typed = start(clone, space, tmp_path, "--upstream", "127.0.0.9")
        try:
            assert "127.0.0.1:5301 " in process.stderr
            assert len(typed) == 5 and [line.split()[-3] for line in typed[:2]] == ["5301", "5301"], typed
            for line in typed[2:]:
                said = subprocess.run(space.argv([*USER, "bash", "-c", line + (" --once" if line.split()[1] == "top" else "")]),
                                      capture_output=True, text=True, check=False, timeout=30)
                assert said.returncode == 0 and said.stdout, f"{line}\n{said}"
            lookup = subprocess.run(space.argv(["bash", "-c", typed[0]]), capture_output=True, text=True, check=False, timeout=30)
            assert "xmpp1.demo.lab" in lookup.stdout
        finally:
            assert process.stop() == 0
    assert (clone / "run").is_dir() and not list((clone / "run").iterdir())


def test_it_names_the_control_socket_that_somebody_chose(clone, namespaces, tmp_path):
    space = namespaces("quick")
    process, typed = start(clone, space, tmp_path, "--upstream", "127.0.0.9", f"--control={clone / 'mine'}")
    assert process.stop() == 0
    assert typed[-1].endswith("/mine")


def test_help_says_what_it_does_at_once_and_builds_nothing(clone):
    began = time.monotonic()
    done = subprocess.run([clone / "contrib" / "quickstart", "--upstream", "9.9.9.9", "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "first\nfree port" in done.stdout and not done.stderr
    assert time.monotonic() - began < 5
    assert not (clone / "build").exists()


@pytest.mark.parametrize("see", [True, False])
def test_a_port_that_is_taken_is_said_with_who_has_it_and_what_to_do(see, namespaces, tmp_path):
    """As the holder's user, or as one who may not look into it."""
    space = namespaces("taken")
    holder = Process("holder", space.argv(["python3", "-c", "import socket, time\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                                           "s.bind(('0.0.0.0', 5353))\nprint('held', flush=True)\ntime.sleep(60)"]), tmp_path)
    assert wait_until(lambda: "held" in holder.stdout, 10)
    argv = [jidnsd_kit.path(), "--config", "", "--listen", "127.0.0.1:5353", "--upstream", "192.0.2.1", "--control", ""]
    done = subprocess.run(space.argv((USER if not see else []) + argv), capture_output=True, text=True, check=False, timeout=20)
    holder.stop()
    assert done.returncode == 1
    who = f"python3 (process {holder.child.pid})" if see else "a program of user 0"
    assert done.stderr == (f"jidnsd: can't listen on 127.0.0.1:5353 (UDP): Address already in use by {who}; "
                           "end that, or listen elsewhere: --listen 127.0.0.1:5354\n")
