"""A DNS server over TLS made of a Python function. It proves itself with any certificate, breaks its connections in every way that
servers do, and remembers what it saw: handshakes, names, and every octet that was said before and after them."""

import asyncio
import ctypes
import socket
import ssl
import struct
import threading
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.rrset

CLOSE, RESET = "close", "reset"


def answer_a(query):
    """An address for whatever is asked."""
    reply = dns.message.make_response(query)
    reply.flags |= dns.flags.RA
    reply.answer = [dns.rrset.from_text(query.question[0].name, 300, "IN", "A", "192.0.2.1")]
    return reply


@dataclass
class Mood:
    """How the server treats its connections; may be changed while it runs."""
    delay_s: float = 0.0                # there and back: what is sent arrives so much later
    oldest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2
    newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    alpn: tuple = ("dot",)              # what it offers; () for no such extension
    plain: bool = False                 # speaks no TLS at all: plain TCP
    mute: bool = False                  # accepts connections and says nothing
    tickets: int = 2
    ends_after_handshake: str = ""      # CLOSE or RESET
    ends_after: int = 0                 # so many answers on one connection; 0: never
    ends_by: str = CLOSE
    says_goodbye: bool = True           # close_notify before it closes
    cuts_last: bool = False             # the answer that it ends after is cut in its midst
    idle_s: float = 0                   # without a question it closes; 0: never
    piece: int = 0                      # at most so many octets are sent at once; 0: all
    gap_s: float = 0                    # between two pieces
    turns: float = 0                    # gathers questions for so long and answers the last one first


@dataclass
class Connection:
    """What was seen on one."""
    nth: int
    raw: bytearray = field(default_factory=bytearray)  # all octets that came
    text: int = 0                                      # octets of plain text in them
    proven: bool = False                               # the handshake is done
    resumed: bool = False
    version: str = ""
    alpn: str = ""
    sni: str = ""
    sizes: list = field(default_factory=list)          # of the questions
    asked: list = field(default_factory=list)          # "name. TYPE"
    ids: list = field(default_factory=list)
    answered: int = 0
    trouble: str = ""


