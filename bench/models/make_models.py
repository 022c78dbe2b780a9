"""The models and request bodies of the floor comparison, the same on every machine.

`make_models.py FOLDER` writes FOLDER/models, a repository of three models, and FOLDER/bodies:

* deepfm: 10 numbers and 16 ids a row, random weights; a body of 100 rows is 19 kB of JSON
* din_plain: a deep interest network as such models are usually exported, the user's history
  repeated for each of the rows; random weights; 100 rows are 30 kB of JSON
* ml100k_din: the shipped model

For each model and number of rows there are `NAME-ROWS.json` and, with the tensors as binary data
behind the JSON, `NAME-ROWS.bin`; `bodies.json` says how long the JSON of the latter is.
"""

import json
import shutil
import sys
from pathlib import Path

import numpy as np

from deepfm import deepfm
from din import din
from tensors import InferBody

SEED = 20260101
ROWS = (10, 100)
SHIPPED = Path(__file__).resolve().parents[2] / "models/ml100k_din"


def main(folder: Path) -> None:
    models, bodies = folder / "models", folder / "bodies"
    for place in (models, bodies):
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
    draw = np.random.default_rng(SEED)
    inputs = {"deepfm": deepfm(models / "deepfm", draw), "din_plain": din(models / "din_plain", draw)}
    shutil.copytree(SHIPPED / "1", models / "ml100k_din/1")
    shutil.copy(SHIPPED / "model.toml", models / "ml100k_din/model.toml")
    inputs["ml100k_din"] = shipped
    lengths = {}
    for model, rows_of in inputs.items():
        for rows in ROWS:
            body = InferBody(rows_of(draw, rows))
            (bodies / f"{model}-{rows}.json").write_bytes(body.json())
            header, data = body.binary()
            (bodies / f"{model}-{rows}.bin").write_bytes(header + data)
            lengths[f"{model}-{rows}.bin"] = len(header)
    (bodies / "bodies.json").write_text(json.dumps(lengths))


def shipped(draw: np.random.Generator, rows: int) -> dict[str, np.ndarray]:
    """One user with a full history and so many candidates."""
    return {
        "history": draw.integers(1, 1683, (1, 48), dtype=np.int32),
        "history_ratings": draw.integers(1, 6, (1, 48), dtype=np.int32),
        "profile": np.array([[1, 3, 9]], np.int32),
        "context": np.array([[13, 3, 1]], np.int32),
        "candidates": draw.permutation(1682)[:rows].astype(np.int32) + 1,
        "row_index": np.zeros(rows, np.int32),
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
