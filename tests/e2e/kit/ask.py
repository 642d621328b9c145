"""Plain DNS clients, and what it means for two answers to be the same."""

import concurrent.futures
import socket
import struct
import time

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype

PATIENCE_S = 5


def query(name, rdtype, edns=None, do=False, payload=1232, cd=False):
    """A query message; edns: None for no OPT, else its version."""
    message = dns.message.make_query(name, rdtype)
    if edns is not None or do:
        message.use_edns(edns or 0, ednsflags=dns.flags.DO if do else 0, payload=payload)
    if cd:
        message.flags |= dns.flags.CD
    return message


def ask(server, name, rdtype="A", tcp=False, patience_s=PATIENCE_S, **how):
    """Ask server (host, port) and return the answer; UDP answers with TC come back as they are."""
    message = name if isinstance(name, dns.message.Message) else query(name, rdtype, **how)
    send = dns.query.tcp if tcp else dns.query.udp
    return send(message, server[0], patience_s, server[1])


def ask_fully(server, name, rdtype="A", tcp=False, **how):
    """ask(), and again over TCP when the answer is truncated, as every client does."""
    answer = ask(server, name, rdtype, tcp, **how)
    return ask(server, name, rdtype, True, **how) if answer.flags & dns.flags.TC else answer


def udp_exchange(server, wire, patience_s=PATIENCE_S):
    """Send raw bytes, return the raw reply or None for silence."""
    family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(patience_s)
        sock.connect(server)
        sock.send(wire)
        try:
            return sock.recv(65535)
        except socket.timeout:
            return None


def rcodes(server, names, threads=16):
    """The RCODEs, as words, of so many questions at a time, each from a socket of its own."""
    def one(name):
        return dns.rcode.to_text(ask(server, name, "A").rcode())
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        return list(pool.map(one, names))


def ask_at_once(server, names, patience_s=PATIENCE_S):
    """Asks for all names before it reads an answer; the RCODEs of those that came."""
    with socket.socket(socket.AF_INET6 if ":" in server[0] else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        sock.settimeout(patience_s)
        sock.connect(server)
        for name in names:
            sock.send(query(name, "A").to_wire())
        got = []
        try:
            while len(got) < len(names):
                got.append(dns.rcode.to_text(dns.message.from_wire(sock.recv(65535)).rcode()))
        except socket.timeout:
            pass
        return got


class Stream:
    """A TCP connection to a server: frames out, frames in, in whatever pieces a test likes."""

    def __init__(self, server, patience_s=PATIENCE_S):
        self.sock = socket.create_connection(server, patience_s)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.sock.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.sock.close()

    def send(self, *wires):
        self.sock.sendall(b"".join(frame(w) for w in wires))

    def receive(self):
        """The next message, or None when the other side has closed or reset the connection."""
        try:
            head = self.file.read(2)
            return self.file.read(struct.unpack("!H", head)[0]) if len(head) == 2 else None
        except ConnectionError:
            return None


def frame(wire):
    return struct.pack("!H", len(wire)) + wire


def records(section):
    """A section as a set of (owner, class, type, rdata), without TTLs and without the spelling of owners."""
    return {(rrset.name.canonicalize().to_text(), int(rrset.rdclass), int(rrset.rdtype),
             rdata.to_digestable().hex()) for rrset in section for rdata in rrset}


def record_count(section):
    return sum(len(rrset) for rrset in section)


def ttls(section):
    """TTL by (owner, type, type covered by a signature)."""
    return {(rrset.name.canonicalize().to_text(), int(rrset.rdtype), int(rrset.covers)): rrset.ttl
            for rrset in section}


def spelled(wire):
    """The question section of a wire message with one question, byte for byte."""
    at = 12
    while wire[at]:
        at += wire[at] + 1
    return wire[12:at + 5]


def difference(answer, truth):
    """Why answer is not what the authority's truth says, or None."""
    if answer.rcode() != truth.rcode():
        return f"rcode {dns.rcode.to_text(answer.rcode())} instead of {dns.rcode.to_text(truth.rcode())}"
    if records(answer.answer) != records(truth.answer):
        return f"answer\n{answer}\ninstead of\n{truth}"
    if record_count(answer.answer) != record_count(truth.answer):
        return f"records given twice in\n{answer}"
    allowed = ttls(truth.answer)
    for key, ttl in ttls(answer.answer).items():
        if ttl > allowed[key]:
            return f"TTL {ttl} above the authority's {allowed[key]} for {key}"
    return None


def soas(message):
    return [rrset for rrset in message.authority if rrset.rdtype == dns.rdatatype.SOA]


def addresses(section, name):
    """The A and AAAA texts of name in a section."""
    name = dns.name.from_text(name)
    return {rdata.to_text() for rrset in section if rrset.name == name
            and rrset.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA) for rdata in rrset}


def timed(function, *args, **kwargs):
    """(seconds, result) of one call."""
    start = time.monotonic()
    result = function(*args, **kwargs)
    return time.monotonic() - start, result
