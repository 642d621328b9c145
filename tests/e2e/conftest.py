"""Fixtures of the end-to-end tests: an authority, a watched way to it, and the daemon in between."""

import os
import pathlib
import sys
import tempfile

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
from kit import jidnsd as jidnsd_kit  # noqa: E402
from kit import netns, record  # noqa: E402
from kit.moody import Moody  # noqa: E402
from kit.netns import free_ports  # noqa: E402
from kit.nsd import Nsd  # noqa: E402
from kit.upstream import Upstream, relay_to  # noqa: E402
from kit.xmpp import Host, Network  # noqa: E402

PROCESSES = pytest.StashKey[list]()
FAULT_ROWS = pytest.StashKey[list]()


def pytest_configure(config):
    if not pathlib.Path(jidnsd_kit.path()).is_file():
        raise pytest.UsageError(f"{jidnsd_kit.path()}: no such program; build it or set JIDNSD")
    config.stash[FAULT_ROWS] = []
    if jidnsd_kit.has_filter():  # a system call that is missing from the list is to be seen
        os.environ.setdefault("JIDNS_SECCOMP", "kill")


def pytest_terminal_summary(terminalreporter, config):
    """What clients saw in the runs of test_fault_runs.py."""
    rows = config.stash[FAULT_ROWS]
    if not rows:
        return
    head = ["| fault | asked | lost | SERVFAIL | wait: known | new | recovered | found again |", "|---" * 8 + "|"]
    table = head + [str(row) for row in rows]
    terminalreporter.section("fault runs")
    for line in table:
        terminalreporter.write_line(line)
    if os.environ.get("JIDNS_RECORD_FAULT_RUNS"):
        record.write("fault-runs", "Fault runs", "contrib/dev/fault-runs JIDNSD", "\n".join(table))


@pytest.fixture
def fault_rows(request):
    return request.config.stash[FAULT_ROWS]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """What the test's processes wrote to stderr goes into the report of a failure."""
    report = (yield).get_result()
    if report.failed:
        for process in item.stash.get(PROCESSES, []):
            text = process.stderr.splitlines()
            report.sections.append((f"{process.name}: {process.err_path}", "\n".join(text[-60:])))


@pytest.fixture(scope="session")
def nsd(tmp_path_factory):
    """The authority for lab. and what lies below, alone on a port of loopback."""
    server = Nsd(HERE / "zones", tmp_path_factory.mktemp("nsd"))
    yield server
    server.close()


@pytest.fixture
def upstream():
    """Makes an Upstream with a handler on a port of its own; closed, and checked, after the test."""
    made = []

    def make(handler, **where):
        made.append(Upstream(handler, where.pop("port", None) or free_ports(), **where))
        return made[-1]
    yield make
    for server in made:
        server.close()


@pytest.fixture
def relay(nsd, upstream):
    """The way to NSD that remembers what was asked."""
    return upstream(relay_to(*nsd.server))


@pytest.fixture
def track(request):
    """Registers a process of the test so that its stderr is shown when the test fails."""
    def add(process):
        request.node.stash.setdefault(PROCESSES, []).append(process)
        return process
    return add


@pytest.fixture
def jidnsd(tmp_path, track):
    """Starts the daemon with options, ready to answer; after the test it must end with 0 on SIGTERM."""
    made = []

    def start(*options, **how):
        name = f"jidnsd{len(made) or ''}"
        made.append(track(jidnsd_kit.Jidnsd(options, tmp_path, name, **how)))
        return made[-1].wait_ready()
    yield start
    _close_all(made)


@pytest.fixture(scope="module")
def authority():
    """Who signs for encrypted servers; its certificate is where a daemon that gave up root can read it."""
    from kit.certs import Authority  # pylint: disable=import-outside-toplevel  # needs a package that most tests do without
    with tempfile.TemporaryDirectory(prefix="jidns-ca-") as made:
        os.chmod(made, 0o755)
        yield Authority(pathlib.Path(made))


@pytest.fixture
def folder():
    """A folder that the daemon can read in after it has given up root."""
    with tempfile.TemporaryDirectory(prefix="jidns-") as made:
        os.chmod(made, 0o755)
        yield pathlib.Path(made)


@pytest.fixture
def proxy(relay, jidnsd):
    """The daemon in front of NSD with fetching ahead and expansion off: one question in, one question up."""
    return jidnsd("--upstream", relay.address, "--prefetch", "off", "--expand-srv", "off")


@pytest.fixture
def namespaces():
    """Makes network namespaces for the test; skips where the machine does not allow them."""
    reason = netns.why_not()
    if reason:
        pytest.skip(reason)
    made = []

    def make(name):
        made.append(netns.Namespace(name))
        return made[-1]
    yield make
    for space in made:
        space.close()


def _close_all(processes):
    """Close each even when one of them complains; the first complaint is the one that is raised."""
    complaint = None
    for process in processes:
        try:
            process.close()
        except AssertionError as error:
            complaint = complaint or error
    if complaint:
        raise complaint


@pytest.fixture
def network(nsd, namespaces):
    """The hub with its upstream; `namespaces` is there to skip where none can be made."""
    assert namespaces
    made = Network(relay_to(*nsd.server))
    yield made
    made.close()


@pytest.fixture
def moody(nsd):
    return Moody(nsd.server)


@pytest.fixture
def moody_host(moody, namespaces, tmp_path, track):
    """Makes watched hosts, each with a daemon, whose upstream is the moody one."""
    assert namespaces
    space, made = Network(moody), []

    def make(name, number, *options):
        made.append(Host(space, name, number, tmp_path, track, *options, watched=True))
        return made[-1]
    yield make
    for each in made:
        each.close()
    space.close()


@pytest.fixture
def host(network, tmp_path, track):
    """Makes hosts on the network with a daemon each."""
    made = []

    def make(name, number, *options, **how):
        made.append(Host(network, name, number, tmp_path, track, *options, **how))
        return made[-1]
    yield make
    for each in made:
        each.close()


def pytest_sessionfinish(session):
    """Leaves the names of what failed in the file that E2E_FAILED names, a line each."""
    path = os.environ.get("E2E_FAILED")
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not path or not reporter or hasattr(session.config, "workerinput"):
        return
    failed = [f"{session.config.rootpath}/{report.nodeid}" for kind in ("failed", "error") for report in reporter.stats.get(kind, [])]
    pathlib.Path(path).write_text("".join(f"{name}\n" for name in dict.fromkeys(failed)))
