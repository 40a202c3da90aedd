"""`driftline export`: rows into a file that other tools read."""

import io
import json as json_module
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer
from driftline_schemas.segments import Segment

from driftline_collector.cli.files import Database, from_file, operated
from driftline_collector.cli.output import Json, Url, example, print_json
from driftline_collector.client import Client
from driftline_collector.errors import StoreError

if TYPE_CHECKING:
    import pyarrow as pa

    from driftline_collector.api.parts import Parts

EXAMPLE = example(
    "driftline export predictions october.parquet --model digits --from 2026-10-01 --to 2026-11-01",
    "driftline export labels labels.csv",
    "driftline export windows a3.csv \\",
    "  --segment 'model=digits,version=*,device_type=*,region=*,segment.line=A3'",
    "driftline export profiles - --format jsonl --device cam-017 --from 24h",
)


class Table(StrEnum):
    """What can be taken out, as typer wants to have choices."""

    predictions = "predictions"
    labels = "labels"
    profiles = "profiles"
    windows = "windows"
    deployments = "deployments"
    references = "references"
    evaluations = "evaluations"
    spans = "spans"
    logs = "logs"
    metrics = "metrics"


class Format(StrEnum):
    """How it can be written."""

    parquet = "parquet"
    csv = "csv"
    jsonl = "jsonl"


_STANDARD = Path("-")
#: Writes the rows of batches to a file; how many there were.
Write = Callable[["pa.RecordBatchReader", IO[bytes]], int]


def export(
    table: Annotated[Table, typer.Argument(help="What is taken out.")],
    file: Annotated[
        Path, typer.Argument(help="Where to: a file that is not there yet, or - for standard output.")
    ],
    *,
    model: Annotated[str | None, typer.Option(help="Only of this model.")] = None,
    version: Annotated[str | None, typer.Option(help="Only of this version.")] = None,
    kind: Annotated[str | None, typer.Option("--type", help="Only of this device type.")] = None,
    region: Annotated[str | None, typer.Option(help="Only of this region.")] = None,
    segment: Annotated[
        str | None, typer.Option(help="Only of this segment, by its key; it goes before the four above.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="Only of this device.")] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="From then on: RFC 3339, or 6h for so long ago.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="Until before then.")] = None,
    format: Annotated[  # noqa: A002  # the option's name
        Format | None, typer.Option(help="Without it: as the file's name ends.")
    ] = None,
    database: Database = None,
    url: Url,
    json: Json = False,
) -> None:
    """Write rows, as they are stored in database and archive, to a Parquet, CSV or JSON-lines file."""
    write = _WRITERS[_format(file, format)]
    if file != _STANDARD and file.exists():
        raise typer.BadParameter(f"{file} is there already; give another name", param_hint="FILE")
    filters = {"model": model, "version": version, "device_type": kind, "region": region}
    whose = Segment.parse(segment) if segment else Segment.of(filters) if any(filters.values()) else None
    with ExitStack() as opened:
        if database is not None:
            chunks = opened.enter_context(_stored(database, table, whose, device, (start, end)))
        else:
            client = opened.enter_context(Client(url, timeout_s=120))
            asked = client.export(table, **filters, segment=segment, device=device, start=start, end=end)
            chunks = opened.enter_context(asked)
        rows = opened.enter_context(batches(chunks))
        if file == _STANDARD:
            write(rows, sys.stdout.buffer)
            return
        count = _into(file, write, rows)
    if json:
        print_json({"file": str(file), "rows": count, "bytes": file.stat().st_size})
    else:
        from driftline_collector.store.amounts import many

        typer.echo(f"{file}: {many(count, 'row')} of {table}, {file.stat().st_size / 2**20:,.1f} MiB.")


def _format(file: Path, given: Format | None) -> Format:
    if given is not None:
        return given
    try:
        return Format(file.suffix.removeprefix("."))
    except ValueError:
        raise typer.BadParameter(
            f"{file} ends in none of .parquet, .csv and .jsonl; give one of these", param_hint="--format"
        ) from None


@contextmanager
def _stored(
    database: Path,
    table: Table,
    segment: Segment | None,
    device: str | None,
    times: tuple[str | None, str | None],
) -> Iterator[Iterator[bytes]]:
    with from_file(database) as parts, chunks_of(parts, table, segment, device, times) as chunks:
        yield chunks


@contextmanager
def chunks_of(
    parts: "Parts",
    table: str,
    segment: Segment | None,
    device: str | None,
    times: tuple[str | None, str | None],
) -> Iterator[Iterator[bytes]]:
    """Rows of a database that was opened for writing, as an Arrow IPC stream that comes piece by piece."""
    from driftline_collector.api.export import chosen  # with the database's weight, only now
    from driftline_collector.api.filters import Filters

    where = chosen(table, Filters(segment, *times), device, parts.now())
    with closing(operated(parts).export(table, where)) as made:
        yield made.chunks()


@contextmanager
def batches(chunks: Iterator[bytes]) -> Iterator["pa.RecordBatchReader"]:
    """The rows that an Arrow IPC stream holds, as it comes."""
    import pyarrow as pa  # its weight, only now

    with closing(pa.ipc.open_stream(io.BufferedReader(_Arriving(chunks), 2**20))) as rows:
        yield rows


class _Arriving(io.RawIOBase):
    """Bytes that come piece by piece, as a file."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


def _into(file: Path, write: Write, rows: "pa.RecordBatchReader") -> int:
    """Under another name, until all of it is there."""
    partial = file.with_name(f".{file.name}.partial")
    try:
        with partial.open("wb") as target:
            count = write(rows, target)
        partial.rename(file)
    except OSError as error:
        raise StoreError(f"{file}: cannot be written: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)
    return count


def _parquet(rows: "pa.RecordBatchReader", target: IO[bytes]) -> int:
    from pyarrow import parquet

    count = 0
    with parquet.ParquetWriter(target, rows.schema, compression="zstd") as writer:
        for batch in rows:
            writer.write_batch(batch)
            count += batch.num_rows
    return count


def _csv(rows: "pa.RecordBatchReader", target: IO[bytes]) -> int:
    """Lists and maps as JSON, bytes as hexadecimal digits."""
    import csv

    text = io.TextIOWrapper(target, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow(rows.schema.names)
    count = 0
    for batch in rows:
        columns = [[_cell(value) for value in column.to_pylist()] for column in batch.columns]
        writer.writerows(zip(*columns, strict=True))
        count += batch.num_rows
    text.detach()
    return count


def _jsonl(rows: "pa.RecordBatchReader", target: IO[bytes]) -> int:
    count = 0
    for batch in rows:
        lines = [json_module.dumps(row, default=_plain, ensure_ascii=False) for row in batch.to_pylist()]
        target.write("".join(f"{line}\n" for line in lines).encode())
        count += batch.num_rows
    return count


def _cell(value: Any) -> Any:
    return json_module.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict)) else _plain(value)


def _plain(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value


_WRITERS: dict[Format, Write] = {Format.parquet: _parquet, Format.csv: _csv, Format.jsonl: _jsonl}
