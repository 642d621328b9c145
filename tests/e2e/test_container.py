"""The images of contrib/container, built by buildah and run by podman; where these can't be, jidnsd as process 1 of a root that has
nothing else. With CONTAINER_BASE, the folder of a Debian root, the whole of Containerfile is built, compilers and all."""

import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import time

import pytest
import yaml

from kit import container as kit
from kit import record
from kit.ask import ask
from kit.certs import NAME, Authority
from kit.https_server import HttpsServer
from kit.jidnsd import plain_path
from kit.kubernetes import complaints
from kit.netns import free_ports
from kit.proc import descendants, wait_until
from kit.tls_server import TlsServer

MB = 10**6
DAEMON = plain_path()
BASE = os.environ.get("CONTAINER_BASE")
STRICT = ["--user", "12345", "--read-only", "--cap-drop", "all", "--security-opt", "no-new-privileges"]
LOW_PORTS = ["--sysctl", "net.ipv4.ip_unprivileged_port_start=0"]
KUBERNETES = {"JIDNS_SERVICE_HOST": "10.96.0.11", "JIDNS_SERVICE_PORT": "53", "JIDNS_SERVICE_PORT_DNS": "53",
              "JIDNS_PORT": "udp://10.96.0.11:53", "JIDNS_PORT_53_UDP": "udp://10.96.0.11:53", "JIDNS_PORT_53_UDP_ADDR": "10.96.0.11",
              "JIDNS_PORT_53_UDP_PROTO": "udp", "JIDNS_METRICS_SERVICE_PORT": "9153", "JIDNS_METRICS_PORT": "tcp://10.96.0.12:9153"}
SHOP = 'xmpp "shop.example" {\n  overlay = on\n  host "xmpp1" { address = {192.0.2.10} client = 5223 }\n}'

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can change roots")
needs_plain = pytest.mark.skipif(not kit.is_plain(DAEMON), reason="an image of a program built with sanitizers is none")
pytestmark = [needs_root, needs_plain]


def open_up(folder):
    """Lets any user into it."""
    folder.chmod(0o755)
    for parent in folder.parents:
        if str(parent).startswith("/tmp/"):
            parent.chmod(parent.stat().st_mode | 0o055)


def variables(**more):
    return [word for key, value in more.items() for word in ("--env", f"{key}={value}")]


@pytest.fixture(name="engine", scope="module")
def fixture_engine(tmp_path_factory):
    if not kit.has_engine():
        pytest.skip("buildah, podman and crun are not all there")
    folder = tmp_path_factory.mktemp("engine")
    engine = kit.Engine(folder)
    try:
        if not engine.usable:
            pytest.skip("no cgroups of version 2 can be mounted for crun")
        if BASE:
            kit.import_base(engine, BASE)
            for target in "jidnsd", "jidnsd-tls", "jidns":
                kit.build(engine, kit.ROOT, kit.FOLDER / "Containerfile", target, "--build-arg", "DEBIAN=localhost/debian")
        else:
            kit.build_files(engine, folder, DAEMON)
        tried = engine.podman("run", "--rm", *kit.RUN, "--network", "none", "jidnsd", "--version", check=False)
        if "jidnsd (jidns)" not in tried.stdout:
            pytest.skip(f"podman can't run containers here: {tried.stderr.strip().splitlines()[-1:]}")
        yield engine
    finally:
        engine.close()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(name="start")
def fixture_start(engine, request):
    """start(*options of podman run, words=those of jidnsd): a container, removed after the test."""
    made = []

    def start(*options, words=(), image="jidnsd"):
        made.append(kit.Container(engine, f"c{len(made)}", image, [*STRICT, *options], words))
        return made[-1]
    yield start
    for one in made:
        engine.podman("rm", "--force", one.name)


# ---- the images ----

def test_the_image_holds_no_more_than_it_needs(engine):
    assert engine.size("jidnsd") < 4 * MB
    assert engine.size("jidnsd-tls") < 12 * MB


@pytest.mark.skipif(not BASE, reason="the tool's image takes the whole Containerfile: contrib/dev/containers")
def test_the_tools_image_runs_the_tool(engine):
    assert engine.size("jidns") < 16 * MB
    done = engine.podman("run", "--rm", *kit.RUN, *STRICT, "--network", "none", "jidns", "lookup", "--help")
    assert "jidns lookup" in done.stdout


