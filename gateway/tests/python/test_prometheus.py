"""Rules, alerts and dashboard against what the gateway exports, with a real Prometheus.

Needs Debian's package `prometheus` (the server and promtool); without it these tests are skipped.
"""

import json
import pathlib
import re
import shutil
import signal
import subprocess
import threading
import time
import urllib.parse
import urllib.request

import pytest

from gateway_process import ROOT, Gateway

DEPLOY = ROOT / "deploy"
RULES = DEPLOY / "prometheus"
NAME = re.compile(r"\b(?:fusebox|process)_[a-z0-9_]+\b")
PROVOKED_WITHIN_S = 90
# A healthy gateway on a quiet machine has none of these; their panels may be empty.
ONLY_IN_TROUBLE = {"fusebox_breaker_restarts_total", "fusebox_silent_connections_total"}

pytestmark = pytest.mark.skipif(
    shutil.which("promtool") is None or shutil.which("prometheus") is None,
    reason="Prometheus is not installed: apt-get install prometheus",
)


def listed_metrics():
    """The names in docs/METRICS.md, which a test of the gateway compares with the code."""
    text = (ROOT / "docs" / "METRICS.md").read_text()
    return set(re.findall(r"^\| `([a-z0-9_]+)` \|", text, re.M))


def queries():
    """(panel, query) of every target of the dashboard."""
    dashboard = json.loads((DEPLOY / "grafana" / "fusebox.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]


def base_name(name):
    return re.sub(r"_(bucket|sum|count)$", "", name)


def test_rules_alerts_and_dashboard_name_only_metrics_that_are_exported():
    listed = listed_metrics()
    texts = [query for _, query in queries()]
    texts += [(RULES / name).read_text() for name in ("rules.yml", "alerts.yml")]
    for text in texts:
        for name in NAME.findall(text):
            assert name in listed or base_name(name) in listed, f"{name} is not exported"


def test_every_alert_has_its_section_in_the_runbook():
    runbook = (ROOT / "docs" / "RUNBOOK.md").read_text()
    alerts = re.findall(r"- alert: (\w+)", (RULES / "alerts.yml").read_text())
    assert len(alerts) > 10
    for alert in alerts:
        assert f"\n## {alert}\n" in runbook, alert


def promtool(*arguments):
    done = subprocess.run(["promtool", *arguments], cwd=RULES, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_rules_are_valid_and_pass_their_unit_tests():
    promtool("check", "config", "prometheus.yml")
    promtool("test", "rules", "alerts_test.yml")


class Prometheus:
    """A server that scrapes one gateway every second, with the rules of deploy/."""

    def __init__(self, folder, target):
        self.folder, self.target = pathlib.Path(folder), target

    def __enter__(self):
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(RULES / "rules.yml"), str(RULES / "alerts.yml")],
            "scrape_configs": [
                {"job_name": "fusebox", "static_configs": [{"targets": [self.target]}]}
            ],
        }
        path = self.folder / "prometheus.json"  # JSON is YAML
        path.write_text(json.dumps(config))
        self.log = open(self.folder / "log", "w+")
        command = ["prometheus", f"--config.file={path}", f"--storage.tsdb.path={self.folder}/data"]
        command.append("--web.listen-address=127.0.0.1:0")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, text=True)
        self.address = self.port()
        return self

    def port(self):
        """The port it was given, from its log."""
        for _ in range(600):
            text = (self.folder / "log").read_text()
            found = re.search(r'Listening on"? address="?\[?[^ ]*?\]?:(\d+)', text)
            if found and found.group(1) != "0":
                return f"127.0.0.1:{found.group(1)}"
            assert self.process.poll() is None, text
            time.sleep(0.05)
        raise RuntimeError("Prometheus did not start")

    def query(self, expression):
        url = f"http://{self.address}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]["result"]

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        self.log.close()


def load(gateway, stop):
    """Good requests, bad ones, inference, and a breaker that opens and closes."""
    key = None
    while not stop.is_set():
        for user in range(20):
            gateway.call("/v2/recommend/item", {"user_id": str(user), "top_k": 5})
        gateway.call("/v2/recommend/item", {"user_id": "1", "top_k": 0})
        gateway.call("/nowhere")
        if key is None:
            _, _, body = gateway.call("/admin/breakers", admin=True)
            keys = [breaker["key"] for breaker in json.loads(body)["breakers"]]
            key = next((name for name in keys if name.endswith(":home_feed")), None)
            continue
        for command in ("open", "reset"):
            path = f"/admin/breakers/{urllib.parse.quote(key)}/{command}"
            json_type = {"Content-Type": "application/json"}
            gateway.call(path, {"who": "test", "why": "drill"}, json_type, admin=True)
            gateway.call("/v2/recommend/item", {"user_id": "1"})


CONFIG = """
[http]
workers = 1
[scenes.home_feed]
model = "ml100k_din"
candidates = "popular"
pool = 100
fallback = "popular"
"""


def test_every_panel_shows_data_while_the_gateway_serves(tmp_path):
    stop = threading.Event()
    with Gateway(ROOT / "models", CONFIG) as gateway, Prometheus(tmp_path, gateway.admin) as server:
        worker = threading.Thread(target=load, args=(gateway, stop))
        worker.start()
        try:
            missing = dict.fromkeys(queries())
            until = time.monotonic() + PROVOKED_WITHIN_S
            while missing and time.monotonic() < until:
                for panel, query in list(missing):
                    filled = query.replace("$job", "fusebox").replace("$instance", ".*")
                    filled = filled.replace("$__rate_interval", "10s")
                    if server.query(filled):
                        del missing[(panel, query)]
                time.sleep(0.5)
        finally:
            stop.set()
            worker.join()
        empty = [(p, q) for p, q in missing if not ONLY_IN_TROUBLE & set(NAME.findall(q))]
        assert not empty
        # The recording rules are evaluated every 15 s.
        while not server.query('fusebox:latency_p99_seconds:rate1m{job="fusebox"}'):
            assert time.monotonic() < until, "no recording rule has a value"
            time.sleep(0.5)
