"""The same as tls_server.py over HTTP/2: DNS over HTTPS, and what servers of it do wrong."""

from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.settings

from kit.tls_server import Mood, Peer, TlsServer, answer_a

REFUSED, INTERNAL = h2.errors.ErrorCodes.REFUSED_STREAM, h2.errors.ErrorCodes.INTERNAL_ERROR


@dataclass
class HttpMood(Mood):
    """What it does beyond what Mood says."""
    alpn: tuple = ("h2",)
    status: int = 200
    content_type: str = "application/dns-message"
    fields: tuple = ()            # more of them in each answer: (name, value)
    streams: int = 100            # MAX_CONCURRENT_STREAMS
    leaves_after: int = 0         # GOAWAY behind so many answers of a connection; what comes later is not looked at
    leaves_at_once: bool = False  # GOAWAY in place of the first answer, which is not looked at
    refuses: int = 0              # so many requests, with REFUSED_STREAM
    resets: int = 0               # so many requests, with INTERNAL_ERROR
    window: int = 65535           # of what the client may send in a stream
    says: bytes = b""             # raw octets in place of HTTP/2
    floods: bytes = b""           # raw octets behind each request


@dataclass
class Request:
    """One that came whole."""
    stream: int
    method: str = ""
    path: str = ""
    authority: str = ""
    fields: dict = field(default_factory=dict)
    body: bytes = b""
    cancelled: bool = False


class HttpPeer(Peer):
    """One connection."""

    def __init__(self, server):
        super().__init__(server)
        self.seen.requests, self.seen.pings, self.seen.most_open = [], 0, 0
        self.http, self.open, self.left = None, {}, False

    def ready(self):
        if self.mood.says:
            self.say(self.mood.says)
            return
        self.http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        self.http.local_settings = h2.settings.Settings(client=False, initial_values={
            h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: self.mood.streams,
            h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: self.mood.window})
        self.http.initiate_connection()
        self.speak()

    def speak(self):
        octets = self.http.data_to_send()
        if octets:
            self.say(octets)

    def take(self, text):
        if not self.http or self.silent:
            return
        self.watch_idle()
        try:
            events = self.http.receive_data(text)
        except h2.exceptions.ProtocolError as error:
            self.server.trouble.append(f"the client breaks HTTP/2: {error!r}")
            self.end("close")
            return
        self.speak()  # acknowledgements
        for event in events:
            self.on_event(event)
        if not self.over:
            self.speak()

    def on_event(self, event):
        if isinstance(event, h2.events.RequestReceived):
            got = dict(event.headers)
            self.open[event.stream_id] = Request(event.stream_id, got.pop(":method"), got.pop(":path"), got.pop(":authority"), got)
            self.seen.most_open = max(self.seen.most_open, len(self.open))
        elif isinstance(event, h2.events.DataReceived):
            self.open[event.stream_id].body += event.data
            self.http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            self.request(self.open[event.stream_id])
        elif isinstance(event, h2.events.StreamReset) and event.stream_id in self.open:
            self.open.pop(event.stream_id).cancelled = True
        elif isinstance(event, h2.events.PingReceived):
            self.seen.pings += 1

    def request(self, request):
        self.seen.requests.append(request)
        if self.mood.floods:
            self.say(self.mood.floods)
        if self.mood.leaves_at_once and not self.left:
            self.left = True
            self.say(self.http.data_to_send() + bytes((0, 0, 8, 7, 0, 0, 0, 0, 0)) + bytes(8))
        if self.left:
            return
        for name, code in (("refuses", REFUSED), ("resets", INTERNAL)):
            if getattr(self.mood, name) > 0:
                setattr(self.mood, name, getattr(self.mood, name) - 1)
                self.open.pop(request.stream)
                self.http.reset_stream(request.stream, code)
                return
        self.question(request.body, request)

    def pack(self, wire, of):
        if of.cancelled:
            return b""
        self.open.pop(of.stream)
        head = [(":status", str(self.mood.status)), ("content-type", self.mood.content_type), *self.mood.fields]
        self.http.send_headers(of.stream, head)
        for at in range(0, len(wire), self.http.max_outbound_frame_size):
            self.http.send_data(of.stream, wire[at:at + self.http.max_outbound_frame_size])
        self.http.end_stream(of.stream)
        if self.mood.leaves_after and self.seen.answered >= self.mood.leaves_after and not self.left:
            self.left = True
            octets = self.http.data_to_send()
            last = of.stream.to_bytes(4, "big")
            return octets + bytes((0, 0, 8, 7, 0, 0, 0, 0, 0)) + last + bytes(4)
        return self.http.data_to_send()


class HttpsServer(TlsServer):
    """DNS over HTTPS on host:port."""
    peer = HttpPeer

    def __init__(self, port, credentials, answer=answer_a, host="127.0.0.1", **mood):
        super().__init__(port, credentials, answer, host, HttpMood(**mood))

    @property
    def requests(self):
        return [request for c in list(self.connections) for request in list(c.requests)]
