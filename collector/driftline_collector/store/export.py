"""Rows taken out as they are stored, from database and archive, in as much memory as a part of them needs."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from driftline_collector.errors import StoreError
from driftline_collector.store import own_columns
from driftline_collector.store.archive import Archive
from driftline_collector.store.opened import WITH_ARCHIVE, Database
from driftline_collector.store.shown import Where

_PLACE = ("model", "version", "device_type", "region", "tier", "device")
#: A part: what is held at a time, here and at whoever reads.
_ROWS = 8192


@dataclass(frozen=True, slots=True)
class Exported:
    """What can be taken out under a name: of which table, when its rows are, what they can be chosen by.

    `by_own` says whether rows tell dimensions of the user's own.
    """

    rows: str
    time: str
    end: str | None = None
    chosen_by: tuple[str, ...] = ()
    by_own: bool = False


#: Predictions bring the names and types of their features along. A label is of whom its prediction is of.
EXPORTED = {
    "predictions": Exported(
        "(SELECT predictions.*, names AS feature_names, types AS feature_types"
        " FROM predictions LEFT JOIN feature_sets ON feature_sets.id = predictions.feature_set)",
        "time_ns",
        chosen_by=_PLACE,
        by_own=True,
    ),
    "labels": Exported("labels", "time_ns", chosen_by=_PLACE, by_own=True),
    "profiles": Exported("profiles", "start_ns", "end_ns", chosen_by=_PLACE, by_own=True),
    "windows": Exported("stream_windows", "start_ns", "end_ns", chosen_by=_PLACE, by_own=True),
    "deployments": Exported("deployments", "time_ns", chosen_by=_PLACE),
    "references": Exported("model_references", "registered_ns", chosen_by=("model", "version")),
    "evaluations": Exported("evaluations", "window_start_ns", "window_end_ns", chosen_by=("model",)),
    "spans": Exported("spans", "start_ns", "end_ns", chosen_by=("tier", "device")),
    "logs": Exported("logs", "time_ns", chosen_by=("device",)),
    "metrics": Exported("metrics", "time_ns", chosen_by=("device",)),
}


class Export:
    """Rows of one kind, read once, in no order; to be closed. Raises StoreError where they cannot be read."""

    def __init__(self, database: Database, archive: Archive, name: str, where: Where) -> None:
        with ExitStack() as undo:
            cursor = undo.enter_context(closing(database.cursor()))
            undo.callback(archive.unpin)
            archive.pin()  # no file goes away amid the reading
            cursor.execute(WITH_ARCHIVE)
            statement, values = _statement(name, where)
            try:
                self._reader = cursor.sql(statement, params=values).to_arrow_reader(_ROWS)
            except duckdb.Error as error:
                raise StoreError(f"{name} cannot be read: {error}") from error
            self._undo = undo.pop_all()

    def close(self) -> None:
        """Let go of the database and of the archive's files."""
        self._reader.close()
        self._undo.close()

    def chunks(self) -> Iterator[bytes]:
        """An Arrow IPC stream, piece by piece. Raises StoreError where it breaks off."""
        sink = _Sink()
        try:
            with pa.ipc.new_stream(sink, self._reader.schema) as writer:
                for batch in self._reader:
                    writer.write_batch(batch)
                    yield sink.taken()
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            raise StoreError(f"the rows cannot be read to their end: {error}") from error
        yield sink.taken()


class _Sink:
    """A file whose content is taken out as it is written."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._position = 0

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        self._position += len(self._parts[-1])
        return len(self._parts[-1])

    def tell(self) -> int:
        return self._position

    def flush(self) -> None:
        """There is nothing to write to."""

    def taken(self) -> bytes:
        """What was written since this was asked last."""
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _statement(name: str, where: Where) -> tuple[str, dict[str, Any]]:
    exported = EXPORTED[name]
    values: dict[str, Any] = {"start": where.start_ns, "end": where.end_ns}
    parts = [f"{exported.time} < $end"]
    late = f"{exported.time} >= $start"
    parts.append(late if exported.end is None else f"({late} OR {exported.end} > $start)")
    chosen = {column: value for column, value in where.dimensions().items() if value is not None}
    whose = [f"{column} = ${column}" for column in chosen]
    if where.own:
        whose.append(own_columns.MATCHES)
        values |= where.own_values()
    if name == "labels" and whose:
        whose = [f"prediction_id IN (SELECT id FROM predictions WHERE {' AND '.join(whose)})"]
    return f"SELECT * FROM {exported.rows} WHERE {' AND '.join(parts + whose)}", values | chosen