class Peer(asyncio.Protocol):
    """One connection: TLS with memory at both ends, so that every octet passes here. Frames of DNS in it; `Peer.take` is what other
    protocols replace."""

    def __init__(self, server):
        self.server, self.mood = server, server.mood
        self.seen = Connection(len(server.connections) + 1)
        self.transport = self.tls = self.idle = None
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.inside, self.held = bytearray(), []
        self.silent = self.over = False
        self.due = 0.0  # when the last octets under way will have been sent

    def connection_made(self, transport):
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.server.connections.append(self.seen)
        self.server.peers.append(self)
        if not self.mood.plain and not self.mood.mute:
            self.tls = self.server.context().wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.watch_idle()

    def connection_lost(self, exc):
        self.over = True
        if self in self.server.peers:
            self.server.peers.remove(self)
        if self.idle:
            self.idle.cancel()

    def data_received(self, data):
        self.seen.raw += data
        if self.over or self.mood.mute:
            return
        if self.mood.plain:
            self.take(data)
            return
        self.incoming.write(data)
        try:
            self.pump()
        except ssl.SSLError as error:
            self.seen.trouble = str(error)
            self.flush()
            self.end(CLOSE, False)

    def pump(self):
        if not self.seen.proven:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                self.flush()
                return
            self.shake()
        while not self.over:
            try:
                text = self.tls.read(65536)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLZeroReturnError:
                self.end(CLOSE)
                return
            if not text:
                break
            self.seen.text += len(text)
            self.take(text)
        self.flush()

    def shake(self):
        seen = self.seen
        seen.proven, seen.resumed = True, bool(self.tls.session_reused)
        seen.version, seen.alpn = self.tls.version(), self.tls.selected_alpn_protocol() or ""
        seen.sni = self.server.names.get(id(self.tls), "")
        self.flush()
        if self.mood.ends_after_handshake:
            self.end(self.mood.ends_after_handshake)
        else:
            self.ready()

    def ready(self):
        """The handshake is done: what the server says first."""

    # ---- DNS in it ----

    def take(self, text):
        self.inside += text
        self.watch_idle()
        while len(self.inside) >= 2:
            need = 2 + struct.unpack("!H", self.inside[:2])[0]
            if len(self.inside) < need:
                return
            wire = bytes(self.inside[2:need])
            del self.inside[:need]
            self.question(wire)

    def question(self, wire, of=None):
        """of: what the answer is to be put into, if anything."""
        query = dns.message.from_wire(wire)
        asked = query.question[0]
        self.seen.sizes.append(len(wire))
        self.seen.ids.append(query.id)
        self.seen.asked.append(f"{asked.name.to_text().lower()} {dns.rdatatype.to_text(asked.rdtype)}")
        if self.silent:
            return
        if self.mood.turns:
            if not self.held:
                self.later(self.mood.turns, self.turn)
            self.held.append((query, of))
        else:
            self.reply(query, of)

    def turn(self):
        held, self.held = self.held, []
        for query, of in reversed(held):
            self.reply(query, of)

    def pack(self, wire, _of):
        """An answer as it travels."""
        return struct.pack("!H", len(wire)) + wire

    def reply(self, query, of=None):
        wire = self.server.answer(query)
        if wire is None:
            return
        if isinstance(wire, dns.message.Message):
            wire = wire.to_wire(max_size=65535)
        if self.over:
            return
        self.seen.answered += 1
        last = self.mood.ends_after and self.seen.answered >= self.mood.ends_after
        frame = self.pack(wire, of)
        self.say(frame[:len(frame) // 2] if last and self.mood.cuts_last else frame)
        if last:
            self.end(self.mood.ends_by)

    # ---- octets out ----

    def say(self, text):
        if self.tls:
            self.tls.write(text)
            self.flush()
        else:
            self.send(text)

    def flush(self):
        octets = self.outgoing.read()
        if octets:
            self.send(octets)

    def send(self, octets):
        piece = self.mood.piece or len(octets)
        for at in range(0, len(octets), piece):
            self.in_order(lambda part=octets[at:at + piece]: self.transport.write(part), self.mood.gap_s if self.mood.piece else 0)

    def in_order(self, action, gap_s=0):
        """Does it after the way's delay, and after what was to be done before."""
        if not self.mood.delay_s and not gap_s and self.due <= self.server.loop.time():
            action()
            return
        self.due = max(self.due + gap_s, self.server.loop.time() + self.mood.delay_s)
        self.server.loop.call_at(self.due, action)

    def later(self, seconds, action):
        return self.server.loop.call_later(seconds, action)

    def watch_idle(self):
        if self.idle:
            self.idle.cancel()
        self.idle = self.later(self.mood.idle_s, lambda: self.end(CLOSE)) if self.mood.idle_s else None

    def end(self, how, goodbye=None):
        if self.over:
            return
        if self.tls and how == CLOSE and (self.mood.says_goodbye if goodbye is None else goodbye):
            try:
                self.tls.unwrap()
            except ssl.SSLError:
                pass
            self.flush()
        self.over = True
        self.in_order(self.transport.abort if how == RESET else self.transport.close)

    # ---- what Python's ssl has no words for ----

    def renew(self):
        """KeyUpdate (RFC 8446 4.6.3) and another ticket, unasked."""
        library, pointer = ctypes.CDLL("libssl.so.3"), self.pointer()
        library.SSL_new_session_ticket(pointer)
        library.SSL_key_update(pointer, 1)  # asks the peer to update its own, too
        library.SSL_do_handshake(pointer)
        self.flush()

    def pointer(self):
        """The SSL * in CPython's object: behind its head (two words) and the socket's reference."""
        return ctypes.c_void_p(ctypes.c_void_p.from_address(id(self.tls._sslobj) + 3 * ctypes.sizeof(ctypes.c_void_p)).value)  # pylint: disable=protected-access


class TlsServer:
    """Listens on host:port; answer(query) -> Message, octets or None."""
    peer = Peer

    def __init__(self, port, credentials, answer=answer_a, host="127.0.0.1", mood=None, **moods):
        self.port, self.host, self.answer, self.credentials = port, host, answer, credentials
        self.mood = mood or Mood(**moods)
        self.connections, self.peers, self.names = [], [], {}
        self.trouble = []
        self._context = None
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(lambda _loop, what: self.trouble.append(repr(what.get("exception") or what["message"])))
        self._listening = self.loop.run_until_complete(self.loop.create_server(lambda: self.peer(self), host, port, backlog=512))
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def context(self):
        """One for all connections, so that its tickets are good on the next one."""
        if self._context:
            return self._context
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.set_ciphers("ALL:@SECLEVEL=0")
        made.minimum_version, made.maximum_version = self.mood.oldest, self.mood.newest
        made.num_tickets = self.mood.tickets
        made.load_cert_chain(self.credentials.chain, self.credentials.key)
        if self.mood.alpn:
            made.set_alpn_protocols(list(self.mood.alpn))
        made.sni_callback = lambda tls, name, _context: self.names.__setitem__(id(tls), name or "")
        self._context = made
        return made

    # ---- what was seen ----

    @property
    def handshakes(self):
        return sum(c.proven for c in self.connections)

    @property
    def resumed(self):
        return sum(c.resumed for c in self.connections)

    @property
    def text(self):
        """Octets of plain text, whoever they came from."""
        return sum(c.text for c in self.connections)

    @property
    def asked(self):
        return [question for c in list(self.connections) for question in list(c.asked)]

    @property
    def sizes(self):
        return [size for c in list(self.connections) for size in list(c.sizes)]

    # ---- what is done to it ----

    def do(self, action):
        """Runs action() in the server's thread and waits for it."""
        async def run():
            return action()
        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(10)

    def hush(self):
        """The connections that are open say nothing from now on; new ones answer."""
        self.do(lambda: [setattr(peer, "silent", True) for peer in self.peers])

    def renew(self):
        self.do(lambda: [peer.renew() for peer in list(self.peers) if peer.seen.proven])

    def end(self, how=CLOSE):
        self.do(lambda: [peer.end(how) for peer in list(self.peers)])

    def prove_with(self, credentials, **mood):
        """Shows another certificate from the next connection on."""
        def change():
            self.credentials, self._context = credentials, None
            for name, value in mood.items():
                setattr(self.mood, name, value)
        self.do(change)

    def close(self):
        def stop():
            self._listening.close()
            for peer in list(self.peers):
                peer.over = True
                peer.transport.abort()
        self.do(stop)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()
        assert not self.trouble, f"the test's own server failed: {self.trouble[:3]}"
