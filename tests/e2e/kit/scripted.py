"""A resolver made of records and of what goes wrong with some questions."""

import time

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.zone

HEAD = "$TTL 3600\n@ SOA ns admin 1 7200 3600 1209600 300\n@ NS ns\nns A 9.9.9.9\n"


def rcode(word, **edns):
    """The question fails with this RCODE."""
    def act(_asked, reply):
        reply.answer.clear()
        reply.set_rcode(dns.rcode.from_text(word))
        return ede(**edns)(_asked, reply) if edns else reply
    return act


def ede(code, text=""):
    """The answer is right, and says something more."""
    def act(_asked, reply):
        reply.use_edns(0, options=[dns.edns.EDEOption(code, text)])
        return reply
    return act


def silence(_asked, _reply):
    return None


def slow(seconds):
    def act(_asked, reply):
        time.sleep(seconds)
        return reply
    return act


def truncated(asked, reply):
    """Too large for UDP, and nobody listens over TCP."""
    if asked.transport == "tcp":
        asked.connection.close()
        return None
    reply.answer.clear()
    reply.flags |= dns.flags.TC
    return reply


def bogus(asked, reply):
    """What a validator does: the answer comes with CD only."""
    return reply if asked.query.flags & dns.flags.CD else rcode("SERVFAIL")(asked, reply)


def secure(_asked, reply):
    reply.flags |= dns.flags.AD
    return reply


def answer(*rows):
    """Other records, each "OWNER TTL TYPE RDATA" with absolute names; as they are, one set for each row."""
    def act(_asked, reply):
        reply.answer[:] = [dns.rrset.from_text(owner, int(ttl), "IN", kind, rdata)
                           for owner, ttl, kind, rdata in (row.split(None, 3) for row in rows)]
        reply.set_rcode(0)
        return reply
    return act


class Records:
    """Zones {name: text} as a resolver would answer from them; outside of them nothing exists."""

    def __init__(self, zones, head=HEAD):
        self.zones = [dns.zone.from_text(head + text, origin=f"{name}.", relativize=False) for name, text in zones.items()]

    def find(self, name, rdtype):
        """(RCODE, RRsets), aliases followed."""
        chain = []
        for _ in range(12):
            zone = next((z for z in self.zones if name.is_subdomain(z.origin)), None)
            found = zone.get_rrset(name, rdtype) if zone else None
            alias = zone.get_rrset(name, "CNAME") if zone and not found else None
            if found:
                return dns.rcode.NOERROR, chain + [found]
            if not alias:
                exists = zone and any(n.is_subdomain(name) for n in zone.nodes)
                return dns.rcode.NOERROR if exists else dns.rcode.NXDOMAIN, chain
            chain.append(alias)
            name = alias[0].target
        return dns.rcode.NOERROR, chain

    def reply(self, query):
        question = query.question[0]
        reply = dns.message.make_response(query, recursion_available=True)
        reply.request_payload = 65535  # what fits is decided below
        code, sets = self.find(question.name, question.rdtype)
        reply.set_rcode(code)
        reply.answer.extend(sets)
        return reply


def resolver(zones, faults=(), head=HEAD):
    """A handler. faults: (NAME, TYPE, act), "*" in place of either: any; the first that fits acts."""
    records = Records(zones, head)

    def handler(asked):
        question = asked.query.question[0]
        name, kind = question.name.to_text().lower().rstrip("."), dns.rdatatype.to_text(question.rdtype)
        reply = records.reply(asked.query)
        if asked.transport == "udp" and len(reply.to_wire()) > 1232:
            reply.answer.clear()
            reply.flags |= dns.flags.TC
        for at, of, act in faults:
            if at in ("*", name) and of in ("*", kind):
                return act(asked, reply)
        return reply
    return handler
