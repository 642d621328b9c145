"""What the documents tell to type works: each block of code is run, or kit/pages.py lists it with the reason why not."""

import itertools
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from kit import jidnsd as jidnsd_kit
from kit import pages
from kit.control import program

MARK = "typed-by-the-test"
PATIENCE_S = 90
STAYS = 124  # what timeout says of a command that goes on until somebody ends it
FOREVER = re.compile(r"jidns top|jidnsd --(?!check-config|print-config|health)")
NOT_FOUND_TOO = re.compile(r"jidns (check|lookup|query) ")  # 1: something is wrong with the domain, or there is nothing

# The Internet of the documents. Upstream is jidnsd with these zones, at the addresses that the documents name.
UPSTREAMS = ("192.0.2.53", "192.0.2.54", "9.9.9.9")
WORLD = """
upstream { server = "127.0.0.1:9" }
xmpp "example.org" { host "xmpp" { address = 192.0.2.14 } }
zone "lab" { file = "lab.zone" }
zone "rooms.example" { file = "rooms.zone" }
"""
FILES = {
    "world.conf": WORLD,
    "domains": "example.org\nrooms.example\n",
    "staging.zone": "_xmpp-client._tcp.example.org. SRV 0 0 5222 xmpp.example.org.\nxmpp.example.org. A 10.0.0.9\n",
    "inside.zone": "@ SOA ns hostmaster 1 3600 600 86400 300\n@ A 10.0.0.9\n",
    "outside.zone": "@ SOA ns hostmaster 1 3600 600 86400 300\n@ A 192.0.2.9\n",
    "rooms.zone": """$TTL 300
@ SOA ns hostmaster 1 3600 600 86400 300
@ NS ns
ns A 192.0.2.53
@ A 192.0.2.80
@ AAAA 2001:db8::80
_xmpp-client._tcp SRV 0 5 5222 x
_xmpp-server._tcp SRV 0 5 40269 x
x A 192.0.2.10
x AAAA 2001:db8::10
conference A 192.0.2.81
""",
    "lab.zone": """$TTL 300
@ SOA ns hostmaster 1 3600 600 86400 300
_xmpps-client._tcp.full SRV 5 0 5223 a.full
_xmpps-client._tcp.full SRV 10 0 443 b.full
_xmpp-client._tcp.full SRV 5 70 5222 b.full
_xmpp-client._tcp.full SRV 5 30 5222 a.full
full A 192.0.2.1
a.full A 192.0.2.11
a.full AAAA fd00::11
b.full A 192.0.2.12
b.full A 192.0.2.13
b.full AAAA fd00::12
_xmpp-client._tcp.bad SRV 0 0 5222 gone.bad
_xmpp-client._tcp.bad SRV 1 0 5222 www.bad
_xmpp-client._tcp.bad SRV 2 0 5222 host.invalid.
www.bad CNAME bad
bad A 192.0.2.40
_xmpp-client._tcp.no SRV 0 0 0 .
_xmpp-server._tcp.no SRV 0 0 0 .
no A 192.0.2.30
_xmpp-server._tcp.six 3600 SRV 0 0 5269 only.six
only.six 3600 AAAA 2001:db8:6::2
""",
}
SETTINGS = 'upstream { server = {"192.0.2.53", "192.0.2.54"} }\n'
# The jidnsd of the documents, and the world that it asks, which can also be asked as a lab is, on 5353 and 5300.
START = """
trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT
mount -t tmpfs none /run && mount --bind resolv.conf /etc/resolv.conf
jidnsd --config world.conf {world} --control '' --user root --allow any 2>world.log &
jidnsd --user root 2>own.log &
for log in world own; do
  timeout 20 sh -c "until grep -q 'jidnsd ready' $log.log; do sleep 0.1; done" || {{ cat $log.log; exit 1; }}
done
"""
FOR_A_MOMENT = 'mount -t tmpfs none /run && exec timeout --preserve-status 2 "$@"'
# A cold cache makes other answers than a warm one: what a page looks at was asked before.
WARM_UP = "for type in SRV A; do jidns query _xmpp-server._tcp.example.org $type; jidns query example.org $type; done >/dev/null 2>&1\n"


