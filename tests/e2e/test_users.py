"""As whom jidnsd runs where users are few, rights lacking and the root file system can't be written: it starts, or says in one line how it would."""

import contextlib
import os
import re
import socket
import stat
import subprocess

import pytest

from kit.ask import ask
from kit.jidnsd import Jidnsd
from test_control import let_in

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can take itself so much")
ORDINARY = ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups"]
NO_RIGHTS = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
OWN_NAMESPACE = ["unshare", "-U", "-r"]
READ_ONLY = ["unshare", "-m", "sh", "-c", 'mount -o remount,bind,ro / && exec "$0" "$@"']
DOCKER_LIKE = ["setpriv", "--bounding-set=-all,+setuid,+setgid", "--inh-caps=-all"]


@pytest.fixture(name="few_users")
def fixture_few_users(tmp_path):
    """Where /etc/passwd and /etc/group are empty, or have only those lines, and no other service is asked for names."""
    let_in(tmp_path)

    def make(passwd="", group=""):
        for name, text in ("passwd", passwd), ("group", group), ("nsswitch.conf", ""):
            (tmp_path / name).write_text(text, encoding="ascii")
        mounts = " && ".join(f"mount --bind {tmp_path}/{name} /etc/{name}" for name in ("passwd", "group", "nsswitch.conf"))
        return ["unshare", "-m", "sh", "-c", f'{mounts} && exec "$0" "$@"']
    return make


@contextlib.contextmanager
def started(tmp_path, wrap, *options, upstream="192.0.2.1"):
    if subprocess.run([*wrap, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip(f"{' '.join(wrap)}: not here")
    let_in(tmp_path)
    daemon = Jidnsd(["--upstream", upstream, *options], tmp_path, wrap=lambda argv: [*wrap, *map(str, argv)])
    try:
        yield daemon
    finally:
        daemon.stop()


def ids(daemon):
    """The user and the group that its first thread has."""
    with open(f"/proc/{daemon.child.pid}/status", encoding="ascii") as lines:
        found = dict(line.split(":", 1) for line in lines if line.startswith(("Uid", "Gid")))
    return int(found["Uid"].split()[1]), int(found["Gid"].split()[1])


STARTS = [
    (ORDINARY, [], (1000, 1000)),
    (ORDINARY, ["--user", "1000"], (1000, 1000)),
    (ORDINARY, ["--user", "1000:1000"], (1000, 1000)),
    (ORDINARY + NO_RIGHTS[1:], [], (1000, 1000)),
    (ORDINARY + OWN_NAMESPACE, [], (1000, 1000)),
    (OWN_NAMESPACE, ["--user", "root"], (0, 0)),
    (OWN_NAMESPACE, ["--user", "0"], (0, 0)),
    (NO_RIGHTS, ["--user", "root"], (0, 0)),
    (DOCKER_LIKE, ["--user", "1000"], (1000, 1000)),
    ([], ["--user", "4711"], (4711, 4711)),
    ([], ["--user", "4711:4712"], (4711, 4712)),
    ([], ["--user", "daemon:games"], (1, 60)),
    (READ_ONLY, ["--user", "4711"], (4711, 4711)),
]


@pytest.mark.parametrize("wrap,options,who", STARTS, ids=lambda x: " ".join(map(str, x)) or "plain")
def test_it_starts_and_is_who_it_was_told_to_be(wrap, options, who, nsd, tmp_path):
    with started(tmp_path, wrap, *options, upstream=f"{nsd.server[0]}:{nsd.server[1]}") as daemon:
        daemon.wait_ready()
        assert ids(daemon) == who
        assert ask(daemon.v4, "a.hosted.lab", "A").answer
        daemon.close()


ENDS = [
    (OWN_NAMESPACE, [], "no user but root that jidnsd could become.*--user root"),
    (OWN_NAMESPACE, ["--user", "nobody"], "--user 'nobody': this user namespace has no user 65534.*--user root"),
    (ORDINARY + OWN_NAMESPACE, ["--user", "4711"], "--user '4711': this user namespace has no user 4711 with group 4711.*--user root"),
    (NO_RIGHTS, [], "without CAP_SETUID and CAP_SETGID.*--user root"),
    (NO_RIGHTS, ["--user", "4711"], "without CAP_SETUID and CAP_SETGID.*--user root"),
    (ORDINARY, ["--user", "4711"], "--user '4711': only root can switch to another user"),
    ([], ["--user", "no-such-user-here"], "no such user; a number needs.*--user 1000:1000"),
    ([], ["--user", "4711:no-such-group-here"], "no such group; a number needs"),
    ([], ["--user", "4294967295"], "no such user"),
]


@pytest.mark.parametrize("wrap,options,line", ENDS, ids=lambda x: x if isinstance(x, str) else " ".join(x) or "plain")
def test_or_it_says_in_one_line_how_it_would(wrap, options, line, tmp_path):
    with started(tmp_path, wrap, *options) as daemon:
        assert daemon.wait_exit() in (1, 2)
        assert re.search(line, daemon.stderr) and len(daemon.stderr.splitlines()) == 1, daemon.stderr


def test_without_any_users_root_becomes_the_kernels_nobody(few_users, tmp_path):
    with started(tmp_path, few_users()) as daemon:
        daemon.wait_ready()
        assert ids(daemon) == (65534, 65534)


def test_numbers_do_where_there_are_no_names(few_users, tmp_path):
    with started(tmp_path, few_users(), "--user", "1000:1001", "--control", tmp_path / "c", "--control-group", "1002") as daemon:
        daemon.wait_ready()
        assert ids(daemon) == (1000, 1001)
        found = (tmp_path / "c").stat()
        assert (found.st_uid, found.st_gid) == (1000, 1002)


def command_as(path, uid, gid):
    """What a process of that user hears."""
    code = f"""import socket
with socket.socket(socket.AF_UNIX) as s:
    s.settimeout(5)
    s.connect({str(path)!r})
    try:
        s.sendall(b"log-level\\n")
    except BrokenPipeError:
        pass  # it was turned away before it asked
    print(s.recv(4096).decode())"""
    argv = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "/usr/bin/env", "python3", "-c", code]
    return subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False)


PASSWD = "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n"


def test_whoever_is_nobody_too_may_not_command(few_users, tmp_path):
    """There is no user jidns: it is nobody, as other services may be."""
    path = tmp_path / "c"
    with started(tmp_path, few_users(PASSWD), "--control", path) as daemon:
        daemon.wait_ready()
        assert ids(daemon) == (65534, 65534)
        assert "there is no user jidns" in daemon.stderr and "useradd" in daemon.stderr
        found = path.stat()
        assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (0, 0, 0o660)
        assert "Permission denied" in command_as(path, 65534, 65534).stderr
        path.chmod(0o666)
        assert '"ok":false' in command_as(path, 65534, 65534).stdout
        with socket.socket(socket.AF_UNIX) as own:
            own.connect(str(path))
            own.sendall(b"log-level\n")
            assert own.recv(4096).startswith(b'{"ok":true')


def test_a_user_of_its_own_may_command(few_users, tmp_path):
    path = tmp_path / "c"
    with started(tmp_path, few_users(PASSWD + "jidns:x:4711:4711::/:/bin/false\n"), "--control", path) as daemon:
        daemon.wait_ready()
        assert ids(daemon) == (4711, 4711) and "warn ops" not in daemon.stderr
        assert '"ok":true' in command_as(path, 4711, 4711).stdout
        path.chmod(0o666)
        assert '"ok":false' in command_as(path, 65534, 65534).stdout
