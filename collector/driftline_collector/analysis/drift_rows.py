"""What a judged family says, as rows: of each segment, and of each feature in it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from driftline_collector.analysis.detectors.choice import DEFAULT
from driftline_collector.analysis.drift import Judged
from driftline_collector.analysis.evaluation import Evaluation
from driftline_collector.analysis.selected import details as of_samples
from driftline_collector.analysis.selected import refusal


def evaluations(
    judged: Judged, node: int, keys: Sequence[str], remark: str, common: Mapping[str, Any]
) -> list[Evaluation]:
    """The rows of a node with enough rows: itself, then its features.

    `keys` are the segment keys of all nodes, `common` columns of all rows; `remark` goes into the reason.
    """
    features = _features(judged, node, common)
    first = min((f for f in features if f.p is not None), key=lambda f: (f.p or 0.0, -(f.value or 0.0)))
    drifted = bool(judged.kept.segments[node])
    moved = sorted((f for f in features if f.verdict == "drifted"), key=lambda f: -(f.lower or 0.0))
    reasons = [_explanation(judged, node, keys, [f.feature or "" for f in moved]), remark]
    whole = Evaluation(
        **common,
        measure="drift",
        verdict="drifted" if drifted else "stable",
        reason="; ".join(filter(None, reasons)) or None,
        finding=node in judged.findings,
        value=first.value,
        lower=first.lower,
        upper=first.upper,
        p=float(judged.kept.p[node]),
        q=float(judged.kept.q[node]),
        n=float(judged.comparison.rows[node].max()),
        n_eff=float(judged.comparison.n_eff[node].max()),
        phi=first.phi,
        phi_source=first.phi_source,
        details={
            **_merged(judged, node),
            "strongest": first.feature,
            "detector": (first.details or {})["detector"],
            **_scores(judged, node),
            **judged.sums.baseline.compared_with(judged.cells(node)),
            "moved": [f.feature for f in moved],
            "explained_by": [keys[i] for i in judged.explained_by.get(node, ())],
        },
    )
    return [whole, *features]


def _features(judged: Judged, node: int, common: Mapping[str, Any]) -> list[Evaluation]:
    family, merged = judged.family, _merged(judged, node)
    told = {what: of_nodes[node] for what, of_nodes in judged.told.items()}
    rows = []
    for i, (feature, bins, detector) in enumerate(
        zip(family.features, family.names, judged.detectors, strict=True)
    ):
        n, n_eff, p, sampled = told["n"][i], told["n_eff"][i], told["p"][i], told["sampled"][i]
        details: dict[str, Any] = {
            "bins": bins,
            "now": told["counts"][i][: len(bins)],
            "reference": told["expected"][i][: len(bins)],
        }
        if sampled:
            details |= of_samples(judged.comparison, node, i)
        if math.isnan(p):
            few = too_few(judged, n, float(judged.comparison.expected[node, i].sum()), (node, i))
            row = Evaluation(
                **common,
                measure="drift",
                feature=feature.name,
                n=n,
                n_eff=n_eff,
                verdict="insufficient_data",
                reason=refusal(judged.comparison, node, i) or few,
                details=details,
            )
        else:
            details |= merged
            details["detector"] = DEFAULT if sampled else detector
            details["score"] = told["score"][i]
            row = Evaluation(
                **common,
                measure="drift",
                feature=feature.name,
                n=n,
                n_eff=n_eff,
                verdict="drifted" if told["kept"][i] else "stable",
                value=told["value"][i],
                lower=told["lower"][i],
                upper=told["upper"][i],
                p=p,
                q=told["q"][i],
                phi=told["phi"][i],
                phi_source=told["phi_source"][i],
                details=details,
            )
        rows.append(row)
    return rows


def _merged(judged: Judged, node: int) -> Mapping[str, Any]:
    windows = int(judged.searched.windows[node])
    return {"windows": windows} if windows > 1 else {}


def _scores(judged: Judged, node: int) -> Mapping[str, Any]:
    found = {name: float(of[node]) for name, of in judged.scores.items() if np.isfinite(of[node])}
    return {"scores": found} if found else {}


def too_few(judged: Judged, rows: float, reference_rows: float, at: tuple[int, int]) -> str:
    """Why so many rows could not be compared with these of the reference; `at` is a node and a feature."""
    needed = f"a verdict needs {judged.limits.minimum_rows:.0f}"
    worth = float(judged.comparison.n_eff[at])
    if reference_rows < judged.limits.minimum_rows and rows:
        return f"the reference has too few rows; {needed}"
    if rows > worth:
        return f"{rows:.0f} samples are worth {worth:.0f} rows, too few; {needed}"
    verb = " is" if round(rows) == 1 else "s are"
    if judged.comparison.sampled[at]:
        return f"{rows:.0f} sample{verb} too few, and nothing is counted on a reference's bins; {needed}"
    return f"{rows:.0f} row{verb} too few; {needed}"


def _explanation(judged: Judged, node: int, keys: Sequence[str], moved: Sequence[str]) -> str:
    if by := judged.explained_by.get(node):
        return "explained by " + " and ".join(keys[i] for i in by)
    if not moved:
        return ""
    shown = ", ".join(moved[:3]) + (f" and {len(moved) - 3} more" if len(moved) > 3 else "")
    if (windows := int(judged.searched.windows[node])) > 1:
        shown += f" (over {windows} windows)"
    if node in judged.searched.apart:
        shown += " (apart from what other findings explain)"
    return f"moved: {shown}"
