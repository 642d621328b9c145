"""`jidns host`: resolv.conf at jidnsd and back, whoever manages it, in boxes with files of their own."""

import contextlib
import os
import pty
import shutil
import subprocess

import pytest

from kit.box import FIRST, PROVIDERS, Machine, providers, state
from kit.control import program
from kit.proc import closed_pipe, wait_until

@pytest.fixture
def machine(folder, track):
    """Makes one for the test alone."""
    with contextlib.ExitStack() as stack:
        def make(*packages):
            space = stack.enter_context(providers("own"))
            made = Machine(space, folder, track, packages)
            stack.callback(made.close)
            return made
        yield make


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with providers("shared") as space:
        made = Machine(space, tmp_path_factory.mktemp("host"), lambda process: process).start()
        yield made
        made.close()


@pytest.fixture
def m(running):
    """One with jidnsd that follows resolv.conf, for all tests that leave jidnsd alone."""
    return running.reset()


# ---- a plain file ----

PLAIN = "# mine\nsearch lab\nnameserver 192.0.2.53\nnameserver 192.0.2.54\noptions timeout:1"


def test_a_plain_file_gets_jidnsd_first_and_comes_back_as_it_was(m):
    m.write("/etc/resolv.conf", PLAIN, 0o664)
    os.chown(m.path("/etc/resolv.conf"), 12, 34)
    os.setxattr(m.path("/etc/resolv.conf"), "user.note", b"mine")
    before = m.states()
    done = m.enable()
    assert m.read("/etc/resolv.conf") == PLAIN.replace("nameserver 192.0.2.53", FIRST + "nameserver 192.0.2.53") + "\n"
    assert "+nameserver 127.0.0.1" in done.stdout and " nameserver 192.0.2.53" in done.stdout
    now = state(m.path("/etc/resolv.conf"))
    assert (now[1:4], now[5]) == (before["/etc/resolv.conf"][1:4], before["/etc/resolv.conf"][5])
    assert m.answers("a.lab") in ("198.51.100.1", "198.51.100.2")
    assert "enabled; jidns host disable undoes it" in m.host("status").stdout
    m.disable()
    assert m.states() == before


def test_without_jidnsd_programs_still_have_the_servers_of_before(machine):
    m = machine().start()
    m.enable()
    assert m.daemon.stop() == 0
    m.daemon = None
    done = m.run("getent", "ahostsv4", "b.lab")
    assert "198.51.100." in done.stdout


def test_the_fourth_server_becomes_a_comment_and_comes_back(m):
    m.write("/etc/resolv.conf", "".join(f"nameserver {a}\n" for a in PROVIDERS))
    before = m.states()
    done = m.enable()
    assert [line for line in m.read("/etc/resolv.conf").splitlines() if not line.startswith("#")] == [
        "nameserver 127.0.0.1", "nameserver 192.0.2.53", "nameserver 192.0.2.54"]
    assert "192.0.2.55 becomes a comment" in done.stdout
    m.disable()
    assert m.states() == before


def test_a_missing_file_is_made_and_goes_again(machine):
    m = machine().start("--upstream", PROVIDERS[0])
    m.path("/etc/resolv.conf").unlink()
    before = m.states()
    done = m.enable()
    assert m.read("/etc/resolv.conf") == FIRST and "no DNS" in done.stdout
    m.disable()
    assert m.states() == before


def test_a_link_to_who_knows_what_becomes_a_file_and_a_link_again(m):
    m.write("/mnt/wsl/resolv.conf", "nameserver 192.0.2.53\n")
    m.link("/etc/resolv.conf", "/mnt/wsl/resolv.conf")
    before = m.states("/mnt/wsl/resolv.conf")
    done = m.enable()
    assert "is a link to /mnt/wsl/resolv.conf, and becomes a file" in done.stdout
    assert m.read("/etc/resolv.conf") == FIRST + "nameserver 192.0.2.53\n" and not m.path("/etc/resolv.conf").is_symlink()
    m.disable()
    assert m.states("/mnt/wsl/resolv.conf") == before


def test_a_mounted_file_as_in_a_container_is_written_to_in_place(m):
    m.write("/run/engine.conf", PLAIN)
    assert m.run("mount", "--bind", "/run/engine.conf", "/etc/resolv.conf").returncode == 0
    before = m.states("/run/engine.conf")
    assert "mounted from elsewhere" in m.enable().stdout
    assert "nameserver 127.0.0.1" in m.read("/run/engine.conf")
    m.disable()
    assert m.states("/run/engine.conf") == before


