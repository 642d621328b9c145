"""What the scenarios beside this folder stand on: a network of namespaces with one jidnsd, which serves the scenario's zone, and
XMPP servers and clients around it. Built on the kit of the end-to-end tests.

    with Lab(__file__) as lab:
        here, there = lab.machine("capulet"), lab.machine("montague")
        start_prosody(here, "capulet.lab", "juliet", 5222, 5269)

The machines have 192.0.2.2 and 2001:db8:0::2, 192.0.2.6 and 2001:db8:1::2, in the order in which they are made; nobody is at
192.0.2.254. Their only resolver is jidnsd, at port 53 of the hub between them. What fails is told with the end of all logs.
With --hold on the command line a scenario that has proved what it says stays up until Ctrl-C."""

import importlib.util
import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
from kit import netns  # noqa: E402
from kit.jidnsd import Jidnsd  # noqa: E402
from kit.proc import Process, wait_until  # noqa: E402,F401
from kit.xmpp import TEXT, Machine, Network, deliver, start_ejabberd, start_prosody  # noqa: E402,F401

NOBODY = "192.0.2.254"
SKIPPED = 77


# Where jidnsd and jidns may be: built in the tree, by quickstart, by contrib/check; installed, where users' PATH does not lead.
BUILDS = ("src", "build/quickstart/objects/src", "build/check/src")
FOLDERS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin")
PACKAGES = {"prosody": lambda: shutil.which("prosody"), "openssl": lambda: shutil.which("openssl"),
            "lua-unbound": lambda: list(pathlib.Path("/usr/lib").glob("*/lua/*/lunbound.so")),
            "python3-slixmpp": lambda: importlib.util.find_spec("slixmpp"), "python3-dnspython": lambda: importlib.util.find_spec("dns")}


def give_up(why, status=2):
    print(f"contrib/lab: {why}", file=sys.stderr)
    sys.exit(status)


def find_program(name):
    """The program that the environment names, else the one built last, else an installed one."""
    named = os.environ.get(name.upper())
    if named:
        return named if os.access(named, os.X_OK) else give_up(f"{name.upper()}={named}: no such program")
    built = [path for path in (ROOT / folder / name for folder in BUILDS) if os.access(path, os.X_OK)]
    if built:
        return str(max(built, key=lambda path: path.stat().st_mtime))
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *FOLDERS])) or give_up(
        f"no {name}: build it (contrib/quickstart, or configure and make), install it, or name it: {name.upper()}=/path/to/{name}")


def find_all():
    """Both programs into the environment, where the kit looks for them; and what else scenarios need."""
    for name in ("jidnsd", "jidns"):
        os.environ[name.upper()] = find_program(name)
    missing = [package for package, find in PACKAGES.items() if not find()]
    if missing:
        give_up(f"missing here: apt-get install {' '.join(missing)}")


