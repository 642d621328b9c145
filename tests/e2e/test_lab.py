"""The scenarios of contrib/lab, each with its own run."""

import os
import pathlib
import shutil
import signal
import subprocess

import pytest

from kit import jidnsd as jidnsd_kit
from kit import netns
from kit.control import program
from kit.proc import wait_until

LAB = pathlib.Path(__file__).resolve().parents[2] / "contrib" / "lab"
SCENARIOS = sorted(path.parent.name for path in LAB.glob("*/run"))
PATIENCE_S = 150


def test_there_are_thirteen_and_each_is_in_the_readme():
    readme = (LAB / "README.md").read_text()
    assert len(SCENARIOS) == 13
    for name in SCENARIOS:
        assert f"| [{name}]({name}) |" in readme and (LAB / name / "README.md").is_file()


def need_namespaces():
    reason = netns.why_not()
    if reason:
        pytest.skip(reason)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_scenario_proves_what_it_says(scenario):
    need_namespaces()
    done = subprocess.run([str(LAB / scenario / "run")], capture_output=True, text=True, timeout=PATIENCE_S, check=False,
                          env={**os.environ, "JIDNSD": jidnsd_kit.path(), "JIDNS": program()})
    assert done.returncode == 0, done.stdout[-20000:] + done.stderr
    assert done.stdout == f"ok {scenario}\n"


def environment(tmp_path, **more):
    """No program is named, and none is in the PATH but what is in tmp_path."""
    names = {name: value for name, value in os.environ.items() if name not in ("JIDNSD", "JIDNS", "JIDNSD_PLAIN")}
    return {**names, "PATH": f"{tmp_path}:/usr/bin:/bin:/sbin", **more}


def tree(tmp_path):
    """What a scenario needs of the source tree, without any build."""
    copy = tmp_path / "tree"
    shutil.copytree(LAB, copy / "contrib" / "lab")
    shutil.copytree(LAB.parents[1] / "tests" / "e2e" / "kit", copy / "tests" / "e2e" / "kit")
    return copy


def give_programs(folder):
    folder.mkdir(parents=True)
    for name, path in (("jidnsd", jidnsd_kit.plain_path()), ("jidns", program())):
        (folder / name).symlink_to(path)


def run_lab(copy, tmp_path, *words, **more):
    return subprocess.run([copy / "contrib/lab/run", *words], capture_output=True, text=True, timeout=PATIENCE_S, check=False,
                          env=environment(tmp_path, **more))


def test_without_a_program_it_says_in_one_line_what_to_do(tmp_path):
    need_namespaces()
    if any(shutil.which("jidnsd", path=folder) for folder in ("/usr/sbin", "/usr/local/sbin", "/usr/bin")):
        pytest.skip("one is installed")
    done = run_lab(tree(tmp_path), tmp_path, "plain", "slow")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == ("contrib/lab: no jidnsd: build it (contrib/quickstart, or configure and make), install it, "
                           "or name it: JIDNSD=/path/to/jidnsd\n")
    done = run_lab(tree(tmp_path / "b"), tmp_path, "plain", JIDNSD="/nowhere/jidnsd")
    assert done.stderr == "contrib/lab: JIDNSD=/nowhere/jidnsd: no such program\n"


@pytest.mark.parametrize("words, said", [
    (["--hold"], "--hold needs the name of one scenario, as in contrib/lab/run --hold plain"),
    (["--hold", "plain", "slow"], "--hold needs the name of one scenario, as in contrib/lab/run --hold plain"),
    (["--hodl"], "--hodl is no option; see contrib/lab/run --help"),
    (["plane"], "there is no scenario 'plane'; there are: cname-target dead-first "),
])
def test_wrong_words_are_said_in_one_line(words, said, tmp_path):
    done = run_lab(LAB.parents[1], tmp_path, *words)
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.startswith(f"contrib/lab/run: {said}") and done.stderr.count("\n") == 1


def test_a_held_scenario_can_be_entered_as_it_says_and_ends_cleanly_at_ctrl_c(tmp_path):
    """After quickstart, whose build it finds."""
    need_namespaces()
    copy = tree(tmp_path)
    give_programs(copy / "build/quickstart/objects/src")
    with open(tmp_path / "said", "w+", encoding="utf-8") as said:
        lab = subprocess.Popen([copy / "contrib/lab/run", "--hold", "plain"], stdout=said, stderr=subprocess.STDOUT,
                               env=environment(tmp_path), process_group=0)
        try:
            text = lambda: (tmp_path / "said").read_text()  # noqa: E731
            assert wait_until(lambda: "Ctrl-C" in text() or lab.poll() is not None, PATIENCE_S) and lab.poll() is None, text()
            typed = [line.strip() for line in text().splitlines() if line.startswith("  ")]
            assert len(typed) == 7, text()
            for line in typed[:5]:
                done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False, timeout=30)
                assert done.returncode <= (" lookup " in line), f"{line}\n{done}"  # it has no SRV records
            inside = subprocess.run(["bash", "-c", typed[5]], input="getent ahosts capulet.lab; cat /etc/resolv.conf\n",
                                    capture_output=True, text=True, check=False, timeout=30)
            assert "192.0.2.2 " in inside.stdout and "nameserver 192.0.2." in inside.stdout, inside
        finally:
            os.killpg(lab.pid, signal.SIGINT)  # as a terminal does
            status = lab.wait(30)
    assert status == 0 and text().endswith("ok plain\n1 passed, 0 failed\n"), text()
    assert not [each for each in os.listdir("/run/netns") if f"-{lab.pid}-" in each]
