"""The examples and perf_analyzer against the shipped ranker."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

import models
from gateway_process import ROOT, Gateway, save


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    root = tmp_path_factory.mktemp("shipped")
    shutil.copytree(ROOT / "models/ml100k_din", root / "ml100k_din")
    save(root, "simple", models.simple())
    with Gateway(root, "[http]\nworkers = 2\n") as gateway:
        yield gateway


def run(*command, **more):
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_python(shipped):
    assert run(sys.executable, ROOT / "examples/python/rank.py", "--url", shipped.http).count("film") == 5


def test_curl(shipped):
    answer = json.loads(run(ROOT / "examples/curl/rank.sh", f"http://{shipped.http}"))
    scores = answer["outputs"][0]["data"]
    assert len(scores) == 5 and all(0 <= score <= 1 for score in scores)


def test_rust(shipped):
    cargo = os.environ.get("CARGO", "cargo")
    told = run(cargo, "run", "--quiet", "-p", "gateway", "--example", "rank", "--", shipped.http, cwd=ROOT)
    assert told.count("film") == 5


@pytest.fixture(scope="module")
def perf_analyzer():
    """The one that PERF_ANALYZER names, else one on PATH, else one fetched for this system."""
    found = os.environ.get("PERF_ANALYZER") or shutil.which("perf_analyzer")
    if found:
        return found
    script = pathlib.Path(__file__).parent / "perf_analyzer.sh"
    fetched = subprocess.run([script, ROOT / ".cache/perf_analyzer"], capture_output=True, text=True)
    if fetched.returncode:
        pytest.skip(fetched.stderr.strip().splitlines()[-1])
    return fetched.stdout.strip()


@pytest.mark.parametrize("more", [
    ["-m", "simple", "--shape", "INPUT0:1,16", "--shape", "INPUT1:1,16"],
    ["-m", "ml100k_din", "--input-data", str(ROOT / "examples/perf_analyzer/ml100k_din.json")],
], ids=["plain", "ranker"])
def test_perf_analyzer(shipped, perf_analyzer, more):
    # It is the protocol that is tested: a stability of 999 % makes it complete on a busy machine.
    told = run(perf_analyzer, "-u", shipped.http, "-p", "500", "-s", "999", *more)
    assert "throughput:" in told
