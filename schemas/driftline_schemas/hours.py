"""What a reference knows of single hours of the week, beside the counts of all of its rows.

An hour is told from others where it has enough rows of its own: by itself on weekdays and at the weekend,
else on all days alike. Where there are too few of these, too, it is as all hours.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from driftline_schemas.binning import FeatureBinning
from driftline_schemas.documents import require, whole, within
from driftline_schemas.errors import SchemaError

Whole = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

#: Hours of a week; 0 is the first one of Monday.
WEEK = 168
_DAY, _WEEKDAYS = 24, 5
#: From so many rows on an hour is told from others: fewer say little of a shift, but all hours say wrong.
LEAST_ROWS = 500
#: And weekdays from weekends: what these differ by shall not cost more than the rows that it takes.
LEAST_ROWS_APART = 2000
#: Days differ: of fewer an hour would be what the weather of these was.
LEAST_DAYS = 8


@dataclass(frozen=True, slots=True)
class HourCounts:
    """Counts of `rows` rows by feature, with which these hours of the week, 0 to 167, are compared."""

    hours: tuple[int, ...]
    rows: int
    counts: Mapping[str, tuple[int, ...]]

    def to_json(self) -> dict[str, Any]:
        """As it stands in a reference file."""
        counts = {name: list(counts) for name, counts in self.counts.items()}
        return {"hours": list(self.hours), "rows": self.rows, "counts": counts}

    @classmethod
    def from_json(cls, document: Any, *, where: str) -> "HourCounts":
        """Read what `to_json` wrote. Raises SchemaError."""
        with within(where):
            columns = require(document, "counts", dict)
            return cls(
                hours=integers("hours", document.get("hours")),
                rows=require(document, "rows", int),
                counts={name: integers(f"counts of feature {name!r}", c) for name, c in columns.items()},
            )


def integers(what: str, column: Any) -> tuple[int, ...]:
    """A list of integers that was read from JSON. Raises SchemaError."""
    found = [whole(count) for count in column] if isinstance(column, list) else [None]
    counts = tuple(count for count in found if count is not None)
    if len(counts) < len(found):
        raise SchemaError(f"{what}: expected a list of integers")
    return counts


def check_counts(features: Sequence[FeatureBinning], counts: Mapping[str, Sequence[int]], rows: int) -> None:
    """Raise SchemaError where counts are not those of so many rows on the bins of these features."""
    for feature in features:
        of_feature = counts.get(feature.name)
        if of_feature is None or len(of_feature) != feature.size:
            found = "none" if of_feature is None else str(len(of_feature))
            raise SchemaError(f"{found} counts for feature {feature.name!r}; expected {feature.size}")
        if min(of_feature) < 0:
            raise SchemaError(f"a negative count for feature {feature.name!r}")
        # Each row falls into one bin, missing included: a sum that differs is a file cut short or edited.
        if sum(of_feature) != rows:
            raise SchemaError(
                f"counts of feature {feature.name!r} sum to {sum(of_feature)}; expected the {rows} rows"
            )
    if extra := set(counts) - {feature.name for feature in features}:
        raise SchemaError(f"counts for {min(extra)!r}, which the binning does not have")


def check_hours(groups: Sequence[HourCounts], features: Sequence[FeatureBinning], rows: int) -> None:
    """Raise SchemaError where hours are none of the week or stand twice, or their counts cannot be."""
    known = [hour for group in groups for hour in group.hours]
    if wrong := [hour for hour in known if not 0 <= hour < WEEK]:
        raise SchemaError(f"hour {wrong[0]}; expected hours of the week, 0 to {WEEK - 1}", where="hours")
    if len(set(known)) < len(known) or not all(group.hours for group in groups):
        raise SchemaError("each hour stands in one place, and none without any", where="hours")
    for i, group in enumerate(groups):
        with within(f"hours {i}"):
            if not 1 <= group.rows <= rows:
                raise SchemaError(f"{group.rows} rows; expected 1 to the {rows} of all hours")
            check_counts(features, group.counts, group.rows)


def alike(hour: Whole, day: Whole) -> Iterator[tuple[tuple[int, ...], Flags]]:
    """Hours of the week that are compared with the same rows, and which rows these are, (n,).

    `hour`, (n,), are the rows' hours of the week and `day` their days, -1 where it is not known.
    """
    weekend = hour // _DAY >= _WEEKDAYS
    for of_day in range(_DAY):
        every = (hour >= 0) & (hour % _DAY == of_day)
        left: list[int] = []
        for days, kind in ((range(_WEEKDAYS), ~weekend), (range(_WEEKDAYS, 7), weekend)):
            hours = tuple(d * _DAY + of_day for d in days)
            if _enough(rows := every & kind, day, LEAST_ROWS_APART):
                yield hours, rows
            else:
                left += hours
        if left and _enough(every, day, LEAST_ROWS):
            yield tuple(left), every


def _enough(rows: Flags, day: Whole, least: int) -> bool:
    return int(rows.sum()) >= least and len(np.unique(day[rows])) >= LEAST_DAYS


def by_hour(
    places: Iterable[tuple[FeatureBinning, Whole]], hour: Whole, day: Whole
) -> tuple[HourCounts, ...]:
    """What is counted of hours that have enough rows, from the bins of all rows, (n,), by feature.

    `hour` and `day`, (n,), are as `alike` takes them.
    """
    groups = [*alike(hour, day)]
    counts: list[dict[str, tuple[int, ...]]] = [{} for _ in groups]
    for feature, bins in places:
        for of_group, (_, rows) in zip(counts, groups, strict=True):
            of_group[feature.name] = tuple(np.bincount(bins[rows], minlength=feature.size).tolist())
    return tuple(
        HourCounts(hours, int(rows.sum()), of_group)
        for of_group, (hours, rows) in zip(counts, groups, strict=True)
    )
