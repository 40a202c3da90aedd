"""`driftline drift`: where drift is."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from driftline_schemas.segments import Segment

from driftline_collector.cli import replay
from driftline_collector.cli.files import Database
from driftline_collector.cli.output import Json, Url, clock, console, example, number, print_json, table
from driftline_collector.client import Client, Evaluation, Filter

EXAMPLE = example(
    "driftline drift",
    "driftline drift --model digits --from 24h",
    "driftline drift --segments",
    "driftline drift --segment 'model=digits,version=*,device_type=*,region=*,segment.line=A3'",
    "driftline drift --replay digits --from 14d",
    "driftline drift --replay digits --rows train.parquet --exclude id",
)


def drift(
    *,
    model: Annotated[str | None, typer.Option(help="Only this model.")] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="All windows from then on: RFC 3339, or 6h for so long ago.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="All windows before then.")] = None,
    segment: Annotated[
        str | None, typer.Option(help="Only this segment and what lies within it, by its key.")
    ] = None,
    segments: Annotated[
        bool, typer.Option("--segments", help="All segments with their verdicts, not the findings alone.")
    ] = False,
    replayed: Annotated[
        str | None,
        typer.Option(
            "--replay",
            metavar="MODEL",
            help="Play this model's stored profiles, in which nothing has drifted, through the live rules,"
            " and tell how many false incidents a week they make. Without --from: of the last four weeks.",
        ),
    ] = None,
    rows: Annotated[
        Path | None,
        typer.Option(help="With --replay: rows of this .csv, .parquet or .npz file in place of profiles."),
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(help="With --rows: a column that is no feature. Repeatable.")
    ] = None,
    weeks: Annotated[
        float, typer.Option(min=0.01, max=52, help="With --rows: how many weeks are played.")
    ] = 1.0,
    database: Database = None,
    url: Url,
    json: Json = False,
) -> None:
    """The segments that explain what has drifted, in each model's latest closed window.

    With --replay: the A/A ledger. Exit status 1 if there were surely more false incidents than promised.
    """
    if replayed is not None:
        source = replay.Source(url, database, start, end)
        held = replay.of_file(replayed, rows, exclude or (), weeks) if rows else None
        replay.tell(replayed, source, held, json=json)
        return
    if rows or exclude or database:
        raise typer.BadParameter("--rows, --exclude and --database go with --replay", param_hint="--replay")
    with Client(url) as client:
        within = None if segment is None else Segment.parse(segment)
        filters: dict[str, Filter] = {"model": model, "from": start, "to": end}
        if within is not None:
            filters["model"] = within["model"]
        latest = client.evaluations(**filters, segment=segment, measure="drift", limit=1).items
        if segments and latest and not (start or end):
            filters["from"] = latest[0].window_start
        if segments:
            found = client.evaluations(**filters, measure="drift", limit=10_000).items
        else:
            found = client.findings(**filters).items
        if within is not None:
            found = tuple(each for each in found if within.contains(Segment.parse(each.segment)))
        known = () if latest else [each.model for each in client.models().items]
    if json:
        print_json(list(found))
        return
    whole = [evaluation for evaluation in found if evaluation.feature is None]
    if not latest:
        typer.echo(_nothing_judged(model, known))
    elif not whole:
        typer.echo(_nothing_found(latest[0]))
    else:
        _show(whole, with_verdicts=segments)


def _moved(evaluation: Evaluation) -> str:
    """The feature that has moved furthest, and how many have."""
    moved = (evaluation.details or {}).get("moved", ())
    if not moved:
        return "–"
    return str(moved[0]) if len(moved) == 1 else f"{moved[0]} and {len(moved) - 1} more"


def _nothing_judged(model: str | None, known: Sequence[str]) -> str:
    """Why there is not even a verdict, by the models that have sent anything."""
    if model is not None and known and model not in known:
        return f"Nothing was sent of {model!r}; there is something of {', '.join(sorted(known))}."
    return (
        "Nothing has been evaluated yet: a window is judged once it is closed,"
        " and a model needs a reference (driftline reference list)."
    )


def _nothing_found(whole: Evaluation) -> str:
    """What there is to say of a window without a finding, by the verdict on the whole model."""
    when = f"in the window that ended at {clock(whole.window_end)} UTC"
    if whole.verdict == "stable":
        return f"No drift {when}: {whole.segment} is stable."
    return f"No verdict on {whole.segment} {when}: {whole.verdict}, {whole.reason}."


def _show(found: Sequence[Evaluation], *, with_verdicts: bool) -> None:
    """A row for each; what is found has drifted, so that only among all segments a verdict says something."""
    verdict = ("verdict",) if with_verdicts else ()
    right = ("PSI", "at least", "q", "n", "coverage")
    shown = table("segment", *verdict, "moved", *right, "since (UTC)", "window ends (UTC)", right=right)
    for evaluation in found:
        coverage = "–" if evaluation.coverage is None else f"{evaluation.coverage:.0%}"
        shown.add_row(
            evaluation.segment,
            *((evaluation.verdict or "–",) if with_verdicts else ()),
            _moved(evaluation),
            number(evaluation.value),
            number(evaluation.lower),
            "< 1e-300" if evaluation.q == 0 else number(evaluation.q, 2),
            "–" if evaluation.n is None else f"{evaluation.n:,.0f}",
            coverage,
            clock(evaluation.since),
            clock(evaluation.window_end),
        )
    console().print(shown)
