"""The service as a process."""

import json
import os
import re
import socket
import subprocess
import threading
import time
import urllib.request

from tests.starting import Command


class Service:
    """A process that serves a run; ``errors`` has what it said."""

    def __init__(self, *arguments, **environment):
        options = {"stderr": subprocess.PIPE, "text": True, "env": {**os.environ, **environment}}
        self.process = Command("serve", *arguments, "--port", "0", **options)
        self.errors, said = [], threading.Event()

        def read():
            for line in self.process.stderr:
                self.errors.append(line)
                said.set()

        self.reader = threading.Thread(target=read)
        self.reader.start()
        end = time.monotonic() + 60
        while not self.address and self.process.poll() is None and time.monotonic() < end:
            said.wait(0.2)

    @property
    def address(self):
        found = re.search(r"http://\S+", "".join(self.errors))
        return found and found.group()

    @property
    def port(self):
        return int(self.address.rpartition(":")[2])

    def post(self, value, path="/predict", **headers):
        headers = {"Content-Type": "application/json", **headers}
        request = urllib.request.Request(self.address + path, json.dumps(value).encode(), headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def raw(self, content, wait=5.0):
        """What comes back for bytes that are sent as they are."""
        with socket.create_connection(("127.0.0.1", self.port), wait) as connection:
            connection.sendall(content)
            try:
                return connection.recv(65536)
            except (TimeoutError, ConnectionResetError):
                return b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(60)
        self.reader.join()
        self.process.stderr.close()
