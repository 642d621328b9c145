"""What it is all for: two XMPP servers that know of each other only what DNS says, through the daemon."""

import re

import pytest

from kit.proc import wait_until
from kit.xmpp import deliver, start_ejabberd, start_prosody


def addresses_of(*names):
    return {(name, rdtype) for name in names for rdtype in ("A", "AAAA")}


def services_of(domain, *services):
    return {(f"_{service}._tcp.{domain}.", "SRV") for service in services}


def client_login(domain):
    """What slixmpp asks to log in."""
    return services_of(domain, "xmpp-client") | addresses_of(f"chat.{domain}.")


def server_contact(domain):
    """What Prosody asks to reach another domain."""
    return services_of(domain, "xmpps-server", "xmpp-server") | addresses_of(f"federation.{domain}.")


def fetched_ahead(home, other):
    """What the daemon asks of its own accord: the rest of both families."""
    return services_of(home, "xmpps-client") | addresses_of(f"{home}.", f"{other}.")


def assert_asked(side, wanted):
    """The upstream was asked exactly these questions by this host, each once."""
    asked = side.asked()
    assert set(asked) == wanted
    assert len(asked) == len(wanted), f"asked more than once: {sorted(asked)}"


@pytest.mark.parametrize("prefetch", ["off", "on"])
def test_a_message_from_prosody_to_prosody_needs_these_questions_and_no_others(host, prefetch):
    here = host("capulet", 0, "--prefetch", prefetch)
    there = host("montague", 1, "--prefetch", prefetch)
    start_prosody(here, "capulet.lab", "juliet", 15222, 15269)
    start_prosody(there, "montague.lab", "romeo", 25222, 25269)
    deliver(here, there)
    for side, home, other in ((here, "capulet.lab", "montague.lab"), (there, "montague.lab", "capulet.lab")):
        ahead = fetched_ahead(home, other) if prefetch == "on" else set()
        assert_asked(side, client_login(home) | server_contact(other) | ahead)


@pytest.mark.parametrize("writer, reader", [(start_prosody, start_ejabberd), (start_ejabberd, start_prosody)],
                         ids=["prosody to ejabberd", "ejabberd to prosody"])
def test_a_message_between_prosody_and_ejabberd_needs_these_questions_and_no_others(host, writer, reader):
    here = host("capulet", 0, "--prefetch", "off")
    there = host("montague", 1, "--prefetch", "off")
    writer(here, "capulet.lab", "juliet", 15222, 15269)
    reader(there, "montague.lab", "romeo", 25222, 25269)
    deliver(here, there)
    assert_asked(here, client_login("capulet.lab") | server_contact("montague.lab"))
    assert_asked(there, client_login("montague.lab") | server_contact("capulet.lab"))


def test_the_log_says_in_a_line_how_each_program_got_to_each_domain(host):
    here = host("capulet", 0, "--log-walks", "on", "--prefetch", "on")
    there = host("montague", 1)
    start_prosody(here, "capulet.lab", "juliet", 15222, 15269)
    start_prosody(there, "montague.lab", "romeo", 25222, 25269)
    deliver(here, there)
    assert wait_until(lambda: here.jidnsd.stderr.count("info query: ") >= 2, 5, 0.2), here.jidnsd.stderr
    lines = "\n".join(line for line in here.jidnsd.stderr.splitlines() if line.startswith("info query: "))
    assert re.search(r"client at 127\.0\.0\.1 reached capulet\.lab in \d+ ms: \d of \d answers waited for.*; "
                     r"chat\.capulet\.lab:15222 by _xmpp-client$", lines, re.MULTILINE), lines
    assert re.search(r"server at 127\.0\.0\.1 reached montague\.lab in \d+ ms: \d of \d answers waited for.*; "
                     r"federation\.montague\.lab:25269 by _xmpp-server$", lines, re.MULTILINE), lines
    assert "did not reach" not in lines
