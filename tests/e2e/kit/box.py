"""A machine's files over those of this one, in memory, with a network of their own: what is done in there to /etc is gone with it."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

from kit.proc import end_with_parent, wait_until

MAKE = """
over=$1 new=$1/root layers=$2
mount -t tmpfs -o mode=755 tmpfs "$over"
mkdir "$over/upper" "$over/work" "$new"
mount -t overlay overlay -o "lowerdir=${layers}/,upperdir=$over/upper,workdir=$over/work" "$new"
mount --rbind /proc "$new/proc"
mount --rbind /sys "$new/sys"
mount --rbind /dev "$new/dev"
mount -t tmpfs -o mode=755 tmpfs "$new/run"
mount -t tmpfs -o mode=1777 tmpfs "$new/tmp"
mkdir -p "$new$3" "$new$4"
mount --rbind "$3" "$new$3"
mount --rbind "$4" "$new$4"
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
        layers = "".join(f"{package}:" for package in packages)
        self.child = subprocess.Popen(space.argv(["unshare", "-m", "--propagation", "private", "bash", "-euc", MAKE, "box", self.folder, layers,
                                                  programs, pathlib.Path(__file__).parent]),
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
