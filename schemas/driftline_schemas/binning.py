"""Binnings: which values fall into which bin. Immutable, and named by the hash of their content.

Bins are right-closed, (a, b], in float64, as OTLP's explicit histograms are. `cut` is the one function
that cuts; `golden/binning.json` fixes it for other languages.

The counts of a feature are one vector, in this layout:

- numeric, m edges e[0] < … < e[m-1]: m + 2 counts. Bin 0 is (-inf, e[0]], below the range; bin i is
  (e[i-1], e[i]]; bin m is (e[m-1], +inf), above the range; the last counts what is missing (absent, null,
  NaN or infinite). The first m + 1 are an OTLP histogram's `bucket_counts`.
- categorical, k categories: k + 2 counts. One per category, then `__other__`, then what is missing.

An exact zero, where the reference has many, has a bin of its own: the edges `ZERO_FLOOR` and 0.0.
"""

import hashlib
import itertools
import json
import math
import struct
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from driftline_schemas.documents import check_text, require, within
from driftline_schemas.errors import SchemaError

Kind = Literal["numeric", "categorical"]
OTHER = "__other__"
#: Names that a feature cannot take: the distributions of the model's own answers.
LABEL = "__label__"
SCORE = "__score__"
VALUE = "__value__"
DURATION = "__duration__"
RESERVED = (LABEL, SCORE, VALUE, DURATION)
#: Fine bins at most, so at most this many edges and one.
MAX_FINE_BINS = 64
MAX_CATEGORIES = 1000
#: The smallest normal float64 below zero. Not the denormal next to zero, which hardware that flushes
#: denormals would take for zero itself.
ZERO_FLOOR = -2.2250738585072014e-308
#: The bins of durations where a binning has none: 1 µs to 100 s, 8 to a decade, in three digits, so that
#: every machine makes the same ones.
DURATION_EDGES = tuple(float(f"{10 ** (step / 8 - 6):.3g}") for step in range(65))

#: From so many values on a table of the range in so many parts is worth making, with so many edges in one.
_MANY, _PARTS, _CROWD = 8192, 4096, 3
_TOGETHER = 2**15

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FeatureBinning:
    """The bins of one feature: `edges` for a numeric one, `categories` for a categorical one."""

    name: str
    kind: Kind
    edges: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_text(self.name, where="name of a feature")
        if not self.name:
            raise SchemaError("a feature needs a name", where="binning")
        try:
            # -0.0 becomes 0.0: the two are one edge, so they must not make two ids.
            object.__setattr__(self, "edges", tuple(float(edge) + 0.0 for edge in self.edges))
        except (TypeError, ValueError, OverflowError) as error:
            raise SchemaError(f"edges must be float64: {error}", where=self._where) from error
        object.__setattr__(self, "categories", tuple(self.categories))
        if self.kind == "numeric":
            self._check_edges()
        elif self.kind == "categorical":
            self._check_categories()
        else:
            raise SchemaError(
                f"kind is {self.kind!r}; expected 'numeric' or 'categorical'", where=self._where
            )

    @property
    def _where(self) -> str:
        return f"feature {self.name!r}"

    def _check_edges(self) -> None:
        edges = np.asarray(self.edges, dtype=np.float64)
        if self.categories:
            raise SchemaError("a numeric feature has edges, not categories", where=self._where)
        if not 1 <= len(edges) <= MAX_FINE_BINS + 3:
            raise SchemaError(f"{len(edges)} edges; expected 1 to {MAX_FINE_BINS + 3}", where=self._where)
        if not np.isfinite(edges).all() or (edges[1:] <= edges[:-1]).any():
            raise SchemaError("edges must be finite and strictly ascending", where=self._where)

    def _check_categories(self) -> None:
        if self.edges:
            raise SchemaError("a categorical feature has categories, not edges", where=self._where)
        if len(self.categories) > MAX_CATEGORIES:
            raise SchemaError(
                f"{len(self.categories)} categories; at most {MAX_CATEGORIES}", where=self._where
            )
        if len(set(self.categories)) < len(self.categories) or OTHER in self.categories:
            raise SchemaError(f"categories must be distinct, and none of them {OTHER!r}", where=self._where)
        for category in self.categories:
            check_text(category, where=self._where)
            if not category:
                raise SchemaError("an empty text is no category: it is missing", where=self._where)

    @property
    def size(self) -> int:
        """How many counts this feature has, missing included."""
        return (len(self.edges) if self.kind == "numeric" else len(self.categories)) + 2

    @property
    def bin_names(self) -> tuple[str, ...]:
        """A name for each count, as shown to people: `(0.1, 0.2]`, `cat`, `missing`."""
        if self.kind == "categorical":
            return (*self.categories, OTHER, "missing")
        inner = (_interval_name(low, high) for low, high in itertools.pairwise(self.edges))
        first = "< 0" if self.edges[0] == ZERO_FLOOR else f"<= {self.edges[0]:.6g}"
        return (first, *inner, f"> {self.edges[-1]:.6g}", "missing")

    def index(self, category: str) -> int:
        """Where a category is counted; `__other__` for one that is not in the list."""
        try:
            return self.categories.index(category)
        except ValueError:
            return len(self.categories)

    def indices(self, values: Sequence[Any] | npt.NDArray[Any]) -> Counts:
        """Where each value is counted, shape (n,).

        `values` are numbers of any shape, or a sequence of texts, bools and None. Raises SchemaError for what
        is not a number in a numeric feature.
        """
        if self.kind == "numeric":
            try:
                numbers = np.asarray(values, dtype=np.float64).ravel()
            except (TypeError, ValueError, OverflowError) as error:
                raise SchemaError(f"not numbers: {error}", where=self._where) from error
            return cut(numbers, self.edges)
        position: dict[str | None, int] = {category: i for i, category in enumerate(self.categories)}
        position[None] = len(self.categories) + 1
        other = len(self.categories)
        found = [position.get(text, other) for text in map(category_text, values)]
        return np.array(found, dtype=np.int64)

    def count(self, values: Sequence[Any] | npt.NDArray[Any]) -> Counts:
        """How many values fall into each bin, shape (size,); values and errors as for `indices`."""
        return np.bincount(self.indices(values), minlength=self.size).astype(np.int64, copy=False)

    def content(self) -> dict[str, Any]:
        """What the hash is taken of: floats as the 16 hex digits of their big-endian IEEE 754 bytes."""
        if self.kind == "numeric":
            return {
                "name": self.name,
                "kind": self.kind,
                "edges": [struct.pack(">d", edge).hex() for edge in self.edges],
            }
        return {"name": self.name, "kind": self.kind, "categories": list(self.categories)}


