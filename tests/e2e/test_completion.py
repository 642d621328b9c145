"""What bash, zsh and fish offer when somebody types jidns or jidnsd: asked in the shells themselves."""

import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import time

import pytest

from kit import jidnsd as jidnsd_kit
from kit.control import program

BASH_COMPLETION = pathlib.Path("/usr/share/bash-completion/bash_completion")
BUILT = pathlib.Path(program()).resolve().parents[1] / "doc" / "completions"
COMMANDS = "lookup check query status stats upstreams flush dump reload log-level fault top".split()


def need(shell):
    if not shutil.which(shell) or not BASH_COMPLETION.exists():
        pytest.skip(f"{shell} or bash-completion is not installed")
    if not BUILT.is_dir():
        pytest.skip(f"{BUILT} is not built")


@pytest.fixture(name="here")
def fixture_here(tmp_path):
    """A folder with two files and one folder of names that begin alike nowhere else."""
    (tmp_path / "unlike-any.zone").touch()
    (tmp_path / "unlike-any.conf").touch()
    return tmp_path


def in_bash(here, line):
    """What bash-completion, which loads the script by itself, offers at the end of the line."""
    need("bash")
    name = line.split()[0]
    script = f"""
. {BASH_COMPLETION}
_completion_loader {name}
COMP_LINE={line!r} COMP_POINT={len(line)}
"""
    words = re.findall(r"=|[^ =]+", line) + ([""] if line[-1] in " =" else [])
    script += f"COMP_WORDS=({' '.join(repr(word) for word in words)}) COMP_CWORD={len(words) - 1}\n"
    script += f"""$(complete -p {name} | sed 's/.*-F \\([^ ]*\\).*/\\1/') {name}\nprintf '%s\\n' "${{COMPREPLY[@]}}"\n"""
    data = here / "data" / "bash-completion"
    data.mkdir(parents=True, exist_ok=True)
    if not (data / "completions").exists():
        (data / "completions").symlink_to(BUILT / "bash")
    done = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, check=False, timeout=20, cwd=here,
                          env={**os.environ, "XDG_DATA_HOME": str(here / "data")})
    assert not done.stderr, f"{line}\n{done.stderr}"
    return [word.strip() for word in done.stdout.splitlines() if word.strip()]


def in_fish(here, line):
    need("fish")
    script = "".join(f"source {BUILT}/fish/{name}.fish\n" for name in ("jidns", "jidnsd")) + f"complete -C {line!r}\n"
    done = subprocess.run(["fish", "--no-config", "-c", script], capture_output=True, text=True, check=False, timeout=20, cwd=here,
                          env={**os.environ, "HOME": str(here)})
    assert not done.stderr, done.stderr
    return [word.split("\t")[0] for word in done.stdout.splitlines()]


class Zsh:
    """zsh at a terminal."""

    def __init__(self, here):
        need("zsh")
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(here)
            os.execvpe("zsh", ["zsh", "-f", "-i"], {**os.environ, "TERM": "dumb", "HOME": str(here), "PS1": "", "COLUMNS": "200"})
        self.type(f"unsetopt zle_bracketed_paste; PS1='READY> '; fpath=({BUILT}/zsh $fpath); autoload -U compinit; compinit -u -D\n")
        self.type("zstyle ':completion:*' insert-tab false; print DO''NE\n")
        self.until("DONE\r\n")

    def type(self, text):
        os.write(self.terminal, text.encode())

    def until(self, text, patience_s=20):
        heard, deadline = "", time.monotonic() + patience_s
        while text not in heard and time.monotonic() < deadline:
            if select.select([self.terminal], [], [], 0.2)[0]:
                heard += os.read(self.terminal, 65536).decode(errors="replace")
        assert text in heard, heard
        return heard

    def completes(self, typed, whole):
        """A tab behind what is typed makes it the whole."""
        self.type(typed + "\t")
        self.until(whole)
        self.type("\x15")  # the line is gone

    def close(self):
        os.close(self.terminal)
        os.waitpid(self.pid, 0)


