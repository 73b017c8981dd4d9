"""Chromium without a window, spoken to by its own protocol: opens a page at a width, light or dark, and asks it."""

import json
import shutil
import subprocess
import time
import urllib.request
from contextlib import ExitStack

from websockets.sync.client import connect

PATH = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FORGET = "try { localStorage.clear() } catch { }"
"""Nothing is left over of other pages. Some have no storage."""


class Chromium:
    """One browser with one page; close it with ``with``."""

    def __init__(self, folder):
        self._profile = folder / "profile"
        self._stack = ExitStack()
        self._count = 0

    def __enter__(self):
        with ExitStack() as stack:
            stack.callback(self._end, self._start())
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port()}/json") as answer:
                target = next(entry for entry in json.load(answer) if entry["type"] == "page")
            self._socket = stack.enter_context(connect(target["webSocketDebuggerUrl"], max_size=None))
            for domain in ("Page", "Runtime", "Network"):
                self.send(f"{domain}.enable")
            self.send("Page.addScriptToEvaluateOnNewDocument", source=FORGET)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()

    def _start(self):
        arguments = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-port=0"]
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(
            [PATH, *arguments, f"--user-data-dir={self._profile}", "about:blank"], **silent
        )
        return self._process

    def _end(self, process):
        process.terminate()
        process.wait(30)

    def _port(self):
        file, end = self._profile / "DevToolsActivePort", time.monotonic() + 60
        while not file.exists() or not file.read_text().strip():
            assert time.monotonic() < end and self._process.poll() is None, "Chromium did not start"
            time.sleep(0.05)
        return file.read_text().split()[0]

    def send(self, method, **params):
        """The result of a command; what happens meanwhile is noted."""
        self._count += 1
        self._socket.send(json.dumps({"id": self._count, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv(timeout=120))
            self._note(message)
            if message.get("id") == self._count:
                assert "error" not in message, message["error"]
                return message["result"]

    def _note(self, message):
        params = message.get("params", {})
        if message.get("method") == "Runtime.exceptionThrown":
            self.failures.append(params["exceptionDetails"]["exception"].get("description", "?"))
        elif message.get("method") == "Network.requestWillBeSent":
            self.asked.append(params["request"]["url"])
        elif message.get("method") == "Page.loadEventFired":
            self.loaded = True

    def open(self, url, width=1200, scheme="light"):
        """Loads a page, and waits until it has; what it asks for is in ``asked``, its errors in ``failures``."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.asked, self.failures, self.loaded = [], [], False
        self.send("Emulation.setDeviceMetricsOverride", **size)
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.send("Page.navigate", url=url)
        while not self.loaded:
            self._note(json.loads(self._socket.recv(timeout=120)))
        self.ask("new Promise(done => requestAnimationFrame(() => setTimeout(done, 0)))")

    def ask(self, expression):
        """The value of JavaScript in the page."""
        found = self.send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")
