"""What it is all for: two XMPP servers that know of each other only what DNS says, through the daemon."""

import pytest

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
