"""Between programs and their DNS server: passes questions on and remembers how long each was open."""

import time
from dataclasses import dataclass

import dns.rdatatype

from kit.upstream import Upstream, relay_to


@dataclass
class Span:
    """One question, and when its answer came (time.monotonic())."""
    name: str
    rdtype: str
    start_s: float
    end_s: float


class Watch(Upstream):
    """On port 53 of a namespace's loopback, in front of a server that is reached from there."""

    def __init__(self, server, namespace):
        self.server, self.spans = server, []
        super().__init__(self._pass_on, 53, namespace=namespace, enter=namespace.enter)

    def _pass_on(self, asked):
        question, start_s = asked.query.question[0], time.monotonic()
        reply = relay_to(*self.server)(asked)
        self.spans.append(Span(question.name.to_text().lower(), dns.rdatatype.to_text(question.rdtype), start_s,
                               time.monotonic()))
        return reply


def open_s(spans):
    """For how long at least one of these questions was open: what whoever asks them has waited for DNS, however long it
    took for other things in between."""
    total, until = 0.0, 0.0
    for span in sorted(spans, key=lambda s: s.start_s):
        total += max(0.0, span.end_s - max(span.start_s, until))
        until = max(until, span.end_s)
    return total
