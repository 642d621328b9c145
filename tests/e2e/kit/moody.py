"""An upstream some way off that can be made slow, silent or sullen."""

import time

import dns.message
import dns.rdatatype

from kit.upstream import relay_to

TTL_S = 2
SLOW_S = 0.9  # slixmpp gives up its question after 1 s


class Moody:
    """An upstream some way off whose answers live for ttl_s; its mood can be changed."""

    def __init__(self, server):
        self.honest = relay_to(*server)
        self.ttl_s = TTL_S
        self.slow = set()
        self.delay_s = 0.04
        self.mood = None  # or a handler that answers everything

    def __call__(self, asked):
        if self.mood:
            return self.mood(asked)
        question = asked.query.question[0]
        slow = (question.name.to_text().lower(), dns.rdatatype.to_text(question.rdtype)) in self.slow
        time.sleep(SLOW_S if slow else self.delay_s)
        reply = dns.message.from_wire(self.honest(asked))
        for rrset in reply.answer + reply.authority + reply.additional:
            rrset.ttl = min(rrset.ttl, self.ttl_s)
        return reply
