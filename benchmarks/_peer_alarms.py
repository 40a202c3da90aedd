"""What Evidently and NannyML call drifted by default, run by a Python that has one: for `false_alarms`.

    python benchmarks/_peer_alarms.py FILE

FILE, of numpy, has rows of a reference, (rows, features), and under each other name those of windows without
drift, (windows, rows, features). Printed is, by peer and name, the share of columns of windows that are
called drifted. Neither lives in our environment (see tests/analysis/peer_scores.py).
"""

import importlib.metadata
import json
import os
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]


def main() -> None:
    os.environ["DO_NOT_TRACK"] = "1"  # Evidently's
    os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"
    found = {}
    with np.load(Path(sys.argv[1])) as rows:
        for peer in (evidently, nannyml):
            try:
                version = importlib.metadata.version(peer.__name__)
            except importlib.metadata.PackageNotFoundError:
                continue
            found[f"{peer.__name__} {version}"] = {
                name: round(peer(rows["reference"], rows[name]), 4)
                for name in rows.files
                if name != "reference"
            }
    sys.stdout.write(json.dumps(found) + "\n")


def evidently(reference: Floats, windows: Floats) -> float:
    """Its drift preset on each window."""
    report = import_module("evidently").Report([import_module("evidently.presets").DataDriftPreset()])
    counts = []
    for window in windows:
        told = report.run(_frame(window), _frame(reference)).dict()["metrics"]
        (drifted,) = (m["value"] for m in told if m["metric_name"].startswith("DriftedColumnsCount"))
        counts.append(drifted["share"])
    return float(np.mean(counts))


def nannyml(reference: Floats, windows: Floats) -> float:
    """Its univariate calculator, chunks of which are windows."""
    names = list(_frame(reference).columns)
    calculator = import_module("nannyml").UnivariateDriftCalculator(
        column_names=names, chunk_size=windows.shape[1]
    )
    calculator.fit(_frame(reference))
    told = calculator.calculate(_frame(windows.reshape(-1, windows.shape[2]))).filter(period="analysis")
    alerts = told.to_df().xs("alert", axis=1, level=2)
    return float(alerts.to_numpy().mean())


def _frame(rows: Floats) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=[f"x{i:02d}" for i in range(rows.shape[1])])


if __name__ == "__main__":
    main()
