"""Data quality beside drift: what came that a sound device does not send, whatever its model makes of it.

A share of rows is suspect where it is more than the reference's, as far as that is known, and one point in a
hundred; the step-up procedure pays for the many questions, as for drift. This is about the rows that came and
not about a population: devices are no clusters here. What is missing is judged as drift.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy import special

from driftline_collector.analysis.counts import Profiles
from driftline_collector.analysis.detectors.step_up import step_up
from driftline_collector.analysis.doubts import Doubt, of_counts, of_samples
from driftline_collector.analysis.drift import Limits
from driftline_collector.analysis.evaluation import Evaluation
from driftline_collector.analysis.references import Family
from driftline_collector.analysis.segments import Lattice

Floats = npt.NDArray[np.float64]

_TOLD = 3
_NAMED = 5
_SAID = {
    "out_of_range": "out of the reference's range",
    "new_categories": "of categories that the reference does not have",
    "stuck": "from devices whose value stands still",
    "impossible_scores": "outside 0 to 1",
    "repeated_rows": "of the samples repeat a row of their device",
}


def doubts(
    profiles: Profiles, families: Mapping[str, Family], samples: pa.Table, lattice: Lattice
) -> list[Doubt]:
    """All that may be wrong in a window; `samples` are rows of `Store.doubtful`."""
    found = [doubt for family in families.values() for doubt in of_counts(profiles, family, lattice)]
    return found + list(of_samples(samples, lattice))


def quality(found: Sequence[Doubt], keys: Sequence[str], limits: Limits) -> list[Evaluation]:
    """The measure `quality` of each node with rows, and of each feature of it that is suspect.

    `value` is the largest share of rows at fault beyond the reference's own.
    """
    if not found:
        return []
    p = np.stack([doubt.p(limits.minimum_rows) for doubt in found], axis=1)
    kept = step_up(p, limits.false_discovery)
    shares = np.where(np.isnan(p), -1.0, np.stack([doubt.share for doubt in found], axis=1))
    rows = np.max([doubt.n for doubt in found], axis=0)
    result: list[Evaluation] = []
    for i in np.flatnonzero(rows > 0).tolist():
        worst = int(shares[i].argmax())
        if shares[i, worst] < 0:
            reason = f"{rows[i]:.0f} rows are too few; a verdict needs {limits.minimum_rows:.0f}"
            result.append(
                Evaluation(
                    segment=keys[i],
                    measure="quality",
                    verdict="insufficient_data",
                    reason=reason,
                    n=float(rows[i]),
                )
            )
            continue
        suspects = sorted(np.flatnonzero(kept.features[i]).tolist(), key=lambda j: -shares[i, j])
        told = [_told(found[j], i) for j in suspects]
        more = f"; and {len(told) - _TOLD} more" if told[_TOLD:] else ""
        whole = _row(keys[i], None, found[suspects[0] if suspects else worst], i)
        result.append(
            replace(
                whole,
                verdict="suspect" if suspects else "stable",
                reason="; ".join(told[:_TOLD]) + more or None,
                p=float(kept.p[i]),
                q=float(kept.q[i]),
                details=_details([found[j] for j in suspects if found[j].feature is None], i) or None,
            )
        )
        for name in dict.fromkeys(found[j].feature for j in suspects):
            own = [j for j in suspects if found[j].feature == name]
            if name is not None:
                result.append(
                    replace(
                        _row(keys[i], name, found[own[0]], i),
                        verdict="suspect",
                        reason="; ".join(_told(found[j], i) for j in own),
                        p=float(p[i, own[0]]),
                        q=float(kept.feature_q[i, own[0]]),
                        details=_details([found[j] for j in own], i),
                    )
                )
    return result


def _row(segment: str, feature: str | None, doubt: Doubt, node: int) -> Evaluation:
    """With value, lower and upper (two-sided 95%, Clopper and Pearson's) beyond the reference's own."""
    k, n, usual = float(doubt.hits[node]), float(doubt.n[node]), float(doubt.usual[node])
    lower = float(special.betaincinv(k, n - k + 1, 0.025)) if k > 0 else 0.0
    upper = float(special.betaincinv(k + 1, n - k, 0.975)) if k < n else 1.0
    return Evaluation(
        segment=segment,
        measure="quality",
        feature=feature,
        value=float(doubt.share[node]),
        lower=max(lower - usual, 0.0),
        upper=max(upper - usual, 0.0),
        n=n,
        n_eff=n,
    )


def _told(doubt: Doubt, node: int) -> str:
    share = doubt.hits[node] / max(doubt.n[node], 1.0)
    usual = f" (in the reference {doubt.usual[node]:.1%})" if doubt.usual[node] >= 0.0005 else ""
    about = f"{doubt.feature}: " if doubt.feature else ""
    return f"{about}{share:.1%} {_SAID[doubt.kind]}{usual}"


def _details(found: Sequence[Doubt], node: int) -> dict[str, Any]:
    """Kind of fault → its share, the reference's, and what it is where that has a name."""
    said: dict[str, Any] = {}
    for doubt in found:
        own: dict[str, Any] = {
            "share": float(doubt.hits[node] / doubt.n[node]),
            "usual": float(doubt.usual[node]),
        }
        if names := doubt.examples.get("categories"):
            own["categories"] = names
        if devices := doubt.examples.get("devices"):
            own["devices"] = [name for name, within in devices if within[node]][:_NAMED]
        said[doubt.kind] = own
    return said
