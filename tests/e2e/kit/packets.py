"""Packets that no decent client sends, each with what it deserves."""

import struct

import dns.flags
import dns.opcode
import dns.rcode

from kit.ask import query

NAME, QTYPE_A = b"\x03one\x04full\x03lab\x00", b"\x00\x01\x00\x01"
FORMERR, NOTIMP, REFUSED, BADVERS = (int(r) for r in (dns.rcode.FORMERR, dns.rcode.NOTIMP, dns.rcode.REFUSED,
                                                      dns.rcode.BADVERS))
SILENCE = None


def packet(flags=0x0100, counts=(1, 0, 0, 0), body=NAME + QTYPE_A):
    return b"\x12\x34" + struct.pack("!5H", flags, *counts) + body


def opt(version=0, name=b"\x00", options=b"", length=None):
    return name + struct.pack("!HHBBHH", 41, 1232, 0, version, 0,
                              len(options) if length is None else length) + options


def with_opt(*records, tail=b""):
    return packet(counts=(1, 0, 0, len(records)), body=NAME + QTYPE_A + b"".join(records) + tail)


def opcode(code):
    return packet(flags=0x0100 | code << 11)


def pointer_chain():
    """A name of pointers, each to the one before, as long as a message can hold."""
    links = b"".join(struct.pack("!H", 0xC000 | at) for at in range(12, 12 + 2 * 2000, 2))
    return packet(body=links + QTYPE_A)


# what it is: (packet, the rcodes or silence that are right)
MALFORMED = {
    "nothing": (b"", {SILENCE}),
    "one octet": (b"\x12", {SILENCE}),
    "eleven octets": (packet()[:11], {SILENCE}),
    "a reply": (packet(flags=0x8180), {SILENCE}),
    "a reply with an error": (packet(flags=0x8182, counts=(0, 0, 0, 0), body=b""), {SILENCE}),
    "no question": (packet(counts=(0, 0, 0, 0), body=b""), {FORMERR, SILENCE}),
    "two questions": (packet(counts=(2, 0, 0, 0), body=(NAME + QTYPE_A) * 2), {FORMERR, SILENCE}),
    "65535 questions": (packet(counts=(65535, 0, 0, 0)), {FORMERR, SILENCE}),
    "records that are not there": (packet(counts=(1, 65535, 65535, 65535)), {FORMERR, SILENCE}),
    "an answer in a question": (packet(counts=(1, 1, 0, 0), body=(NAME + QTYPE_A) * 2 + b"\0\0\0\1\0\4abcd"),
                                {FORMERR, SILENCE}),
    "inverse query": (opcode(1), {NOTIMP}),
    "status": (opcode(dns.opcode.STATUS), {NOTIMP}),
    "opcode 3": (opcode(3), {NOTIMP}),
    "notify": (opcode(dns.opcode.NOTIFY), {NOTIMP, REFUSED}),
    "update": (opcode(dns.opcode.UPDATE), {NOTIMP, REFUSED}),
    "opcode 15": (opcode(15), {NOTIMP}),
    "type cut off": (packet(body=NAME + b"\x00"), {FORMERR, SILENCE}),
    "name cut off": (packet(body=b"\x03one\x04fu"), {FORMERR, SILENCE}),
    "label of 64": (packet(body=b"\x40" + b"a" * 64 + b"\x00" + QTYPE_A), {FORMERR, SILENCE}),
    "extended label": (packet(body=b"\x41" + NAME + QTYPE_A), {FORMERR, SILENCE}),
    "name of 256": (packet(body=(b"\x3f" + b"a" * 63) * 4 + b"\x00" + QTYPE_A), {FORMERR, SILENCE}),
    "pointer to itself": (packet(body=b"\xc0\x0c" + QTYPE_A), {FORMERR, SILENCE}),
    "pointer loop": (packet(body=b"\x01a\xc0\x0c" + QTYPE_A), {FORMERR, SILENCE}),
    "pointer ahead": (packet(body=b"\xc0\x20" + QTYPE_A + bytes(40)), {FORMERR, SILENCE}),
    "pointer beyond": (packet(body=b"\xff\xff" + QTYPE_A), {FORMERR, SILENCE}),
    "pointer chain": (pointer_chain(), {FORMERR, SILENCE}),
    "two OPT": (with_opt(opt(), opt()), {FORMERR}),
    "OPT with a name": (with_opt(opt(name=b"\x01a\x00")), {FORMERR}),
    "OPT cut off": (with_opt(opt()[:-3]), {FORMERR, SILENCE}),
    "OPT longer than it is": (with_opt(opt(options=b"\x00\x0a", length=400)), {FORMERR, SILENCE}),
    "option longer than OPT": (with_opt(opt(options=b"\x00\x0a\x00\xff")), {FORMERR, SILENCE}),
    "EDNS version 1": (with_opt(opt(version=1)), {BADVERS}),
    "EDNS version 255": (with_opt(opt(version=255)), {BADVERS}),
    "zone transfer": (query("lab", "AXFR").to_wire(), {NOTIMP, REFUSED, FORMERR, SILENCE}),
    "only zeros": (bytes(512), {FORMERR, SILENCE}),
    "only ones": (b"\xff" * 512, {SILENCE, FORMERR, NOTIMP}),
}


def rcode_of(reply):
    """The rcode of a reply, with the upper bits from its OPT when it is BADVERS; None for silence."""
    if reply is None:
        return SILENCE
    low = reply[3] & 15
    has_opt = struct.unpack("!H", reply[10:12])[0] == 1 and len(reply) >= 23
    return low | reply[-6] << 4 if has_opt and low == 0 else low
