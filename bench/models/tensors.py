"""A small builder of graphs, and requests in both forms of the Open Inference Protocol."""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

TYPES = {np.float32: TensorProto.FLOAT, np.int32: TensorProto.INT32, np.int64: TensorProto.INT64}
DATATYPES = {"float32": "FP32", "int32": "INT32", "int64": "INT64"}


class Graph:
    def __init__(self, name: str, draw: np.random.Generator):
        self.name, self._draw = name, draw
        self._nodes, self._weights, self._inputs = [], [], []

    def input(self, name: str, dtype: type, shape: list) -> None:
        self._inputs.append(helper.make_tensor_value_info(name, TYPES[dtype], shape))

    def constant(self, values: np.ndarray) -> str:
        name = f"weight_{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(values, name))
        return name

    def weight(self, *shape: int) -> str:
        scale = np.float32(1 / np.sqrt(shape[-1]))
        return self.constant(self._draw.standard_normal(shape, dtype=np.float32) * scale)

    def axes(self, *axes: int) -> str:
        return self.constant(np.array(axes, np.int64))

    def add(self, operator: str, *inputs: str, name: str | None = None, **attributes) -> str:
        output = name or f"{operator.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def dense(self, value: str, width: int, size: int) -> str:
        return self.add("Add", self.add("MatMul", value, self.weight(width, size)), self.weight(size))

    def save(self, folder: Path, output: str, shape: list) -> None:
        result = helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)
        graph = helper.make_graph(self._nodes, self.name, self._inputs, [result], self._weights)
        opset = [helper.make_opsetid("", 17)]
        model = helper.make_model(graph, ir_version=8, opset_imports=opset, producer_name="bench")
        onnx.checker.check_model(model, full_check=True)
        (folder / "1").mkdir(parents=True)
        onnx.save_model(model, folder / "1/model.onnx")


class InferBody:
    """The inputs of one request."""

    def __init__(self, inputs: dict[str, np.ndarray]):
        self._inputs = inputs

    def _heads(self) -> list[dict]:
        return [
            {"name": name, "shape": list(values.shape), "datatype": DATATYPES[values.dtype.name]}
            for name, values in self._inputs.items()
        ]

    def json(self) -> bytes:
        """Numbers with the digits that read back as the same number, as clients write them."""
        inputs = []
        for head, values in zip(self._heads(), self._inputs.values(), strict=True):
            numbers = ",".join(str(value) for value in values.ravel())
            inputs.append(json.dumps(head, separators=(",", ":"))[:-1] + f',"data":[{numbers}]}}')
        return f'{{"inputs":[{",".join(inputs)}]}}'.encode()

    def binary(self) -> tuple[bytes, bytes]:
        """The JSON, and the data behind it; the outputs are wanted as binary data too."""
        data = [values.tobytes() for values in self._inputs.values()]
        inputs = [
            head | {"parameters": {"binary_data_size": len(bytes_)}}
            for head, bytes_ in zip(self._heads(), data, strict=True)
        ]
        document = {"inputs": inputs, "parameters": {"binary_data_output": True}}
        return json.dumps(document, separators=(",", ":")).encode(), b"".join(data)
