"""`driftline backup` and `driftline restore`: all that is stored as one file, and back."""

import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from driftline_collector.cli.files import Database, from_file, operated
from driftline_collector.cli.output import Json, Url, clock, example, print_json
from driftline_collector.client import Client
from driftline_collector.errors import StoreError

EXAMPLE = example(
    "driftline backup /backups/",
    "driftline backup driftline.tar --database driftline.duckdb",
    "ssh edge-hub driftline backup - > edge-hub.tar",
)
RESTORE_EXAMPLE = example(
    "driftline restore /backups/driftline-20261121T094120Z.tar --database driftline.duckdb"
)
_STANDARD = Path("-")


def backup(
    file: Annotated[
        str,
        typer.Argument(
            metavar="PATH",
            help="Where to: a file that is not there yet, a folder, or - for standard output.",
        ),
    ],
    *,
    database: Database = None,
    url: Url,
    json: Json = False,
) -> None:
    """Write all that had been accepted to a file, while the collector goes on.

    What the collector has answered before is in it, once. The file is checked before it gets its name.
    """
    # A path drops the slash at its end, by which whoever names a folder says so.
    if file.endswith(os.sep) and not Path(file).is_dir():
        raise typer.BadParameter(f"{file}: there is no such folder; make it first", param_hint="FILE")
    place = Path(file)
    if place.is_dir():
        place /= f"driftline-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.tar"
    if place.exists():
        raise typer.BadParameter(f"{place} is there already; give another name", param_hint="FILE")
    with _stored(database) if database else _asked(url) as chunks:
        if place == _STANDARD:
            sys.stdout.buffer.writelines(chunks)
            sys.stdout.buffer.flush()
            return
        manifest = _write(chunks, place)
    _report(place, manifest, json=json)


def restore(
    file: Annotated[Path, typer.Argument(help="What driftline backup wrote, or - for standard input.")],
    *,
    database: Annotated[Path, typer.Option(help="Where the database is to be: store.path of its collector.")],
    force: Annotated[
        bool,
        typer.Option("--force", help="Move a database that is there aside, with all that belongs to it."),
    ] = False,
    json: Json = False,
) -> None:
    """Make a backup the database of a collector that does not run, and say what it lacks."""
    from driftline_collector.store.restore import restore as restore_to  # DuckDB's weight, only now

    try:
        with sys.stdin.buffer if file == _STANDARD else file.open("rb") as source:
            done = restore_to(source, database, force=force)
    except OSError as error:
        raise StoreError(f"{file}: cannot be read: {error.strerror}") from error
    if json:
        print_json(done)
        return
    typer.echo(f"{done.database}: restored {sum(done.rows.values()):,} rows, as of {clock(done.made)} UTC.")
    if done.replaced:
        typer.echo(f"What was there is now {done.replaced}.")
    typer.echo(
        f"It lacks what came in the {_span(done.age_s)} since; the last receipt in it is of"
        f" {clock(done.latest)} UTC."
    )
    if done.streams:
        typer.echo(
            f"{done.streams:,} streams of {done.devices:,} devices went on then: what they sent since is"
            " shown as missing, unless they still hold it and send it again."
        )


@contextmanager
def _asked(url: str) -> Iterator[Iterator[bytes]]:
    with Client(url, timeout_s=120) as client, client.backup() as chunks:
        yield chunks


@contextmanager
def _stored(database: Path) -> Iterator[Iterator[bytes]]:
    with from_file(database) as parts, closing(operated(parts).backup()) as made:
        yield made.chunks()


def _write(chunks: Iterator[bytes], place: Path) -> dict[str, Any]:
    """Write it under another name, read it again, and then give it its own; its manifest."""
    from driftline_collector.store.restore import verify

    partial = place.with_name(f".{place.name}.partial")
    try:
        with partial.open("w+b") as file:
            file.writelines(chunks)
            _sync(file)
            file.seek(0)
            manifest = verify(file)
        partial.rename(place)
    except OSError as error:
        raise StoreError(f"{place}: cannot be written: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)
    return manifest


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _report(place: Path, manifest: dict[str, Any], *, json: bool) -> None:
    rows = sum(manifest["rows"].values()) + sum(manifest["archived"].values())
    size = place.stat().st_size
    if json:
        print_json({"file": str(place), "bytes": size, **manifest})
    else:
        typer.echo(
            f"{place}: {size / 2**20:,.1f} MiB, {rows:,} rows, as of {clock(manifest['made'])} UTC; checked."
        )


def _span(seconds: float) -> str:
    """How long, in the largest unit that it fills."""
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
