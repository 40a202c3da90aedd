"""What samplics makes of weighted samples, to hold our law against: written to survey_shares.json.

It lives in an environment of its own:

    python -m venv one && one/bin/pip install samplics==0.6.1
    one/bin/python tests/analysis/survey_shares.py

Each case has labels and probabilities of samples, with the shares and their standard errors by linearisation.
"""

import importlib.metadata
import json
from importlib import import_module
from pathlib import Path

import numpy as np

FILE = Path(__file__).with_suffix(".json")
#: Of each bin how many samples there are with which probability.
CASES: dict[str, list[dict[float, int]]] = {
    "alike": [{0.5: 40}, {0.5: 30}, {0.5: 50}],
    "unsure in one bin": [{0.02: 9}, {0.02: 12, 1.0: 160}, {0.02: 14}, {0.02: 10}],
    "far out on both sides": [{0.02: 4, 0.5: 45}, {0.02: 21}, {0.02: 19}, {0.02: 3, 0.5: 52}],
    "smooth": [{0.1 * k: 7 + k for k in range(1, 10)}, {0.05 * k: 9 for k in range(1, 12)}, {0.9: 33}],
}


def survey(case: list[dict[float, int]]) -> dict[str, dict[str, float]]:
    tabulation = import_module("samplics.categorical").Tabulation
    parameter = import_module("samplics").PopParam.prop
    bins = [b for b, of_bin in enumerate(case) for n in of_bin.values() for _ in range(n)]
    weights = [1 / pi for of_bin in case for pi, n in of_bin.items() for _ in range(n)]
    told = tabulation(parameter)
    told.tabulate(vars=np.array(bins), varnames=["bin"], samp_weight=np.array(weights))
    (shares,), (errors,) = told.point_est.values(), told.stderror.values()
    return {
        "shares": {str(b): float(share) for b, share in shares.items()},
        "errors": {str(b): float(error) for b, error in errors.items()},
    }


def main() -> None:
    version = importlib.metadata.version("samplics")
    found = {name: survey(case) for name, case in CASES.items()}
    FILE.write_text(json.dumps({"samplics": version, "cases": found}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