def cut(
    values: npt.NDArray[np.float64], edges: Sequence[float] | npt.NDArray[np.float64]
) -> npt.NDArray[np.int64]:
    """The bin of each value, shape (n,): 0 to len(edges), and len(edges) + 1 for NaN and infinity."""
    ascending = np.asarray(edges, dtype=np.float64)
    finite = np.isfinite(values)
    known = values if finite.all() else np.where(finite, values, 0.0)
    bins = _looked_up(known, ascending) if len(values) >= _MANY else None
    if bins is None:
        bins = np.searchsorted(ascending, known, side="left")
    bins[~finite] = len(edges) + 1
    return bins


def _looked_up(
    values: npt.NDArray[np.float64], edges: npt.NDArray[np.float64]
) -> npt.NDArray[np.int64] | None:
    """The same for finite values from a table, in a fifth of the time; `None` where edges crowd together.

    The range is parted evenly. A value lies above all edges of the parts before its own, and is compared with
    those in it: as the part never falls where a value rises, rounding cannot put it anywhere else.
    """
    with np.errstate(over="ignore"):
        extent = edges[-1] - edges[0]
        scale = _PARTS / extent if extent > 0 else np.inf
        if not np.isfinite([extent, scale]).all():
            return None

        def part(numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
            placed = np.clip((numbers - edges[0]) * scale, 0, _PARTS - 1)
            return np.asarray(placed, dtype=np.int64)

        of_edges = part(edges)
        crowd = int(np.bincount(of_edges).max())
        if crowd > _CROWD:
            return None
        below = np.searchsorted(of_edges, np.arange(_PARTS))
        next_edge = np.append(edges, np.inf)
        bins = np.empty(len(values), dtype=np.int64)
        for start in range(0, len(values), _TOGETHER):  # as many as lie in a core's own memory
            some = values[start : start + _TOGETHER]
            found = below[part(some)]
            for _ in range(crowd):
                found += some > next_edge[found]
            bins[start : start + _TOGETHER] = found
    return bins


def category_text(value: object) -> str | None:
    """How a value of a categorical feature is spelled on the wire; `None` is missing.

    Missing are None, an empty text, NaN and infinity: tables hold NaN where a text is absent.
    """
    if value is None or value == "" or (isinstance(value, (float, np.floating)) and not math.isfinite(value)):
        return None
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    return str(value)


@dataclass(frozen=True)
class Binning:
    """The bins of a model family: its features in the model's order, and its answers.

    The answers stand among the features under the names in `RESERVED`, where the model gives them.
    """

    model: str
    features: tuple[FeatureBinning, ...]

    def __post_init__(self) -> None:
        check_text(self.model, where="binning")
        names = [feature.name for feature in self.features]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise SchemaError(f"feature {twice!r} stands twice", where=f"binning of model {self.model!r}")

    @cached_property  # asked for by feature and window, and takes milliseconds
    def id(self) -> str:
        """`b1-` and the first 16 hex digits of the SHA-256 of the content as canonical JSON (RFC 8785)."""
        content = {"model": self.model, "features": [feature.content() for feature in self.features]}
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return "b1-" + hashlib.sha256(text.encode()).hexdigest()[:16]

    def get(self, name: str) -> FeatureBinning | None:
        """The bins of a feature, `None` where this binning has no such feature."""
        return next((feature for feature in self.features if feature.name == name), None)

    @property
    def inputs(self) -> tuple[FeatureBinning, ...]:
        """The features proper, without the model's answers."""
        return tuple(feature for feature in self.features if feature.name not in RESERVED)

    def to_json(self) -> dict[str, Any]:
        """As it stands in a reference file."""
        return {
            "id": self.id,
            "model": self.model,
            "features": [
                {"name": f.name, "kind": f.kind, "edges": list(f.edges)}
                if f.kind == "numeric"
                else {"name": f.name, "kind": f.kind, "categories": list(f.categories)}
                for f in self.features
            ],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any], *, where: str = "binning") -> "Binning":
        """Read what `to_json` wrote. Raises SchemaError, also where the id is not that of the content."""
        with within(where):
            features = enumerate(require(document, "features", list))
            binning = cls(
                model=require(document, "model", str),
                features=tuple(_feature_from_json(feature, f"feature {i}") for i, feature in features),
            )
            if (claimed := require(document, "id", str)) != binning.id:
                raise SchemaError(f"the id {claimed!r} is not that of its content, {binning.id!r}")
        return binning


