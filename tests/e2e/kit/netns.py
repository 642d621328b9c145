"""Network and mount namespaces that a test makes for itself; nothing of them outlives the test."""

import ctypes
import os
import socket
import subprocess
import threading

CLONE_NEWNET = 0x40000000


def why_not():
    """The reason why namespaces cannot be made here, or None when they can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    try:
        done = subprocess.run(["unshare", "-n", "-m", "true"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "unshare is not installed"
    return f"cannot make namespaces: {done.stderr.strip()}" if done.returncode else None


def free_ports(count=1):
    """Ports free for UDP and TCP on 127.0.0.1 and ::1, below the range the kernel takes its own from."""
    found = []
    while len(found) < count:
        port = 10000 + int.from_bytes(os.urandom(2), "big") % 20000
        if port not in found and _is_free(port):
            found.append(port)
    return found if count > 1 else found[0]


def _is_free(port):
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            with socket.socket(family, kind) as probe:
                try:
                    probe.bind((host, port))
                except OSError:
                    return False
    return True


def run(*argv):
    subprocess.run([str(a) for a in argv], check=True, capture_output=True, text=True)


class Namespace:
    """A network namespace with loopback up; processes in it may see a resolv.conf of their own."""

    def __init__(self, name):
        self.name = f"jidns-{os.getpid()}-{name}"
        run("ip", "netns", "add", self.name)
        self.ip("link", "set", "lo", "up")

    def ip(self, *args):
        run("ip", "-n", self.name, *args)

    def link_to(self, other, inside, outside):
        """A veth pair; inside and outside are lists of addresses with prefix for this and the other end."""
        near, far = f"v{self.name[-8:]}n", f"v{self.name[-8:]}f"
        run("ip", "link", "add", near, "netns", self.name, "type", "veth", "peer", "name", far,
            "netns", other.name)
        for space, device, addresses in ((self, near, inside), (other, far, outside)):
            for address in addresses:
                space.ip("address", "add", address, "dev", device, *(["nodad"] if ":" in address else []))
            space.ip("link", "set", device, "up")

    def argv(self, argv, resolv_conf=None):
        """The command line that runs argv in here, with the file resolv_conf over /etc/resolv.conf."""
        enter = ["nsenter", f"--net=/run/netns/{self.name}"]
        if resolv_conf:
            script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
            enter += ["unshare", "-m", "sh", "-c", script, str(resolv_conf)]
        return enter + [str(a) for a in argv]

    def enter(self):
        """The calling thread moves in here for good."""
        with open(f"/run/netns/{self.name}", "rb") as handle:
            if ctypes.CDLL(None, use_errno=True).setns(handle.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")

    def call(self, function):
        """function() run in a thread of its own inside this namespace: sockets made there stay in it."""
        result = []

        def inside():
            try:
                self.enter()
                result.append((function(), None))
            except Exception as error:  # pylint: disable=broad-except
                result.append((None, error))

        thread = threading.Thread(target=inside)
        thread.start()
        thread.join()
        value, error = result[0]
        if error:
            raise error
        return value

    def close(self):
        run("ip", "netns", "delete", self.name)
