"""Processes of a test: started, waited for, stopped by their own pid, their output kept in files."""

import ctypes
import os
import signal
import subprocess
import time


PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


def wait_until(condition, timeout_s, step_s=0.02):
    """Poll condition() until it is true; returns its last value, so `assert wait_until(...)` reads well."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value or time.monotonic() > deadline:
            return value
        time.sleep(step_s)


def end_with_parent(how=signal.SIGTERM):
    """For a new process: nothing outlives a test run, even one that is killed."""
    return lambda: LIBC.prctl(PR_SET_PDEATHSIG, how)


def descendants(pid):
    """pid and all that it has started and that has, children last."""
    found = [pid]
    for parent in found:
        for task in os.listdir(f"/proc/{parent}/task"):
            with open(f"/proc/{parent}/task/{task}/children", encoding="ascii") as children:
                found += [int(child) for child in children.read().split()]
    return found


def descriptors(pid):
    """How many it has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def resident_mb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def has_sanitizer(pid):
    """Then its memory tells nothing, and it ends where there is none."""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps:
        text = maps.read()
    return "libasan" in text or "libtsan" in text


class Process:
    """One child with stdout and stderr in folder/name.out and folder/name.err."""

    own_group = False  # then Ctrl-C at the terminal is not for it

    def __init__(self, name, argv, folder, env=None):
        self.name = name
        self.argv = [str(a) for a in argv]
        self.out_path = folder / f"{name}.out"
        self.err_path = folder / f"{name}.err"
        with open(self.out_path, "wb") as out, open(self.err_path, "wb") as err:
            self.child = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                          env={**os.environ, **(env or {})}, cwd=folder,
                                          preexec_fn=end_with_parent(), process_group=0 if self.own_group else None)

    @property
    def stdout(self):
        return self.out_path.read_text(errors="replace")

    @property
    def stderr(self):
        return self.err_path.read_text(errors="replace")

    @property
    def running(self):
        return self.child.poll() is None

    def describe(self):
        return f"{' '.join(self.argv)}\nstatus: {self.child.poll()}\n{self.stdout}{self.stderr}"

    def wait_for(self, condition, what, timeout_s=10):
        """Wait until condition() holds while the process lives."""
        wait_until(lambda: condition() or not self.running, timeout_s)
        if not condition():
            raise AssertionError(f"{self.name}: no {what} within {timeout_s} s\n{self.describe()}")

    def wait_exit(self, timeout_s=10):
        """The exit status of a process that is expected to end by itself."""
        try:
            return self.child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} still runs after {timeout_s} s\n{self.describe()}") from None

    def stop(self, how=signal.SIGTERM, timeout_s=10):
        """Ask it to end, kill it if it will not; returns the exit status (None: had to be killed)."""
        if self.running:
            self.child.send_signal(how)
            try:
                self.child.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
                return None
        return self.child.returncode


def closed_pipe():
    """Its writing end, for what nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer
