"""The Debian packages in JIDNS_PACKAGES, installed, upgraded, removed and purged under a real systemd."""

import os
import pathlib
import re
import subprocess

import pytest
from conftest import LAB, Service
from machine import Machine

FOLDER = os.environ.get("JIDNS_PACKAGES")
WHOLE = bool(os.environ.get("E2E_ALL"))  # else the cases that differ most
SETTINGS = "/etc/jidns/jidnsd.conf"
RESOLV_CONF = "nameserver 192.0.2.53\n"
PAGE = pathlib.Path(__file__).resolve().parents[2] / "doc" / "install.md"
CHAT = "chat.start.lab"
JOURNAL = "/var/lib/jidns-host/journal"
ENVIRONMENT_FILE = "/etc/default/jidnsd"
SOCKET_LINK = "/etc/systemd/system/sockets.target.wants/jidnsd.socket"
DROP_IN = "/run/systemd/system/jidnsd.service.d/test.conf"
NAMES = ["jidns", "jidns-tools"]
# What Debian itself writes while anything is installed, or at any time.
NOT_OURS = ["/proc", "/sys", "/dev", "/run", "/tmp", "/srv", "/var/log", "/var/lib/dpkg", "/var/cache", "/var/lib/systemd/timers",
            "/var/lib/systemd/random-seed"]

pytestmark = pytest.mark.skipif(not FOLDER, reason="JIDNS_PACKAGES names no folder of packages (contrib/packages makes them)")


def later_version(package, folder):
    """The same package with a version of its own."""
    tree = folder / package.stem
    subprocess.run(["dpkg-deb", "-R", package, tree], check=True)
    control = tree / "DEBIAN" / "control"
    text = control.read_text(encoding="utf-8")
    control.write_text(re.sub(r"^(Version: [\d.]+)", r"\1+test", text, flags=re.M), encoding="utf-8")
    made = folder / f"{package.name.split('_')[0]}_later.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "-b", tree, made], check=True, stdout=subprocess.DEVNULL)
    return made


class Host(Service):
    """A machine with systemd on which packages are installed."""

    def set(self, text, mode=0o644):
        self.machine.write(SETTINGS, text)
        os.chmod(self.machine.path(SETTINGS), mode)

    def dpkg(self, *argv):
        done = self.machine.run("env", "DEBIAN_FRONTEND=noninteractive", "dpkg", *argv)
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def install(self, which="first"):
        return self.dpkg("-i", *(f"/srv/{which}/{name}.deb" for name in NAMES))

    def unit(self, text):
        """A drop-in of the service."""
        self.machine.write(DROP_IN, "[Service]\n" + text)
        self.systemctl("daemon-reload")

    def hold_sockets(self):
        self.systemctl("stop", "jidnsd")
        done = self.systemctl("enable", "--now", "jidnsd.socket")
        assert done.returncode == 0, done.stderr

    def take_over(self):
        """The machine asks jidnsd, which answers by itself: no provider is needed."""
        self.set(LAB)
        self.systemctl("reload", "jidnsd")
        done = self.machine.run("jidns", "host", "enable", "--yes", "--name", CHAT)
        assert done.returncode == 0, done.stdout + done.stderr
        assert self.resolv_conf() != RESOLV_CONF and self.machine.path(JOURNAL).exists()

    def resolv_conf(self):
        return self.machine.path("/etc/resolv.conf").read_text(encoding="utf-8")

    def version(self):
        return self.machine.run("dpkg-query", "-W", "-f", "${Version}", "jidns").stdout

    def pid(self):
        return int(self.show("MainPID"))

    def is_running(self):
        return self.show("ActiveState") == "active" and self.answers("localhost")

    def files(self):
        unlike = [word for path in NOT_OURS for word in ("-path", path, "-prune", "-o")]
        return set(self.machine.run("find", "/", "-xdev", *unlike, "-print").stdout.splitlines())

    def accounts(self):
        return self.machine.run("getent", "passwd").stdout + self.machine.run("getent", "group").stdout


