"""Selected samples judged by the product's own code, and by what ignores how they were chosen.

Rows go into a real store, the scheduler judges the hour as it closes. `weighted_size_max` is the largest
share, over policies and settings, of p-values of "no effect" below .05, `weighted_false_share` the largest
share of features of segments that are called drifted, `weighted_power` the smallest share of cells with a
shift of .75σ that are found in the first hour. `unweighted_ks_size_max` is the size of Kolmogorov and
Smirnov's test of the same samples, taken as they come, with scipy.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from driftline_collector.analysis.drift import Limits
from driftline_collector.analysis.evaluate import Policy, evaluate
from driftline_collector.analysis.evaluation import Evaluation, WindowResult
from driftline_collector.analysis.windows import Window
from driftline_collector.scheduler import Scheduler
from driftline_collector.store.duckdb import DuckDBStore
from scipy import stats

from benchmarks._selected_fleet import POLICIES, SelectedFleet
from benchmarks._simulated_fleet import HOUR, MODEL, START

#: What differs though nothing drifts, beside the policies.
SETTINGS: dict[str, dict[str, Any]] = {
    "nothing differs": {},
    "one device": {"devices": 1, "rows": 6000},
    "devices differ": {"devices": 8, "rows": 1500, "correlation": 0.02},
}
_SHIFT = 0.75


def weighted(
    seeds: Sequence[int],
    policies: Sequence[str] = POLICIES,
    settings: Sequence[str] = tuple(SETTINGS),
    **fleet: int,
) -> dict[str, Any]:
    """Sizes by policy and setting, without drift and with one."""
    by_setting: dict[str, Any] = {}
    found = []
    for policy in policies:
        for setting in settings:
            fleets = [SelectedFleet(policy=policy, seed=s, **{**SETTINGS[setting], **fleet}) for s in seeds]
            size, false, unweighted, tested = np.mean([_sizes(f) for f in fleets], axis=0)
            by_setting[f"{policy}, {setting}"] = {
                "size": round(float(size), 4),
                "false": round(float(false), 5),
                "unweighted_ks": round(float(unweighted), 4),
                "tested": round(float(tested), 3),
            }
        drifting = [SelectedFleet(policy=policy, seed=s, shift=_SHIFT, **fleet) for s in seeds]
        found.append(float(np.mean([_found(f) for f in drifting])))
    told = by_setting.values()
    return {
        "weighted_size_max": max(one["size"] for one in told),
        "weighted_false_share": max(one["false"] for one in told),
        "weighted_power": min(found),
        "unweighted_ks_size_max": max(one["unweighted_ks"] for one in told),
        "weighted_by_setting": by_setting,
    }


def judged(fleet: SelectedFleet, policy: Policy | None = None) -> tuple[WindowResult, pa.Table]:
    """What is said of the fleet's first hour as it closes, or by another policy; and the samples."""
    with tempfile.TemporaryDirectory() as folder:
        store = DuckDBStore(Path(folder) / "driftline.duckdb")
        try:
            tables = fleet.hour(0)
            store.submit({"model_references": fleet.references(), **tables}).result()
            now_ns = START + 2 * HOUR
            if policy is not None:
                result = evaluate(store, MODEL, Window(START, START + HOUR), policy, now_ns=now_ns)
            else:
                (result,) = _scheduler(store, now_ns).tick()
            return result, tables["predictions"]
        finally:
            store.close()


def _scheduler(store: DuckDBStore, now_ns: int) -> Scheduler:
    return Scheduler(
        store,
        lambda _: {},
        Policy(),
        width_ns=HOUR,
        lateness_ns=HOUR // 6,
        history_ns=24 * HOUR,
        now=lambda: now_ns,
    )


def _of_features(result: WindowResult) -> list[Evaluation]:
    return [e for e in result.evaluations if e.measure == "drift" and e.feature]


def _sizes(fleet: SelectedFleet) -> tuple[float, float, float, float]:
    """Shares: p-values of "no effect" below .05, features called drifted, p-values of an unweighted KS below
    .05, and features that could be judged."""
    called, samples = judged(fleet)
    told = _of_features(judged(fleet, Policy(limits=Limits(minimum_effect=0.0)))[0])
    p = np.array([e.p for e in told if e.p is not None])
    drifted = np.mean([e.verdict == "drifted" for e in _of_features(called)])
    return (
        float(np.mean(p < 0.05)),
        float(drifted),
        float(np.mean(_ks(fleet, samples) < 0.05)),
        len(p) / len(told),
    )


def _ks(fleet: SelectedFleet, samples: pa.Table) -> npt.NDArray[np.float64]:
    """p-values of each cell's and feature's samples as they come, against as many rows of the population."""
    rng = np.random.default_rng((fleet.seed, 4))
    values = np.asarray(samples.column("numbers").combine_chunks().values).reshape(samples.num_rows, -1)
    cells = np.array(
        [
            f"{a}{b}"
            for a, b in zip(
                samples.column("device_type").to_pylist(), samples.column("region").to_pylist(), strict=True
            )
        ]
    )
    population = rng.normal(size=20_000)
    return np.array(
        [
            stats.ks_2samp(values[cells == cell, i], population).pvalue
            for cell in np.unique(cells)
            for i in range(values.shape[1])
        ]
    )


def _found(fleet: SelectedFleet) -> float:
    """Whether the cell whose first feature is shifted is called drifted."""
    result, _ = judged(fleet)
    key = f"model={MODEL},version=1.0,device_type=type-00,region=region-00"
    return float(
        any(e.segment == key and e.feature == "x00" and e.verdict == "drifted" for e in _of_features(result))
    )
