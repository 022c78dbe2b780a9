"""A gateway under attack: started, watched, asked by an honest caller meanwhile, stopped."""

import http.client
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
BODY = json.dumps({"user_id": "196", "top_k": 5})
CONFIG = """
[http]
workers = 2
header_timeout = "2s"
body_timeout = "2s"
write_timeout = "2s"
keep_alive = "4s"
[drain]
delay = "200ms"
grace = "10s"
[log]
level = "warn"
"""


class Failed(Exception):
    """Something that must hold does not."""


def must(holds, what):
    if not holds:
        raise Failed(what)


class Honest(threading.Thread):
    """Asks the way a shop does, on one kept connection, forty times a second."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.address, self.over = address, threading.Event()
        self.seconds, self.wrong = [], []
        self.connection = None

    def ask(self):
        if self.connection is None:
            self.connection = http.client.HTTPConnection(*self.address, timeout=20)
        headers = {"content-type": "application/json"}
        self.connection.request("POST", "/v2/recommend/item", BODY, headers)
        answer = self.connection.getresponse()
        answer.read()
        if answer.will_close:
            self.connection.close()
            self.connection = None
        return answer.status

    def run(self):
        while not self.over.wait(0.025):
            begun = time.monotonic()
            try:
                status = self.ask()
                if status != 200:
                    self.wrong.append(status)
            except (OSError, http.client.HTTPException) as error:
                # A kept connection may be closed between two requests; a new one must do.
                self.connection = None
                if time.monotonic() - begun > 1:
                    self.wrong.append(repr(error))
                continue
            self.seconds.append(time.monotonic() - begun)

    def end(self):
        self.over.set()
        self.join()
        return self

    def p99(self):
        ordered = sorted(self.seconds)
        return ordered[int(len(ordered) * 0.99)] if ordered else float("inf")


class Gateway:
    """The process."""

    def __init__(self, binary, config=CONFIG):
        self.folder = tempfile.TemporaryDirectory()
        path = pathlib.Path(self.folder.name) / "gateway.toml"
        path.write_text(config)
        ports = ["--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--admin", "127.0.0.1:0"]
        self.log = open(pathlib.Path(self.folder.name) / "log", "wb+")
        self.process = subprocess.Popen(
            [binary, "--config", str(path), *ports],
            stdout=subprocess.PIPE,
            stderr=self.log,
            env={**os.environ, "ORT_DISABLE_TELEMETRY": "1"},
            cwd=ROOT,
        )
        line = self.process.stdout.readline().decode()
        must(line.startswith("listening "), f"the gateway did not start: {line!r} {self.logged()}")
        words = dict(word.split("=") for word in line.split()[1:])
        self.http, self.admin = (self._address(words[name]) for name in ("http", "admin"))

    @staticmethod
    def _address(told):
        host, port = told.rsplit(":", 1)
        return host, int(port)

    def logged(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def alive(self):
        return self.process.poll() is None

    def _of_status(self, key):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1])
        raise Failed(f"/proc has no {key}")

    def resident_mb(self):
        return self._of_status("VmRSS") / 1024

    def threads(self):
        return self._of_status("Threads")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def metric(self, name):
        connection = http.client.HTTPConnection(*self.admin, timeout=10)
        connection.request("GET", "/metrics")
        for line in connection.getresponse().read().decode().splitlines():
            if line.startswith(name + " "):
                return float(line.split()[1])
        raise Failed(f"/metrics has no {name}")

    def terminate(self, seconds=12.0):
        """Stops it as an orchestrator does; gives how long that took."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise Failed(f"SIGTERM: still there after {seconds} s: {self.logged()[-2000:]}") from None
        must(status == 0, f"SIGTERM: status {status}: {self.logged()[-2000:]}")
        return time.monotonic() - begun

    def kill(self):
        if self.alive():
            self.process.kill()
        self.process.wait()


class Peak(threading.Thread):
    """The most memory the process held while it was watched."""

    def __init__(self, gateway):
        super().__init__(daemon=True)
        self.gateway, self.over, self.most = gateway, threading.Event(), 0.0

    def run(self):
        while not self.over.wait(0.05):
            try:
                self.most = max(self.most, self.gateway.resident_mb())
            except (OSError, Failed):
                return

    def end(self):
        self.over.set()
        self.join()
        return self.most


def eventually(what, seconds, probe):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if probe():
            return
        time.sleep(0.1)
    raise Failed(f"never came: {what}")
