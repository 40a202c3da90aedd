"""Named reads of what was sent whole and stands for more than itself: samples with their probability."""

from collections.abc import Sequence

import pyarrow as pa

from driftline_collector.store.own_columns import OwnColumns
from driftline_collector.store.queries import Queries

#: Sent for a label, or as an answer to what another tier handed on: chosen by nobody's chance, it stands for
#: nothing beyond itself.
_STANDS_FOR_NOTHING = "probability IS NULL AND (parent_id IS NOT NULL OR reasons = ['ground_truth'])"
_WITHIN = f"""model = $model AND time_ns >= $start AND time_ns < $end
    AND ($ahead IS NULL OR time_ns <= received_ns + $ahead) AND NOT coalesce({_STANDS_FOR_NOTHING}, false)"""
_CELL = "version, device_type, region, tier"


class SampleReads(Queries):
    """See `driftline_collector.store.base.Store`."""

    def sampled(
        self,
        model: str,
        start_ns: int,
        end_ns: int,
        ahead_ns: int | None = None,
        own: Sequence[str] = (),
    ) -> pa.Table:
        """See `Store.sampled`."""
        columns = OwnColumns(own)
        found = self._read(
            f"""
            SELECT version, device_type, region, tier {columns.read()}, feature_set, count(*) AS samples,
                   min(time_ns) AS first_ns, count(label) > 0 AS with_label, count(score) > 0 AS with_score,
                   count(value) > 0 AS with_value
            FROM predictions WHERE {_WITHIN}
            GROUP BY version, device_type, region, tier {columns.listed}, feature_set
            ORDER BY tier, version, device_type, region {columns.listed}, feature_set
            """,
            {"model": model, "start": start_ns, "end": end_ns, "ahead": ahead_ns, **columns.parameters},
        )
        return columns.named(found)

    def selected(
        self,
        model: str,
        start_ns: int,
        end_ns: int,
        cells: Sequence[Sequence[str]],
        *,
        share: float = 1.0,
        ahead_ns: int | None = None,
        own: Sequence[str] = (),
    ) -> pa.Table:
        """See `Store.selected`. The share is of a hash's range, so that another engine keeps the same."""
        columns = OwnColumns(own)
        found = self._read(
            f"""
            SELECT version, device_type, region, tier, device {columns.read()}, label, value, score,
                   probability, reasons, feature_set, numbers, texts
            FROM predictions
            WHERE {_WITHIN} AND substr(md5(id), 1, 8) <= $least
              AND list_contains($cells::VARCHAR[], concat_ws(chr(31), {_CELL} {columns.listed}))
            QUALIFY row_number() OVER (PARTITION BY id ORDER BY received_ns) = 1
            ORDER BY time_ns, id
            """,
            {
                "model": model,
                "start": start_ns,
                "end": end_ns,
                "ahead": ahead_ns,
                "cells": ["\x1f".join(cell) for cell in cells],
                "least": f"{min(int(share * 2**32), 2**32 - 1):08x}",
                **columns.parameters,
            },
        )
        return columns.named(found)

    def feature_sets(self) -> pa.Table:
        """See `Store.feature_sets`."""
        return self._read("SELECT id, names, types FROM feature_sets ORDER BY id")
