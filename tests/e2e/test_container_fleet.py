"""A fleet in containers: the examples of contrib/container, its secrets, and the image with the libraries for it."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest
import yaml

from kit import container as kit
from kit.ask import ask
from kit.control import Control
from kit.jidnsd import plain_path
from kit.kubernetes import complaints
from kit.netns import free_ports
from kit.proc import wait_until
from kit.redis import Redis, program
from kit.upstream import late, relay_to

DAEMON = plain_path()
COMPOSE, KUBERNETES = kit.FOLDER / "fleet-compose.yaml", kit.FOLDER / "fleet-kubernetes.yaml"
MODELS = {"Deployment": "V1Deployment", "Service": "V1Service", "NetworkPolicy": "V1NetworkPolicy"}


@pytest.fixture(name="secrets")
def fixture_secrets(folder):
    subprocess.run([kit.FOLDER / "fleet-secrets", folder / "secrets"], check=True)
    return folder / "secrets"


# ---- what the examples say ----

def documents():
    return list(yaml.safe_load_all(KUBERNETES.read_text()))


def find(kind, name):
    return next(one for one in documents() if (one["kind"], one["metadata"]["name"]) == (kind, name))


def pod_of(name):
    return find("Deployment", name)["spec"]["template"]["spec"]


def compose():
    if not shutil.which("docker-compose"):
        pytest.skip("docker-compose is not installed")
    done = subprocess.run(["docker-compose", "--file", COMPOSE, "config"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return yaml.safe_load(done.stdout)


def engine_words():
    """What each example gives valkey-server to run with."""
    return [yaml.safe_load(COMPOSE.read_text())["services"]["engine"]["command"], pod_of("fleet-engine")["containers"][0]["args"]]


def member_settings():
    sidecar = pod_of("xmpp")["initContainers"][0]
    return [yaml.safe_load(COMPOSE.read_text())["x-member"]["environment"], {one["name"]: one["value"] for one in sidecar["env"]}]


def test_the_compose_file_is_one_whose_members_find_the_engine():
    services = compose()["services"]
    members = [services["member1"], services["member2"]]
    engine = services["engine"]["networks"]["engine"]["ipv4_address"]
    for one in members:
        assert one["environment"]["JIDNS_SHARED"] == f"redis://{engine}:6379" and "engine" in one["networks"]
        assert {s["source"] for s in one["secrets"]} == {"fleet.key", "fleet.password"}
    assert members[0]["networks"]["xmpp"]["ipv4_address"] != members[1]["networks"]["xmpp"]["ipv4_address"]
    assert [s["source"] for s in services["engine"]["secrets"]] == ["users.acl"], "the engine knows neither key nor password"


def test_the_manifests_are_as_the_schema_of_kubernetes_says():
    models = pytest.importorskip("kubernetes.client.models", reason="python3-kubernetes is not installed")
    for one in documents():
        assert not complaints(models, MODELS[one["kind"]], one, one["metadata"]["name"])
    broken = find("NetworkPolicy", "fleet-engine")
    broken["spec"]["podSelectr"] = broken["spec"].pop("podSelector")
    assert complaints(models, "V1NetworkPolicy", broken, "policy"), "and what is wrong is found"


def test_the_manifests_fit_each_other():
    service, policy = find("Service", "fleet-engine"), find("NetworkPolicy", "fleet-engine")
    labels = {name: find("Deployment", name)["spec"]["template"]["metadata"]["labels"] for name in ("xmpp", "fleet-engine")}
    for name, one in labels.items():
        assert find("Deployment", name)["spec"]["selector"]["matchLabels"].items() <= one.items()
    assert service["spec"]["selector"].items() <= labels["fleet-engine"].items()
    assert policy["spec"]["podSelector"]["matchLabels"].items() <= labels["fleet-engine"].items()
    assert policy["spec"]["ingress"][0]["from"][0]["podSelector"]["matchLabels"].items() <= labels["xmpp"].items()
    assert member_settings()[1]["JIDNS_SHARED"].startswith(f"redis://{service['metadata']['name']}.")
    assert find("Deployment", "xmpp")["spec"]["replicas"] == 2
    for one in documents():
        assert not one["metadata"]["name"].startswith("jidns"), "a Service of that name makes variables JIDNS_*"


@pytest.mark.parametrize("which", [0, 1], ids=["compose", "kubernetes"])
def test_the_examples_settings_are_those_of_the_program(secrets, which):
    settings = dict(member_settings()[which], PATH="/")
    for name in "JIDNS_SHARED_KEY", "JIDNS_SHARED_PASSWORD":
        settings[name] = str(secrets / pathlib.PurePath(settings[name]).name)
    done = subprocess.run([DAEMON, "--config", "", "--check-config"], capture_output=True, text=True, check=False, env=settings)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


# ---- the secrets ----

def test_secrets_are_for_their_owner_alone_and_are_made_once(secrets):
    before = {one.name: one.read_text() for one in secrets.iterdir()}
    assert set(before) == {"fleet.key", "fleet.password", "users.acl"}
    assert all(one.stat().st_mode & 0o77 == 0 for one in secrets.iterdir())
    assert before["fleet.password"].strip() not in before["users.acl"], "the engine has its hash"
    subprocess.run([kit.FOLDER / "fleet-secrets", secrets], check=True)
    assert before == {one.name: one.read_text() for one in secrets.iterdir()}


def test_the_users_rights_are_those_that_the_document_gives(secrets):
    documented = re.search(r"ACL SETUSER jidns on >PASSWORD (.*)", (kit.ROOT / "doc" / "fleet.md").read_text())[1].split()
    given = (secrets / "users.acl").read_text().splitlines()[-1].split()
    assert set(documented) <= set(given) <= {*documented, "resetchannels", "user", "jidns", "on", given[3]}


# ---- two members and one engine ----

@pytest.fixture(name="engine", params=[0, 1], ids=["compose", "kubernetes"])
def fixture_engine(request, folder, secrets):
    """An engine run with the words of an example, but for paths."""
    if not program():
        pytest.skip("needs redis-server or valkey-server")
    (secrets / "users.acl").chmod(0o644)
    words = [str(secrets / pathlib.PurePath(word).name) if word.startswith("/") else word for word in engine_words()[request.param][1:]]
    engine = Redis(folder, *words)
    yield engine
    engine.close()


def test_two_members_of_the_image_share_by_the_examples_rights(engine, folder, secrets, nsd, upstream):
    """As process 1 of a root that has what jidnsd-tls has."""
    if os.geteuid() != 0 or not kit.is_plain(DAEMON) or not kit.fleet_library():
        pytest.skip("needs root, a program without sanitizers, and hiredis")
    folder.chmod(0o755)
    root = kit.collect(folder / "image", DAEMON, [*kit.ENCRYPTION, kit.FLEET])
    for parent in root.parents:
        if str(parent).startswith("/tmp/"):
            parent.chmod(parent.stat().st_mode | 0o055)
    shutil.copytree(secrets, root / "secrets")
    (root / "secrets").chmod(0o755)
    for one in (root / "secrets").iterdir():
        shutil.chown(one, 12345)
    far = upstream(late(relay_to("127.0.0.1", nsd.port), 0.04))
    settings = dict(member_settings()[0], JIDNS_SHARED=engine.url, JIDNS_UPSTREAM=far.address, JIDNS_SHARED_KEY="/secrets/fleet.key",
                    JIDNS_SHARED_PASSWORD="/secrets/fleet.password", JIDNS_CONTROL="/run/jidns/control",
                    JIDNS_THREADS="1", JIDNS_PREFETCH="off")

    def question():
        port = free_ports()
        with kit.process_1(root, "/usr/sbin/jidnsd", variables=dict(settings, JIDNS_LISTEN=f"127.0.0.1:{port}")) as child:
            said = ""
            while "connected" not in said or "jidnsd ready" not in said:
                line = child.stdout.readline()
                assert line, said
                said += line
            reply = ask(("127.0.0.1", port), "mostly.lab")
            return reply, wait_for_counters(Control(root / "run" / "jidns" / "control"))

    first, counters = question()
    assert counters["shared_stored"] == 1
    again, counters = question()
    assert counters["shared_found"] == 1, [one for one in counters.items() if "shared" in one[0]]
    assert again.answer[0] == first.answer[0] and len(far.asked("mostly.lab.")) == 1


def wait_for_counters(control):
    """Once the answer is stored, or was found."""
    def counters():
        return control.ask("stats")["counters"]
    assert wait_until(lambda: counters()["shared_stored"] + counters()["shared_found"] > 0, 5), counters()
    return counters()
