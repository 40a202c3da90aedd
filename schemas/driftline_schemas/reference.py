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
from driftline_schemas.documents import check_text, require, whole, within
from driftline_schemas.errors import SchemaError

FORMAT = "driftline.reference/1"
#: What fits into the int64 of OTLP and of the store.
MAX_COUNT = 2**63 - 1

Column = Sequence[Any] | npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Reference:
    """Counts per feature on a binning, for one model version.

    `counts[name]` has the layout described in `driftline_schemas.binning`. `model` and `version` are empty
    until they are known: a file that names them is refused for any other model.
    """

    binning: Binning
    counts: Mapping[str, tuple[int, ...]]
    rows: int
    version: str = ""

    def __post_init__(self) -> None:
        check_text(self.version, where="reference")
        if not 1 <= self.rows <= MAX_COUNT:
            raise SchemaError(f"{self.rows} rows; expected at least one", where="reference")
        for feature in self.binning.features:
            counts = self.counts.get(feature.name)
            if counts is None or len(counts) != feature.size:
                found = "none" if counts is None else str(len(counts))
                raise SchemaError(
                    f"{found} counts for feature {feature.name!r}; expected {feature.size}", where="reference"
                )
            if min(counts) < 0:
                raise SchemaError(f"a negative count for feature {feature.name!r}", where="reference")
            # Each row falls into one bin, missing included: a sum that differs is a file cut short or edited.
            if sum(counts) != self.rows:
                raise SchemaError(
                    f"counts of feature {feature.name!r} sum to {sum(counts)}; expected the {self.rows} rows",
                    where="reference",
                )
        if extra := set(self.counts) - {feature.name for feature in self.binning.features}:
            raise SchemaError(
                f"counts for {min(extra)!r}, which the binning does not have", where="reference"
            )

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
    ) -> "Reference":
        """Count training or validation data.

        `features` is a mapping of name → column, or an array of shape (rows, features) with `names`.
        `labels`, `scores` and `values` are what the *model* answered, not the truth. With `binning`, that of
        an earlier version is used, so that the versions of a family compare. Raises SchemaError.
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
        return cls(binning=binning, counts=counts, rows=rows, version=version)

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
                counts={name: _counts_from_json(name, column) for name, column in columns.items()},
                rows=require(document, "rows", int),
                version=require(document, "version", str),
            )

    def save(self, path: str | Path) -> None:
        """Write it as JSON, for `Monitor(reference=…)` and `driftline reference register`."""
        Path(path).write_text(json.dumps(self.to_json(), indent=1) + "\n", encoding="utf-8")

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


def _counts_from_json(name: str, column: Any) -> tuple[int, ...]:
    found = [whole(count) for count in column] if isinstance(column, list) else [None]
    counts = tuple(count for count in found if count is not None)
    if len(counts) < len(found):
        raise SchemaError(f"counts of feature {name!r}: expected a list of integers")
    return counts


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
