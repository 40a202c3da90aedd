"""Several files of a day and model made one: as they are, or with profiles summed over hours or days.

Counts are kept exactly. Profiles are summed where all else that they say is equal. What cannot be summed
stays as it is: histograms without fixed bins, windows that begin in one hour and end in another, counts out
of all reason, and windows that end well after their receipt, as those are not evaluated.
"""

from collections.abc import Sequence
from typing import Any

from driftline_collector.store.archive import Archive
from driftline_collector.store.archive_files import ArchiveFile

#: Far more than a device counts in a window; a billion of such still add up to a BIGINT.
_ABSURD = 2**33
_SAME = """model, version, device, device_type, region, tier, firmware, segment, binning, feature, kind,
    category, bounds"""
_MERGED = f"""
    WITH stored AS (
        SELECT *, start_ns - start_ns % $width AS begin_ns, start_ns - start_ns % $width + $width AS until_ns
        FROM ({{rows}})
    ), told AS (
        SELECT *, len(counts) > 0 AND exponential IS NULL AND start_ns >= 0 AND end_ns <= until_ns
              AND end_ns <= received_ns + $ahead
              AND list_min(counts) >= 0 AND list_max(counts) < {_ABSURD} AS summed
        FROM stored
    ), bins AS (
        SELECT {_SAME}, begin_ns, until_ns, len(counts) AS size, received_ns, unnest(counts) AS amount,
               generate_subscripts(counts, 1) AS bin
        FROM told WHERE summed
    ), sums AS (
        SELECT {_SAME}, begin_ns, until_ns, size, bin, CAST(sum(amount) AS BIGINT) AS amount,
               max(received_ns) AS received_ns
        FROM bins GROUP BY {_SAME}, begin_ns, until_ns, size, bin
    )
    SELECT greatest(max(received_ns), until_ns) AS received_ns, begin_ns AS start_ns, until_ns AS end_ns,
           CAST(NULL AS VARCHAR) AS stream, {_SAME}, list(amount ORDER BY bin) AS counts,
           CAST(NULL AS JSON) AS exponential
    FROM sums GROUP BY {_SAME}, begin_ns, until_ns, size
    UNION ALL BY NAME
    SELECT * EXCLUDE (begin_ns, until_ns, summed) FROM told WHERE NOT summed
    ORDER BY start_ns, feature, kind, device
"""


def joined(archive: Archive, files: Sequence[ArchiveFile]) -> ArchiveFile:
    """A new file of all rows of files of one day and model, for `Archive.swap` with them."""
    return _written(archive, files, "SELECT * FROM ({rows})", None, max(file.width_ns for file in files))


def merged(archive: Archive, files: Sequence[ArchiveFile], width_ns: int, ahead_ns: int) -> ArchiveFile:
    """The same with profiles summed over `width_ns`; those that end `ahead_ns` after receipt stay apart."""
    return _written(archive, files, _MERGED, {"width": width_ns, "ahead": ahead_ns}, width_ns)


def _written(
    archive: Archive, files: Sequence[ArchiveFile], query: str, values: dict[str, Any] | None, width_ns: int
) -> ArchiveFile:
    first, rows = files[0], archive.scan(*files)
    return archive.write(
        first.table.name, first.day, first.model, query.format(rows=rows), values, width_ns=width_ns
    )
