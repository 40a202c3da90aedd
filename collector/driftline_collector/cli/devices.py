"""`driftline devices …`: which there are, and what operators say of them."""

from enum import StrEnum
from typing import Annotated

import typer

from driftline_collector.cli.output import Json, Url, clock, console, example, print_json, table
from driftline_collector.cli.who import By, Reason, author, why
from driftline_collector.client import Client, DeviceChange, Page

app = typer.Typer(help="Devices: list them, retire, rename or move one.", no_args_is_help=True)


class State(StrEnum):
    """What devices can be, as typer wants to have choices."""

    ok = "ok"
    moved = "moved"
    silent = "silent"
    idle = "idle"
    new = "new"
    ended = "ended"
    retired = "retired"


Id = Annotated[str, typer.Argument(help="The device's id.", show_default=False)]
Since = Annotated[
    str | None, typer.Option(help="From when on: RFC 3339, or 6h for so long ago. Without it: now.")
]


@app.command("list", epilog=example("driftline devices list --state silent --region eu-west"))
def listed(
    *,
    state: Annotated[list[State] | None, typer.Option(help="Only those that are so. Repeatable.")] = None,
    model: Annotated[str | None, typer.Option(help="Only of this model.")] = None,
    kind: Annotated[str | None, typer.Option("--type", help="Only of this type.")] = None,
    region: Annotated[str | None, typer.Option(help="Only in this region.")] = None,
    start: Annotated[
        str, typer.Option("--from", help="Those that reported since: RFC 3339, or 7d for so long ago.")
    ] = "24h",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 100,
    url: Url,
    json: Json = False,
) -> None:
    """Devices with what they are up to, each under its latest version."""
    with Client(url) as client:
        found = client.devices(state or (), model=model, type=kind, region=region, start=start, limit=limit)
    if json:
        print_json(list(found))
        return
    if not found:
        typer.echo(f"No such device has reported (--from {start}).")
        return
    shown = table(
        "device", "state", "model", "version", "type", "region", "last seen (UTC)", "predictions", "lost",
        right=("predictions", "lost"),
    )  # fmt: skip
    for each in found:
        retired = f" since {clock(each.retired)}" if each.retired else ""
        shown.add_row(
            each.device,
            each.state + retired,
            each.model,
            each.version,
            each.device_type,
            each.region,
            clock(each.last_seen),
            str(each.predictions),
            str(each.lost),
        )
    console().print(shown)
    if found.next is not None:
        typer.echo(f"There are more than these {limit}; raise --limit, or narrow them down.")


@app.command("changes", epilog=example("driftline devices changes cam-0017"))
def changes(
    device: Annotated[
        str | None, typer.Argument(help="Only this one, by any name that it had.", show_default=False)
    ] = None,
    *,
    url: Url,
    json: Json = False,
) -> None:
    """What was said of devices: who retired, renamed or moved which, when and why."""
    with Client(url) as client:
        found = client.device_changes(device)
    if json:
        print_json(list(found))
        return
    if not found:
        typer.echo("Nothing was said of any device." if device is None else f"Nothing was said of {device}.")
        return
    shown = table("when (UTC)", "what", "who", "why")
    for each in found:
        shown.add_row(clock(each.changed), _what(each), each.author, each.reason)
    console().print(shown)


@app.command("retire", epilog=example("driftline devices retire cam-0017 --reason 'the line was taken down'"))
def retire(
    device: Id,
    *,
    since: Since = None,
    reason: Reason = None,
    by: By = None,
    url: Url,
    json: Json = False,
) -> None:
    """A device is gone for good: it is not waited for, and never silent. What it sends is still kept."""
    said = why(reason)
    with Client(url) as client:
        _tell(client.retire(device, author=author(by), reason=said, since=since), json=json)


@app.command("return", epilog=example("driftline devices return cam-0017 --reason 'the line is up again'"))
def come_back(device: Id, *, reason: Reason = None, by: By = None, url: Url, json: Json = False) -> None:
    """A retired device is back, and expected again."""
    said = why(reason)
    with Client(url) as client:
        _tell(client.return_device(device, author=author(by), reason=said), json=json)


@app.command("rename", epilog=example("driftline devices rename cam-0017 hall-3-cam-2 --reason 'new labels'"))
def rename(
    device: Id,
    name: Annotated[str, typer.Argument(help="Its new name.", show_default=False)],
    *,
    reason: Reason = None,
    by: By = None,
    url: Url,
    json: Json = False,
) -> None:
    """A device has another name: its history is found under that, and what it sends under the old one."""
    said = why(reason)
    with Client(url) as client:
        _tell(client.rename(device, name, author=author(by), reason=said), json=json)


@app.command("move", epilog=example("driftline devices move cam-0017 --region us-east --reason 'sold'"))
def move(
    device: Id,
    *,
    region: Annotated[str | None, typer.Option(help="Its new region.")] = None,
    kind: Annotated[str | None, typer.Option("--type", help="Its new type.")] = None,
    since: Annotated[str | None, typer.Option(help="From when on, RFC 3339. Without it: now.")] = None,
    reason: Reason = None,
    by: By = None,
    url: Url,
    json: Json = False,
) -> None:
    """A device is in another region, or of another type, for what it measures from then on."""
    if region is None and kind is None:
        raise typer.BadParameter("give one of both, --region or --type")
    said = why(reason)
    with Client(url) as client:
        moved = client.move(
            device, author=author(by), reason=said, device_type=kind, region=region, since=since
        )
    _tell(moved, json=json)


def _tell(changed: DeviceChange | Page[DeviceChange], *, json: bool) -> None:
    if json:
        print_json(list(changed) if isinstance(changed, Page) else changed)
        return
    for each in changed if isinstance(changed, Page) else (changed,):
        typer.echo(f"{_what(each)}.")


def _what(change: DeviceChange) -> str:
    """What was said, in a sentence."""
    if change.kind == "rename":
        return f"{change.before} is called {change.after}"
    if change.kind == "move":
        dimension = (change.dimension or "").replace("_", " ")
        return (
            f"{change.device} has the {dimension} {change.after} (it was {change.before})"
            f" from {clock(change.since)} UTC on"
        )
    if change.kind == "return":
        return f"{change.device} is expected again since {clock(change.since)} UTC"
    return f"{change.device} is retired since {clock(change.since)} UTC"
