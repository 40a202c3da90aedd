"""`driftline doctor`: what is wrong, and what to do about it."""

import time
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from driftline_collector.cli.output import Json, Url, clock, console, example, number, print_json, table
from driftline_collector.client import Client, ClientError, CoverageGroup, Doctor, Keeping

EXAMPLE = example(
    "driftline doctor",
    "driftline doctor --by device_type --by region",
    "driftline doctor --database driftline.duckdb",
)
_MARKS = {"error": "ERROR", "warning": "WARNING", "note": "note"}


class Key(StrEnum):
    """What coverage is told by, as typer wants to have choices."""

    model = "model"
    version = "version"
    device_type = "device_type"
    region = "region"
    tier = "tier"
    device = "device"
    stream = "stream"
    hour = "hour"


def doctor(
    *,
    by: Annotated[
        list[Key] | None,
        typer.Option(help="Also how much has arrived of the last day's predictions, by this. Repeatable."),
    ] = None,
    details: Annotated[
        bool, typer.Option("--details", help="Also what it was concluded from: disk, age, reads, clocks.")
    ] = False,
    database: Annotated[
        Path | None,
        typer.Option(help="Look into this file of a collector that does not run, and change nothing."),
    ] = None,
    url: Url,
    json: Json = False,
) -> None:
    """What is wrong with collector, devices and data, worst first. Exit status 1 if somebody should act."""
    keys = tuple(key.value for key in by or ())
    found, groups = _from_file(database, keys) if database else _asked(url, keys)
    if json:
        print_json(asdict(found) | ({"groups": groups} if keys else {}))
    else:
        _findings(found)
        if keys:
            _coverage(groups, keys)
        if details:
            _details(found)
    if any(finding.severity != "note" for finding in found.findings):
        raise typer.Exit(1)


def _asked(url: str, keys: tuple[str, ...]) -> tuple[Doctor, list[CoverageGroup]]:
    with Client(url) as client:
        try:
            found = client.doctor()
        except ClientError as error:
            if error.status is not None:
                raise
            hint = "To look into the files of one that does not run: driftline doctor --database FILE"
            raise ClientError(f"{error}\n{hint}") from error
        return found, list(client.coverage_groups(keys, limit=10_000)) if keys else []


def _from_file(path: Path, keys: tuple[str, ...]) -> tuple[Doctor, list[CoverageGroup]]:
    # Only this needs the database's weight.
    from driftline_collector.api.coverage import groups
    from driftline_collector.api.doctor import examine
    from driftline_collector.api.filters import DAY_NS
    from driftline_collector.api.parts import Parts
    from driftline_collector.store.readonly import ReadOnlyStore
    from driftline_collector.store.shown import Where
    from driftline_collector.store.usage import Space

    store = ReadOnlyStore(path)
    try:
        received = [row["received_ns"] for row in store.kept().to_pylist() if row["received_ns"]]
        # As it was when something last came: since then nobody could be heard.
        now = max(received, default=time.time_ns())
        space = Space(path.absolute().parent)
        parts = Parts(store=store, now=lambda: now, database=path.absolute(), space=space)
        where = Where(start_ns=max(0, now - DAY_NS), end_ns=now)
        return examine(parts, running=False), groups(parts, where, keys) if keys else []
    finally:
        store.close()


def _findings(found: Doctor) -> None:
    for finding in found.findings:
        typer.echo(f"{_MARKS[finding.severity]}: {finding.text}")
        for each in finding.examples:
            typer.echo(f"    {each}")
        typer.echo(f"  → {finding.advice}")
    if not found.findings:
        typer.echo("Nothing is wrong.")
    share = "–" if found.coverage.share is None else f"{100 * found.coverage.share:.2f} %"
    when = "" if found.running else f" As of {clock(found.as_of)} UTC, when something last came."
    devices = f"{found.devices:,} device{'' if found.devices == 1 else 's'} expected"
    typer.echo(f"{devices}, {share} of the last day's predictions received.{when}")


def _coverage(groups: list[CoverageGroup], keys: tuple[str, ...]) -> None:
    numbers = ("received", "made", "share", "holes")
    shown = table(*(key.replace("_", " ") for key in keys), *numbers, right=numbers)
    for each in groups:
        values = (clock(each.by[key]) if key == "hour" else each.by[key] for key in keys)
        share = "–" if each.share is None else f"{100 * each.share:.2f} %"
        shown.add_row(*values, f"{each.received:,}", f"{each.made:,}", share, f"{each.holes_s:,.0f} s")
    typer.echo()
    console().print(shown)


def _details(found: Doctor) -> None:
    if found.disk:
        disk = table("on the disk", "MB", right=("MB",))
        for name, size in (*found.disk.files.items(), ("free", found.disk.free)):
            disk.add_row(name, f"{size / 1e6:,.1f}")
        _show(disk)
    if found.keeping:
        _keeping(found.keeping)
    if found.memory.process is not None:
        memory = table("in memory", "MB", right=("MB",))
        used = {"database": found.memory.database, "database at most": found.memory.database_limit}
        for name, size in (*used.items(), ("process", found.memory.process)):
            memory.add_row(name, f"{size / 1e6:,.1f}")
        _show(memory)
    kept = table("kept", "rows", "from (UTC)", "to (UTC)", "last came (UTC)", right=("rows",))
    for each in found.kept:
        if each.rows:
            kept.add_row(
                each.table, f"{each.rows:,}", clock(each.oldest), clock(each.newest), clock(each.received)
            )
    _show(kept)
    if found.slowest:
        reads = table("read", "times", "p50 s", "p99 s", "longest s", right=("times", "p50 s", "p99 s"))
        for read in found.slowest:
            seconds = (number(each) for each in (read.p50_s, read.p99_s, read.longest_s))
            reads.add_row(read.name, f"{read.count:,}", *seconds)
        _show(reads)
    if found.clocks:
        clocks = table("clock of", "ahead s", "windows in the future", right=("ahead s",))
        for wrong in found.clocks:
            clocks.add_row(wrong.device, number(wrong.offset_s), str(wrong.future_windows))
        _show(clocks)


def _keeping(keeping: Keeping) -> None:
    numbers = ("rows", "MB", "archived MB", "MB a day", "at most MB", "in days")
    kinds = table("kind", *numbers, right=numbers)
    for kind in keeping.kinds:
        sizes = (_megabytes(size) for size in (kind.bytes, kind.archived_bytes, kind.bytes_a_day))
        limit = (_megabytes(kind.most_bytes), _days(kind.days_left))
        kinds.add_row(kind.kind, f"{kind.rows + kind.archived_rows:,}", *sizes, *limit)
    limit = (_megabytes(keeping.most_bytes), _days(keeping.days_until_most))
    kinds.add_row("all files", "", _megabytes(keeping.bytes), "", "", *limit)
    _show(kinds)


def _megabytes(size: float | None) -> str:
    return "–" if size is None else f"{size / 1e6:,.1f}"


def _days(days: float | None) -> str:
    return "–" if days is None else f"{days:,.1f}"


def _show(shown: Any) -> None:
    typer.echo()
    console().print(shown)
