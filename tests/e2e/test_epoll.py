"""epoll that has no room for more sockets, as when the user's watches are used up: that is one more way to be out of descriptors."""

import shutil
import subprocess

import pytest

from kit.ask import Stream, ask, query
from kit.control import Control
from kit.jidnsd import Jidnsd
from kit.netns import free_ports
from kit.proc import has_sanitizer, wait_until

# Stands before libc's epoll_ctl; a byte of a file says whether there is room. What epoll knows it knows, room or not.
LIBRARY = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static volatile char *full;

__attribute__((constructor)) static void start(void) {
  int fd = open(getenv("EPOLL_FULL"), O_RDONLY);
  full = mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
}

int epoll_ctl(int epoll, int how, int fd, struct epoll_event *event) {
  struct stat st;
  int done = (int)syscall(SYS_epoll_ctl, epoll, how, fd, event);
  if (done != 0 || how != EPOLL_CTL_ADD || *full != 'y' || fstat(fd, &st) != 0 || !S_ISSOCK(st.st_mode)) return done;
  syscall(SYS_epoll_ctl, epoll, EPOLL_CTL_DEL, fd, event);
  errno = ENOSPC;
  return -1;
}
"""


class Epoll:
    def __init__(self, folder):
        self.library, self.switch = folder / "epoll.so", folder / "full"
        source = folder / "epoll.c"
        source.write_text(LIBRARY, encoding="ascii")
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", self.library, source], check=True)
        self.full(False)

    def full(self, full):
        with open(self.switch, "r+b" if self.switch.exists() else "wb") as switch:
            switch.write(b"y" if full else b"n")

    def wrap(self, argv):
        return ["env", f"LD_PRELOAD={self.library}", f"EPOLL_FULL={self.switch}", *map(str, argv)]


@pytest.fixture(name="epoll")
def fixture_epoll(tmp_path):
    if not shutil.which("cc"):
        pytest.skip("no C compiler")
    return Epoll(tmp_path)


@pytest.fixture(name="started")
def fixture_started(epoll, nsd, tmp_path):
    options = ["--upstream", f"{nsd.server[0]}:{nsd.server[1]}", "--threads", 2, "--control", tmp_path / "c"]
    daemon = Jidnsd(options, tmp_path, wrap=epoll.wrap).wait_ready()
    if has_sanitizer(daemon.child.pid):
        daemon.stop()
        pytest.skip("a sanitizer wants to be loaded first")
    yield daemon
    daemon.close()


def test_answers_in_the_cache_go_out_and_others_come_when_there_is_room(started, epoll, tmp_path):
    assert ask(started.v4, "known.hosted.lab", "A").answer
    with Control(tmp_path / "c") as control, Stream(started.v4) as stream:
        stream.send(query("known.hosted.lab", "A").to_wire())
        assert stream.receive()
        epoll.full(True)
        for n in range(20):
            assert ask(started.v4, "known.hosted.lab", "A").answer
            assert ask(started.v4, f"new{n}.hosted.lab", "A").rcode() == 2
        for _ in range(5):
            with Stream(started.v4) as refused:
                assert refused.receive() is None, "closed: it could not be waited for"
        stream.send(query("known.hosted.lab", "A").to_wire())
        assert stream.receive(), "who was there stays"
        assert control.ask("status")["in_flight"] == 0
        epoll.full(False)
    assert "no socket to ask" in started.stderr
    assert wait_until(lambda: ask(started.v4, "later.hosted.lab", "A").answer, 10, 0.2)
    assert ask(started.v4, "later.hosted.lab", "A", tcp=True).answer
    with Control(tmp_path / "c") as control:
        assert control.ask("status")["in_flight"] == 0


def test_a_reload_says_that_it_can_not_listen_on_more_and_goes_on_with_the_rest(epoll, nsd, tmp_path):
    port, more = free_ports(2)
    settings = tmp_path / "settings"
    text = 'listen {{ address = {{{}}} }}\nupstream {{ server = {{"{}:{}"}} }}\nserver {{ user = root }}\n'
    settings.write_text(text.format(f'"127.0.0.1:{port}"', *nsd.server), encoding="ascii")
    daemon = Jidnsd(["--config", settings, "--control", tmp_path / "c"], tmp_path, listen=False, wrap=epoll.wrap).wait_ready()
    settings.write_text(text.format(f'"127.0.0.1:{port}", "127.0.0.1:{more}"', *nsd.server), encoding="ascii")
    with Control(tmp_path / "c") as control:
        assert control.ask("status")
        epoll.full(True)
        assert "does not listen on all addresses" in str(control.ask("reload"))
        epoll.full(False)
    for tcp in False, True:
        assert ask(("127.0.0.1", port), "a.hosted.lab", "A", tcp=tcp).answer
    daemon.close()


def test_a_start_without_room_ends_with_a_line(epoll, tmp_path):
    epoll.full(True)
    daemon = Jidnsd(["--upstream", "192.0.2.1"], tmp_path, wrap=epoll.wrap)
    assert daemon.wait_exit() == 1
    assert "out of memory or file descriptors" in daemon.stderr