# ---- in a container ----

def test_it_answers_as_any_user_without_rights_set_wholly_by_environment(start, relay):
    """With a read-only root and no capabilities; and Kubernetes' own variables make no sound."""
    port = free_ports()
    one = start("--network", "host", *variables(JIDNS_LISTEN=f"127.0.0.1:{port}", JIDNS_UPSTREAM=relay.address, JIDNS_SETTINGS=SHOP,
                                                **KUBERNETES)).wait_ready()
    assert ask(("127.0.0.1", port), "mostly.lab").answer
    assert "running as uid 12345; seccomp on" in one.log
    assert one.engine.podman("healthcheck", "run", one.name, check=False).returncode == 0
    assert "192.0.2.10" in str(ask(("127.0.0.1", port), "xmpp1.shop.example").answer[0])
    assert " 5223 xmpp1.shop.example." in str(ask(("127.0.0.1", port), "_xmpp-client._tcp.shop.example", "SRV").answer[0])
    assert "warn" not in one.log


def test_port_53_is_its_own_where_the_sysctl_lets_it_and_it_stops_at_once(start):
    one = start("--network", "none", *LOW_PORTS, *variables(JIDNS_SETTINGS=SHOP)).wait_ready()
    assert "listening on 127.0.0.1:53" in one.log
    assert one.health() == (0, "ready")

    begun = time.monotonic()
    one.engine.podman("stop", "--time", "20", one.name)
    assert time.monotonic() - begun < 10, "it ends at once; the engine itself takes a while"
    assert one.state["ExitCode"] == 0
    assert "stopping: SIGTERM" in one.log


def test_without_the_sysctl_it_says_what_is_lacking(start):
    one = start("--network", "none")
    assert wait_until(lambda: not one.state["Running"], 10, 0.1)
    assert one.state["ExitCode"] == 1
    for word in "Permission denied", "CAP_NET_BIND_SERVICE", "net.ipv4.ip_unprivileged_port_start=53", "--listen 127.0.0.1:5300":
        assert word in one.log


# ---- encrypted servers ----

