"""Prosody with its own resolver, net/dns.lua, which knows neither EDNS nor TCP, before answers that are too large for it."""

import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset
import pytest

from kit.ask import ask
from kit.xmpp import WATCHED_PORT, deliver, start_prosody, start_prosody_without_unbound

ASKED = "_xmpp-server._tcp.montague.lab."
TARGET = "federation.montague.lab."
PLAIN = 512
SERVERS, ADDRESSES = 16, 40
AWAY = [f"0 5 25269 relay-{n:02}.of-another-company-far-away.example." for n in range(SERVERS - 1)]


def sixteen_servers():
    """The one that is there comes last in the reply, and first by its priority."""
    away = [f"{10 + n} {text[2:]}" for n, text in enumerate(AWAY)]
    return {(ASKED, "SRV"): away + [f"1 5 25269 {TARGET}"]}


def forty_addresses():
    return {(ASKED, "SRV"): [f"1 5 25269 {TARGET}"], (TARGET, "A"): [f"198.51.100.{n + 1}" for n in range(ADDRESSES)]}


def with_records(moody, records):
    """Answers with these where they are asked for, else what is true."""
    def handler(asked):
        question = asked.query.question[0]
        texts = records.get((question.name.to_text().lower(), dns.rdatatype.to_text(question.rdtype)))
        if texts is None:
            return moody.honest(asked)
        reply = dns.message.make_response(asked.query, recursion_available=True)
        reply.answer.append(dns.rrset.from_text(question.name, 300, "IN", question.rdtype, *texts))
        return reply
    return handler


def bring_addresses(there):
    """The other host has them all."""
    for n in range(ADDRESSES):
        there.space.ip("address", "add", f"198.51.100.{n + 1}/32", "dev", "lo")
    there.network.hub.ip("route", "add", "198.51.100.0/24", "via", there.address)


@pytest.mark.parametrize("records, large", [(sixteen_servers, (ASKED, "SRV")), (forty_addresses, (TARGET, "A"))],
                         ids=["16 servers", "40 addresses"])
def test_prosodys_own_resolver_gets_the_best_records_of_an_answer_too_large_for_it(moody, moody_host, records, large):
    moody.mood = with_records(moody, records())
    here, there = moody_host("capulet", 0), moody_host("montague", 1)
    bring_addresses(there)
    start_prosody_without_unbound(here, "capulet.lab", "juliet", 15222, 15269)
    start_prosody(there, "montague.lab", "romeo", 25222, 25269)
    deliver(here, there)
    looked_up = {span.name for span in here.watch.spans}
    assert ASKED in looked_up and TARGET in looked_up
    assert not [name for name in looked_up if "another-company" in name], "no other server is tried"

    reply = here.space.call(lambda: ask(("127.0.0.1", WATCHED_PORT), *large))
    assert reply.flags & dns.flags.TC and len(reply.to_wire()) <= PLAIN
    got = {record.to_text() for record in reply.answer[0]}
    wanted = records()[large]
    assert 1 < len(got) < len(wanted) and got <= set(wanted)
    assert large[1] != "SRV" or wanted[-1] in got, "the best is among them"
