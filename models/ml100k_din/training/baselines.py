"""Popularity and EASE, recomputed on the same training part as the model."""

import numpy as np

from data import ITEMS, LIKED, Timeline

EASE_L2 = 300.0


def popularity(train: list[Timeline]) -> np.ndarray:
    """Counts of all training ratings, the same row for every user: [users, 1 + ITEMS]."""
    counts = np.bincount(np.concatenate([t.items for t in train]), minlength=1 + ITEMS)
    return np.broadcast_to(counts.astype(np.float64), (len(train), 1 + ITEMS))


def positives(train: list[Timeline]) -> np.ndarray:
    """Users by items, 1 where the user's training rating is at least LIKED."""
    matrix = np.zeros((len(train), 1 + ITEMS))
    for user, timeline in enumerate(train):
        matrix[user, timeline.items[timeline.ratings >= LIKED]] = 1
    return matrix


def ease_weights(matrix: np.ndarray) -> np.ndarray:
    """Steck 2019, closed form: item-to-item weights with a zero diagonal."""
    gram = matrix.T @ matrix
    gram[np.diag_indices_from(gram)] += EASE_L2
    inverse = np.linalg.inv(gram)
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return weights


def ease(train: list[Timeline]) -> np.ndarray:
    matrix = positives(train)
    return matrix @ ease_weights(matrix)