def test_enabling_twice_and_disabling_twice_do_nothing_more(m):
    before = m.states()
    m.enable()
    once = m.states()
    assert "enabled already" in m.enable().stdout
    assert m.states() == once
    m.disable()
    assert "Nothing to undo" in m.disable().stdout
    assert m.states() == before


def test_a_resolv_conf_that_names_jidnsd_first_already_stays(m):
    m.write("/etc/resolv.conf", "nameserver 127.0.0.1\n")
    before = m.states()
    done = m.enable()
    assert "already: nothing to change" in done.stdout and "No server stands behind jidnsd" in done.stdout
    assert m.states() == before


# ---- asked first, undone when it does not work ----

def test_without_a_terminal_it_wants_yes(m):
    before = m.states()
    done = m.host("enable", text="y\n")
    assert done.returncode == 1 and "+nameserver 127.0.0.1" in done.stdout and "--yes makes the change" in done.stderr
    assert m.states() == before


@pytest.mark.parametrize("key,changed", [("y", True), ("n", False), ("", False)])
def test_on_a_terminal_it_asks(m, key, changed):
    before = m.states()
    ours, theirs = pty.openpty()
    os.write(ours, f"{key}\n".encode())
    done = subprocess.run(m.argv([program(), "host", "enable"]), stdin=theirs, capture_output=True, text=True, timeout=60, check=False)
    os.close(ours)
    os.close(theirs)
    assert "Change this? [y/N]" in done.stdout
    assert (done.returncode == 0) == changed == (m.states() != before)


def test_a_question_that_gets_no_answer_undoes_all(machine):
    m = machine().start("--upstream", "127.0.0.99")
    before = m.states()
    done = m.host("enable", "--yes", "--timeout", "500")
    assert done.returncode == 1 and "everything is as it was before" in done.stderr
    assert "192.0.2.53 answers it" in done.stderr
    assert m.states() == before


def test_a_change_is_undone_though_nobody_reads_why(machine):
    m = machine().start("--upstream", "127.0.0.99")
    before, writer = m.states(), closed_pipe()
    done = subprocess.run(m.argv([program(), "host", "enable", "--yes", "--timeout", "500"]), stdout=subprocess.DEVNULL, stderr=writer,
                          stdin=subprocess.DEVNULL, timeout=60, check=False)
    os.close(writer)
    assert done.returncode == 1 and m.states() == before


@pytest.mark.parametrize("name", ["INT", "QUIT", "TERM", "HUP", "PIPE"])
def test_a_signal_does_not_stop_a_change_midway(m, name):
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    before = m.states()
    done = signal_at(m, name, "clock_nanosleep", 1, "enable", "--yes")
    assert done.returncode == 0 and "Done: programs ask" in done.stdout
    m.disable()
    assert m.states() == before


def test_a_name_of_ones_own_is_asked_for(m, upstream):
    m.enable("--name", "own.lab")
    assert "own.lab" in m.run(program(), "dump", "own.lab", "--control", "/run/jidns/control").stdout


# ---- what keeps it from being done ----

def refusal(m, *options, words=("enable", "--yes")):
    """Its one line; nothing was changed."""
    before = m.states()
    done = m.host(*words, *options)
    assert done.returncode != 0 and m.states() == before
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_it_refuses_without_jidnsd(machine):
    assert "start it (systemctl start jidnsd)" in refusal(machine())


def test_it_refuses_a_jidnsd_that_is_not_where_programs_ask(machine):
    m = machine().start(listen=("127.0.0.1:5353", "127.0.0.2:53"))
    assert "jidnsd listens on 127.0.0.1:5353, 127.0.0.2:53, and programs ask 127.0.0.1 port 53" in refusal(m)


def test_who_is_not_root_hears_so_before_anything(m):
    for word in ("enable", "disable"):
        before = m.states()
        done = m.run("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", program(), "host", word, "--yes")
        assert done.returncode == 1 and done.stderr == f"jidns host: {word} changes files in /etc, so only root can: sudo jidns host {word}\n"
        assert done.stdout == "" and m.states() == before


def test_status_is_for_everybody(m):
    done = m.run("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", program(), "host", "status")
    assert "written by   nobody: a plain file" in done.stdout and "+nameserver 127.0.0.1" in done.stdout


@pytest.mark.parametrize("words,said", [
    ((), "needs one of status, enable and disable"),
    (("enable", "now"), "needs one of status, enable and disable"),
    (("on",), '"on": must be status, enable or disable'),
    (("enable", "--root", "etc"), "--root etc: must be a folder's path from / on"),
    (("enable", "--root", "/no/such"), "--root /no/such: there is no such folder"),
    (("enable", "--name", "a..b"), "--name a..b: must be a domain name"),
    (("enable", "--force"), "--force is no option"),
    (("status", "--timeout", "0"), "--timeout 0: must be a number of milliseconds from 1 to 60000")])
