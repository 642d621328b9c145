"""Servers upstream as they are met: one table of what each does wrong, and of what clients of jidnsd must get all the same.

A mood is two handlers, one for UDP and one for TCP, made of the parts below. Names are q4-0.udp.MOOD.lab: the fourth question of the
run "udp"."""

import collections
import socket
import struct
import threading
import time
from dataclasses import dataclass

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

COOKIE, CLIENT = 10, 8
ADDRESSES = {"A": "192.0.2.7", "AAAA": "2001:db8::7", "HTTPS": "1 . alpn=h2"}
FORMERR, NOTIMP, SERVFAIL, REFUSED = dns.rcode.FORMERR, dns.rcode.NOTIMP, dns.rcode.SERVFAIL, dns.rcode.REFUSED


# ---- the parts: answers ----

def type_of(asked):
    return dns.rdatatype.to_text(asked.query.question[0].rdtype)


def labels_of(asked):
    return asked.query.question[0].name.to_text().lower().split(".")


def number_of(asked):
    """4 of q4-0.udp.MOOD.lab."""
    return int(labels_of(asked)[0][1:].split("-")[0])


def client_cookie(asked):
    return next((bytes(option.data[:CLIENT]) for option in asked.query.options if option.otype == COOKIE), None)


def dress(asked, reply, cookie=None):
    """OPT as the question has it, with this cookie."""
    if asked.query.edns >= 0:
        options = [dns.edns.GenericOption(COOKIE, cookie)] if cookie else []
        reply.use_edns(0, asked.query.ednsflags, 1232, options=options)
    return reply


def own_cookie(asked):
    shown = client_cookie(asked)
    return shown and shown + b"serverno"


def answer(asked, ttl=300, cookie=own_cookie):
    """What a validating resolver says."""
    query = asked.query
    reply = dns.message.make_response(query, recursion_available=True)
    name, rdtype, do = query.question[0].name, type_of(asked), bool(query.ednsflags & dns.flags.DO)
    reply.answer.append(dns.rrset.from_text(name, ttl, "IN", rdtype, ADDRESSES[rdtype]))
    if do:
        signature = f"{rdtype} 8 3 {ttl} 20380101000000 20240101000000 1 lab. AAAA"
        reply.answer.append(dns.rrset.from_text(name, ttl, "IN", "RRSIG", signature))
    if do or query.flags & dns.flags.AD:
        reply.flags |= dns.flags.AD
    return dress(asked, reply, cookie(asked))


def bare(rcode, opt=True, cookie=lambda asked: None):
    """A handler that says no more than this code."""
    def handler(asked):
        reply = dns.message.make_response(asked.query, recursion_available=True)
        reply.use_edns(False)
        if opt:
            dress(asked, reply, cookie(asked))
        reply.set_rcode(rcode)
        return reply
    return handler


def header(rcode):
    """A handler that sends back twelve octets."""
    return lambda asked: asked.wire[:2] + bytes([0x80 | asked.wire[2] & 1, 0x80 | rcode]) + bytes(8)


def silence(_asked):
    return None


def cookies(cookie):
    """Answers with this cookie, a function, in place of its own."""
    return lambda asked: answer(asked, cookie=cookie)


def foreign(asked):
    return client_cookie(asked) and b"somebody" + b"serverno"


def sometimes_foreign(asked):
    return foreign(asked) if number_of(asked) % 2 else own_cookie(asked)


# ---- the parts: when ----

def when(test, then, otherwise=answer):
    return lambda asked: (then if test(asked) else otherwise)(asked)


def has_cookie(asked):
    return client_cookie(asked) is not None


def has_do(asked):
    return bool(asked.query.ednsflags & dns.flags.DO)


def has_edns(asked):
    return asked.query.edns >= 0


def is_type(rdtype):
    return lambda asked: type_of(asked) == rdtype


def plain(asked):
    """Knows nothing of OPT and passes it over."""
    reply = answer(asked)
    reply.use_edns(False)
    reply.answer = reply.answer[:1]
    return reply


