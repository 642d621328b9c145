"""Pages of doc/records: what one run has shown, when and where."""

import datetime
import os
import pathlib

RECORDS = pathlib.Path(__file__).resolve().parents[3] / "doc" / "records"


def debian():
    try:
        lines = pathlib.Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    except OSError:
        return "unknown system"
    return next((line.split("=")[1].strip('"') for line in lines if line.startswith("PRETTY_NAME=")), "unknown system")


def conditions(today=None):
    """The line that says when and where: times mean nothing without it."""
    today = today or datetime.date.today()
    return f"Recorded {today}, {debian()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}."


def page(title, made_by, body, when_and_where):
    return f"# {title}\n\nMade by `{made_by}`.\n{when_and_where}\n\n{body.rstrip()}\n"


def write(name, title, made_by, body):
    """Puts the page in place of the last run's; returns its path."""
    path = RECORDS / f"{name}.md"
    path.write_text(page(title, made_by, body, conditions()), encoding="utf-8")
    return path