@pytest.fixture(name="boot", scope="module")
def fixture_boot(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packages")
    files = []
    for name in NAMES:
        package, = pathlib.Path(FOLDER).glob(f"{name}_*.deb")
        files += [(package, f"/srv/first/{name}.deb"), (later_version(package, folder), f"/srv/later/{name}.deb")]
    made = Machine(os.environ["JIDNS_BOOT_ROOT"], folder, files)

    # As on a machine that is no root to build in: services start, documents are installed. No index of manual pages, which takes time.
    for name in "/usr/sbin/policy-rc.d", "/etc/dpkg/dpkg.cfg.d/no-documents", "/var/lib/man-db/auto-update":
        made.path(name).unlink(missing_ok=True)
    made.path("/var/lib/private").mkdir(mode=0o700, exist_ok=True)
    made.write("/etc/resolv.conf", RESOLV_CONF)
    yield made
    made.close()


@pytest.fixture(name="host")
def fixture_host(boot):
    """As it was before; purged afterwards."""
    made = Host(boot)
    yield made
    for name in DROP_IN, ENVIRONMENT_FILE:
        made.machine.path(name).unlink(missing_ok=True)
    made.systemctl("daemon-reload")
    made.dpkg("--purge", *NAMES)


# ---- installed ----

def test_installed_it_serves_at_once_and_after_each_boot_and_users_have_the_tools(host):
    host.install()
    assert host.is_running(), host.journal()
    assert host.systemctl("is-enabled", "jidnsd").stdout.strip() == "enabled"
    assert host.systemctl("is-enabled", "jidnsd.socket").stdout.strip() != "enabled"
    assert host.dpkg("--verify", *NAMES).stdout == ""

    user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    for argv in ["jidns", "--version"], ["jidns", "query", "--server", "127.0.0.1", "localhost", "A"]:
        done = host.machine.run(*user, *argv)
        assert done.returncode == 0, done.stderr


def test_the_tools_need_no_daemon(host):
    host.dpkg("-i", "/srv/first/jidns-tools.deb")
    assert host.machine.run("jidns", "--version").returncode == 0
    assert host.machine.path("/usr/share/man/man1/jidns.1.gz").exists()
    assert not host.machine.path("/usr/sbin/jidnsd").exists()


def typed(page):
    """The commands that it shows, of those that need nothing but the packages, nor somebody who says yes."""
    lines = re.findall(r"^ {4}(\S.*)$", page.read_text(encoding="utf-8"), flags=re.M)
    return [line for line in lines if re.match(r"(jidns|jidnsd|systemctl|journalctl) ", line) and not re.search(" disable | host enable", line)]


def test_what_the_page_says_to_type_works(host):
    host.install()
    commands = typed(PAGE)
    assert len(commands) > 8
    for line in commands:
        done = host.machine.run("bash", "-c", line)
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"


# ---- upgraded ----

def test_an_upgrade_keeps_the_settings_and_restarts(host):
    host.install()
    host.set(LAB)
    host.systemctl("reload", "jidnsd")
    before, version = host.pid(), host.version()
    host.install("later")
    assert host.version() == version.replace("-", "+test-")
    assert host.machine.path(SETTINGS).read_text(encoding="utf-8") == LAB
    assert host.is_running() and host.answers(CHAT) and host.pid() != before, host.journal()


def test_an_upgrade_with_wrong_settings_keeps_the_old_daemon_and_says_so(host):
    host.install()
    host.set(LAB)
    host.systemctl("reload", "jidnsd")
    before = host.pid()
    for text, mode, complaint in [("no-such-key = 1\n", 0o644, f"{SETTINGS}:1: "), ('zone "a.lab" { file = /no/such/zone }\n', 0o644, "/no/such/zone"),
                                  (LAB, 0o600, "Permission denied")]:
        host.set(text, mode)
        said = host.install("later").stderr
        assert complaint in said and "systemctl restart jidnsd" in said, said
        assert host.is_running() and host.answers(CHAT) and host.pid() == before, host.journal()


WRONG_UNITS = {
    "a variable": ("Environment=JIDNS_THREADS=many", "", "JIDNS_THREADS"),
    "an argument": ("ExecStart=\nExecStart=/usr/sbin/jidnsd --threads=many", "", "many"),
    "a file of settings": ("ExecStart=\nExecStart=/usr/sbin/jidnsd --config /etc/jidns/none.conf", "", "/etc/jidns/none.conf"),
    "quotes": ("ExecStart=\nExecStart=/usr/sbin/jidnsd --listen '127.0.0.1'", "", "ExecStart="),
    "another program": ("ExecStart=\nExecStart=/usr/bin/env JIDNS_THREADS=1 /usr/sbin/jidnsd", "", "ExecStart="),
    "a file of variables": (f"EnvironmentFile={ENVIRONMENT_FILE}", "# workers\nJIDNS_THREADS=many\n", "JIDNS_THREADS"),
    "a file that needs more": (f"EnvironmentFile={ENVIRONMENT_FILE}", "JIDNS_THREADS=1\\\n2\n", f"EnvironmentFile={ENVIRONMENT_FILE}"),
}


def some(units, *names):
    return pytest.mark.parametrize("unit", [pytest.param(units[name], id=name) for name in (units if WHOLE else names)])


@some(WRONG_UNITS, "an argument", "a file of variables")
def test_an_upgrade_with_a_unit_that_it_does_not_accept_or_understand_keeps_the_old_daemon(host, unit):
    text, variables, complaint = unit
    host.install()
    before = host.pid()
    host.machine.write(ENVIRONMENT_FILE, variables)
    host.unit(text + "\n")
    said = host.install("later").stderr
    assert complaint in said and "The old jidnsd keeps running" in said, said
    assert host.is_running() and host.pid() == before, host.journal()


RIGHT_UNITS = {
    "variables": ('Environment="JIDNS_FORWARD=a.lab=192.0.2.1 b.lab=192.0.2.2" "OTHER=/*\\\\ \u00e9"', None),
    "arguments": ("ExecStart=\nExecStart=/usr/sbin/jidnsd --config /etc/jidns/jidnsd.conf --listen 127.0.0.1 --listen [::1]:53", None),
    "a file of variables": (f"EnvironmentFile={ENVIRONMENT_FILE}", '# more\n\n; and more\nJIDNS_FORWARD="a.lab=192.0.2.1 b.lab=192.0.2.2"'),
    "no file of variables": (f"EnvironmentFile=-{ENVIRONMENT_FILE}", None),
}


@some(RIGHT_UNITS, "a file of variables")
def test_an_upgrade_with_a_changed_unit_restarts(host, unit):
    text, variables = unit
    host.install()
    before = host.pid()
    if variables:
        host.machine.write(ENVIRONMENT_FILE, variables)
    host.unit(text + "\n")
    said = host.install("later").stderr
    assert "restart" not in said, said
    assert host.is_running() and host.pid() != before, host.journal()


def test_an_upgrade_does_not_start_a_service_that_is_disabled(host):
    host.install()
    host.systemctl("disable", "--now", "jidnsd")
    host.install("later")
    assert host.show("ActiveState") == "inactive"
    assert host.systemctl("is-enabled", "jidnsd").stdout.strip() == "disabled"


# ---- removed, purged ----

def test_removed_it_ends_and_keeps_the_settings_for_the_next_time(host):
    host.install()
    host.set(LAB)
    host.dpkg("--remove", *NAMES)
    assert host.show("LoadState") == "not-found" and not host.machine.path("/usr/sbin/jidnsd").exists()
    assert "jidnsd" not in host.systemctl("--failed", "--plain", "--no-legend").stdout
    assert host.machine.path(SETTINGS).read_text(encoding="utf-8") == LAB
    host.install()
    assert host.is_running() and host.answers(CHAT), host.journal()

    # Where it was the machine's only DNS server, the removal says so.
    host.machine.write("/etc/resolv.conf", "nameserver 127.0.0.1\n")
    try:
        assert "/etc/resolv.conf" in host.dpkg("--remove", "jidns").stderr
    finally:
        host.machine.write("/etc/resolv.conf", RESOLV_CONF)


def test_removed_or_purged_its_sockets_are_closed_and_start_nothing(host):
    host.install()
    for how in "--remove", "--purge":
        host.hold_sockets()
        assert host.answers("localhost") and host.systemctl("is-active", "jidnsd.socket").stdout == "active\n"
        host.dpkg(how, *NAMES)
        for unit in "jidnsd.socket", "jidnsd.service":
            assert host.systemctl("is-active", unit).stdout == "inactive\n"
        assert "127.0.0.1:53 " not in host.machine.run("ss", "-Hlntu").stdout
        assert "jidnsd" not in host.systemctl("--failed", "--plain", "--no-legend").stdout
        assert how == "--remove" or not os.path.lexists(host.machine.path(SOCKET_LINK))
        host.install()
        assert host.systemctl("is-active", "jidnsd.socket").stdout == "inactive\n" or how == "--remove"


@pytest.mark.parametrize("names", [NAMES, ["jidns"], ["jidns-tools"]], ids=" ".join)
def test_removed_from_a_machine_that_asks_it_the_old_servers_come_back(host, names):
    host.install()
    host.take_over()
    host.dpkg("--remove", *names)
    assert host.resolv_conf() == RESOLV_CONF
    assert not host.machine.path(JOURNAL).parent.exists()


def test_removed_where_the_old_servers_can_not_come_back_it_says_what_to_do(host):
    host.install()
    host.take_over()
    before = host.machine.path(JOURNAL).read_bytes()
    host.machine.path(JOURNAL).write_bytes(b"jidns host 1\nwhat\n")
    said = host.dpkg("--remove", "jidns-tools").stderr
    assert "jidns-tools: " in said and "run: jidns host disable" in said, said

    # The tools are gone, the daemon goes.
    host.machine.path(JOURNAL).write_bytes(before)
    said = host.dpkg("--remove", "jidns").stderr
    assert "install jidns-tools, then run: jidns host disable" in said, said
    host.dpkg("-i", "/srv/first/jidns-tools.deb")
    assert host.machine.run("jidns", "host", "disable").returncode == 0
    assert host.resolv_conf() == RESOLV_CONF


def test_purged_it_leaves_no_trace(host):
    before, accounts = host.files(), host.accounts()
    host.install()
    host.set(LAB)
    host.systemctl("restart", "jidnsd")
    assert host.is_running() and host.machine.path("/var/lib/private/jidns").exists()
    host.take_over()
    host.hold_sockets()
    host.dpkg("--purge", *NAMES)
    assert sorted(host.files() - before) == []
    assert host.accounts() == accounts
