"""MovieLens 100K as RecBole's atomic files, read into arrays and split by time.

Owns what a feature number means (the codes of the serving interface) and which
interactions a model may see. Knows nothing of models.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

ITEMS = 1682  # MovieLens ids 1..1682 are the embedding rows; 0 is padding
HOLD_OUT = 10  # interactions a user, newest first to go
LIKED = 4  # a rating of at least this is a positive

GENRES = [
    "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary",
    "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi",
    "Thriller", "War", "Western",
]  # fmt: skip
OCCUPATIONS = [
    "administrator", "artist", "doctor", "educator", "engineer", "entertainment",
    "executive", "healthcare", "homemaker", "lawyer", "librarian", "marketing", "none",
    "other", "programmer", "retired", "salesman", "scientist", "student", "technician",
    "writer",
]  # fmt: skip
GENDERS = ["F", "M"]
AGE_FLOORS = [0, 18, 25, 35, 45, 50, 56]  # bucket k (from 1) starts at AGE_FLOORS[k-1]
YEAR_FLOORS = [0, 1940, 1950, 1960, 1970, 1980, 1985, 1990, 1993, 1995, 1996, 1997, 1998]
PROFILE_SIZES = [1 + len(GENDERS), 1 + len(AGE_FLOORS), 1 + len(OCCUPATIONS)]
CONTEXT_SIZES = [25, 8, 2]  # hour, weekday, scene
SCENES = ["home_feed", "genre"]


@dataclass(frozen=True)
class Timeline:
    """One user's interactions, oldest first; ties in time keep the file's order."""

    items: np.ndarray  # int32 [n]
    ratings: np.ndarray  # int32 [n], 1..5
    clock: np.ndarray  # int32 [n, 2]: hour (1..24, UTC), weekday (1 Monday .. 7 Sunday)

    def before(self, end: int) -> "Timeline":
        return Timeline(self.items[:end], self.ratings[:end], self.clock[:end])

    def after(self, start: int) -> "Timeline":
        return Timeline(self.items[start:], self.ratings[start:], self.clock[start:])


@dataclass(frozen=True)
class Dataset:
    timelines: list[Timeline]  # by user, in the order of user ids
    profiles: np.ndarray  # int32 [users, 3]: gender, age bucket, occupation
    genres: np.ndarray  # float32 [1 + ITEMS, len(GENRES)]: multi-hot, row 0 is empty
    years: np.ndarray  # int32 [1 + ITEMS]: bucket of the release year, 0 unknown


@dataclass(frozen=True)
class Split:
    """Per user: what the model may see, and what it is asked about."""

    train: list[Timeline]
    held_out: list[Timeline]


def load(folder: Path) -> Dataset:
    users, profiles = _read_users(folder / "ml-100k.user")
    genres, years = _read_items(folder / "ml-100k.item")
    return Dataset(_read_interactions(folder / "ml-100k.inter", users), profiles, genres, years)


def split(timelines: list[Timeline], skip: int = 0) -> Split:
    """Hold out the last ten interactions of each user, after dropping the newest `skip`.

    `skip = 0` is the test split, `skip = HOLD_OUT` the validation split inside training.
    """
    known = [t.before(max(0, len(t.items) - skip)) for t in timelines]
    ends = [max(0, len(t.items) - HOLD_OUT) for t in known]
    return Split(
        [t.before(e) for t, e in zip(known, ends)],
        [t.after(e) for t, e in zip(known, ends)],
    )


def _rows(path: Path) -> list[list[str]]:
    lines = path.read_text(encoding="utf-8").split("\n")
    return [line.split("\t") for line in lines[1:] if line]


def _read_users(path: Path) -> tuple[dict[str, int], np.ndarray]:
    rows = sorted(_rows(path), key=lambda r: int(r[0]))
    index = {user: k for k, (user, *_) in enumerate(rows)}
    profile = [
        (
            1 + GENDERS.index(gender),
            int(np.searchsorted(AGE_FLOORS, int(age), side="right")),
            1 + OCCUPATIONS.index(occupation),
        )
        for _, age, gender, occupation, _ in rows
    ]
    return index, np.array(profile, np.int32)


def _read_items(path: Path) -> tuple[np.ndarray, np.ndarray]:
    genres = np.zeros((1 + ITEMS, len(GENRES)), np.float32)
    years = np.zeros(1 + ITEMS, np.int32)
    for item, _title, year, names in _rows(path):
        for name in names.split(" "):
            if name in GENRES:  # two items are of genre "unknown"
                genres[int(item), GENRES.index(name)] = 1
        if year.isdigit():
            years[int(item)] = np.searchsorted(YEAR_FLOORS, int(year), side="right")
    return genres, years


def _read_interactions(path: Path, users: dict[str, int]) -> list[Timeline]:
    rows = [(users[u], int(i), int(float(r)), int(float(t))) for u, i, r, t in _rows(path)]
    rows.sort(key=lambda row: (row[0], row[3]))  # Python's sort is stable
    table = np.array(rows, np.int64)
    starts = np.searchsorted(table[:, 0], np.arange(len(users) + 1))
    return [_timeline(table[a:b]) for a, b in zip(starts, starts[1:])]


def _timeline(rows: np.ndarray) -> Timeline:
    times = [datetime.fromtimestamp(t, UTC) for t in rows[:, 3]]
    clock = np.array([(t.hour + 1, t.isoweekday()) for t in times], np.int32).reshape(-1, 2)
    return Timeline(rows[:, 1].astype(np.int32), rows[:, 2].astype(np.int32), clock)
