"""What clients ask beside inference, and the details that they trip over."""

import gzip
import json

import numpy
import pytest
import tritonclient.http as triton

import clients


def rows(*values, name="x", shape=None, datatype="INT32"):
    return {"name": name, "shape": shape or [len(values)], "datatype": datatype, "data": list(values)}


def test_health_and_metadata(client, gateway):
    assert client.is_server_live() and client.is_server_ready()
    server = client.get_server_metadata()
    assert server["name"] and server["version"] and "binary_tensor_data" in server["extensions"]
    for path in ("live", "ready"):
        assert json.loads(gateway.call(f"/v2/health/{path}")[2]) == {"live": True, "ready": True}
    assert client.is_model_ready("simple") and client.is_model_ready("simple", "1")
    assert not client.is_model_ready("nobody") and not client.is_model_ready("simple", "2")
    model = client.get_model_metadata("simple")
    assert model["name"] == "simple" and model["versions"] == ["1"]
    assert model["inputs"][0] == {"name": "INPUT0", "datatype": "INT32", "shape": [-1, 16]}
    assert [o["name"] for o in model["outputs"]] == ["OUTPUT0", "OUTPUT1"]


def test_config_says_whether_there_is_a_batch_dimension(client):
    plain = client.get_model_config("simple")
    assert plain["max_batch_size"] == 0 and plain["input"][0]["dims"] == [-1, 16]
    assert plain["input"][0]["data_type"] == "TYPE_INT32"
    batched = client.get_model_config("simple_batched")
    assert batched["max_batch_size"] == 8 and batched["input"][0]["dims"] == [16]
    strings = client.get_model_config("any_BYTES_1")
    assert strings["input"][0]["data_type"] == "TYPE_STRING"


def test_statistics_count_what_was_answered(client):
    x = numpy.arange(32, dtype=numpy.int32).reshape(2, 16)
    before = client.get_inference_statistics("simple")["model_stats"][0]
    for _ in range(5):
        clients.ask(client, "simple", {"INPUT0": x, "INPUT1": x}, ["OUTPUT0"], True)
    after = client.get_inference_statistics("simple", "1")["model_stats"][0]
    assert after["inference_count"] - before["inference_count"] == 5
    assert after["execution_count"] - before["execution_count"] == 5
    spent = after["inference_stats"]
    assert spent["success"]["ns"] >= spent["compute_infer"]["ns"] > 0 and after["last_inference"] > 0
    everything = client.get_inference_statistics()["model_stats"]
    assert {"simple", "no_inputs"} <= {entry["name"] for entry in everything}


def test_versions_are_served_as_the_manifest_says(client, gateway):
    assert client.get_model_metadata("versions")["versions"] == ["1", "3"]
    for version, size in (("1", 1), ("3", 3), ("", 3)):
        x = numpy.arange(size, dtype=numpy.int32)
        got = clients.ask(client, "versions", {"x": x}, ["y"], True, model_version=version)
        assert (got["y"] == x).all()
    assert not client.is_model_ready("versions", "2")
    body = {"inputs": [rows(1, 2)]}
    assert gateway.call("/v2/models/versions/versions/2/infer", body)[0] == 404


