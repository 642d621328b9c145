"""The daemon under test: where it is, how it is started, when it is ready, how it must end."""

import os
import pathlib
import subprocess

from kit.netns import free_ports
from kit.proc import Process

ROOT = pathlib.Path(__file__).resolve().parents[3]
SANITIZERS = ("AddressSanitizer", "LeakSanitizer", "ThreadSanitizer", "runtime error:")


def path():
    return os.environ.get("JIDNSD") or str(ROOT / "src" / "jidnsd")


def plain_path():
    """The daemon itself, where path() is a program that runs it."""
    return os.environ.get("JIDNSD_PLAIN") or path()


def has_filter():
    """Can it filter its system calls? One built with sanitizers, which make calls of their own, can't."""
    done = subprocess.run(["grep", "-c", "built without libseccomp", plain_path()], capture_output=True,
                          text=True, check=False)
    return done.stdout.strip() == "0"


class Jidnsd(Process):
    """A daemon with options; without listen=False it gets --listen on a free port of 127.0.0.1 and ::1."""

    def __init__(self, options, folder, name="jidnsd", listen=True, wrap=lambda argv: argv):
        argv = [path()]
        if listen:
            self.port = free_ports()
            argv += ["--listen", f"127.0.0.1:{self.port}", "--listen", f"[::1]:{self.port}"]
        else:
            self.port = 53
        if "--control" not in options:
            argv += ["--control", ""]
        self.v4, self.v6 = ("127.0.0.1", self.port), ("::1", self.port)
        super().__init__(name, wrap(argv + [str(o) for o in options]), folder)

    def wait_ready(self):
        self.wait_for(lambda: "jidnsd ready" in self.stderr, "'jidnsd ready' on stderr")
        return self

    def close(self):
        """Stop it as an init system would and hold it to a clean end."""
        alive = self.running
        status = self.stop()
        assert alive, f"jidnsd died during the test\n{self.describe()}"
        assert status is not None, f"jidnsd did not end within 10 s of SIGTERM\n{self.describe()}"
        assert status == 0, f"jidnsd ended with {status} on SIGTERM\n{self.describe()}"
        found = [word for word in SANITIZERS if word in self.stderr]
        assert not found, f"{found}\n{self.describe()}"
