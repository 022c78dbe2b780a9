"""Truncated and bit-flipped models: a load error each, or a model that loads; the process lives on
and serves the others. FUSEBOX_DAMAGED_MODELS sets how many; the full run is 10000."""

import json
import os
import pathlib
import random

import numpy
import tritonclient.http as triton

import clients
import models
from gateway_process import ROOT, Gateway, save

COUNT = int(os.environ.get("FUSEBOX_DAMAGED_MODELS", "600"))
MEMORY_MIB = 2048


def damaged(seeds, count):
    chance = random.Random(7)
    for index in range(count):
        data = bytearray(chance.choice(seeds))
        if chance.random() < 0.3:
            del data[chance.randrange(len(data)):]
        else:
            for _ in range(chance.choice((1, 1, 2, 8))):
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        yield index, bytes(data)


def test_damaged_models_are_refused_one_by_one(tmp_path):
    shipped = ROOT / "models/ml100k_din/1/model.onnx"
    seeds = [models.simple().SerializeToString(), models.many_outputs(4).SerializeToString(),
             models.embedding(20, 8)[0].SerializeToString(), models.no_inputs().SerializeToString(),
             models.identity("BYTES", ["n"]).SerializeToString(), shipped.read_bytes()]
    save(tmp_path, "good", models.identity("INT32", ["n"]))
    x = numpy.arange(8, dtype=numpy.int32)
    refused = loaded = 0
    with Gateway(tmp_path, "[http]\nworkers = 1\n") as gateway:
        client = triton.InferenceServerClient(gateway.http, network_timeout=60)
        path = save(tmp_path, "damaged", seeds[0])
        for index, data in damaged(seeds, COUNT):
            path.write_bytes(data)
            status, _, answer = gateway.call("/v2/repository/models/damaged/load", b"", admin=True)
            if status == 200:
                loaded += 1
            else:
                error = json.loads(answer)["error"]
                assert status == 400 and "failed to load 'damaged', " in error and len(error) > 40, (index, answer)
                refused += 1
            if index % 50 == 0:
                assert (clients.ask(client, "good", {"x": x}, ["y"], True)["y"] == x).all()
        assert (clients.ask(client, "good", {"x": x}, ["y"], True)["y"] == x).all()
        rss = gateway.status_kib("VmHWM") / 1024
        client.close()
    print(f"\n{COUNT} damaged models: {refused} refused, {loaded} load all the same; peak RSS {rss:.0f} MiB")
    assert refused > COUNT / 4 and rss < MEMORY_MIB