def badvers(asked):
    reply = dress(asked, dns.message.make_response(asked.query, recursion_available=True))
    reply.set_rcode(dns.rcode.BADVERS)
    return reply


def badcookie(asked):
    reply = dress(asked, dns.message.make_response(asked.query, recursion_available=True), own_cookie(asked))
    reply.set_rcode(dns.rcode.BADCOOKIE)
    return reply


class Every:
    """Every n-th question of a run is handled by `then`."""

    def __init__(self, n, then, otherwise=answer):
        self.n, self.then, self.otherwise = n, then, otherwise
        self.seen, self.lock = collections.Counter(), threading.Lock()

    def __call__(self, asked):
        with self.lock:
            self.seen[labels_of(asked)[1]] += 1
            now = self.seen[labels_of(asked)[1]] % self.n == 0
        return (self.then if now else self.otherwise)(asked)


# ---- the parts: packets ----

def truncated(asked):
    reply = dress(asked, dns.message.make_response(asked.query, recursion_available=True), own_cookie(asked))
    reply.flags |= dns.flags.TC
    return reply


def truncated_part(asked):
    """As routers do: what fits, and TC."""
    reply = answer(asked)
    reply.flags |= dns.flags.TC
    return reply


def truncated_garbage(asked):
    wire = bytearray(answer(asked).to_wire())
    wire[2] |= 2
    end = len(wire) - 20
    return bytes(wire[:end]) + bytes(range(7, 24))


def from_elsewhere(host=None):
    """Answers from another port, or from this address and the right port."""
    def handler(asked):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind((host, asked.server[1]) if host else (asked.server[0], 0))
            other.sendto(answer(asked).to_wire(), asked.source)
    return handler


def wrong_id_first(asked):
    reply = answer(asked)
    reply.id ^= 0x0101
    asked.reply_raw(reply.to_wire())
    return answer(asked)


def doubled(asked):
    asked.reply_raw(answer(asked).to_wire())
    return answer(asked)


def respelled(asked):
    wire = bytearray(answer(asked).to_wire())
    end = wire.index(0, 12)
    wire[12:end] = bytes(wire[12:end]).lower()
    return bytes(wire)


def without_question(asked):
    reply = answer(asked)
    reply.question = []
    return reply


def other_question(asked):
    first = labels_of(asked)[0].encode()
    return answer(asked).to_wire().replace(first, b"x" * len(first), 1)


def nodata_with(ns, ra=True):
    """No record and no SOA; perhaps name servers, as in a referral."""
    def handler(asked):
        reply = dress(asked, dns.message.make_response(asked.query, recursion_available=ra), own_cookie(asked))
        if ns:
            reply.authority.append(dns.rrset.from_text("lab.", 300, "IN", "NS", "ns.lab."))
        return reply
    return handler


def late(seconds):
    def handler(asked):
        time.sleep(seconds)
        return answer(asked)
    return handler


def opt_of_version_1(asked):
    reply = answer(asked)
    if reply.edns >= 0:
        reply.use_edns(1, reply.ednsflags, 1232, options=reply.options)
    return reply


def two_opts(asked):
    wire = bytearray(answer(asked).to_wire())
    if has_edns(asked):
        wire[11] += 1
        wire += b"\0\0\x29\x04\xd0\0\0\0\0\0\0"
    return bytes(wire)


def z_bit(asked):
    wire = bytearray(answer(asked).to_wire())
    wire[3] |= 0x40
    return bytes(wire)


def a_for_aaaa(asked):
    reply = answer(asked)
    reply.answer = [dns.rrset.from_text(asked.query.question[0].name, 300, "IN", "A", ADDRESSES["A"])]
    return reply


# ---- the parts: streams ----

def closing_after(n):
    """Closes each connection behind its n-th answer; what came behind is not read."""
    def handler(asked):
        asked.reply_raw(answer(asked).to_wire())
        if asked.nth >= n:
            asked.connection.shutdown(socket.SHUT_RDWR)
    return handler


def closing_idle(asked):
    asked.reply_raw(answer(asked).to_wire())
    asked.connection.settimeout(0.05)


