"""DeepFM with random weights: factorisation machine and a deep part over the same embeddings."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tensors import Graph

NUMBERS = 10
IDS = 16
VOCABULARY = 10_000
WIDTH = 8
HIDDEN = (128, 64)


def deepfm(folder: Path, draw: np.random.Generator) -> Callable:
    """Writes the model; returns what draws the inputs of so many rows."""
    g = Graph("deepfm", draw)
    g.input("numbers", np.float32, ["rows", NUMBERS])
    g.input("ids", np.int64, ["rows", IDS])
    # Each field has a table of its own, all of them in one.
    fields = g.add("Add", "ids", g.constant(np.arange(IDS, dtype=np.int64) * VOCABULARY))
    vectors = g.add("Gather", g.weight(IDS * VOCABULARY, WIDTH), fields)
    sums = g.add("ReduceSum", vectors, g.axes(1), keepdims=0)
    squares = g.add("ReduceSum", g.add("Mul", vectors, vectors), g.axes(1), keepdims=0)
    pairs = g.add("Sub", g.add("Mul", sums, sums), squares)
    pairs = g.add("ReduceSum", pairs, g.axes(1), keepdims=1)
    first = g.add("ReduceSum", g.add("Gather", g.weight(IDS * VOCABULARY, 1), fields), g.axes(1), keepdims=0)
    flat = g.add("Reshape", vectors, g.constant(np.array([-1, IDS * WIDTH], np.int64)))
    deep, width = g.add("Concat", flat, "numbers", axis=1), IDS * WIDTH + NUMBERS
    for size in HIDDEN:
        deep, width = g.add("Relu", g.dense(deep, width, size)), size
    deep = g.dense(deep, width, 1)
    score = g.add("Sigmoid", g.add("Add", g.add("Add", first, pairs), deep))
    g.add("Reshape", score, g.constant(np.array([-1], np.int64)), name="score")
    g.save(folder, "score", ["rows"])
    (folder / "model.toml").write_text(MANIFEST)
    return inputs


def inputs(draw: np.random.Generator, rows: int) -> dict[str, np.ndarray]:
    return {
        "numbers": draw.standard_normal((rows, NUMBERS), dtype=np.float32),
        "ids": draw.integers(0, VOCABULARY, (rows, IDS), dtype=np.int64),
    }


MANIFEST = """\
placement = "colocated"

[batching]
row_budget = 100
[inputs.numbers]
role = "candidate"
[inputs.ids]
role = "candidate"
min = 0
max = 9999
[outputs.score]
role = "score"
"""
