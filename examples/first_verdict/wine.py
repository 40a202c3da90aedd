"""Two files to try driftline on: what a small classifier was trained on, and what it saw when it ran.

The rows are scikit-learn's wines, drawn again and again with the instrument's noise. Halfway through live.csv
the instrument that measures alcohol is replaced by one that reads half a per cent by volume too low.
"""

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

ROWS = 20_000
READS_LOW = 0.5  # % by volume
ALCOHOL = 0


def main() -> None:
    """Write train.csv and live.csv here."""
    wines = load_wine()
    rng = np.random.default_rng(7)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(wines.data, wines.target)

    def drawn() -> NDArray[np.float64]:
        chosen = wines.data[rng.integers(len(wines.data), size=ROWS)]
        noisy: NDArray[np.float64] = chosen + rng.normal(size=chosen.shape) * wines.data.std(axis=0) * 0.1
        return noisy

    def write(name: str, features: NDArray[np.float64]) -> None:
        scores = model.predict_proba(features)
        labels = wines.target_names[scores.argmax(axis=1)]
        with Path(name).open("w", newline="") as file:
            lines = csv.writer(file)
            lines.writerow([*wines.feature_names, "label", "score"])
            for values, label, score in zip(features, labels, scores.max(axis=1), strict=True):
                lines.writerow([*values.round(3), label, score.round(4)])

    write("train.csv", drawn())
    live = drawn()
    live[ROWS // 2 :, ALCOHOL] -= READS_LOW
    write("live.csv", live)
    print(f"train.csv, live.csv: {ROWS:,} rows each, {len(wines.feature_names)} features, label and score")


if __name__ == "__main__":
    main()