class Lab:
    """A scenario while it runs. `options` are jidnsd's, behind those of the scenario's settings."""

    def __init__(self, script, *options):
        self.scenario = pathlib.Path(script).resolve().parent
        self.options = options
        self.folder = self.network = self.jidnsd = None
        self.holds = False
        self.machines, self.processes = [], []

    def __enter__(self):
        reason = netns.why_not()
        if reason:
            print(f"skipped: {reason}")
            sys.exit(SKIPPED)
        find_all()
        self.holds = "--hold" in sys.argv[1:]
        Process.own_group = self.holds
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="jidns-lab-"))
        self.folder.chmod(0o755)
        self.network = Network()
        try:
            self._start_jidnsd()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def _start_jidnsd(self):
        for path in self.scenario.glob("*.zone"):
            shutil.copy(path, self.folder)
        settings = self.folder / "jidnsd.conf"
        shutil.copy(self.scenario / "jidnsd.conf", settings)
        options = ["--config", settings, "--listen", "0.0.0.0:53", "--allow", "any", "--control", self.folder / "control", *self.options]
        self.jidnsd = Jidnsd(options, self.folder, listen=False, wrap=self.network.hub.argv)
        self.track(self.jidnsd).wait_ready()

    def track(self, process):
        self.processes.append(process)
        return process

    def machine(self, name):
        """A machine of its own, whose resolver is jidnsd."""
        number = len(self.machines)
        self.machines.append(Machine(self.network, name, number, self.folder, self.track, f"192.0.2.{4 * number + 1}"))
        return self.machines[-1]

    def jidns(self, *words):
        """What `jidns WORDS` says, in the hub."""
        argv = self.network.hub.argv([os.environ["JIDNS"], *words])
        done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, f"jidns {words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def fault(self, *words):
        """jidns fault WORDS on the running jidnsd."""
        return self.jidns("fault", "--control", self.folder / "control", *words)

    def counter(self, name):
        """jidnsd's counter of that name."""
        return json.loads(self.jidns("stats", "--json", "--control", self.folder / "control"))["counters"][name]

    def tell_how_to_enter(self):
        """Lines to paste in another terminal, as root."""
        def line(machine, *argv):
            return "  " + shlex.join(machine.argv(argv))

        hub, jidns, control = self.network.hub, os.environ["JIDNS"], self.folder / "control"
        domain = f"{self.machines[0].name}.lab"
        print(f"held: {self.scenario.name}. From another terminal, as root, ask jidnsd:")
        print(line(hub, jidns, "lookup", domain, "--server", "127.0.0.1"))
        print("see and change what it does:")
        for words in (["stats"], ["fault", "list"], ["fault", "add", f"name=*.{domain} servfail"], ["fault", "clear"]):
            print(line(hub, jidns, *words, "--control", control))
        for machine in self.machines:
            print(f"be on the machine {machine.name}, {machine.address}, whose logs are in {machine.folder}:")
            print("  " + shlex.join(machine.space.argv(["bash"], machine.resolv_conf)))
        print("Ctrl-C ends it.", flush=True)

    def hold(self):
        """Until Ctrl-C, or who started it ends it."""
        signals = {signal.SIGINT, signal.SIGTERM}
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        self.tell_how_to_enter()
        signal.sigwait(signals)

    def __exit__(self, kind, error, _trace):
        if self.holds and not error and self.machines:
            self.hold()
        closing = [*self.machines, self.jidnsd, self.network]
        for each in filter(None, closing):
            try:
                each.close()
            except Exception as trouble:  # pylint: disable=broad-except
                error = error or trouble
        if error and not isinstance(error, SystemExit):
            for process in self.processes:
                print(f"---- {process.name}\n{tail(process.stdout)}{tail(process.stderr)}")
            traceback.print_exception(error)
            print(f"FAILED {self.scenario.name}")
            shutil.rmtree(self.folder, ignore_errors=True)
            sys.exit(1)
        shutil.rmtree(self.folder, ignore_errors=True)
        if not error:
            print(f"ok {self.scenario.name}")


def tail(text, lines=80):
    return "".join(line + "\n" for line in text.splitlines()[-lines:])


def log_in(machine, user, domain, *piece):
    """user@domain goes online; the process."""
    client = machine.client(user, domain, *piece)
    client.wait_for(lambda: "online" in client.stdout, "login", 20)
    return client


def send(here, there):
    """juliet@capulet.lab, here, writes to romeo@montague.lab, there, and he gets it; what else the programs say is up to them."""
    romeo = log_in(there, "romeo", "montague.lab")
    juliet = log_in(here, "juliet", "capulet.lab", "romeo@montague.lab", TEXT)
    heard(romeo, f"got juliet@capulet.lab {TEXT}", 40)
    assert "error" not in juliet.stdout
    return juliet, romeo


def heard(process, text, timeout_s=20):
    """Waits until the process has said text, on stdout or stderr."""
    process.wait_for(lambda: text in process.stdout + process.stderr, repr(text), timeout_s)


def seconds(function, *args, **how):
    """How long a call takes."""
    start = time.monotonic()
    function(*args, **how)
    return time.monotonic() - start


def direct_tls(machine, domain, port):
    """Prosody's settings for servers by direct TLS on this port, with the machine's certificate found by the domain's name."""
    for kind in ("crt", "key"):
        (machine.folder / f"{domain}.{kind}").symlink_to("cert.pem" if kind == "crt" else "key.pem")
    return f"s2s_direct_tls_ports = {{ {port} }}"
