"""What a revision says of a window, held against what is stored of it."""

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from driftline_collector.analysis.evaluation import ROWS, Evaluation, WindowResult, document

_KEYS: Final = ("segment", "measure", "feature")
_COUNTED: Final = ("value", "p", "n")
_NUMBERS: Final = ("verdict", "finding", *_COUNTED, "coverage", "devices")


def same_numbers(stored: pa.Table, result: WindowResult) -> bool:
    """Whether stored rows of a window say what a new evaluation of it says."""
    return _of_stored(stored, _NUMBERS) == _of_new(result.evaluations, _NUMBERS)


def same_counts(stored: pa.Table, result: WindowResult) -> bool:
    """Whether both saw the same distributions: then windows merged with this one see the same, too."""
    before = stored.filter(pc.equal(stored.column("measure"), "drift"))
    now = [e for e in result.evaluations if e.measure == "drift"]
    return _of_stored(before, _COUNTED) == _of_new(now, _COUNTED)


def on_other_bins(stored: pa.Table, result: WindowResult) -> bool:
    """Whether a segment was compared with a reference, and nothing of it is on the bins of one any more."""
    told = result.table()
    uncertain = pc.and_(
        pc.equal(told.column("verdict"), "insufficient_data"), pc.greater(told.column("n"), 0)
    )
    return not _compared(stored) <= _compared(told) | _segments(told.filter(uncertain))


def judged_again(stored: pa.Table, result: WindowResult, against: str) -> pa.Table:
    """The row that tells that a window was judged again, and by which setting, though its verdicts stay.

    It is the coverage of the whole as it is `stored`, as a revision; no row where there is none.
    """
    covered = stored.filter(pc.equal(stored.column("measure"), "coverage"))
    whole = covered.sort_by([("n", "descending")]).slice(0, 1).select(ROWS.names).to_pylist()
    for row in whole:
        row["evaluated_ns"], row["revision"] = result.evaluated_ns, result.revision
        row["details"] = document({**json.loads(row["details"] or "{}"), "against": against})
    return pa.Table.from_pylist(whole, schema=ROWS)


def _compared(evaluations: pa.Table) -> set[str]:
    """The segments that were compared with a reference."""
    drift = pc.equal(evaluations.column("measure"), "drift")
    return _segments(evaluations.filter(pc.and_(drift, pc.is_valid(evaluations.column("reference")))))


def _segments(evaluations: pa.Table) -> set[str]:
    return set(evaluations.column("segment").to_pylist())


def _of_stored(rows: pa.Table, names: Sequence[str]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    return {
        tuple(row[key] for key in _KEYS): tuple(row[name] for name in names)
        for row in rows.select([*_KEYS, *names]).to_pylist()
    }


def _of_new(
    evaluations: Iterable[Evaluation], names: Sequence[str]
) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    return {
        tuple(getattr(e, key) for key in _KEYS): tuple(_as_stored(getattr(e, name)) for name in names)
        for e in evaluations
    }


def _as_stored(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value
