"""An XMPP client as a program of its own. Arguments: certificate to trust, JID, password, and optionally a
JID (or several, with commas) and a text to send to it, or ROOM@SERVICE/NICK to join without a text. Prints a line each, until it is stopped, for what
happens: `online`, `sent`, `joined ROOM@SERVICE`, `got JID TEXT`, `error JID CONDITION`, `failed REASON`."""

import logging
import sys

import slixmpp


class Client(slixmpp.ClientXMPP):
    """Goes online, says its piece, tells what it hears."""

    def __init__(self, jid, password, to=None, text=None):
        super().__init__(jid, password)
        self.piece = (to, text)
        self.add_event_handler("session_start", self.start)
        for event in ("message", "message_error", "presence_error"):
            self.add_event_handler(event, self.hear)
        for event in ("failed_auth", "connection_failed"):
            self.add_event_handler(event, lambda why, event=event: say("failed", event, why))

    async def start(self, _event):
        self.send_presence()
        await self.get_roster()
        say("online")
        to, text = self.piece
        if to and not text:
            room, nick = to.split("/")
            self.register_plugin("xep_0045")
            self.add_event_handler(f"muc::{room}::self-presence", lambda _presence: say("joined", room))
            self.plugin["xep_0045"].join_muc(room, nick)
        elif to:
            for each in to.split(","):
                self.send_message(mto=each, mbody=text, mtype="chat")
            say("sent")

    def hear(self, message):
        if message["type"] == "error":
            say("error", message["from"].bare, message["error"]["condition"])
        elif message["body"]:
            say("got", message["from"].bare, message["body"])


def say(*words):
    print(*words, flush=True)


if __name__ == "__main__":
    logging.basicConfig(level=logging.DEBUG)
    client = Client(*sys.argv[2:])
    client.ca_certs = sys.argv[1]
    client.connect()
    client.process()
