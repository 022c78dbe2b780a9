"""Models made for the tests with onnx's helpers."""

import numpy
import onnx
from onnx import TensorProto, helper

import clients

ELEMENTS = {
    "BOOL": TensorProto.BOOL,
    "INT8": TensorProto.INT8,
    "INT16": TensorProto.INT16,
    "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64,
    "UINT8": TensorProto.UINT8,
    "UINT16": TensorProto.UINT16,
    "UINT32": TensorProto.UINT32,
    "UINT64": TensorProto.UINT64,
    "FP16": TensorProto.FLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "BYTES": TensorProto.STRING,
}
EVERY_BYTE = bytes(range(256))


def model(nodes, inputs, outputs, initializers=(), opset=17):
    """Inputs and outputs are (name, datatype, shape); a shape of None declares not even a rank."""
    value = lambda v: helper.make_tensor_value_info(v[0], ELEMENTS[v[1]], v[2])
    graph = helper.make_graph(
        list(nodes), "g", [value(i) for i in inputs], [value(o) for o in outputs], list(initializers)
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def identity(dtype, shape):
    return model([helper.make_node("Identity", ["x"], ["y"])], [("x", dtype, shape)], [("y", dtype, shape)])


def simple():
    """Triton's `simple`: the sum and the difference of two rows of sixteen."""
    nodes = [helper.make_node("Add", ["INPUT0", "INPUT1"], ["OUTPUT0"]),
             helper.make_node("Sub", ["INPUT0", "INPUT1"], ["OUTPUT1"])]
    row = lambda name: (name, "INT32", ["batch", 16])
    return model(nodes, [row("INPUT0"), row("INPUT1")], [row("OUTPUT0"), row("OUTPUT1")])


def no_inputs():
    constant = helper.make_tensor("c", TensorProto.FLOAT, [2, 2], [1.5, float("nan"), float("inf"), -0.0])
    return model([helper.make_node("Constant", [], ["y"], value=constant)], [], [("y", "FP32", [2, 2])])


def many_outputs(count=40):
    nodes = [helper.make_node("Add", ["x", f"c{i}"], [f"y{i}"]) for i in range(count)]
    added = [helper.make_tensor(f"c{i}", TensorProto.INT64, [], [i]) for i in range(count)]
    outputs = [(f"y{i}", "INT64", ["n"]) for i in range(count)]
    return model(nodes, [("x", "INT64", ["n"])], outputs, added)


def squares():
    """As much memory for a run as its input asks for."""
    nodes = [helper.make_node("Mul", ["x", "x"], ["xx"]), helper.make_node("Add", ["xx", "x"], ["y"])]
    return model(nodes, [("x", "FP32", ["n"])], [("y", "FP32", ["n"])])


def overridable():
    """Initialisers that are inputs as well: a factor and a text that requests may replace."""
    factor = helper.make_tensor("factor", TensorProto.FLOAT, [2], [10.0, 100.0])
    text = helper.make_tensor("text", TensorProto.STRING, [1], [b"own"])
    nodes = [helper.make_node("Mul", ["x", "factor"], ["y"]), helper.make_node("Identity", ["text"], ["z"])]
    inputs = [("x", "FP32", ["n", 2]), ("factor", "FP32", [2]), ("text", "BYTES", [1])]
    return model(nodes, inputs, [("y", "FP32", ["n", 2]), ("z", "BYTES", [1])], [factor, text])


def scaled_rows():
    """A dynamic first dimension and fixed columns, so that it can be batched."""
    factor = helper.make_tensor("k", TensorProto.FLOAT, [3], [1.0, 10.0, 100.0])
    nodes = [helper.make_node("Mul", ["x", "k"], ["y"])]
    return model(nodes, [("x", "FP32", ["n", 3])], [("y", "FP32", ["n", 3])], [factor])


def embedding(rows, columns, dtype=numpy.float32, seed=1):
    """A table of `rows` by `columns` floats, looked up by ids."""
    table = numpy.random.default_rng(seed).random((rows, columns), dtype=dtype)
    initializer = onnx.numpy_helper.from_array(table, "table")
    nodes = [helper.make_node("Gather", ["table", "ids"], ["y"], axis=0)]
    return model(nodes, [("ids", "INT64", ["n"])], [("y", "FP32", ["n", columns])], [initializer]), table


def values(dtype, shape, seed=0):
    """An array of this type and shape that holds the type's corners."""
    size = int(numpy.prod(shape, dtype=numpy.int64))
    random = numpy.random.default_rng(seed)
    if dtype == "BYTES":
        known = [EVERY_BYTE, b"", b"\x00", b"a\x00b", "é☃".encode(), b"\xff\xfe", b"plain"]
        flat = numpy.empty(size, numpy.object_)
        flat[:] = [known[i % len(known)] for i in range(size)]
        return flat.reshape(shape)
    kind = clients.DTYPES[dtype]
    if dtype == "BOOL":
        return random.integers(0, 2, size).astype(kind).reshape(shape)
    if dtype.startswith("FP"):
        limits = numpy.finfo(kind)
        known = [0.0, -0.0, 1 / 3, limits.max, limits.min, limits.tiny, limits.smallest_subnormal,
                 numpy.inf, -numpy.inf, numpy.nan, 1e-5, 65504.0, 0.1]
        known = numpy.array(known).astype(kind)
        flat = random.standard_normal(size).astype(kind)
    else:
        limits = numpy.iinfo(kind)
        known = numpy.array([limits.min, limits.max, 0, 1], dtype=kind)
        flat = random.integers(limits.min, limits.max, size, dtype=kind, endpoint=True)
    count = min(size, len(known))
    flat[:count] = known[:count]
    return flat.reshape(shape)
