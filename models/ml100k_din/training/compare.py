"""Serving form against plain form: equal scores on real users, and what each costs.

    python compare.py --data DIR

Costs are medians of single `session.run` calls, one intra-op thread, spinning off. Where the
forms are compared they take turns, so that whatever else the machine does meets both.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import onnxruntime as ort

import data
import examples

HERE = Path(__file__).parent
TOLERANCE = 1e-5  # plain against serving
BATCH_TOLERANCE = 1e-6  # a request alone against the same among others
COUNTS = [10, 100, 400, data.ITEMS]


def session(folder: Path) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])


def load_requests(folder: Path, history: int) -> tuple[dict, data.Split]:
    """Every user's request at the moment of the first held-out interaction."""
    dataset = data.load(folder)
    split = data.split(dataset.timelines)
    return examples.requests(split.train, split.held_out, dataset, history), split


def serving_feed(requests: dict, users: list[int], candidates: list[np.ndarray]) -> dict:
    feed = {name: np.ascontiguousarray(values[users]) for name, values in requests.items()}
    rows = [np.full(len(c), k, np.int32) for k, c in enumerate(candidates)]
    return feed | {"candidates": np.concatenate(candidates), "row_index": np.concatenate(rows)}


def plain_feed(requests: dict, user: int, candidates: np.ndarray) -> dict:
    feed = {name: np.repeat(values[[user]], len(candidates), 0) for name, values in requests.items()}
    return feed | {"candidates": candidates}


def whole_catalogue() -> np.ndarray:
    return np.arange(1, data.ITEMS + 1, dtype=np.int32)


def serve_catalogue(serving: ort.InferenceSession, requests: dict) -> np.ndarray:
    """The shipped file's own scores: float32 [users, 1 + ITEMS]."""
    users = len(requests["history"])
    scores = np.zeros((users, 1 + data.ITEMS), np.float32)
    for user in range(users):
        scores[user, 1:] = serving.run(None, serving_feed(requests, [user], [whole_catalogue()]))[0]
    return scores


def worst_difference(serving, plain, requests: dict) -> float:
    """Over all users, 100 candidates each."""
    rng = np.random.default_rng(0)
    worst = 0.0
    for user in range(len(requests["history"])):
        some = rng.choice(whole_catalogue(), 100, replace=False)
        ours = serving.run(None, serving_feed(requests, [user], [some]))[0]
        theirs = plain.run(None, plain_feed(requests, user, some))[0]
        worst = max(worst, float(np.abs(ours - theirs).max()))
    return worst


def worst_batched(serving, requests: dict, together: int = 8) -> float:
    """Every user alone against the same user in a run of `together` requests."""
    rng = np.random.default_rng(0)
    worst = 0.0
    for start in range(0, len(requests["history"]) - together + 1, together):
        users = list(range(start, start + together))
        some = [rng.choice(whole_catalogue(), int(rng.integers(1, 30)), replace=False) for _ in users]
        merged = serving.run(None, serving_feed(requests, users, some))[0]
        alone = [serving.run(None, serving_feed(requests, [u], [c]))[0] for u, c in zip(users, some)]
        worst = max(worst, float(np.abs(merged - np.concatenate(alone)).max()))
    return worst


def cost_us(forms: dict, rounds: int) -> dict[str, float]:
    """`forms`: name to (session, feed). Median microseconds of one run, forms taking turns."""
    taken = {name: [] for name in forms}
    for round_ in range(rounds + rounds // 10):
        for name, (runner, feed) in forms.items():
            start = time.perf_counter_ns()
            runner.run(None, feed)
            if round_ >= rounds // 10:  # the first tenth warms up
                taken[name].append(time.perf_counter_ns() - start)
    return {name: float(np.median(t)) / 1000 for name, t in taken.items()}


def alone_us(runner: ort.InferenceSession, feeds: list[dict], rounds: int) -> float:
    """Median microseconds of one run, `feeds` in turn, with nothing else between the runs."""
    forms = {k: (runner, feed) for k, feed in enumerate(feeds)}
    return float(np.median(list(cost_us(forms, rounds // len(feeds)).values())))


def costs(serving, plain, requests: dict, rounds: int) -> None:
    """Two figures for the serving form: by itself, and taking turns with the plain form,
    whose intermediates push the tables out of the cache."""
    rng = np.random.default_rng(0)
    users = [int(u) for u in rng.choice(len(requests["history"]), 16, replace=False)]
    print(
        "| candidates | serving alone, µs | serving, in turns, µs | plain, in turns, µs |\n|---|---|---|---|"
    )
    for count in COUNTS:
        some = [rng.choice(whole_catalogue(), count, replace=False) for _ in users]
        feeds = [serving_feed(requests, [u], [c]) for u, c in zip(users, some)]
        alone = alone_us(serving, feeds, rounds)
        forms = {"serving": (serving, feeds[0]), "plain": (plain, plain_feed(requests, users[0], some[0]))}
        turns = cost_us(forms, max(50, rounds * 10 // count))
        print(f"| {count} | {alone:.0f} | {turns['serving']:.0f} | {turns['plain']:.0f} |")
    tens = [rng.choice(whole_catalogue(), 10, replace=False) for _ in range(10)]
    together = alone_us(serving, [serving_feed(requests, users[:10], tens)], rounds)
    single = alone_us(serving, [serving_feed(requests, [u], [c]) for u, c in zip(users, tens)], rounds)
    print(f"ten requests of 10 candidates: {together:.0f} µs in one run, {10 * single:.0f} µs in ten")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with ml-100k.inter, .item and .user")
    parser.add_argument("--rounds", type=int, default=1600)
    args = parser.parse_args()
    serving, plain = session(HERE.parent / "1"), session(HERE / "plain")
    history = serving.get_inputs()[0].shape[1]
    requests, _ = load_requests(args.data, history)
    difference, batched = worst_difference(serving, plain, requests), worst_batched(serving, requests)
    print(f"plain against serving, {len(requests['history'])} users, worst: {difference:.1e}")
    print(f"alone against eight in one run, worst: {batched:.1e}")
    costs(serving, plain, requests, args.rounds)
    if difference > TOLERANCE or batched > BATCH_TOLERANCE:
        raise SystemExit(
            f"scores differ by more than {TOLERANCE:.0e} (plain) or {BATCH_TOLERANCE:.0e} (batched)"
        )


if __name__ == "__main__":
    main()
