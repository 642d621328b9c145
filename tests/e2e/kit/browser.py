"""Headless Chromium, commanded over its debugging pipe: pages as users see them, at any width, light or dark."""

import base64
import json
import os
import select
import shutil
import subprocess
import time

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE_S = 60


class Browser:
    """One page. `requests` has all URLs that it asked for, `complaints` what its console said of errors and warnings."""

    def __init__(self, folder):
        theirs_in, self.to = os.pipe()
        self.heard, theirs_out = os.pipe()
        self.number, self.buffer, self.session = 0, b"", None
        self.requests, self.complaints, self.loads = [], [], 0
        command = f'exec "$0" "$@" 3<&{theirs_in} 4>&{theirs_out}'
        self.child = subprocess.Popen(["bash", "-c", command, CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                                       "--no-first-run", "--disable-background-networking", "--remote-debugging-pipe",
                                       f"--user-data-dir={folder}/profile", "about:blank"],
                                      pass_fds=(theirs_in, theirs_out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(theirs_in)
        os.close(theirs_out)
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def close(self):
        os.close(self.to)
        self.child.terminate()
        self.child.wait(20)
        os.close(self.heard)

    def _next(self, deadline):
        while b"\0" not in self.buffer:
            if not select.select([self.heard], [], [], max(0, deadline - time.monotonic()))[0]:
                raise TimeoutError("Chromium does not answer")
            octets = os.read(self.heard, 1 << 20)
            assert octets, "Chromium has gone"
            self.buffer += octets
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def _note(self, event):
        what = event["params"]
        match event["method"]:
            case "Network.requestWillBeSent":
                self.requests.append(what["request"]["url"])
            case "Log.entryAdded" if what["entry"]["level"] in ("error", "warning"):
                self.complaints.append(what["entry"]["text"])
            case "Runtime.consoleAPICalled" if what["type"] in ("error", "warning", "assert"):
                self.complaints.append(str(what["args"]))
            case "Runtime.exceptionThrown":
                self.complaints.append(str(what["exceptionDetails"]))
            case "Page.loadEventFired":
                self.loads += 1

    def ask(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params} | ({"sessionId": self.session} if self.session else {})
        os.write(self.to, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE_S
        while True:
            heard = self._next(deadline)
            if heard.get("id") == self.number:
                assert "error" not in heard, heard
                return heard["result"]
            if "method" in heard:
                self._note(heard)

    def look(self, url, width=1280, height=900, scheme="light", script=True):
        """Loads a page at that size and in that colour scheme."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.ask("Emulation.setScriptExecutionDisabled", value=not script)
        before = self.loads
        self.ask("Page.navigate", url=url)
        deadline = time.monotonic() + PATIENCE_S
        while self.loads == before:
            self._note_if_event(self._next(deadline))

    def _note_if_event(self, heard):
        if "method" in heard:
            self._note(heard)

    def value(self, script):
        """What an expression of JavaScript says of the page."""
        done = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def words(self):
        """All text of the page, read without running anything in it."""
        found = []

        def walk(node):
            if node["nodeName"] not in ("SCRIPT", "STYLE"):
                found.append(node.get("nodeValue", ""))
                for child in node.get("children", []):
                    walk(child)
        walk(self.ask("DOM.getDocument", depth=-1)["root"])
        return " ".join(" ".join(found).split())

    def picture(self):
        """All of the page, as PNG."""
        size = self.ask("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        return base64.b64decode(self.ask("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)["data"])
