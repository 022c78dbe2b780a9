"""Trained parameters to the arrays that the graphs hold.

Whatever depends on the item alone is computed here, once: genres and release year are
added into the item's vectors. The calibration is folded into the last layer.
"""

from dataclasses import dataclass

import jax
import numpy as np

import model
from data import CONTEXT_SIZES, PROFILE_SIZES, Dataset


@dataclass(frozen=True)
class Tables:
    history: np.ndarray  # [ROWS, user], row 0 is zero
    gain: np.ndarray  # [RATINGS, user]
    recency: np.ndarray  # [history, user]
    side: np.ndarray  # [sum of the six sizes, user]: profile and context, one table
    side_offsets: np.ndarray  # int32 [6]: where each column's rows start in `side`
    item: np.ndarray  # [ROWS, user]
    item_bias: np.ndarray  # [ROWS]
    att_history: np.ndarray  # [ROWS, attention], row 0 is zero
    att_rating: np.ndarray  # [RATINGS, attention]
    att_position: np.ndarray  # [history, attention]
    att_item: np.ndarray  # [ROWS, attention]
    att_first: np.ndarray  # [4, attention, attention_hidden]
    att_first_bias: np.ndarray  # [attention_hidden]
    att_second: np.ndarray  # [attention_hidden]
    hidden_pooled: np.ndarray  # [attention, hidden]
    hidden_item: np.ndarray  # [attention, hidden]
    hidden_user: np.ndarray  # [user, hidden]
    hidden_bias: np.ndarray  # [hidden]
    out: np.ndarray  # [hidden]


def build(params: dict, dataset: Dataset, sizes: model.Sizes, slope: float, intercept: float) -> Tables:
    history = np.array(model.history_table(params, dataset))
    history[0] = 0
    att_history = np.array(params["att_history"])
    att_history[0] = 0
    side = np.concatenate([*params["profile"], *params["context"]])
    side[: PROFILE_SIZES[0]] += params["user_bias"]  # every request has exactly one gender row
    starts = np.cumsum([0, *PROFILE_SIZES, *CONTEXT_SIZES])[:-1]
    host = jax.tree.map(np.asarray, params)
    return Tables(
        history=history,
        gain=1 + host["rating_gain"],
        recency=np.asarray(model.recency(params, sizes.history)),
        side=side,
        side_offsets=starts.astype(np.int32),
        item=slope * np.asarray(model.item_table(params, dataset)),
        item_bias=slope * host["item_bias"] + intercept,
        att_history=att_history,
        att_rating=host["att_rating"],
        att_position=host["att_position"],
        att_item=np.asarray(model.attention_item_table(params, dataset)),
        att_first=host["att_first"],
        att_first_bias=host["att_first_bias"],
        att_second=host["att_second"],
        hidden_pooled=model.POOL_SCALE * host["hidden_pooled"],
        hidden_item=host["hidden_item"],
        hidden_user=host["hidden_user"],
        hidden_bias=host["hidden_bias"],
        out=slope * host["out"],
    )
