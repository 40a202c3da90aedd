"""Segment keys: `model=digits,version=2.0.0,device_type=camera-a,region=eu-west`.

One spelling everywhere (API, alerts, links): dimensions in a fixed order, `*` for all,
values percent-encoded. Dimensions after `region` appear only where they are narrowed down.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote

from driftline_schemas.documents import check_text
from driftline_schemas.errors import SchemaError

ALL = "*"
#: What a dimension that a record does not tell is counted under.
UNKNOWN = "unknown"
#: Always spelled, in this order.
CORE_DIMENSIONS = ("model", "version", "device_type", "region")
#: Spelled only where they are not `*`; then the user's own, as `segment.<name>`, in alphabetical order.
EXTRA_DIMENSIONS = ("tier", "device")
USER_PREFIX = "segment."
# What may stand unencoded in a value: RFC 3986's unreserved characters.
_SAFE = "-._~"
_BAD_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class Segment:
    """A set of devices: for each dimension one value, or `*` for all.

    A value that *is* a star is written `%2A`, so that it cannot be taken for "all": hence `values`
    holds only the dimensions that are narrowed down, and a missing one means all.
    """

    values: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, values: Mapping[str, str | None]) -> "Segment":
        """Make a segment from dimension → value, where `None` means all.

        Raises SchemaError for a dimension that does not exist.
        """
        for name in values:
            if not _known(name):
                known = ", ".join(CORE_DIMENSIONS + EXTRA_DIMENSIONS)
                raise SchemaError(
                    f"unknown dimension {name!r}; expected one of {known} or {USER_PREFIX}<name>",
                    where="segment",
                )
        given = {name: value for name, value in values.items() if value is not None}
        for name, value in given.items():
            check_text(name + value, where="segment")
        if empty := [name for name, value in given.items() if not value]:
            raise SchemaError(
                f"the value of {empty[0]!r} is empty; an unknown one is {UNKNOWN!r}", where="segment"
            )
        return cls(tuple((name, given[name]) for name in sorted(given, key=_rank)))

    @classmethod
    def parse(cls, key: str) -> "Segment":
        """Read a segment key; the inverse of `str()`. Raises SchemaError."""
        return _parsed(key)

    def __str__(self) -> str:
        return _spelled(self.values)

    def __getitem__(self, dimension: str) -> str | None:
        """The value of a dimension, `None` for all."""
        return dict(self.values).get(dimension)

    @property
    def own(self) -> tuple[tuple[str, str], ...]:
        """The user's own dimensions that are narrowed down, with their values."""
        return tuple((name, value) for name, value in self.values if name.startswith(USER_PREFIX))

    def contains(self, other: "Segment") -> bool:
        """Whether each device of `other` is one of this segment."""
        theirs = dict(other.values)
        return all(theirs.get(name) == value for name, value in self.values)


# The same few thousand segments are read and spelled for every window.
@lru_cache(maxsize=2**14)
def _parsed(key: str) -> Segment:
    values: dict[str, str | None] = {}
    for part in key.split(","):
        name, equals, value = part.partition("=")
        name = _decode(name, key)
        if not equals or not value:
            raise SchemaError(f"{part!r} is not <dimension>=<value>", where=f"segment {key!r}")
        if name in values:
            raise SchemaError(f"dimension {name!r} stands twice", where=f"segment {key!r}")
        if ALL in value and value != ALL:
            raise SchemaError(
                f"{value!r} is no pattern: '*' stands for a whole value, and a star itself is %2A",
                where=f"segment {key!r}",
            )
        values[name] = None if value == ALL else _decode(value, key)
    if not values.get("model"):
        raise SchemaError("the model must be named, e.g. model=digits", where=f"segment {key!r}")
    return Segment.of(values)


@lru_cache(maxsize=2**14)
def _spelled(values: tuple[tuple[str, str], ...]) -> str:
    given = dict(values)
    names = [*CORE_DIMENSIONS, *(name for name in given if name not in CORE_DIMENSIONS)]
    return ",".join(f"{quote(name, safe=_SAFE)}={_encode(given.get(name))}" for name in names)


def _encode(value: str | None) -> str:
    return ALL if value is None else quote(value, safe=_SAFE)


def _decode(text: str, key: str) -> str:
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError as error:
        raise SchemaError(f"{text!r} is not percent-encoded UTF-8", where=f"segment {key!r}") from error
    if _BAD_ESCAPE.search(text):
        raise SchemaError(f"{text!r} has a '%' that is not %XX; write %25", where=f"segment {key!r}")
    return decoded


def _known(name: str) -> bool:
    return name in CORE_DIMENSIONS + EXTRA_DIMENSIONS or (
        name.startswith(USER_PREFIX) and name != USER_PREFIX
    )


def _rank(name: str) -> tuple[int, str]:
    fixed = CORE_DIMENSIONS + EXTRA_DIMENSIONS
    return (fixed.index(name), "") if name in fixed else (len(fixed), name)
