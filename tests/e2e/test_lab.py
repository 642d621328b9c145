"""The scenarios of contrib/lab, each with its own run."""

import os
import pathlib
import subprocess

import pytest

from kit import jidnsd as jidnsd_kit
from kit import netns
from kit.control import program

LAB = pathlib.Path(__file__).resolve().parents[2] / "contrib" / "lab"
SCENARIOS = sorted(path.parent.name for path in LAB.glob("*/run"))
PATIENCE_S = 150


def test_there_are_thirteen_and_each_is_in_the_readme():
    readme = (LAB / "README.md").read_text()
    assert len(SCENARIOS) == 13
    for name in SCENARIOS:
        assert f"| [{name}]({name}) |" in readme and (LAB / name / "README.md").is_file()


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_scenario_proves_what_it_says(scenario):
    reason = netns.why_not()
    if reason:
        pytest.skip(reason)
    done = subprocess.run([str(LAB / scenario / "run")], capture_output=True, text=True, timeout=PATIENCE_S, check=False,
                          env={**os.environ, "JIDNSD": jidnsd_kit.path(), "JIDNS": program()})
    assert done.returncode == 0, done.stdout[-20000:] + done.stderr
    assert done.stdout == f"ok {scenario}\n"
