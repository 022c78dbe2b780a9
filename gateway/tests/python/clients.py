"""Asking a gateway through tritonclient, and comparing with ONNX Runtime in this process."""

import numpy
import onnxruntime
import tritonclient.http as triton

DTYPES = {
    "BOOL": numpy.bool_,
    "INT8": numpy.int8,
    "INT16": numpy.int16,
    "INT32": numpy.int32,
    "INT64": numpy.int64,
    "UINT8": numpy.uint8,
    "UINT16": numpy.uint16,
    "UINT32": numpy.uint32,
    "UINT64": numpy.uint64,
    "FP16": numpy.float16,
    "FP32": numpy.float32,
    "FP64": numpy.float64,
    "BYTES": numpy.object_,
}
NAMES = {numpy.dtype(dtype): name for name, dtype in DTYPES.items()}


def datatype(array):
    """The protocol's name of an array's type; None for one that is not served."""
    if array.dtype.kind in "SUO":
        return "BYTES"
    return NAMES.get(array.dtype)


def session(model):
    """ONNX Runtime as the gateway configures it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    data = model if isinstance(model, (bytes, str)) else model.SerializeToString()
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def ask(client, model, inputs, outputs, binary, **more):
    """Arrays by output name, as a client of `binary` or JSON data gets them."""
    asked = []
    for name, array in inputs.items():
        given = triton.InferInput(name, list(array.shape), datatype(array))
        if not binary and array.dtype == numpy.float16:
            # The client refuses halves in JSON, which the protocol has as numbers.
            given._data = [float(value) for value in array.flatten()]
        else:
            given.set_data_from_numpy(array, binary_data=binary)
        asked.append(given)
    wanted = [triton.InferRequestedOutput(name, binary_data=binary) for name in outputs]
    answer = client.infer(model, asked, outputs=wanted, **more)
    return {name: as_array(answer, name) for name in outputs}


def as_array(answer, name):
    output = answer.get_output(name)
    if output["datatype"] == "FP16" and "data" in output:
        return numpy.array(output["data"], numpy.float16).reshape(output["shape"])
    array = answer.as_numpy(name)
    if output["datatype"] == "BYTES" and array is not None:
        # JSON gives text, binary data gives bytes; compared as bytes.
        as_bytes = [s.encode() if isinstance(s, str) else bytes(s) for s in array.flatten()]
        array = numpy.array(as_bytes + [None], numpy.object_)[:-1].reshape(array.shape)
    return array


def same(got, expected, binary):
    """Same type, shape and bits. JSON has one NaN, so there any NaN equals any other."""
    if expected.dtype.kind in "SUO":
        expected = expected.astype(numpy.object_)
        flat = [s if isinstance(s, bytes) else str(s).encode() for s in expected.flatten()]
        return got.shape == expected.shape and list(got.flatten()) == flat
    if got.dtype != expected.dtype or got.shape != expected.shape:
        return False
    if got.tobytes() == expected.tobytes():
        return True
    if binary or expected.dtype.kind != "f":
        return False
    nan = numpy.isnan(expected)
    return bool((numpy.isnan(got) == nan).all() and got[~nan].tobytes() == expected[~nan].tobytes())
