"""Weights once for all instances, and many small models. What is measured is printed: run with -s."""

import json
import pathlib
import time

import numpy
import tritonclient.http as triton

import clients
import models
from gateway_process import Gateway, save

INSTANCES = 8


def test_instances_share_their_weights(tmp_path):
    """A 200 MB embedding on eight sessions, after every row was read on each of them."""
    model, table = models.embedding(200_000, 250)
    path = save(tmp_path / "models", "table", model)
    save(tmp_path / "models", "small", models.identity("INT32", ["n"]))
    file_kib = path.stat().st_size / 1024
    del model
    config = f"[http]\nworkers = {INSTANCES}\n[models]\nweight_cache = \"{tmp_path}/weights\"\n"
    with Gateway(tmp_path / "models", config) as gateway:
        loaded = gateway.pss_kib()
        read_all_rows(gateway, table)
        pss, rss = gateway.pss_kib(), gateway.status_kib("VmRSS")
        print(f"\nembedding of {file_kib / 1024:.0f} MiB, {INSTANCES} sessions: PSS {loaded / 1024:.0f} MiB after loading, "
              f"{pss / 1024:.0f} MiB after every row was read ({pss / file_kib:.2f} x the file), RSS {rss / 1024:.0f} MiB")
        assert pss < 1.6 * file_kib
        # Taken out of service, it gives its memory back.
        assert gateway.call("/v2/repository/models/table/unload", b"", admin=True)[0] == 200
        for _ in range(100):
            if gateway.pss_kib() < 0.5 * file_kib:
                break
            time.sleep(0.1)
        print(f"PSS {gateway.pss_kib() / 1024:.0f} MiB once unloaded")
        assert gateway.pss_kib() < 0.5 * file_kib
    entries = list((tmp_path / "weights").iterdir())
    assert len(entries) == 1 and (entries[0] / "model" / "weights.bin").stat().st_size == table.nbytes


def read_all_rows(gateway, table):
    """Connections are dealt to the workers in turn, so each session sees every row."""
    chunk = 20_000
    for worker in range(INSTANCES):
        client = triton.InferenceServerClient(gateway.http, network_timeout=60)
        for start in range(0, len(table), chunk):
            ids = numpy.arange(start, min(start + chunk, len(table)))
            got = clients.ask(client, "table", {"ids": ids}, ["y"], True)["y"]
            assert got.tobytes() == table[ids].tobytes()
        client.close()
    snapshots = json.loads(gateway.call("/admin/actors", admin=True)[2])["inference"]
    asked = [actor for actor in snapshots if actor["model"] == "table" and actor["answered"] > 0]
    assert len(asked) == INSTANCES, [(a["id"], a["answered"]) for a in snapshots]


def test_hundreds_of_small_models(tmp_path):
    for index in range(300):
        save(tmp_path, f"model_{index:03}", models.scaled_rows())
    begin = time.monotonic()
    with Gateway(tmp_path, "[http]\nworkers = 2\n") as gateway:
        started_s = time.monotonic() - begin
        threads, rss = gateway.status_kib("Threads"), gateway.status_kib("VmRSS")
        print(f"\n300 models on 2 workers: started in {started_s:.1f} s, {threads} threads, RSS {rss / 1024:.0f} MiB")
        client = triton.InferenceServerClient(gateway.http)
        x = numpy.ones((2, 3), numpy.float32)
        for index in range(300):
            got = clients.ask(client, f"model_{index:03}", {"x": x}, ["y"], True)["y"]
            assert got.tolist() == [[1, 10, 100]] * 2
        client.close()
        assert threads < 50


def test_a_session_that_outgrows_its_limit_is_recycled(tmp_path):
    """ONNX Runtime keeps the memory of its largest run; the limit gives it back, and nobody notices."""
    save(tmp_path, "squares", models.squares())
    config = "[http]\nworkers = 1\n[supervision]\nactor_memory = \"8MiB\"\n"
    with Gateway(tmp_path, config) as gateway:
        actor = lambda: json.loads(gateway.call("/admin/actors", admin=True)[2])["inference"][0]
        client = triton.InferenceServerClient(gateway.http, network_timeout=60)

        def ask(size):
            x = numpy.arange(size, dtype=numpy.float32)
            assert (clients.ask(client, "squares", {"x": x}, ["y"], True)["y"] == x * x + x).all()

        ask(1000)
        small = actor()["session_memory_bytes"]
        assert 0 < small < 8 << 20 and actor()["supervision"]["recycles"] == 0
        ask(4_000_000)
        for _ in range(200):
            ask(1000)
            seen = actor()
            if seen["supervision"]["recycles"] and seen["session_memory_bytes"] < 8 << 20:
                break
            time.sleep(0.05)
        assert seen["supervision"]["recycles"] == 1 and 0 < seen["session_memory_bytes"] < 8 << 20, seen
        shown = gateway.call("/metrics", admin=True)[2].decode()
        assert f'fusebox_session_memory_bytes{{actor="{seen["id"]}"}} {seen["session_memory_bytes"]}' in shown
        client.close()
