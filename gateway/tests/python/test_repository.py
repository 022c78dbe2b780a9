"""Loading, unloading and refusing models while the process serves."""

import json
import os
import pathlib
import shutil

import numpy
import onnx
import pytest
import tritonclient.http as triton
from onnx import helper

import clients
import models
from gateway_process import Gateway, save


@pytest.fixture()
def served(tmp_path):
    save(tmp_path, "kept", models.identity("INT32", ["n"]))
    save(tmp_path, "changing", models.identity("INT32", [1]))
    with Gateway(tmp_path, "[http]\nworkers = 2\n[models]\nmodel_control = \"explicit\"\n") as gateway:
        client = triton.InferenceServerClient(gateway.http)
        yield gateway, client, tmp_path
        client.close()


def echo(client, name, size):
    x = numpy.arange(size, dtype=numpy.int32)
    return (clients.ask(client, name, {"x": x}, ["y"], True)["y"] == x).all()


def test_models_come_and_go_while_others_serve(served):
    gateway, client, root = served
    assert echo(client, "changing", 1)
    save(root, "changing", models.identity("INT32", [2]), version=2)
    client.load_model("changing")
    assert echo(client, "changing", 2) and client.get_model_metadata("changing")["versions"] == ["2"]
    save(root, "added", models.identity("INT32", ["n"]))
    assert not client.is_model_ready("added")
    client.load_model("added")
    assert echo(client, "added", 3)
    client.unload_model("added")
    assert not client.is_model_ready("added")
    states = {entry["name"]: entry for entry in client.get_model_repository_index()}
    assert states["kept"]["state"] == "READY" and states["changing"]["version"] == "2"
    assert states["added"]["state"] == "UNAVAILABLE" and states["added"]["reason"] == "unloaded"
    status, _, answer = gateway.call("/v2/repository/index", {"ready": True})
    assert "added" not in {entry["name"] for entry in json.loads(answer)}
    client.load_model("added")
    assert echo(client, "added", 3) and echo(client, "kept", 5)
    status, _, answer = gateway.call("/v2/models/nobody/infer", {})
    assert gateway.call("/v2/repository/models/nobody/load", b"")[0] == 404
    assert gateway.call("/v2/repository/models/nobody/unload", b"")[0] == 404


def test_one_change_of_a_model_at_a_time(served):
    import concurrent.futures
    gateway, client, root = served
    save(root, "large", models.embedding(100_000, 160)[0])
    load = lambda _: gateway.call("/v2/repository/models/large/load", b"")
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(load, range(4)))
    states = sorted(status for status, _, _ in answers)
    assert states[0] == 200 and states[-1] == 409, states
    refused = json.loads(next(answer for status, _, answer in answers if status == 409))
    assert refused["code"] == "BUSI.CONFIG.CONFLICT"
    assert client.is_model_ready("large") and echo(client, "kept", 2)


def test_the_samples_of_model_control_and_metadata(served):
    """simple_http_model_control and simple_http_health_metadata look for these words."""
    gateway, client, root = served
    for ask, words in [(lambda: client.load_model("wrong_model_name"), "failed to load"),
                       (lambda: client.get_model_metadata("wrong_model_name"),
                        "Request for unknown model: 'wrong_model_name' is not found")]:
        with pytest.raises(Exception) as refused:
            ask()
        assert words in refused.value.message()
    client.unload_model("kept")
    assert not client.is_model_ready("kept")
    client.load_model("kept")
    assert client.is_model_ready("kept")


def test_a_load_that_fails_leaves_what_serves(served):
    gateway, client, root = served
    save(root, "changing", b"not a model", version=2)
    with pytest.raises(Exception, match="failed to load"):
        client.load_model("changing")
    assert echo(client, "changing", 1)
    (root / "changing" / "model.toml").write_text("\nplacement = \"nowhere\"\n")
    with pytest.raises(Exception, match="model.toml:2"):
        client.load_model("changing")
    assert echo(client, "changing", 1)


def test_requests_in_flight_survive_reloads(served):
    import threading
    gateway, client, root = served
    stop, failures = threading.Event(), []

    def ask():
        own = triton.InferenceServerClient(gateway.http)
        while not stop.is_set():
            try:
                assert echo(own, "kept", 4)
                assert echo(own, "changing", 1)
            except Exception as error:
                failures.append(error)
        own.close()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    [thread.start() for thread in threads]
    for _ in range(20):
        client.load_model("changing")
    stop.set()
    [thread.join() for thread in threads]
    assert not failures, failures[:3]


def test_changes_need_the_admin_port_unless_opened(tmp_path):
    save(tmp_path, "m", models.identity("INT32", ["n"]))
    with Gateway(tmp_path, "[http]\nworkers = 1\n") as gateway:
        for change in ("load", "unload"):
            status, _, answer = gateway.call(f"/v2/repository/models/m/{change}", b"")
            assert status == 403 and json.loads(answer)["code"] == "BUSI.INPUT.FORBIDDEN"
        assert gateway.call("/v2/repository/models/m/unload", b"", admin=True)[0] == 200
        assert gateway.call("/v2/models/m/ready")[0] == 503
        assert gateway.call("/v2/repository/models/m/load", b"", admin=True)[0] == 200
        assert gateway.call("/v2/models/m/ready")[0] == 200
        assert gateway.call("/v2/repository/index", b"", admin=True)[0] == 200
        status, _, _ = gateway.call("/v2/repository/models/m/load", {"parameters": {"config": "{}"}}, admin=True)
        assert status == 400


def test_what_a_model_may_not_be(tmp_path_factory):
    """Sequences and weights outside the repository are refused with a reason; the others serve."""
    tmp_path = tmp_path_factory.mktemp("repository")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    save(tmp_path, "good", models.identity("INT32", ["n"]))
    sequence = helper.make_tensor_sequence_value_info("s", onnx.TensorProto.FLOAT, None)
    x = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n"])
    graph = helper.make_graph([helper.make_node("SequenceConstruct", ["x"], ["s"])], "g", [x], [sequence])
    save(tmp_path, "sequence", helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8))
    secret, shared = elsewhere / "secret.bin", tmp_path / "shared.bin"
    secret.write_bytes(numpy.ones(1000, numpy.float32).tobytes())
    shutil.copy(secret, shared)
    for name, location in {"up": "../../secret.bin", "absolute": str(secret), "link": "link.bin",
                           "inside": "inside.bin", "hard": "hard.bin", "own": "own.bin", "gone": "gone.bin"}.items():
        model, _ = models.embedding(100, 10)
        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        onnx.external_data_helper.set_external_data  # the entries are written by hand below
        tensor.data_location = onnx.TensorProto.EXTERNAL
        entry = tensor.external_data.add()
        entry.key, entry.value = "location", location
        path = save(tmp_path, name, model)
    os.symlink(secret, tmp_path / "link/1/link.bin")
    os.symlink(shared, tmp_path / "inside/1/inside.bin")
    os.link(shared, tmp_path / "hard/1/hard.bin")
    shutil.copy(secret, tmp_path / "own/1/own.bin")
    with Gateway(tmp_path, "[http]\nworkers = 1\n") as gateway:
        index = {e["name"]: e for e in json.loads(gateway.call("/v2/repository/index", b"")[2])}
    for name in ("good", "own", "inside", "hard"):
        assert index[name]["state"] == "READY", index[name]
    for name, told in {"sequence": "dense tensor", "up": "outside the model's folder", "absolute": "outside",
                       "link": "outside", "gone": "cannot be read"}.items():
        assert index[name]["state"] == "UNAVAILABLE" and told in index[name]["reason"], index[name]
