"""A machine's files over those of this one, in memory, with a network of their own: what is done in there to /etc is gone with it."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

import pytest

from kit import lies, netns
from kit.ask import ask
from kit.control import program
from kit.jidnsd import Jidnsd
from kit.proc import end_with_parent, wait_until
from kit.upstream import Upstream

MAKE = """
over=$1 new=$1/root
mount -t tmpfs -o mode=755 tmpfs "$over"
mkdir "$over/upper" "$over/work" "$new"
mount -t overlay overlay -o "lowerdir=/,upperdir=$over/upper,workdir=$over/work" "$new"
mount --rbind /proc "$new/proc"
mount --rbind /sys "$new/sys"
mount --rbind /dev "$new/dev"
mount -t tmpfs -o mode=755 tmpfs "$new/run"
mount -t tmpfs -o mode=1777 tmpfs "$new/tmp"
mkdir -p "$new$2" "$new$3"
mount --rbind "$2" "$new$2"
mount --rbind "$3" "$new$3"
for package in "${@:4}"; do cp -a "$package/." "$new"; done
cd "$new"
mkdir -p mnt
pivot_root . mnt
umount -l /mnt
exec sleep infinity
"""


class Box:
    """packages: folders of unpacked packages that lie over this machine's files."""

    def __init__(self, space, packages=()):
        self.space = space
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="jidns-box-"))
        programs = pathlib.Path(os.environ.get("JIDNSD") or __file__).resolve().parent
        self.child = subprocess.Popen(space.argv(["unshare", "-m", "--propagation", "private", "bash", "-euc", MAKE, "box", self.folder,
                                                  programs, pathlib.Path(__file__).parent, *packages]),
                                      stdin=subprocess.DEVNULL, preexec_fn=end_with_parent(signal.SIGKILL))
        assert wait_until(self._is_made, 10), "the box was not made"

    def _is_made(self):
        assert self.child.poll() is None
        return pathlib.Path(f"/proc/{self.child.pid}/comm").read_text(encoding="ascii") == "sleep\n"

    def path(self, name):
        return pathlib.Path(f"/proc/{self.child.pid}/root{name}")

    def write(self, name, text, mode=0o644):
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)

    def link(self, name, target):
        self.path(name).parent.mkdir(parents=True, exist_ok=True)
        self.path(name).unlink(missing_ok=True)
        os.symlink(target, self.path(name))

    def read(self, name):
        """Links lead where they lead in the box."""
        return self.run("cat", name).stdout if self.path(name).is_symlink() else self.path(name).read_text(encoding="utf-8")

    def argv(self, argv):
        return ["nsenter", "-t", str(self.child.pid), "-m", "-n", "-r", "-w", *map(str, argv)]

    def run(self, *argv, env=None, text=None, timeout_s=60):
        return subprocess.run(self.argv(argv), capture_output=True, text=True, input=text, timeout=timeout_s, check=False,
                              env={**os.environ, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **(env or {})})

    def close(self):
        self.child.kill()
        self.child.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def state(path):
    """All that is to come back: kind, content or target, mode, owner, time, attributes."""
    if not os.path.lexists(path):
        return None
    seen = os.lstat(path)
    what = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else sorted(os.listdir(path))
    times = 0 if path.is_dir() and not path.is_symlink() else seen.st_mtime_ns
    attributes = {name: os.getxattr(path, name, follow_symlinks=False) for name in os.listxattr(path, follow_symlinks=False)}
    return what, seen.st_mode, seen.st_uid, seen.st_gid, times, attributes


PROVIDERS = ("192.0.2.53", "192.0.2.54", "192.0.2.55")
REMARK = "# jidns host: jidnsd first; the servers below answer when it does not\n"
FIRST = REMARK + "nameserver 127.0.0.1\n"
ETC = ("/etc/resolv.conf", "/var/lib/jidns-host")


@contextlib.contextmanager
def providers(name):
    """A network with the provider's servers."""
    reason = netns.why_not()
    if reason:
        pytest.skip(reason)
    made = netns.Namespace(name)
    for address in PROVIDERS:
        made.ip("address", "add", f"{address}/32", "dev", "lo")
    servers = [Upstream(lambda asked, number=number: lies.answer(asked.query, f"198.51.100.{number}"), 53, host=address, namespace=made)
               for number, address in enumerate(PROVIDERS, 1)]
    yield made
    for server in servers:
        server.close()
    made.close()


class Machine(Box):
    """With jidnsd and jidns."""

    def __init__(self, space, folder, track, packages=()):
        super().__init__(space, packages)
        self.work, self.track, self.daemon = folder, track, None
        self.write("/etc/resolv.conf", "".join(f"nameserver {a}\n" for a in PROVIDERS[:2]))

    def start(self, *options, listen=("127.0.0.1:53",)):
        words = [word for address in listen for word in ("--listen", address)]
        options = [*words, "--control", "/run/jidns/control", "--prefetch", "off", *options]
        self.daemon = self.track(Jidnsd(options, self.work, listen=False, wrap=self.argv)).wait_ready()
        return self

    def host(self, *words, **how):
        return self.run(program(), "host", *words, **how)

    def enable(self, *options):
        done = self.host("enable", "--yes", *options)
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def disable(self):
        done = self.host("disable")
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def states(self, *names):
        return {name: state(self.path(name)) for name in (*ETC, *names)}

    def answers(self, name, server="127.0.0.1"):
        reply = self.space.call(lambda: ask((server, 53), name, "A", edns=0))
        return reply.answer[0][0].address if reply.answer else None

    def asks(self):
        """Whom jidnsd asks, by its own word."""
        done = self.run(program(), "upstreams", "--json", "--control", "/run/jidns/control")
        return {server["address"] for server in json.loads(done.stdout)["upstreams"]}

    def asks_soon(self, server):
        return wait_until(lambda: server in self.asks(), 5, 0.1)

    def close(self):
        if self.daemon:
            self.daemon.close()
        super().close()


    def reset(self):
        """As for the next test: two servers in a plain file."""
        self.host("disable")
        while self.run("umount", "/etc/resolv.conf").returncode == 0:
            pass
        self.run("rm", "-rf", "/etc/resolv.conf", "/var/lib/jidns-host")
        self.write("/etc/resolv.conf", "".join(f"nameserver {a}\n" for a in PROVIDERS[:2]))
        return self
