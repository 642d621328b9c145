"""doc/troubleshooting.md explains all that jidnsd may complain of: each line that its source can log as a warning or an error, or say
when it starts, each exit status, and each extended DNS error."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = (ROOT / "doc" / "troubleshooting.md").read_text()
DAEMON = [path for path in sorted((ROOT / "src").rglob("*.c")) if "tool" not in path.relative_to(ROOT / "src").parts]
STRING = r'"(?:[^"\\]|\\.)*"'
CALL = re.compile(rf"""(?: log_(?:warn|error)\(\s*"\w+" | log_line\([^;"]*(?:LOG_WARN|LOG_ERROR)[^;"]*"\w+" | fputs\( | fprintf\(\s*(?:\w+->)?err )
                       ,?\s*((?:{STRING}\s*)+)""", re.X)
CONVERSION = re.compile(r"%[-0-9.*]*(?:hh|h|ll|l|z|j)?[a-zA-Z]")


def lines_in(source):
    """The formats of the lines that the C source says to whoever runs jidnsd."""
    for call in CALL.finditer(source):
        text = "".join(string[1:-1] for string in re.findall(STRING, call[1])).replace('\\"', '"').replace("\\n", "")
        said_at_start = call[0].startswith(("fp", "fputs"))
        if not said_at_start:
            yield text
        elif text.startswith("jidnsd: "):
            yield re.sub(r"^jidnsd: (warning: )?", "", text)


def all_lines():
    return [(path.relative_to(ROOT), line) for path in DAEMON for line in lines_in(path.read_text())]


def explained(page):
    """The pieces of code of the page, and with them the lines it explains."""
    return [re.sub(r"\s+", " ", code) for code in re.findall(r"(?<!`)`([^`]+)`(?!`)", page)]


def pattern(line):
    """What fits the line with whatever in place of what differs."""
    return re.compile(".*".join(re.escape(part) for part in CONVERSION.split(line)))


def is_explained(line, page):
    words = CONVERSION.sub("", line)
    begun = re.search(r"(: |'|\()$", line)  # the rest is said by other calls
    fits = pattern(line).match if begun else pattern(line).fullmatch
    return not re.search(r"[a-z]{2}", words) or any(fits(code) for code in explained(page))


def table(name, macro):
    """The rows of a .def file, as lists of their strings and words."""
    text = (ROOT / "src" / name).read_text()
    return [re.findall(rf"{STRING}|[\w-]+", row) for row in re.findall(rf"^{macro}\((.*)\)$", text, re.M)]


def section(title):
    return re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S)[1]


def test_the_collector_finds_what_is_logged_and_nothing_else():
    source = """
    if (x) log_warn("ops", "%s: cannot \\"be\\"", a);
    log_error(
        "daemon",
        "one line "
        "in %u pieces", n);
    log_info("ops", "nothing to worry about");
    log_line(bad ? LOG_WARN : LOG_INFO, "ops", "perhaps: %s", why);
    fprintf(err, "jidnsd: warning: --%s: hm\\n", option);
    fprintf(out, "jidnsd: not this\\n");
    """
    assert list(lines_in(source)) == ['%s: cannot "be"', "one line in %u pieces", "perhaps: %s", "--%s: hm"]
    assert not is_explained("no such %s here", "the line `no such thing there`") and is_explained("no such %s here", "`no such\nthing here`")


def test_every_line_is_explained():
    lines = all_lines()
    assert len(lines) > 50
    assert not [f"{path}: {line}" for path, line in lines if not is_explained(line, PAGE)]


def test_every_weakness_of_a_server_that_is_logged_is_explained():
    quiet = re.search(r"static bool is_harmless.*?\n}", (ROOT / "src" / "upstream" / "ns.c").read_text(), re.S)[0]
    missing = [row[2] for row in table("upstream/capability.def", "WHY")
               if f"WHY_{row[0]}" not in quiet and f"SERVER {row[2][1:-1]}" not in explained(PAGE)]
    assert not missing


def test_every_failure_of_a_question_is_explained():
    missing = [row for row in table("base/err.def", "ERR") if row[0] != "NONE" and row[3][1:-1] not in explained(section("Why a question failed"))]
    assert not missing


def test_every_extended_error_is_explained():
    codes = {int(code) for code in re.findall(r"\bEDE_\w+ = (\d+)", (ROOT / "src" / "dns" / "dns.h").read_text())}
    codes |= {int(row[2]) for row in table("base/err.def", "ERR")}
    listed = {int(code) for code in re.findall(r"^\| (\d+) ", section("Extended DNS errors"), re.M)}
    assert listed == codes


def exit_statuses():
    """{program: the statuses that its source can end with}."""
    daemon = (ROOT / "src" / "jidnsd.c").read_text()
    tool = (ROOT / "src" / "tool" / "cli.h").read_text()
    of_daemon = {0, 1} | {int(n) for n in re.findall(r"EXIT_WRONG_SETTINGS = (\d+)", daemon)}
    return {"jidnsd": of_daemon, "jidnsd --health": of_daemon,
            "jidns": {int(n) for n in re.findall(r"\bCLI_(?:FOUND|NOT_FOUND|USAGE|NO_ANSWER|TROUBLE) = (\d+)", tool)}}


def test_every_exit_status_is_explained():
    for program, statuses in exit_statuses().items():
        part = re.search(rf"^### {program}\n(.*?)(?=^#|\Z)", section("Exit statuses"), re.M | re.S)[1]
        assert {int(n) for n in re.findall(r"^\| (\d+) ", part, re.M)} == statuses, program
