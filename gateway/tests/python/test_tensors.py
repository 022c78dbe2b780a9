"""Every datatype and rank, bit for bit as ONNX Runtime in this process gives it."""

import numpy
import pytest

import clients
import models
from conftest import SHAPES

BOTH = pytest.mark.parametrize("binary", [False, True], ids=["json", "binary"])


def text_only(array):
    """JSON carries text: what is not UTF-8 is left to binary data."""
    if array.dtype != numpy.object_:
        return array
    flat = numpy.empty(array.size, numpy.object_)
    flat[:] = [v if decodes(v) else b"replaced" for v in array.flatten()]
    return flat.reshape(array.shape)


def decodes(value):
    try:
        value.decode()
        return True
    except UnicodeDecodeError:
        return False


def check(client, name, array, binary):
    array = array if binary else text_only(array)
    got = clients.ask(client, name, {"x": array}, ["y"], binary)["y"]
    assert got is not None and clients.same(got, array, binary), (array, got)


@BOTH
@pytest.mark.parametrize("rank", SHAPES)
@pytest.mark.parametrize("dtype", models.ELEMENTS)
def test_every_type_and_rank_comes_back_as_it_went(client, dtype, rank, binary):
    check(client, f"any_{dtype}_{rank}", models.values(dtype, SHAPES[rank]), binary)


@BOTH
@pytest.mark.parametrize("dtype", models.ELEMENTS)
def test_empty_tensors_keep_their_shape(client, dtype, binary):
    if not binary:
        empty = numpy.zeros([2, 0, 3], clients.DTYPES[dtype])
        check(client, f"any_{dtype}_3", empty, binary)
    else:
        for shape in ([0], ):
            check(client, f"any_{dtype}_1", numpy.zeros(shape, clients.DTYPES[dtype]), binary)


@BOTH
@pytest.mark.parametrize("dtype", models.ELEMENTS)
def test_an_input_without_a_shape_takes_any(client, dtype, binary):
    for shape in ([], [3], [2, 2]):
        check(client, f"shapeless_{dtype}", models.values(dtype, shape), binary)


@BOTH
def test_a_model_without_inputs(client, binary):
    expected = clients.session(models.no_inputs()).run(None, {})[0]
    got = clients.ask(client, "no_inputs", {}, ["y"], binary)["y"]
    assert clients.same(got, expected, binary)


@BOTH
def test_many_outputs_in_any_order(client, binary):
    x = numpy.array([-3, 2**62], numpy.int64)
    names = [f"y{i}" for i in reversed(range(40))]
    got = clients.ask(client, "many_outputs", {"x": x}, names, binary)
    for index in range(40):
        assert clients.same(got[f"y{index}"], x + index, binary)


def test_every_half_survives_json_and_binary(client):
    every = numpy.arange(1 << 16, dtype=numpy.uint16).view(numpy.float16)
    for binary in (False, True):
        got = clients.ask(client, "any_FP16_1", {"x": every}, ["y"], binary)["y"]
        assert clients.same(got, every, binary)


def test_halves_are_rounded_to_the_nearest_even(gateway):
    cases = [(1.00048828125, 1.0), (1.00146484375, 1.001953125), (65519.999, 65504.0), (65520.0, numpy.inf),
             (2.0**-25, 0.0), (2.0**-25 * 1.0000001, 2.0**-24), (-65520.0, -numpy.inf), (1.00048828125000001, 1.0)]
    body = {"inputs": [{"name": "x", "shape": [len(cases)], "datatype": "FP16", "data": [c[0] for c in cases]}]}
    import json
    status, _, answer = gateway.call("/v2/models/any_FP16_1/infer", body)
    assert status == 200 and json.loads(answer)["outputs"][0]["data"] == [c[1] for c in cases]


def test_the_comparison_itself_can_fail():
    nan = numpy.array([numpy.nan, 1], numpy.float32)
    assert clients.same(nan, nan.copy(), True)
    other = nan.copy()
    other.view(numpy.uint32)[0] |= 1
    assert clients.same(other, nan, False) and not clients.same(other, nan, True)
    assert not clients.same(nan, nan[::-1].copy(), False)
    assert not clients.same(nan.astype(numpy.float64), nan, False)
    assert not clients.same(numpy.array([-0.0]), numpy.array([0.0]), False)
    assert not clients.same(numpy.array([b"a"], numpy.object_), numpy.array([b"b"], numpy.object_), True)


@pytest.mark.parametrize("binary", [False, True])
def test_initialisers_that_are_inputs_may_be_left_out_or_given(client, binary):
    local = clients.session(models.overridable())
    x = numpy.array([[1.5, -2.0], [numpy.inf, 0.25]], numpy.float32)
    given = {"factor": numpy.array([3.0, 0.5], numpy.float32), "text": numpy.array(["theirs"], numpy.object_)}
    for names in ([], ["factor"], ["text"], ["text", "factor"], []):
        inputs = {"x": x, **{name: given[name] for name in names}}
        got = clients.ask(client, "overridable", inputs, ["y", "z"], binary)
        # In process, ONNX Runtime takes texts only.
        as_text = {name: array.astype(str) if array.dtype == numpy.object_ else array for name, array in inputs.items()}
        expected = dict(zip(["y", "z"], local.run(["y", "z"], as_text)))
        assert clients.same(got["y"], expected["y"], binary) and clients.same(got["z"], expected["z"], binary), names
    with pytest.raises(Exception, match=r"factor.*\[2\]"):
        clients.ask(client, "overridable", {"x": x, "factor": numpy.ones(3, numpy.float32)}, ["y"], binary)
    with pytest.raises(Exception, match="`x` is missing"):
        clients.ask(client, "overridable", given, ["y"], binary)


def test_optional_inputs_are_told_apart(client):
    metadata = client.get_model_metadata("overridable")["inputs"]
    assert [i["name"] for i in metadata] == ["x", "factor", "text"]
    optional = {i["name"]: i["optional"] for i in client.get_model_config("overridable")["input"]}
    assert optional == {"x": False, "factor": True, "text": True}
