"""A small builder over `onnx.helper`: nodes and weights in, a checked model file out."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8
WEIGHTS_FILE = "model.bin"
INLINE_BYTES = 1024  # smaller tensors (shapes, axes) stay in the .onnx, where ORT folds them


class Graph:
    def __init__(self, name: str):
        self.name = name
        self._nodes: list[onnx.NodeProto] = []
        self._weights: dict[str, np.ndarray] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._count = 0

    def input(self, name: str, shape: list) -> str:
        self._inputs.append(helper.make_tensor_value_info(name, TensorProto.INT32, shape))
        return name

    def weight(self, name: str, values) -> str:
        values = np.ascontiguousarray(values)
        self._weights[name] = values.astype(np.float32) if values.dtype.kind == "f" else values
        return name

    def ints(self, name: str, *values: int) -> str:
        return self.weight(name, np.array(values, np.int64))

    def add(self, operator: str, *inputs: str, name: str | None = None, **attributes) -> str:
        self._count += 1
        output = name or f"{self.name}_{operator.lower()}_{self._count}"
        node = helper.make_node(operator, list(inputs), [output], name=f"{self.name}/{output}", **attributes)
        self._nodes.append(node)
        return output

    def split(self, value: str, parts: str, axis: int, names: list[str]) -> list[str]:
        self._nodes.append(
            helper.make_node("Split", [value, parts], names, name=f"{self.name}/split", axis=axis)
        )
        return names

    def branch(self, output: str) -> onnx.GraphProto:
        """This graph as the branch of an `If`: it reads the outer graph's values by name."""
        assert not self._inputs and not self._weights, "a branch takes everything from outside"
        result = helper.make_tensor_value_info(output, TensorProto.FLOAT, ["candidates"])
        return helper.make_graph(self._nodes, self.name, [], [result])

    def save(self, folder: Path, output: str, doc: str) -> None:
        """`model.onnx` beside `model.bin`, which holds the weights as external data."""
        folder.mkdir(parents=True, exist_ok=True)
        result = helper.make_tensor_value_info(output, TensorProto.FLOAT, ["candidates"])
        weights = [numpy_helper.from_array(v, n) for n, v in self._weights.items()]
        graph = helper.make_graph(self._nodes, self.name, self._inputs, [result], weights, doc_string=doc)
        file = helper.make_model(
            graph,
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid("", OPSET)],
            producer_name="ml100k_din",
        )
        (folder / WEIGHTS_FILE).unlink(missing_ok=True)  # the writer appends
        onnx.save_model(
            file,
            folder / "model.onnx",
            save_as_external_data=True,
            location=WEIGHTS_FILE,
            size_threshold=INLINE_BYTES,
        )
        (folder / WEIGHTS_FILE).chmod(0o644)  # the writer makes it private
        onnx.checker.check_model(str(folder / "model.onnx"), full_check=True)
