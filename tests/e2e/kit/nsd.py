"""NSD as the authority behind the tests, with the zones of zones/ and one zone signed on the spot."""

import os
import shutil
import signal
import subprocess
import time

from kit.ask import ask
from kit.netns import free_ports
from kit.proc import Process, descendants, wait_until

CONFIG = """
server:
  ip-address: 127.0.0.1@{port}
  ip-address: ::1@{port}
  server-count: 1
  username: ""
  chroot: ""
  database: ""
  zonesdir: "{folder}"
  zonelistfile: "{folder}/zone.list"
  xfrdfile: "{folder}/xfrd.state"
  xfrdir: "{folder}"
  pidfile: "{folder}/nsd.pid"
  minimal-responses: yes
  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
  hide-version: yes
  answer-cookie: yes
remote-control:
  control-enable: no
"""

SIGNED = "signed.lab"


def _sign(folder):
    """Sign SIGNED's zone file in place with a fresh key."""
    key = subprocess.run(["ldns-keygen", "-a", "ECDSAP256SHA256", SIGNED], cwd=folder, check=True,
                         capture_output=True, text=True).stdout.strip()
    subprocess.run(["ldns-signzone", "-f", f"{SIGNED}.zone.signed", f"{SIGNED}.zone", key], cwd=folder,
                   check=True, capture_output=True)
    (folder / f"{SIGNED}.zone.signed").rename(folder / f"{SIGNED}.zone")


class Nsd:
    """A running NSD; zones is a folder of NAME.zone files, copied so that nothing is written beside them."""

    def __init__(self, zones, folder):
        self.port = free_ports()
        self.server = ("127.0.0.1", self.port)
        names = []
        for path in sorted(zones.glob("*.zone")):
            shutil.copy(path, folder / path.name)
            names.append(path.name.removesuffix(".zone"))
        if SIGNED in names:
            _sign(folder)
        config = CONFIG.format(port=self.port, folder=folder)
        config += "".join(f'zone:\n  name: "{"." if n == "root" else n}"\n  zonefile: "{n}.zone"\n'
                          for n in names)
        (folder / "nsd.conf").write_text(config)
        self._folder = folder
        self.start()

    def start(self):
        """Returns when it answers; once more after kill(), at the same port, which a question may just leave from."""
        for _ in range(20):
            self.process = Process("nsd", ["nsd", "-d", "-c", self._folder / "nsd.conf"], self._folder)
            if wait_until(lambda: self._answers() or not self.process.running, 10) and self.process.running:
                return
            if "Address already in use" not in self.process.stderr:
                break
            time.sleep(0.5)
        raise AssertionError(f"nsd does not answer\n{self.process.describe()}")

    def signal(self, number):
        """To all its processes: the one that answers is a child's child."""
        for pid in descendants(self.process.child.pid):
            os.kill(pid, number)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.process.wait_exit()

    def _answers(self):
        try:
            return bool(ask(self.server, "lab", "SOA", patience_s=0.2).answer)
        except Exception:  # pylint: disable=broad-except
            return False

    def close(self):
        self.process.stop()
