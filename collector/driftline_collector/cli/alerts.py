"""`driftline alerts`: what fires, what is silenced, and whether notifiers work."""

import time
from enum import StrEnum
from typing import Annotated

import typer

from driftline_collector.cli import silences
from driftline_collector.cli.output import Json, Url, clock, console, example, print_json, table
from driftline_collector.client import Client, Notification

app = typer.Typer(
    no_args_is_help=True, help="List alerts, silence them, test notifiers.", rich_markup_mode=None
)
app.command("silence", epilog=silences.SILENCE_EXAMPLE)(silences.silence)
app.command("silences", epilog=silences.SILENCES_EXAMPLE)(silences.silences)
app.command("unsilence", epilog=silences.UNSILENCE_EXAMPLE)(silences.unsilence)


class State(StrEnum):
    """States of alerts, as typer wants to have choices."""

    pending = "pending"
    firing = "firing"
    resolved = "resolved"
    dropped = "dropped"


@app.command("list", epilog=example("driftline alerts list --state firing"))
def list_(
    *,
    state: Annotated[
        list[State] | None, typer.Option(help="Repeatable. Without it: firing and resolved.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 100,
    url: Url,
    json: Json = False,
) -> None:
    """Alerts, the latest change first."""
    with Client(url) as client:
        found = client.alerts(state or (), limit).items
    if json:
        print_json(list(found))
        return
    if not found:
        typer.echo("No alerts." if not state else f"No alerts that are {' or '.join(state)}.")
        return
    shown = table("state", "severity", "rule", "segment", "since (UTC)", "what")
    for alert in found:
        silenced = f", silenced until {clock(alert.silenced.until)}" if alert.silenced else ""
        shown.add_row(
            alert.state + silenced,
            alert.severity,
            alert.rule,
            alert.segment,
            clock(alert.since),
            alert.summary or "",
        )
    console().print(shown)


@app.command("test", epilog=example("driftline alerts test --notifier desk"))
def trial(
    *,
    notifier: Annotated[list[str] | None, typer.Option(help="Only this one. Repeatable.")] = None,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for the answers.")] = 15.0,
    url: Url,
    json: Json = False,
) -> None:
    """Send a test message to the notifiers and wait for their answers. Exit status 1 if one failed."""
    with Client(url) as client:
        queued = client.test_alert(notifier or ())
        results = _await(client, set(queued.values()), wait)
    if json:
        print_json(results)
    else:
        for result in results:
            told = {"delivered": "delivered", "failed": "failed"}.get(result.state, "not delivered yet")
            reason = f": {result.error}" if result.error else ""
            typer.echo(f"{result.notifier}: {told} after {result.attempts} attempt(s){reason}")
    if any(result.state != "delivered" for result in results):
        raise typer.Exit(1)


def _await(client: Client, ids: set[str], seconds: float) -> list[Notification]:
    """The notifications as they stand when all are done with, or when the time is up."""
    deadline = time.monotonic() + seconds
    while True:
        results = [n for n in client.notifications(limit=10_000) if n.id in ids]
        if all(result.state != "queued" for result in results) or time.monotonic() > deadline:
            return sorted(results, key=lambda n: n.notifier)
        time.sleep(0.1)
