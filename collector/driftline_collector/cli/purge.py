"""`driftline purge`: deleting for good."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from driftline_collector.cli.files import Database, from_file, operated
from driftline_collector.cli.output import Json, Url, clock, console, example, print_json, table
from driftline_collector.cli.who import By, author
from driftline_collector.client import Client, Purge

EXAMPLE = example(
    "driftline purge --device cam-017",
    "driftline purge --device cam-017 --yes --reason 'its owner asked for it'",
    "driftline purge --model digits --from 2026-11-20T08:00:00Z --to 2026-11-20T09:00:00Z",
)

#: `--from` and `--to`.
_Times = tuple[str | None, str | None]


def purge(
    *,
    device: Annotated[str | None, typer.Option(help="What this device sent, under any name it had.")] = None,
    stream: Annotated[str | None, typer.Option(help="What came in this stream: one process's life.")] = None,
    model: Annotated[str | None, typer.Option(help="What is about this model.")] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="What is from then on: RFC 3339, or 6h for so long ago.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="What is from before then.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it. Without it: only say what would go.")] = False,
    reason: Annotated[str | None, typer.Option(help="Why, for the audit log.")] = None,
    by: By = None,
    database: Database = None,
    url: Url,
    json: Json = False,
) -> None:
    """Delete for good what all that is named is true of, or without --yes say what that is.

    From the database and the archive; verdicts are reckoned anew, and an entry is kept in the audit log.
    """
    if not any((device, stream, model, start, end)):
        raise typer.BadParameter("name a --device, a --stream, a --model, or an interval by --from and --to")
    named: dict[str, Any] = {"device": device, "stream": stream, "model": model, "reason": reason}
    named["author"] = author(by)
    if database is None:
        done = _asked(url, named, (start, end), yes=yes)
    else:
        done = _stored(database, named, (start, end), yes=yes)
    if json:
        print_json(done)
    else:
        _show(done)


def _asked(url: str, named: Mapping[str, Any], times: _Times, *, yes: bool) -> Purge:
    with Client(url, timeout_s=600) as client:
        found = client.purge(**named, start=times[0], end=times[1])
        if not (yes and found.rows):
            return found
        start, end = _time(found, "start_ns"), _time(found, "end_ns")
        return client.purge(**named, start=start, end=end, confirm=found.confirm)


def _stored(database: Path, named: Mapping[str, Any], times: _Times, *, yes: bool) -> Purge:
    from pydantic import ValidationError

    from driftline_collector.api.problems import said
    from driftline_collector.api.purge import WantedPurge, answer, scope_of  # with its weight, only now

    with from_file(database) as parts:
        store = operated(parts)
        try:
            wanted = WantedPurge.model_validate({**named, "from": times[0], "to": times[1]})
        except ValidationError as error:
            first = error.errors()[0]
            raise typer.BadParameter(f"{'.'.join(map(str, first['loc']))}: {said(first)}") from None
        scope = scope_of(parts, wanted)
        found = store.purge_plan(scope)
        if yes and any(each.rows for each in found):
            return answer(scope, store.purge(scope, named["author"], named["reason"]), done=True)
        return answer(scope, found, done=False)


def _time(told: Purge, name: str) -> str | None:
    """A time as the collector took it: `6h` would be another by now."""
    return str(told.scope[name]) if name in told.scope else None


def _show(found: Purge) -> None:
    if not found.rows:
        typer.echo("Nothing stored is like that; nothing was purged.")
        return
    shown = table("table", "rows", "from (UTC)", "until (UTC)", right=("rows",))
    for each in found.tables:
        if each.rows:
            shown.add_row(each.table, f"{each.rows:,}", clock(each.start), clock(each.end))
    console().print(shown)
    if len(found.names) > 1:
        typer.echo(f"The device was also called {', '.join(found.names[1:])}.")
    for note in found.notes:
        typer.echo(note)
    if found.done:
        typer.echo(f"{found.rows:,} rows are purged. Verdicts are reckoned anew.")
    else:
        typer.echo(f"{found.rows:,} rows would go, for good. To do it, give --yes.")
