"""The quality protocol: who is ranked against what, and the three figures.

A score matrix goes in, figures per user come out; what made the scores is not known here.
"""

from dataclasses import dataclass

import numpy as np

from data import ITEMS, LIKED, Split

TOP = 10


@dataclass(frozen=True)
class Quality:
    users: np.ndarray  # int [n]: users with a positive among what was held out
    ndcg: np.ndarray  # float [n]
    hit: np.ndarray  # float [n]
    auc: np.ndarray  # float [n], NaN where a user has no held-out rating below LIKED

    def summary(self) -> dict[str, float]:
        return {
            "ndcg": float(self.ndcg.mean()),
            "hr": float(self.hit.mean()),
            "auc": float(np.nanmean(self.auc)),
        }


def measure(scores: np.ndarray, split: Split) -> Quality:
    """`scores` is float [users, 1 + ITEMS]; ties go to the lower item id."""
    users, ndcg, hit, auc = [], [], [], []
    for user, (seen, held_out) in enumerate(zip(split.train, split.held_out)):
        liked = held_out.items[held_out.ratings >= LIKED]
        if len(liked) == 0:
            continue
        top = _top_unseen(scores[user], seen.items)
        hits = np.isin(top, liked)
        users.append(user)
        ndcg.append(_dcg(hits) / _dcg(np.ones(min(TOP, len(liked)))))
        hit.append(float(hits.any()))
        auc.append(_auc(scores[user, liked], scores[user, held_out.items[held_out.ratings < LIKED]]))
    return Quality(np.array(users), np.array(ndcg), np.array(hit), np.array(auc))


def paired_bootstrap(ours: Quality, theirs: Quality, seed: int, draws: int = 10_000) -> tuple[float, float]:
    """95 % interval of the mean difference in NDCG@10, users drawn with replacement."""
    difference = ours.ndcg - theirs.ndcg
    picks = np.random.default_rng(seed).integers(0, len(difference), (draws, len(difference)))
    low, high = np.quantile(difference[picks].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def _top_unseen(scores: np.ndarray, seen: np.ndarray) -> np.ndarray:
    masked = scores[: 1 + ITEMS].astype(np.float64).copy()
    masked[0] = -np.inf
    masked[seen] = -np.inf
    return np.argsort(-masked, kind="stable")[:TOP]


def _dcg(gains: np.ndarray) -> float:
    return float((gains / np.log2(np.arange(2, len(gains) + 2))).sum())


def _auc(liked: np.ndarray, disliked: np.ndarray) -> float:
    if len(disliked) == 0:
        return float("nan")
    above = liked[:, None] > disliked[None, :]
    equal = liked[:, None] == disliked[None, :]
    return float((above + 0.5 * equal).mean())
