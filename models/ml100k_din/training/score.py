"""Scores of the whole catalogue, and the calibration that makes a logit a probability."""

import jax
import jax.numpy as jnp
import numpy as np

import model
from data import LIKED, Dataset, Split

CHUNK = 41  # users at a time: bounds the memory of attention over the catalogue
BASE_RATE = 0.1  # a score is right where one candidate in ten is liked next


def make_scorer(dataset: Dataset):
    """A function (params, inputs of n users) -> logits float32 [n, 1 + ITEMS], compiled once."""

    @jax.jit
    def part(params, inputs):
        user = model.user_vector(params, dataset, inputs)
        everything = jnp.broadcast_to(jnp.arange(model.ROWS), (user.shape[0], model.ROWS))
        attention = model.attention_logits(params, dataset, inputs, user, everything)
        return model.catalogue_logits(params, dataset, user) + attention

    def catalogue(params: dict, inputs: dict) -> np.ndarray:
        users = len(inputs["history"])
        parts = [slice(start, start + CHUNK) for start in range(0, users, CHUNK)]
        return np.concatenate([np.asarray(part(params, {n: v[p] for n, v in inputs.items()})) for p in parts])

    return catalogue


def calibrate(logits: np.ndarray, split: Split) -> tuple[float, float]:
    """Slope and intercept of a logistic regression: unseen items, 1 = liked among the next ten.

    Positives and negatives are weighted to BASE_RATE. Both are monotone: no ranking changes.
    """
    rows, labels = [], []
    for user, (seen, held_out) in enumerate(zip(split.train, split.held_out)):
        unseen = np.ones(logits.shape[1], bool)
        unseen[0] = False
        unseen[seen.items] = False
        label = np.zeros(logits.shape[1])
        label[held_out.items[held_out.ratings >= LIKED]] = 1
        rows.append(logits[user][unseen])
        labels.append(label[unseen])
    x, y = np.concatenate(rows).astype(np.float64), np.concatenate(labels)
    weight = np.where(y == 1, BASE_RATE / y.mean(), (1 - BASE_RATE) / (1 - y.mean()))
    centre, width = x.mean(), x.std()
    features = np.stack([(x - centre) / width, np.ones_like(x)])
    fitted = np.array([0.0, np.log(BASE_RATE / (1 - BASE_RATE))])
    for _ in range(30):  # Newton's method; from a flat start it converges in a handful
        p = 1 / (1 + np.exp(-fitted @ features))
        gradient = features @ (weight * (y - p))
        curvature = (features * (weight * p * (1 - p))) @ features.T
        fitted = fitted + np.linalg.solve(curvature, gradient)
    slope = fitted[0] / width
    return float(slope), float(fitted[1] - slope * centre)
