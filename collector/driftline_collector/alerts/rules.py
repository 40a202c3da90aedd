"""Rules: when an evaluated number is worth an alert. Only rules know limits; analysis gives numbers."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
from driftline_schemas.segments import Segment

Measure = Literal[
    "drift",
    "accuracy",
    "agreement",
    "escalation_rate",
    "coverage",
    "silent_devices",
    "latency_p95",
    "quality",
]
Severity = Literal["info", "warning", "critical"]
DRIFT: Measure = "drift"
#: Verdicts that say nothing about whether a condition holds.
_UNDECIDED = frozenset({"insufficient_data", "no_reference", "new_segment", "vanished"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What alerts read of a row of the table `evaluations`. Times in ns; the window is [start, end).

    `changed` is what analysis says of a finding's onset and cause.
    """

    window_start_ns: int
    window_end_ns: int
    revision: int
    segment: Segment
    measure: str
    verdict: str | None
    finding: bool
    value: float | None
    lower: float | None
    upper: float | None
    p: float | None = None
    q: float | None = None
    n: float | None = None
    n_eff: float | None = None
    coverage: float | None = None
    devices: int | None = None
    since_ns: int | None = None
    reason: str | None = None
    explained_by: tuple[Segment, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)
    changed: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> "Evaluation":
        """Read one row; NaN and NULL are both `None`."""
        plain = cls.__dataclass_fields__.keys() - {"segment", "explained_by", "scores", "changed"}
        values = {name: row.get(name) for name in plain}
        given: dict[str, Any] = {
            name: None if isinstance(v, float) and math.isnan(v) else v for name, v in values.items()
        }
        details = json.loads(row.get("details") or "{}")
        return cls(
            segment=Segment.parse(row["segment"]),
            explained_by=tuple(map(Segment.parse, details.get("explained_by", ()))),
            scores=details.get("scores", {}),
            changed=details.get("changed", {}),
            **given,
        )


def evaluations_of(table: pa.Table) -> Iterator[Evaluation]:
    """The rows about whole segments, oldest window first, wider segments before those within them."""
    whole = table.filter(pc.is_null(table["feature"])) if "feature" in table.column_names else table
    found = map(Evaluation.of_row, whole.to_pylist())
    return iter(sorted(found, key=lambda e: (e.window_end_ns, len(e.segment.values), str(e.segment))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A condition on one measure. Without a limit (only for drift) it is that the segment is a finding.

    `above` and `below` are compared with the value; when `sure`, with the end of the interval that is nearer
    to normal, so that the whole interval must be beyond the limit. `segment` is the segment that is watched
    (for drift without a limit: all findings within it), `each` the dimensions that it is split by. With a
    `detector` the value is its score of drift, the largest over features, which has no interval.
    """

    name: str
    measure: Measure
    detector: str | None = None
    above: float | None = None
    below: float | None = None
    sure: bool = False
    hold_ns: int = 0
    resolve_after_ns: int = 0
    severity: Severity = "warning"
    segment: Segment | None = None
    each: tuple[str, ...] = ()
    notify: tuple[str, ...] | None = None

    @property
    def limitless(self) -> bool:
        """Whether it asks for findings, not for a number."""
        return self.above is None and self.below is None

    def reads(self, evaluation: Evaluation) -> Evaluation:
        """The evaluation with the number that this rule is about as its value."""
        if self.detector is None:
            return evaluation
        score = evaluation.scores.get(self.detector)
        return replace(evaluation, value=score, lower=None, upper=None, p=None, q=None)

    def watches(self, segment: Segment) -> bool:
        """Whether evaluations of this segment are this rule's."""
        if self.limitless:
            return self.segment is None or self.segment.contains(segment)
        base = self.segment or Segment.of({"model": segment["model"]})
        named = {name for name, _ in segment.values}
        return base.contains(segment) and named == {name for name, _ in base.values} | set(self.each)

    def holds(self, evaluation: Evaluation) -> bool | None:
        """Whether the condition holds; `None` where this evaluation cannot tell.

        A segment that drifted but is no finding is explained by others. By a wider one: its drift goes on
        under that name, so an alert neither starts nor ends. By parts of it or by one that crosses it: beside
        them it is well again, and they have alerts of their own.
        """
        if evaluation.verdict in _UNDECIDED:
            return None
        if self.limitless:
            if evaluation.verdict == "drifted":
                if evaluation.finding:
                    return True
                within = [by.contains(evaluation.segment) for by in evaluation.explained_by]
                return False if within and not any(within) else None
            return False if evaluation.verdict == "stable" else None
        over = _beyond(evaluation.lower if self.sure else evaluation.value, self.above, 1)
        under = _beyond(evaluation.upper if self.sure else evaluation.value, self.below, -1)
        known = [answer for answer in (over, under) if answer is not None]
        return any(known) if known else None

    def limit(self, evaluation: Evaluation) -> float | None:
        """The limit that is crossed, or that would be crossed first."""
        if self.above is None or self.below is None:
            return self.above if self.below is None else self.below
        middle = (self.above + self.below) / 2
        return self.above if (evaluation.value or 0.0) >= middle else self.below


def _beyond(value: float | None, limit: float | None, sign: int) -> bool | None:
    return None if value is None or limit is None else sign * value > sign * limit
