"""Several files of a day and model made one: as they are, or with profiles summed over hours or days.

Counts are kept exactly. Profiles are summed where all else that they say is equal. What cannot be summed
stays as it is: histograms without fixed bins or with very many, windows that begin in one hour and end in
another, counts out of all reason, and windows that end well after their receipt, as those are not evaluated.

The sums of a day at once would not fit into DuckDB's memory, so it is asked for a stretch of time after the
other. It sums place by place, as to unnest the counts takes ten times as long.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from driftline_collector.store.archive import Archive
from driftline_collector.store.archive_files import ArchiveFile, read

#: Far more than a device counts in a window; a billion of such still add up to a BIGINT.
_ABSURD = 2**33
#: Each place of the longest list is a sum of its own, for all rows; references have 66 places.
_LONGEST = 256
#: No clock is ahead by a hundred years, and times of the next hour are still a BIGINT.
_FAR_NS = 2**62
_ANY_NS = (-(2**63), 2**63 - 1)
#: Rows that are summed at once, about, or those of one hour or day where they are more.
_AT_ONCE = 250_000
_SAME = """model, version, device, device_type, region, tier, firmware, segment, binning, feature, kind,
    category, bounds"""
_BEGIN = "(greatest(start_ns, 0) - greatest(start_ns, 0) % $width)"
_FITS = f"""coalesce(
    len(counts) BETWEEN 1 AND {_LONGEST} AND list_min(counts) >= 0 AND list_max(counts) < {_ABSURD}
    AND exponential IS NULL AND start_ns BETWEEN 0 AND least(end_ns, {_FAR_NS})
    AND greatest(end_ns, 0) - {_BEGIN} <= $width AND end_ns <= received_ns + $ahead, false)"""
_LOOK = f"""
    SELECT {_BEGIN} AS begin_ns, count(*) AS rows, count(*) FILTER (WHERE NOT {_FITS}) AS apart,
           coalesce(max(len(counts)) FILTER (WHERE {_FITS}), 0) AS longest
    FROM ({{rows}}) GROUP BY 1 ORDER BY 1
"""
#: In the columns of the table.
_TYPED = "SELECT * FROM main.profiles WHERE false UNION ALL BY NAME"
_SUMS = f"""
    {_TYPED}
    SELECT greatest(max(received_ns), {_BEGIN} + $width) AS received_ns, {_BEGIN} AS start_ns,
           {_BEGIN} + $width AS end_ns, {_SAME}, CAST([{{sums}}][:len(counts)] AS BIGINT[]) AS counts
    FROM ({{rows}}) WHERE start_ns BETWEEN $first AND $last AND {_FITS}
    GROUP BY {_BEGIN}, {_SAME}, len(counts)
"""
_APART = f"{_TYPED} SELECT * FROM ({{rows}}) WHERE start_ns BETWEEN $first AND $last AND NOT {_FITS}"


def joined(archive: Archive, files: Sequence[ArchiveFile]) -> ArchiveFile:
    """A new file of all rows of files of one day and model, for `Archive.swap` with them."""
    first, width_ns = files[0], max(file.width_ns for file in files)
    query = f"SELECT * FROM ({archive.scan(*files)})"
    return archive.write(first.table.name, first.day, first.model, query, width_ns=width_ns)


def merged(archive: Archive, files: Sequence[ArchiveFile], width_ns: int, ahead_ns: int) -> ArchiveFile:
    """The same with profiles summed over `width_ns`; those that end `ahead_ns` after receipt stay apart."""
    first, rows = files[0], _merged(archive.cursor, archive.scan(*files), width_ns, ahead_ns)
    return archive.write_rows(first.table.name, first.day, first.model, rows, width_ns=width_ns)


@dataclass(slots=True)
class _Stretch:
    """Of time, of both its hours or days and what lies between; `apart` are rows that do not fit."""

    first_ns: int
    last_ns: int
    rows: int
    apart: int
    longest: int


def _merged(
    cursor: duckdb.DuckDBPyConnection, rows: str, width_ns: int, ahead_ns: int
) -> Iterator[pa.RecordBatch]:
    same = {"width": width_ns, "ahead": ahead_ns}
    for stretch in _stretches(cursor.execute(_LOOK.format(rows=rows), same).fetchall()):
        first = stretch.first_ns or _ANY_NS[0]  # times below 0 are with those of the first hour
        values = same | {"first": first, "last": min(stretch.last_ns + width_ns - 1, _ANY_NS[1])}
        if stretch.longest:
            sums = ", ".join(f"sum(counts[{place + 1}])" for place in range(stretch.longest))
            yield from read(cursor, _SUMS.format(rows=rows, sums=sums), values)
        if stretch.apart:
            yield from read(cursor, _APART.format(rows=rows), values)


def _stretches(hours: Iterable[tuple[int, int, int, int]]) -> Iterator[_Stretch]:
    """Neighbours together, as long as they have no more than `_AT_ONCE` rows."""
    stretch: _Stretch | None = None
    for begin_ns, rows, apart, longest in hours:
        if stretch is None or stretch.rows + rows > _AT_ONCE:
            if stretch is not None:
                yield stretch
            stretch = _Stretch(begin_ns, begin_ns, 0, 0, 0)
        stretch.last_ns = begin_ns
        stretch.rows += rows
        stretch.apart += apart
        stretch.longest = max(stretch.longest, longest)
    if stretch is not None:
        yield stretch
