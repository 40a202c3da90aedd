"""What evidently and NannyML make of some bins, to hold our detectors against: written to peer_scores.json.

Neither lives in our environment (NannyML brings a hundred packages), so each is asked in one of its own:

    python -m venv one && one/bin/pip install evidently==0.7.23
    one/bin/python tests/analysis/peer_scores.py
    python -m venv two && two/bin/pip install nannyml==0.13.1 statsmodels
    two/bin/python tests/analysis/peer_scores.py

Each adds what it knows to the file, or to another one that is named. `make proof` asks them again, where the
variable PEERS names such Pythons:

    make proof PEERS='one/bin/python two/bin/python'

Their functions take values, not counts: they are given each bin's place as often as it was counted, which
both then count again.
"""

import importlib.metadata
import json
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd

FILE = Path(__file__).with_suffix(".json")
#: Where the bins lie, counts now and counts of the reference.
CASES: dict[str, tuple[list[float], list[int], list[int]]] = {
    "a small shift": ([-2.0, -1.0, 0.0, 1.0, 2.0], [40, 90, 210, 110, 50], [500, 1000, 2000, 1000, 500]),
    "a wide spread": ([0.5, 1.5, 4.0, 9.0], [400, 50, 50, 400], [1000, 1000, 1000, 900]),
    "bins that one side lacks": ([1.0, 2.0, 3.0, 5.0, 8.0], [30, 0, 20, 25, 25], [100, 200, 300, 400, 0]),
    "ten bins": ([float(i) for i in range(10)], [9, 14, 8, 12, 11, 7, 13, 6, 10, 10], [100] * 10),
}


def evidently(reference: pd.Series, now: pd.Series) -> dict[str, float]:
    stattests = import_module("evidently.legacy.calculations.stattests")
    kinds = import_module("evidently.legacy.core").ColumnType
    numeric, category = kinds.Numerical, kinds.Categorical
    asked = {
        "psi": (stattests.psi_stat_test, category),
        "jensen_shannon": (stattests.jensenshannon_stat_test, category),
        "hellinger": (stattests.hellinger_stat_test, category),
        "wasserstein": (stattests.wasserstein_stat_test, numeric),
    }
    return {
        name: float(test(reference.copy(), now.copy(), kind, 0.1).drift_score)
        for name, (test, kind) in asked.items()
    }


def nannyml(reference: pd.Series, now: pd.Series) -> dict[str, float]:
    methods = import_module("nannyml.drift.univariate.methods")
    whole = import_module("nannyml.chunk").DefaultChunker()
    threshold = import_module("nannyml.thresholds").ConstantThreshold(upper=1.0)
    numeric, category = methods.FeatureType.CONTINUOUS, methods.FeatureType.CATEGORICAL
    asked = {
        "jensen_shannon": category,
        "hellinger": category,
        "chi2": category,
        "kolmogorov_smirnov": numeric,
        "wasserstein": numeric,
    }
    scores = {}
    for name, kind in asked.items():
        method = methods.MethodFactory.create(name, kind, chunker=whole, threshold=threshold)
        scores[name] = float(method.fit(reference).calculate(now))
    return scores


def main() -> None:
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else FILE
    known = json.loads(file.read_text()) if file.exists() else {"versions": {}, "scores": {}}
    for peer in (evidently, nannyml):
        try:
            version = importlib.metadata.version(peer.__name__)
        except importlib.metadata.PackageNotFoundError:
            continue
        known["versions"][peer.__name__] = version
        for case, (places, now, reference) in CASES.items():
            values = [pd.Series(np.repeat(places, counts), name="x") for counts in (reference, now)]
            known["scores"].setdefault(case, {})[peer.__name__] = peer(*values)
    file.write_text(json.dumps(known, indent=1) + "\n")
    sys.stdout.write(f"{file}: {known['versions']}\n")


if __name__ == "__main__":
    main()
