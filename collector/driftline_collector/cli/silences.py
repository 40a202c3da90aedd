"""`driftline alerts silence`, `silences` and `unsilence`: no messages for a while."""

from enum import StrEnum
from typing import Annotated

import typer

from driftline_collector.cli.output import Json, Url, clock, console, example, print_json, table
from driftline_collector.cli.who import By, Reason, author, why
from driftline_collector.client import Client, Silence


class Measure(StrEnum):
    """What rules watch, as typer wants to have choices."""

    drift = "drift"
    accuracy = "accuracy"
    agreement = "agreement"
    escalation_rate = "escalation_rate"
    coverage = "coverage"
    silent_devices = "silent_devices"
    latency_p95 = "latency_p95"
    quality = "quality"


SILENCE_EXAMPLE = example(
    "driftline alerts silence alert_5f0c1f9be2a94e0c7d11 --for 4h --reason 'lenses are cleaned'",
    "driftline alerts silence --segment 'model=digits,version=*,device_type=camera-a,region=*' \\",
    "    --rule drift --for 2d --reason 'firmware 1.4 is rolled out'",
)
SILENCES_EXAMPLE = example("driftline alerts silences --all")
UNSILENCE_EXAMPLE = example("driftline alerts unsilence silence_5f0c1f9be2a94e0c")


def silence(
    alert: Annotated[
        str | None, typer.Argument(help="Id of an alert: its segment and rule are meant.", show_default=False)
    ] = None,
    *,
    lasts: Annotated[str, typer.Option("--for", help="For how long: 30m, 4h, 2d; 30 days at most.")],
    reason: Reason = None,
    segment: Annotated[
        str | None, typer.Option(help="A segment key instead of an alert; all within it is meant too.")
    ] = None,
    rule: Annotated[str | None, typer.Option(help="Only alerts of this rule.")] = None,
    measure: Annotated[Measure | None, typer.Option(help="Only alerts of this measure.")] = None,
    feature: Annotated[
        list[str] | None,
        typer.Option(help="Only drift in which nothing but this is named as moved. Repeatable."),
    ] = None,
    start: Annotated[str | None, typer.Option(help="When it begins, RFC 3339. Without it: now.")] = None,
    by: By = None,
    url: Url,
    json: Json = False,
) -> None:
    """Hold messages about an alert or a segment back for a while. Evaluating goes on.

    What still fires at the end is told then, once.
    """
    if (alert is None) == (segment is None):
        raise typer.BadParameter("give one of both, the id of an alert or --segment")
    said = why(reason)
    with Client(url) as client:
        made = client.silence(
            alert=alert,
            segment=segment,
            rule=rule,
            measure=measure,
            features=feature or (),
            lasts=lasts,
            start=start,
            author=author(by),
            reason=said,
        )
    if json:
        print_json(made)
        return
    begins = f" from {clock(made.start)}" if made.state == "pending" else ""
    held = {0: "", 1: " 1 alert that fires now is held."}.get(
        len(made.alerts), f" {len(made.alerts)} alerts that fire now are held."
    )
    typer.echo(
        f"{_what(made)} is silenced{begins} until {clock(made.end)} UTC.{held}\n"
        f"End it with: driftline alerts unsilence {made.id}"
    )


def silences(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Those that are over, too.")] = False,
    url: Url,
    json: Json = False,
) -> None:
    """The silences that hold now or are still to begin, the latest change first."""
    with Client(url) as client:
        found = client.silences(("pending", "active", "expired") if everything else ()).items
    if json:
        print_json(list(found))
        return
    if not found:
        typer.echo("No silences.")
        return
    shown = table(
        "id", "state", "what", "from (UTC)", "until (UTC)", "who", "why", "alerts", right=("alerts",)
    )
    for each in found:
        who = f"{each.author}, ended by {each.ended_by}" if each.ended_by else each.author
        shown.add_row(
            each.id,
            each.state,
            _what(each),
            clock(each.start),
            clock(each.end),
            who,
            each.reason,
            str(len(each.alerts)),
        )
    console().print(shown)


def unsilence(
    silence: Annotated[str, typer.Argument(help="The id of the silence.", show_default=False)],
    *,
    by: By = None,
    url: Url,
    json: Json = False,
) -> None:
    """End a silence now. What still fires is told, once."""
    with Client(url) as client:
        ended = client.unsilence(silence, author=author(by))
    if json:
        print_json(ended)
    else:
        typer.echo(f"{_what(ended)} is silenced no more.")


def _what(silence: Silence) -> str:
    """The segment, and what else narrows it down."""
    parts = [silence.segment]
    if silence.rule is not None:
        parts.append(f"rule {silence.rule}")
    if silence.measure is not None:
        parts.append(silence.measure)
    if silence.features:
        parts.append(f"only {', '.join(silence.features)}")
    return " · ".join(parts)