def test_wrong_use_is_one_line_with_what_is_right(m, words, said):
    done = m.host(*words)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and said in done.stderr and not done.stdout


def test_a_dangling_link_is_refused(m):
    m.link("/etc/resolv.conf", "../run/systemd/resolve/stub-resolv.conf")
    assert "/etc/resolv.conf is a link to ../run/systemd/resolve/stub-resolv.conf, which is not there" in refusal(m)


def test_a_folder_in_its_place_is_refused(m):
    m.path("/etc/resolv.conf").unlink()
    m.path("/etc/resolv.conf").mkdir()
    assert "/etc/resolv.conf is no file" in refusal(m)


def test_a_file_with_zeros_is_refused(m):
    m.path("/etc/resolv.conf").write_bytes(b"nameserver 192.0.2.53\n\0\n")
    assert "is no text" in refusal(m)


@contextlib.contextmanager
def read_only(m, folder):
    m.run("mount", "--bind", folder, folder)
    assert m.run("mount", "-o", "remount,bind,ro", folder).returncode == 0
    yield
    m.run("umount", folder)


def test_a_read_only_etc_is_refused(m):
    with read_only(m, "/etc"):
        assert "lies on a file system that is read-only" in refusal(m)


def test_a_state_folder_that_cannot_be_made_is_refused(m):
    with read_only(m, "/var/lib"):
        assert "/var/lib/jidns-host: Read-only file system" in refusal(m)


def full_after(m, pages):
    """A file system for the old files and the journal with room for so many of them."""
    assert m.run("mount", "-t", "tmpfs", "-o", f"size={4 * (pages + 1)}k", "tmpfs", "/var/lib").returncode == 0
    m.path("/var/lib/filled").write_bytes(b"x" * 4096)


@pytest.mark.parametrize("pages", [0, 1, 2], ids=["old file", "new file", "journal"])
def test_a_full_disk_changes_nothing_and_it_says_so(m, pages):
    full_after(m, pages)
    before = m.states("/var/lib")
    done = m.host("enable", "--yes")
    after = m.states("/var/lib")
    m.run("umount", "/var/lib")
    assert done.returncode == 1 and after == before
    first, second = done.stderr.splitlines()
    assert "/var/lib/jidns-host" in first and first.endswith(": No space left on device")
    assert second == "jidns host: nothing was changed"


def test_a_disk_that_is_full_in_the_end_undoes_all(m):
    full_after(m, 3)
    before = m.states("/var/lib")
    done = m.host("enable", "--yes")
    after = m.states("/var/lib")
    m.run("umount", "/var/lib")
    assert done.returncode == 1 and after == before
    assert "No space left on device" in done.stderr and "everything is as it was before" in done.stderr


def test_old_files_that_are_gone_matter_not_where_nothing_was_changed(m):
    before = m.states()
    assert kill_at(m, "rename", 4, "enable", "--yes"), "with a journal, before resolv.conf takes its place"
    m.run("rm", "/var/lib/jidns-host/0.before")
    assert m.disable().stderr == ""
    assert m.states() == before


def test_an_immutable_file_is_refused(m):
    if m.run("chattr", "+i", "/etc/resolv.conf").returncode != 0:
        pytest.skip("no chattr +i on the file system of tests")
    assert "is immutable (chattr +i)" in refusal(m)
    m.run("chattr", "-i", "/etc/resolv.conf")


# ---- changed meanwhile ----

def test_what_somebody_wrote_meanwhile_stays_and_jidns_goes(m):
    m.enable()
    m.path("/etc/resolv.conf").write_text(m.read("/etc/resolv.conf").replace("192.0.2.54", "192.0.2.55") + "search new\n")
    done = m.disable()
    assert "was changed since jidns host enable: jidns took its own lines out" in done.stderr
    assert m.read("/etc/resolv.conf") == "nameserver 192.0.2.53\nnameserver 192.0.2.55\nsearch new\n"
    assert not m.path("/var/lib/jidns-host").exists()


def test_a_file_without_jidns_in_it_any_more_stays(m):
    m.enable()
    m.path("/etc/resolv.conf").write_text("nameserver 192.0.2.55\n")
    assert "does not name jidnsd first any more" in m.host("status").stdout
    assert "has nothing of jidns: it stays as it is" in m.disable().stderr
    assert m.read("/etc/resolv.conf") == "nameserver 192.0.2.55\n"


