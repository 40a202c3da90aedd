"""Rows of evaluations as the API shows them."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from driftline_collector.answers.records import Estimate, Evaluation, Range
from driftline_collector.api.values import moment, rows_of

#: From the worst on: what stands for a bucket or a list in which there are several.
WORST_FIRST = (
    "drifted",
    "suspect",
    "vanished",
    "new_segment",
    "no_reference",
    "insufficient_data",
    "stable",
)


def evaluation(row: Mapping[str, Any]) -> Evaluation:
    """A row of the store, as `rows_of` gives it."""
    known: dict[str, Any] = {name: row.get(name) for name in Evaluation.__dataclass_fields__}
    return Evaluation(**known)


def evaluations(table: Any) -> list[Evaluation]:
    """Rows of `Store.evaluations`."""
    return [evaluation(row) for row in rows_of(table)]


def worst(verdicts: Iterable[str | None]) -> str | None:
    """The worst of some verdicts."""
    found = {verdict for verdict in verdicts if verdict}
    return next((verdict for verdict in WORST_FIRST if verdict in found), min(found, default=None))


def estimate(row: Mapping[str, Any] | None) -> Estimate | None:
    """The number of a row with its interval; None where it has none."""
    if row is None or row.get("value") is None:
        return None
    return Estimate(value=row["value"], lower=row.get("lower"), upper=row.get("upper"), n=row.get("n"))


def window(row: Mapping[str, Any]) -> Range:
    """The window of a row of the store."""
    return Range(start=moment(row["window_start_ns"]), end=moment(row["window_end_ns"]))


def details(row: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """What a row of the store has to say beside its columns; nothing where it is no object."""
    text = None if row is None else row.get("details")
    try:
        found = json.loads(text) if isinstance(text, str) else text
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {}