def test_id_data_and_outputs_as_callers_vary_them(gateway):
    def infer(body, model="any_INT32_2", headers=None):
        status, headers, answer = gateway.call(f"/v2/models/{model}/infer", body, headers)
        return status, headers, json.loads(answer)

    nested = {"name": "x", "shape": [2, 2], "datatype": "INT32", "data": [[1, 2], [3, 4]]}
    status, _, answer = infer({"id": "é-1", "inputs": [nested]})
    assert status == 200 and answer["id"] == "é-1" and answer["outputs"][0]["data"] == [1, 2, 3, 4]
    assert answer["model_name"] == "any_INT32_2" and answer["model_version"] == "1"
    _, headers, made = infer({"inputs": [nested]}, headers={"X-Request-Id": "abc"})
    assert made["id"] and headers["X-Request-Id"] == "abc"
    # No content type, and that of binary data, are as good.
    text = json.dumps({"inputs": [nested]}).encode()
    for media, expected in (("application/octet-stream", 200), ("application/json; charset=utf-8", 200), ("text/plain", 415)):
        assert infer(text, headers={"Content-Type": media})[0] == expected
    status, headers, answer = gateway.call("/v2/models/simple/infer", {
        "inputs": [rows(*range(16), name="INPUT0", shape=[1, 16]), rows(*range(16), name="INPUT1", shape=[1, 16])],
        "parameters": {"binary_data_output": True},
        "outputs": [{"name": "OUTPUT1", "parameters": {"binary_data": False}}, {"name": "OUTPUT0"}]})
    length = int(headers["Inference-Header-Content-Length"])
    head = json.loads(answer[:length])
    assert [o["name"] for o in head["outputs"]] == ["OUTPUT1", "OUTPUT0"]
    assert head["outputs"][0]["data"] == [0] * 16
    assert head["outputs"][1]["parameters"] == {"binary_data_size": 64}
    assert numpy.frombuffer(answer[length:], numpy.int32).tolist() == [2 * i for i in range(16)]


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_bodies_are_compressed_both_ways(client, gateway, coding):
    x = numpy.arange(4096, dtype=numpy.float32)
    for binary in (False, True):
        got = clients.ask(client, "any_FP32_1", {"x": x}, ["y"], binary,
                          request_compression_algorithm=coding, response_compression_algorithm=coding)
        assert clients.same(got["y"], x, binary)
    body = json.dumps({"inputs": [rows(*range(1000), datatype="FP32")]}).encode()
    status, headers, answer = gateway.call("/v2/models/any_FP32_1/infer", gzip.compress(body),
                                           {"Content-Encoding": "gzip", "Accept-Encoding": "gzip"})
    assert status == 200 and headers["Content-Encoding"] == "gzip"
    assert json.loads(gzip.decompress(answer))["outputs"][0]["data"][:2] == [0.0, 1.0]


def test_batched_models_answer_each_caller_with_its_own_rows(gateway):
    import concurrent.futures

    def ask(index):
        count = 1 + index % 20
        x = numpy.full((count, 3), index, numpy.float32)
        own = triton.InferenceServerClient(gateway.http)
        got = clients.ask(own, "batched", {"x": x}, ["y"], True)["y"]
        own.close()
        return (got == x * numpy.array([1, 10, 100], numpy.float32)).all()

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert all(pool.map(ask, range(400)))


def test_errors_have_the_protocols_shape_and_ours(gateway):
    status, headers, answer = gateway.call("/v2/models/nobody/infer", {"inputs": []})
    body = json.loads(answer)
    assert status == 404 and "nobody" in body["error"] and body["code"] == "MODEL.INPUT.UNKNOWN"
    assert body["layer"] == "MODEL" and body["retryable"] is False and body["request_id"]
    for path, method, expected in [
        ("/v2/models/simple/infer", "GET", 405),
        ("/v2", "POST", 405),
        ("/v2/repository/index", "GET", 405),
        ("/v2/models/..%2f..%2fetc/infer", "POST", 404),
        ("/v2/models/simple/versions/0/infer", "POST", 404),
        ("/v2/models/simple/versions/x", "GET", 404),
        ("/v2/models/simple/nothing", "GET", 404),
    ]:
        assert gateway.call(path, b"{}" if method == "POST" else None, method=method)[0] == expected, path


def test_the_python_samples_of_tritons_simple_model(client):
    """simple_http_infer_client and simple_http_async_infer_client, as far as they touch the server."""
    a = numpy.arange(16, dtype=numpy.int32).reshape(1, 16)
    b = numpy.ones((1, 16), numpy.int32)
    inputs = [triton.InferInput("INPUT0", [1, 16], "INT32"), triton.InferInput("INPUT1", [1, 16], "INT32")]
    inputs[0].set_data_from_numpy(a, binary_data=False)
    inputs[1].set_data_from_numpy(b, binary_data=True)
    outputs = [triton.InferRequestedOutput("OUTPUT0", binary_data=True),
               triton.InferRequestedOutput("OUTPUT1", binary_data=False)]
    query = {"test_1": 1, "test_2": 2}
    for wanted in (outputs, None):
        answer = client.infer("simple", inputs, outputs=wanted, query_params=query, request_id="7",
                              headers={"test": "1"})
        assert (answer.as_numpy("OUTPUT0") == a + b).all() and (answer.as_numpy("OUTPUT1") == a - b).all()
        assert answer.get_response()["id"] == "7"
    pending = [client.async_infer("simple", inputs, outputs=outputs) for _ in range(8)]
    for answer in pending:
        assert (answer.get_result().as_numpy("OUTPUT0") == a + b).all()
    with pytest.raises(triton.InferenceServerException if hasattr(triton, "InferenceServerException") else Exception):
        client.infer("simple", inputs[:1])
