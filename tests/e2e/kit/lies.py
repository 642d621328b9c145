"""Answers that must not be believed: what an attacker, or a broken server, sends for a question."""

import dns.message
import dns.opcode
import dns.rcode
import dns.rrset

TRUTH, LIE = "192.0.2.200", "203.0.113.66"


def a_record(name, address, ttl=300):
    return dns.rrset.from_text(name, ttl, "IN", "A", address)


def answer(query, address=TRUTH):
    """The straight answer to an A question."""
    reply = dns.message.make_response(query)
    reply.answer.append(a_record(query.question[0].name, address))
    return reply


def wrong_id(query):
    reply = answer(query, LIE)
    reply.id = query.id ^ 0x0101
    return reply.to_wire()


def wrong_name(query):
    other = dns.message.make_query("other.lab", "A", id=query.id)
    return answer(other, LIE).to_wire()


def wrong_type(query):
    other = dns.message.make_query(query.question[0].name, "AAAA", id=query.id)
    reply = dns.message.make_response(other)
    reply.answer.append(a_record(query.question[0].name, LIE))
    return reply.to_wire()


def wrong_class(query):
    other = dns.message.make_query(query.question[0].name, "A", rdclass="CH", id=query.id)
    reply = dns.message.make_response(other)
    reply.answer.append(a_record(query.question[0].name, LIE))
    return reply.to_wire()


def not_a_reply(query):
    wire = bytearray(answer(query, LIE).to_wire())
    wire[2] &= 0x7F
    return bytes(wire)


def wrong_opcode(query):
    wire = bytearray(answer(query, LIE).to_wire())
    wire[2] = wire[2] & 0x87 | dns.opcode.NOTIFY << 3
    return bytes(wire)


def garbage(query):
    return query.to_wire()[:2] + bytes((17 * n + 5) % 256 for n in range(200))


def header_only(query):
    return answer(query, LIE).to_wire()[:12]


def cut_off(query):
    return answer(query, LIE).to_wire()[:-3]


def looping_name(query):
    wire = answer(query, LIE).to_wire()
    at = len(query.to_wire()) if query.edns < 0 else wire.index(b"\xc0\x0c")
    return wire[:at] + bytes([0xC0, at]) + wire[at + 2:]


# what somebody sends who cannot see the question, or who answers another one
FORGERIES = (wrong_id, wrong_name, wrong_type, wrong_class, not_a_reply, wrong_opcode, garbage, header_only)
# what only the server itself can have sent, because id and question are right
BROKEN = (cut_off, looping_name)


def with_unasked_additional(query):
    """True as far as asked, with addresses for somebody else in the authority and additional sections."""
    reply = answer(query)
    reply.authority.append(dns.rrset.from_text("lab.", 300, "IN", "NS", "victim.lab."))
    reply.additional.append(a_record("victim.lab.", LIE))
    return reply


def with_unasked_answer(query):
    """True as far as asked, with another name's address among the answers."""
    reply = answer(query)
    reply.answer.insert(0, a_record("victim.lab.", LIE))
    return reply


def only_unasked_answer(query):
    """Nothing but another name's address."""
    reply = dns.message.make_response(query)
    reply.answer.append(a_record("victim.lab.", LIE))
    return reply


def broken_chain(query):
    """A CNAME, and an address for a name that is not its target."""
    reply = dns.message.make_response(query)
    reply.answer.append(dns.rrset.from_text(query.question[0].name, 300, "IN", "CNAME", "target.lab."))
    reply.answer.append(a_record("victim.lab.", LIE))
    return reply
