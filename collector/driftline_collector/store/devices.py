"""What operators said of devices, put into the rows that come in: the name and the place they have now.

Renaming also gives the new name to the rows that are there, so that a device's history is found under it by
every read. A move holds for what was measured from then on: what was judged stays where it was judged. It
replaces what the device said when it was moved; once the device says something else, its own word counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from driftline_schemas.segments import Segment

#: Where devices' changes are written by who asks for them.
TABLE = "device_changes"
_KEPT = "SELECT * FROM device_changes WHERE kind = 'move' ORDER BY changed_ns, rowid"
_HOLDERS = """
    SELECT table_name
    FROM duckdb_columns() JOIN duckdb_tables() USING (database_name, schema_name, table_name)
    WHERE column_name = 'device' AND table_name NOT IN ('device_changes', 'device_names') AND NOT temporary
      AND database_name = current_database() AND schema_name = 'main'
    ORDER BY table_name
"""


@dataclass(frozen=True, slots=True)
class Changes:
    """`names` are old names → names of now; `rounds` the moves: in each, one of a device and dimension.

    A round is a table of device, dimension, before, after and since_ns; they hold one after the other.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    rounds: tuple[pa.Table, ...] = ()

    @classmethod
    def restore(cls, cursor: duckdb.DuckDBPyConnection) -> "Changes":
        """As the database has them."""
        names = dict(cursor.execute("SELECT device, name FROM device_names").fetchall())
        return cls(names, _rounds(cursor.sql(_KEPT).to_arrow_table(), names))

    def placed(self, name: str, table: pa.Table) -> pa.Table:
        """The rows of a table, each under the name and in the place that its device has now."""
        spoken = name != TABLE and "device" in table.column_names
        if not spoken or not (self.names or self.rounds):
            return table
        devices = table.column("device").cast(pa.string())
        if self.names:
            new = pc.index_in(devices, value_set=pa.array(self.names.keys(), pa.string()))
            if new.null_count < len(new):
                given = pa.array(self.names.values(), pa.string()).take(new.combine_chunks())
                devices = pc.coalesce(pa.chunked_array([given]), devices)
                table = _replaced(table, "device", devices)
        if not self.rounds:
            return table
        # Few devices make many rows: each is looked up once.
        encoded = devices.dictionary_encode().combine_chunks()
        for moves in self.rounds:
            for dimension in ("device_type", "region"):
                if dimension in table.column_names:
                    own = moves.filter(pc.equal(moves.column("dimension"), dimension))
                    table = _moved(table, encoded, dimension, own)
        return table


def apply(cursor: duckdb.DuckDBPyConnection, changes: pa.Table) -> Changes:
    """Rename what is stored as the rows of `device_changes` say, and return what holds once they are durable.

    To be called in the transaction that writes those rows, after them.
    """
    for row in changes.to_pylist():
        if row["kind"] == "rename":
            _rename(cursor, row["before"], row["after"])
    return Changes.restore(cursor)


def _rename(cursor: duckdb.DuckDBPyConnection, before: str, after: str) -> None:
    cursor.execute("UPDATE device_names SET name = ? WHERE name = ?", [after, before])
    cursor.execute("DELETE FROM device_names WHERE device = ?", [after])
    cursor.execute("INSERT INTO device_names VALUES (?, ?)", [before, after])
    for (table,) in cursor.execute(_HOLDERS).fetchall():
        cursor.execute(f'UPDATE "{table}" SET device = ? WHERE device = ?', [after, before])
    old, new = (str(Segment.of({"device": name})).rpartition(",")[2] for name in (before, after))
    cursor.execute(
        """
        UPDATE evaluations SET segment = left(segment, length(segment) - length($old)) || $new
        WHERE measure = 'device' AND ends_with(segment, ',' || $old)
        """,
        {"old": old, "new": new},
    )


def _moved(table: pa.Table, devices: pa.DictionaryArray, dimension: str, moves: pa.Table) -> pa.Table:
    known = pc.index_in(devices.dictionary, value_set=moves.column("device").combine_chunks())
    if known.null_count == len(known):
        return table
    which = known.take(devices.indices)
    at = pc.indices_nonzero(which.is_valid())
    time = "start_ns" if "start_ns" in table.column_names else "time_ns"
    own, rows = moves.take(which.take(at)), table.select([dimension, time]).take(at)
    hit = pc.and_(
        pc.equal(rows.column(dimension).cast(pa.string()), own.column("before")),
        pc.greater_equal(rows.column(time), own.column("since_ns")),
    )
    told = np.zeros(table.num_rows, np.bool_)
    told[np.asarray(at)] = np.asarray(pc.fill_null(hit, False))
    if not told.any():
        return table
    said = table.column(dimension).cast(pa.string()).combine_chunks()
    new = own.column("after").filter(pc.fill_null(hit, False)).combine_chunks()
    return _replaced(table, dimension, pa.chunked_array([pc.replace_with_mask(said, pa.array(told), new)]))


def _rounds(moves: pa.Table, names: Mapping[str, str]) -> tuple[pa.Table, ...]:
    """The n-th move of each device and dimension are the n-th round."""
    rounds: list[list[dict[str, Any]]] = []
    seen: dict[tuple[str, str], int] = {}
    for row in moves.to_pylist():
        device = names.get(row["device"], row["device"])
        place = seen.setdefault((device, row["dimension"]), 0)
        if place == len(rounds):
            rounds.append([])
        rounds[place].append({**row, "device": device})
        seen[device, row["dimension"]] += 1
    return tuple(pa.Table.from_pylist(rows, schema=moves.schema) for rows in rounds)


def _replaced(table: pa.Table, name: str, column: pa.ChunkedArray) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, column)