def _feature_from_json(document: Any, where: str) -> FeatureBinning:
    with within(where):
        name = require(document, "name", str)
        kind = require(document, "kind", str)
        if kind == "numeric" and "categories" not in document:
            edges = require(document, "edges", list)
            if wrong := [
                edge for edge in edges if isinstance(edge, bool) or not isinstance(edge, (int, float))
            ]:
                raise SchemaError(f"the edge {wrong[0]!r} is not a number")
            return FeatureBinning(name, "numeric", edges=tuple(edges))
        if kind == "categorical" and "edges" not in document:
            return FeatureBinning(
                name, "categorical", categories=tuple(require(document, "categories", list))
            )
        raise SchemaError("expected kind 'numeric' with 'edges', or kind 'categorical' with 'categories'")


def quantile_edges(values: npt.NDArray[np.float64], *, bins: int = MAX_FINE_BINS) -> tuple[float, ...]:
    """Edges of at most `bins` bins of about equal count over the range of `values`, shape (n,), finite ones.

    An exact zero with more than one bin's share gets a bin of its own. The first edge lies just below the
    smallest value, so that bin 0 holds only what is below the range. Raises SchemaError for a wrong `bins`.
    """
    if not 1 <= bins <= MAX_FINE_BINS:
        raise SchemaError(f"{bins} bins; expected 1 to {MAX_FINE_BINS}", where="binning")
    finite = np.sort(values[np.isfinite(values)])
    if not len(finite):
        return (0.0,)
    # "inverted_cdf" takes edges from the data: no interpolation, so that ties never straddle an edge.
    inner = np.quantile(finite, np.linspace(0, 1, bins + 1)[1:], method="inverted_cdf")
    edges = {_below(float(finite[0])), *map(float, inner)}
    if np.count_nonzero(finite == 0.0) > len(finite) / bins:
        edges |= {ZERO_FLOOR, 0.0}
    return tuple(sorted(edge + 0.0 for edge in edges))


def _below(value: float) -> float:
    """The next edge below a value; the least float64 has none, and is its own."""
    below = ZERO_FLOOR if value == 0.0 else math.nextafter(value, -math.inf)
    return max(below, -sys.float_info.max)


def _interval_name(low: float, high: float) -> str:
    if high == ZERO_FLOOR:
        return f"({low:.6g}, 0)"
    return "0" if low == ZERO_FLOOR and high == 0.0 else f"({low:.6g}, {high:.6g}]"