@pytest.fixture(name="desk")
def fixture_desk(namespaces, tmp_path):
    """run(script) as root in a folder with the programs in its PATH, in a network and a mount namespace; what it prints."""
    space = namespaces("pages")
    for address in UPSTREAMS:
        space.ip("address", "add", f"{address}/32", "dev", "lo")
    (tmp_path / "jidnsd.conf").write_text(SETTINGS)
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    for binary in (jidnsd_kit.plain_path(), program()):
        shutil.copy(binary, tmp_path)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("JIDNS")}
    environment = {**kept, "PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path), "JIDNS_CONFIG": f"{tmp_path}/jidnsd.conf"}
    world = " ".join(f"--listen {address}" for address in (*(f"{each}:53" for each in UPSTREAMS), "127.0.0.1:5353", "127.0.0.1:5300"))

    def run(script):
        argv = space.argv(["unshare", "-m", "timeout", PATIENCE_S, "bash", "-c", START.format(world=world) + WARM_UP + script])
        return subprocess.run(argv, cwd=tmp_path, env=environment, check=False, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL).stdout
    return run


def by_page(kind):
    return [pytest.param(list(found), id=page) for page, found in itertools.groupby(pages.all_blocks(kind), lambda block: block.page)]


def shape(line):
    """The line without what differs from run to run: times, TTLs that count down, columns' width."""
    line = re.sub(r"\d+(\.\d+)?(?= ms\b)|\b\d+\.\d(?= |$|\))|\b(300|299|298|3600|3599)\b|(?<=removed.:)\d+", "#", line)
    return re.sub(r"\s+", " ", line).strip()


def bash_of(line):
    """What types that line and says how it ended."""
    until = f"timeout 2 {line}" if FOREVER.match(line) else line
    if line.startswith("jidnsd ") and until != line:  # where no other listens
        until = f"unshare -n sh -c 'ip link set lo up; exec \"$@\"' sh {until}"
    return f"echo {MARK}\n{{ {until}\n}} 2>&1\necho {MARK} $?\n"


def type_all(desk, typed):
    """[(what is typed, the lines in the text, the lines now, the exit status)]"""
    heard = desk("".join(bash_of(line) for line, _ in typed)).split(f"{MARK}")[1:]
    assert len(heard) == 2 * len(typed), heard
    said_now, ends = heard[0::2], heard[1::2]
    return [(line, said, now.strip("\n").splitlines(), int(end.split()[0])) for (line, said), now, end in zip(typed, said_now, ends)]


def is_said(line, now):
    """Whether that line of the text is said; the reader may have been spared its end."""
    begun = line.rstrip().endswith("...")
    return any(each.startswith(shape(line).rstrip(". ")) if begun else each == shape(line) for each in map(shape, now))


def allowed(line):
    return {STAYS} if FOREVER.match(line) else {0, 1} if NOT_FOUND_TOO.match(line) else {0}


@pytest.mark.parametrize("blocks", by_page("commands"))
def test_the_commands_of_a_page_work_and_say_what_it_says(desk, blocks):
    wrong = []
    for line, said, now, status in type_all(desk, [each for block in blocks for each in block.typed()]):
        missing = [each for each in said or () if not is_said(each, now)]
        if status not in allowed(line) or missing:
            wrong.append(f"$ {line}\nstatus {status}; not said: {missing}\n" + "\n".join(now))
    assert not wrong, "\n\n".join(wrong)


def jidnsd_with(settings, folder, before=(), after=()):
    """How jidnsd ends with these settings, and what it says; `before` stands before its command line, `after` behind."""
    for name, text in FILES.items():
        (folder / name).write_text(text)
    (folder / "page.conf").write_text(settings)
    environment = {**{name: value for name, value in os.environ.items() if not name.startswith("JIDNS_")}, "JIDNS_USER": "root"}
    argv = [*before, jidnsd_kit.plain_path(), "--config", "page.conf", *after]
    done = subprocess.run(argv, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode, done.stdout


def assert_good(settings, folder):
    status, said = jidnsd_with(settings, folder, after=["--check-config"])
    assert status == 0 and "the settings are good" in said, said


@pytest.mark.parametrize("block", [pytest.param(block, id=block.name) for block in pages.all_blocks("settings")])
def test_settings_in_a_page_are_good(block, tmp_path):
    assert_good(block.text + "\n", tmp_path)


def manual_examples():
    """The whole files in jidnsd.conf(5)."""
    text = (pages.ROOT / "doc" / "man" / "jidnsd.conf.5.in").read_text()
    examples = re.search(r"^\.SH EXAMPLES\n(.*?)^\.SH ", text, re.M | re.S)[1]
    found = re.findall(r"^\.SS (.*?)\n.*?^\.nf\n(.*?)^\.fi$", examples, re.M | re.S)
    return [pytest.param(settings.replace("\\-", "-"), id=title) for title, settings in found]


@pytest.mark.parametrize("settings", manual_examples())
def test_an_example_of_the_manual_is_good_and_starts(settings, namespaces, tmp_path):
    assert_good(settings, tmp_path)
    space = namespaces("example")
    settings = settings.replace('"/tmp/', f'"{tmp_path}/')
    status, said = jidnsd_with(settings, tmp_path, space.argv(["unshare", "-m", "sh", "-c", FOR_A_MOMENT, "sh"]))
    assert status == 0 and "jidnsd ready" in said, said


def test_the_manual_has_an_example_for_each_kind_of_operator():
    assert [each.id for each in manual_examples()] == ["An XMPP server", "Split DNS", "A sidecar in a container", "A lab"]


@pytest.mark.parametrize("blocks", by_page("python"))
def test_programs_in_a_page_run(desk, blocks):
    for block in blocks:
        typed = [(f"/usr/bin/python3 - <<'END'\n{block.text}\nEND", None)]
        for line, _, now, status in type_all(desk, typed):
            assert status == 0 and now, (line, now)


def test_no_block_is_neither_run_nor_listed():
    assert [(block.name, block.first) for block in pages.all_blocks("unknown")] == []


def test_each_listed_block_is_there_and_each_test_that_is_named_exists():
    blocks = [block for path in pages.PAGES for block in pages.blocks(path)]
    here = pathlib.Path(__file__).parent
    for page, listed in pages.LISTED.items():
        for start, reason in listed.items() if (pages.ROOT / page).is_file() else ():
            assert any(block.page == page and block.first.startswith(start) for block in blocks), (page, start)
            for name in re.findall(r"\btest_\w+\.py", reason):
                assert (here / name).is_file() or (here.parent / "boot" / name).is_file(), (page, name)


def test_blocks_are_found_and_told_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    (tmp_path / "x.md").write_text("""# X

    jidns status \\
      --json

- item

      cache { size = 4M }

  text of the item
      and not a block

```
$ systemctl stop jidnsd
done
```
""")
    found = pages.blocks(tmp_path / "x.md")
    assert [(block.number, block.kind()) for block in found] == [(3, "commands"), (8, "settings"), (13, "boot")]
    assert found[0].typed() == [("jidns status    --json", None)] and found[2].typed() == [("systemctl stop jidnsd", ["done"])]
