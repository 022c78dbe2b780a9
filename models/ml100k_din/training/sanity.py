"""What the shipped file must do besides ranking well; stops with a reason where it does not.

    python sanity.py --data DIR

Looks at scores only, never at what users did next.
"""

import argparse
from pathlib import Path

import numpy as np

import compare

ARTEFACT = Path(__file__).parent.parent / "1"
HOUR, WEEKDAY, SCENE = 0, 1, 2


def check(folder: Path) -> None:
    serving = compare.session(ARTEFACT)
    requests, _ = compare.load_requests(folder, serving.get_inputs()[0].shape[1])
    scores = compare.serve_catalogue(serving, requests)[:, 1:]
    _spread(scores)
    _cold(serving, requests)
    for name, column, one, other in (
        ("hour 8 / 22", HOUR, 9, 23),
        ("Monday / Saturday", WEEKDAY, 1, 6),
        ("scene", SCENE, 0, 1),
    ):
        _context(serving, requests, name, column, one, other)


def _spread(scores: np.ndarray) -> None:
    distinct = np.mean([len(np.unique(row)) / len(row) for row in scores])
    top = np.sort(scores, axis=1)[:, -10:]
    print(f"scores: {scores.min():.1e} .. {scores.max():.4f}, median {np.median(scores):.4f}")
    print(f"median of each user's best ten: {np.median(top):.4f}")
    print(f"distinct scores in a catalogue: {distinct:.2%}")
    _require(scores.min() > 0 and scores.max() < 0.9999, "scores saturate")
    _require(distinct > 0.99, "too many equal scores to order by")


def _cold(serving, requests: dict) -> None:
    nobody = {name: np.zeros_like(values[:1]) for name, values in requests.items()}
    cold = compare.serve_catalogue(serving, nobody)[0, 1:]
    best = 1 + np.argsort(-cold, kind="stable")[:10]
    print(f"unknown user: scores {cold.min():.1e} .. {cold.max():.4f}, best items {best.tolist()}")
    _require(bool(np.isfinite(cold).all()) and cold.std() > 0, "an unknown user gets no ranking")


def _context(serving, requests: dict, name: str, column: int, one: int, other: int) -> None:
    def under(value: int) -> np.ndarray:
        context = requests["context"].copy()
        context[:, column] = value
        return compare.serve_catalogue(serving, requests | {"context": context})[:, 1:]

    first, second = under(one), under(other)
    change = np.median(np.abs(first - second))
    tops = [np.argsort(-s, axis=1, kind="stable")[:, :10] for s in (first, second)]
    moved = np.mean((tops[0] != tops[1]).any(axis=1))
    print(f"{name}: median change of a score {change:.1e}; best ten differ for {moved:.0%} of users")
    _require(change > 1e-4 and moved > 0, f"{name} does not matter")


def _require(held: bool, complaint: str) -> None:
    if not held:
        raise SystemExit(f"sanity: {complaint}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with ml-100k.inter, .item and .user")
    check(parser.parse_args().data)


if __name__ == "__main__":
    main()
