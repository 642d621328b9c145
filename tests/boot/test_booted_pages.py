"""What the documents tell to type where systemd runs works there."""

import itertools

import pytest

from kit import pages

PAGES = [pytest.param(list(found), id=page) for page, found in itertools.groupby(pages.all_blocks("boot"), lambda block: block.page)]


@pytest.mark.parametrize("blocks", PAGES)
def test_the_commands_of_a_page_work(service, blocks):
    service.start()
    wrong = []
    for line, _ in [each for block in blocks for each in block.typed()]:
        done = service.machine.run("sh", "-c", f"{line} </dev/null")
        if done.returncode:
            wrong.append(f"$ {line}\nstatus {done.returncode}\n{done.stdout}{done.stderr}")
    service.systemctl("disable", "--now", "jidnsd.socket")
    assert not wrong, "\n\n".join(wrong)
