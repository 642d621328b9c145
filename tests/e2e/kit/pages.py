"""The blocks of code in the documents, and what becomes of each: run by a test, or listed here with the reason why not.

A block is settings, a session or commands. Settings are checked. In a session the lines after a prompt are typed, and the others are
what is said then. Of commands each line is typed. Those that need a booted systemd are typed in one (tests/boot), all others in a
network and a mount namespace where a jidnsd runs that has a small world to ask (tests/e2e/test_pages.py)."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[3]
PAGES = [ROOT / name for name in ("README.md", "HACKING.md", "SECURITY.md")] + sorted((ROOT / "doc").glob("*.md")) \
    + sorted((ROOT / "contrib").glob("*/README.md"))

SHOWN = "no command: a picture, a format, an excerpt of a source, or the output of a block that is run"
OF_OTHERS = "settings of another program"
BY_PACKAGES = "contrib/check builds the packages, and installs, upgrades and purges them in roots of their own"
IN_CONTAINERS = "test_container.py builds the image and runs it with podman"
BY_CHECK = "contrib/check does this, and more, whenever it runs"
CAPTURED = "test_dnstap.py types this page's commands, with its own files"
BY_LAB = "run by test_doc.py, from the section's first block to its last"

# page: {the first line of a block: the reason why it is not run here}. A reason may name the test that does.
LISTED = {
    "README.md": {
        "contrib/quickstart": "installs packages and stays in the foreground",
        "contrib/check": "is what runs this test",
        "contrib/packages": BY_PACKAGES,
        "unbound = {": OF_OTHERS,
        "{lookup, [": OF_OTHERS,
    },
    "HACKING.md": {"JIDNSD=$PWD/src/jidnsd": BY_CHECK},
    "doc/architecture.md": {"clients (UDP, TCP)": SHOWN, "client          server": SHOWN},
    "doc/cache.md": {"entry:  0": SHOWN},
    "doc/containers.md": {
        "$ podman": IN_CONTAINERS,
        "$ docker compose": "test_container.py reads the file; compose itself is not in Debian 12's podman",
        "$ kubectl": "test_container.py checks the file against the schema; there is no cluster",
        "JIDNS_SETTINGS:": IN_CONTAINERS,
    },
    "doc/dane.md": {"_xmpp-server._tcp.example.org.": SHOWN},
    "doc/dnssec.md": {
        "dig @9.9.9.9": "delv validates by the Internet's keys; test_dnssec.py has it, with a signed world",
        "options trust-ad": "a line of resolv.conf",
    },
    "doc/dnstap.md": {
        "fstrm_capture": CAPTURED,
        "dnstap-ldns": CAPTURED,
    },
    "doc/encryption.md": {
        "openssl s_client": "asks a server of the Internet; test_encryption.py has pins",
        "frontend": OF_OTHERS,
    },
    "doc/fleet.md": {
        "install -d -m 750": "wants a group jidns; test_fleet.py makes such a file",
        "shared {": "names an address of documentation; test_fleet.py has engines on loopback",
        "fleet   redis://": SHOWN,
        'forward "corp.example"': "test_fleet.c has routes that are shared",
        "ACL SETUSER": "test_fleet.py has these rights, with Redis's own ACL",
        "maxmemory": OF_OTHERS,
        "# contrib/container/fleet-secrets": IN_CONTAINERS,
        "# docker compose": IN_CONTAINERS,
        "$ contrib/container/fleet-secrets": IN_CONTAINERS,
    },
    "doc/install.md": {
        "contrib/packages": BY_PACKAGES,
        "apt install": BY_PACKAGES,
        "jidns host enable": "test_host.py has it, with every manager of resolv.conf",
        "apt remove": BY_PACKAGES,
        "./configure --prefix": "test_install.py installs in a folder of its own",
        "jidns host disable": "test_install.py uninstalls what it has installed",
    },
    "doc/metrics.md": {"ssh -L": "wants another host"},
    "doc/resolv-conf.md": {"nameserver 127.0.0.1": "lines of resolv.conf; test_host.py writes them"},
    "doc/jidns.md": {
        "jidns lookup [OPTIONS]": SHOWN,
        "Host-meta": SHOWN,
        "$ jidns check --connect": "test_check_connect.py has servers to connect to",
    },
    "doc/lab.md": {
        'listen { address = "127.0.0.1:53': BY_LAB,
        "$ dig @127.0.0.1 -p 53": BY_LAB,
        "$ echo 'nameserver": "opens a shell; test_pages.py makes such a namespace for all that it types",
        "$ jidns fault add 'name=*.lab serv-fail'": "wrong on purpose",
        "$ cat capulet.lab.zone": "test_zone.py loads such files; this one is shown by cat",
        "jidnsd: capulet.lab.zone:5": SHOWN,
        "$ cat keys/trust-anchors": BY_LAB,
        "server:": BY_LAB,
        "openssl x509": "wants a certificate; test_doc.py types it where there is one",
        "$ jidns fault add 'name=xmpp.montague": BY_LAB,
        "; staging: the real": "a zone file; test_zone.py has overlays",
        "$ jidns fault add 'name=_xmpp-server": "test_fault.py has these commands, with answers to count",
        "for server in capulet:2": BY_LAB,
        "$ alias ping=": BY_LAB,
        "$ export JIDNS_CONTROL": BY_LAB,
        "$ jidns fault clear": BY_LAB,
    },
    "doc/operating.md": {
        "systemctl edit jidnsd": "opens an editor",
        "[Service]": "test_unit.py has such a drop-in",
        "server at ::1": SHOWN,
    },
    "doc/performance.md": {"valgrind --tool=callgrind": "tests/bench/guard runs it; takes minutes"},
    "doc/recipes.md": {'{"max-stale"': SHOWN},
    "doc/snapshot.md": {'head    "jidnscache"': SHOWN},
    "doc/testing.md": {"JIDNSD=$PWD/src/jidnsd": BY_CHECK},
    "doc/walk.md": {"_xmpp-server._tcp": SHOWN, "server at ::1": SHOWN},
    "doc/xmpp.md": {"forward: _xmpps-server": "lines of the log, in a world of their own", "warn forward:": SHOWN},
    "contrib/grafana/README.md": {"rule_files:": "test_grafana.py reads these settings of Prometheus"},
    "contrib/lab/README.md": {"sudo contrib/lab/run": "test_lab.py runs each scenario"},
}

SECTIONS = "listen|upstream|forward|dnssec|zone|xmpp|access|server|cache|dnstap|fault|log|control|metrics"
SETTINGS = re.compile(rf'({SECTIONS})( "[^"]*")? *{{')
HARMLESS = re.compile(r"(jidns|jidnsd|dig|nstat|printf) ")  # nothing else is run as root, whatever a page says
NEEDS_SYSTEMD = re.compile(r"(\$ )?(systemctl|journalctl|useradd) ", re.M)


class Block:
    def __init__(self, page, number, lines):
        self.page, self.number, self.text = page, number, "\n".join(lines)
        self.first = next((line.strip() for line in lines if line.strip()), "")

    @property
    def name(self):
        return f"{self.page}:{self.number}"

    def reason(self):
        """Why it is not run, or None."""
        return next((why for start, why in LISTED.get(self.page, {}).items() if self.first.startswith(start)), None)

    def kind(self):
        if self.reason():
            return "listed"
        if SETTINGS.match(self.first):
            return "settings"
        if self.first.startswith("import "):
            return "python"
        if NEEDS_SYSTEMD.search(self.text):
            return "boot"
        return "commands" if all(HARMLESS.match(line) for line, _ in self.typed()) else "unknown"

    def typed(self):
        """[(what is typed, the lines that are said)]"""
        lines = self.text.replace("\\\n", " ").splitlines()
        if not self.first.startswith("$ "):
            return [(line, None) for line in lines if line.strip() and not line.startswith("#")]
        found = []
        for line in lines:
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
        return found


def blocks(path):
    """The fenced and the indented blocks of a page. What is indented below an item of a list is the item's text, unless by four more."""
    lines, found, at, margin, after_blank = path.read_text(encoding="utf-8").splitlines(), [], 0, 0, True
    page = str(path.relative_to(ROOT))
    while at < len(lines):
        line, begin = lines[at], at + 1
        fence = re.match(r" *(```+|~~~+)", line)
        if fence:
            end = next(i for i in range(at + 1, len(lines)) if lines[i].strip() == fence[1])
            found.append(Block(page, begin, lines[at + 1:end]))
            at = end
        elif item := re.match(r" *([-*]|\d+\.) +(?=\S)", line):
            margin = item.end()
        elif line.strip() and not line.startswith(" "):
            margin = 0
        elif line.startswith(" " * (margin + 4)) and after_blank:
            end = next((i for i in range(at, len(lines)) if lines[i].strip() and not lines[i].startswith(" " * (margin + 4))), len(lines))
            found.append(Block(page, begin, [each[margin + 4:] for each in "\n".join(lines[at:end]).rstrip().split("\n")]))
            at = end - 1
        after_blank = not lines[at].strip()
        at += 1
    return found


def all_blocks(kind):
    return [block for path in PAGES for block in blocks(path) if block.kind() == kind]
