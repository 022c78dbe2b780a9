"""The ranker as differentiable functions over a tree of parameters (JAX).

Two parts share the user's history and are summed into one logit:

* a user vector (history decayed by recency, weighted by rating, plus profile and
  context) against an item vector and an item bias;
* target attention in the manner of DIN (Zhou et al. 2018): every history entry is
  weighed against the candidate, the weighted sum goes through a hidden layer.

Knows neither files nor training; `export.py` writes the same functions as ONNX.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from data import CONTEXT_SIZES, GENRES, ITEMS, PROFILE_SIZES, YEAR_FLOORS, Dataset

ROWS = 1 + ITEMS  # row 0 is padding
RATINGS = 6  # 0 unknown or padding, 1..5
POOL_SCALE = 1 / 8  # keeps the sum over the history near unit size
NORM_FLOOR = 0.5
SEED_SIZE = 0.4  # root mean square of an embedding's entries when attention joins


@dataclass(frozen=True)
class Sizes:
    history: int = 48  # a multiple of 16 fills the vector registers of the serving matrix product
    user: int = 128  # width of user and item vectors
    attention: int = 16  # width of the embeddings that attention compares
    attention_hidden: int = 8
    hidden: int = 14  # the serving graph adds two, see export_serving.py


def init(sizes: Sizes, counts: np.ndarray, seed: int) -> dict:
    """`counts` are the training ratings an item; the item bias starts at their logarithm."""
    rng = np.random.default_rng(seed)
    d, a, k = sizes.user, sizes.attention, sizes.hidden

    def normal(*shape: int, scale: float) -> jax.Array:
        return jnp.asarray(rng.normal(0, scale, shape), jnp.float32)

    return {
        "history": normal(ROWS, d, scale=0.1),
        "history_genre": normal(len(GENRES), d, scale=0.02),
        "history_year": normal(1 + len(YEAR_FLOORS), d, scale=0.02),
        "rating_gain": jnp.zeros((RATINGS, d)),
        "decay": jnp.linspace(-4.5, -0.5, d),  # log of the rate: from a long memory to a short one
        "user_bias": jnp.zeros(d),
        "profile": [jnp.zeros((n, d)) for n in PROFILE_SIZES],
        "context": [jnp.zeros((n, d)) for n in CONTEXT_SIZES],
        "item": normal(ROWS, d, scale=0.1),
        "item_genre": normal(len(GENRES), d, scale=0.02),
        "item_year": normal(1 + len(YEAR_FLOORS), d, scale=0.02),
        "item_bias": jnp.asarray(0.7 * np.log1p(counts), jnp.float32),
        "att_history": normal(ROWS, a, scale=0.1),
        "att_rating": 1 + normal(RATINGS, a, scale=0.05),
        "att_position": 1 + normal(sizes.history, a, scale=0.05),
        "att_item": normal(ROWS, a, scale=0.1),
        "att_genre": normal(len(GENRES), a, scale=0.05),
        "att_year": normal(1 + len(YEAR_FLOORS), a, scale=0.05),
        "att_first": normal(4, a, sizes.attention_hidden, scale=0.5 * a**-0.5),
        "att_first_bias": jnp.zeros(sizes.attention_hidden),
        "att_second": normal(sizes.attention_hidden, scale=sizes.attention_hidden**-0.5),
        "hidden_pooled": normal(a, k, scale=a**-0.5),
        "hidden_item": normal(a, k, scale=a**-0.5),
        "hidden_user": normal(d, k, scale=0.5 * d**-0.5),
        "hidden_bias": jnp.zeros(k),
        "out": normal(k, scale=0.2),
    }


def seed_attention(params: dict, dataset: Dataset) -> dict:
    """Parameters that start attention from what the user-vector part has learnt.

    The best low-rank form of its item-to-item products becomes the embeddings, and every
    second unit starts as their dot product: attention begins by weighing likeness.
    """
    width = params["att_item"].shape[1]
    products = np.asarray(history_table(params, dataset) @ item_table(params, dataset).T)
    left, strength, right = np.linalg.svd(products[1:, 1:], full_matrices=False)
    root = np.sqrt(strength[:width])
    pair = {"att_history": left[:, :width] * root, "att_item": right[:width].T * root}
    seeded = {}
    for name, rows in pair.items():
        rows = rows * SEED_SIZE / np.sqrt(np.mean(rows**2))
        seeded[name] = jnp.asarray(np.vstack([np.zeros(width), rows]), jnp.float32)
    seeded["att_first"] = params["att_first"].at[3, :, ::2].add(1)
    seeded["att_second"] = params["att_second"].at[::2].set(jnp.abs(params["att_second"][::2]))
    return seeded


def recency(params: dict, length: int) -> jax.Array:
    """Weight of each position and dimension, most recent first: [length, user].

    Scaled for a full history, so that a short one makes a short user vector, and the item
    bias and the profile then weigh more.
    """
    decayed = jnp.exp(-jnp.arange(length)[:, None] * jnp.exp(params["decay"]))
    return decayed / (jnp.sqrt(decayed.sum(0)) + NORM_FLOOR)


def history_table(params: dict, dataset: Dataset) -> jax.Array:
    genre = dataset.genres @ params["history_genre"]
    return params["history"] + genre + params["history_year"][dataset.years]


def item_table(params: dict, dataset: Dataset) -> jax.Array:
    return params["item"] + dataset.genres @ params["item_genre"] + params["item_year"][dataset.years]


def attention_item_table(params: dict, dataset: Dataset) -> jax.Array:
    genre = dataset.genres @ params["att_genre"]
    return params["att_item"] + genre + params["att_year"][dataset.years]


def user_vector(params: dict, dataset: Dataset, inputs: dict) -> jax.Array:
    """[batch, user]; `inputs` holds history, history_ratings, profile and context."""
    history = inputs["history"]
    entries = history_table(params, dataset)[history] * recency(params, history.shape[1])
    entries = entries * (1 + params["rating_gain"][inputs["history_ratings"]])
    pooled = jnp.where((history > 0)[..., None], entries, 0).sum(1)
    profile = sum(table[inputs["profile"][:, k]] for k, table in enumerate(params["profile"]))
    context = sum(table[inputs["context"][:, k]] for k, table in enumerate(params["context"]))
    return pooled + profile + context + params["user_bias"]


def catalogue_logits(params: dict, dataset: Dataset, user: jax.Array) -> jax.Array:
    """The first part, for every item: [batch, ROWS]."""
    return user @ item_table(params, dataset).T + params["item_bias"]


def attention_logits(
    params: dict, dataset: Dataset, inputs: dict, user: jax.Array, candidates: jax.Array
) -> jax.Array:
    """The second part, for `candidates` int32 [batch, n]: [batch, n].

    The first layer over [h, i, h-i, h*i] is evaluated in its folded form, as it is served.
    """
    history = inputs["history"]
    h = params["att_history"][history] * params["att_rating"][inputs["history_ratings"]]
    h = jnp.where((history > 0)[..., None], h * params["att_position"], 0)
    i = attention_item_table(params, dataset)[candidates]
    w1, w2, w3, w4 = params["att_first"]
    per_item = (w1 + w3) + i[..., None] * w4  # [batch, n, attention, attention_hidden]
    first = jnp.einsum("bta,bnah->bnth", h, per_item)
    first = first + (i @ (w2 - w3) + params["att_first_bias"])[:, :, None]
    weight = jax.nn.relu(first) @ params["att_second"]  # [batch, n, history]
    pooled = POOL_SCALE * jnp.einsum("bnt,bta->bna", weight, h)
    hidden = pooled @ params["hidden_pooled"] + i @ params["hidden_item"] + params["hidden_bias"]
    hidden = jax.nn.relu(hidden + (user @ params["hidden_user"])[:, None])
    return hidden @ params["out"]
