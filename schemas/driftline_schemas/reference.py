"""References: what a model version saw and answered when all was well, as counts on a binning."""

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from driftline_schemas.binning import (
    LABEL,
    MAX_CATEGORIES,
    MAX_FINE_BINS,
    OTHER,
    RESERVED,
    SCORE,
    VALUE,
    Binning,
    FeatureBinning,
    category_text,
    quantile_edges,
)
from driftline_schemas.documents import check_text, require, within
from driftline_schemas.errors import SchemaError
from driftline_schemas.hours import HourCounts, by_hour, check_counts, check_hours, integers

FORMAT = "driftline.reference/1"
#: What fits into the int64 of OTLP and of the store.
MAX_COUNT = 2**63 - 1

Column = Sequence[Any] | npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Reference:
    """Counts per feature on a binning, for one model version.

    `counts[name]` has the layout described in `driftline_schemas.binning`. `model` and `version` are empty
    until they are known: a file that names them is refused for any other model. `hours` are counts of single
    hours of the week, where it knows them; devices need only the bins.
    """

    binning: Binning
    counts: Mapping[str, tuple[int, ...]]
    rows: int
    version: str = ""
    hours: tuple[HourCounts, ...] = ()

    def __post_init__(self) -> None:
        check_text(self.version, where="reference")
        if not 1 <= self.rows <= MAX_COUNT:
            raise SchemaError(f"{self.rows} rows; expected at least one", where="reference")
        with within("reference"):
            check_counts(self.binning.features, self.counts, self.rows)
            check_hours(self.hours, self.binning.features, self.rows)

    @property
    def model(self) -> str:
        return self.binning.model

    @classmethod
    def from_data(
        cls,
        features: Mapping[str, Column] | npt.NDArray[Any],
        *,
        labels: Column | None = None,
        scores: Column | None = None,
        values: Column | None = None,
        names: Sequence[str] | None = None,
        model: str = "",
        version: str = "",
        binning: Binning | None = None,
        bins: int = MAX_FINE_BINS,
        times: Column | None = None,
        zone: str = "UTC",
    ) -> "Reference":
        """Count training or validation data.

        `features` is a mapping of name → column, or an array of shape (rows, features) with `names`.
        `labels`, `scores` and `values` are what the *model* answered, not the truth. With `binning`, that of
        an earlier version is used, so that the versions of a family compare. With the `times` of rows, as
        `driftline_schemas.times.hours_of` takes them, hours that have 1,000 rows of eight days are counted by
        themselves, as clocks in `zone` tell them. Raises SchemaError.
        """
        if not isinstance(features, Mapping):
            features = _named(np.asarray(features), names)
        columns = dict(features)
        if reserved := set(columns) & set(RESERVED):
            raise SchemaError(f"{min(reserved)!r} is a reserved name", where="reference")
        answers = {LABEL: labels, SCORE: scores, VALUE: values}
        columns |= {name: column for name, column in answers.items() if column is not None}
        lengths = {name: len(column) for name, column in columns.items()}
        if len(set(lengths.values())) != 1:
            raise SchemaError(f"columns must be there and of one length; found {lengths}", where="reference")
        if not (rows := next(iter(lengths.values()))):
            raise SchemaError("no rows", where="reference")
        if binning is None:
            binned = (_bins_of(name, column, bins) for name, column in columns.items())
            binning = Binning(model=model, features=tuple(binned))
        elif absent := {feature.name for feature in binning.features} ^ set(columns):
            raise SchemaError(f"data and binning differ in {', '.join(sorted(absent))}", where="reference")
        counts = {f.name: tuple(f.count(columns[f.name]).tolist()) for f in binning.features}
        reference = cls(binning=binning, counts=counts, rows=rows, version=version)
        if times is None:
            return reference
        if len(times) != rows:
            raise SchemaError(f"{len(times)} times of {rows} rows", where="reference")
        from driftline_schemas.times import hours_of  # a device that reads a reference needs no time zones

        with within("times"):
            when = hours_of(times, zone)
        places = ((f, f.indices(columns[f.name])) for f in binning.features)
        return replace(reference, hours=by_hour(places, *when))

    def named(self, model: str, version: str) -> "Reference":
        """This reference for a model version; refused by name where it was made for another one."""
        if self.model not in ("", model):
            raise SchemaError(f"it is for model {self.model!r}, not {model!r}", where="reference")
        if self.version not in ("", version):
            raise SchemaError(
                f"it is for version {self.version!r} of {self.model!r}, not {version!r}", where="reference"
            )
        return replace(self, binning=replace(self.binning, model=model), version=version)

    def to_json(self) -> dict[str, Any]:
        """The document described by `reference.schema.json`."""
        return {
            "format": FORMAT,
            "model": self.model,
            "version": self.version,
            "rows": self.rows,
            "binning": self.binning.to_json(),
            "counts": {name: list(counts) for name, counts in self.counts.items()},
            **({"hours": [group.to_json() for group in self.hours]} if self.hours else {}),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any], *, where: str = "reference") -> "Reference":
        """Read what `to_json` wrote. Raises SchemaError."""
        with within(where):
            if (form := require(document, "format", str)) != FORMAT:
                raise SchemaError(f"not a reference: 'format' is {form!r}; expected {FORMAT!r}")
            binning = Binning.from_json(require(document, "binning", dict))
            if (model := require(document, "model", str)) != binning.model:
                raise SchemaError(f"'model' is {model!r}, but that of its binning is {binning.model!r}")
            columns = require(document, "counts", dict)
            return cls(
                binning=binning,
                counts={name: integers(f"counts of feature {name!r}", c) for name, c in columns.items()},
                rows=require(document, "rows", int),
                version=require(document, "version", str),
                hours=_hours_from_json(document),
            )

    def save(self, path: str | Path) -> None:
        """Write it as JSON, for `Monitor(reference=…)` and `driftline reference register`."""
        # With hours it is some hundred times as much, which nobody reads.
        text = json.dumps(self.to_json(), indent=None if self.hours else 1)
        Path(path).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> "Reference":
        """Read a reference file. Raises SchemaError where it is not one, OSError where it is not there."""
        try:
            document = json.loads(Path(path).read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise SchemaError(
                f"no reference, which driftline reference build makes of data: not JSON: {error}",
                where=str(path),
            ) from error
        return cls.from_json(document, where=str(path))


def _named(table: npt.NDArray[Any], names: Sequence[str] | None) -> dict[str, npt.NDArray[Any]]:
    if table.ndim != 2 or names is None or len(names) != table.shape[1]:
        raise SchemaError(
            f"an array of shape {table.shape} needs two dimensions and names=[…], one for each column",
            where="reference",
        )
    return {name: table[:, i] for i, name in enumerate(names)}


def _hours_from_json(document: Mapping[str, Any]) -> tuple[HourCounts, ...]:
    if "hours" not in document:
        return ()
    groups = enumerate(require(document, "hours", list))
    return tuple(HourCounts.from_json(group, where=f"hours {i}") for i, group in groups)


def _bins_of(name: str, column: Column, bins: int) -> FeatureBinning:
    if name != LABEL and (numbers := _numbers(name, column)) is not None:
        return FeatureBinning(name, "numeric", edges=quantile_edges(numbers, bins=bins))
    found = Counter(text for value in column if (text := category_text(value)) not in (None, OTHER))
    # The most frequent ones, where there are too many: the rest counts under `__other__`.
    kept = sorted(found, key=lambda text: (-found[text], text))[:MAX_CATEGORIES]
    return FeatureBinning(name, "categorical", categories=tuple(sorted(kept)))


def _numbers(name: str, column: Column) -> npt.NDArray[np.float64] | None:
    """The column as float64 with NaN for None, or `None` where it holds texts or truth values."""
    if isinstance(column, np.ndarray) and column.dtype.kind in "fiu":
        return column.astype(np.float64)
    for value in column:
        if isinstance(value, (str, bool, np.bool_, bytes)):
            return None
    try:
        return np.asarray([math.nan if value is None else value for value in column], dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise SchemaError(
            f"neither numbers nor texts: {error}; convert the column", where=f"feature {name!r}"
        ) from error