@pytest.mark.parametrize("ask", [in_bash, in_fish])
def test_every_command_is_offered_and_what_may_follow_it(ask, here):
    assert set(COMMANDS) <= set(ask(here, "jidns "))
    assert ask(here, "jidns up") == ["upstreams"]
    assert set(ask(here, "jidns fault ")) == {"add", "list", "clear"}
    assert ask(here, "jidns fault cl") == ["clear"]


@pytest.mark.parametrize("ask", [in_bash, in_fish])
@pytest.mark.parametrize("command", [["jidns", name] for name in COMMANDS] + [["jidnsd"]])
def test_the_options_are_those_that_help_lists(ask, command, here):
    path = program() if command[0] == "jidns" else jidnsd_kit.path()
    text = subprocess.run([path, *command[1:], "--help"], capture_output=True, text=True, check=True).stdout
    listed = set(re.findall(r"^  (--[a-z-]+)", text, re.M))
    assert listed and set(ask(here, " ".join(command) + " --")) == listed


@pytest.mark.parametrize("ask", [in_bash, in_fish])
def test_values_of_a_few_words_are_offered(ask, here):
    assert set(ask(here, "jidns lookup --type ")) == {"c2s", "s2s", "all"}
    assert set(ask(here, "jidns check --format ")) == {"text", "json", "tsv", "nagios", "html"}
    assert {"all", "list", "prosody", "slixmpp"} <= set(ask(here, "jidns check --as "))
    assert "domain-missing" in ask(here, "jidns check --explain domain-")
    assert set(ask(here, "jidnsd --seccomp ")) == {"off", "errno", "kill"}
    assert set(ask(here, "jidnsd --trust-ad ")) == {"on", "off"}
    assert ask(here, "jidnsd --user nobod") == ["nobody"]


@pytest.mark.parametrize("ask", [in_bash, in_fish])
def test_files_are_offered_where_a_file_belongs_and_nowhere_else(ask, here):
    assert set(ask(here, "jidns check --file unlike")) == {"unlike-any.conf", "unlike-any.zone"}
    assert set(ask(here, "jidnsd --config unlike")) == {"unlike-any.conf", "unlike-any.zone"}
    assert not ask(here, "jidns lookup unlike") and not ask(here, "jidnsd --listen unlike")


def test_bash_offers_them_behind_an_equals_sign_too(here):
    assert in_bash(here, "jidns lookup --type=c") == ["c2s"]
    assert set(in_bash(here, "jidnsd --config=unlike")) == {"unlike-any.conf", "unlike-any.zone"}
    assert set(in_bash(here, "jidnsd --zone a.lab=unlike")) == {"unlike-any.conf", "unlike-any.zone"}


def test_zsh_completes_commands_options_values_and_files(here):
    zsh = Zsh(here)
    try:
        for typed, whole in (("jidns loo", "jidns lookup "), ("jidns upst", "jidns upstreams "), ("jidns fault cl", "jidns fault clear"),
                             ("jidns lookup --all-r", "jidns lookup --all-records"), ("jidns lookup --type=c", "--type=c2s"),
                             ("jidns lookup --type s2", "--type s2s"), ("jidns check --file unlike-any.z", "--file unlike-any.zone"),
                             ("jidnsd --secc", "jidnsd --seccomp"), ("jidnsd --seccomp=k", "--seccomp=kill"),
                             ("jidnsd --config unlike-any.c", "--config unlike-any.conf"),
                             ("jidnsd --zone a.lab=unlike-any.z", "a.lab=unlike-any.zone")):
            zsh.completes(typed, whole)
    finally:
        zsh.close()


def test_no_shell_or_another_one_is_said_in_one_line():
    for words in (["--completion"], ["--completion", "tcsh"], ["--completion", "bash", "zsh"]):
        done = subprocess.run([program(), *words], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == "jidns: --completion needs a shell: bash, zsh or fish\n"
