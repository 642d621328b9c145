"""How long real servers wait for DNS to deliver a message to a domain they don't know yet: asking an upstream some way off
directly, through jidnsd, and through jidnsd once it knows the way.

What counts is how long their questions were open; whatever else goes on before a message is delivered, and the random waits
of Prosody's own resolver before it asks, do not. The way is long beside what the test itself takes, and waits are counted in
whole round trips, so that a busy machine changes nothing."""

import os
import time

import pytest

from kit.xmpp import deliver, start_ejabberd, start_prosody, start_prosody_without_unbound

TRIP_S = 0.2
WHOLE = bool(os.environ.get("E2E_ALL"))  # else the server that asks most
SERVERS = {"prosody": start_prosody} | ({"prosody's own resolver": start_prosody_without_unbound, "ejabberd": start_ejabberd} if WHOLE else {})


def deliver_anew(here, there, server):
    """A message to the other host's domain, from servers that have just started; the wait for DNS in round trips."""
    for host in (here, there):
        host.stop_all()
    since_s = time.monotonic()
    server(here, "capulet.lab", "juliet", 15222, 15269)
    start_prosody(there, "montague.lab", "romeo", 25222, 25269)
    deliver(here, there)
    assert here.waited_s("montague.lab", since_s) > 0, "nothing was asked"
    return (here.waited_s("montague.lab", since_s) + there.waited_s("capulet.lab", since_s)) / TRIP_S


@pytest.mark.parametrize("server", SERVERS.values(), ids=list(SERVERS))
def test_a_message_waits_two_thirds_as_long_cold_and_not_at_all_warm(moody, moody_host, server):
    moody.delay_s, moody.ttl_s = TRIP_S, 3600
    here, there = moody_host("capulet", 0), moody_host("montague", 1)
    through_jidnsd = here.watch.server
    for host in (here, there):
        host.watch.server = (host.upstream_address, 53)
    direct = deliver_anew(here, there, server)
    for host in (here, there):
        host.watch.server = through_jidnsd
    cold = deliver_anew(here, there, server)
    assert round(cold) <= round(direct) * 2 / 3, (cold, direct)
    asked = len(here.upstream.seen)
    warm = deliver_anew(here, there, server)
    assert round(warm) == 0, warm
    assert len(here.upstream.seen) == asked, here.upstream.seen[asked:]