def resetting(asked):
    asked.reply_raw(answer(asked).to_wire())
    time.sleep(0.01)
    asked.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    asked.connection.close()
    raise ConnectionResetError


def chattering(asked):
    for _ in range(3):
        asked.reply_raw(b"\xee" * 40)
    return answer(asked)


def stalling(asked):
    """The reply to the first of those asked together stops in its middle, and its connection with it."""
    if "-0" not in labels_of(asked)[0]:
        return answer(asked)
    wire = answer(asked).to_wire()
    asked.connection.sendall(struct.pack("!H", len(wire)) + wire[:len(wire) // 2])
    asked.connection.settimeout(30)
    while asked.connection.recv(4096):
        pass
    return None


def octet_by_octet(asked):
    wire = answer(asked).to_wire()
    asked.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for octet in struct.pack("!H", len(wire)) + wire:
        asked.connection.sendall(bytes([octet]))


# ---- the table ----

UDP, TCP, BOTH = ("udp",), ("tcp",), ("udp", "tcp")
AT_ONCE_S, LATE_S = 0.2, 3.0


@dataclass
class Mood:
    """What a server does, and what clients must get of it."""
    name: str
    does: str                 # in the document, behind "the server"
    udp: callable = answer
    tcp: callable = None      # as over UDP
    listens: tuple = BOTH
    types: tuple = ("A",)     # asked for at the same time
    names: int = 1            # ... and so many names
    # what must come of it
    fails: callable = None    # (question, name's number, type) -> RCODE of what can't be answered, else None
    empty: bool = False       # NOERROR without records is right
    dnssec: bool = True       # it speaks EDNS: nothing of DNSSEC may be lost
    remembers: tuple = ()     # the words of what jidnsd is to have learnt, None: one or the other
    first_s: float = 2.0      # the first answer, at most
    then_s: float = AT_ONCE_S # the usual one from the fourth question on
    packets: float = 1.5      # it sees for each question then, on average
    down: bool = False        # jidnsd may hold it down
    options: tuple = ()       # of jidnsd

    def handler(self, asked):
        return (self.tcp or self.udp)(asked) if asked.transport == "tcp" else self.udp(asked)

    def code_for(self, n, k, rdtype):
        return self.fails and self.fails(n, k, rdtype) or "NOERROR"


def always(code):
    return lambda n, k, rdtype: code


def first_name(code):
    return lambda n, k, rdtype: None if k else code


def of_type(wrong, code):
    return lambda n, k, rdtype: code if rdtype == wrong else None


def over_tcp(name, does, tcp, **how):
    """A server whose answers are all too large for UDP, asked four at once."""
    return Mood(name, f"truncates; TCP {does}", truncated, tcp, **{"names": 4, "packets": 2.5, "then_s": 0.5, **how})


def moods():
    """The table. Some count what they are asked: each call makes them anew."""
    return [
        Mood("well", "answers as it should"),
        Mood("ttl-0", "gives TTL 0", lambda asked: answer(asked, ttl=0)),
        # cookies
        Mood("cookie-foreign", "hands out another client's cookie", cookies(foreign), remembers=("foreign-cookies",)),
        Mood("cookie-cached", "gives a cached client's cookie, else ours", cookies(sometimes_foreign),
             remembers=("foreign-cookies",)),
        Mood("cookie-echo", "echoes our 8 octets", cookies(client_cookie), remembers=("no-cookies",)),
        Mood("cookie-none", "knows no cookies", cookies(lambda _: None), remembers=("no-cookies",)),
        *[Mood(f"cookie-{name}", f"says {text} to a cookie", when(has_cookie, handler), remembers=("cookies-refused",))
          for name, text, handler in (
              ("formerr-opt", "FORMERR with OPT", bare(FORMERR)), ("formerr", "FORMERR without OPT", bare(FORMERR, opt=False)),
              ("refused", "REFUSED", bare(REFUSED)), ("servfail", "SERVFAIL", bare(SERVFAIL)), ("notimp", "NOTIMP", bare(NOTIMP)))],
        Mood("cookie-mute", "is silent to a cookie", when(has_cookie, silence), remembers=("cookies-dropped",)),
        Mood("cookie-bad", "says BADCOOKIE always", when(has_cookie, badcookie), remembers=("cookies-refused",)),
        Mood("cookie-forgotten", "shows a cookie in every second reply", Every(2, cookies(lambda _: None)), remembers=("foreign-cookies",)),
        # EDNS
        *[Mood(f"edns-{name}", f"says {text} to EDNS", when(has_edns, handler), dnssec=False, remembers=("no-edns",))
          for name, text, handler in (
              ("formerr", "FORMERR without OPT", bare(FORMERR, opt=False)), ("header", "FORMERR, a bare header,", header(FORMERR)),
              ("notimp", "NOTIMP", bare(NOTIMP, opt=False)), ("servfail", "SERVFAIL", bare(SERVFAIL, opt=False)),
              ("badvers", "BADVERS", badvers))],
        Mood("edns-mute", "is silent to EDNS", when(has_edns, silence), dnssec=False, remembers=("edns-dropped",)),
        Mood("edns-passed-over", "leaves OPT out", plain, dnssec=False, remembers=("edns-passed-over",)),
        Mood("edns-tcp-opt", "says FORMERR with OPT to EDNS over UDP only", when(has_edns, bare(FORMERR)), answer, remembers=("udp-no-edns",)),
        Mood("edns-tcp", "says FORMERR without OPT to EDNS over UDP only", when(has_edns, bare(FORMERR, opt=False)), answer, dnssec=False,
             remembers=("no-edns",)),
        Mood("edns-mute-udp", "is silent to EDNS over UDP, not over TCP", when(has_edns, silence), answer, remembers=("udp-silent",)),
        Mood("do-mute-udp", "is silent to DNSSEC's DO over UDP", when(has_do, silence), answer, remembers=None),
        Mood("do-mute", "is silent to DNSSEC's DO", when(has_do, silence), dnssec=False, remembers=None),
        Mood("do-formerr", "says FORMERR to DNSSEC's DO", when(has_do, bare(FORMERR, opt=False)), dnssec=False, remembers=None),
        Mood("edns-other-version", "gives OPT of version 1", opt_of_version_1),
        Mood("edns-two", "gives OPT twice", two_opts, remembers=None),
        # UDP
        Mood("udp-mute", "is mute over UDP", silence, answer, remembers=("udp-silent",)),
        Mood("udp-closed", "has its UDP port closed", listens=TCP, remembers=("udp-closed",)),
        Mood("udp-port", "replies from another port", from_elsewhere(), answer, remembers=("udp-silent",)),
        Mood("udp-address", "replies from another address", from_elsewhere("127.0.77.77"), answer, remembers=("udp-silent",)),
        Mood("udp-no-question", "leaves the question out over UDP", without_question, answer, remembers=("udp-silent",)),
        Mood("udp-other-question", "repeats another question over UDP", other_question, answer, remembers=("udp-silent",)),
        Mood("udp-wrong-id", "sends a wrong id first", wrong_id_first),
        Mood("udp-doubled", "sends each reply twice", doubled),
        Mood("udp-loses", "loses every third datagram", Every(3, silence), answer, remembers=None, packets=2.5),
        Mood("udp-cuts", "truncates every second reply", Every(2, truncated), answer, packets=2.5),
        Mood("udp-respells", "does not repeat capital letters", respelled, remembers=("case-mismatch",), options=("--case-random", "on")),
        Mood("udp-respells-no-tcp", "does not repeat capital letters, and has no TCP", respelled, remembers=("case-mismatch",), listens=UDP,
             options=("--case-random", "on")),
        # TCP
        Mood("tcp-refused", "has its TCP port closed", listens=UDP),
        Mood("tcp-mute", "is mute over TCP", tcp=silence),
        over_tcp("tcp-well", "answers as it should", answer),
        over_tcp("tcp-closes-1", "closes after each answer", closing_after(1)),
        over_tcp("tcp-closes-3", "closes after three answers", closing_after(3)),
        over_tcp("tcp-stalls", "stalls 1 in 4", stalling, fails=first_name("SERVFAIL"), first_s=LATE_S, packets=9,
                 then_s=1.0),
        over_tcp("tcp-octets", "sends an octet at a time", octet_by_octet, names=3, then_s=0.4),
        Mood("tc-garbage", "truncates with garbage", truncated_garbage, answer, packets=2.3),
        Mood("tc-no-tcp", "truncates, has its TCP port closed", truncated_part, listens=UDP, packets=4, empty=True),
        Mood("tc-tcp-mute", "truncates, is mute over TCP", truncated_part, silence, first_s=LATE_S, then_s=LATE_S, packets=6, empty=True),
        over_tcp("tcp-closes-idle", "closes 50 ms after an answer", closing_idle),
        over_tcp("tcp-resets", "resets behind each answer", resetting),
        over_tcp("tcp-chatters", "sends frames nobody asked for", chattering),
        Mood("udp-mute-tcp-closes", "UDP mute; TCP closes each time", silence, closing_after(1), names=4,
             remembers=("udp-silent",)),
        Mood("udp-mute-tcp-stalls", "UDP mute; TCP stalls 1 in 4", silence, stalling, names=4,
             fails=first_name("SERVFAIL"), first_s=LATE_S, packets=9, then_s=1.0, remembers=("udp-silent",)),
        Mood("tc-tcp-cut", "truncates over TCP, too", truncated, fails=always("SERVFAIL"), packets=3),
        Mood("trailing", "leaves octets behind its reply", lambda asked: answer(asked).to_wire() + b"tail"),
        Mood("late-first", "answers the first question after 1.8 s", when(lambda a: number_of(a) == 1, late(1.8)), first_s=LATE_S),
        Mood("z-bit", "sets the reserved bit", z_bit),
        # types
        Mood("aaaa-as-a", "answers AAAA with A records", when(is_type("AAAA"), a_for_aaaa), types=("A", "AAAA"), empty=True, packets=3,
             fails=of_type("AAAA", "SERVFAIL")),
        *[Mood(f"{rdtype.lower()}-{name}", f"{text} {rdtype}", when(is_type(rdtype), handler), types=("A", rdtype), fails=of_type(rdtype, code),
               **how) for rdtype, name, text, handler, code, how in (
            ("AAAA", "mute", "is silent to", silence, "SERVFAIL", {"first_s": LATE_S, "packets": 5}),
            ("HTTPS", "mute", "is silent to", silence, "SERVFAIL", {"first_s": LATE_S, "packets": 5}),
            ("AAAA", "nxdomain", "says NXDOMAIN to", bare(dns.rcode.NXDOMAIN, cookie=own_cookie), "NXDOMAIN", {}),
            ("AAAA", "servfail", "says SERVFAIL to", bare(SERVFAIL, cookie=own_cookie), "SERVFAIL", {"packets": 2.5}),
            ("AAAA", "notimp", "says NOTIMP to", bare(NOTIMP, cookie=own_cookie), "SERVFAIL", {"packets": 3.5}))],
        # what can't be helped, and what can
        Mood("nodata-ns", "says NODATA with NS and no SOA", nodata_with(ns=True), empty=True),
        Mood("nodata-bare", "says NODATA with nothing at all", nodata_with(ns=False), empty=True),
        Mood("referral", "refers to other servers", nodata_with(ns=True, ra=False), fails=always("SERVFAIL")),
        Mood("refused", "refuses always", bare(REFUSED), fails=always("SERVFAIL"), packets=2.5),
        Mood("servfails", "fails always", bare(SERVFAIL), fails=always("SERVFAIL"), packets=2.5),
        Mood("servfails-first", "fails the first three questions", when(lambda a: number_of(a) <= 3, bare(SERVFAIL)),
             fails=lambda n, k, rdtype: "SERVFAIL" if n <= 3 else None),
        Mood("far", "answers after 600 ms", late(0.6), then_s=0.9, packets=1.5),
        Mood("mute", "is mute", silence, silence, fails=always("SERVFAIL"), first_s=LATE_S, then_s=LATE_S, packets=8, down=True),
        Mood("gone", "has both ports closed", listens=(), fails=always("SERVFAIL"), packets=0, down=True),
    ]
