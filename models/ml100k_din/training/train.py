"""Train, judge and export the ranker: one command, seeded.

    python train.py --data DIR

DIR holds RecBole's `ml-100k.inter`, `.item` and `.user`. Two trainings are run. The first
sees neither the test split nor the ten interactions before it; those ten choose among
options (`--validate-only` stops there) and fit the calibration. The second sees everything
but the test split and is what ships; the test split is then read, through the exported file.
"""

import argparse
import hashlib
import json
import time
from pathlib import Path

import numpy as np

import baselines
import compare
import data
import evaluate
import examples
import export_plain
import export_serving
import fit
import score
import tables

HERE = Path(__file__).parent
ARTEFACT = HERE.parent / "1"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with ml-100k.inter, .item and .user")
    parser.add_argument("--validate-only", action="store_true", help="never touch the test split")
    args = parser.parse_args()
    dataset, options = data.load(args.data), fit.Options()
    slope, intercept = validate(dataset, options)
    if args.validate_only:
        return
    split = data.split(dataset.timelines)
    params = fit.fit(split.train, dataset, options, _progress("train"))
    built = tables.build(params, dataset, options.sizes, slope, intercept)
    export_serving.save(built, ARTEFACT)
    export_plain.save(built, HERE / "plain")
    _write_checksums(ARTEFACT)
    test(dataset, split, options)


def validate(dataset: data.Dataset, options: fit.Options) -> tuple[float, float]:
    """Figures on the ten interactions before the test split; gives back the calibration."""
    split = data.split(dataset.timelines, skip=data.HOLD_OUT)
    params = fit.fit(split.train, dataset, options, _progress("validate"))
    requests = examples.requests(split.train, split.held_out, dataset, options.sizes.history)
    scorer = score.make_scorer(dataset)
    logits = scorer(params, requests)
    _print("validation, this model", evaluate.measure(logits, split))
    for name, weaker in _without(params, requests).items():
        _print(f"validation, without {name}", evaluate.measure(scorer(*weaker), split))
    _print("validation, popularity", evaluate.measure(baselines.popularity(split.train), split))
    _print("validation, EASE", evaluate.measure(baselines.ease(split.train), split))
    slope, intercept = score.calibrate(logits, split)
    print(f"calibration: probability = sigmoid({slope:.4f} * logit + {intercept:.4f})")
    return slope, intercept


def _without(params: dict, requests: dict) -> dict[str, tuple[dict, dict]]:
    """The trained model with one source of knowledge taken away, not trained anew."""

    def blank(name: str) -> dict:
        return requests | {name: np.zeros_like(requests[name])}

    silent = params | {"hidden_pooled": np.zeros_like(params["hidden_pooled"])}
    return {
        "attention": (silent, requests),
        "context": (params, blank("context")),
        "profile": (params, blank("profile")),
        "ratings": (params, blank("history_ratings")),
    }


def test(dataset: data.Dataset, split: data.Split, options: fit.Options) -> None:
    """Figures of the exported file itself, run by ONNX Runtime."""
    requests = examples.requests(split.train, split.held_out, dataset, options.sizes.history)
    ours = evaluate.measure(compare.serve_catalogue(compare.session(ARTEFACT), requests), split)
    popularity = evaluate.measure(baselines.popularity(split.train), split)
    ease = evaluate.measure(baselines.ease(split.train), split)
    for name, quality in (("this model", ours), ("popularity", popularity), ("EASE", ease)):
        _print(f"test, {name}", quality)
    report = {"users": len(ours.users), "this_model": ours.summary()}
    for name, theirs in (("popularity", popularity), ("ease", ease)):
        low, high = evaluate.paired_bootstrap(ours, theirs, options.seed)
        print(f"NDCG@10 above {name} by {ours.ndcg.mean() - theirs.ndcg.mean():.4f}")
        print(f"  95 % interval {low:.4f} .. {high:.4f}, paired bootstrap over users")
        report[name] = theirs.summary() | {"ndcg_ours_above_95": [low, high]}
    (HERE / "quality.json").write_text(json.dumps(report, indent=2) + "\n")


def _progress(stage: str):
    start = time.monotonic()

    def report(epoch: int, loss: float, _params: dict) -> None:
        print(f"{stage}: epoch {epoch + 1}, loss {loss:.4f}, {time.monotonic() - start:.0f} s", flush=True)

    return report


def _print(name: str, quality: evaluate.Quality) -> None:
    figures = quality.summary()
    print(
        f"{name}: {len(quality.users)} users, NDCG@10 {figures['ndcg']:.4f}, "
        f"HR@10 {figures['hr']:.4f}, AUC {figures['auc']:.4f}"
    )


def _write_checksums(folder: Path) -> None:
    names = ["model.bin", "model.onnx"]
    lines = [f"{hashlib.sha256((folder / n).read_bytes()).hexdigest()}  {n}\n" for n in names]
    (folder / "SHA256SUMS").write_text("".join(lines))


if __name__ == "__main__":
    main()
