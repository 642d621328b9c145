"""Images made by buildah and containers run by podman, in a store of the test's own: nothing of it is in the machine's."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess

from kit.proc import descendants, end_with_parent, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[3]
FOLDER = ROOT / "contrib" / "container"
# What takes rights that a machine's root may lack, or the systemd of a machine that has none.
RUN = ["--cgroups=disabled", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024", "--health-interval=disable"]
CGROUP2 = 'umount -l /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup || exit; echo ready; exec sleep infinity'


def environment():
    return {k: v for k, v in os.environ.items() if not k.startswith("JIDNS_")}


class Engine:
    """buildah and podman with a store in `folder`, in a mount namespace of their own: crun wants cgroups of version 2 alone."""

    def __init__(self, folder):
        self.store = ["--root", str(folder / "store"), "--runroot", str(folder / "run"), "--storage-driver", "vfs"]
        self._holder = subprocess.Popen(["unshare", "-m", "sh", "-c", CGROUP2], stdout=subprocess.PIPE, text=True,
                                        preexec_fn=end_with_parent())
        self.usable = self._holder.stdout.readline() == "ready\n"

    def close(self):
        if self.usable:
            self.podman("rm", "--all", "--force", check=False)
        self._holder.kill()
        self._holder.wait()
        self._holder.stdout.close()

    def run(self, *argv, check=True):
        done = subprocess.run(["nsenter", "-t", str(self._holder.pid), "-m", *map(str, argv)], capture_output=True, text=True, check=False,
                              env=environment(), timeout=900)
        if check and done.returncode:
            raise AssertionError(f"{' '.join(map(str, argv))}\n{done.stdout}{done.stderr}")
        return done

    def buildah(self, command, *words):
        return self.run("buildah", *self.store, command, *words)

    def podman(self, *words, check=True):
        return self.run("podman", *self.store, "--cgroup-manager", "cgroupfs", "--runtime", "crun", *words, check=check)

    def size(self, image):
        return json.loads(self.podman("image", "inspect", image).stdout)[0]["Size"]


class Container:
    """One that runs in the background."""

    def __init__(self, engine, name, image, options, words=()):
        self.engine, self.name = engine, name
        engine.podman("run", "--detach", "--name", name, *RUN, *options, image, *words)

    @property
    def log(self):
        done = self.engine.podman("logs", self.name)
        return done.stdout + done.stderr

    def wait_ready(self):
        assert wait_until(lambda: "jidnsd ready" in self.log, 10, 0.1), self.log
        return self

    def health(self):
        """The status of --health inside, and what it says."""
        done = self.engine.podman("exec", self.name, "/usr/sbin/jidnsd", "--health", check=False)
        return done.returncode, (done.stdout + done.stderr).strip()

    @property
    def state(self):
        return json.loads(self.engine.podman("inspect", self.name).stdout)[0]["State"]


def is_plain(program):
    """Was it built without sanitizers? Their libraries are larger than any image."""
    return "libasan" not in subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout


ENCRYPTION = ["libssl.so.3", "libcrypto.so.3", "libnghttp2.so.14"]
FLEET = r"libhiredis\.so\.[\d.]+"  # its version is in its name


def library(pattern):
    """The path of the machine's library of that name."""
    cached = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=True, env={"PATH": "/usr/sbin:/sbin"}).stdout
    return re.search(rf"^\s*{pattern} \(.*=> (\S+)$", cached, re.M)[1]


def fleet_library():
    """hiredis, where the machine has it."""
    try:
        library(FLEET)
    except TypeError:
        return []
    return [FLEET]


def collect(folder, program, libraries=()):
    subprocess.run([FOLDER / "collect", folder, program, *map(library, libraries)], check=True)
    return folder


def build_files(engine, folder, daemon):
    """The daemon's images by Containerfile, but for its first stage: what that makes is collected from a program that is there."""
    context = folder / "context"
    collect(context / "image" / "jidnsd", daemon)
    collect(context / "image" / "jidnsd-tls", daemon, [*ENCRYPTION, *fleet_library()])
    (context / "image" / "jidns").mkdir()
    text, stages = re.subn(r"^FROM \$\{DEBIAN\} AS build\n.*?(?=^FROM )", "FROM scratch AS build\nCOPY image /image\n\n",
                           (FOLDER / "Containerfile").read_text(), flags=re.M | re.S)
    assert stages == 1
    (context / "Containerfile").write_text(text)
    for target in "jidnsd", "jidnsd-tls":
        build(engine, context, context / "Containerfile", target)


def build(engine, context, containerfile, target, *options):
    engine.buildah("bud", "--isolation", "chroot", "--format", "docker", "--layers", "--target", target, "--tag", target, *options,
                   "--file", containerfile, context)


def import_base(engine, root, name="localhost/debian"):
    """An image that is a folder: no registry can be reached from a test."""
    container = engine.buildah("from", "scratch").stdout.strip()
    engine.buildah("copy", "--quiet", container, f"{root}/", "/")
    engine.buildah("commit", "--quiet", "--rm", container, name)


@contextlib.contextmanager
def process_1(root, *words, variables=()):
    """The program in a root, as process 1 of a PID namespace, without an engine: Popen of unshare."""
    argv = ["unshare", "--pid", "--fork", "--kill-child", "--mount", "sh", "-c",
            f"mkdir -p {root}/proc && mount -t proc proc {root}/proc && exec chroot --userspec=12345:12345 {root} \"$@\"", "sh", *map(str, words)]
    child = subprocess.Popen(argv, env=dict(variables), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=end_with_parent())
    try:
        yield child
    finally:
        for pid in descendants(child.pid) if child.poll() is None else []:  # chroot's change of user undoes --kill-child
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        child.kill()
        child.wait()
        child.stdout.close()


def has_engine():
    return os.geteuid() == 0 and all(shutil.which(program) for program in ("buildah", "podman", "crun"))
