"""Write into a model file how well it did on real pictures that it never learned from.

    python benchmarks/note_scores.py MODEL.npz SCORES.json

SCORES.json is a list of {"what": "new buildings, pairs of …", "score": "F1", "value": 0.61,
"pictures": 12}. Every report and page made with the model prints them; the weights stay as they
are, the file's hash changes.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from landshift.model import save_model
from landshift.wording import score_words


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("scores", type=Path)
    asked = parser.parse_args()
    scores = json.loads(asked.scores.read_text(encoding="utf-8"))
    told = list(score_words(scores))
    if not isinstance(scores, list) or len(told) != len(scores):
        parser.error(f"{asked.scores}: {len(told)} scores can be read; see the head of this file")
    with np.load(asked.model, allow_pickle=False) as file:
        arrays = dict(file)
    meta = json.loads(str(arrays.pop("meta")))
    meta["training"] = {**meta.get("training", {}), "on_real_pictures": scores}
    save_model(asked.model, meta, arrays)
    print("\n".join(told))


if __name__ == "__main__":
    main()
