"""The user's own dimensions as columns of a read: `segment.line` is what `segment` has under `line`."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
from driftline_schemas.segments import UNKNOWN, USER_PREFIX

#: SQL: whether a row of a table with a column `segment` is of `Where.own`.
MATCHES = f"""(len($own_names::VARCHAR[]) = 0 OR list_transform($own_names::VARCHAR[],
    lambda name: coalesce(nullif(segment[name], ''), '{UNKNOWN}')) = $own_values::VARCHAR[])"""
_REPORTED = f"FROM stream_windows WHERE end_ns > $start AND start_ns < $end AND {MATCHES}"
#: The same of a table that has streams, or devices, and whose windows tell the rest.
STREAM_MATCHES, DEVICE_MATCHES = (
    f"(len($own_names::VARCHAR[]) = 0 OR {column} IN (SELECT {column} {_REPORTED}))"
    for column in ("stream", "device")
)


@dataclass(frozen=True, slots=True)
class OwnColumns:
    """Those of some `dimensions`. In SQL they have names of the store's, as users call theirs what they like.

    Where a row tells no value it is `unknown`.
    """

    dimensions: Sequence[str]

    @property
    def names(self) -> list[str]:
        """What they are called in the query."""
        return [f"own_{i}" for i in range(len(self.dimensions))]

    def read(self, table: str = "") -> str:
        """SQL that reads them from a table with a column `segment`, to stand after other columns."""
        return "".join(
            f", coalesce(nullif({table}segment[${name}], ''), '{UNKNOWN}') AS {name}" for name in self.names
        )

    @property
    def listed(self) -> str:
        """SQL that names them once they are read, to stand after other columns."""
        return "".join(f", {name}" for name in self.names)

    @property
    def told(self) -> str:
        """SQL that asks for rows that tell all of them, to stand after other conditions."""
        return "".join(f" AND map_contains(segment, ${name})" for name in self.names)

    @property
    def parameters(self) -> dict[str, str]:
        """What a query that reads them takes."""
        keys = (dimension.removeprefix(USER_PREFIX) for dimension in self.dimensions)
        return dict(zip(self.names, keys, strict=True))

    def named(self, table: pa.Table) -> pa.Table:
        """The answer with the columns named as the dimensions are."""
        given = dict(zip(self.names, self.dimensions, strict=True))
        return table.rename_columns([given.get(name, name) for name in table.column_names])
