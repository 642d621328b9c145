"""A control group of a test's own with a memory limit, in either version, where the machine lets one make any."""

import contextlib
import os
import pathlib

ROOT = pathlib.Path("/sys/fs/cgroup")
LIMITS = (ROOT / "memory", "memory.limit_in_bytes"), (ROOT, "memory.max"), (ROOT / "unified", "memory.max")


def _own(top):
    """The group below `top` that this process is in, where it can be seen: only there may groups be made for its children."""
    version_2 = (top / "cgroup.controllers").exists()
    for line in pathlib.Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines():
        _, controllers, path = line.split(":", 2)
        if (version_2 and not controllers) or (not version_2 and "memory" in controllers.split(",")):
            return top / path.lstrip("/")
    return top


@contextlib.contextmanager
def memory_limited(octets):
    """Yields the group's folder, or None where none can be made."""
    made = None
    for top, name in LIMITS:
        for parent in _own(top), top:
            folder = parent / f"jidns-test-{os.getpid()}"
            try:
                folder.mkdir()
            except OSError:
                continue
            try:
                (folder / name).write_text(str(octets), encoding="ascii")
                made = folder
                break
            except OSError:
                folder.rmdir()
        if made:
            break
    try:
        yield made
    finally:
        if made:
            made.rmdir()


def inside(folder):
    """What has a command line run in that group."""
    return lambda argv: ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', str(folder), *argv]
