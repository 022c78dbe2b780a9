"""The ranker as such models are usually exported: every input has one row a candidate.

The user's side is repeated for each candidate, and attention's first layer reads the
concatenation [h, i, h-i, h*i]. It is the reference for `export_serving.py`.
"""

from pathlib import Path

from graph import Graph
from tables import Tables


def save(tables: Tables, folder: Path) -> None:
    g = Graph("ml100k_din_plain")
    length = tables.recency.shape[0]
    g.input("history", ["candidates", length])
    g.input("history_ratings", ["candidates", length])
    g.input("profile", ["candidates", 3])
    g.input("context", ["candidates", 3])
    g.input("candidates", ["candidates"])
    user = _user(g, tables)
    item = g.add("Gather", g.weight("att_item", tables.att_item), "candidates")
    hidden = g.add("MatMul", _pooled(g, tables, item), g.weight("hidden_pooled", tables.hidden_pooled))
    hidden = g.add("Add", hidden, g.add("MatMul", item, g.weight("hidden_item", tables.hidden_item)))
    hidden = g.add("Add", hidden, g.add("MatMul", user, g.weight("hidden_user", tables.hidden_user)))
    hidden = g.add("Relu", g.add("Add", hidden, g.weight("hidden_bias", tables.hidden_bias)))
    deep = g.add("MatMul", hidden, g.weight("out", tables.out))
    vector = g.add("Gather", g.weight("item_table", tables.item), "candidates")
    product = g.add("ReduceSum", g.add("Mul", user, vector), g.ints("axis_width", 1), keepdims=0)
    bias = g.add("Gather", g.weight("item_bias", tables.item_bias), "candidates")
    g.add("Sigmoid", g.add("Add", g.add("Add", product, bias), deep), name="score")
    g.save(folder, "score", "DIN ranker for MovieLens 100K, plain form: one row a candidate in every input")


def _user(g: Graph, tables: Tables) -> str:
    """The user vector: [candidates, user]. Padding is a zero row of the history table."""
    entries = g.add("Gather", g.weight("history_table", tables.history), "history")
    entries = g.add("Mul", entries, g.add("Gather", g.weight("rating_gain", tables.gain), "history_ratings"))
    entries = g.add("Mul", entries, g.weight("recency", tables.recency))
    pooled = g.add("ReduceSum", entries, g.ints("axis_history", 1), keepdims=0)
    columns = g.add("Concat", "profile", "context", axis=1)
    columns = g.add("Add", columns, g.weight("side_offsets", tables.side_offsets))
    side = g.add("Gather", g.weight("side_table", tables.side), columns)
    return g.add("Add", pooled, g.add("ReduceSum", side, g.ints("axis_columns", 1), keepdims=0))


def _pooled(g: Graph, tables: Tables, item: str) -> str:
    """Attention over the history: [candidates, attention]."""
    h = g.add("Gather", g.weight("att_history", tables.att_history), "history")
    h = g.add("Mul", h, g.add("Gather", g.weight("att_rating", tables.att_rating), "history_ratings"))
    h = g.add("Mul", h, g.weight("att_position", tables.att_position))
    i = g.add("Expand", g.add("Unsqueeze", item, g.ints("axis_middle", 1)), g.add("Shape", h))
    pairs = g.add("Concat", h, i, g.add("Sub", h, i), g.add("Mul", h, i), axis=2)
    first_weight = tables.att_first.reshape(-1, tables.att_first.shape[2])
    first = g.add("MatMul", pairs, g.weight("att_first", first_weight))
    first = g.add("Relu", g.add("Add", first, g.weight("att_first_bias", tables.att_first_bias)))
    weight = g.add("MatMul", first, g.weight("att_second", tables.att_second[:, None]))
    return g.add("ReduceSum", g.add("Mul", weight, h), g.ints("axis_pairs", 1), keepdims=0)
