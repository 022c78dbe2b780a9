"""A gateway on free ports over a repository made for one test."""

import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[3]


def binary():
    """The gateway to test: FUSEBOX_GATEWAY, else the newest of the workspace's builds."""
    given = os.environ.get("FUSEBOX_GATEWAY")
    if given:
        return pathlib.Path(given)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    built = [target / profile / "gateway" for profile in ("debug", "release")]
    built = [path for path in built if path.is_file()]
    if not built:
        raise SystemExit("no gateway is built: run `cargo build -p gateway`")
    return max(built, key=lambda path: path.stat().st_mtime)


class Gateway:
    """Starts on entry, stops on exit. `config` is TOML text; `repository` a folder of models."""

    def __init__(self, repository, config="", start_timeout_s=180):
        self.repository = pathlib.Path(repository)
        self.config = config
        self.start_timeout_s = start_timeout_s

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="fusebox-")
        path = pathlib.Path(self.folder.name) / "config.toml"
        path.write_text(self.config)
        self.log = open(pathlib.Path(self.folder.name) / "log", "w+")
        command = [binary(), "--config", path, "--model-repository", self.repository]
        command += ["--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--admin", "127.0.0.1:0"]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self.log, text=True, cwd=self.folder.name
        )
        line = self.process.stdout.readline()
        while line and not line.startswith("listening"):
            line = self.process.stdout.readline()
        found = re.match(r"listening http=(\S+) grpc=\S+ admin=(\S+)", line)
        if not found:
            self.process.wait(10)
            raise RuntimeError(f"the gateway did not start: {self.logged()[-2000:]}")
        self.http, self.admin = found.groups()
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self.process.stdout.close()
            self.log.close()
            self.folder.cleanup()

    def logged(self):
        self.log.seek(0)
        return self.log.read()

    def call(self, path, body=None, headers=None, admin=False, method=None):
        """One request by hand: status, headers and body."""
        url = f"http://{self.admin if admin else self.http}{path}"
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
        request = urllib.request.Request(url, data=body, headers=headers or {}, method=method)
        # urllib would name a content type of its own.
        if body is not None and "Content-Type" not in (headers or {}):
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def status_kib(self, key):
        """A line of /proc/PID/status, such as VmRSS, in KiB; or Threads, a count."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1])
        raise KeyError(key)

    def pss_kib(self):
        """Proportional set size: shared pages count by how many share them."""
        rollup = pathlib.Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        return int(re.search(r"^Pss:\s+(\d+)", rollup, re.M).group(1))


def save(repository, name, model, version=1, manifest=None):
    """Puts a model into a repository."""
    folder = pathlib.Path(repository) / name / str(version)
    folder.mkdir(parents=True, exist_ok=True)
    data = model if isinstance(model, bytes) else model.SerializeToString()
    (folder / "model.onnx").write_bytes(data)
    if manifest:
        (folder.parent / "model.toml").write_text(manifest)
    return folder / "model.onnx"
