"""Requests that are wrong: the right code, bounded memory, and good ones beside them unharmed."""

import gzip
import json
import threading

import numpy
import pytest
import tritonclient.http as triton

import clients

INFER = "/v2/models/any_FP32_1/infer"


def one(shape, data=None, datatype="FP32", name="x", **more):
    tensor = {"name": name, "shape": shape, "datatype": datatype, **more}
    if data is not None:
        tensor["data"] = data
    return tensor


WRONG = {
    "2^40 elements": {"inputs": [one([2**40], [1])]},
    "negative": {"inputs": [one([-1], [])]},
    "overflow": {"inputs": [one([2**33, 2**33, 2**33], [1])]},
    "dimension beyond 64 bits": {"inputs": [one([2**70], [1])]},
    "fraction": {"inputs": [one([1.5], [1])]},
    "longer": {"inputs": [one([2], [1, 2, 3])]},
    "shorter": {"inputs": [one([2], [1])]},
    "rank": {"inputs": [one([1, 1], [1])]},
    "unknown dtype": {"inputs": [one([1], [1], "FLOAT")]},
    "BF16": {"inputs": [one([1], [1], "BF16")]},
    "other dtype": {"inputs": [one([1], [1], "INT32")]},
    "missing": {"inputs": []},
    "no inputs key": {},
    "extra": {"inputs": [one([1], [1]), one([1], [1], name="z")]},
    "duplicate": {"inputs": [one([1], [1]), one([1], [1])]},
    "unknown output": {"inputs": [one([1], [1])], "outputs": [{"name": "z"}]},
    "string": {"inputs": [one([1], ["1"])]},
    "null": {"inputs": [one([1], [None])]},
    "object": {"inputs": [one([1], {"0": 1})]},
    "no data": {"inputs": [one([1])]},
    "shared memory": {"inputs": [one([1], parameters={"shared_memory_region": "r"})]},
    "binary size without binary data": {"inputs": [one([1], parameters={"binary_data_size": 4})]},
}


@pytest.mark.parametrize("name", WRONG)
def test_mistakes_are_answered_400(gateway, name):
    status, _, answer = gateway.call(INFER, WRONG[name])
    body = json.loads(answer)
    assert status == 400 and body["error"] and body["code"].split(".")[1] == "INPUT", answer


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"nul", b"\xff\xfe", b'{"inputs":[' + b"[" * 100_000,
                                  b'{"inputs":[{"name":"\xc3\x28"}]}', b'{"inputs":[]}{"inputs":[]}'])
def test_what_is_no_json_is_answered_400(gateway, body):
    assert gateway.call(INFER, body)[0] == 400


def test_lengths_of_the_header_and_of_binary_data(gateway):
    def ask(length, binary, size=8, shape=(2,)):
        head = json.dumps({"inputs": [one(list(shape), parameters={"binary_data_size": size})]}).encode()
        length = len(head) + length if isinstance(length, int) else length
        return gateway.call(INFER, head + binary, {"Inference-Header-Content-Length": str(length)})[0]

    data = numpy.ones(2, numpy.float32).tobytes()
    assert ask(0, data) == 200
    assert ask(1, data) == 400 and ask(-1, data) == 400
    for absurd in ("-1", "x", "1e3", "99999999999999999999999", ""):
        assert ask(absurd, data) == 400, absurd
    assert ask(10**6, data) == 400
    assert ask(0, data[:-1]) == 400 and ask(0, data + b"x") == 400
    assert ask(0, data, size=7) == 400 and ask(0, data, size=9) == 400 and ask(0, data, size=2**62) == 400
    assert ask(0, data, shape=(3,)) == 400 and ask(0, b"", size=0, shape=(2**40,)) == 400


def test_limits_of_the_manifest_hold(gateway):
    ask = lambda data: gateway.call("/v2/models/limited/infer", {"inputs": [one([len(data)], data, "INT64")]})[0]
    assert ask([-5, 5]) == 200 and ask([6]) == 400 and ask([-6]) == 400 and ask([0] * 5) == 400


def test_bombs_and_floods_leave_memory_and_others_alone(gateway):
    stop, wrong = threading.Event(), []

    def good():
        client = triton.InferenceServerClient(gateway.http, network_timeout=60)
        x = numpy.arange(64, dtype=numpy.float32)
        while not stop.is_set():
            if not clients.same(clients.ask(client, "any_FP32_1", {"x": x}, ["y"], True)["y"], x, True):
                wrong.append(x)
        client.close()

    beside = threading.Thread(target=good)
    beside.start()
    try:
        gateway.call(INFER, {"inputs": [one([2**40], [1])]})
        before = gateway.status_kib("VmHWM")
        bomb = gzip.compress(b"\0" * (1 << 30), 9)
        for _ in range(3):
            status, _, answer = gateway.call(INFER, bomb, {"Content-Encoding": "gzip"})
            assert status == 413, answer
        status, _, answer = gateway.call(INFER, gzip.compress(b"x" * 1000)[:-20], {"Content-Encoding": "gzip"})
        assert status == 400
        assert gateway.call(INFER, b"x", {"Content-Encoding": "br"})[0] == 415
        status, _, _ = gateway.call(INFER, b"x" * (65 << 20))
        assert status == 413
        # What stays below the bound costs the bound at most, and its buffer while that grows.
        grown = gateway.status_kib("VmHWM") - before
        assert grown < 4 * 64 * 1024, f"{grown} KiB"
    finally:
        stop.set()
        beside.join()
    assert not wrong
