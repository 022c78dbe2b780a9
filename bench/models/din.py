"""A deep interest network with random weights, as such models are usually exported: each row brings
the user's history along, and attention's first layer reads [h, i, h-i, h*i]."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tensors import Graph

HISTORY = 50
PROFILE = 6
ITEMS = 50_000
WORDS = 100
WIDTH = 16
ATTENTION = 36
HIDDEN = (64, 32)


def din(folder: Path, draw: np.random.Generator) -> Callable:
    """Writes the model; returns what draws the inputs of so many rows."""
    g = Graph("din_plain", draw)
    g.input("history", np.int32, ["rows", HISTORY])
    g.input("profile", np.int32, ["rows", PROFILE])
    g.input("item", np.int32, ["rows"])
    table = g.weight(ITEMS, WIDTH)
    h, item = g.add("Gather", table, "history"), g.add("Gather", table, "item")
    pooled = attention(g, h, item)
    profile = g.add("Gather", g.weight(WORDS, WIDTH), "profile")
    profile = g.add("Reshape", profile, g.constant(np.array([-1, PROFILE * WIDTH], np.int64)))
    deep, width = g.add("Concat", pooled, item, profile, axis=1), (2 + PROFILE) * WIDTH
    for size in HIDDEN:
        deep, width = g.add("Relu", g.dense(deep, width, size)), size
    score = g.add("Sigmoid", g.dense(deep, width, 1))
    g.add("Reshape", score, g.constant(np.array([-1], np.int64)), name="score")
    g.save(folder, "score", ["rows"])
    (folder / "model.toml").write_text('placement = "colocated"\n')
    return inputs


def attention(g: Graph, h: str, item: str) -> str:
    """Each entry of the history weighed by the item: [rows, WIDTH]."""
    i = g.add("Expand", g.add("Unsqueeze", item, g.axes(1)), g.add("Shape", h))
    pairs = g.add("Concat", h, i, g.add("Sub", h, i), g.add("Mul", h, i), axis=2)
    hidden = g.add("Relu", g.dense(pairs, 4 * WIDTH, ATTENTION))
    weights = g.dense(hidden, ATTENTION, 1)
    return g.add("ReduceSum", g.add("Mul", weights, h), g.axes(1), keepdims=0)


def inputs(draw: np.random.Generator, rows: int) -> dict[str, np.ndarray]:
    """One user, repeated, and so many items."""
    user = draw.integers(0, ITEMS, (1, HISTORY), dtype=np.int32)
    profile = draw.integers(0, WORDS, (1, PROFILE), dtype=np.int32)
    return {
        "history": np.repeat(user, rows, axis=0),
        "profile": np.repeat(profile, rows, axis=0),
        "item": draw.integers(0, ITEMS, rows, dtype=np.int32),
    }
