"""What Evidently and NannyML say of fleets in which nothing drifts: rows drawn for them from the same law."""

import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._simulated_fleet import Fleet

#: Cells of which the rows of an hour are a window; a day of all their hours is the reference.
_WINDOWS = 12
_FEATURES = 5
_REFERENCE_ROWS = 20_000


def called_drifted(
    pythons: Sequence[str], settings: Mapping[str, Mapping[str, Any]], seeds: Sequence[int]
) -> dict[str, dict[str, float]]:
    """Peer → setting → the share of columns of windows that it calls drifted by default.

    Each of `pythons` has one of them.
    """
    told: dict[str, list[dict[str, float]]] = {}
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "rows.npz")
            _write(file, settings, seed)
            for python in pythons:
                command = [python, str(Path(__file__).with_name("_peer_alarms.py")), str(file)]
                answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
                for peer, shares in json.loads(answer.splitlines()[-1]).items():
                    told.setdefault(peer, []).append(shares)
    return {
        peer: {name: round(float(np.mean([one[name] for one in all_])), 4) for name in settings}
        for peer, all_ in told.items()
    }


def _write(file: Path, settings: Mapping[str, Mapping[str, Any]], seed: int) -> None:
    rng = np.random.default_rng((seed, 7))
    windows: dict[str, Any] = {}
    for name, setting in settings.items():
        fleet = replace(Fleet(types=_WINDOWS, regions=1, features=_FEATURES, seed=seed), **setting)
        mean, deviation = fleet.laws(hour=6)
        rows = rng.normal(np.repeat(mean, fleet.rows, axis=0), np.repeat(deviation, fleet.rows)[:, None])
        windows[name] = rows.reshape(_WINDOWS, -1, _FEATURES)
    np.savez(file, reference=rng.normal(size=(_REFERENCE_ROWS, _FEATURES)), **windows)
