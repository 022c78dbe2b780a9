"""The ranker as it is served: the user's side once a request, candidates as a flat list.

Attention's first layer is folded by algebra:

    W [h, i, h-i, h*i] + b = ((W1+W3) + W4 diag(i)) h + ((W2-W3) i + b)

The first bracket and the last depend on the item alone. With a constant 1 appended to h
they are one row of the table `att_query`, and for one request the layer is one matrix
product [candidates * units, attention+1] x [attention+1, history].

The second layer, the weighted sum over the history and its projection to the hidden layer
are linear, so they are a second one, [candidates, units * history] x [units * history,
hidden]: its right side is made once a request.

Requests that share a run have different histories: there the products are made in batches
of one candidate (branch `many`), at a higher price a row.
"""

from pathlib import Path

import numpy as np

from graph import Graph
from tables import Tables


def save(tables: Tables, folder: Path) -> None:
    g = Graph("ml100k_din")
    length = tables.recency.shape[0]
    g.input("history", ["requests", length])
    g.input("history_ratings", ["requests", length])
    g.input("profile", ["requests", 3])
    g.input("context", ["requests", 3])
    g.input("candidates", ["candidates"])
    g.input("row_index", ["candidates"])
    _user_side(g, tables)
    _item_side(g, tables)
    requests = g.add("Shape", "history", start=0, end=1)
    one = g.add("Equal", requests, g.ints("one", 1))
    g.add("If", one, name="score", then_branch=_one(), else_branch=_many())
    g.save(folder, "score", "DIN ranker for MovieLens 100K: score float32 [candidates], a probability")


def _user_side(g: Graph, tables: Tables) -> None:
    """`keys` [requests, history, attention+1], `user` [requests, user] and `user_hidden`
    [requests, hidden]."""
    width = tables.recency.shape[1]
    entries = g.add(
        "Gather", g.weight("history_table", _side_by_side(tables.history, tables.att_history)), "history"
    )
    gain = g.add(
        "Gather", g.weight("rating_gain", _side_by_side(tables.gain, tables.att_rating)), "history_ratings"
    )
    position = g.weight("position", _side_by_side(tables.recency, tables.att_position))
    entries = g.add("Mul", g.add("Mul", entries, gain), position)  # padding is a zero row
    parts = g.ints("split", width, tables.att_item.shape[1] + 1)
    entries, _ = g.split(entries, parts, axis=2, names=["entries", "keys"])
    columns = g.add("Concat", "profile", "context", axis=1)
    columns = g.add("Add", columns, g.weight("side_offsets", tables.side_offsets))
    side = g.add("Gather", g.weight("side_table", tables.side), columns)
    everything = g.add("Concat", entries, side, axis=1)
    ones = g.weight("ones", np.ones((1, tables.recency.shape[0] + tables.side_offsets.size)))
    total = g.add("MatMul", ones, everything)  # a sum over rows, faster than ReduceSum
    user = g.add("Reshape", total, g.ints("shape_user", -1, width), name="user")
    g.add("MatMul", user, g.weight("hidden_user", _widen(tables.hidden_user)), name="user_hidden")
    # The projection to the hidden layer: plain for `many`, and for `one` as each unit's share.
    pooled = np.vstack([_widen(tables.hidden_pooled), np.zeros(tables.out.size + 2)])
    g.weight("att_value", pooled)
    g.weight("att_second", tables.att_second[None])
    g.weight("att_share", tables.att_second[:, None, None] * pooled)  # [units, attention+1, hidden]


def _item_side(g: Graph, tables: Tables) -> None:
    """What a candidate brings, by lookup: `queries` [candidates, units * (attention+1)],
    `item_hidden` [candidates, hidden] and `item_vectors` [candidates, user]."""
    w1, w2, w3, w4 = tables.att_first
    i = tables.att_item
    matrix = (w1 + w3).T + w4.T * i[:, None, :]  # [ROWS, units, attention]
    constant = i @ (w2 - w3) + tables.att_first_bias  # [ROWS, units]
    query = np.concatenate([matrix, constant[:, :, None]], axis=2)
    rows, units, width = query.shape
    g.add("Gather", g.weight("att_query", query.reshape(rows, -1)), "candidates", name="queries")
    # The item's bias rides on two hidden units: relu(b) - relu(-b) = b.
    bias = np.stack([tables.item_bias, -tables.item_bias], axis=1)
    hidden = np.hstack([i @ tables.hidden_item + tables.hidden_bias, bias])
    g.add("Gather", g.weight("item_hidden_table", hidden), "candidates", name="item_hidden")
    g.add("Gather", g.weight("item_table", tables.item), "candidates", name="item_vectors")
    g.weight("out", np.concatenate([tables.out, [1, -1]])[:, None])
    history = tables.recency.shape[0]
    g.ints("shape_keys", -1, width)
    g.ints("shape_units", -1, units, width)
    g.ints("shape_first", -1, units * history)
    g.ints("shape_hidden", -1, hidden.shape[1])
    g.ints("shape_flat", -1)
    g.ints("axis_row", 1)


def _one():
    """All candidates belong to the only request."""
    g = Graph("one")
    queries = g.add("Reshape", "queries", "shape_keys")  # [candidates * units, attention+1]
    first = g.add("Gemm", queries, g.add("Reshape", "keys", "shape_keys"), transB=1)
    first = g.add("Reshape", g.add("Relu", first), "shape_first")  # [candidates, units * history]
    values = g.add("Reshape", g.add("MatMul", "keys", "att_share"), "shape_hidden")
    offset = g.add("Add", "item_hidden", "user_hidden")
    hidden = g.add("Relu", g.add("Gemm", first, values, offset))
    product = g.add("Gemm", "item_vectors", "user", transB=1)  # [candidates, 1]
    return _finish(g, hidden, product)


def _many():
    """Each candidate picks its request's rows."""
    g = Graph("many")
    keys = g.add("Gather", g.add("Transpose", "keys", perm=[0, 2, 1]), "row_index")
    first = g.add("Relu", g.add("MatMul", g.add("Reshape", "queries", "shape_units"), keys))
    weights = g.add("MatMul", "att_second", first)  # [candidates, 1, history]
    values = g.add("Gather", g.add("MatMul", "keys", "att_value"), "row_index")
    pooled = g.add("MatMul", weights, values)  # [candidates, 1, hidden]
    offset = g.add("Add", "item_hidden", g.add("Gather", "user_hidden", "row_index"))
    hidden = g.add("Relu", g.add("Add", g.add("Reshape", pooled, "shape_hidden"), offset))
    product = g.add("Mul", "item_vectors", g.add("Gather", "user", "row_index"))
    product = g.add("ReduceSum", product, "axis_row", keepdims=1)
    return _finish(g, hidden, product)


def _finish(g: Graph, hidden: str, product: str):
    logit = g.add("Gemm", hidden, "out", product)
    score = f"score_{g.name}"
    g.add("Sigmoid", g.add("Reshape", logit, "shape_flat"), name=score)
    return g.branch(score)


def _side_by_side(user: np.ndarray, attention: np.ndarray) -> np.ndarray:
    """One table for both parts and the constant: one lookup. An empty row stays empty."""
    constant = attention.any(axis=1, keepdims=True)
    return np.hstack([user, attention, constant])


def _widen(weight: np.ndarray) -> np.ndarray:
    """Two more hidden units, which only the item's bias feeds."""
    return np.hstack([weight, np.zeros((weight.shape[0], 2))])
