"""A machine with systemd: a root of another Debian, booted in namespaces of its own."""

import functools
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

from kit import proc  # noqa: E402 pylint: disable=wrong-import-position

SETTINGS = "/usr/local/etc/jidns/jidnsd.conf"
UNIT = "/etc/systemd/system/jidnsd.service"
SOCKET = "/etc/systemd/system/jidnsd.socket"
CLONE_NEWNET = 0x40000000
wait_until = functools.partial(proc.wait_until, step_s=0.1)  # most looks cost a process
CGROUPS = [pathlib.Path("/sys/fs/cgroup"), pathlib.Path("/sys/fs/cgroup/unified")]


class Machine:
    """jidnsd, jidns and the unit lie in it where `make install` and the unit itself say. files: what to copy, and to where."""

    def __init__(self, root, folder, files):
        self.folder = folder
        with open(folder / "boot.err", "wb") as err:
            self.child = subprocess.Popen([HERE / "init", root, folder, *(f"{a}={b}" for a, b in files)], stderr=err,
                                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, preexec_fn=proc.end_with_parent(signal.SIGKILL))
        self.pid = wait_until(self._find_systemd, 20)
        assert self.pid, f"systemd did not start: {(folder / 'boot.err').read_text()}"
        booted = wait_until(lambda: self.run("systemctl", "is-system-running").stdout.strip() in ("running", "degraded"), 60)
        assert booted, self.run("systemctl", "list-jobs").stdout

    def _find_systemd(self):
        """unshare's only child, once it is systemd."""
        assert self.child.poll() is None, (self.folder / "boot.err").read_text()
        pid = self.child.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        if not children or pathlib.Path(f"/proc/{children[0]}/comm").read_text(encoding="ascii") != "systemd\n":
            return None
        return int(children[0])

    def path(self, name):
        return pathlib.Path(f"/proc/{self.pid}/root{name}")

    def write(self, name, text):
        self.path(name).parent.mkdir(parents=True, exist_ok=True)
        self.path(name).write_text(text, encoding="utf-8")

    def argv(self, *argv):
        return ["nsenter", "-t", str(self.pid), "-a", "env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                *map(str, argv)]

    def run(self, *argv, timeout_s=60):
        return subprocess.run(self.argv(*argv), capture_output=True, text=True, timeout=timeout_s, check=False,
                              stdin=subprocess.DEVNULL, start_new_session=True)

    def call(self, make):
        """What make() returns when a thread of ours calls it in the machine's network."""
        made = []

        def there():
            namespace = os.open(f"/proc/{self.pid}/ns/net", os.O_RDONLY)
            done = proc.LIBC.setns(namespace, CLONE_NEWNET)
            os.close(namespace)
            if done == 0:
                made.append(make())
        thread = threading.Thread(target=there)
        thread.start()
        thread.join()
        return made[0]

    def socket(self):
        """A UDP socket in the machine's network."""
        made = self.call(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        made.settimeout(3)
        return made

    def kill(self, how, pid):
        """Signals a process by its id in the machine, which may have no kill(1)."""
        assert int(pid) > 1, f"there is no process {pid} to signal"
        self.run("bash", "-c", f"kill -{how} {pid}")

    def close(self):
        self.child.kill()
        self.child.wait()
        for cgroups in CGROUPS:
            made = cgroups / f"jidns-boot-{self.child.pid}"
            wait_until(lambda made=made: not made.exists() or _remove(made), 5)


def _remove(cgroup):
    """True once it is gone: the kernel needs a moment after the last process."""
    for folder, _, _ in os.walk(cgroup, topdown=False):
        try:
            os.rmdir(folder)
        except OSError:
            return False
    return True