def test_a_link_put_there_meanwhile_stays_with_a_word_of_what_to_do(m):
    m.enable()
    m.write("/run/other.conf", "nameserver 192.0.2.55\n")
    m.link("/etc/resolv.conf", "/run/other.conf")
    done = m.host("disable")
    assert done.returncode == 1 and "To put the old one back: cp /var/lib/jidns-host/0.before /etc/resolv.conf" in done.stderr
    assert m.read("/etc/resolv.conf") == "nameserver 192.0.2.55\n" and m.path("/etc/resolv.conf").is_symlink()
    m.path("/etc/resolv.conf").unlink()
    m.run("cp", "/var/lib/jidns-host/0.before", "/etc/resolv.conf")
    m.disable()
    assert not m.path("/var/lib/jidns-host").exists()


def test_a_file_removed_meanwhile_comes_back(m):
    before = m.states()
    m.enable()
    m.path("/etc/resolv.conf").unlink()
    m.disable()
    assert m.states() == before


def test_a_journal_that_cannot_be_read_is_said(m):
    m.enable()
    m.path("/var/lib/jidns-host/journal").write_text("jidns host 1\nwhat\n")
    for words in (("enable", "--yes"), ("disable",)):
        done = m.host(*words)
        assert done.returncode == 1 and "journal can't be read" in done.stderr and done.stderr.count("\n") == 1


# ---- killed ----

ALL = bool(os.environ.get("E2E_ALL"))  # every step, which takes minutes; else every file that takes its place


def signal_at(m, name, call, nth, *words):
    """Runs it, with a signal at its nth system call of that name."""
    return m.run("strace", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal={name}:when={nth}", program(), "host", *words)


def kill_at(m, call, nth, *words):
    """True when it got so far."""
    return signal_at(m, "KILL", call, nth, *words).returncode not in (0, 1)


@pytest.mark.parametrize("mounted", [False, True], ids=["replaced", "in place"])
def test_killed_at_any_step_it_is_undone_bit_by_bit(m, mounted):
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    m.write("/etc/resolv.conf", PLAIN, 0o664)
    if mounted:
        m.write("/run/engine.conf", PLAIN, 0o664)
        m.run("mount", "--bind", "/run/engine.conf", "/etc/resolv.conf")
    before, kills = m.states(), 0
    for call in ("mkdir", "rename", "fsync", "fchmod", "write", "clock_nanosleep") if ALL else ("write",) if mounted else ("rename",):
        for nth in range(1, 30):
            killed = kill_at(m, call, nth, "enable", "--yes")
            assert m.answers("a.lab", PROVIDERS[0]) and "nameserver 192.0.2.53" in (m.read("/etc/resolv.conf") or "nameserver 192.0.2.53")
            m.disable()
            if call != "mkdir":  # an empty folder may be left
                m.run("rmdir", "/var/lib/jidns-host")
            after = m.states()
            after["/var/lib/jidns-host"] = before["/var/lib/jidns-host"]
            assert after == before, (call, nth)
            kills += killed
            if not killed:
                break
    assert kills > (15 if ALL else 3)


def test_killed_in_the_midst_of_disable_the_next_one_goes_on(m):
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    m.write("/etc/resolv.conf", PLAIN, 0o664)
    before, kills = m.states(), 0
    for call in ("rename", "fsync", "unlink") if ALL else ("rename",):
        for nth in range(1, 30):
            m.enable()
            killed = kill_at(m, call, nth, "disable")
            m.disable()
            m.run("rm", "-rf", "/var/lib/jidns-host")
            assert m.states() == before, (call, nth)
            kills += killed
            if not killed:
                break
    assert kills > (5 if ALL else 0)


def test_after_a_kill_status_and_enable_say_what_to_do(m):
    assert kill_at(m, "clock_nanosleep", 1, "enable", "--yes")
    assert "half done: an enable was cut off; jidns host disable undoes it" in m.host("status").stdout
    assert "jidns host disable undoes what it did" in m.host("enable", "--yes").stderr


def test_two_at_a_time_do_not_meet(m):
    m.path("/var/lib/jidns-host").mkdir()
    holder = subprocess.Popen(m.argv(["flock", "/var/lib/jidns-host", "sleep", "5"]))
    assert wait_until(lambda: m.run("flock", "-n", "/var/lib/jidns-host", "true").returncode, 5)
    assert "another jidns host is at work" in refusal(m)
    holder.kill()
    holder.wait()
