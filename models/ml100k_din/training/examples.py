"""Training examples: cut a user's timeline somewhere; the past is input, what follows is target.

Every random choice comes from the generator passed in.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from data import HOLD_OUT, ITEMS, LIKED, Dataset, Timeline

ROWS = 1 + ITEMS


@dataclass(frozen=True)
class Sampling:
    batch: int = 64
    cuts_per_rating: float = 1 / 30  # examples an epoch takes from a user, at least one
    mild_rating: int = 3  # rated so: taken up, but not liked
    mild_target: float = 0.25
    hour_dropout: float = 0.15  # likewise weekday: trains "unknown"
    profile_dropout: float = 0.1
    rating_dropout: float = 0.05
    cold_start: float = 0.03  # history emptied
    genre_scene: float = 0.2


def pad(values: np.ndarray, length: int) -> np.ndarray:
    out = np.zeros(length, np.int32)
    out[: len(values[:length])] = values[:length]
    return out


def model_inputs(past: Timeline, profile: np.ndarray, clock: np.ndarray, history: int) -> dict:
    """What a request carries: the history most recent first, scene `home_feed`."""
    return {
        "history": pad(past.items[::-1], history),
        "history_ratings": pad(past.ratings[::-1], history),
        "profile": profile.astype(np.int32),
        "context": np.array([*clock, 0], np.int32),
    }


def stack(examples: list[dict]) -> dict:
    return {name: np.stack([e[name] for e in examples]) for name in examples[0]}


def requests(past: list[Timeline], future: list[Timeline], dataset: Dataset, history: int) -> dict:
    """One request a user, made when its first held-out interaction happened."""
    return stack(
        [
            model_inputs(p, profile, f.clock[0], history)
            for p, f, profile in zip(past, future, dataset.profiles)
        ]
    )


def epoch(
    train: list[Timeline], dataset: Dataset, history: int, sampling: Sampling, rng: np.random.Generator
) -> Iterator[dict]:
    users = np.concatenate(
        [
            np.full(max(1, round(len(t.items) * sampling.cuts_per_rating)), user)
            for user, t in enumerate(train)
            if len(t.items) >= 2
        ]
    )
    rng.shuffle(users)
    for start in range(0, len(users) - sampling.batch + 1, sampling.batch):
        batch = users[start : start + sampling.batch]
        yield stack([_example(train[u], dataset.profiles[u], dataset, history, sampling, rng) for u in batch])


def _example(
    timeline: Timeline,
    profile: np.ndarray,
    dataset: Dataset,
    history: int,
    sampling: Sampling,
    rng: np.random.Generator,
) -> dict:
    cut = int(rng.integers(0, len(timeline.items) - 1))
    past, future = timeline.before(cut), timeline.after(cut).before(HOLD_OUT)
    inputs = _drop_out(model_inputs(past, profile, future.clock[0], history), sampling, rng)
    target = np.zeros(ROWS, np.float32)
    target[future.items] = np.where(future.ratings == sampling.mild_rating, sampling.mild_target, 0)
    target[future.items[future.ratings >= LIKED]] = 1
    barred = np.zeros(ROWS, bool)
    barred[0] = True
    barred[past.items] = True
    genre = _scene_genre(future, dataset, sampling, rng)
    if genre is not None:
        inputs["context"][2] = 1
        barred |= dataset.genres[:, genre] == 0
    window = pad(future.items, HOLD_OUT)
    return inputs | {"target": np.where(barred, 0, target), "barred": barred, "window": window}


def _drop_out(inputs: dict, sampling: Sampling, rng: np.random.Generator) -> dict:
    for column in (0, 1):
        if rng.random() < sampling.hour_dropout:
            inputs["context"][column] = 0
    if rng.random() < sampling.profile_dropout:
        inputs["profile"] = np.zeros_like(inputs["profile"])
    if rng.random() < sampling.rating_dropout:
        inputs["history_ratings"] = np.zeros_like(inputs["history_ratings"])
    if rng.random() < sampling.cold_start:
        inputs["history"] = np.zeros_like(inputs["history"])
        inputs["history_ratings"] = np.zeros_like(inputs["history_ratings"])
    return inputs


def _scene_genre(
    future: Timeline, dataset: Dataset, sampling: Sampling, rng: np.random.Generator
) -> int | None:
    """For some examples, a genre of a liked target: the ranking is then among that genre."""
    liked = future.items[future.ratings >= LIKED]
    if len(liked) == 0 or rng.random() >= sampling.genre_scene:
        return None
    genres = np.flatnonzero(dataset.genres[rng.choice(liked)])
    return int(rng.choice(genres)) if len(genres) else None
