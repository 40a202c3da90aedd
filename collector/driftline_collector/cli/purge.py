"""`driftline purge`: deleting for good."""

from typing import Annotated

import typer

from driftline_collector.cli.output import Json, Url, clock, console, example, print_json, table
from driftline_collector.cli.who import By, author
from driftline_collector.client import Client, Purge

EXAMPLE = example(
    "driftline purge --device cam-017",
    "driftline purge --device cam-017 --yes --reason 'its owner asked for it'",
    "driftline purge --model digits --from 2026-11-20T08:00:00Z --to 2026-11-20T09:00:00Z",
)


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
    url: Url,
    json: Json = False,
) -> None:
    """Delete for good what all that is named is true of, or without --yes say what that is.

    From the database and the archive; verdicts are reckoned anew, and an entry is kept in the audit log.
    """
    if not any((device, stream, model, start, end)):
        raise typer.BadParameter("name a --device, a --stream, a --model, or an interval by --from and --to")
    who = author(by)
    with Client(url, timeout_s=600) as client:
        found = client.purge(
            author=who, device=device, stream=stream, model=model, start=start, end=end, reason=reason
        )
        if yes and found.rows:
            found = client.purge(
                author=who,
                device=device,
                stream=stream,
                model=model,
                start=_time(found, "start_ns"),
                end=_time(found, "end_ns"),
                reason=reason,
                confirm=found.confirm,
            )
    if json:
        print_json(found)
    else:
        _show(found)


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