@pytest.fixture(name="authority", scope="module")
def fixture_authority(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ca")
    open_up(folder)
    made = Authority(folder)
    subprocess.run(["openssl", "rehash", folder], check=True)
    return made


@pytest.fixture(name="encrypted", params=[("tls", TlsServer, ""), ("https", HttpsServer, "/dns-query")], ids=["tls", "https"])
def fixture_encrypted(request, authority):
    """A server over TLS or HTTPS, as a setting names it."""
    scheme, kind, path_there = request.param
    server = kind(free_ports(), authority.issue())
    yield f"{scheme}://{server.host}:{server.port}{path_there}#{NAME}"
    server.close()


def test_the_image_with_encryption_asks_servers_that_the_systems_authorities_vouch_for(start, authority, encrypted):
    port = free_ports()
    one = start("--network", "host", "--volume", f"{authority.folder}:/usr/lib/ssl/certs:ro", image="jidnsd-tls",
                *variables(JIDNS_LISTEN=f"127.0.0.1:{port}", JIDNS_UPSTREAM=encrypted)).wait_ready()
    assert ask(("127.0.0.1", port), "n1.lab").answer, one.log


def test_encrypted_servers_need_no_more_than_the_libraries_that_the_image_has(encrypted_root, authority, encrypted):
    port = free_ports()
    shutil.copy(authority.path, encrypted_root / "ca.pem")
    with kit.process_1(encrypted_root, "/usr/sbin/jidnsd", "--listen", f"127.0.0.1:{port}", "--upstream", encrypted, "--tls-ca", "/ca.pem") as child:
        while "jidnsd ready" not in (line := child.stdout.readline()):
            assert line, child.wait()
        assert ask(("127.0.0.1", port), "n1.lab").answer


# ---- what doc/containers.md tells to type ----

DOCUMENT = (kit.ROOT / "doc" / "containers.md").read_text()


def typed(beginning):
    """The words of the document's command that begins so."""
    line = re.search(rf"^    \$ ({re.escape(beginning)}(?:[^\n]*\\\n)*[^\n]*)$", DOCUMENT, re.M)[1]
    return shlex.split(line.replace("\\\n", " "))


def test_the_documents_container_runs_and_is_ready_where_it_has_a_server(engine, request):
    request.addfinalizer(lambda: engine.podman("rm", "--force", "jidnsd", check=False))
    _, run, *words = typed("podman run -d --name jidnsd ")
    engine.podman(run, *kit.RUN, "--network", "none", "--env", f"JIDNS_SETTINGS={SHOP}", *words)
    _, *words = typed("podman exec jidnsd")
    assert wait_until(lambda: engine.podman(*words, check=False).stdout == "ready\n", 10, 0.1)
    _, *words = typed("podman logs jidnsd")
    assert "listening on 0.0.0.0:53" in engine.podman(*words).stderr


def test_the_documents_build_commands_name_what_is_there():
    for beginning, target in (("podman build --format docker -t", "jidnsd"), ("podman build --format docker --target", "jidnsd-tls"),
                              ("podman build --target jidns", "jidns")):
        words = typed(beginning)
        assert words[words.index("-t") + 1] == target and words[-1] == "."
        assert re.search(rf"^FROM \w+ AS {target}$", (kit.ROOT / words[words.index("-f") + 1]).read_text(), re.M)
    assert (kit.ROOT / typed("docker compose")[3]).exists() and (kit.ROOT / typed("kubectl apply")[3]).exists()


@pytest.mark.parametrize("page, mark", [("doc/containers.md", "    "), ("contrib/container/compose.yaml", "      # ")])
def test_the_settings_in_documents_can_be_used(page, mark):
    block = re.search(rf"^{mark}JIDNS_SETTINGS: \|\n((?:{mark}  .*\n)+)", (kit.ROOT / page).read_text(), re.M)[1]
    text = "\n".join(line[len(mark) + 2:] for line in block.splitlines())
    done = subprocess.run([DAEMON, "--config", "", "--check-config"], capture_output=True, text=True, check=False, env={"JIDNS_SETTINGS": text})
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


# ---- as process 1, without an engine ----

@pytest.fixture(name="root", scope="module")
def fixture_root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("root")
    open_up(folder)
    return kit.collect(folder / "image", DAEMON)


@pytest.fixture(name="encrypted_root", scope="module")
def fixture_encrypted_root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("encrypted")
    open_up(folder)
    return kit.collect(folder / "image", DAEMON, kit.ENCRYPTION)


@pytest.fixture(name="alone")
def fixture_alone(root):
    """Starts jidnsd as process 1; (unshare's Popen, jidnsd's pid)."""
    running = []

    def start(*words, **environment):
        one = kit.process_1(root, "/usr/sbin/jidnsd", *words, variables=environment)
        child = one.__enter__()  # pylint: disable=unnecessary-dunder-call
        running.append(one)
        while "jidnsd ready" not in (line := child.stdout.readline()):
            assert line, child.wait()
        return child, descendants(child.pid)[-1]
    yield start
    for one in running:
        one.__exit__(None, None, None)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_process_1_ends_at_a_signal(alone, signum):
    child, pid = alone(JIDNS_LISTEN=f"127.0.0.1:{free_ports()}", JIDNS_SETTINGS=SHOP)
    begun = time.monotonic()
    os.kill(pid, signum)
    assert child.wait(10) == 0
    assert time.monotonic() - begun < 2


def children(pid):
    """Those that run and those that nobody has waited for."""
    return "".join(one.read_text() for one in pathlib.Path(f"/proc/{pid}/task").glob("*/children")).split()


def test_process_1_leaves_no_zombies(alone):
    """What somebody starts in its container, and leaves there, is its child when it ends."""
    _, pid = alone(JIDNS_LISTEN=f"127.0.0.1:{free_ports()}", JIDNS_SETTINGS=SHOP)
    for _ in range(3):
        subprocess.run(["nsenter", "-t", str(pid), "-p", "sh", "-c", "(sleep 0.1 &)"], check=True)
    assert wait_until(lambda: not children(pid), 5), children(pid)


def test_a_library_that_is_lacking_is_said_with_what_needs_it(root):
    for words, said in ((["--zone", "lab=/lab.zone"], r"a library that zone files need \(Debian: libldns3.*\): libldns\.so\.3: "),
                        (["--upstream", "tls://127.0.0.1#dns.lab"], r"that encrypted upstream servers, --dnssec, --shared and check --connect need \(Debian: libssl3.*\): libcry"),
                        (["--metrics", "127.0.0.1:9153"], r"that the pages of --metrics need \(Debian: libmicrohttpd12.*\): libmicroh")):
        done = subprocess.run(["/usr/sbin/chroot", root, "/usr/sbin/jidnsd", "--listen", f"127.0.0.1:{free_ports()}", *words], capture_output=True,
                              text=True, check=False, env={}, timeout=20)
        assert done.returncode in (1, 2)
        assert re.search(rf"^jidnsd: can't load {said}.*\n\Z" if "zone" in words[0] else said, done.stderr, re.M), done.stderr


def test_size_and_start_time(engine, root):
    """Recorded in doc/records/containers.md when asked for."""
    port = free_ports()
    words = variables(JIDNS_LISTEN=f"127.0.0.1:{port}", JIDNS_SETTINGS=SHOP)
    in_engine = min(until_ready(lambda: kit.Container(engine, f"timed{i}", "jidnsd", [*STRICT, "--network", "host", *words]), port,
                                lambda: engine.podman("rm", "--force", f"timed{i}")) for i in range(3))
    alone = min(until_ready(lambda: subprocess.Popen(["/usr/sbin/chroot", root, "/usr/sbin/jidnsd"], stderr=subprocess.DEVNULL,
                                                     env={"JIDNS_LISTEN": f"127.0.0.1:{port}", "JIDNS_SETTINGS": SHOP}), port) for _ in range(5))
    assert alone < 1 and in_engine < 10
    if os.environ.get("CONTAINER_RECORD"):
        record.write("containers", "Containers", "contrib/dev/containers --record", "\n".join([
            "| | |", "|---|---|", f"| image of jidnsd | {engine.size('jidnsd') / MB:.2f} MB |",
            *([f"| image of jidns | {engine.size('jidns') / MB:.1f} MB |"] if BASE else []),
            f"| from `podman run` to the first answer | {in_engine * 1000:.0f} ms |",
            f"| from the program's start to the first answer | {alone * 1000:.0f} ms |"]))


def until_ready(start, port, end=None):
    """Seconds until the first answer."""
    begun = time.monotonic()
    started = start()
    while True:
        try:
            ask(("127.0.0.1", port), "xmpp1.shop.example", patience_s=0.05)
            break
        except OSError:
            assert time.monotonic() - begun < 20
        except Exception as e:  # pylint: disable=broad-except
            assert "Timeout" in type(e).__name__ and time.monotonic() - begun < 20
    taken = time.monotonic() - begun
    if end:
        end()
    else:
        started.terminate()
        assert started.wait(10) == 0
    return taken


# ---- what is written for engines ----

def test_the_compose_file_is_one():
    if not shutil.which("docker-compose"):
        pytest.skip("docker-compose is not installed")
    done = subprocess.run(["docker-compose", "--file", kit.FOLDER / "compose.yaml", "config"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    services = yaml.safe_load(done.stdout)["services"]
    assert services["prosody"]["dns"] == [services["jidnsd"]["networks"]["xmpp"]["ipv4_address"]]


def pod():
    return yaml.safe_load((kit.FOLDER / "kubernetes.yaml").read_text())


def test_the_pod_is_as_the_schema_of_kubernetes_says():
    models = pytest.importorskip("kubernetes.client.models", reason="python3-kubernetes is not installed")
    assert not complaints(models, "V1Pod", pod(), "pod")
    broken = pod()
    broken["spec"]["dnsConfg"] = {}
    broken["spec"]["initContainers"][0]["readinessProbe"]["periodSeconds"] = "10"
    del broken["spec"]["containers"][0]["name"]
    assert len(complaints(models, "V1Pod", broken, "pod")) == 3, "and what is wrong is found"


def test_the_pods_settings_and_probes_are_those_of_the_program():
    sidecar = pod()["spec"]["initContainers"][0]
    environment = {one["name"]: one["value"] for one in sidecar["env"]}
    done = subprocess.run([DAEMON, "--check-config"], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0 and not done.stderr, done.stderr
    for probe in "startupProbe", "readinessProbe":
        words = sidecar[probe]["exec"]["command"]
        done = subprocess.run([DAEMON, "--listen", f"127.0.0.1:{free_ports()}", *words[1:]], capture_output=True, text=True, check=False, env={})
        assert done.returncode == 1 and "does jidnsd run here" in done.stderr
    assert pathlib.PurePath(words[0]) == pathlib.PurePath("/usr/sbin/jidnsd")
