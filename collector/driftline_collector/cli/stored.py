"""What a collector has stored: one that is asked, or the database of one that does not run."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from driftline_schemas.segments import Segment

from driftline_collector.cli.export import batches, chunks_of
from driftline_collector.cli.files import from_file
from driftline_collector.client import Client
from driftline_collector.errors import StoreError

if TYPE_CHECKING:
    import pyarrow as pa

    from driftline_collector.api.parts import Parts

#: From when and to when, as the options say it.
Times = tuple[str | None, str | None]


class Stored(Protocol):
    """Rows of a model, and when it was heard of."""

    def rows(self, table: str, model: str, times: Times) -> "pa.Table":
        """Its rows between two times."""

    def seen_ns(self, model: str) -> tuple[int, int]:
        """When its first window begins and its last one ends. Raises StoreError where it has none."""


@contextmanager
def stored(url: str, database: Path | None) -> Iterator[Stored]:
    """What is in a database, or, where none is given, what the collector at an address has."""
    if database is not None:
        with from_file(database) as parts:
            yield _InFile(parts)
    else:
        with Client(url, timeout_s=120) as client:
            yield _Asked(client)


class _Asked:
    def __init__(self, client: Client) -> None:
        self._client = client

    def rows(self, table: str, model: str, times: Times) -> "pa.Table":
        with (
            self._client.export(table, model=model, start=times[0], end=times[1]) as chunks,
            batches(chunks) as rows,
        ):
            return rows.read_all()

    def seen_ns(self, model: str) -> tuple[int, int]:
        from driftline_collector.api.values import read_time  # with the weight of a server, only now

        versions = [version for known in self._client.models(model=model).items for version in known.versions]
        return _seen(model, (read_time(t, "", 0) for v in versions for t in (v.first, v.last)))


class _InFile:
    def __init__(self, parts: "Parts") -> None:
        self._parts = parts

    def rows(self, table: str, model: str, times: Times) -> "pa.Table":
        with (
            chunks_of(self._parts, table, Segment.of({"model": model}), None, times) as chunks,
            batches(chunks) as rows,
        ):
            return rows.read_all()

    def seen_ns(self, model: str) -> tuple[int, int]:
        known = [row for row in self._parts.store.models().to_pylist() if row["model"] == model]
        return _seen(model, (row[name] for row in known for name in ("first_ns", "last_ns")))


def _seen(model: str, times: Iterable[int | None]) -> tuple[int, int]:
    found = [time for time in times if time is not None]
    if not found:
        raise StoreError(f"{model!r} has sent no profile; see: driftline reference list")
    return min(found), max(found)
